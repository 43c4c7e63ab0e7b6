//! The tests that a plan carries.

use super::fault::Fault;
use super::plan::{Ends, Plan};
use super::route::{Assumed, route};
use crate::time::Wall;

/// Runs all expectations; `now` stands where one names no moment.
///
/// # Errors
/// One fault for each that is not met.
pub fn run(plan: &Plan, now: Wall) -> Result<usize, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut count = 0;
    for expected in &plan.expectations {
        for dialled in &expected.dial {
            count += 1;
            let assumed = Assumed {
                at: expected.at.unwrap_or(now),
                operators: expected.operators,
                keys: expected.keys.clone(),
            };
            let found = route(plan, dialled, &assumed);
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
                    remedy: format!("see why: qaynar route {dialled}"),
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

fn words(ends: &Ends) -> String {
    match ends {
        Ends::Queue(queue) => format!("queue {queue}"),
        Ends::Heard(prompt) => format!("the prompt {prompt} and the end of the call"),
        Ends::HungUp => "silence and the end of the call".to_owned(),
    }
}
