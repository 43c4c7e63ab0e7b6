//! Events in words, one line each.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::event::{Change, Direction, Event, OperatorState, Recorded, RingEnd, Side, What};
use crate::ids::{OperatorId, RecordingId};

/// The line for an event; `None`: nothing that one would watch.
pub(super) fn line(event: &Event) -> Option<String> {
    let words = words(&event.what)?;
    let zone = TimeZone::get("Asia/Baku").unwrap_or(TimeZone::UTC);
    let stamp = Timestamp::from_microsecond(event.at.0).unwrap_or_default();
    let time = stamp.to_zoned_datetime(zone).strftime("%H:%M:%S");
    // The last digits differ among calls of one minute.
    let call = event.call.map(|call| call.to_string());
    let call = call
        .as_deref()
        .and_then(|id| id.get(id.len().saturating_sub(5)..))
        .unwrap_or("     ")
        .to_owned();
    Some(format!("{time}  {call}  {words}"))
}

/// An event of a call or of an operator; `None`: nothing that one would watch.
pub(super) fn words(what: &What) -> Option<String> {
    Some(match what {
        What::Arrived {
            dialled,
            direction: Direction::Out,
            ..
        } => format!("an operator calls outside: {dialled}"),
        What::Arrived {
            caller,
            direction: Direction::Back,
            ..
        } => {
            let who = caller.as_ref().map_or("somebody", |caller| caller.as_str());
            format!("{who} waits to be called back")
        }
        What::Arrived {
            caller, dialled, ..
        } => {
            let who = caller
                .as_ref()
                .map_or("somebody hidden", |caller| caller.as_str());
            format!("{who} dials {dialled}")
        }
        What::Answered => "is answered: a voice is heard".into(),
        What::Queued { queue } => format!("waits in queue {queue}; phones may ring already"),
        What::Returned { operator } => match operator {
            Some(operator) => format!("was cut off from {operator} and calls back: comes first"),
            None => "was cut off and calls back: comes first".into(),
        },
        What::GlassBroken { operator } => format!("{operator} has the caller's number told"),
        What::Renamed { .. } => "has a new pseudonym: the key was changed".into(),
        What::Waits { reason } => format!("nobody rings: {reason}"),
        What::Language { language } => format!("chose {language}"),
        What::LeftQueue { queue, reason } => format!("leaves queue {queue}: {reason}"),
        What::Ringing { operator, reason } => format!("rings at {operator} ({reason})"),
        What::RingEnded { operator, why } => {
            format!("rings no more at {operator}: {}", ring_end(why))
        }
        What::Connected { operator } => format!("talks with {operator}"),
        What::Transfer { operator, to } => format!("is handed on by {operator} to {to}"),
        What::TransferFailed { operator, status } => {
            format!("was not taken ({status}); {operator} may have the call back")
        }
        What::Parted { operator, reason } => format!("goes on without {operator}: {reason}"),
        What::Ended { by, cause } => {
            format!("is over: {} ({})", word(cause), word(by))
        }
        What::AudioAbsent { .. } => "is silent; the call goes on".into(),
        What::Operator {
            operator,
            state,
            reason,
        } => match state {
            OperatorState::Free | OperatorState::WrapUp | OperatorState::LoggedOut => {
                format!("operator {operator}: {} ({reason})", word(state))
            }
            _ => return None,
        },
        What::Recording { recording, change } => of_recording(*recording, change),
        What::Alarm { text, .. } => format!("ALARM {text}"),
        _ => return talk_words(what).or_else(|| of_the_wait(what)),
    })
}

/// The same of a talk of three or more, and of holds.
fn talk_words(what: &What) -> Option<String> {
    Some(match what {
        What::Bringing { operator, who, .. } => format!("{operator} calls {who} into the talk"),
        What::Joined { who, .. } => format!("{who} is in the talk too"),
        What::NotJoined { who, why, .. } => {
            format!("{who} did not come ({}); the others talk on", ring_end(why))
        }
        What::LeftTalk { who, reason, .. } => format!("goes on without {who}: {reason}"),
        What::Supervising {
            supervisor,
            operator,
            how,
        } => format!("{supervisor} supervises {operator}: {}", word(how)),
        What::Supervised {
            supervisor,
            operator,
            ..
        } => format!("{supervisor} supervises {operator} no more"),
        What::Held { side, operator } => format!("is held by {}", holder(*side, operator)),
        What::Resumed {
            side,
            operator,
            lasted,
            ..
        } => format!(
            "is held by {} no more, after {} s",
            holder(*side, operator),
            lasted.as_secs()
        ),
        _ => return None,
    })
}

/// What is told to who waits, and how one is called back.
fn of_the_wait(what: &What) -> Option<String> {
    Some(match what {
        What::CallbackAsked { callback, due, .. } => {
            let due = due.map_or("when it is the caller's turn", |_| "later");
            format!("is to be called back {due}, as {callback}")
        }
        What::CallbackTaken { operator, attempt } => {
            format!("is called back by {operator}, attempt {attempt}")
        }
        What::CallbackFailed { attempt, reason } => format!("attempt {attempt}: {reason}"),
        What::CallbackEnded { outcome } => format!("callback: {}", word(outcome)),
        What::Estimated { estimate, .. } => {
            format!("is told to wait for about {} min", estimate.as_secs() / 60)
        }
        What::EstimateMet { estimate, came, .. } => format!(
            "waited {} s since then; told were {} s",
            came.as_secs(),
            estimate.as_secs()
        ),
        _ => return None,
    })
}

fn of_recording(recording: RecordingId, change: &Change) -> String {
    let seconds = |length: &Option<Duration>| {
        length.map_or("of unknown length".to_owned(), |length| {
            format!("{} s long", length.as_secs())
        })
    };
    match change {
        Change::Begun { of, .. } => match of {
            Recorded::Voicemail { mailbox } => {
                format!("leaves message {recording} in voicemail {mailbox}")
            }
            Recorded::Talk { queue } => {
                format!("is recorded as {recording}, as queue {queue} wants")
            }
        },
        Change::Paused { by } => format!("recording {recording} is paused by {by}"),
        Change::Resumed { by } => format!("recording {recording} goes on, by {by}"),
        Change::Ended {
            length,
            silent,
            why,
        } => {
            let silent = if *silent == Some(true) {
                ", silent"
            } else {
                ""
            };
            let length = seconds(length);
            format!(
                "recording {recording} is over: {length}{silent} ({})",
                word(why)
            )
        }
        Change::Heard { by } => format!("message {recording} is heard by {by}"),
        Change::Handled { by: Some(by) } => format!("message {recording} is handled by {by}"),
        Change::Handled { by: None } => format!("message {recording} is handled"),
        Change::Erased { reason } => format!("recording {recording} is erased: {reason}"),
    }
}

fn ring_end(why: &RingEnd) -> String {
    match why {
        RingEnd::Declined { status } => format!("declined ({status})"),
        RingEnd::NoAnswer => "nobody answered".into(),
        RingEnd::Unreachable => "not reached".into(),
        RingEnd::CallerLeft => "the caller left".into(),
        RingEnd::AnsweredElsewhere => "answered elsewhere".into(),
        RingEnd::Withdrawn => "withdrawn".into(),
    }
}

fn holder(side: Side, operator: &Option<OperatorId>) -> String {
    match operator {
        Some(operator) => operator.to_string(),
        None => word(&side),
    }
}

/// `hung_up` → `hung up`.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.replace('_', " "),
        _ => String::new(),
    }
}
