//! Charts as marks on a field: laid out once, and drawn alike on a page (PDF) and on a screen (SVG).
//!
//! Lengths are in points, from the upper left corner. Scales begin at zero: half as much is half as long. No chart
//! tells its values by colour or length alone: they stand beside it, and in the table below it.

mod bars;
mod heat;
mod lines;

use super::document::{Chart, Series, Shape};
use super::letters::{Letters, Weight};

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    /// How wide.
    pub width: f32,
    /// How high.
    pub height: f32,
    /// What is on it, the lowest first.
    pub marks: Vec<Mark>,
}

/// A colour: red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// Of running text.
    pub const INK: Self = Self(0x1d, 0x26, 0x2f);
    /// Of what is less important.
    pub const GREY: Self = Self(0x5b, 0x67, 0x73);
    /// Of thin lines.
    pub const RULE: Self = Self(0xc9, 0xd1, 0xd9);
    /// Of the paper.
    pub const PAPER: Self = Self(0xff, 0xff, 0xff);
    /// Of headings and of the first series.
    pub const BLUE: Self = Self(0x14, 0x54, 0x87);

    /// Between this colour and another one, at a part of the way from 0 to 1.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between two octets"
    )]
    fn towards(self, other: Self, part: f32) -> Self {
        let mix =
            |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * part).round() as u8;
        Self(
            mix(self.0, other.0),
            mix(self.1, other.1),
            mix(self.2, other.2),
        )
    }
}

/// Colours of series: they differ in lightness too, for who prints in grey or sees no colours.
const SERIES: [Color; 6] = [
    Color::BLUE,
    Color(0x8f, 0xb8, 0xd8),
    Color(0xd9, 0x8c, 0x3c),
    Color(0x4c, 0x6b, 0x3f),
    Color(0xb9, 0xc4, 0x9a),
    Color(0x7a, 0x4e, 0x7e),
];

/// The size of letters in pictures.
const LETTER: f32 = 8.0;
/// What a text may be wider where other letters than ours draw it.
const RESERVE: f32 = 1.12;

/// Which end of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// Something on a picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A filled rectangle.
    Field {
        /// Its left side.
        x: f32,
        /// Its upper side.
        y: f32,
        /// How wide.
        width: f32,
        /// How high.
        height: f32,
        /// Its colour.
        color: Color,
        /// What it tells, for who points at it: "Legal: 99".
        tells: Option<String>,
    },
    /// A line from point to point.
    Line {
        /// The points.
        points: Vec<(f32, f32)>,
        /// How thick.
        thickness: f32,
        /// Its colour.
        color: Color,
    },
    /// A line of text.
    Text {
        /// Where its anchor is.
        x: f32,
        /// Where its letters stand.
        y: f32,
        /// How large.
        size: f32,
        /// How strong.
        weight: Weight,
        /// Which end is at `x`.
        anchor: Anchor,
        /// Its colour.
        color: Color,
        /// What it says.
        text: String,
    },
}

/// Lays a chart out, `width` points wide.
pub fn draw(chart: &Chart, letters: &Letters, width: f32) -> Picture {
    let mut canvas = Canvas {
        letters,
        picture: Picture {
            width,
            ..Picture::default()
        },
    };
    match chart.shape {
        Shape::Bars => bars::draw(chart, &mut canvas),
        Shape::Lines => lines::draw(chart, &mut canvas),
        Shape::Heat => heat::draw(chart, &mut canvas),
    }
    canvas.picture
}

/// A picture that is being made.
struct Canvas<'a> {
    letters: &'a Letters,
    picture: Picture,
}

impl Canvas<'_> {
    fn width_of(&self, text: &str, size: f32) -> f32 {
        self.letters.width(text, Weight::Regular, size) * RESERVE
    }

    fn field(
        &mut self,
        (x, y): (f32, f32),
        (width, height): (f32, f32),
        color: Color,
    ) -> &mut Mark {
        self.picture.marks.push(Mark::Field {
            x,
            y,
            width,
            height,
            color,
            tells: None,
        });
        let last = self.picture.marks.len() - 1;
        &mut self.picture.marks[last]
    }

    fn telling(&mut self, at: (f32, f32), size: (f32, f32), color: Color, text: String) {
        if let Mark::Field { tells, .. } = self.field(at, size, color) {
            *tells = Some(text);
        }
    }

    fn line(&mut self, points: Vec<(f32, f32)>, thickness: f32, color: Color) {
        self.picture.marks.push(Mark::Line {
            points,
            thickness,
            color,
        });
    }

    fn text(
        &mut self,
        (x, y): (f32, f32),
        size: f32,
        anchor: Anchor,
        color: Color,
        text: impl Into<String>,
    ) {
        self.picture.marks.push(Mark::Text {
            x,
            y,
            size,
            weight: Weight::Regular,
            anchor,
            color,
            text: text.into(),
        });
    }

    /// What the colours mean, where there are several; tells where it ends.
    fn legend(&mut self, series: &[Series]) -> f32 {
        if series.len() < 2 {
            return 0.0;
        }
        let (mut x, mut y) = (0.0, LETTER);
        for (number, one) in series.iter().enumerate() {
            let wide = 14.0 + self.width_of(&one.name, LETTER) + 14.0;
            if x > 0.0 && x + wide > self.picture.width {
                x = 0.0;
                y += LETTER * 1.5;
            }
            self.field((x, y - 7.0), (9.0, 8.0), color_of(number));
            let name = one.name.clone();
            self.text((x + 13.0, y), LETTER, Anchor::Start, Color::INK, name);
            x += wide;
        }
        y + LETTER
    }
}

fn color_of(series: usize) -> Color {
    SERIES[series % SERIES.len()]
}

/// The greatest value; `None`: there is none above zero.
fn greatest(chart: &Chart) -> Option<f64> {
    let points = chart.series.iter().flat_map(|one| &one.points);
    let values = points.filter_map(|point| point.value);
    let values = values.filter(|value| value.is_finite());
    let most = values.fold(0.0, f64::max);
    (most > 0.0).then_some(most)
}

/// Which part of the greatest value a value is, from 0 to 1.
#[allow(clippy::cast_possible_truncation, reason = "a place on paper")]
fn part(value: Option<f64>, most: Option<f64>) -> f32 {
    match (value, most) {
        (Some(value), Some(most)) if value.is_finite() => (value / most).clamp(0.0, 1.0) as f32,
        _ => 0.0,
    }
}

/// What a point tells beside its chart.
fn tells(chart: &Chart, series: &Series, label: usize) -> String {
    let name = chart.labels.get(label).map_or("", String::as_str);
    let text = series.points.get(label).map_or("–", |point| &point.text);
    match chart.series.len() {
        1 => format!("{name}: {text}"),
        _ => format!("{name}, {}: {text}", series.name),
    }
}

/// The number of something as a place on paper.
#[allow(clippy::cast_precision_loss, reason = "a place on paper")]
fn count(number: usize) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests;
