//! Each figure by its key: what it is called, how it is computed, and which calls are behind it.

use std::time::Duration;

use super::{CallFigures, Counts, Course, Rules, Seen};

/// What a figure comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// So many.
    Count(u64),
    /// A share of 1; nothing where it is of nothing.
    Share(Option<f64>),
    /// A time; nothing where there was none.
    Time(Option<Duration>),
}

/// Of what a figure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Of the whole alone.
    Whole,
    /// Of each queue and trunk too.
    Parts,
}

/// A figure.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Stable: programs, translations and `--ids` name it so.
    pub key: &'static str,
    /// In English.
    pub name: &'static str,
    /// Of what.
    pub scope: Scope,
    formula: &'static str,
    read: Read,
    behind: Behind,
    base: Option<Behind>,
}

#[derive(Debug, Clone, Copy)]
enum Read {
    Of(fn(&Counts) -> Value),
    OfWhole(fn(&CallFigures) -> Value),
}

type Behind = fn(&Seen<'_>, &Rules) -> bool;

impl Definition {
    /// How it is computed, with the settings in it.
    pub fn formula(&self, rules: &Rules) -> String {
        let seconds = |time: Duration| time.as_secs_f64().to_string();
        self.formula
            .replace("{short}", &seconds(rules.short_abandon))
            .replace("{within}", &seconds(rules.target.within))
    }

    /// What it comes to over all calls.
    pub fn whole(&self, figures: &CallFigures) -> Value {
        match self.read {
            Read::Of(read) => read(&figures.whole),
            Read::OfWhole(read) => read(figures),
        }
    }

    /// What it comes to over a part of them; `None`: it is told of the whole alone.
    pub fn part(&self, counts: &Counts) -> Option<Value> {
        match (self.read, self.scope) {
            (Read::Of(read), Scope::Parts) => Some(read(counts)),
            _ => None,
        }
    }

    /// Whether a call is behind it; of a share, in what is divided.
    pub fn is_behind(&self, seen: &Seen<'_>, rules: &Rules) -> bool {
        (self.behind)(seen, rules)
    }

    /// Whether a call is in what a share or mean is of.
    pub fn is_in_base(&self, seen: &Seen<'_>, rules: &Rules) -> bool {
        (self.base.unwrap_or(self.behind))(seen, rules)
    }
}

const fn count(
    key: &'static str,
    name: &'static str,
    formula: &'static str,
    read: fn(&Counts) -> Value,
    behind: Behind,
) -> Definition {
    Definition {
        key,
        name,
        scope: Scope::Parts,
        formula,
        read: Read::Of(read),
        behind,
        base: None,
    }
}

const fn share(
    key: &'static str,
    name: &'static str,
    formula: &'static str,
    read: fn(&Counts) -> Value,
    behind: Behind,
    base: Behind,
) -> Definition {
    Definition {
        base: Some(base),
        ..count(key, name, formula, read, behind)
    }
}

const fn whole(
    key: &'static str,
    name: &'static str,
    formula: &'static str,
    read: fn(&CallFigures) -> Value,
    behind: Behind,
) -> Definition {
    Definition {
        key,
        name,
        scope: Scope::Whole,
        formula,
        read: Read::OfWhole(read),
        behind,
        base: None,
    }
}

const fn of_whole(of: Definition) -> Definition {
    Definition {
        scope: Scope::Whole,
        ..of
    }
}

fn offered(seen: &Seen<'_>, _: &Rules) -> bool {
    seen.course.is_offered()
}

fn answered(seen: &Seen<'_>, _: &Rules) -> bool {
    seen.course == Course::Answered
}

fn handled(seen: &Seen<'_>, _: &Rules) -> bool {
    seen.course.is_handled()
}

fn over(seen: &Seen<'_>, _: &Rules) -> bool {
    seen.course.is_handled() && seen.record.ended.is_some()
}

fn abandoned(seen: &Seen<'_>, rules: &Rules) -> bool {
    seen.course == Course::Abandoned && seen.wait >= rules.short_abandon
}

fn answered_within(seen: &Seen<'_>, rules: &Rules) -> bool {
    seen.course == Course::Answered && seen.wait <= rules.target.within
}

fn identified(seen: &Seen<'_>, _: &Rules) -> bool {
    seen.course.is_incoming() && seen.record.caller.is_some()
}

/// All figures, in the order of the report.
pub fn definitions() -> &'static [Definition] {
    ALL
}

