//! A number outside is called: trunk by trunk, and each trunk's servers one by one, until one takes the
//! call (RFC 3263 §4.3).

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::input::{Output, Route};
use super::pbx::{Switch, Timer};
use super::rings::{Identity, Invitation};
use super::settings::Trunk;
use crate::call::{Progress, Stage};
use crate::dialplan::Number;
use crate::event::{RingEnd, What};
use crate::ids::{CallId, LegId, TrunkName};
use crate::sip::flow::Transport;
use crate::sip::locate::{Address, Answer, Protocol, Question, Search, Target};
use crate::sip::message::{Name, Response};
use crate::sip::uri::Uri;
use crate::time::{Instant, Now};
use rand_chacha::rand_core::RngCore;

/// How long a server that failed is tried after all others.
const TROUBLED_FOR: Duration = Duration::from_secs(30);
/// No Retry-After keeps a server waiting longer.
const LONGEST_TROUBLE: Duration = Duration::from_secs(300);
/// So many troubled servers are remembered.
const MAX_TROUBLED: usize = 256;

/// A number that is being called.
#[derive(Debug, Clone)]
pub(super) struct Dialling {
    number: Number,
    /// Not tried yet.
    trunks: VecDeque<TrunkName>,
    /// Being tried.
    trunk: Option<TrunkName>,
    /// Where that one's servers are, while DNS is asked.
    search: Option<Search>,
    /// Of that one, not tried yet.
    targets: VecDeque<Target>,
    /// Being tried.
    target: Option<Target>,
    /// Its servers get the same Call-ID and tag: whoever is reached by two of them sees one call
    /// (RFC 3261 §8.2.2.2).
    identity: Option<Identity>,
    leg: Option<LegId>,
    retry_after: Option<Duration>,
}

/// Servers that failed a short time ago.
#[derive(Debug, Clone, Default)]
pub(super) struct Troubled(BTreeMap<(Protocol, SocketAddr), Instant>);

impl Troubled {
    fn note(&mut self, target: Target, time: Duration, now: Now) {
        self.0.retain(|_, until| *until > now.at);
        if self.0.len() < MAX_TROUBLED {
            let until = now.at + time.min(LONGEST_TROUBLE);
            self.0.insert((target.protocol, target.remote), until);
        }
    }

    fn has(&self, target: &Target, now: Now) -> bool {
        let until = self.0.get(&(target.protocol, target.remote));
        until.is_some_and(|until| *until > now.at)
    }

    /// The same places, those without trouble first; where all have it, all are tried.
    fn last(&self, targets: Vec<Target>, now: Now) -> VecDeque<Target> {
        let well = |target: &Target| !self.has(target, now);
        let (mut first, rest): (Vec<_>, Vec<_>) = targets.into_iter().partition(well);
        first.extend(rest);
        first.into()
    }
}

/// What a refusal says of who else could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The callee's, or all the network's.
    Final,
    /// This server cannot: the next one.
    Server,
    /// This trunk does not want us: the next one.
    Trunk,
}

/// §21.5: server failures say nothing of other servers; what stands against ourselves or our codecs
/// says nothing of other trunks. `ringing`: the callee's phone rang already.
fn verdict(status: u16, ringing: bool) -> Verdict {
    match status {
        408 if ringing => Verdict::Final,
        408 | 500 | 502..=504 | 580 => Verdict::Server,
        401..=403 | 407 | 488 | 501 | 505 | 513 => Verdict::Trunk,
        _ => Verdict::Final,
    }
}

impl Switch {
    /// Begins to call `number` over `trunks`, in their order; `false`: none of them can.
    pub(super) fn dial(
        &mut self,
        call: CallId,
        number: &Number,
        trunks: Vec<TrunkName>,
        now: Now,
    ) -> bool {
        let dialling = Dialling {
            number: number.clone(),
            trunks: trunks.into(),
            trunk: None,
            search: None,
            targets: VecDeque::new(),
            target: None,
            identity: None,
            leg: None,
            retry_after: None,
        };
        self.dialling.insert(call, dialling);
        self.dial_on(call, now)
    }

    /// The next server or the next trunk; `false`: there is none.
    fn dial_on(&mut self, call: CallId, now: Now) -> bool {
        while let Some(dialling) = self.dialling.get_mut(&call) {
            if let Some(target) = dialling.targets.pop_front() {
                if self.dial_target(call, target, now) {
                    return true;
                }
            } else if let Some(trunk) = dialling.trunks.pop_front() {
                if self.find_trunk(call, &trunk, now) {
                    return true;
                }
            } else {
                self.dialling.remove(&call);
            }
        }
        false
    }

