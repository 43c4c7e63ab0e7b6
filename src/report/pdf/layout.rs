//! What stands where: parts flow down the pages, headings stay with what they head, and each page has its foot.

use super::table;
use crate::report::document::{Chart, Document, Part, Section};
use crate::report::letters::{Letters, Weight};
use crate::report::picture::{self, Anchor, Color, Mark};

/// A4 in points.
pub(super) const PAGE: (f32, f32) = (595.276, 841.89);
/// Left and right.
pub(super) const MARGIN: f32 = 54.0;
/// How wide a line may be.
pub(super) const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;
/// Where a page begins and ends.
pub(super) const TOP: f32 = 58.0;
pub(super) const BOTTOM: f32 = PAGE.1 - 62.0;
/// What must have room below a heading.
const COMPANY: f32 = 90.0;

/// Finished pages.
pub(super) struct Layout<'a> {
    pub(super) letters: &'a Letters,
    pub(super) sheets: Vec<Sheet>,
    /// Each heading with its page and its height on it.
    pub(super) headings: Vec<(String, usize, f32)>,
    pub(super) roles: Vec<Place>,
    /// Where the next part begins.
    pub(super) y: f32,
}

/// A page: marks in groups of one role each; without one they are ornament.
#[derive(Default)]
pub(super) struct Sheet {
    pub(super) groups: Vec<(Option<usize>, Vec<Mark>)>,
}

/// A role with its place among others.
pub(super) struct Place {
    pub(super) kind: Role,
    pub(super) above: Option<usize>,
    pub(super) below: Vec<usize>,
}

/// What something is to a reader.
pub(super) enum Role {
    Title,
    Heading,
    Paragraph,
    Table,
    Head,
    Body,
    Row,
    ColumnName,
    RowName,
    Cell,
    /// A picture, and what it shows.
    Figure(String),
}

/// How a paragraph looks.
#[derive(Clone, Copy)]
struct Style {
    size: f32,
    /// From line to line.
    leading: f32,
    weight: Weight,
    color: Color,
    /// Room below it.
    after: f32,
}

const TITLE: Style = Style {
    size: 18.0,
    leading: 23.0,
    weight: Weight::Strong,
    color: Color::BLUE,
    after: 3.0,
};
const PERIOD: Style = Style {
    size: 12.5,
    leading: 16.0,
    weight: Weight::Regular,
    color: Color::GREY,
    after: 8.0,
};
const HEADING: Style = Style {
    size: 14.0,
    leading: 18.0,
    weight: Weight::Strong,
    color: Color::BLUE,
    after: 6.0,
};
const CAPTION: Style = Style {
    size: 9.5,
    leading: 13.0,
    weight: Weight::Strong,
    color: Color::INK,
    after: 3.0,
};
const TEXT: Style = Style {
    size: 10.0,
    leading: 14.5,
    weight: Weight::Regular,
    color: Color::INK,
    after: 7.0,
};
const NOTE: Style = Style {
    size: 8.0,
    leading: 11.0,
    weight: Weight::Regular,
    color: Color::GREY,
    after: 5.0,
};
/// The size of letters in heads and feet of pages.
const FOOT: f32 = 7.5;

/// All pages of a document.
pub(super) fn of<'a>(document: &Document, letters: &'a Letters) -> Layout<'a> {
    let mut layout = Layout {
        letters,
        sheets: vec![Sheet::default()],
        headings: Vec::new(),
        roles: Vec::new(),
        y: TOP,
    };
    layout.paragraph(&document.title, TITLE, Role::Title);
    layout.paragraph(&document.period, PERIOD, Role::Paragraph);
    layout.rule(layout.y, 1.6, Color::BLUE);
    layout.y += 18.0;
    for section in &document.sections {
        layout.section(section);
    }
    layout.feet(document);
    layout
}

