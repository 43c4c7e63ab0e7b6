//! The ladder of a call as rows: who speaks to whom, and what was decided in between.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::clock;
use crate::cli::words::words;
use crate::event::{Event, Side, Traced, What};
use crate::time::Wall;

/// The exchange's column.
pub(super) const EXCHANGE: usize = 1;

/// A ladder.
#[derive(Debug, Serialize)]
pub(super) struct Ladder {
    /// Who calls whom, by which trunk.
    pub(super) title: String,
    /// The caller's side, the exchange, and each operator who was rung.
    pub(super) columns: Vec<String>,
    /// From the first moment on.
    pub(super) rows: Vec<Row>,
    /// Messages of a very long call's middle that were not kept.
    pub(super) skipped: u32,
}

/// A row.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// When, in microseconds of Unix time.
    pub(super) at: Wall,
    /// What.
    #[serde(flatten)]
    pub(super) what: Content,
}

/// What a row tells.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub(super) enum Content {
    /// A message between two columns.
    Message {
        /// The column that sent it.
        from: usize,
        /// The column that got it.
        to: usize,
        /// `INVITE`, `180 Ringing (INVITE)`.
        label: String,
        /// Whether the same one went this way before.
        again: bool,
        /// What it meant further.
        details: Vec<String>,
    },
    /// A decision or an event of the call.
    Note {
        /// For people.
        text: String,
    },
}

impl Ladder {
    /// Of a call's events, and of messages that were not in its record when the server was asked.
    pub(super) fn of(events: &[Event], running: Vec<Traced>) -> Self {
        let (mut messages, mut skipped) = (Vec::<Traced>::new(), 0);
        for event in events {
            if let What::Messages {
                messages: kept,
                skipped: left,
            } = &event.what
            {
                messages.extend(kept.iter().cloned());
                skipped += left;
            }
        }
        // Some may have gone over to the record since.
        let new = |one: &Traced| !messages.contains(one);
        let new: Vec<Traced> = running.into_iter().filter(new).collect();
        messages.extend(new);
        let (title, trunk) = title(events);
        let mut columns = vec![trunk, "qaynar".to_owned()];
        let mut seen = BTreeSet::new();
        let mut rows: Vec<Row> = messages
            .into_iter()
            .map(|one| message(one, &mut columns, &mut seen))
            .collect();
        let notes = events.iter().filter_map(|event| {
            let what = Content::Note {
                text: note(&event.what)?,
            };
            Some(Row { at: event.at, what })
        });
        rows.extend(notes);
        // A decision comes before the messages that carry it out, after the one that asked for it: these
        // are of one moment, and what came in is the first of it.
        rows.sort_by_key(|row| (row.at, place(&row.what)));
        Self {
            title,
            columns,
            rows,
            skipped,
        }
    }
}

/// What a ladder is drawn with.
pub(super) trait Pen {
    /// An arrow between two columns.
    fn arrow(&mut self, time: &str, arrow: &Arrow<'_>);
    /// A decision, from the first column on.
    fn note(&mut self, time: &str, words: &str);
    /// Something about the ladder itself.
    fn remark(&mut self, words: &str);
}

/// A message as it is drawn.
pub(super) struct Arrow<'a> {
    /// The column that sent it.
    pub(super) from: usize,
    /// The column that got it.
    pub(super) to: usize,
    /// `INVITE`, or `INVITE, again`.
    pub(super) label: String,
    /// Whether the same one went this way before.
    pub(super) again: bool,
    /// What it meant further, where that is wanted.
    pub(super) details: &'a [String],
}

impl Ladder {
    /// Draws the rows from top to bottom, each message's details where they are wanted.
    pub(super) fn draw(&self, zone: &TimeZone, details: bool, pen: &mut impl Pen) {
        for row in &self.rows {
            let time = clock(row.at, zone);
            match &row.what {
                Content::Message {
                    from,
                    to,
                    label,
                    again,
                    details: more,
                } => {
                    let mark = if *again { ", again" } else { "" };
                    let arrow = Arrow {
                        from: *from,
                        to: *to,
                        label: format!("{label}{mark}"),
                        again: *again,
                        details: if details { more } else { &[] },
                    };
                    pen.arrow(&time, &arrow);
                }
                Content::Note { text } => pen.note(&time, text),
            }
        }
        if self.skipped > 0 {
            let words = format!("{} messages of the middle were not kept", self.skipped);
            pen.remark(&words);
        }
    }
}

fn place(what: &Content) -> u8 {
    match what {
        Content::Message { to: EXCHANGE, .. } => 0,
        Content::Note { .. } => 1,
        Content::Message { .. } => 2,
    }
}

fn title(events: &[Event]) -> (String, String) {
    let arrived = events.iter().find_map(|event| match &event.what {
        What::Arrived {
            caller,
            dialled,
            trunk,
            ..
        } => Some((caller, dialled, trunk)),
        _ => None,
    });
    let Some((caller, dialled, trunk)) = arrived else {
        return (String::new(), "caller".to_owned());
    };
    let who = caller
        .as_ref()
        .map_or("somebody hidden", |one| one.as_str());
    let title = format!("{who} dials {dialled} by {trunk}");
    (title, trunk.to_string())
}

fn message(
    one: Traced,
    columns: &mut Vec<String>,
    seen: &mut BTreeSet<(usize, bool, String, String)>,
) -> Row {
    let peer = match (&one.operator, one.side) {
        (Some(operator), Side::Operator) => column(columns, operator.as_str()),
        (None, Side::Operator) => column(columns, "outside"),
        _ => 0,
    };
    let (from, to) = match one.received {
        true => (peer, EXCHANGE),
        false => (EXCHANGE, peer),
    };
    let method = one.cseq.split(' ').nth(1).unwrap_or_default();
    let label = match one.line.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("{} ({method})", one.line),
        false => one.line.clone(),
    };
    let again = !seen.insert((peer, one.received, one.line, one.cseq));
    let what = Content::Message {
        from,
        to,
        label,
        again,
        details: one.details,
    };
    Row { at: one.at, what }
}

/// The column of this name; a new one is added at the right.
fn column(columns: &mut Vec<String>, name: &str) -> usize {
    let known = columns
        .iter()
        .skip(EXCHANGE + 1)
        .position(|one| one == name);
    known.map_or_else(
        || {
            columns.push(name.to_owned());
            columns.len() - 1
        },
        |place| place + EXCHANGE + 1,
    )
}

/// What is told of an event between the arrows.
fn note(what: &What) -> Option<String> {
    Some(match what {
        What::Arrived { .. } | What::Messages { .. } | What::Answered => return None,
        What::Waits { reason } => format!("nobody rings: {reason}"),
        What::Step { path, reason, .. } => format!("{path}: {reason}"),
        What::AudioReturned { .. } => "is heard again".into(),
        What::Transfer { operator, to } => format!("{operator} hands the caller on to {to}"),
        What::TransferFailed { operator, status } => {
            format!("nobody took it ({status}): back to {operator}")
        }
        What::Parted { operator, reason } => format!("parted from {operator}: {reason}"),
        what => return words(what),
    })
}
