//! Who is slowed and who is banned: guessers of passwords, and scanners.
//!
//! A datagram may bear anybody's address, so it bans nobody by itself: what counts came by a connection,
//! or proves by a nonce that was sent to that very address that its sender hears what we send there. A
//! trunk is never slowed or banned, nor an address as a whole that an operator's phone is registered at.
//! Under one name such an address can still be refused, if that name has no phone there: whoever guesses the
//! password of 102 from behind the NAT of 101 is refused as 102 alone, and 101 works on. An operator whose
//! phone is registered there is not refused there under the own name, whatever others guess.

use std::time::Duration;

use super::bans::{Ban, short};
use super::input::Output;
use super::pbx::Switch;
use crate::event::What;
use crate::ids::OperatorId;
use crate::sip::flow::{Flow, Transport};
use crate::sip::message::{Method, Request};
use crate::sip::source::Source;
use crate::sip::transaction::layer::{Incoming, Kind};
use crate::time::{Instant, Now};

/// A scanner's message counts as so many wrong passwords.
const SCANNER: u32 = 10;
/// Bans are told of by an alarm at most so often; each has its line in the log.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How far somebody may be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shelter {
    /// Not at all: a trunk, or a network that is never banned.
    Full,
    /// Under one name: there are phones of operators at this address.
    Phones,
    /// Altogether.
    None,
}

/// The alarm of bans.
#[derive(Debug, Default)]
pub(super) struct BanAlarm {
    untold: u64,
    next: Instant,
}

impl Switch {
    fn shelter(&self, flow: Flow) -> Shelter {
        let ip = flow.remote.ip();
        let never = || self.settings.bans.never.iter().any(|net| net.contains(&ip));
        if self.trunk_behind(flow).is_some()
            || self.trunk_at(ip).is_some()
            || self.is_server_of_trunk(ip)
            || never()
        {
            return Shelter::Full;
        }
        let source = Source::of(ip);
        let mut bindings = self.registrar.all().flat_map(|(_, bindings)| bindings);
        match bindings.any(|one| Source::of(one.flow.remote.ip()) == source) {
            true => Shelter::Phones,
            false => Shelter::None,
        }
    }

    /// Whether an operator has a phone at a source.
    fn lives_at(&self, user: &str, source: Source) -> bool {
        let mut bindings = self.registrar.contacts(&OperatorId::from(user)).iter();
        bindings.any(|one| Source::of(one.flow.remote.ip()) == source)
    }

    /// Whether a request gets no answer: it would begin something, and a scanner sent it, or a source that
    /// is banned. An answer would only tell a scanner that somebody is here.
    pub(super) fn ignores(
        &mut self,
        request: &Request,
        incoming: &Incoming,
        flow: Flow,
        now: Now,
    ) -> bool {
        let goes_on = matches!(incoming.kind, Kind::Ack | Kind::Cancel)
            || request.headers.to().is_ok_and(|to| to.tag().is_some())
            || self.layer.knows(&incoming.key);
        // Most that begins something is a trunk's: it costs nothing more.
        if goes_on || self.trunk_at(flow.remote.ip()).is_some() {
            return false;
        }
        let source = Source::of(flow.remote.ip());
        let is_banned = self.bans.refuses(source, None, now.at);
        let scanners = std::sync::Arc::clone(&self.settings.bans.scanners);
        let scanner = scanners.find(request);
        if !is_banned && scanner.is_none() {
            return false;
        }
        match (self.shelter(flow), scanner) {
            (Shelter::Full, _) => false,
            (Shelter::Phones, scanner) => scanner.is_some(),
            (Shelter::None, None) => true,
            (Shelter::None, Some(name)) => {
                self.scanned(name, flow, now);
                true
            }
        }
    }

    fn scanned(&mut self, name: &str, flow: Flow, now: Now) {
        if flow.transport == Transport::Udp {
            // It may not be from there at all: one pause after the other would be a ban of whoever is.
            return;
        }
        let why = format!("scanned ({name})");
        if !self.strike(flow, None, SCANNER, &why, now) {
            self.pause(flow);
        }
    }

    /// Whether whoever comes by this way may not prove to be this user. All proofs are refused alike,
    /// whatever they are worth, and whether or not there is such an operator.
    pub(super) fn refuses_proof(&self, user: &str, flow: Flow, now: Now) -> bool {
        let source = Source::of(flow.remote.ip());
        self.bans.refuses(source, Some(user), now.at)
            && !self.lives_at(user, source)
            && self.shelter(flow) != Shelter::Full
    }

    /// A proof was wrong. `heard`: whoever sent it has shown to hear what we send to this address.
    pub(super) fn wrong_proof(&mut self, user: &str, flow: Flow, heard: bool, now: Now) {
        let source = Source::of(flow.remote.ip());
        if !heard || self.lives_at(user, source) {
            return;
        }
        const WHY: &str = "tried wrong passwords";
        let banned = match self.shelter(flow) {
            Shelter::Full => return,
            Shelter::Phones => self.strike(flow, Some(user), 1, WHY, now),
            Shelter::None => {
                let under_the_name = self.strike(flow, Some(user), 1, WHY, now);
                self.strike(flow, None, 1, WHY, now) || under_the_name
            }
        };
        if !banned {
            self.pause(flow);
        }
    }

