//! Names of figures, by which the calls behind them are asked for.

use std::str::FromStr;

use super::{Course, Definition, Hour, Scope, WAIT_BANDS, definitions};
use crate::ids::{OperatorId, QueueName, TrunkName};

/// Which calls.
#[derive(Debug, Clone)]
pub enum Key {
    /// Those behind a figure; of a share, those in what is divided.
    Figure(Of, &'static Definition),
    /// Those that a share or mean is of: `service_level.base`.
    Base(Of, &'static Definition),
    /// Handled calls of an operator: `operator.201`.
    Operator(OperatorId),
    /// Offered calls of an hour of the week: `hour.1.14`, Monday from 14:00.
    Hour(Hour),
    /// Calls by their wait: `wait.20`, from 20 seconds to the next band; of them `wait.20.answered` or
    /// `wait.20.gave_up`.
    Wait(usize, Option<Course>),
}

/// Among which calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// All.
    All,
    /// Those of a queue: `queue.children.offered`.
    Queue(QueueName),
    /// Those of a trunk: `trunk.azercell.offered`.
    Trunk(TrunkName),
}

/// There is no such figure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no figure {0:?}; figures are {all}; also queue.NAME.FIGURE, trunk.NAME.FIGURE, FIGURE.base (what a \
     share is of), operator.ID, hour.WEEKDAY.HOUR (1 is Monday: hour.1.14), wait.SECONDS (wait.20)",
    all = all_keys()
)]
pub struct UnknownKey(String);

fn all_keys() -> String {
    let keys: Vec<&str> = definitions().iter().map(|one| one.key).collect();
    keys.join(", ")
}

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        read(text.trim()).ok_or_else(|| UnknownKey(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Key> {
    match text.split_once('.') {
        None => figure(Of::All, text),
        // Names of queues and trunks may have dots in them, keys have none.
        Some(("queue", rest)) => part(rest, |name| Of::Queue(name.into())),
        Some(("trunk", rest)) => part(rest, |name| Of::Trunk(name.into())),
        Some(("operator", id)) if !id.is_empty() => Some(Key::Operator(id.into())),
        Some(("hour", rest)) => {
            let (weekday, hour) = rest.split_once('.')?;
            let weekday = weekday.parse::<usize>().ok()?.checked_sub(1)?;
            let hour = hour.parse().ok()?;
            (weekday < 7 && hour < 24).then_some(Key::Hour(Hour { weekday, hour }))
        }
        Some(("wait", rest)) => {
            let (from, course) = match rest.split_once('.') {
                None => (rest, None),
                Some((from, "answered")) => (from, Some(Course::Answered)),
                Some((from, "gave_up")) => (from, Some(Course::Abandoned)),
                Some(_) => return None,
            };
            let from: u64 = from.parse().ok()?;
            let band = WAIT_BANDS.iter().position(|band| *band == from)?;
            Some(Key::Wait(band, course))
        }
        Some(_) => figure(Of::All, text),
    }
}

fn part(rest: &str, of: impl Fn(&str) -> Of) -> Option<Key> {
    let (rest, base) = without_base(rest);
    let (name, key) = rest.rsplit_once('.')?;
    known(of(name), key, base)
}

fn figure(of: Of, text: &str) -> Option<Key> {
    let (key, base) = without_base(text);
    known(of, key, base)
}

fn without_base(text: &str) -> (&str, bool) {
    match text.strip_suffix(".base") {
        Some(key) => (key, true),
        None => (text, false),
    }
}

fn known(of: Of, key: &str, base: bool) -> Option<Key> {
    let known = definitions().iter().find(|one| one.key == key)?;
    if of != Of::All && known.scope == Scope::Whole {
        return None;
    }
    match base {
        true => Some(Key::Base(of, known)),
        false => Some(Key::Figure(of, known)),
    }
}
