//! An operator's call outside is refused in words: our voice as early media (183), then the status. A phone that
//! cannot hear it, since it made no offer or wants each response acknowledged, gets the status at once.

use std::time::Duration;

use super::arrive::Called;
use super::dispatch::{ALLOW, SDP};
use super::pbx::{Switch, Timer};
use super::place::{Refusal, explained};
use crate::call::{Owner, Progress};
use crate::event::Side;
use crate::ids::LegId;
use crate::media::{Clip, Command};
use crate::sip::message::{Name, Request, Response};
use crate::speech;
use crate::time::Now;

/// Whatever becomes of the voice, the phone is told by then.
const LONGEST: Duration = Duration::from_secs(15);

impl Switch {
    /// Speaks, and refuses when that was heard.
    pub(super) fn refuse_aloud(&mut self, called: Called<'_>, refusal: Refusal, now: Now) {
        let Called { id, request, .. } = called;
        let hears = !request.body.is_empty() && !request.headers.lists(Name::Require, "100rel");
        let leg = match hears && self.legs.len() < self.settings.max_calls * 4 {
            true => self.early_voice(called, now),
            false => None,
        };
        let Some(leg) = leg else {
            let response = explained(Response::to(request, refusal.status), &refusal.why);
            return self.respond(id, request, response, now);
        };
        let clips = vec![Clip {
            language: Some(self.plan.first_language()),
            name: speech::refusal(refusal.words),
        }];
        self.last_playback += 1;
        let playback = self.last_playback;
        self.refusing.insert(leg, refusal);
        self.timers.set(Timer::Unheard(leg), now.at + LONGEST);
        self.media(Command::Play {
            leg,
            playback,
            clips,
        });
    }

    /// A leg of the operator's own that hears us before any answer; `None`: the phone and we have nothing to
    /// talk by.
    fn early_voice(&mut self, called: Called<'_>, now: Now) -> Option<LegId> {
        let Called {
            id,
            request,
            flow,
            operator,
        } = called;
        let owner = (Owner::Errand(operator.clone()), Side::Operator);
        let leg = self.invited_leg(id, request, flow, owner, Some(operator), now);
        let leg = leg.ok()?;
        let Ok(body) = self.describe(leg, request, now) else {
            self.forget_leg(leg, now);
            return None;
        };
        let one = self.legs.get(&leg)?;
        let tag = one.dialog.as_ref()?.id.local_tag.clone();
        let mut progress = Response::to(request, 183)
            .with_record_route(request)
            .with_tag(&tag)
            .with(Name::Contact, one.contact.clone())
            .with(Name::Allow, ALLOW)
            .with(Name::ContentType, SDP);
        progress.body = body;
        let bytes = progress.to_bytes();
        let _ = self.layer.respond(id, 183, bytes.into(), now.at);
        Some(leg)
    }

    /// The words are out, or there was time enough for them. `false`: the leg is no such one.
    pub(super) fn refused_aloud(&mut self, leg: LegId, now: Now) -> bool {
        let Some(refusal) = self.refusing.remove(&leg) else {
            return false;
        };
        if let Some(Progress::Invited { server, invite, .. }) =
            self.legs.get(&leg).map(|leg| &leg.progress)
        {
            let (server, invite): (_, Request) = (*server, (**invite).clone());
            let response = explained(Response::to(&invite, refusal.status), &refusal.why);
            self.respond(server, &invite, response, now);
        }
        self.forget_leg(leg, now);
        true
    }
}
