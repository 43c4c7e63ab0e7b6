//! Callers who want to be called back are asked, key by key: the number is read out, consent is a key, and
//! so is the time at which it is safe to talk. Whoever presses nothing stays where one was.

use std::time::Duration;

use super::arrive::identity;
use super::pbx::{Switch, Timer};
use crate::call::asking::{Asking, Next, Question};
use crate::call::{Said, Stage};
use crate::dialplan::Number;
use crate::event::Side;
use crate::ids::{CallId, LegId, QueueName};
use crate::private::Private;
use crate::sip::message::Request;
use crate::speech::callback::Words;
use crate::time::{Now, Wall};

/// How long a key is awaited after a question.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long one may take over the next digit of a number.
const TYPING: Duration = Duration::from_secs(15);

impl Switch {
    /// The number that a call came with, in its one form; `None`: hidden, or none of a telephone.
    pub(super) fn number_with(&self, request: &Request, trusted: bool) -> Option<Private<String>> {
        let (number, _) = identity(request, trusted)?;
        Some(Private::new(number?.to_string()))
    }

    /// A caller wants to be called back, from the line one waits in or from `queue`. `false`: it cannot be
    /// had, and that was said.
    pub(super) fn ask_for_callback(
        &mut self,
        id: CallId,
        queue: Option<QueueName>,
        now: Now,
    ) -> bool {
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        let by_key = queue.is_none();
        let waits_in = match &call.stage {
            Stage::Waiting { queue, .. } => Some(queue.clone()),
            _ => None,
        };
        let Some(queue) = queue.or(waits_in) else {
            return false;
        };
        if call.is_asked() {
            return true;
        }
        if self.callback_of(id).is_some() {
            self.tell_asked(id, Words::Already);
            return false;
        }
        if !self.takes_callbacks() {
            self.tell_asked(id, Words::NotNow);
            return false;
        }
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        let known = call
            .number
            .as_ref()
            .and_then(|one| Number::parse(one.reveal()));
        let known = known.filter(|number| call.plan.callback.may_call(number));
        let known = known.filter(|number| self.is_within_caps(number, now));
        let number = known.map(|number| Private::new(number.to_string()));
        if number.is_none() && !self.takes_typed() {
            self.tell_asked(id, Words::NotNow);
            return false;
        }
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        let later = call.plan.later_moments(now.wall);
        let asking = Asking::new(queue, number, later, by_key);
        let question = asking.question;
        if let Some(call) = self.calls.get_mut(&id) {
            call.asking = Some(asking);
        }
        self.ask_caller(id, question, now);
        true
    }

    /// Whether callers can be called back at all now.
    pub(super) fn takes_callbacks(&self) -> bool {
        let pending = self.calls.values().filter(|one| one.callback.is_some());
        pending.count() < super::callback::MOST && self.has_trunk_out()
    }

    /// A key of a caller who is asked; `true`: it was an answer.
    pub(super) fn answered_by_key(&mut self, id: CallId, key: char, now: Now) -> bool {
        let Some(call) = self.calls.get_mut(&id) else {
            return false;
        };
        let Some(asking) = &mut call.asking else {
            return false;
        };
        let typing = asking.question == Question::Type;
        let next = asking.press(key);
        if typing && next == Next::Wait {
            self.timers.set(Timer::Question(id), now.at + TYPING);
        }
        self.go_on_asking(id, next, now);
        true
    }

