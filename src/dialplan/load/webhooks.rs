//! `webhook` steps.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::plan::Action;
use super::super::read::Table;
use super::super::webhook::{LONGEST_ANSWER, Url, Webhook};
use super::{Draft, Reference};
use crate::ids::PathName;

/// How long a server is waited for.
const WITHIN: Duration = Duration::from_secs(2);
/// Whoever calls is kept for no longer.
const LONGEST: Duration = Duration::from_secs(10);
/// No network is faster.
const SHORTEST: Duration = Duration::from_millis(100);
/// More answers than people can keep apart.
const MOST_ANSWERS: usize = 50;

impl Draft {
    pub(super) fn read_webhook(&mut self, step: &Table<'_, '_>) -> Option<Action> {
        let (text, span) = step.text("webhook")?;
        let url = Url::parse(&text).map_err(|fault| {
            let what = format!("{text:?} {fault}");
            step.source.fault(span, what, fault.remedy());
        });
        let within = step.duration("within", false).unwrap_or(WITHIN);
        if !(SHORTEST..=LONGEST).contains(&within) {
            let remedy = "write within = \"2s\", from 100ms to 10s: a caller waits for it";
            step.fault("within is no time to keep a caller for", remedy);
        }
        let mut go = BTreeMap::new();
        if !step.has("go") {
            let remedy = "write go = { ANSWER = \"PATH\" }";
            step.fault("no answer of the webhook leads anywhere", remedy);
        }
        let table = step.table("go");
        for (answer, span, value) in table.iter().flat_map(Table::entries) {
            let place = step.source.place(&span);
            let Some(path) = value.get_ref().as_str() else {
                let what = format!("the answer {answer} leads nowhere");
                step.source.fault(span, what, "write the path in quotes");
                continue;
            };
            if answer.is_empty() || answer.len() > LONGEST_ANSWER || go.len() >= MOST_ANSWERS {
                let what = format!("{answer:?} is no answer");
                let remedy = "write a short word; there may be 50 of them";
                step.source.fault(span, what, remedy);
                continue;
            }
            self.path_references.push(Reference {
                place,
                name: path.to_owned(),
            });
            go.insert(answer.to_owned(), PathName::from(path));
        }
        let otherwise = step.text("otherwise").map(|(path, span)| {
            self.path_references.push(Reference {
                place: step.source.place(&span),
                name: path.clone(),
            });
            PathName(path)
        });
        Some(Action::Webhook(Webhook {
            url: url.ok()?,
            within,
            go,
            otherwise,
        }))
    }
}
