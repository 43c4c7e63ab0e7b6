//! The fields of an activity by their names, as files and commands spell them.

use jiff::civil::Date;

use super::contact::Activity;
use super::fields::{FieldError, id};

/// All fields beside the id, in the order of the files.
pub const FIELDS: &[&str] = &["kind", "title", "held_on", "ended_on", "case_id"];

/// The longest title.
const LONGEST: usize = 500;

/// One without anything but its id; a kind and a day are still to be set.
pub fn begun(id: String) -> Activity {
    Activity {
        id,
        kind: String::new(),
        title: None,
        held_on: Date::ZERO,
        ended_on: None,
        case: None,
    }
}

/// Sets a field from its text; an empty one: nothing is known.
///
/// # Errors
/// See [`FieldError`]; the activity is as it was.
pub fn set(activity: &mut Activity, field: &str, text: &str) -> Result<(), FieldError> {
    let text = text.trim();
    let unfit = |reason: String| FieldError::Unfit {
        field: field.to_owned(),
        reason,
    };
    match field {
        "kind" => activity.kind = id(text).map_err(unfit)?,
        "title" => activity.title = title(text).map_err(unfit)?,
        "held_on" => activity.held_on = day(text).map_err(unfit)?,
        "ended_on" => {
            activity.ended_on = match text {
                "" => None,
                text => Some(day(text).map_err(unfit)?),
            }
        }
        "case_id" => activity.case = case(text).map_err(unfit)?,
        _ => {
            return Err(unfit(format!(
                "an activity has no such field; it has: {}",
                FIELDS.join(", ")
            )));
        }
    }
    Ok(())
}

/// The text of a field, as [`set`] reads it.
pub fn text(activity: &Activity, field: &str) -> String {
    let one = activity;
    match field {
        "kind" => one.kind.clone(),
        "title" => one.title.clone().unwrap_or_default(),
        "held_on" => one.held_on.to_string(),
        "ended_on" => one.ended_on.map(|day| day.to_string()).unwrap_or_default(),
        "case_id" => one.case.map(|case| case.to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

/// What contradicts itself in an activity. `today` is the day in Baku.
///
/// # Errors
/// What is wrong, and what to correct.
pub fn check(activity: &Activity, today: Date) -> Result<(), String> {
    let Activity {
        held_on, ended_on, ..
    } = activity;
    match ended_on {
        _ if activity.kind.is_empty() => Err("kind: an activity needs one".into()),
        _ if *held_on == Date::ZERO => Err("held_on: an activity needs a day".into()),
        _ if *held_on > today => Err(format!(
            "held_on: {held_on} is in the future; activities are written down once they were held"
        )),
        Some(ended) if ended < held_on => Err(format!(
            "ended_on: {ended} is before held_on, {held_on}: correct one of them"
        )),
        _ => Ok(()),
    }
}

fn title(text: &str) -> Result<Option<String>, String> {
    match text.chars().count() {
        0 => Ok(None),
        1..=LONGEST => Ok(Some(text.to_owned())),
        count => Err(format!("{count} characters are too many; {LONGEST} fit")),
    }
}

fn day(text: &str) -> Result<Date, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no day; write 2021-06-01"))
}

fn case(text: &str) -> Result<Option<i64>, String> {
    match text {
        "" => Ok(None),
        text => match text.parse() {
            Ok(id @ 1..) => Ok(Some(id)),
            _ => Err(format!("{text:?} is no number of a case")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_was_not_yet_and_an_end_before_the_beginning_are_refused() {
        let mut one = begun("a".into());
        let today = "2024-02-29".parse().unwrap();
        assert!(check(&one, today).unwrap_err().contains("kind"));
        set(&mut one, "kind", "webinar").unwrap();
        assert!(check(&one, today).unwrap_err().contains("needs a day"));
        set(&mut one, "held_on", "2024-03-01").unwrap();
        assert!(check(&one, today).unwrap_err().contains("in the future"));
        set(&mut one, "held_on", "2024-02-29").unwrap();
        assert_eq!(check(&one, today), Ok(()));
        set(&mut one, "ended_on", "2024-02-28").unwrap();
        assert!(check(&one, today).unwrap_err().contains("before held_on"));
        let told = set(&mut one, "held_on", "2023-02-29").unwrap_err();
        assert!(told.to_string().contains("is no day"), "{told}");
        for field in FIELDS {
            let shown = text(&one, field);
            set(&mut one, field, &shown).unwrap();
            assert_eq!(text(&one, field), shown);
        }
    }
}
