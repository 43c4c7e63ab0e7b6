//! A call's stable state, written down and read back: plain data with wall-clock moments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::arrive::shard_of;
use super::pbx::{PlannedCall, Switch};
use super::returning::CutOff;
use crate::call::{
    Callback, Guest, Leg, Media, Outgoing, Owner, Phase, Progress, Stage, Tape, Told,
};
use crate::dialplan::{Plan, Run};
use crate::event::{Cause, Side, What};
use crate::ids::{CallId, LegId, OperatorId, Pseudonym, QueueName, TrunkName};
use crate::media::Command;
use crate::private::Private;
use crate::queue::ClaimId;
use crate::sip::acceptance::Acceptance;
use crate::sip::dialog::{Dialog, MAX_FORWARDS};
use crate::sip::flow::Flow;
use crate::sip::session_timer::{Agreement, SessionTimer};
use crate::time::{Now, Wall};

/// What a restored dialog's sequence number is raised by: more requests than this do not go out between
/// two snapshots of a call.
const CSEQ_GAP: u32 = 10_000;

/// A leg whose dialog both ends agreed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegSnapshot {
    id: LegId,
    operator: Option<OperatorId>,
    /// Holds the peer's address, which is the caller's number.
    dialog: Private<Dialog>,
    flow: Flow,
    #[serde(default)]
    trunk: Option<TrunkName>,
    contact: String,
    media: Media,
    agreement: Option<Agreement>,
    /// Our 2xx while its ACK is awaited: it may not have gone out before the crash.
    #[serde(default)]
    accepted: Option<Accepted>,
}

/// A 2xx that is sent on until its ACK comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Accepted {
    response: Private<Vec<u8>>,
    /// Of the INVITE.
    cseq: u32,
    /// The ACK owes the answer to our offer.
    answer_due: bool,
}

/// Where the call goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum StageSnapshot {
    /// The step of the dialplan begins again.
    Step,
    /// The place in the queue is kept.
    Waiting { queue: QueueName, joined: Wall },
    /// The two are connected again.
    Talking,
    /// Somebody is to be called back. Legs of an attempt get BYE.
    Callback,
}

/// What a call needs to go on in another process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallSnapshot {
    /// Which.
    pub call: CallId,
    caller: Option<Pseudonym>,
    dialled: String,
    trunk: TrunkName,
    plan: String,
    run: Run,
    stage: StageSnapshot,
    /// `None`: whoever is to be called back is not on the phone.
    caller_leg: Option<LegSnapshot>,
    partner: Option<LegSnapshot>,
    joined: BTreeMap<QueueName, Wall>,
    #[serde(default)]
    ahead: Duration,
    #[serde(default)]
    knows: Option<OperatorId>,
    /// The queue under whose claim the operator talks: its wrap-up follows.
    queue: Option<QueueName>,
    #[serde(default = "most_hops")]
    hops: u8,
    #[serde(default)]
    outgoing: Option<Outgoing>,
    #[serde(default)]
    onward: Option<Outgoing>,
    /// The caller knows that the talk is recorded, and the operator wants silence in it.
    #[serde(default)]
    tape: (bool, bool),
    /// Who takes part besides the two, each with its leg.
    #[serde(default)]
    guests: Vec<(Guest<ClaimId>, LegSnapshot)>,
    /// Who is in the caller's place.
    #[serde(default)]
    host: Option<Guest<ClaimId>>,
    /// How long operators had the other side on hold.
    #[serde(default)]
    held: Duration,
    #[serde(default)]
    waits_since: Option<Wall>,
    #[serde(default)]
    told: Option<Told>,
    #[serde(default)]
    number: Option<Private<String>>,
    #[serde(default)]
    callback: Option<Callback>,
}

impl CallSnapshot {
    /// Whether it is of somebody who is to be called back: no process that ends takes that along.
    pub fn is_callback(&self) -> bool {
        self.stage == StageSnapshot::Callback
    }
}

