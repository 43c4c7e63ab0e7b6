//! Conditions in the words of those who wrote them.

use super::super::condition::{Bound, Condition, Test};
use super::super::hours::clock;
use super::super::menu::{Saying, Setting};

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

/// What a `say` step says.
pub(super) fn saying(saying: &Saying) -> String {
    match saying {
        Saying::Time => "say the time".to_owned(),
        Saying::Date => "say the date".to_owned(),
        Saying::Resumes(None) => "say when the line is open again".to_owned(),
        Saying::Resumes(Some(hours)) => format!("say when {hours} is open again"),
    }
}

/// What a `set` step keeps.
pub(super) fn setting(setting: &Setting) -> String {
    let mut words = Vec::new();
    words.extend(
        setting
            .language
            .map(|language| format!("language {language}")),
    );
    words.extend(
        setting
            .priority
            .map(|time| format!("priority {}", super::seconds(time))),
    );
    for (word, skills) in [
        ("needs", setting.needs.iter().collect::<Vec<_>>()),
        ("prefers", setting.prefers.iter().collect()),
    ] {
        let skills: Vec<&str> = skills.into_iter().map(|one| one.as_str()).collect();
        if !skills.is_empty() {
            words.push(format!("{word} {}", skills.join(", ")));
        }
    }
    format!("set {}", words.join(", "))
}
