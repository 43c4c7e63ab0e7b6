//! The plan as a picture: paths and queues are boxes with a line a step, and each way on is an arrow.

mod draw;
mod layout;
mod words;

use std::collections::BTreeMap;

use super::entrance::Entrance;
use super::plan::{Action, Plan, Queue, Step, Target};
use super::webhook::Webhook;
use crate::ids::{PathName, PromptName, QueueName};

/// Letters of a line; what is longer goes on in the next one.
const LINE: usize = 46;
/// Numbers that are listed; more are counted.
const NUMBERS: usize = 8;

/// What a box stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    /// Where calls begin.
    Calls,
    /// A path.
    Path(PathName),
    /// A queue.
    Queue(QueueName),
}

/// A line of a box.
#[derive(Debug, Clone, Default)]
struct Row {
    text: String,
    /// Belongs to the line above.
    more: bool,
    /// The end of a call.
    end: bool,
    /// Where it leads.
    to: Option<Node>,
    /// On the arrow.
    label: String,
}

/// A box.
#[derive(Debug)]
struct Piece {
    node: Node,
    title: String,
    rows: Vec<Row>,
}

/// Draws the whole plan as an SVG file of its own. The same plan gives the same picture.
pub fn svg(plan: &Plan) -> String {
    let pieces = pieces(plan);
    draw::draw(&plan.hash, &pieces, &layout::place(&pieces))
}

fn pieces(plan: &Plan) -> Vec<Piece> {
    let mut pieces = vec![calls(plan)];
    pieces.extend(plan.paths.iter().map(|(name, steps)| {
        let mut rows = Vec::new();
        for step in steps {
            push(&mut rows, row_of(step));
            if let Action::Menu(menu) = &step.action {
                let keys = menu.keys.iter().map(|(key, go)| Row {
                    text: format!("key {key}: go to {go}"),
                    to: path(go),
                    label: format!("key {key}"),
                    more: true,
                    ..Row::default()
                });
                keys.for_each(|row| push(&mut rows, row));
            }
            if let Action::Webhook(webhook) = &step.action {
                answers(webhook)
                    .into_iter()
                    .for_each(|row| push(&mut rows, row));
            }
        }
        if steps.last().is_some_and(|last| !is_end(last)) {
            let text = "the line is closed".to_owned();
            let end = true;
            push(
                &mut rows,
                Row {
                    text,
                    end,
                    ..Row::default()
                },
            );
        }
        Piece {
            node: Node::Path(name.clone()),
            title: name.to_string(),
            rows,
        }
    }));
    let queues = plan.queues.iter();
    pieces.extend(queues.map(|(name, queue)| queue_piece(name, queue)));
    pieces
}