    /// Nothing was pressed in time.
    pub(super) fn question_due(&mut self, id: CallId, now: Now) {
        let asking = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.asking.as_mut());
        if let Some(asking) = asking {
            let next = asking.silence();
            self.go_on_asking(id, next, now);
        }
    }

    /// The question is out: a key is awaited.
    pub(super) fn question_asked(&mut self, id: CallId, now: Now) {
        let asked = self.calls.get(&id).is_some_and(|call| call.is_asked());
        if asked {
            self.timers.set(Timer::Question(id), now.at + PATIENCE);
        }
    }

    fn go_on_asking(&mut self, id: CallId, next: Next, now: Now) {
        match next {
            Next::Wait => {}
            Next::Ask(question) => self.ask_caller(id, question, now),
            Next::Judge(typed) => {
                let Some(call) = self.calls.get(&id) else {
                    return;
                };
                let number = Number::parse(typed.reveal());
                let may = |number: &Number| {
                    call.plan.callback.may_call(number) && !call.plan.has_number(number)
                };
                let number = number.filter(may);
                let number = number.filter(|number| self.is_within_caps(number, now));
                let number = number.map(|one| Private::new(one.to_string()));
                let call = self.calls.get_mut(&id);
                if let Some(asking) = call.and_then(|call| call.asking.as_mut()) {
                    let next = asking.judged(number);
                    self.go_on_asking(id, next, now);
                }
            }
            Next::Agreed(due) => self.agreed(id, due, now),
            Next::GiveUp => self.asked_in_vain(id, now),
        }
    }

    fn ask_caller(&mut self, id: CallId, question: Question, now: Now) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let Some(asking) = &call.asking else {
            return;
        };
        let words = match question {
            Question::Offer => Words::Offer('1'),
            Question::Confirm => {
                let number = asking.number.as_ref().map(|one| one.reveal().as_str());
                Words::Number(national(number.unwrap_or_default()))
            }
            Question::Type if asking.was_wrong() => Words::WrongNumber,
            Question::Type => Words::Type,
            Question::When => {
                let civil = |moment: &Wall| call.plan.civil(*moment);
                let later = asking.later.iter().filter_map(civil).collect();
                Words::When(call.plan.civil(now.wall).unwrap_or_default(), later)
            }
        };
        self.timers.clear(&Timer::Question(id));
        self.tell_asked(id, words);
    }

    /// Says something, whether the caller waits in a line or is at a step of a path.
    fn tell_asked(&mut self, id: CallId, words: Words) {
        let playback = self.say(id, Said::Callback(Private::new(words)));
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        match &mut call.stage {
            Stage::Waiting { speaking, .. } => *speaking = Some(playback),
            stage => *stage = Stage::Playing { playback },
        }
    }

    /// Back to the music, or on with the next step.
    fn asked_in_vain(&mut self, id: CallId, now: Now) {
        self.timers.clear(&Timer::Question(id));
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.asking = None;
        match &mut call.stage {
            Stage::Waiting { speaking, .. } => {
                *speaking = None;
                self.wait_with_music(id);
            }
            _ => self.advance(id, now),
        }
    }

    /// The caller is to be called back: the place in the line is the callback's from here on, and this call
    /// ends with a word.
    fn agreed(&mut self, id: CallId, due: Option<Wall>, now: Now) {
        self.timers.clear(&Timer::Question(id));
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(asking) = call.asking.take() else {
            return;
        };
        let Some(number) = asking.number else {
            return;
        };
        if self.is_called_back(&number) {
            self.leave_line(id, "is to be called back already", now);
            return self.last_words(id, Words::Already);
        }
        self.begin_callback(id, asking.queue, number, due, now);
        self.leave_line(id, "is to be called back, and keeps the place", now);
        self.last_words(id, Words::Noted);
    }

    fn last_words(&mut self, id: CallId, words: Words) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.run.end();
            call.resume = call.run.clone();
        }
        self.tell_asked(id, words);
        self.save(id);
    }

    /// Who pressed a key on a caller's leg.
    pub(super) fn caller_on(&self, leg: LegId) -> Option<CallId> {
        let leg = self.legs.get(&leg).filter(|leg| leg.side == Side::Caller)?;
        leg.call()
    }
}

/// As people of the country read their numbers out: `0501112233`.
fn national(number: &str) -> String {
    match number.strip_prefix("+994") {
        Some(rest) => format!("0{rest}"),
        None => number.trim_start_matches('+').to_owned(),
    }
}