const ALL: &[Definition] = &[
    count(
        "offered",
        "offered",
        "calls of callers that entered a queue; waiting starts there, while the greeting plays",
        |of| Value::Count(of.offered),
        offered,
    ),
    count(
        "answered",
        "answered",
        "offered calls that an operator was connected with",
        |of| Value::Count(of.answered),
        answered,
    ),
    count(
        "handled",
        "handled",
        "calls in which operator and caller talked: answered, rung without a queue and taken, callbacks reached",
        |of| Value::Count(of.handled()),
        handled,
    ),
    count(
        "abandoned",
        "abandoned",
        "offered calls whose callers hung up without an operator after {short} s of waiting or later",
        |of| Value::Count(of.abandoned),
        abandoned,
    ),
    count(
        "short_abandoned",
        "short abandons",
        "offered calls whose callers hung up without an operator before {short} s; each may be a frightened child",
        |of| Value::Count(of.short_abandoned),
        |seen, rules| seen.course == Course::Abandoned && seen.wait < rules.short_abandon,
    ),
    count(
        "asked_back",
        "asked to be called back",
        "offered calls whose callers left the line to be called back; neither answered nor abandoned",
        |of| Value::Count(of.asked_back),
        |seen, _| seen.course == Course::AskedBack,
    ),
    count(
        "led_on",
        "led on",
        "offered calls that the dialplan led out of the queue to its end: a message, a spoken explanation",
        |of| Value::Count(of.led_on),
        |seen, _| seen.course == Course::LedOn,
    ),
    count(
        "lost",
        "lost",
        "offered calls that ended while waiting by a fault: the line broke, the server stopped",
        |of| Value::Count(of.lost),
        |seen, _| seen.course == Course::Lost,
    ),
    count(
        "waiting",
        "waiting now",
        "offered calls that wait still",
        |of| Value::Count(of.waiting),
        |seen, _| seen.course == Course::Waiting,
    ),
    share(
        "abandonment_rate",
        "abandonment rate",
        "abandoned ÷ (handled + abandoned); short abandons (before {short} s) are in neither",
        |of| Value::Share(of.abandonment_rate()),
        abandoned,
        |seen, rules| handled(seen, rules) || abandoned(seen, rules),
    ),
    share(
        "answer_rate",
        "answer rate",
        "answered ÷ offered, without exclusions",
        |of| Value::Share(of.answer_rate()),
        answered,
        offered,
    ),
    share(
        "service_level",
        "service level",
        "answered within {within} s ÷ (answered + gave up after more than {within} s): the usual form",
        |of| Value::Share(of.service_level()),
        answered_within,
        |seen, rules| {
            let beyond = seen.course == Course::Abandoned && seen.wait > rules.target.within;
            beyond || seen.course == Course::Answered
        },
    ),
    share(
        "service_level_strict",
        "service level, strict",
        "answered within {within} s ÷ all offered: the strict form",
        |of| Value::Share(of.service_level_strict()),
        answered_within,
        offered,
    ),
    count(
        "asa",
        "mean wait of the answered",
        "mean time from entering the first queue to the operator, over the answered",
        |of| Value::Time(of.asa()),
        answered,
    ),
    count(
        "longest_wait",
        "longest wait",
        "over answered callers and those who gave up, short abandons too",
        |of| Value::Time(of.longest_wait),
        |seen, _| matches!(seen.course, Course::Answered | Course::Abandoned),
    ),
    count(
        "talk",
        "mean talk, with hold",
        "time from the first connection with an operator to the end, hold included, in the mean of handled calls \
         that are over",
        |of| Value::Time(of.mean_talk()),
        over,
    ),
    whole(
        "aht",
        "mean handling time",
        "(talk + hold + wrap-up) ÷ handled, of calls that are over; wrap-up by the operators' states",
        |of| Value::Time(of.aht()),
        over,
    ),
    whole(
        "wrap_up",
        "wrap-up of all operators",
        "time that operators rested after calls, by their states",
        |of| Value::Time(of.on_shift().map(|shift| shift.wrap_up)),
        over,
    ),
    whole(
        "occupancy",
        "occupancy",
        "handling ÷ (handling + available), by the operators' states: handling is talk, hold and wrap-up; available is \
         free or ringing; breaks and phones that do not answer are left out",
        |of| Value::Share(of.on_shift().and_then(|shift| shift.occupancy())),
        over,
    ),
    whole(
        "callers",
        "callers known",
        "different pseudonyms; callers without an identity cannot be counted and are in none of the three",
        |of| Value::Count(of.repeat.callers),
        identified,
    ),
    whole(
        "repeat_callers",
        "repeat callers",
        "pseudonyms with two calls or more in this time",
        |of| Value::Count(of.repeat.again),
        identified,
    ),
    whole(
        "repeat_share",
        "share of repeat callers",
        "repeat callers ÷ callers known",
        |of| Value::Share(super::counts::share(of.repeat.again, of.repeat.callers)),
        identified,
    ),
    whole(
        "without_identity",
        "calls without an identity",
        "calls whose callers hid their number or had none; never merged into one caller",
        |of| Value::Count(of.repeat.without_identity),
        |seen, _| seen.course.is_incoming() && seen.record.caller.is_none(),
    ),
    whole(
        "concurrency",
        "most calls at once",
        "greatest overlap of all calls from arrival to end (callbacks from their connection), by a sweep over \
         beginnings and ends",
        |of| Value::Count(of.peak.map_or(0, |peak| peak.calls)),
        |seen, _| super::overlap::span(seen).is_some(),
    ),
    count(
        "ivr_only",
        "never in a queue",
        "calls that ended in the dialplan's words and menus, while the helpline was open and staffed; not offered",
        |of| Value::Count(of.ivr_only),
        |seen, _| seen.course == Course::IvrOnly,
    ),
    count(
        "closed",
        "in closed hours",
        "calls that no queue was open for; not offered",
        |of| Value::Count(of.closed),
        |seen, _| seen.course == Course::Closed,
    ),
    count(
        "nobody_on_shift",
        "while nobody was on shift",
        "calls that were led past the queues because nobody was on shift; not offered",
        |of| Value::Count(of.nobody_on_shift),
        |seen, _| seen.course == Course::NobodyOnShift,
    ),
    count(
        "direct",
        "rung without a queue",
        "calls that a ring step of the dialplan led to an operator; not offered",
        |of| Value::Count(of.direct),
        |seen, _| matches!(seen.course, Course::Direct { .. }),
    ),
    of_whole(count(
        "callbacks",
        "callbacks",
        "callers who were to be called back; not offered a second time",
        |of| Value::Count(of.callbacks),
        |seen, _| matches!(seen.course, Course::Callback { .. }),
    )),
    of_whole(count(
        "callbacks_reached",
        "callbacks reached",
        "callbacks in which caller and operator talked",
        |of| Value::Count(of.callbacks_reached),
        |seen, _| seen.course == Course::Callback { reached: true },
    )),
    count(
        "outside",
        "calls outside",
        "calls of operators to numbers outside; not offered",
        |of| Value::Count(of.outside),
        |seen, _| seen.course == Course::Outside,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_a_key_of_its_own_and_a_formula_with_its_settings() {
        let rules = Rules::default();
        for (place, one) in ALL.iter().enumerate() {
            let mut others = ALL.iter().skip(place + 1);
            assert!(others.all(|other| other.key != one.key), "{}", one.key);
            assert!(!one.formula(&rules).contains('{'), "{}", one.key);
            assert!(!one.key.contains('.'));
        }
        let level = ALL.iter().find(|one| one.key == "service_level").unwrap();
        assert!(level.formula(&rules).contains("within 20 s"));
    }
}
