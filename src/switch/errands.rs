//! Feature codes: an operator dials, the state changes, and a voice says so.

use super::arrive::Called;
use super::pbx::Switch;
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
        if !self.is_own(Some(&code)) && !self.takes_code(&code, id, &request, flow, &operator, now)
        {
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

    /// Does what the code asks and says what was done; the leg ends with the words.
    pub(super) fn run_errand(&mut self, leg: LegId, operator: &OperatorId, now: Now) {
        let code = self.dialled_code(leg);
        let meant = code
            .as_deref()
            .and_then(|code| self.settings.codes.meant(code));
        if let Some(meant) = meant.filter(|_| !self.is_own(code.as_deref())) {
            let words = self.dialled_in(operator, &meant, now);
            return self.say_to_errand(leg, words);
        }
        let codes = self.settings.codes.clone();
        let done = match code.as_deref() {
            Some(code) if code == codes.log_in => Some(Done::LoggedIn),
            Some(code) if code == codes.log_out => Some(Done::LoggedOut),
            Some(code) if code == codes.pause => Some(Done::Paused),
            Some(code) if code == codes.resume => Some(Done::Resumed),
            _ => None,
        };
        let leaves = matches!(done, Some(Done::LoggedOut | Done::Paused));
        let waiting = leaves && self.domain.waiting() > 0;
        if let Some(done) = done {
            let who = operator.clone();
            let change = match done {
                Done::LoggedIn => Input::LogIn(who),
                Done::LoggedOut => Input::LogOut(who),
                Done::Paused => Input::Pause(who, "by code".to_owned()),
                Done::Resumed => Input::Resume(who),
            };
            self.tell_queue(change, now);
            if matches!(done, Done::LoggedIn | Done::Resumed) {
                self.forgive_phones(operator, now);
            }
        }
        let state = self.domain.state(operator);
        let state = state.unwrap_or(OperatorState::LoggedOut);
        self.say_to_errand(leg, speech::errand(done, state, waiting));
    }

    /// The leg ends with the words.
    fn say_to_errand(&mut self, leg: LegId, words: Vec<PromptName>) {
        let language = self.plan.first_language();
        let clips = words.into_iter().map(|name| Clip {
            language: Some(language),
            name,
        });
        self.last_playback += 1;
        self.media(Command::Play {
            leg,
            playback: self.last_playback,
            clips: clips.collect(),
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

    fn is_own(&self, code: Option<&str>) -> bool {
        let codes = &self.settings.codes;
        let own = [
            &codes.status,
            &codes.log_in,
            &codes.log_out,
            &codes.pause,
            &codes.resume,
        ];
        code.is_some_and(|code| own.iter().any(|one| *one == code))
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
