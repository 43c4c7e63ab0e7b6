use super::*;
use crate::report::document::Point;

fn chart(shape: Shape, series: &[&[Option<f64>]]) -> Chart {
    let labels = series.first().map_or(0, |points| points.len());
    Chart {
        key: "topics".into(),
        caption: "Mövzular".into(),
        shape,
        labels: (0..labels).map(|label| format!("Mövzu {label}")).collect(),
        series: series
            .iter()
            .enumerate()
            .map(|(number, points)| Series {
                name: format!("Sıra {number}"),
                points: points
                    .iter()
                    .map(|value| Point {
                        value: *value,
                        text: value.map_or("–".into(), |value| format!("{value}")),
                    })
                    .collect(),
            })
            .collect(),
    }
}

fn fields(picture: &Picture) -> Vec<(f32, f32, &str)> {
    let found = picture.marks.iter().filter_map(|mark| match mark {
        Mark::Field {
            width,
            height,
            tells: Some(tells),
            ..
        } => Some((*width, *height, tells.as_str())),
        _ => None,
    });
    found.collect()
}

#[test]
fn bars_are_as_long_as_their_values_are_great() {
    let chart = chart(Shape::Bars, &[&[Some(100.0), Some(50.0), Some(0.0), None]]);
    let picture = draw(&chart, &Letters::new(), 400.0);
    let bars = fields(&picture);
    assert_eq!(bars.len(), 4);
    assert!((bars[0].0 - 2.0 * bars[1].0).abs() < 0.01, "{bars:?}");
    assert_eq!((bars[2].0, bars[3].0), (0.0, 0.0));
    assert_eq!(bars[1].2, "Mövzu 1: 50");
    assert_eq!(bars[3].2, "Mövzu 3: –");
}

#[test]
fn everything_stays_on_the_picture_whatever_is_drawn() {
    let letters = Letters::new();
    let many: Vec<Option<f64>> = (0..120).map(|n| Some(f64::from(n) * 1_000.0)).collect();
    let none = [None, None];
    for shape in [Shape::Bars, Shape::Lines, Shape::Heat] {
        let all: [&[&[Option<f64>]]; 6] = [
            &[],
            &[&[]],
            &[&[Some(1.0)]],
            &[&none],
            &[&many, &many],
            &[&[Some(f64::NAN), Some(f64::INFINITY), Some(3.0)]],
        ];
        for series in all {
            let picture = draw(&chart(shape, series), &letters, 480.0);
            assert!(picture.height.is_finite());
            for mark in &picture.marks {
                let places = match mark {
                    Mark::Field {
                        x,
                        y,
                        width,
                        height,
                        ..
                    } => vec![(*x, *y), (x + width, y + height)],
                    Mark::Line { points, .. } => points.clone(),
                    Mark::Text { x, y, .. } => vec![(*x, *y)],
                };
                for (x, y) in places {
                    let within =
                        (-0.1..=480.1).contains(&x) && (-0.1..=picture.height + 0.1).contains(&y);
                    assert!(within, "{shape:?} {series:?}: {mark:?}");
                }
            }
        }
    }
}

#[test]
fn a_line_is_broken_where_nothing_is_known() {
    let points = [
        Some(1.0),
        Some(2.0),
        None,
        Some(3.0),
        Some(4.0),
        None,
        Some(5.0),
    ];
    let picture = draw(&chart(Shape::Lines, &[&points]), &Letters::new(), 400.0);
    let lines = picture
        .marks
        .iter()
        .filter(|mark| matches!(mark, Mark::Line { color, .. } if *color == Color::BLUE));
    assert_eq!(lines.count(), 2);
    assert_eq!(fields(&picture).len(), 5, "and each known point is marked");
}

#[test]
fn the_more_the_darker_and_nothing_is_pale() {
    let picture = draw(
        &chart(Shape::Heat, &[&[Some(0.0), Some(1.0), Some(9.0)]]),
        &Letters::new(),
        400.0,
    );
    let light = |mark: &Mark| match mark {
        Mark::Field { color, .. } => Some(u32::from(color.0) + u32::from(color.1)),
        _ => None,
    };
    let lights: Vec<u32> = picture.marks.iter().filter_map(light).collect();
    assert!(lights.is_sorted_by(|a, b| a > b), "{lights:?}");
}
