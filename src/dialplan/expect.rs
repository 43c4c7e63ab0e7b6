//! The tests that a plan carries.

use super::fault::Fault;
use super::plan::{Ends, Plan};
use super::route::{Assumed, route, route_of_operator};

/// Runs all expectations; one that names no moment is meant for any outside of planned closures, so that
/// a restart within one finds the plan as good as it was.
///
/// # Errors
/// One fault for each that is not met.
pub fn run(plan: &Plan) -> Result<usize, Vec<Fault>> {
    let mut faults = circles(plan);
    let mut count = 0;
    for expected in &plan.expectations {
        for dialled in &expected.dial {
            count += 1;
            let assumed = Assumed {
                at: expected.at,
                operators: expected.operators,
                keys: expected.keys.clone(),
                from: expected.from.clone(),
                trunk: expected.trunk.clone(),
                waiting: expected.waiting.clone(),
                lists: expected.lists.clone(),
                calls: expected.calls,
                webhook: expected.webhook.clone(),
            };
            let found = match expected.by_operator {
                true => route_of_operator(plan, dialled, &assumed),
                false => route(plan, dialled, &assumed),
            };
            let spoken = expected
                .language
                .is_none_or(|language| language == found.language);
            if found.ends != expected.ends || !spoken {
                faults.push(Fault {
                    place: expected.place.clone(),
                    what: format!(
                        "a call to {dialled} ends in {} ({}), not in {}",
                        words(&found.ends),
                        found.language,
                        words(&expected.ends)
                    ),
                    remedy: match expected.by_operator {
                        true => format!("see why: qaynar route {dialled} --as-operator"),
                        false => format!("see why: qaynar route {dialled}"),
                    },
                });
            }
        }
    }
    if faults.is_empty() {
        Ok(count)
    } else {
        Err(faults)
    }
}

/// With nobody on shift each queue is left at once: a plan that then leads in a circle would keep the
/// caller in it for ever. One fault for each beginning that does.
fn circles(plan: &Plan) -> Vec<Fault> {
    let alone = |at| Assumed {
        at,
        ..Assumed::default()
    };
    let known = plan.numbers.first().map(ToString::to_string);
    let mut begins = vec![
        (&plan.start, known.clone().unwrap_or_default(), None),
        (&plan.otherwise, String::new(), None),
    ];
    begins.extend(plan.closed.iter().map(|closed| {
        (
            &closed.go,
            known.clone().unwrap_or_default(),
            Some(closed.from),
        )
    }));
    let circling = begins
        .into_iter()
        .filter(|(_, dialled, at)| route(plan, dialled, &alone(*at)).circles);
    circling
        .filter_map(|(path, dialled, _)| {
            let place = plan.paths.get(path)?.first()?.place.clone();
            Some(Fault {
                place,
                what: format!("path {path} leads in a circle while nobody is on shift"),
                remedy: format!(
                    "end it with hang_up or another path; see: qaynar route {dialled} --operators 0"
                ),
            })
        })
        .collect()
}

fn words(ends: &Ends) -> String {
    match ends {
        Ends::Queue(queue) => format!("queue {queue}"),
        Ends::Voicemail(mailbox) => format!("voicemail {mailbox}"),
        Ends::Callback(queue) => format!("a callback from queue {queue}"),
        Ends::Heard(prompt) => format!("the prompt {prompt} and the end of the call"),
        Ends::Said(what) => format!("the spoken {what} and the end of the call"),
        Ends::HungUp => "silence and the end of the call".to_owned(),
        Ends::Outgoing(class) => format!("a call outside, class {class}"),
        Ends::Refused => "a refusal".to_owned(),
    }
}
