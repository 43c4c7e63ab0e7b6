//! The picture of a dialplan: everything that is in it, nothing from elsewhere, and no box upon another.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use qaynar::dialplan::{Catalogue, graph, load};

const SHIPPED: &str = include_str!("../dialplans/helpline.toml");

fn drawn(text: &str) -> String {
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    graph::svg(&load(&[("a.toml".into(), text.into())], &catalogue).unwrap())
}

/// Left, top, right and bottom of each box.
fn boxes(svg: &str) -> Vec<[usize; 4]> {
    let number = |tag: &str, name: &str| -> usize {
        let rest = tag.split_once(&format!("{name}=\"")).unwrap().1;
        rest.split('"').next().unwrap().parse().unwrap()
    };
    let tags = svg.split("<rect class=\"box\"").skip(1);
    tags.map(|tag| {
        let (x, y) = (number(tag, " x"), number(tag, " y"));
        [x, y, x + number(tag, "width"), y + number(tag, "height")]
    })
    .collect()
}

#[test]
fn every_path_queue_and_way_of_the_shipped_plan_is_in_its_picture() {
    let svg = drawn(SHIPPED);
    for words in [
        ">welcome<",
        ">nobody<",
        ">long-wait<",
        ">queue children<",
        ">116111<",
        ">any other number<",
        ">nobody on shift<",
        ">after 3 min<",
        ">hang up<",
    ] {
        assert!(svg.contains(words), "{words} is not in {svg}");
    }
    let arrows = svg.matches("marker-end=").count();
    assert_eq!(
        arrows, 9,
        "two ways in, three from welcome, two from the queue, two back"
    );
    assert_eq!(svg, drawn(SHIPPED), "the same plan gives the same picture");
    assert!(
        !svg.contains("href") && !svg.contains("url(http"),
        "it needs nothing from elsewhere"
    );
}

#[test]
fn boxes_stand_side_by_side_within_the_picture() {
    let mut text = "numbers = ['116111']\nstart = 'p0'\n".to_owned();
    for path in 0..60 {
        let (next, far, back) = ((path + 1) % 60, (path * 7 + 3) % 60, path / 2);
        text += &format!(
            "[path.p{path}]\nsteps = [{{ play = 'a-prompt-with-a-long-name' }}, {{ if = 'nobody on shift', go = 'p{next}' }}, \
             {{ if = 'somebody on shift', go = 'p{far}' }}, {{ go = 'p{back}' }}]\n"
        );
    }
    let svg = drawn(&text);
    let boxes = boxes(&svg);
    assert_eq!(boxes.len(), 61);
    for (at, one) in boxes.iter().enumerate() {
        for other in &boxes[at + 1..] {
            let apart = one[2] <= other[0]
                || other[2] <= one[0]
                || one[3] <= other[1]
                || other[3] <= one[1];
            assert!(apart, "{one:?} {other:?}");
        }
    }
    let size = svg.split_once("viewBox=\"0 0 ").unwrap().1;
    let size: Vec<usize> = size
        .split('"')
        .next()
        .unwrap()
        .split(' ')
        .map(|one| one.parse().unwrap())
        .collect();
    assert!(
        boxes.iter().all(|one| one[2] < size[0] && one[3] < size[1]),
        "{size:?}"
    );
}

#[test]
fn names_are_words_and_no_markup() {
    let svg =
        drawn("numbers = ['116111']\nstart = '<b>&'\n[path.'<b>&']\nsteps = [{ play = 'x' }]\n");
    assert!(
        svg.contains("&lt;b&gt;&amp;") && !svg.contains("<b>"),
        "{svg}"
    );
}
