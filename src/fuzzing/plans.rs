//! Dialplans and the numbers in them.

use crate::dialplan::{Catalogue, Number, expect, load, route};
use crate::time::Wall;

/// A dialplan is refused with its faults, each with a place and a remedy; or it is live, and each call
/// on it comes to an end.
pub(super) fn dialplan(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let lines = text.split('\n').count();
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    let plan = match load(&[("a.toml".into(), text)], &catalogue) {
        Ok(plan) => plan,
        Err(faults) => {
            assert!(!faults.is_empty(), "refused, and nobody knows why");
            for fault in faults {
                let line = fault.place.line;
                assert!((1..=lines).contains(&line), "line {line} of {lines}");
                assert!(
                    !fault.what.is_empty() && !fault.remedy.is_empty(),
                    "{fault:?}"
                );
            }
            return;
        }
    };
    let _ = expect::run(&plan);
    for dialled in ["116111", "0501234567", ""] {
        for operators in [0, 2] {
            let assumed = route::Assumed {
                at: Some(Wall(1_795_000_000_000_000)),
                operators,
                keys: vec!['2'],
                ..route::Assumed::default()
            };
            let found = route::route(&plan, dialled, &assumed);
            assert!(found.steps.len() < 10_000, "a call without end");
            let _ = route::route_of_operator(&plan, dialled, &assumed);
        }
    }
}

/// A number has one form, which is a number itself.
pub(super) fn number(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, context) = match text.split_once(';') {
        Some((text, context)) => (text, Some(context)),
        None => (&*text, None),
    };
    let forms = [Number::parse(text), Number::parse_in_context(text, context)];
    for number in forms.into_iter().flatten() {
        let form = number.as_str();
        let digits = form.strip_prefix('+').unwrap_or(form);
        assert!(digits.len() <= 15, "E.164 §6: {form}");
        assert!(digits.bytes().all(|digit| digit.is_ascii_digit()), "{form}");
        assert_eq!(Number::parse(form).as_ref(), Some(&number));
        let _ = (number.kind(), number.is_emergency());
    }
    if let Some(beginning) = Number::beginning(text) {
        assert!(beginning.starts_with('+'), "{beginning}");
    }
}
