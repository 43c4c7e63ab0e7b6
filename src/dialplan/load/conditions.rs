//! `if = "…"`, or a list of conditions of which all must hold.

use std::ops::Range;

use super::super::condition::{Bound, Condition, Sort, Test};
use super::super::facts::{MEMORY, MOST_CALLS};
use super::super::fault::nearest;
use super::super::read::{Table, duration};
use super::hours::{minute, read_days};
use super::{Draft, Reference};
use crate::ids::{HoursName, Language, ListName, QueueName};

/// What one can write, for whoever wrote something else.
const KNOWN: [&str; 22] = [
    "nobody on shift",
    "somebody on shift",
    "fewer than 3 on shift",
    "more than 3 on shift",
    "office open",
    "office closed",
    "holiday",
    "between 22:00 and 06:00",
    "on sat, sun",
    "more than 10 waiting in children",
    "fewer than 3 waiting in children",
    "caller hidden",
    "caller mobile",
    "caller fixed",
    "caller toll-free",
    "caller abroad",
    "caller +99450",
    "caller in list known",
    "called 3 times within 1h",
    "language ru",
    "not holiday",
    "not on sat, sun",
];

impl Draft {
    /// `if`: none, one, or a list.
    pub(super) fn read_conditions(&mut self, step: &Table<'_, '_>) -> Vec<Condition> {
        let texts = step.texts("if").unwrap_or_default();
        let read = texts.into_iter();
        read.filter_map(|(text, span)| self.read_condition(step, &text, span))
            .collect()
    }

    fn read_condition(
        &mut self,
        step: &Table<'_, '_>,
        text: &str,
        span: Range<usize>,
    ) -> Option<Condition> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (not, words) = match words.split_first() {
            Some((&"not", rest)) => (true, rest),
            _ => (false, words.as_slice()),
        };
        let read = read_test(words).unwrap_or_else(|| {
            let remedy = match nearest(text, KNOWN) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("write one such as: {}", KNOWN.join(" · ")),
            };
            Err((format!("no condition is called {text:?}"), remedy))
        });
        let test = match read {
            Ok(test) => test,
            Err((what, remedy)) => {
                step.source.fault(span, what, remedy);
                return None;
            }
        };
        let place = step.source.place(&span);
        match &test {
            Test::Hours { hours, .. } => {
                let name = hours.to_string();
                self.hours_references.push(Reference { place, name });
            }
            Test::Waiting { queue, .. } => {
                let name = queue.to_string();
                self.queue_references.push(Reference { place, name });
            }
            _ => {}
        }
        Some(Condition { not, test })
    }
}

/// What is wrong, and the remedy.
type Wrong = (String, String);

/// `None`: nothing of the kind is known.
fn read_test(words: &[&str]) -> Option<Result<Test, Wrong>> {
    let test = match words {
        ["nobody", "on", "shift"] => Test::OnShift(Bound::Fewer(1)),
        ["somebody", "on", "shift"] => Test::OnShift(Bound::More(0)),
        [than @ ("fewer" | "more"), "than", count, "on", "shift"] => {
            Test::OnShift(bound(than, count)?)
        }
        [
            than @ ("fewer" | "more"),
            "than",
            count,
            "waiting",
            "in",
            queue,
        ] => Test::Waiting {
            bound: bound(than, count)?,
            queue: QueueName::from(*queue),
        },
        ["holiday"] => Test::Holiday,
        [hours, state @ ("open" | "closed")] => Test::Hours {
            hours: HoursName::from(*hours),
            open: *state == "open",
        },
        ["between", from, "and", until] => return Some(between(from, until)),
        ["on", days @ ..] if !days.is_empty() && days != ["shift"] => {
            return Some(read_days(&days.concat()).map(Test::On).map_err(days_fault));
        }
        ["caller", "in", "list", list] => Test::OnList(ListName::from(*list)),
        ["caller", sort] => return Some(caller(sort)),
        ["called", count, "times", "within", time] => return Some(called(count, time)),
        ["language", code] => {
            let all = Language::ALL.into_iter();
            let mut found = all.filter(|language| language.code() == *code);
            Test::Language(found.next()?)
        }
        _ => return None,
    };
    Some(Ok(test))
}

fn bound(than: &str, count: &str) -> Option<Bound> {
    let count = count.parse().ok()?;
    Some(match than {
        "fewer" => Bound::Fewer(count),
        _ => Bound::More(count),
    })
}

fn days_fault(word: String) -> Wrong {
    (
        format!("{word:?} is no day of the week"),
        "write mon, tue, wed, thu, fri, sat or sun, or a range such as mon-fri".to_owned(),
    )
}

fn between(from: &str, until: &str) -> Result<Test, Wrong> {
    let read = |text: &str| {
        let fault = || {
            let remedy = "write it with two digits each: 09:00".to_owned();
            (format!("{text:?} is no time of the day"), remedy)
        };
        minute(text).ok_or_else(fault)
    };
    let (from, until) = (read(from)?, read(until)?);
    if from == until {
        let remedy = "give it two different times".to_owned();
        return Err(("between begins when it ends".to_owned(), remedy));
    }
    Ok(Test::Between { from, until })
}

fn caller(sort: &str) -> Result<Test, Wrong> {
    Sort::parse(sort).map(Test::Caller).ok_or_else(|| {
        let remedy = "write hidden, mobile, fixed, toll-free, short, abroad, or a beginning of at most \
                      eight digits such as +99450; single callers belong in a list";
        let what = format!("{sort:?} is no sort of callers");
        (what, remedy.to_owned())
    })
}

fn called(count: &str, time: &str) -> Result<Test, Wrong> {
    let times = count.parse().ok();
    let times = times.filter(|count| (2..=MOST_CALLS).contains(count));
    let within = duration(time).filter(|time| !time.is_zero() && *time <= MEMORY);
    match times.zip(within) {
        Some((times, within)) => Ok(Test::Called { times, within }),
        None => {
            let remedy = "write from 2 to 32 times, within at most 1d: called 3 times within 1h";
            Err(("calls are not remembered so".to_owned(), remedy.to_owned()))
        }
    }
}
