//! The value itself: its state, its inputs and its outputs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::bans::Bans;
use super::dial::{Dialling, Troubled};
use super::facts::Recent;
use super::guard::BanAlarm;
use super::input::{Command, Counts, Input, Output};
use super::lines::queue_settings;
use super::listed::Lists;
use super::listening::Listening;
use super::mailbox::Mailboxes;
use super::outgoing::{Pending, Purpose};
use super::place::Refusal;
use super::ports::PortPool;
use super::recordings::Recordings;
use super::refusals::Refusals;
use super::register::Told;
use super::returning::Returning;
use super::settings::{Account, Settings};
use super::silent::Silent;
use super::spending::Spending;
use super::trunks::{Lines, TrunkTimer};
use super::typed::Typed;
use super::unfit::Unfit;
use crate::call::{Call, Leg, Phase, Stage};
use crate::dialplan::{Plan, Run};
use crate::event::{Cause, Event, Side, What};
use crate::ids::{CallId, LegId, OperatorId, TrunkName};
use crate::media;
use crate::queue::{ClaimId, Domain};
use crate::registrar::{Change, Registrar};
use crate::sip::dialog::DialogId;
use crate::sip::flow::ConnectionId;
use crate::sip::locate::{Question, Target};
use crate::sip::nonces::NonceCounts;
use crate::sip::transaction::layer::{self, ClientId, Id, Layer, ServerId};
use crate::time::{Instant, Now, TimerTable};

/// How often the loop of machines that wake each other may turn for one input.
const MAX_TURNS: usize = 10_000;

/// A call with the types that the switch fills in.
pub(super) type PlannedCall = Call<Plan, Run, ClaimId>;

/// What the switch's own timers are for; those of the layer, the queue and the registrar are theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A leg's machines: acceptance, reliable responses, session timer.
    Leg(LegId),
    /// A call's `ring` step.
    Call(CallId),
    /// A caller who is asked something presses nothing.
    Question(CallId),
    /// It is time to call somebody back.
    Callback(CallId),
    /// A trace that waits for the last answers.
    Trace(CallId),
    /// A trunk's server that has not said a word.
    Unheard(LegId),
    /// A trunk's registration, or whether it lives.
    Trunk(TrunkTimer),
    /// Phones behind a NAT.
    Pinholes,
    /// Callers who were refused in the last minute.
    Refusals,
    /// A new day of the helpline.
    Midnight,
    /// Files of recordings whose time is over.
    Recordings,
    /// An operator who hears messages presses no key.
    Listening(LegId),
    /// An operator is asked whether to leave callers alone.
    Leaving(LegId),
}

/// The exchange.
pub struct Switch {
    pub(super) settings: Settings,
    pub(super) random: ChaCha20Rng,
    pub(super) nonce_key: [u8; 32],
    pub(super) plan: Arc<Plan>,
    pub(super) accounts: BTreeMap<OperatorId, Account>,
    pub(super) counts_of_nonces: NonceCounts,
    pub(super) wrong_proofs: Told,
    /// Who guesses and scans.
    pub(super) bans: Bans,
    pub(super) ban_alarm: BanAlarm,
    pub(super) layer: Layer,
    pub(super) registrar: Registrar,
    pub(super) domain: Domain,
    pub(super) calls: BTreeMap<CallId, PlannedCall>,
    pub(super) legs: BTreeMap<LegId, Leg>,
    pub(super) dialogs: BTreeMap<DialogId, LegId>,
    pub(super) clients: BTreeMap<ClientId, Pending>,
    pub(super) servers: BTreeMap<ServerId, LegId>,
    /// Operators who are asked whether to leave callers alone, and what they would do.
    pub(super) leaving: BTreeMap<LegId, super::codes::Asked>,
    /// Whose call outside is being refused in words.
    pub(super) refusing: BTreeMap<LegId, Refusal>,
    pub(super) claims: BTreeMap<ClaimId, CallId>,
    pub(super) ports: PortPool,
    pub(super) timers: TimerTable<Timer>,
    pub(super) outputs: VecDeque<Output>,
    pub(super) last_leg: u64,
    pub(super) last_playback: u64,
    pub(super) last_question: u64,
    /// Questions to DNS that are open.
    pub(super) resolving: BTreeMap<u64, (CallId, Question)>,
    /// Numbers outside that are being called.
    pub(super) dialling: BTreeMap<CallId, Dialling>,
    /// What operators' calls outside have cost today.
    pub(super) spending: Spending,
    pub(super) refusals: Refusals,
    /// Callers who were cut off.
    pub(super) returning: Returning,
    /// What is known of each trunk.
    pub(super) lines: Lines,
    /// Trunks' servers that failed lately.
    pub(super) troubled: Troubled,
    /// Where each trunk's servers were the last time.
    pub(super) last_targets: BTreeMap<TrunkName, Vec<Target>>,
    /// Legs whose media was told to close: whose they were, and the port that comes back.
    pub(super) closing: BTreeMap<LegId, (Option<CallId>, Side, u16)>,
    /// Phones that are not rung until they speak.
    pub(super) silent: Silent,
    /// Phones that refuse what we offer.
    pub(super) unfit: Unfit,
    /// Connections whose peers proved by certificate to be a trunk.
    pub(super) proved: BTreeMap<ConnectionId, TrunkName>,
    /// The messages of the calls in progress.
    pub(super) traces: super::traces::Traces,
    /// Phones that want to hear of their mailboxes.
    pub(super) mailboxes: Mailboxes,
    /// Messages and recorded talks.
    pub(super) recordings: Recordings,
    /// Calls whose recordings want to be looked after in this breath.
    pub(super) tapes: BTreeSet<CallId>,
    /// Operators who hear messages.
    pub(super) listening: BTreeMap<LegId, Listening>,
    /// Codes that operators key in.
    pub(super) typed: BTreeMap<LegId, Typed>,
    /// Who called lately.
    pub(super) recent: Recent,
    /// Who is on which list.
    pub(super) lists: Lists,
    /// The shell says that the clock is not synchronised.
    pub(super) clock_unset: bool,
    pub(super) draining: bool,
}