impl CallSnapshot {
    /// The caller of the helpline whom the end of this call cuts off, if there is an identity.
    pub(super) fn cut_off(&self, at: Wall) -> Option<CutOff> {
        let talker = self.partner.as_ref().and_then(|leg| leg.operator.clone());
        let caller = self.caller.clone().filter(|_| self.outgoing.is_none())?;
        Some(CutOff {
            caller,
            at,
            operator: talker.or_else(|| self.knows.clone()),
        })
    }
}

fn most_hops() -> u8 {
    MAX_FORWARDS
}

impl Switch {
    /// The call's latest stable state; `None`: it has none yet, since it is not answered.
    pub(super) fn snapshot_of(&self, id: CallId) -> Option<CallSnapshot> {
        let call = self.calls.get(&id)?;
        let back = call.callback.as_ref();
        let back = back.is_some_and(|one| one.phase != Phase::Reached);
        let up = |leg: &LegId| self.legs.get(leg).is_some_and(Leg::is_up);
        let caller_leg = Some(call.caller_leg).filter(up);
        let caller_leg = caller_leg.and_then(|leg| self.leg_snapshot(leg));
        if caller_leg.is_none() && !back {
            return None;
        }
        // Until somebody takes the caller who is handed on, a restart gives the call back.
        let hands_on = call.transfer.as_ref().and_then(|transfer| transfer.leg);
        let partner = call.partner.or(hands_on);
        let partner = partner.and_then(|leg| self.leg_snapshot(leg));
        let (stage, run) = match &call.stage {
            _ if back => (StageSnapshot::Callback, &call.run),
            _ if hands_on.is_some() && partner.is_some() => (StageSnapshot::Talking, &call.run),
            Stage::Ringing { .. } if call.transfer.is_some() => {
                (self.back_in_line(id, call), &call.run)
            }
            Stage::Arriving => return None,
            Stage::Playing { .. }
            | Stage::Choosing { .. }
            | Stage::Inquiring { .. }
            | Stage::Ringing { .. }
            | Stage::LeavingMessage { .. } => (StageSnapshot::Step, &call.resume),
            Stage::Waiting { queue, joined, .. } => (
                StageSnapshot::Waiting {
                    queue: queue.clone(),
                    joined: *joined,
                },
                &call.run,
            ),
            Stage::Talking => (StageSnapshot::Talking, &call.run),
        };
        Some(CallSnapshot {
            call: id,
            caller: call.caller.clone(),
            dialled: call.dialled.clone(),
            trunk: call.trunk.clone(),
            plan: call.plan.hash.clone(),
            run: run.clone(),
            stage,
            caller_leg,
            partner,
            joined: call.joined.clone(),
            ahead: call.ahead,
            knows: call.knows.clone(),
            queue: match &call.transfer {
                Some(transfer) => transfer.queue.clone(),
                None => self
                    .domain
                    .queue_of(call.operator.as_ref().and_then(|(_, claim)| *claim)),
            },
            hops: call.hops,
            outgoing: call.outgoing.clone(),
            onward: call.onward.clone().filter(|one| one.since.is_some()),
            tape: (call.tape.told, call.tape.paused),
            guests: self.guest_snapshots(call),
            host: call.host.clone(),
            held: call.held,
            waits_since: call.waits_since,
            told: call.told.clone(),
            number: call.number.clone(),
            callback: call.callback.clone(),
        })
    }

    /// Where a caller is taken up again whose operator hung up while handing on.
    fn back_in_line(&self, id: CallId, call: &PlannedCall) -> StageSnapshot {
        let queue = self.line_of(id, None);
        let joined = queue.as_ref().and_then(|queue| call.joined.get(queue));
        match (queue.clone(), joined) {
            (Some(queue), Some(joined)) => StageSnapshot::Waiting {
                queue,
                joined: *joined,
            },
            _ => StageSnapshot::Step,
        }
    }