/// A line that is too long goes on below.
fn push(rows: &mut Vec<Row>, row: Row) {
    let mut lines = wrapped(&row.text).into_iter();
    let text = lines.next().unwrap_or_default();
    let more = lines.map(|text| Row {
        text,
        more: true,
        end: row.end,
        ..Row::default()
    });
    let more: Vec<Row> = more.collect();
    rows.push(Row { text, ..row });
    rows.extend(more);
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn path(name: &PathName) -> Option<Node> {
    Some(Node::Path(name.clone()))
}

fn calls(plan: &Plan) -> Piece {
    let mut rows = Vec::new();
    for number in plan.numbers.iter().take(NUMBERS) {
        let row = Row {
            text: number.to_string(),
            ..Row::default()
        };
        push(&mut rows, row);
    }
    if plan.numbers.len() > NUMBERS {
        let text = format!("and {} more", plan.numbers.len() - NUMBERS);
        push(
            &mut rows,
            Row {
                text,
                ..Row::default()
            },
        );
    }
    if let Some(last) = rows.last_mut() {
        last.to = path(&plan.start);
    }
    let other = Row {
        text: "any other number".to_owned(),
        to: path(&plan.otherwise),
        ..Row::default()
    };
    push(&mut rows, other);
    for one in &plan.entrances {
        let row = Row {
            text: entrance(one),
            to: path(&one.go),
            ..Row::default()
        };
        push(&mut rows, row);
    }
    let mut closed: BTreeMap<&PathName, usize> = BTreeMap::new();
    for one in &plan.closed {
        *closed.entry(&one.go).or_default() += 1;
    }
    for (go, count) in closed {
        let row = Row {
            text: format!("while closed ({count} times)"),
            to: path(go),
            ..Row::default()
        };
        push(&mut rows, row);
    }
    Piece {
        node: Node::Calls,
        title: "calls to".to_owned(),
        rows,
    }
}

/// What a `[[route]]` takes, in the words of those who wrote it.
fn entrance(one: &Entrance) -> String {
    let mut words: Vec<String> = Vec::new();
    let dial: Vec<&str> = one.dial.iter().map(|one| one.text.as_str()).collect();
    if !dial.is_empty() {
        words.push(dial.join(", "));
    }
    words.extend(one.trunks.iter().map(|trunk| format!("by trunk {trunk}")));
    words.extend(one.from.iter().map(|sort| format!("from {sort}")));
    words.extend(one.list.iter().map(|list| format!("on the list {list}")));
    words.join(", ")
}

/// Whether nothing comes after a step.
fn is_end(step: &Step) -> bool {
    let ends = match &step.action {
        Action::Go(_) | Action::HangUp => true,
        Action::Webhook(webhook) => webhook.otherwise.is_some(),
        _ => false,
    };
    step.is_always_done() && ends
}

/// Where each answer of a server leads.
fn answers(webhook: &Webhook) -> Vec<Row> {
    let row = |text: String, label: String, go: &PathName| Row {
        text,
        to: path(go),
        label,
        more: true,
        ..Row::default()
    };
    let named = webhook.go.iter();
    let mut rows: Vec<Row> = named
        .map(|(answer, go)| row(format!("{answer}: go to {go}"), answer.clone(), go))
        .collect();
    rows.extend(webhook.otherwise.iter().map(|go| {
        let text = format!("otherwise: go to {go}");
        row(text, "otherwise".to_owned(), go)
    }));
    rows
}

/// What is on the arrow and before the step: its condition.
fn condition(step: &Step) -> String {
    words::conditions(&step.conditions)
}

fn row_of(step: &Step) -> Row {
    let label = condition(step);
    let (text, to) = match &step.action {
        Action::Play(prompts) => (format!("play {}", names(prompts)), None),
        Action::Queue {
            queue,
            greet,
            wants,
        } => {
            let mut text = format!("wait in {queue}");
            if !greet.is_empty() {
                text += &format!(", greeted by {}", names(greet));
            }
            if !wants.needs.is_empty() {
                let needs: Vec<&str> = wants.needs.iter().map(|one| one.as_str()).collect();
                text += &format!(", needs {}", needs.join(", "));
            }
            (text, Some(Node::Queue(queue.clone())))
        }
        Action::Ring { target, wait } => {
            let whom = match target {
                Target::Outside(number) => number.to_string(),
                other => other.to_string(),
            };
            (format!("ring {whom} for {}", seconds(*wait)), None)
        }
        Action::Callback(queue) => (
            format!("offer a callback, waiting in {queue}"),
            Some(Node::Queue(queue.clone())),
        ),
        Action::Voicemail(mailbox) => (format!("take a message for {mailbox}"), None),
        Action::Menu(menu) => (format!("menu {}", names(&menu.prompts)), None),
        Action::Webhook(webhook) => {
            let (host, within) = (webhook.url.host(), webhook.within);
            (format!("ask {host}, at most {}", seconds(within)), None)
        }
        Action::Say(saying) => (words::saying(saying), None),
        Action::Set(setting) => (words::setting(setting), None),
        Action::Go(name) => (format!("go to {name}"), path(name)),
        Action::HangUp => ("hang up".to_owned(), None),
    };
    Row {
        text: match label.is_empty() {
            true => text,
            false => format!("if {label}: {text}"),
        },
        end: matches!(step.action, Action::HangUp),
        to,
        label,
        ..Row::default()
    }
}

fn queue_piece(name: &QueueName, queue: &Queue) -> Piece {
    let mut rows = Vec::new();
    let who = match &queue.operators {
        None => "all operators".to_owned(),
        Some(members) => {
            let ids: Vec<&str> = members.iter().map(|one| one.operator.as_str()).collect();
            format!("operators {}", ids.join(", "))
        }
    };
    let text = format!(
        "{who}, {}, for {} each",
        queue.ring.name(),
        seconds(queue.ring_for)
    );
    push(
        &mut rows,
        Row {
            text,
            ..Row::default()
        },
    );
    for more in &queue.ring_more {
        let count = match more.operators {
            usize::MAX => "all".to_owned(),
            count => format!("{count} together"),
        };
        let text = format!("after {}: ring {count}", seconds(more.after));
        push(
            &mut rows,
            Row {
                text,
                ..Row::default()
            },
        );
    }
    ways_out(queue)
        .into_iter()
        .for_each(|row| push(&mut rows, row));
    Piece {
        node: Node::Queue(name.clone()),
        title: format!("queue {name}"),
        rows,
    }
}

/// How callers leave a queue unanswered.
fn ways_out(queue: &Queue) -> Vec<Row> {
    let mut rows = Vec::new();
    for waiting in &queue.if_waiting {
        let label = format!("after {}", seconds(waiting.after));
        let row = Row {
            text: format!("{label}: go to {}", waiting.go),
            to: path(&waiting.go),
            label,
            ..Row::default()
        };
        rows.push(row);
    }
    if let Some(offer) = &queue.offer {
        let text = format!(
            "after {}: key {} asks to be called back",
            seconds(offer.after),
            offer.key
        );
        let row = Row {
            text,
            ..Row::default()
        };
        rows.push(row);
    }
    for (key, go) in &queue.keys {
        let label = format!("key {key}");
        let row = Row {
            text: format!("{label}: go to {go}"),
            to: path(go),
            label,
            ..Row::default()
        };
        rows.push(row);
    }
    if let Some(go) = &queue.if_empty {
        let row = Row {
            text: format!("while nobody is on shift: go to {go}"),
            to: path(go),
            label: "empty".to_owned(),
            ..Row::default()
        };
        rows.push(row);
    }
    if let Some(full) = &queue.full {
        let row = Row {
            text: format!("if {} wait already: go to {}", full.most, full.go),
            to: path(&full.go),
            label: "full".to_owned(),
            ..Row::default()
        };
        rows.push(row);
    }
    rows
}

fn names(prompts: &[PromptName]) -> String {
    let names: Vec<&str> = prompts.iter().map(PromptName::as_str).collect();
    names.join(", ")
}

fn seconds(time: std::time::Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        whole if whole % 60 == 0 => format!("{} min", whole / 60),
        whole => format!("{whole} s"),
    }
}
