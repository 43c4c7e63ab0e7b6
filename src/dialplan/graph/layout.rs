//! Where the boxes stand: columns by the longest way from where calls begin, in a column by the order in
//! which the column before leads there. An arrow that crosses a column has a place of its own in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Node, Piece};

/// Points of a letter, of a line, and around the words of a box.
const LETTER: usize = 7;
pub(super) const ROW: usize = 18;
pub(super) const TITLE: usize = 26;
const PADDING: usize = 12;
/// Between columns, and between boxes of a column.
pub(super) const GAP: usize = 130;
const SPACE: usize = 26;
/// What an arrow that passes by needs.
const LANE: usize = 16;
/// Around everything.
pub(super) const MARGIN: usize = 24;
/// For the heading.
const HEADING: usize = 30;

/// A box's place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) column: usize,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// An arrow: from a line of a box to another box, and its height in each column that it crosses.
#[derive(Debug)]
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) row: usize,
    pub(super) to: usize,
    pub(super) label: String,
    pub(super) through: Vec<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Layout {
    /// By box.
    pub(super) places: Vec<Place>,
    pub(super) arrows: Vec<Arrow>,
    /// Left edge and width of each column.
    pub(super) columns: Vec<(usize, usize)>,
    /// Below all boxes.
    pub(super) bottom: usize,
}

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Piece(usize),
    /// An arrow passes by.
    Lane(usize),
}

pub(super) fn place(pieces: &[Piece]) -> Layout {
    let index: BTreeMap<&Node, usize> = pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| (&piece.node, at))
        .collect();
    let mut arrows = Vec::new();
    for (from, piece) in pieces.iter().enumerate() {
        for (row, line) in piece.rows.iter().enumerate() {
            let to = line.to.as_ref().and_then(|to| index.get(to));
            if let Some(to) = to.copied() {
                let label = line.label.clone();
                let through = Vec::new();
                arrows.push(Arrow {
                    from,
                    row,
                    to,
                    label,
                    through,
                });
            }
        }
    }
    let depth = columns_of(pieces.len(), &arrows);
    let mut layout = Layout {
        places: pieces.iter().map(measure).collect(),
        arrows,
        ..Layout::default()
    };
    let count = depth.iter().max().map_or(0, |last| last + 1);
    let mut slots: Vec<Vec<Slot>> = vec![Vec::new(); count];
    for (piece, column) in depth.iter().enumerate() {
        if let Some(slots) = slots.get_mut(*column) {
            slots.push(Slot::Piece(piece));
        }
    }
    for (at, arrow) in layout.arrows.iter().enumerate() {
        let (from, to) = (depth.get(arrow.from), depth.get(arrow.to));
        let (from, to) = (from.copied().unwrap_or(0), to.copied().unwrap_or(0));
        for column in from + 1..to {
            if let Some(slots) = slots.get_mut(column) {
                slots.push(Slot::Lane(at));
            }
        }
    }
    layout.stand(&slots);
    layout
}

fn measure(piece: &Piece) -> Place {
    let longest = piece
        .rows
        .iter()
        .map(|row| row.text.chars().count() + 2 * usize::from(row.more));
    let longest = longest.chain([piece.title.chars().count() + 2]).max();
    Place {
        width: longest.unwrap_or(0) * LETTER + 2 * PADDING,
        height: TITLE + piece.rows.len() * ROW + PADDING / 2,
        ..Place::default()
    }
}

