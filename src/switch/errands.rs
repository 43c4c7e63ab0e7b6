//! Feature codes: an operator dials, the state changes, and a voice says so.

use super::pbx::Switch;
use crate::call::Owner;
use crate::event::{OperatorState, Side};
use crate::ids::{LegId, OperatorId};
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
        let codes = &self.settings.codes;
        let known = [
            &codes.status,
            &codes.log_in,
            &codes.log_out,
            &codes.pause,
            &codes.resume,
            &codes.messages,
        ];
        if !known.contains(&&code) {
            return self.respond_status(id, &request, 404, now);
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
        let codes = self.settings.codes.clone();
        if code.as_ref() == Some(&codes.messages) {
            return self.listen(leg, operator, now);
        }
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
        let language = self.plan.first_language();
        let clips = speech::errand(done, state, waiting)
            .into_iter()
            .map(|name| Clip {
                language: Some(language),
                name,
            })
            .collect();
        self.last_playback += 1;
        let playback = self.last_playback;
        self.media(Command::Play {
            leg,
            playback,
            clips,
        });
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