impl Layout<'_> {
    /// A new role; below another one, or beside all.
    pub(super) fn role(&mut self, kind: Role, above: Option<usize>) -> usize {
        let number = self.roles.len();
        self.roles.push(Place {
            kind,
            above,
            below: Vec::new(),
        });
        if let Some(above) = above {
            self.roles[above].below.push(number);
        }
        number
    }

    /// Puts a mark on the page.
    pub(super) fn put(&mut self, role: Option<usize>, mark: Mark) {
        let Some(sheet) = self.sheets.last_mut() else {
            return;
        };
        match sheet.groups.last_mut() {
            Some((last, marks)) if *last == role => marks.push(mark),
            _ => sheet.groups.push((role, vec![mark])),
        }
    }

    /// Whether so much has room on this page.
    pub(super) fn has_room(&self, height: f32) -> bool {
        self.y + height <= BOTTOM
    }

    /// Goes to the next page where there is no room for so much.
    pub(super) fn need(&mut self, height: f32) {
        if !self.has_room(height) && self.y > TOP {
            self.turn();
        }
    }

    /// Goes to the next page.
    pub(super) fn turn(&mut self) {
        self.sheets.push(Sheet::default());
        self.y = TOP;
    }

    /// A thin line from side to side.
    fn rule(&mut self, y: f32, thickness: f32, color: Color) {
        self.put(
            None,
            Mark::Line {
                points: vec![(MARGIN, y), (PAGE.0 - MARGIN, y)],
                thickness,
                color,
            },
        );
    }

    fn section(&mut self, section: &Section) {
        self.need(HEADING.leading + COMPANY);
        let place = (section.heading.clone(), self.sheets.len() - 1, self.y);
        self.headings.push(place);
        self.paragraph(&section.heading, HEADING, Role::Heading);
        for part in &section.parts {
            match part {
                Part::Text(text) => self.paragraph(text, TEXT, Role::Paragraph),
                Part::Note(text) => self.paragraph(text, NOTE, Role::Paragraph),
                Part::Chart(chart) => self.chart(chart),
                Part::Table(table) => {
                    if !table.caption.is_empty() {
                        self.need(COMPANY);
                        self.paragraph(&table.caption, CAPTION, Role::Paragraph);
                    }
                    table::put(self, table);
                }
            }
        }
        self.y += 12.0;
    }

    fn paragraph(&mut self, text: &str, style: Style, role: Role) {
        let role = self.role(role, None);
        let lines = self.letters.lines(text, style.weight, style.size, WIDTH);
        let count = lines.len();
        for (number, line) in lines.into_iter().enumerate() {
            // Neither the first line nor the last one stands alone on a page.
            let company = match (number, count) {
                (0, 2..) | (1.., _) if number + 2 == count || number == 0 => 2.0,
                _ => 1.0,
            };
            self.need(style.leading * company);
            self.y += style.leading;
            let mark = Mark::Text {
                x: MARGIN,
                y: self.y - (style.leading - style.size) / 2.0 - style.size * 0.2,
                size: style.size,
                weight: style.weight,
                anchor: Anchor::Start,
                color: style.color,
                // Words of two lines are two words when they are copied.
                text: if number + 1 < count { line + " " } else { line },
            };
            self.put(Some(role), mark);
        }
        self.y += style.after;
    }

    fn chart(&mut self, chart: &Chart) {
        let picture = picture::draw(chart, self.letters, WIDTH);
        let room = BOTTOM - TOP - CAPTION.leading - CAPTION.after - 10.0;
        let scale = (room / picture.height.max(1.0)).min(1.0);
        let height = picture.height * scale;
        self.need(height + CAPTION.leading + CAPTION.after);
        self.paragraph(&chart.caption, CAPTION, Role::Paragraph);
        let role = self.role(Role::Figure(chart.caption.clone()), None);
        for mark in picture.marks {
            let mark = placed(mark, scale, (MARGIN, self.y));
            self.put(Some(role), mark);
        }
        self.y += height + 12.0;
    }

    /// Heads and feet, when all pages are known.
    fn feet(&mut self, document: &Document) {
        let pages = self.sheets.len();
        for (number, sheet) in self.sheets.iter_mut().enumerate() {
            let text = |x, y, anchor, text: String| Mark::Text {
                x,
                y,
                size: FOOT,
                weight: Weight::Regular,
                anchor,
                color: Color::GREY,
                text,
            };
            let page = (number + 1).to_string();
            let page = document.page_of.replace("{page}", &page);
            let page = page.replace("{pages}", &pages.to_string());
            let y = PAGE.1 - 34.0;
            let mut marks = vec![
                text(MARGIN, y, Anchor::Start, document.footer.clone()),
                text(PAGE.0 - MARGIN, y, Anchor::End, page),
            ];
            if number > 0 {
                let head = format!("{} · {}", document.title, document.period);
                marks.push(text(MARGIN, 36.0, Anchor::Start, head));
            }
            sheet.groups.push((None, marks));
        }
    }
}

/// A mark of a picture, made smaller and put on its page.
fn placed(mark: Mark, scale: f32, (left, top): (f32, f32)) -> Mark {
    match mark {
        Mark::Field {
            x,
            y,
            width,
            height,
            color,
            tells,
        } => Mark::Field {
            x: left + x * scale,
            y: top + y * scale,
            width: width * scale,
            height: height * scale,
            color,
            tells,
        },
        Mark::Line {
            points,
            thickness,
            color,
        } => Mark::Line {
            points: points
                .into_iter()
                .map(|(x, y)| (left + x * scale, top + y * scale))
                .collect(),
            thickness: thickness * scale,
            color,
        },
        Mark::Text {
            x,
            y,
            size,
            weight,
            anchor,
            color,
            text,
        } => Mark::Text {
            x: left + x * scale,
            y: top + y * scale,
            size: size * scale,
            weight,
            anchor,
            color,
            text,
        },
    }
}
