//! A picture as SVG, to stand in a page.

use std::fmt::Write;

use crate::report::letters::Weight;
use crate::report::picture::{Anchor, Color, Mark, Picture};

/// The picture; `title` is what it shows, for who cannot see it.
pub(super) fn write(picture: &Picture, title: &str) -> String {
    let mut svg = String::new();
    let title = escaped(title);
    let (width, height) = (picture.width, picture.height);
    // Writing to a text cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" role=\"img\" aria-label=\"{title}\">"
    );
    for mark in &picture.marks {
        svg.push('\n');
        draw(&mut svg, mark);
    }
    svg.push_str("\n</svg>");
    svg
}

fn draw(svg: &mut String, mark: &Mark) {
    let _ = match mark {
        Mark::Field {
            x,
            y,
            width,
            height,
            color,
            tells,
        } => {
            let place =
                format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"");
            let fill = hex(*color);
            match tells {
                Some(tells) => {
                    let tells = escaped(tells);
                    write!(
                        svg,
                        "<rect {place} fill=\"{fill}\"><title>{tells}</title></rect>"
                    )
                }
                None => write!(svg, "<rect {place} fill=\"{fill}\"/>"),
            }
        }
        Mark::Line {
            points,
            thickness,
            color,
        } => {
            let points = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
            let points: Vec<String> = points.collect();
            let (points, color) = (points.join(" "), hex(*color));
            write!(
                svg,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{thickness}\"/>"
            )
        }
        Mark::Text {
            x,
            y,
            size,
            weight,
            anchor,
            color,
            text,
        } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let strong = match weight {
                Weight::Regular => "",
                Weight::Strong => " font-weight=\"bold\"",
            };
            let (color, text) = (hex(*color), escaped(text));
            write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\"{strong} text-anchor=\"{anchor}\" fill=\"{color}\">{text}</text>"
            )
        }
    };
}

fn hex(Color(red, green, blue): Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // XML has no other control characters.
            letter if letter.is_control() && !matches!(letter, '\n' | '\t') => {
                safe.push('\u{fffd}')
            }
            letter => safe.push(letter),
        }
    }
    safe
}