    /// Asks where a trunk's servers are; `false`: they are known, or never will be.
    fn find_trunk(&mut self, call: CallId, name: &TrunkName, now: Now) -> bool {
        let emergency = self.dialling.get(&call);
        let emergency = emergency.is_some_and(|one| one.number.is_emergency());
        let trunk = self.settings.trunks.iter().find(|one| one.name == *name);
        let Some(trunk) = trunk.cloned() else {
            return false;
        };
        // Whether the carrier has one more for a call to 112, it says itself.
        if !emergency && !self.has_channel(&trunk, emergency) {
            self.trunk_failed(call, name, "all its channels for our calls are in use", now);
            return false;
        }
        let supported = self.protocols();
        let search = self
            .first_hop(&trunk)
            .and_then(|uri| Search::begin(&uri, &supported));
        let Some(search) = search else {
            self.trunk_failed(call, name, "we have no transport that it takes", now);
            return false;
        };
        let identity = (self.token(), self.token());
        let questions = search.open().to_vec();
        if let Some(dialling) = self.dialling.get_mut(&call) {
            dialling.trunk = Some(name.clone());
            dialling.search = Some(search);
            dialling.identity = Some(identity);
        }
        for question in questions {
            match self.answer_itself(&question) {
                Some(answer) => self.take_answer(call, &question, answer, now),
                None => self.ask(call, question),
            }
        }
        let waits = self.dialling.get(&call);
        waits.is_some_and(|dialling| dialling.search.is_some())
    }

    /// An address needs no DNS, except where several of ours could lead there: the system has to say
    /// which.
    pub(super) fn answer_itself(&self, question: &Question) -> Option<Answer> {
        let Question::Host(host) = question else {
            return None;
        };
        let remote = host.parse().ok()?;
        let place = SocketAddr::new(remote, 0);
        let ways = |transport| self.ways_out(place, transport).count();
        let single = ways(Transport::Udp) < 2 && ways(Transport::Tcp) < 2;
        let address = Address {
            remote,
            local: None,
        };
        single.then(|| Answer::Addresses(vec![address]))
    }

    fn ask(&mut self, call: CallId, question: Question) {
        self.last_question += 1;
        let number = self.last_question;
        self.resolving.insert(number, (call, question.clone()));
        self.outputs.push_back(Output::Resolve {
            question: number,
            ask: question,
        });
    }

    /// DNS answered.
    pub(super) fn resolved(&mut self, number: u64, answer: Answer, now: Now) {
        let Some((call, question)) = self.resolving.remove(&number) else {
            return;
        };
        self.take_answer(call, &question, answer, now);
        let found = self.dialling.get(&call);
        let idle = found.is_some_and(|one| one.search.is_none() && one.leg.is_none());
        let waits = self.rings_for(call);
        if idle && waits && !self.dial_on(call, now) {
            self.ring_over(call, None, &RingEnd::Unreachable, now);
        }
    }

    fn take_answer(&mut self, call: CallId, question: &Question, answer: Answer, now: Now) {
        let mut lots: VecDeque<u32> = (0..64).map(|_| self.random.next_u32()).collect();
        let mut random = || lots.pop_front().unwrap_or_default();
        let Some(dialling) = self.dialling.get_mut(&call) else {
            return;
        };
        let Some(search) = &mut dialling.search else {
            return;
        };
        let further = search.answer(question, answer, &mut random);
        if let (Some(targets), Some(trunk)) = (search.targets(), dialling.trunk.clone()) {
            dialling.search = None;
            self.found(call, &trunk, targets, now);
        }
        for question in further {
            match self.answer_itself(&question) {
                Some(answer) => self.take_answer(call, &question, answer, now),
                None => self.ask(call, question),
            }
        }
    }

    /// Those of a trunk's servers that a listener of ours leads to: the others, of a family that we do not
    /// listen in, would be failures that say nothing of the carrier.
    pub(super) fn within_reach(&self, mut targets: Vec<Target>) -> Vec<Target> {
        targets.retain(|target| {
            let transport = target.protocol.transport();
            transport.is_some_and(|one| self.ways_out(target.remote, one).next().is_some())
        });
        targets
    }

    /// A trunk's servers are known. While DNS is silent those of the last time are good.
    fn found(&mut self, call: CallId, trunk: &TrunkName, targets: Vec<Target>, now: Now) {
        let targets = self.within_reach(targets);
        let targets = if targets.is_empty() {
            let last = self.last_targets.get(trunk).cloned().unwrap_or_default();
            let reason = match last.is_empty() {
                true => "DNS names no server of it",
                false => "DNS names no server of it now; those of the last time are tried",
            };
            self.trunk_failed(call, trunk, reason, now);
            last
        } else {
            self.last_targets.insert(trunk.clone(), targets.clone());
            self.tell_servers(trunk);
            targets
        };
        let targets = self.troubled.last(targets, now);
        if let Some(dialling) = self.dialling.get_mut(&call) {
            dialling.targets = targets;
        }
    }

