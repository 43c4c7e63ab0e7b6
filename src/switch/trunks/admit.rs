//! Whose call it is, and whether its trunk may bring one more.

use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::lines::{LineState, Registered};
use super::settings::Trunk;
use crate::event::Turned;
use crate::ids::TrunkName;
use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::switch::pbx::Switch;
use crate::time::Now;

/// How often a full trunk is told of.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// The time that a rate is meant for.
const SECOND: Duration = Duration::from_secs(1);

impl Switch {
    /// The trunk that sits at an address: by its sources, or where it registers us, by its servers.
    pub(in crate::switch) fn trunk_at(&self, remote: IpAddr) -> Option<TrunkName> {
        if let Some(name) = self.settings.trunk_of(remote) {
            return Some(name);
        }
        let all = self.lines.with(&self.settings.trunks);
        let mut registering = all.filter(|(trunk, _)| trunk.register.is_some());
        let (trunk, _) = registering
            .find(|(_, line)| line.targets.iter().any(|one| one.remote.ip() == remote))?;
        Some(trunk.name.clone())
    }

    /// The trunk that brings a request: the one at its source, or the one that was told the Contact that
    /// the request line names. Nobody else can know that.
    pub(in crate::switch) fn trunk_of_request(
        &self,
        request: &Request,
        flow: Flow,
    ) -> Option<TrunkName> {
        let user = request.uri.user().unwrap_or_default();
        let registered = self.settings.trunks.iter().enumerate();
        let mut registered = registered.filter(|(_, trunk)| trunk.register.is_some());
        let told = registered.find(|(_, trunk)| self.contact_user(trunk) == user);
        match told {
            Some((_, trunk)) => Some(trunk.name.clone()),
            None => self.trunk_behind(flow),
        }
    }

    /// The user part of our Contact at a registrar: the same after a restart, and not to be guessed.
    pub(super) fn contact_user(&self, trunk: &Trunk) -> String {
        let mut hash = Sha256::new_with_prefix(b"trunk contact:");
        hash.update(self.settings.pseudonym_key.reveal());
        hash.update(trunk.name.as_str());
        let hash = hash.finalize();
        let hex: String = hash
            .iter()
            .take(10)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("line-{hex}")
    }

    /// Calls that a trunk brings and takes now.
    pub(in crate::switch) fn calls_of(&self, trunk: &TrunkName) -> usize {
        let brought = self.calls.values();
        let brought = brought.filter(|call| call.trunk == *trunk && call.outgoing.is_none());
        let taken = self
            .legs
            .values()
            .filter(|leg| leg.trunk.as_ref() == Some(trunk));
        brought.count() + taken.count()
    }

    /// Whether a trunk has a channel left for a call of ours.
    pub(in crate::switch) fn has_channel(&self, trunk: &Trunk, emergency: bool) -> bool {
        let channels = trunk.channels(emergency);
        channels.is_none_or(|most| self.calls_of(&trunk.name) < most)
    }

    /// Whether a trunk may bring one more call; else the answer: its own code, without Retry-After, since
    /// it is not we who are overloaded.
    pub(in crate::switch) fn trunk_admits(
        &mut self,
        name: &TrunkName,
        now: Now,
    ) -> Result<(), (u16, Turned)> {
        let trunks = self.settings.trunks.iter();
        let Some((at, trunk)) = trunks.enumerate().find(|(_, trunk)| trunk.name == *name) else {
            return Ok(());
        };
        let (limits, channels) = (trunk.limits, trunk.channels(false));
        let full = channels.is_some_and(|most| self.calls_of(name) >= most);
        let Some(line) = self.lines.lines.get_mut(at) else {
            return Ok(());
        };
        let (turned, why) = if full {
            let count = channels.unwrap_or_default();
            let text = format!("all its {count} channels for callers are in use");
            (Turned::TrunkFull, text)
        } else if let Some(rate) = limits.calls_per_second {
            // The virtual scheduling of a leaky bucket that holds one second's calls.
            let due = line.rate.max(now.at);
            let next = due + SECOND / rate.max(1);
            if next.since(now.at) <= SECOND {
                line.rate = next;
                return Ok(());
            }
            let text = format!("it brings more than {rate} calls a second");
            (Turned::TooFast, text)
        } else {
            return Ok(());
        };
        if line.tell_full <= now.at {
            line.tell_full = now.at + TELL_EVERY;
            let text = format!(
                "trunk {name}: {why}; a caller was refused with {}",
                limits.busy_code
            );
            self.alarm(None, "trunk-full", text, now);
        }
        Err((limits.busy_code, turned))
    }

    /// The same trunks, those that are down last: where all are, all are tried.
    pub(in crate::switch) fn living_first(&self, trunks: Vec<TrunkName>) -> Vec<TrunkName> {
        let (mut first, rest): (Vec<_>, Vec<_>) =
            trunks.into_iter().partition(|name| self.is_alive(name));
        first.extend(rest);
        first
    }

    fn is_alive(&self, name: &TrunkName) -> bool {
        let all = self.lines.with(&self.settings.trunks);
        let mut all = all.filter(|(trunk, _)| trunk.name == *name);
        all.next().is_none_or(|(_, line)| !line.pulse.down)
    }

    /// The trunks' states, in the order of the settings.
    pub fn trunks(&self, now: Now) -> Vec<LineState> {
        let all = self.lines.with(&self.settings.trunks);
        all.map(|(trunk, line)| LineState {
            name: trunk.name.clone(),
            calls: self.calls_of(&trunk.name),
            registered: match (trunk.register, line.registration.until) {
                (None, _) => Registered::NotWanted,
                (Some(_), Some(until)) if until > now.at => Registered::Yes,
                (Some(_), _) => Registered::No,
            },
            fault: line.registration.fault.clone(),
            alive: trunk.qualify_every.map(|_| !line.pulse.down),
            status: line.pulse.status,
        })
        .collect()
    }
}
