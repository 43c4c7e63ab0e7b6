//! Lines over moments or lengths. The scale begins at zero and ends at the greatest value, whose text stands there: so
//! it is right in each language and unit.

use super::{Anchor, Canvas, Color, LETTER, color_of, count, greatest, part, tells};
use crate::report::document::{Chart, Series};

/// How high the field is.
const HIGH: f32 = 130.0;
/// The most points of a line that are marked one by one.
const MARKED: usize = 62;

pub(super) fn draw(chart: &Chart, canvas: &mut Canvas<'_>) {
    let top = canvas.legend(&chart.series) + LETTER;
    let most = greatest(chart);
    let points = chart.series.iter().flat_map(|series| &series.points);
    let peak = points.filter(|point| most.is_some() && point.value == most);
    let peak = peak.map(|point| point.text.clone()).next();
    let wide = peak
        .as_ref()
        .map_or(0.0, |text| canvas.width_of(text, LETTER));
    let (left, right) = (wide.max(12.0) + 6.0, canvas.picture.width - 8.0);
    let floor = top + HIGH;
    for quarter in 0..=4_u8 {
        let y = floor - HIGH * f32::from(quarter) / 4.0;
        let color = if quarter == 0 {
            Color::GREY
        } else {
            Color::RULE
        };
        canvas.line(vec![(left, y), (right, y)], 0.6, color);
    }
    let below = (left - 5.0, floor + LETTER * 0.36);
    canvas.text(below, LETTER, Anchor::End, Color::GREY, "0");
    if let Some(peak) = peak {
        let place = (left - 5.0, top + LETTER * 0.36);
        canvas.text(place, LETTER, Anchor::End, Color::GREY, peak);
    }
    let step = (right - left) / count(chart.labels.len().max(2) - 1);
    let place = |label: usize| left + step * count(label);
    for (number, series) in chart.series.iter().enumerate() {
        line(chart, series, number, canvas, |label| {
            let value = series.points.get(label)?.value?;
            Some((place(label), floor - HIGH * part(Some(value), most)))
        });
    }
    names(chart, canvas, floor + LETTER * 1.6, place);
    canvas.picture.height = floor + LETTER * 2.2;
}

/// A line, broken where nothing is known.
fn line(
    chart: &Chart,
    series: &Series,
    number: usize,
    canvas: &mut Canvas<'_>,
    place: impl Fn(usize) -> Option<(f32, f32)>,
) {
    let mut piece = Vec::new();
    for label in 0..=chart.labels.len() {
        match place(label).filter(|_| label < chart.labels.len()) {
            Some(point) => piece.push(point),
            None if piece.len() > 1 => {
                canvas.line(std::mem::take(&mut piece), 1.6, color_of(number))
            }
            None => piece.clear(),
        }
    }
    let labels = 0..chart.labels.len();
    for label in labels.filter(|_| chart.labels.len() <= MARKED) {
        if let Some((x, y)) = place(label) {
            let told = tells(chart, series, label);
            canvas.telling((x - 1.7, y - 1.7), (3.4, 3.4), color_of(number), told);
        }
    }
}

/// As many names below the line as there is room for, the first one among them.
fn names(chart: &Chart, canvas: &mut Canvas<'_>, y: f32, place: impl Fn(usize) -> f32) {
    let mut free = f32::MIN;
    for (label, name) in chart.labels.iter().enumerate() {
        let half = canvas.width_of(name, LETTER) / 2.0;
        let x = place(label).clamp(half, (canvas.picture.width - half).max(half));
        if x - half > free {
            canvas.text((x, y), LETTER, Anchor::Middle, Color::INK, name.clone());
            free = x + half + 5.0;
        }
    }
}