    fn guest_snapshots(&self, call: &PlannedCall) -> Vec<(Guest<ClaimId>, LegSnapshot)> {
        let guests = call.guests.iter();
        let kept = guests.filter_map(|guest| Some((guest.clone(), self.leg_snapshot(guest.leg)?)));
        kept.collect()
    }

    /// Who took part besides the two does again, each under a new claim.
    fn restore_guests(
        &mut self,
        id: CallId,
        guests: Vec<(Guest<ClaimId>, LegSnapshot)>,
        host: Option<Guest<ClaimId>>,
        now: Now,
    ) {
        let mut back = Vec::with_capacity(guests.len());
        for (mut guest, kept) in guests {
            guest.leg = self.restore_leg(id, &kept, Side::Operator, now);
            if let Some(leg) = self.legs.get_mut(&guest.leg).filter(|_| !guest.is_party()) {
                leg.supervises = true;
                self.occupy(guest.leg, true, now);
            }
            guest.claim = self.claim_again(id, &guest, now);
            back.push(guest);
        }
        let host = host.map(|mut host| {
            host.claim = self.claim_again(id, &host, now);
            host
        });
        if let Some(call) = self.calls.get_mut(&id) {
            (call.guests, call.host) = (back, host);
        }
    }

    fn claim_again(&mut self, id: CallId, guest: &Guest<ClaimId>, now: Now) -> Option<ClaimId> {
        guest.claim?;
        let operator = OperatorId::from(guest.who.as_str());
        let claim = self.domain.restore_talk(&operator, id, None, now)?;
        self.claims.insert(claim, id);
        Some(claim)
    }

    /// Whoever held the talk before still does.
    fn restore_hold(&mut self, id: CallId, partner: Option<LegId>, now: Now) {
        let holds = partner.filter(|leg| self.legs.get(leg).is_some_and(|leg| leg.media.held));
        if let Some(claim) = holds.and_then(|leg| self.claim_of_talker(id, leg)) {
            self.tell_queue(crate::queue::Input::Held(claim, true), now);
        }
    }

    fn leg_snapshot(&self, id: LegId) -> Option<LegSnapshot> {
        let leg = self.legs.get(&id)?;
        Some(LegSnapshot {
            id,
            operator: leg.operator.clone(),
            dialog: Private::new(leg.dialog.clone()?),
            flow: leg.flow,
            trunk: leg.trunk.clone(),
            contact: leg.contact.clone(),
            media: leg.media.clone(),
            agreement: leg.timer.agreement().copied(),
            accepted: leg.acceptance().and_then(|(acceptance, answer_due)| {
                let (response, cseq) = acceptance.response()?;
                Some(Accepted {
                    response: Private::new(response.to_vec()),
                    cseq,
                    answer_due,
                })
            }),
        })
    }

    /// Puts calls back that a former switch held. Operators, contacts and their states are told
    /// before, by commands; `plans` are the versions that the calls began with, by hash.
    pub fn restore(
        &mut self,
        snapshots: Vec<CallSnapshot>,
        plans: &BTreeMap<String, Arc<Plan>>,
        now: Now,
    ) {
        for snapshot in &snapshots {
            let two = [snapshot.caller_leg.as_ref(), snapshot.partner.as_ref()];
            let guests = snapshot.guests.iter().map(|(_, leg)| leg);
            for leg in two.into_iter().flatten().chain(guests) {
                self.last_leg = self.last_leg.max(leg.id.0);
                if !snapshot.is_callback() {
                    self.ports.claim(leg.media.port);
                }
            }
        }
        // Who talks first: else an operator who is in a call would be rung for a caller who waits.
        let (talking, others): (Vec<_>, Vec<_>) = snapshots
            .into_iter()
            .partition(|snapshot| snapshot.stage == StageSnapshot::Talking);
        for snapshot in talking.into_iter().chain(others) {
            self.restore_call(snapshot, plans, now);
            self.settle(now);
            self.tend_tapes(now);
        }
    }

