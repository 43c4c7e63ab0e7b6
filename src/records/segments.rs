//! Who talked with a caller, one after the other: the parts of one call, out of its events alone.

use std::time::Duration;

use crate::event::{Event, Part, What};
use crate::ids::OperatorId;
use crate::time::Wall;

/// One operator's part in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Who.
    pub operator: OperatorId,
    /// From when.
    pub from: Wall,
    /// Until when; `None`: it goes on.
    pub until: Option<Wall>,
}

impl Segment {
    /// For how long, once it is over.
    pub fn lasted(&self) -> Option<Duration> {
        Some(self.until?.since(self.from))
    }
}

/// The segments of a call whose events these are, in their order. Whoever has a caller back whom
/// nobody took has been there all the time.
pub fn segments(events: &[Event]) -> Vec<Segment> {
    let mut found: Vec<Segment> = Vec::new();
    for event in events {
        let open = found.iter_mut().filter(|one| one.until.is_none());
        match &event.what {
            What::Connected { operator } => {
                let mut goes_on = false;
                for one in open {
                    if one.operator == *operator {
                        goes_on = true;
                    } else {
                        one.until = Some(event.at);
                    }
                }
                if !goes_on {
                    found.push(Segment {
                        operator: operator.clone(),
                        from: event.at,
                        until: None,
                    });
                }
            }
            What::Joined {
                who,
                part: Part::Operator,
            } => found.push(Segment {
                operator: OperatorId::from(who.as_str()),
                from: event.at,
                until: None,
            }),
            What::LeftTalk { who, .. } => open
                .filter(|one| one.operator.as_str() == who)
                .for_each(|one| one.until = Some(event.at)),
            What::Parted { operator, .. } => open
                .filter(|one| one.operator == *operator)
                .for_each(|one| one.until = Some(event.at)),
            What::Ended { .. } => open.for_each(|one| one.until = Some(event.at)),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cause, Side};
    use crate::records::build::samples::event;

    fn connected(operator: &str) -> What {
        What::Connected {
            operator: operator.into(),
        }
    }

    fn parted(operator: &str) -> What {
        What::Parted {
            operator: operator.into(),
            reason: "handed on".into(),
        }
    }

    #[test]
    fn the_parts_of_a_call_that_was_handed_on_add_up_to_its_talk() {
        let ended = What::Ended {
            by: Side::Caller,
            cause: Cause::HungUp,
        };
        let failed = What::TransferFailed {
            operator: "101".into(),
            status: 486,
        };
        let all = [
            event(10, 1, connected("101")),
            event(12, 1, failed),
            event(12, 1, connected("101")),
            event(20, 1, connected("102")),
            event(20, 1, parted("101")),
            // The phone of 102 was lost; for ten seconds the caller waited.
            event(50, 1, parted("102")),
            event(60, 1, connected("103")),
            event(72, 1, ended),
        ];
        let parts: Vec<_> = segments(&all)
            .iter()
            .map(|one| (one.operator.to_string(), one.lasted().unwrap().as_secs()))
            .collect();
        let named = |operator: &str, seconds| (operator.to_owned(), seconds);
        assert_eq!(
            parts,
            [named("101", 10), named("102", 30), named("103", 12)]
        );
    }

    #[test]
    fn a_part_that_goes_on_has_no_end() {
        let all = [event(10, 1, connected("101"))];
        assert_eq!(segments(&all)[0].lasted(), None);
        assert_eq!(segments(&[event(1, 1, parted("101"))]), []);
    }
}