    fn dial_target(&mut self, call: CallId, target: Target, now: Now) -> bool {
        let Some(dialling) = self.dialling.get_mut(&call) else {
            return false;
        };
        let (number, identity) = (dialling.number.clone(), dialling.identity.clone());
        let name = dialling.trunk.clone();
        dialling.target = Some(target);
        dialling.retry_after = None;
        let trunk = self.settings.trunks.iter();
        let Some(trunk) = trunk
            .into_iter()
            .find(|one| Some(&one.name) == name.as_ref())
        else {
            return false;
        };
        let trunk = trunk.clone();
        let route = Route {
            remote: target.remote,
            local: target.local,
        };
        let flow = target
            .protocol
            .transport()
            .and_then(|transport| self.flow_to(route, transport));
        let (Some(flow), Some(uri)) = (flow, trunk.uri_of(&number)) else {
            return false;
        };
        self.expect_at(&trunk, flow);
        let what = What::Dialling {
            trunk: trunk.name.clone(),
            server: format!("{}:{}", flow.transport, target.remote),
        };
        self.emit(Some(call), what, now);
        let routes = self.routes_to(&trunk);
        let invitation = Invitation {
            to: format!("<{uri}>"),
            uri: Uri::parse_lenient(&uri),
            // On outside legs our own number is shown, never the caller's.
            from: format!("<sip:{}@{}>", trunk.shown(), self.settings.domain),
            flow,
            operator: None,
            credentials: trunk.credentials.clone(),
            trunk: Some(trunk.name.clone()),
            identity,
            path: routes,
        };
        if let Some(one) = self
            .calls
            .get_mut(&call)
            .filter(|one| one.outgoing.is_some() && one.coming.is_none())
        {
            one.trunk = trunk.name.clone();
        }
        let Some(leg) = self.invite(call, invitation, now) else {
            return false;
        };
        if let Some(dialling) = self.dialling.get_mut(&call) {
            dialling.leg = Some(leg);
        }
        let patience = now.at + trunk.failover_after;
        self.timers.set(Timer::Unheard(leg), patience);
        true
    }

    /// A server did not say a word for the set time: the next one, if there is one; who answers late is
    /// told CANCEL. The last one is waited for.
    pub(super) fn dial_unheard(&mut self, leg: LegId, now: Now) {
        let found = self.dialling.iter().find(|(_, one)| one.leg == Some(leg));
        let Some((call, dialling)) = found.map(|(call, one)| (*call, one)) else {
            return;
        };
        let heard = self
            .legs
            .get(&leg)
            .is_none_or(|leg| matches!(leg.progress, Progress::Calling { heard, .. } if heard));
        let others = !dialling.targets.is_empty() || !dialling.trunks.is_empty();
        if heard || !others {
            return;
        }
        self.server_failed(call, "it does not say a word", now);
        if let Some(one) = self.calls.get_mut(&call) {
            one.rings.remove(&leg);
        }
        self.hang_up(leg, now);
        if !self.dial_on(call, now) {
            self.ring_over(call, None, &RingEnd::Unreachable, now);
        }
    }

    /// A server asks to be left alone for a time (RFC 3261 §20.33).
    pub(super) fn note_retry_after(&mut self, leg: LegId, response: &Response) {
        let after = response.headers.text(Name::RetryAfter);
        let seconds = after.and_then(|text| {
            let digits = text.trim().split(|c: char| !c.is_ascii_digit()).next();
            digits?.parse().ok()
        });
        let found = self.dialling.values_mut();
        if let (Some(seconds), Some(dialling)) =
            (seconds, found.into_iter().find(|one| one.leg == Some(leg)))
        {
            dialling.retry_after = Some(Duration::from_secs(seconds));
        }
    }