    /// A name was asked for without a proof. By connections alone, since it costs memory.
    pub(super) fn asked_for(&mut self, request: &Request, flow: Flow, now: Now) {
        if flow.transport == Transport::Udp || self.shelter(flow) != Shelter::None {
            return;
        }
        let source = Source::of(flow.remote.ip());
        let (name, settings) = (name_of(request), &self.settings.bans);
        let count = self.bans.asked(source, &name, settings, now.at);
        let most = settings.scanners.names;
        if count >= most as usize {
            let all = settings.source_after;
            self.strike(flow, None, all, &format!("asked for {most} names"), now);
        }
    }

    /// A proof was right: neither it nor what led to it counts against its source.
    pub(super) fn right_proof(&mut self, user: &str, request: &Request, flow: Flow, now: Now) {
        let source = Source::of(flow.remote.ip());
        self.bans.proved(source, user, now.at);
        self.bans.proved(source, &name_of(request), now.at);
    }

    /// Somebody did wrong; whether that was once too often.
    fn strike(&mut self, flow: Flow, user: Option<&str>, points: u32, why: &str, now: Now) -> bool {
        let source = Source::of(flow.remote.ip());
        let settings = &self.settings.bans;
        let ban = self.bans.strike((source, user), points, why, settings, now);
        let Some(ban) = ban else { return false };
        let operator = self.known_operator(ban.user.as_deref());
        let (length, is_operator) = (ban.until.since(now.wall), operator.is_some());
        let what = What::Banned {
            operator: operator.clone(),
            reason: ban.why.clone(),
            length,
        };
        self.emit(None, what, now);
        self.tell_ban(operator, why, length, now);
        self.outputs.push_back(Output::Ban {
            ban,
            address: flow.remote.ip(),
            is_operator,
        });
        true
    }

    /// The operator of this name, if there is one: what else was tried may be anything, and is not told.
    fn known_operator(&self, user: Option<&str>) -> Option<OperatorId> {
        let operator = OperatorId::from(user?);
        self.accounts.contains_key(&operator).then_some(operator)
    }

    fn tell_ban(&mut self, operator: Option<OperatorId>, why: &str, length: Duration, now: Now) {
        self.ban_alarm.untold += 1;
        if now.at < self.ban_alarm.next {
            return;
        }
        self.ban_alarm.next = now.at + TELL_EVERY;
        let others = match std::mem::take(&mut self.ban_alarm.untold) {
            0 | 1 => String::new(),
            count => format!(", and {} others before", count - 1),
        };
        let whom = operator.map_or(String::new(), |operator| {
            format!(" of operator {operator} (or has an old one)")
        });
        let text = format!(
            "somebody {why}{whom} and is banned for {} s{others}; \
             `qaynar bans` lists, `qaynar bans lift` lifts",
            length.as_secs()
        );
        self.alarm(None, "banned", text, now);
    }

    /// The source, or where phones are beside it the connection alone, is not heard for a moment.
    fn pause(&mut self, flow: Flow) {
        let source = Source::of(flow.remote.ip());
        let settings = &self.settings.bans;
        let (time, whole) = match self.bans.pause(source, settings) {
            Some(time) => (time, true),
            None if self.shelter(flow) == Shelter::Phones && !self.is_phone(flow) => {
                (settings.slow_by, false)
            }
            None => return,
        };
        self.outputs.push_back(Output::Slow { flow, time, whole });
    }

    /// The bans that hold, for people, and for the next start.
    pub fn bans(&self, now: Now) -> Vec<Ban> {
        self.bans.list(now)
    }

    /// Bans that a store kept.
    pub(super) fn restore_bans(&mut self, bans: Vec<Ban>, now: Now) {
        for ban in bans {
            self.bans.restore(ban, &self.settings.bans, now);
        }
    }

    /// An administrator forgives.
    pub(super) fn lift_bans(&mut self, source: Source, user: Option<&str>, now: Now) {
        let user = user.map(short);
        let lifted = self.bans.lift(source, user.as_deref(), now);
        if !lifted.is_empty() {
            let count = lifted.len();
            self.emit(None, What::BansLifted { count }, now);
        }
        for ban in lifted {
            self.outputs.push_back(Output::Lift {
                source: ban.source,
                user: ban.user,
            });
        }
    }
}

/// The name that a request asks for: whom it calls, or who it would be.
fn name_of(request: &Request) -> String {
    let called = || request.uri.user();
    let named = || request.headers.to().ok().and_then(|to| to.uri.user());
    let name = match request.method {
        Method::Invite => called(),
        _ => named(),
    };
    name.unwrap_or_default()
}
