//! Does a trunk live? OPTIONS at times, believed only when it says the same several times.

use super::lines::{Errand, TrunkTimer};
use crate::sip::message::{Method, Name};
use crate::sip::transaction::layer::ClientId;
use crate::switch::dispatch::SDP;
use crate::switch::outgoing::Purpose;
use crate::switch::pbx::{Switch, Timer};
use crate::time::Now;
use rand_chacha::rand_core::RngCore;

/// So many silences in a row, and the trunk is down.
const DOWN_AFTER: u32 = 3;
/// So many answers in a row, and it is up again.
const UP_AFTER: u32 = 2;

impl Switch {
    /// Begins to care for all trunks. Their first questions are spread, so that a restart is no burst.
    pub(in crate::switch) fn begin_trunks(&mut self, now: Now) {
        for at in 0..self.settings.trunks.len() {
            let Some(trunk) = self.settings.trunks.get(at) else {
                return;
            };
            let (register, every) = (trunk.register, trunk.qualify_every);
            if register.is_some() {
                let identity = (self.token(), self.token());
                if let Some(line) = self.lines.lines.get_mut(at) {
                    (line.registration.call_id, line.registration.tag) = identity;
                }
                self.timers
                    .set(Timer::Trunk(TrunkTimer::Register(at)), now.at);
            }
            if let Some(every) = every {
                let first = every.mul_f64(f64::from(self.random.next_u32()) / f64::from(u32::MAX));
                let timer = Timer::Trunk(TrunkTimer::Qualify(at));
                self.timers.set(timer, now.at + first.min(every));
            }
        }
    }

    /// Something is due for a trunk.
    pub(in crate::switch) fn trunk_due(&mut self, timer: TrunkTimer, now: Now) {
        match timer {
            TrunkTimer::Register(at) => self.find_then(at, Errand::Register, now),
            TrunkTimer::Qualify(at) => self.qualify_due(at, now),
        }
    }

    fn qualify_due(&mut self, at: usize, now: Now) {
        let waiting = self.lines.lines.get(at).and_then(|line| line.pulse.asked);
        match waiting {
            Some(_) => self.pulse_missed(at, now),
            None => self.find_then(at, Errand::Qualify, now),
        }
    }

    pub(super) fn send_options(&mut self, at: usize, now: Now) {
        let (token, tag) = (self.token(), self.token());
        let Some((trunk, line)) = self.lines.with(&self.settings.trunks).nth(at) else {
            return;
        };
        let misses = line.pulse.misses;
        let (routes, patience) = (self.routes_to(trunk), trunk.failover_after);
        let uri = trunk.domain();
        let way = self.way_to_trunk(at, misses);
        let (Some(uri), Some(flow)) = (uri, way) else {
            return self.pulse_missed(at, now);
        };
        let who = format!("sip:qaynar@{}", self.settings.domain);
        let to = uri.to_string();
        let identity = (token.as_str(), tag.as_str(), 1);
        let mut request =
            self.request_to_trunk(Method::Options, uri, routes, (&who, &to), identity);
        request.headers.push(Name::Contact, self.our_contact(flow));
        request.headers.push(Name::Accept, SDP);
        // A challenge is an answer like any other: without credentials it is not answered.
        if let Some(trunk) = self.settings.trunks.get(at).cloned() {
            self.expect_at(&trunk, flow);
        }
        let sent = self.send_request(request, flow, Purpose::Qualify(at), None, now);
        let Some(line) = self.lines.lines.get_mut(at) else {
            return;
        };
        line.pulse.asked = sent;
        line.pulse.asked_at = now.at;
        self.timers
            .set(Timer::Trunk(TrunkTimer::Qualify(at)), now.at + patience);
    }

    /// Any final answer is a sign of life, also a late one.
    pub(in crate::switch) fn trunk_answered(
        &mut self,
        at: usize,
        id: ClientId,
        status: u16,
        now: Now,
    ) {
        if status < 200 {
            return;
        }
        let Some((trunk, line)) = self.lines.of(&self.settings.trunks, at) else {
            return;
        };
        let pulse = &mut line.pulse;
        pulse.status = Some(status);
        pulse.misses = 0;
        pulse.answers = pulse.answers.saturating_add(1);
        let up = pulse.down && pulse.answers >= UP_AFTER;
        pulse.down &= !up;
        if pulse.asked == Some(id) {
            pulse.asked = None;
            let every = trunk.qualify_every.unwrap_or_default();
            let next = (pulse.asked_at + every).max(now.at);
            self.timers.set(Timer::Trunk(TrunkTimer::Qualify(at)), next);
        }
        if up {
            let text = format!("trunk {} answers again ({status})", trunk.name);
            self.alarm(None, "trunk-up", text, now);
        }
    }

    /// Our own network could not send the question.
    pub(in crate::switch) fn trunk_unreachable(&mut self, at: usize, id: ClientId, now: Now) {
        let waiting = self.lines.lines.get(at).and_then(|line| line.pulse.asked);
        if waiting == Some(id) {
            self.pulse_missed(at, now);
        }
    }

    fn pulse_missed(&mut self, at: usize, now: Now) {
        let Some((trunk, line)) = self.lines.of(&self.settings.trunks, at) else {
            return;
        };
        let pulse = &mut line.pulse;
        if pulse.asked.take().is_none() {
            pulse.asked_at = now.at;
        }
        pulse.answers = 0;
        pulse.misses = pulse.misses.saturating_add(1);
        let down = !pulse.down && pulse.misses >= DOWN_AFTER;
        pulse.down |= down;
        let every = trunk.qualify_every.unwrap_or_default();
        let next = (pulse.asked_at + every).max(now.at);
        let text = format!(
            "trunk {} does not answer OPTIONS ({} times): `qaynar trunk test {}` tells what to ask the carrier",
            trunk.name, pulse.misses, trunk.name
        );
        self.timers.set(Timer::Trunk(TrunkTimer::Qualify(at)), next);
        if down {
            self.alarm(None, "trunk-down", text, now);
        }
    }
}