    /// Ends calls that a former process held and that cannot go on: BYE to each leg, and the one end.
    pub fn interrupt(&mut self, snapshots: Vec<CallSnapshot>, now: Now) {
        for snapshot in snapshots {
            self.say_bye(&snapshot, now);
            self.interrupted_for(&snapshot, now);
            let what = What::Ended {
                by: Side::Server,
                cause: Cause::Interrupted,
            };
            self.emit(Some(snapshot.call), what, now);
            self.settle(now);
        }
    }

    /// Calls that ended so shortly before a crash that a BYE of theirs may be lost: each leg gets it
    /// again. Whoever knows of the end already answers 481, and nothing else comes of it.
    pub fn part_again(&mut self, snapshots: Vec<CallSnapshot>, now: Now) {
        for snapshot in snapshots {
            self.say_bye(&snapshot, now);
            self.settle(now);
        }
    }

    fn say_bye(&mut self, snapshot: &CallSnapshot, now: Now) {
        let legs = [
            (snapshot.caller_leg.as_ref()).map(|leg| (leg, Side::Caller)),
            snapshot.partner.as_ref().map(|leg| (leg, Side::Operator)),
        ];
        let guests = snapshot.guests.iter().map(|(_, leg)| (leg, Side::Operator));
        for (kept, side) in legs.into_iter().flatten().chain(guests) {
            self.last_leg += 1;
            let id = LegId(self.last_leg);
            let leg = LegSnapshot {
                id,
                accepted: None,
                ..kept.clone()
            };
            self.adopt_leg(snapshot.call, &leg, side, now);
            self.hang_up(id, now);
            // It had no media in this process, so none is waited for.
            self.closing.remove(&id);
        }
    }