    /// A leg to a trunk was refused or found nobody; `true`: that was its end, and the call goes on with
    /// another server or is over by now.
    pub(super) fn dial_goes_on(&mut self, leg: LegId, status: u16, now: Now) -> bool {
        let found = self.dialling.iter().find(|(_, one)| one.leg == Some(leg));
        let Some(call) = found.map(|(call, _)| *call) else {
            return false;
        };
        let ringing = self.legs.get(&leg).is_some_and(
            |leg| matches!(leg.progress, Progress::Calling { ringing, .. } if ringing),
        );
        let verdict = verdict(status, ringing);
        if verdict == Verdict::Final {
            self.dialling.remove(&call);
            return false;
        }
        self.server_failed(call, &format!("it answers {status}"), now);
        if let Some(dialling) = self.dialling.get_mut(&call)
            && verdict == Verdict::Trunk
        {
            dialling.targets.clear();
        }
        self.forget_leg(leg, now);
        if let Some(one) = self.calls.get_mut(&call) {
            one.rings.remove(&leg);
        }
        if self.rings_for(call) && !self.dial_on(call, now) {
            let why = match status {
                408 | 503 => RingEnd::Unreachable,
                status => RingEnd::Declined { status },
            };
            self.ring_over(call, None, &why, now);
        }
        true
    }

    /// Whether a call waits for a number outside: itself, or for somebody who shall come into its talk.
    fn rings_for(&self, call: CallId) -> bool {
        let one = self.calls.get(&call);
        one.is_some_and(|one| matches!(one.stage, Stage::Ringing { .. })) || self.brings(call)
    }

    /// Journals why the server that is being tried is not the one, and remembers it for a while.
    fn server_failed(&mut self, call: CallId, reason: &str, now: Now) {
        let Some(dialling) = self.dialling.get_mut(&call) else {
            return;
        };
        dialling.leg = None;
        let time = dialling.retry_after.take().unwrap_or(TROUBLED_FOR);
        let (trunk, target) = (dialling.trunk.clone(), dialling.target.take());
        if let Some(target) = target {
            self.troubled.note(target, time, now);
        }
        if let Some(trunk) = trunk {
            self.trunk_failed(call, &trunk, reason, now);
        }
    }

    fn trunk_failed(&mut self, call: CallId, trunk: &TrunkName, reason: &str, now: Now) {
        let what = What::DialFailed {
            trunk: trunk.clone(),
            reason: reason.to_owned(),
        };
        self.emit(Some(call), what, now);
    }

    /// A `ring` step for a number outside; `false`: no trunk takes calls.
    pub(super) fn ring_outside(&mut self, call: CallId, number: &Number, now: Now) -> bool {
        let trunks = self.trunks_out(&[]);
        if trunks.is_empty() {
            let text = "a ring step names a number outside, but no trunk has a peer".to_owned();
            self.alarm(Some(call), "no-outgoing-trunk", text, now);
            return false;
        }
        self.dial(call, number, trunks, now)
    }

    /// Whether any trunk takes calls.
    pub(super) fn has_trunk_out(&self) -> bool {
        self.settings.trunks.iter().any(|one| one.uri().is_some())
    }

    /// The trunks that take calls, in the order to try: as `wanted` names them, else by priority and
    /// the lot of their weights.
    pub(super) fn trunks_out(&mut self, wanted: &[TrunkName]) -> Vec<TrunkName> {
        let takes = |trunk: &&Trunk| trunk.uri().is_some();
        let able = self.settings.trunks.iter().filter(takes);
        if !wanted.is_empty() {
            let able: Vec<_> = able.map(|trunk| trunk.name.clone()).collect();
            let wanted = wanted.iter().filter(|name| able.contains(name));
            return self.living_first(wanted.cloned().collect());
        }
        let able: Vec<_> = able
            .map(|trunk| (trunk.choice(), trunk.name.clone()))
            .collect();
        let mut lots: VecDeque<u32> = (0..able.len()).map(|_| self.random.next_u32()).collect();
        let mut random = || lots.pop_front().unwrap_or_default();
        let ordered = crate::sip::locate::by_lot(able, |(choice, _)| *choice, &mut random);
        self.living_first(ordered.into_iter().map(|(_, name)| name).collect())
    }

    /// A number that is being called for one call is called for another from here on.
    pub(super) fn dial_for(&mut self, call: CallId, former: CallId) {
        if let Some(dialling) = self.dialling.remove(&former) {
            self.dialling.insert(call, dialling);
        }
        for (waiting, _) in self.resolving.values_mut() {
            if *waiting == former {
                *waiting = call;
            }
        }
    }

    /// Nobody waits for a number outside any more.
    pub(super) fn stop_dialling(&mut self, call: CallId) {
        self.resolving.retain(|_, (waiting, _)| *waiting != call);
        self.dialling.remove(&call);
    }

    /// The transports that we listen on, and so can call by.
    pub(super) fn protocols(&self) -> Vec<Protocol> {
        let all = self.settings.listeners.iter();
        // No carrier listens for WebSockets.
        let mut all: Vec<_> = all
            .filter(|(transport, _)| !transport.is_websocket())
            .map(|(transport, _)| Protocol::from(*transport))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
