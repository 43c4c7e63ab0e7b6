//! Feature codes: an operator dials, the state changes, and a voice says so.

use std::time::Duration;

use super::arrive::Called;
use super::codes::Asked;
use super::pbx::{Switch, Timer};
use super::typed::Meant;
use crate::call::Owner;
use crate::event::{OperatorState, Side};
use crate::ids::{LegId, OperatorId, PromptName};
use crate::media::{Clip, Command};
use crate::queue::Input;
use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::sip::transaction::layer::ServerId;
use crate::speech::{self, Done};
use crate::time::Now;

/// How long an operator who was asked may think.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

impl Switch {
    /// An operator who proved who that is dialled a code.
    pub(super) fn errand(
        &mut self,
        id: ServerId,
        request: Request,
        flow: Flow,
        operator: OperatorId,
        now: Now,
    ) {
        let code = request.uri.user().unwrap_or_default();
        let own = self.settings.codes.asked(&code).is_some();
        if !own && !self.takes_code(&code, id, &request, flow, &operator, now) {
            return;
        }
        if self.can_take(id, &request, now).is_err() {
            return;
        }
        if let Ok(leg) = self.invited_leg(
            id,
            &request,
            flow,
            (Owner::Errand(operator.clone()), Side::Operator),
            Some(operator),
            now,
        ) {
            self.answer_call(leg, now);
        }
    }

    /// Does what the code asks and says what was done; the leg ends with the words. Who would leave callers
    /// alone is asked first.
    pub(super) fn run_errand(&mut self, leg: LegId, operator: &OperatorId, now: Now) {
        let code = self.dialled_code(leg).unwrap_or_default();
        let Some(asked) = self.settings.codes.asked(&code) else {
            let Some(meant) = self.settings.codes.meant(&code) else {
                return self.say_errand(leg, operator, None);
            };
            let words = self.dialled_in(operator, &meant, now);
            return self.speak_to(leg, words);
        };
        if asked.leaves() && self.domain.is_on_shift(operator) && self.domain.waiting() > 0 {
            let state = self.domain.state(operator);
            let words = speech::errand(None, state.unwrap_or(OperatorState::LoggedOut), true);
            let question = words.into_iter().chain([speech::errand::question()]);
            self.leaving.insert(leg, asked);
            return self.speak_to(leg, question.collect());
        }
        self.do_errand(leg, operator, asked, now);
    }

    fn do_errand(&mut self, leg: LegId, operator: &OperatorId, asked: Asked, now: Now) {
        let who = operator.clone();
        let (done, change) = match asked {
            Asked::Status => return self.say_errand(leg, operator, None),
            Asked::Messages => return self.listen(leg, operator, now),
            Asked::LogIn => (Done::LoggedIn, Input::LogIn(who)),
            Asked::LogOut => (Done::LoggedOut, Input::LogOut(who)),
            Asked::Pause(why) => (Done::Paused, Input::Pause(who, why)),
            Asked::Resume => (Done::Resumed, Input::Resume(who)),
            Asked::Extend(rest) => (Done::Extended, Input::ExtendWrapUp(who, rest)),
        };
        self.tell_queue(change, now);
        if matches!(done, Done::LoggedIn | Done::Resumed) {
            self.forgive_phones(operator, now);
        }
        self.say_errand(leg, operator, Some(done));
    }

    fn say_errand(&mut self, leg: LegId, operator: &OperatorId, done: Option<Done>) {
        let state = self.domain.state(operator);
        let state = state.unwrap_or(OperatorState::LoggedOut);
        let leaves = matches!(done, Some(Done::LoggedOut | Done::Paused));
        let waiting = leaves && self.domain.waiting() > 0;
        self.speak_to(leg, speech::errand(done, state, waiting));
    }

    /// An operator's leg hears this in the first language of the plan.
    pub(super) fn speak_to(&mut self, leg: LegId, words: Vec<PromptName>) {
        let language = Some(self.plan.first_language());
        let clips = words.into_iter().map(|name| Clip { language, name });
        let clips = clips.collect();
        self.last_playback += 1;
        self.media(Command::Play {
            leg,
            playback: self.last_playback,
            clips,
        });
    }

    /// A code that goes on with a number. `false`: it needs no voice of ours, or is none.
    fn takes_code(
        &mut self,
        code: &str,
        id: ServerId,
        request: &Request,
        flow: Flow,
        operator: &OperatorId,
        now: Now,
    ) -> bool {
        let called = Called {
            id,
            request,
            flow,
            operator: operator.clone(),
        };
        match self.settings.codes.meant(code) {
            Some(Meant::Supervise(how, beside)) => self.supervise(called, how, &beside, now),
            // Whoever talks with nobody calls the service.
            Some(Meant::Help(number)) if self.talk_of(operator).is_none() => {
                self.place_to(called, number, now);
            }
            Some(Meant::Help(_) | Meant::Bring(_)) => return true,
            None => self.respond_status(id, request, 404, now),
        }
        false
    }

    /// The question is out: the answer may take a moment. `false`: nothing was asked.
    pub(super) fn awaits_answer(&mut self, leg: LegId, now: Now) -> bool {
        let asked = self.leaving.contains_key(&leg);
        if asked {
            self.timers.set(Timer::Leaving(leg), now.at + ANSWER_WITHIN);
        }
        asked
    }

    /// An operator who would leave callers alone pressed a key, or none in time: 1 leaves, all else stays.
    pub(super) fn answered_leaving(&mut self, leg: LegId, key: Option<char>, now: Now) {
        let Some(asked) = self.leaving.remove(&leg) else {
            return;
        };
        self.timers.clear(&Timer::Leaving(leg));
        let operator = self.legs.get(&leg).and_then(|leg| leg.operator.clone());
        let Some(operator) = operator else { return };
        match key {
            Some('1') => self.do_errand(leg, &operator, asked, now),
            _ => self.say_errand(leg, &operator, None),
        }
    }

    /// The code is the user part of our own end's address.
    fn dialled_code(&self, leg: LegId) -> Option<String> {
        let dialog = self.legs.get(&leg)?.dialog.as_ref()?;
        crate::sip::headers::NameAddr::parse(&dialog.local)
            .ok()?
            .uri
            .user()
    }
}
