//! Tables: columns as wide as they need to be, heads again on each page, rows that stay whole.

use super::layout::{BOTTOM, Layout, MARGIN, Role, TOP, WIDTH};
use crate::report::document::{Kind, Row, Table};
use crate::report::letters::{Letters, Weight};
use crate::report::picture::{Anchor, Color, Mark};

/// The sizes of letters, tried from the first on.
const SIZES: [f32; 5] = [9.0, 8.0, 7.25, 6.5, 5.75];
/// Left and right of a text, in parts of the size.
const PADDING: f32 = 0.5;
/// From line to line, and above and below a row, in parts of the size.
const LEADING: f32 = 1.3;
const ROOM: f32 = 0.34;
/// How far a row of a depth stands to the right, in parts of the size.
const INDENT: f32 = 1.3;
/// The narrowest column of words, in parts of the size.
const WORDS: f32 = 9.0;
/// The most of the line that words take where there are numbers beside them.
const SHARE: f32 = 0.55;
/// The most lines of a row; a longer one goes on in another.
const LINES: usize = 40;

/// A narrow table of more rows than these stands in several stacks, as columns of a newspaper do.
const LONG: usize = 12;
/// The most stacks, and the room between them.
const STACKS: usize = 4;
const BETWEEN: f32 = 22.0;

/// Some columns of a table, as they stand beside each other.
struct Grid<'a> {
    table: &'a Table,
    /// Which columns, and how wide each is.
    columns: Vec<(usize, f32)>,
    size: f32,
    /// How far to the right of the margin it stands.
    left: f32,
}

/// Puts a table on the pages; one that is too wide is parted, with the names of the rows again.
pub(super) fn put(layout: &mut Layout<'_>, table: &Table) {
    for mut grid in grids(layout.letters, table) {
        grid.put(layout);
        layout.y += 12.0;
    }
}

fn grids<'a>(letters: &Letters, table: &'a Table) -> Vec<Grid<'a>> {
    let all: Vec<usize> = (0..table.columns.len()).collect();
    let fitting = SIZES
        .iter()
        .find_map(|size| grid(letters, table, &all, *size));
    if let Some(grid) = fitting {
        return vec![grid];
    }
    let Some((first, mut rest)) = all.split_first() else {
        return Vec::new();
    };
    let size = SIZES[3];
    let mut grids = Vec::new();
    while !rest.is_empty() {
        let with = |count: usize| [&[*first], &rest[..count]].concat();
        let fits = (1..=rest.len())
            .take_while(|count| grid(letters, table, &with(*count), size).is_some());
        let count = fits.last().unwrap_or(1);
        let columns = with(count);
        grids.push(match grid(letters, table, &columns, size) {
            Some(grid) => grid,
            // Not even one column has room: its words break anywhere.
            None => even(table, &columns, size),
        });
        rest = &rest[count..];
    }
    grids
}

fn even<'a>(table: &'a Table, columns: &[usize], size: f32) -> Grid<'a> {
    #[allow(clippy::cast_precision_loss, reason = "a width on paper")]
    let width = WIDTH / columns.len() as f32;
    Grid {
        table,
        columns: columns.iter().map(|column| (*column, width)).collect(),
        size,
        left: 0.0,
    }
}

/// The columns at a size; `None`: they have no room.
fn grid<'a>(letters: &Letters, table: &'a Table, columns: &[usize], size: f32) -> Option<Grid<'a>> {
    let padding = 2.0 * PADDING * size;
    let numbers = columns
        .iter()
        .any(|column| table.columns[*column].kind != Kind::Text);
    let mut widths: Vec<(usize, f32)> = Vec::new();
    // What words have in excess of the narrowest, by which the room that is left is parted.
    let mut wishes = Vec::new();
    for column in columns {
        let head = &table.columns[*column];
        let word = longest_word(letters, &head.heading, size);
        let widest = widest(letters, table, *column, size);
        if head.kind == Kind::Text {
            let widest = widest.max(letters.width(&head.heading, Weight::Strong, size));
            let least = widest.min(WORDS * size).max(word);
            wishes.push(widest - least);
            widths.push((*column, least + padding));
        } else {
            wishes.push(0.0);
            widths.push((*column, widest.max(word) + padding));
        }
    }
    let used: f32 = widths.iter().map(|(_, width)| width).sum();
    let left = WIDTH - used;
    if left < -0.01 {
        return None;
    }
    let wished: f32 = wishes.iter().sum();
    let most = if numbers {
        (WIDTH * SHARE).max(used)
    } else {
        WIDTH
    };
    for ((_, width), wish) in widths.iter_mut().zip(&wishes) {
        if wished > 0.0 {
            *width += (wish / wished * left.min(wished)).min(most);
        }
    }
    // What is still left makes numbers easier to read, but does not tear them apart.
    let used: f32 = widths.iter().map(|(_, width)| width).sum();
    #[allow(clippy::cast_precision_loss, reason = "a width on paper")]
    let more = ((WIDTH - used) / columns.len().max(1) as f32).clamp(0.0, 1.8 * size);
    for (_, width) in &mut widths {
        *width += more;
    }
    Some(Grid {
        table,
        columns: widths,
        size,
        left: 0.0,
    })
}

