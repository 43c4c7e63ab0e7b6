//! What an operator keys in during a talk, and codes that go on with a number: `*102#`, `*3201#`.
//!
//! Callers' keys do nothing here.

use std::time::Duration;

use super::guests::Answer;
use super::pbx::Switch;
use super::settings::FeatureCodes;
use crate::dialplan::Number;
use crate::event::Supervision;
use crate::ids::{CallId, LegId, OperatorId, PromptName};
use crate::speech;
use crate::time::{Instant, Now};

/// Between two keys of a code.
const PAUSE: Duration = Duration::from_secs(10);
/// The longest: a code, and an international number.
const LONGEST: usize = 24;

/// The beginning of a code.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    text: String,
    at: Instant,
}

/// What a code means that goes on with a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// This service, at once.
    Help(Number),
    /// A colleague or a number outside.
    Bring(String),
    /// To hear an operator's talk.
    Supervise(Supervision, OperatorId),
}

impl FeatureCodes {
    /// What is meant by a code that begins like one of ours; the longest beginning counts.
    pub(super) fn meant(&self, dialled: &str) -> Option<Meant> {
        if let Some(number) = dialled.strip_prefix(self.help.as_str())
            && let Some(number) = Number::parse(number).filter(|one| one.as_str() == number)
            && number.is_emergency()
        {
            return Some(Meant::Help(number));
        }
        let supervised = [
            (&self.listen, Supervision::Listen),
            (&self.whisper, Supervision::Whisper),
            (&self.barge, Supervision::Barge),
        ];
        let codes = supervised.map(|(code, how)| (code, Some(how)));
        let codes = codes.into_iter().chain([(&self.bring, None)]);
        let begins = codes.filter_map(|(code, how)| {
            let rest = dialled.strip_prefix(code.as_str())?;
            (!rest.is_empty()).then_some((code.len(), how, rest))
        });
        let (_, how, rest) = begins.max_by_key(|(length, ..)| *length)?;
        Some(match how {
            Some(how) => Meant::Supervise(how, OperatorId::from(rest)),
            None => Meant::Bring(rest.to_owned()),
        })
    }
}

impl Switch {
    /// A key of an operator in a talk. `false`: it is somebody else's.
    pub(super) fn typed(&mut self, leg: LegId, key: char, now: Now) -> bool {
        let one = self.legs.get(&leg).filter(|one| !one.supervises);
        let Some((id, operator)) = one.and_then(|one| Some((one.call()?, one.operator.clone()?)))
        else {
            return false;
        };
        if !self.calls.get(&id).is_some_and(|call| call.is_talking()) {
            return false;
        }
        let fresh = |typed: &Typed| now.at.since(typed.at) < PAUSE;
        let begun = self.typed.remove(&leg).filter(fresh);
        let text = match (key, begun) {
            ('*', _) => "*".to_owned(),
            (_, None) => return true,
            ('#', Some(typed)) => {
                self.keyed_in(id, leg, &operator, &typed.text, now);
                return true;
            }
            (key, Some(typed)) => format!("{}{key}", typed.text),
        };
        if text.len() <= LONGEST {
            self.typed.insert(leg, Typed { text, at: now.at });
        }
        true
    }

    fn keyed_in(&mut self, id: CallId, leg: LegId, operator: &OperatorId, code: &str, now: Now) {
        if code == self.settings.codes.reveal {
            return self.break_glass(id, leg, operator, now);
        }
        let answer = match self.settings.codes.meant(code) {
            Some(Meant::Help(number)) => self.bring_help(id, operator, &number, now),
            Some(Meant::Bring(wanted)) => self.bring(id, operator, &wanted, now),
            Some(Meant::Supervise(..)) | None => return,
        };
        // Where all hear the dialplan's word, that is enough.
        let speaks = self
            .calls
            .get(&id)
            .is_some_and(|call| call.words.contains_key(&leg));
        if answer.is_err() || !speaks {
            let language = self.plan.first_language();
            self.say_over(id, &[leg], &words_for(answer), language);
        }
    }

    /// The same by a code that was dialled on another line of the phone; the words that answer it.
    pub(super) fn dialled_in(
        &mut self,
        operator: &OperatorId,
        meant: &Meant,
        now: Now,
    ) -> Vec<PromptName> {
        let Some((id, _)) = self.talk_of(operator) else {
            return vec![speech::refusal(speech::refusal::Why::NobodyTalks)];
        };
        let answer = match meant {
            Meant::Help(number) => self.bring_help(id, operator, number, now),
            Meant::Bring(wanted) => self.bring(id, operator, wanted, now),
            Meant::Supervise(..) => return Vec::new(),
        };
        words_for(answer)
    }
}

fn words_for(answer: Answer) -> Vec<PromptName> {
    match answer {
        Ok(told) => speech::talk(told),
        Err(why) => vec![speech::refusal(why)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_goes_on_with_a_service_a_colleague_or_a_number() {
        let codes = FeatureCodes::default();
        let help = |number: &str| Some(Meant::Help(Number::parse(number).unwrap()));
        for service in ["101", "102", "103", "112"] {
            assert_eq!(codes.meant(&format!("*{service}")), help(service));
        }
        assert_eq!(codes.meant("*3201"), Some(Meant::Bring("201".into())));
        let whole = Meant::Bring("0501234567".into());
        assert_eq!(codes.meant("*30501234567"), Some(whole));
        let listens = |how| Some(Meant::Supervise(how, "201".into()));
        assert_eq!(codes.meant("*21201"), listens(Supervision::Listen));
        assert_eq!(codes.meant("*22201"), listens(Supervision::Whisper));
        assert_eq!(codes.meant("*23201"), listens(Supervision::Barge));
        for nothing in ["*", "*3", "*21", "*0501234567", "102", ""] {
            assert_eq!(codes.meant(nothing), None, "{nothing}");
        }
    }
}