/// The longest way to each box from where calls begin, so that where many ways end stands at the right.
/// Arrows that lead back do not count; what no call comes to stands in the first column.
fn columns_of(count: usize, arrows: &[Arrow]) -> Vec<usize> {
    let mut ways: Vec<Vec<usize>> = vec![Vec::new(); count];
    for arrow in arrows {
        if let Some(ways) = ways.get_mut(arrow.from) {
            ways.push(arrow.to);
        }
    }
    let mut walk = Walk {
        ways: &ways,
        state: vec![State::New; count],
        done: Vec::new(),
        back: BTreeSet::new(),
    };
    walk.from(0);
    let mut depth = vec![0; count];
    for from in walk.done.into_iter().rev() {
        let below = depth.get(from).copied().unwrap_or(0) + 1;
        for to in ways.get(from).into_iter().flatten() {
            if !walk.back.contains(&(from, *to))
                && let Some(depth) = depth.get_mut(*to)
            {
                *depth = below.max(*depth);
            }
        }
    }
    depth
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

/// Depth first, without recursion: which arrows lead back, and the boxes in the order in which they end.
struct Walk<'a> {
    ways: &'a [Vec<usize>],
    state: Vec<State>,
    done: Vec<usize>,
    back: BTreeSet<(usize, usize)>,
}

impl Walk<'_> {
    fn from(&mut self, start: usize) {
        let mut stack = vec![(start, 0)];
        while let Some((piece, at)) = stack.pop() {
            self.set(piece, State::Open);
            let Some(next) = self.ways.get(piece).and_then(|ways| ways.get(at)).copied() else {
                self.set(piece, State::Done);
                self.done.push(piece);
                continue;
            };
            stack.push((piece, at + 1));
            match self.state.get(next) {
                Some(State::New) => stack.push((next, 0)),
                Some(State::Open) => {
                    self.back.insert((piece, next));
                }
                _ => {}
            }
        }
    }

    fn set(&mut self, piece: usize, to: State) {
        if let Some(state) = self.state.get_mut(piece) {
            *state = to;
        }
    }
}

impl Layout {
    /// Column by column: sorted by the middle of what leads there, then one below the other.
    fn stand(&mut self, slots: &[Vec<Slot>]) {
        let mut x = MARGIN;
        for (column, slots) in slots.iter().enumerate() {
            let mut slots: Vec<(usize, Slot)> = slots
                .iter()
                .map(|slot| (self.wish(*slot, column), *slot))
                .collect();
            slots.sort_by_key(|(wish, _)| *wish);
            let mut y = MARGIN + HEADING;
            let mut width = 0;
            for (wish, slot) in slots {
                match slot {
                    Slot::Piece(piece) => {
                        let Some(place) = self.places.get_mut(piece) else {
                            continue;
                        };
                        // Not above what leads there, if there is room.
                        y = y.max(wish.saturating_sub(TITLE));
                        (place.column, place.x, place.y) = (column, x, y);
                        y += place.height + SPACE;
                        width = width.max(place.width);
                    }
                    Slot::Lane(arrow) => {
                        y = y.max(wish.saturating_sub(LANE));
                        if let Some(arrow) = self.arrows.get_mut(arrow) {
                            arrow.through.push(y + LANE / 2);
                        }
                        y += LANE + SPACE / 2;
                    }
                }
            }
            self.columns.push((x, width));
            self.bottom = self.bottom.max(y);
            x += width + GAP;
        }
    }

    /// How high one would like to stand: at the first arrow that leads there from the left.
    fn wish(&self, slot: Slot, column: usize) -> usize {
        let from_left = |arrow: &&Arrow| {
            let from = self.places.get(arrow.from);
            from.is_some_and(|from| from.y > 0 && from.column < column)
        };
        match slot {
            Slot::Lane(arrow) => self.arrows.get(arrow).map_or(0, |arrow| self.leaves(arrow)),
            Slot::Piece(piece) => {
                let leads = self.arrows.iter().filter(|arrow| arrow.to == piece);
                let wish = leads
                    .filter(from_left)
                    .map(|arrow| self.leaves(arrow))
                    .min();
                wish.unwrap_or(usize::from(column == 0) * piece)
            }
        }
    }

    /// The height at which an arrow comes out of the column before.
    fn leaves(&self, arrow: &Arrow) -> usize {
        match arrow.through.last() {
            Some(y) => *y,
            None => self.row(arrow),
        }
    }

    /// The height of the line that an arrow begins at.
    pub(super) fn row(&self, arrow: &Arrow) -> usize {
        let from = self.places.get(arrow.from).copied().unwrap_or_default();
        from.y + TITLE + arrow.row * ROW + ROW / 2
    }
}
