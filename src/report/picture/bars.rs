//! Bars from left to right, their names before them and their values behind them.

use super::{Anchor, Canvas, Color, LETTER, color_of, count, greatest, part, tells};
use crate::report::document::Chart;
use crate::report::letters::Weight;

/// How much of the picture names may take.
const NAMES: f32 = 0.4;
/// How thick a bar is.
const BAR: f32 = 10.0;
/// From a bar to its value.
const GAP: f32 = 4.0;
/// From line to line of a name.
const LEADING: f32 = LETTER * 1.2;

pub(super) fn draw(chart: &Chart, canvas: &mut Canvas<'_>) {
    let top = canvas.legend(&chart.series);
    let widest = chart
        .labels
        .iter()
        .map(|name| canvas.width_of(name, LETTER));
    let names = widest.fold(0.0, f32::max).min(canvas.picture.width * NAMES);
    let points = chart.series.iter().flat_map(|series| &series.points);
    let values = points.map(|point| canvas.width_of(&point.text, LETTER));
    let values = values.fold(0.0, f32::max);
    let left = names + 2.0 * GAP;
    let longest = (canvas.picture.width - left - values - GAP).max(1.0);
    let bar = if chart.series.len() > 1 {
        BAR * 0.9
    } else {
        BAR
    };
    let most = greatest(chart);
    let mut y = top;
    for (label, name) in chart.labels.iter().enumerate() {
        let lines =
            canvas
                .letters
                .lines(name, Weight::Regular, LETTER, names / super::RESERVE + 0.5);
        let bars = count(chart.series.len()) * bar;
        let text = count(lines.len()) * LEADING;
        let high = bars.max(text);
        for (number, line) in lines.into_iter().enumerate() {
            let y = y + (high - text) / 2.0 + LETTER + count(number) * LEADING;
            canvas.text((left - 2.0 * GAP, y), LETTER, Anchor::End, Color::INK, line);
        }
        let above = y + (high - bars) / 2.0;
        for (number, series) in chart.series.iter().enumerate() {
            let Some(point) = series.points.get(label) else {
                continue;
            };
            let y = above + count(number) * bar;
            let length = longest * part(point.value, most);
            let told = tells(chart, series, label);
            canvas.telling((left, y + 0.5), (length, bar - 1.0), color_of(number), told);
            let place = (left + length + GAP, y + bar / 2.0 + LETTER * 0.36);
            canvas.text(place, LETTER, Anchor::Start, Color::INK, point.text.clone());
        }
        y += high + if chart.series.len() > 1 { 5.0 } else { 4.0 };
    }
    let axis = vec![(left, top), (left, y)];
    canvas.line(axis, 0.8, Color::GREY);
    canvas.picture.height = y + 2.0;
}