fn widest(letters: &Letters, table: &Table, column: usize, size: f32) -> f32 {
    let rows = table.rows.iter().filter_map(|row| {
        let text = &row.cells.get(column)?.text;
        Some(indent(row, column, size) + letters.width(text, weight(row), size))
    });
    rows.fold(0.0, f32::max)
}

fn longest_word(letters: &Letters, text: &str, size: f32) -> f32 {
    let words = text.split([' ', '\n']);
    words
        .map(|word| letters.width(word, Weight::Strong, size))
        .fold(0.0, f32::max)
}

fn weight(row: &Row) -> Weight {
    match row.is_total {
        true => Weight::Strong,
        false => Weight::Regular,
    }
}

fn indent(row: &Row, column: usize, size: f32) -> f32 {
    match column {
        0 => f32::from(row.depth) * INDENT * size,
        _ => 0.0,
    }
}

impl Grid<'_> {
    fn width(&self) -> f32 {
        self.columns.iter().map(|(_, width)| width).sum()
    }

    fn put(&mut self, layout: &mut Layout<'_>) {
        let table = layout.role(Role::Table, None);
        let head = layout.role(Role::Head, Some(table));
        let head = layout.role(Role::Row, Some(head));
        let columns = self.columns.iter();
        let names = columns.map(|_| layout.role(Role::ColumnName, Some(head)));
        let mut names: Option<Vec<usize>> = Some(names.collect());
        let body = layout.role(Role::Body, Some(table));
        let lines = self.head(layout.letters);
        let high = self.height(&lines);
        layout.need(high + 3.0 * self.size * (LEADING + 2.0 * ROOM));
        let rows = &self.table.rows;
        let stacks = self.stacks(layout.letters);
        if stacks == 1 {
            self.heads(layout, &lines, names.as_deref());
            return rows
                .iter()
                .for_each(|row| self.whole(layout, row, body, &lines));
        }
        // Pages are turned between rows of stacks, never within one.
        let row = self.size * (LEADING + 2.0 * ROOM);
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "rows of a page"
            )]
            let room = (((BOTTOM - layout.y - high) / row) as usize).max(1);
            let each = rest.len().div_ceil(stacks).min(room);
            let (top, mut lowest) = (layout.y, layout.y);
            for stack in rest.chunks(each).take(stacks) {
                layout.y = top;
                self.heads(layout, &lines, names.take().as_deref());
                stack
                    .iter()
                    .for_each(|row| self.whole(layout, row, body, &lines));
                lowest = lowest.max(layout.y);
                self.left += self.width() + BETWEEN;
            }
            self.left = 0.0;
            layout.y = lowest;
            rest = &rest[rest.len().min(each * stacks)..];
            if !rest.is_empty() {
                layout.turn();
            }
        }
    }

    /// How many stacks its rows stand in: of those that are a line high, as many as have room.
    fn stacks(&self, letters: &Letters) -> usize {
        let fits = (1..=STACKS).take_while(|count| {
            #[allow(clippy::cast_precision_loss, reason = "at most four")]
            let count = *count as f32;
            count * self.width() + (count - 1.0) * BETWEEN <= WIDTH
        });
        let rows = &self.table.rows;
        let plain = || {
            rows.iter()
                .all(|row| !self.lines(letters, row).iter().any(|lines| lines.len() > 1))
        };
        match rows.len() > LONG && plain() {
            true => fits.last().unwrap_or(1),
            false => 1,
        }
    }

    /// A row, on as many pages as it needs.
    fn whole(&self, layout: &mut Layout<'_>, row: &Row, body: usize, heads: &[Vec<String>]) {
        let mut rest = self.lines(layout.letters, row);
        let role = layout.role(Role::Row, Some(body));
        let cells = self.columns.iter().map(|(column, _)| {
            let name = *column == 0 && self.table.columns[*column].kind == Kind::Text;
            let kind = if name { Role::RowName } else { Role::Cell };
            layout.role(kind, Some(role))
        });
        let cells: Vec<usize> = cells.collect();
        while rest.iter().any(|lines| !lines.is_empty()) {
            let piece: Vec<Vec<String>> = rest
                .iter_mut()
                .map(|lines| lines.drain(..lines.len().min(LINES)).collect())
                .collect();
            if !layout.has_room(self.height(&piece)) && layout.y > TOP + self.height(heads) + 1.0 {
                layout.turn();
                // Whoever hears the table has heard its heads already.
                self.heads(layout, heads, None);
            }
            self.row(layout, row, &piece, &cells);
        }
    }

    /// The lines of the heads.
    fn head(&self, letters: &Letters) -> Vec<Vec<String>> {
        let columns = self.columns.iter().map(|(column, width)| {
            let width = width - 2.0 * PADDING * self.size + 0.01;
            letters.lines(
                &self.table.columns[*column].heading,
                Weight::Strong,
                self.size,
                width,
            )
        });
        columns.collect()
    }

    /// The lines of each cell of a row.
    fn lines(&self, letters: &Letters, row: &Row) -> Vec<Vec<String>> {
        let columns = self.columns.iter().map(|(column, width)| {
            let width = width - 2.0 * PADDING * self.size - indent(row, *column, self.size) + 0.01;
            let text = row.cells.get(*column).map_or("", |cell| cell.text.as_str());
            letters.lines(text, weight(row), self.size, width.max(self.size))
        });
        columns.collect()
    }

    #[allow(clippy::cast_precision_loss, reason = "a height on paper")]
    fn height(&self, lines: &[Vec<String>]) -> f32 {
        let most = lines.iter().map(Vec::len).max().unwrap_or(1).max(1);
        (most as f32 * LEADING + 2.0 * ROOM) * self.size
    }

    fn heads(&self, layout: &mut Layout<'_>, lines: &[Vec<String>], roles: Option<&[usize]>) {
        let high = self.height(lines);
        for (number, texts) in lines.iter().enumerate() {
            // Heads stand on the line below them.
            let free = high - self.height(std::slice::from_ref(texts));
            let role = roles.and_then(|roles| roles.get(number).copied());
            self.cell(layout, number, texts, (free, 0.0), Weight::Strong, role);
        }
        layout.y += high;
        self.rule(layout, 1.0, Color::BLUE);
    }

    fn row(&self, layout: &mut Layout<'_>, row: &Row, lines: &[Vec<String>], roles: &[usize]) {
        if row.is_total {
            self.rule(layout, 0.7, Color::BLUE);
        }
        for (number, texts) in lines.iter().enumerate() {
            let indent = indent(row, self.columns[number].0, self.size);
            let role = roles.get(number).copied();
            self.cell(layout, number, texts, (0.0, indent), weight(row), role);
        }
        layout.y = (layout.y + self.height(lines)).min(BOTTOM);
        self.rule(layout, 0.4, Color::RULE);
    }

    fn cell(
        &self,
        layout: &mut Layout<'_>,
        number: usize,
        lines: &[String],
        (down, indent): (f32, f32),
        weight: Weight,
        role: Option<usize>,
    ) {
        let before: f32 = self.columns[..number].iter().map(|(_, width)| width).sum();
        let (column, width) = self.columns[number];
        let (x, anchor) = match self.table.columns[column].kind {
            // The first column begins where all else on the page does; a day in it is the name of its row.
            Kind::Text | Kind::Date if number == 0 => (before + indent, Anchor::Start),
            Kind::Text => (before + indent + PADDING * self.size, Anchor::Start),
            _ => (before + width - PADDING * self.size, Anchor::End),
        };
        let mut y = layout.y + down + ROOM * self.size + self.size * 1.02;
        for (at, line) in lines.iter().enumerate() {
            // Words of two lines are two words when they are copied.
            let goes_on = at + 1 < lines.len() && anchor == Anchor::Start;
            let mark = Mark::Text {
                x: MARGIN + self.left + x,
                y,
                size: self.size,
                weight,
                anchor,
                color: Color::INK,
                text: if goes_on {
                    format!("{line} ")
                } else {
                    line.clone()
                },
            };
            layout.put(role, mark);
            y += LEADING * self.size;
        }
    }

    fn rule(&self, layout: &mut Layout<'_>, thickness: f32, color: Color) {
        let left = MARGIN + self.left;
        let points = vec![(left, layout.y), (left + self.width(), layout.y)];
        layout.put(
            None,
            Mark::Line {
                points,
                thickness,
                color,
            },
        );
    }
}