    fn restore_call(
        &mut self,
        snapshot: CallSnapshot,
        plans: &BTreeMap<String, Arc<Plan>>,
        now: Now,
    ) {
        if snapshot.is_callback() {
            return self.restore_callback(snapshot, plans, now);
        }
        let id = snapshot.call;
        let plan = plans.get(&snapshot.plan).unwrap_or(&self.plan).clone();
        let Some(kept) = snapshot.caller_leg.as_ref() else {
            return;
        };
        let side = match snapshot.host {
            Some(_) => Side::Operator,
            None => Side::Caller,
        };
        let caller_leg = self.restore_leg(id, kept, side, now);
        let partner = snapshot.partner.as_ref();
        let operator = partner.and_then(|leg| leg.operator.clone());
        let partner = partner.map(|leg| self.restore_leg(id, leg, Side::Operator, now));
        let (caller, dialled, trunk) = (snapshot.caller, snapshot.dialled, snapshot.trunk);
        let (ids, way) = ((id, caller_leg), (plan, snapshot.run));
        let call = PlannedCall {
            joined: snapshot.joined,
            ahead: snapshot.ahead,
            knows: snapshot.knows,
            outgoing: snapshot.outgoing,
            onward: snapshot.onward,
            tape: Tape {
                told: snapshot.tape.0,
                paused: snapshot.tape.1,
                ..Tape::default()
            },
            held: snapshot.held,
            waits_since: snapshot.waits_since,
            told: snapshot.told,
            number: snapshot.number,
            callback: snapshot.callback,
            ..PlannedCall::new(ids, caller, dialled, trunk, way, snapshot.hops)
        };
        self.calls.insert(id, call);
        match snapshot.stage {
            StageSnapshot::Step | StageSnapshot::Callback => self.advance(id, now),
            StageSnapshot::Waiting { queue, joined } => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.joined.entry(queue.clone()).or_insert(joined);
                }
                self.join_queue(id, queue, None, now);
            }
            StageSnapshot::Talking => {
                let claim = operator.as_ref().and_then(|operator| {
                    self.domain
                        .restore_talk(operator, id, snapshot.queue.clone(), now)
                });
                if let Some(claim) = claim {
                    self.claims.insert(claim, id);
                }
                if let Some(call) = self.calls.get_mut(&id) {
                    call.stage = Stage::Talking;
                    call.partner = partner;
                    call.operator = operator.map(|operator| (operator, claim));
                }
                self.restore_guests(id, snapshot.guests, snapshot.host, now);
                self.restore_hold(id, partner, now);
                self.connect_media(caller_leg);
            }
        }
    }

    /// The place in the line is kept; an attempt that the former process made is over.
    fn restore_callback(
        &mut self,
        snapshot: CallSnapshot,
        plans: &BTreeMap<String, Arc<Plan>>,
        now: Now,
    ) {
        self.say_bye(&snapshot, now);
        let id = snapshot.call;
        let plan = plans.get(&snapshot.plan).unwrap_or(&self.plan).clone();
        let leg = self.leg_of_nobody();
        let (caller, dialled, trunk) = (snapshot.caller, snapshot.dialled, snapshot.trunk);
        let (ids, way) = ((id, leg), (plan, snapshot.run));
        let mut call = PlannedCall {
            joined: snapshot.joined,
            ahead: snapshot.ahead,
            knows: snapshot.knows,
            callback: snapshot.callback,
            ..PlannedCall::new(ids, caller, dialled, trunk, way, snapshot.hops)
        };
        if let Some(callback) = call.callback.as_mut().filter(|one| one.phase.is_attempt()) {
            callback.phase = Phase::Waits;
        }
        self.calls.insert(id, call);
        self.wait_for_turn(id, now);
    }

    fn restore_leg(&mut self, call: CallId, kept: &LegSnapshot, side: Side, now: Now) -> LegId {
        self.open_stream(kept.id, &kept.media, shard_of(call));
        if let Some(stream) = kept.media.stream.clone() {
            self.media(Command::Configure {
                leg: kept.id,
                stream,
            });
        }
        self.adopt_leg(call, kept, side, now)
    }

    fn adopt_leg(&mut self, call: CallId, kept: &LegSnapshot, side: Side, now: Now) -> LegId {
        let mut dialog = kept.dialog.reveal().clone();
        // Requests that went out after the snapshot took numbers: the peer wants a higher one (§12.2.2).
        dialog.local_cseq = dialog.local_cseq.saturating_add(CSEQ_GAP) & 0x7fff_ffff;
        self.dialogs.insert(dialog.id.clone(), kept.id);
        let acceptance = kept.accepted.as_ref().map(|one| {
            let response = one.response.reveal().as_slice().into();
            Acceptance::new(response, one.cseq, now.at)
        });
        let mut timer = SessionTimer::default();
        timer.start(kept.agreement, now.at);
        let leg = Leg {
            id: kept.id,
            owner: Owner::Call(call),
            side,
            operator: kept.operator.clone(),
            progress: Progress::Up {
                answer_due: kept.accepted.as_ref().is_some_and(|one| one.answer_due),
                acceptance,
                ack: None,
            },
            dialog: Some(dialog),
            // No connection outlives its process.
            flow: kept.flow.closed(),
            contact: kept.contact.clone(),
            media: kept.media.clone(),
            trunk: kept.trunk.clone(),
            credentials: self
                .credentials_of(kept.trunk.as_ref())
                .or_else(|| self.credentials_for(kept.flow, side, kept.operator.is_some())),
            timer,
            ending: false,
            keys_by_info: false,
            referral: None,
            referrals: 0,
            elsewhere: false,
            probing: false,
            probe_at: None,
            allows_update: false,
            refreshing: None,
            supervises: false,
            reinvite: None,
        };
        let call_id = leg.dialog.as_ref().map(|dialog| dialog.id.call_id.clone());
        self.legs.insert(kept.id, leg);
        self.trace(kept.id, &call_id.unwrap_or_default());
        self.occupy(kept.id, true, now);
        self.watch_quiet(kept.id, now);
        self.arm_leg(kept.id);
        kept.id
    }
}