impl Switch {
    /// An exchange without calls, operators or contacts. `seed` is new at each start and restore,
    /// since branches, tags and nonces come out of it.
    pub fn new(settings: Settings, plan: Arc<Plan>, seed: [u8; 32], now: Now) -> Self {
        let mut random = ChaCha20Rng::from_seed(seed);
        let mut nonce_key = [0; 32];
        random.fill_bytes(&mut nonce_key);
        let lots = random.next_u64();
        let (first, last) = settings.media_ports;
        let mut switch = Self {
            ports: PortPool::new(first, last).beginning_at(random.next_u32()),
            lines: Lines::new(&settings.trunks),
            settings,
            random,
            nonce_key,
            accounts: BTreeMap::new(),
            counts_of_nonces: NonceCounts::default(),
            wrong_proofs: Told::default(),
            bans: Bans::default(),
            ban_alarm: BanAlarm::default(),
            layer: Layer::default(),
            registrar: Registrar::default(),
            domain: Domain::new(lots),
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            leaving: BTreeMap::new(),
            refusing: BTreeMap::new(),
            claims: BTreeMap::new(),
            timers: TimerTable::default(),
            outputs: VecDeque::new(),
            last_leg: 0,
            last_playback: 0,
            last_question: 0,
            resolving: BTreeMap::new(),
            dialling: BTreeMap::new(),
            spending: Spending::default(),
            troubled: Troubled::default(),
            last_targets: BTreeMap::new(),
            refusals: Refusals::default(),
            returning: Returning::default(),
            closing: BTreeMap::new(),
            silent: Silent::default(),
            unfit: Unfit::default(),
            proved: BTreeMap::new(),
            traces: super::traces::Traces::default(),
            mailboxes: Mailboxes::default(),
            recordings: Recordings::default(),
            tapes: BTreeSet::new(),
            listening: BTreeMap::new(),
            typed: BTreeMap::new(),
            recent: Recent::default(),
            lists: Lists::default(),
            clock_unset: false,
            draining: false,
            plan: Arc::clone(&plan),
        };
        switch.emit(
            None,
            What::Started {
                plan: plan.hash.clone(),
            },
            now,
        );
        switch.configure_queues(now);
        switch.await_midnight(now);
        switch.begin_trunks(now);
        switch
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Message { flow, message } => self.receive(*message, flow, now),
            Input::Malformed { flow, malformed } => self.refuse_malformed(&malformed, flow),
            Input::SendFailed { flow } => self.layer.transport_error(flow, now.at),
            Input::Proved { connection, names } => self.proved(connection, &names),
            Input::FlowClosed { connection } => {
                self.proved.remove(&connection);
                let changes = self.registrar.drop_connection(connection, now);
                self.contacts_changed(changes, now);
                self.reroute(connection);
            }
            Input::Resolved { question, answer } => {
                if !self.trunk_resolved(question, &answer, now) {
                    self.resolved(question, answer, now);
                }
            }
            Input::Informed {
                call,
                number,
                answer,
            } => self.server_answered(call, number, answer, now),
            Input::Media(event) => self.heard(event, now),
            Input::Command(command) => self.obey(command, now),
        }
        self.settle(now);
        self.tend_tapes(now);
        self.leave_when_done(now);
    }

    /// Lets all timers fire whose time has come.
    pub fn handle_timeout(&mut self, now: Now) {
        self.layer.handle_timeout(now.at);
        self.domain.handle_timeout(now);
        let changes = self.registrar.handle_timeout(now);
        self.contacts_changed(changes, now);
        self.ask_silent(now);
        self.expire_subscriptions(now);
        while let Some(timer) = self.timers.pop_due(now.at) {
            match timer {
                Timer::Leg(leg) => self.leg_due(leg, now),
                Timer::Call(call) => self.call_due(call, now),
                Timer::Question(call) => self.question_due(call, now),
                Timer::Callback(call) => self.wait_for_turn(call, now),
                Timer::Trace(call) => self.trace_due(call, now),
                Timer::Unheard(leg) => {
                    if !self.refused_aloud(leg, now) {
                        self.dial_unheard(leg, now);
                    }
                }
                Timer::Trunk(timer) => self.trunk_due(timer, now),
                Timer::Pinholes => self.keep_pinholes(now),
                Timer::Refusals => self.refusals_due(now),
                Timer::Recordings => self.look_at_recordings(now),
                Timer::Listening(leg) => self.listener_tires(leg, now),
                Timer::Leaving(leg) => self.answered_leaving(leg, None, now),
                Timer::Midnight => {
                    self.tell_queue(crate::queue::Input::NewDay, now);
                    self.await_midnight(now);
                }
            }
        }
        self.settle(now);
        self.tend_tapes(now);
        self.leave_when_done(now);
    }

    /// When [`Switch::handle_timeout`] is due; `None`: not before the next input.
    pub fn next_timeout(&self) -> Option<Instant> {
        let all = [
            self.layer.next_timeout(),
            self.domain.next_timeout(),
            self.registrar.next_timeout(),
            self.timers.next(),
            self.silent.timers.next(),
            self.mailboxes.timers.next(),
        ];
        all.into_iter().flatten().min()
    }

    /// The next thing to do; `None`: nothing until the next input or timeout.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Lets the machines wake each other until all is quiet.
    pub(super) fn settle(&mut self, now: Now) {
        for _ in 0..MAX_TURNS {
            if let Some(output) = self.layer.poll() {
                self.transaction_says(output, now);
            } else if let Some(action) = self.domain.poll() {
                self.queue_says(action, now);
            } else {
                return;
            }
        }
        self.alarm(
            None,
            "switch-loop",
            "the switch did not come to rest; report this".into(),
            now,
        );
    }

    fn transaction_says(&mut self, output: layer::Output, now: Now) {
        match output {
            layer::Output::Send { flow, bytes } => {
                self.trace_sent(&bytes, flow, now);
                self.outputs.push_back(Output::Send { flow, bytes });
            }
            layer::Output::Timeout(id) => self.unanswered(id, 408, now),
            layer::Output::TransportError(Id::Client(id)) => {
                if !self.falls_back(id, now) {
                    self.unanswered(id, 503, now);
                }
            }
            // The peer's side of an INVITE vanished before our answer: its leg is found dead by its
            // own timers, which also serve a peer who comes back by another connection.
            layer::Output::TransportError(Id::Server(_)) | layer::Output::NotAcknowledged(_) => {}
            layer::Output::Terminated(Id::Client(id)) => {
                self.clients.remove(&id);
            }
            layer::Output::Terminated(Id::Server(id)) => {
                self.servers.remove(&id);
            }
        }
    }

    fn obey(&mut self, command: Command, now: Now) {
        match command {
            Command::Operators(accounts) => self.set_operators(accounts, now),
            Command::Bindings(kept) => {
                let mut changes = Vec::new();
                let mut by_operator: BTreeMap<OperatorId, Vec<_>> = BTreeMap::new();
                for (operator, binding) in kept {
                    by_operator.entry(operator).or_default().push(binding);
                }
                for (operator, bindings) in by_operator {
                    if self.accounts.contains_key(&operator) {
                        changes.extend(self.registrar.restore(&operator, bindings, now));
                        self.await_word(&operator, now);
                    }
                }
                self.contacts_changed(changes, now);
            }
            Command::Bans(bans) => self.restore_bans(bans, now),
            Command::LiftBans { source, user } => self.lift_bans(source, user.as_deref(), now),
            Command::OperatorStates(snapshot) => self.domain.restore(&snapshot, now),
            Command::Cases(cases) => self.returning.cases = cases,
            Command::CutOff(callers) => self.expect_back(callers, now),
            Command::PastCalls(calls) => {
                calls.iter().for_each(|past| self.book_past(past, now));
            }
            Command::Recordings(kept) => self.recordings_known(kept, now),
            Command::RecordingRoom(room) => self.recordings_room(room, now),
            Command::RecordingFailed { recording, reason } => {
                self.recording_failed(recording, &reason, now);
            }
            Command::RecordingLost(count) => {
                let text =
                    format!("the disk is too slow: {count} pieces of recordings are silence");
                self.alarm_rarely("recordings-late", text, now);
            }
            Command::ChangeRecording { recording, change } => {
                self.judge_recording(recording, change, now);
            }
            Command::RecentCalls(calls) => {
                calls
                    .iter()
                    .for_each(|(caller, at)| self.recent.note(caller, *at));
            }
            Command::Lists(all) => self.set_lists(all, now),
            Command::PseudonymKeys { key, former } => self.name_by(key, former),
            Command::SealAgain => self.save_all(),
            Command::Clock { synchronised } => self.clock_found(synchronised, now),
            Command::Apply(plan) => {
                let hash = plan.hash.clone();
                self.emit(None, What::Applied { plan: hash }, now);
                self.plan = plan;
                self.configure_queues(now);
            }
            Command::Drain => {
                self.draining = true;
                self.rest_callbacks(now);
            }
            Command::CancelCallback(call) => {
                self.cancel_callback(call, now);
            }
            Command::ShutDown => {
                self.tell_all_refusals(now);
                self.end_all(Cause::ShutDown, now);
            }
        }
    }

    /// The last call of a drain is over: no carrier need try us any more.
    fn leave_when_done(&mut self, now: Now) {
        if self.draining && self.is_idle() {
            self.leave_trunks(now);
            self.tell_all_refusals(now);
            self.settle(now);
        }
    }

    fn end_all(&mut self, cause: Cause, now: Now) {
        self.set_attempts_aside(now);
        self.rest_callbacks(now);
        // Who is to be called back is so by the next process.
        let all = self.calls.values();
        let all = all.filter(|call| {
            call.callback
                .as_ref()
                .is_none_or(|one| one.phase == Phase::Reached)
        });
        for call in all.map(|call| call.id).collect::<Vec<_>>() {
            self.end_call(call, Side::Server, cause, now);
        }
        let errands: Vec<LegId> = self.legs.keys().copied().collect();
        for leg in errands {
            self.hang_up(leg, now);
        }
    }

    fn set_operators(&mut self, accounts: Vec<Account>, now: Now) {
        let next: BTreeMap<OperatorId, Account> = accounts
            .into_iter()
            .map(|account| (account.operator.clone(), account))
            .collect();
        let gone: Vec<OperatorId> = self
            .accounts
            .keys()
            .filter(|id| !next.contains_key(*id))
            .cloned()
            .collect();
        for operator in gone {
            self.registrar.drop_operator(&operator);
            self.end_subscriptions_of(&operator, "rejected", now);
            self.tell_queue(crate::queue::Input::Remove(operator), now);
        }
        self.forget_silent();
        for operator in next.keys() {
            if !self.accounts.contains_key(operator) {
                self.tell_queue(crate::queue::Input::Add(operator.clone()), now);
            }
        }
        self.accounts = next;
    }

    fn configure_queues(&mut self, now: Now) {
        let queues = self.plan.queues.iter();
        let queues = queues
            .map(|(name, queue)| (name.clone(), queue_settings(queue)))
            .collect();
        self.tell_queue(crate::queue::Input::Queues(queues), now);
        let skills = self.plan.skills.clone();
        self.tell_queue(crate::queue::Input::Skills(skills), now);
    }

    /// What operators did is counted by the days of the dialplan's time zone.
    fn await_midnight(&mut self, now: Now) {
        if let Some(midnight) = self.plan.midnight_after(now.wall) {
            self.timers.set(Timer::Midnight, now.instant_of(midnight));
        }
    }

    pub(super) fn tell_queue(&mut self, input: crate::queue::Input, now: Now) {
        self.domain.handle(input, now);
    }

    pub(super) fn contacts_changed(&mut self, changes: Vec<Change>, now: Now) {
        if !changes.is_empty() {
            self.forget_silent();
            self.watch_pinholes(now);
        }
        for Change {
            operator,
            contacts,
            reason,
        } in changes
        {
            if contacts == 0 {
                self.end_subscriptions_of(&operator, "deactivated", now);
            }
            let reachable = !self.phones_of(&operator).is_empty();
            self.tell_queue(
                crate::queue::Input::Reachable(operator.clone(), reachable),
                now,
            );
            let what = What::Binding {
                operator: operator.clone(),
                contacts,
                reason: reason.to_owned(),
            };
            self.emit(None, what, now);
            let bindings = self.registrar.contacts(&operator).to_vec();
            self.outputs
                .push_back(Output::Bindings { operator, bindings });
        }
    }

    /// Journals something that happened.
    pub(super) fn emit(&mut self, call: Option<CallId>, what: What, now: Now) {
        self.outputs.push_back(Output::Event(Event {
            at: now.wall,
            call,
            what,
        }));
    }

    pub(super) fn alarm(&mut self, call: Option<CallId>, kind: &str, text: String, now: Now) {
        self.emit(
            call,
            What::Alarm {
                kind: kind.to_owned(),
                text,
            },
            now,
        );
    }

    pub(super) fn media(&mut self, command: media::Command) {
        self.outputs.push_back(Output::Media(command));
    }

    /// A new call id: time first, so that ids sort by arrival.
    pub(super) fn new_call_id(&mut self, now: Now) -> CallId {
        CallId::made(now.wall, self.random.next_u32())
    }

    /// Random hex: tags, branches, Call-IDs.
    pub(super) fn token(&mut self) -> String {
        format!("{:016x}", self.random.next_u64())
    }

    /// How it is going.
    pub fn counts(&self) -> Counts {
        let is = |wanted: fn(&Stage) -> bool| {
            self.calls
                .values()
                .filter(|call| wanted(&call.stage) && !call.is_pending_callback())
                .count()
        };
        let pending = || {
            let calls = self.calls.values();
            calls.filter(|call| call.is_pending_callback()).count()
        };
        Counts {
            calls: self.calls.len() - pending(),
            callbacks: pending(),
            waiting: is(|stage| matches!(stage, Stage::Waiting { .. })),
            talking: is(|stage| matches!(stage, Stage::Talking)),
            legs: self.legs.len(),
            transactions: self.layer.len(),
            contacts: self.registrar.len(),
            silent: self.silent.len(),
            unfit: self.unfit.len(),
            traces: self.traces.len(),
            subscriptions: self.mailboxes.len(),
            messages: self.recordings.waiting.len(),
            recording: self.recordings.running.len(),
            asking: self.clients.values().filter(|one| is_ask(one)).count(),
            ports: self.ports.in_use(),
            taken: self.refusals.taken,
            refused: self.refusals.total,
            on_shift: self.domain.on_shift(),
            free: self.domain.free(),
        }
    }

    /// Whether no call and no leg is left, but callers who are to be called back.
    pub fn is_idle(&self) -> bool {
        let mut calls = self.calls.values();
        calls.all(PlannedCall::is_pending_callback) && self.legs.is_empty()
    }

    /// Whether also the answers to our last requests and the last figures of media are in.
    pub fn is_quiet(&self) -> bool {
        let recording = !self.recordings.running.is_empty();
        let waits = recording || !self.closing.is_empty();
        self.is_idle() && self.clients.values().all(is_ask) && !waits
    }

    /// What each operator is doing, by id.
    pub fn operators(&self) -> impl Iterator<Item = (&OperatorId, crate::event::OperatorState)> {
        self.domain.states()
    }

    /// The operators' states, to survive a restart.
    pub fn operator_states(&self, now: Now) -> crate::queue::Snapshot {
        self.domain.snapshot(now)
    }

    /// The live dialplan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Whether new calls are refused.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// How long a peer that is refused for load shall wait.
    pub(super) const RETRY_AFTER: Duration = Duration::from_secs(5);
}

/// Whether a request asks a silent phone for a word or tells one of its mailbox: nothing else waits for its
/// answer.
fn is_ask(pending: &Pending) -> bool {
    matches!(
        pending.purpose,
        Purpose::Ask(_) | Purpose::Qualify(_) | Purpose::Summary(_)
    )
}
