//! A field of squares, the darker the more; where its text fits, it stands in the square.

use super::{Anchor, Canvas, Color, LETTER, count, greatest, part, tells};
use crate::report::document::Chart;

/// How high a square is, and how wide at most.
const HIGH: f32 = 16.0;
const WIDE: f32 = 40.0;
/// The letters in the squares and above them.
const SMALL: f32 = 6.5;
/// The least that is not nothing, and the most.
const LIGHT: Color = Color(0xe6, 0xf0, 0xf8);
const DARK: Color = Color(0x0c, 0x3c, 0x66);

pub(super) fn draw(chart: &Chart, canvas: &mut Canvas<'_>) {
    let names = chart
        .series
        .iter()
        .map(|row| canvas.width_of(&row.name, LETTER));
    let left = names.fold(0.0, f32::max).min(canvas.picture.width * 0.35) + 6.0;
    let columns = count(chart.labels.len().max(1));
    let wide = ((canvas.picture.width - left) / columns).min(WIDE);
    let top = SMALL * 1.6;
    let mut free = f32::MIN;
    for (label, name) in chart.labels.iter().enumerate() {
        let (x, half) = (
            left + wide * (count(label) + 0.5),
            canvas.width_of(name, SMALL) / 2.0,
        );
        if x - half > free {
            canvas.text((x, SMALL), SMALL, Anchor::Middle, Color::GREY, name.clone());
            free = x + half + 1.0;
        }
    }
    let most = greatest(chart);
    for (number, row) in chart.series.iter().enumerate() {
        let y = top + HIGH * count(number);
        let place = (left - 6.0, y + HIGH / 2.0 + LETTER * 0.36);
        canvas.text(place, LETTER, Anchor::End, Color::INK, row.name.clone());
        for (label, point) in row.points.iter().enumerate().take(chart.labels.len()) {
            let x = left + wide * count(label);
            let part = part(point.value, most);
            let color = match part > 0.0 {
                true => LIGHT.towards(DARK, part),
                false => Color(0xf6, 0xf7, 0xf8),
            };
            let told = tells(chart, row, label);
            canvas.telling((x + 0.4, y + 0.4), (wide - 0.8, HIGH - 0.8), color, told);
            if canvas.width_of(&point.text, SMALL) <= wide - 1.0 {
                let ink = match part {
                    part if part > 0.45 => Color::PAPER,
                    part if part > 0.0 => Color::INK,
                    _ => Color(0x8a, 0x94, 0x9e),
                };
                let place = (x + wide / 2.0, y + HIGH / 2.0 + SMALL * 0.36);
                canvas.text(place, SMALL, Anchor::Middle, ink, point.text.clone());
            }
        }
    }
    canvas.picture.height = top + HIGH * count(chart.series.len()) + 2.0;
}
