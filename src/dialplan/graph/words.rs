//! Conditions in the words of those who wrote them.

use super::super::condition::{Bound, Condition, Test};
use super::super::hours::clock;

/// As they would be written.
pub(super) fn conditions(all: &[Condition]) -> String {
    let words: Vec<String> = all.iter().map(condition).collect();
    words.join(", ")
}

fn condition(one: &Condition) -> String {
    let words = test(&one.test);
    match one.not {
        true => format!("not {words}"),
        false => words,
    }
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::Fewer(count) => format!("fewer than {count}"),
        Bound::More(count) => format!("more than {count}"),
    }
}

fn test(test: &Test) -> String {
    match test {
        Test::OnShift(Bound::Fewer(1)) => "nobody on shift".to_owned(),
        Test::OnShift(Bound::More(0)) => "somebody on shift".to_owned(),
        Test::OnShift(count) => format!("{} on shift", bound(*count)),
        Test::Hours { hours, open: true } => format!("{hours} open"),
        Test::Hours { hours, open: false } => format!("{hours} closed"),
        Test::Holiday => "holiday".to_owned(),
        Test::Between { from, until } => format!("between {} and {}", clock(*from), clock(*until)),
        Test::On(days) => format!("on {days}"),
        Test::Waiting {
            bound: count,
            queue,
        } => format!("{} waiting in {queue}", bound(*count)),
        Test::Caller(sort) => format!("caller {sort}"),
        Test::OnList(list) => format!("caller in list {list}"),
        Test::Called { times, within } => {
            format!("called {times} times within {}", super::seconds(*within))
        }
        Test::Language(language) => format!("language {language}"),
    }
}
