//! The exchange, its media, the phones and the network between them, in virtual time.
//!
//! The switch and the engine are driven as `server::drive` and `server::media` drive them: what is
//! journalled comes first, media tells the switch later, and a crash leaves only what was written.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use qaynar::dialplan::Plan;
use qaynar::event::{Cause, Event, Side, What};
use qaynar::ids::{CallId, LegId, OperatorId};
use qaynar::media::{self, Channel, Clips, Engine};
use qaynar::phone::{Manner, Output as Wish, Phone, Settings as PhoneSettings};
use qaynar::registrar::Binding;
use qaynar::sip::flow::{Flow, Transport};
use qaynar::sip::parse::parse_datagram;
use qaynar::switch::{CallSnapshot, Command, Input, Output, Switch};
use qaynar::time::{Instant, Now, TimerTable, Wall};

use crate::books::Books;
use crate::dice::Dice;
use crate::house::{self, PASSWORD};
use crate::network::{Datagram, Network, Weather};
use crate::players::{Player, Role};
use crate::registrar::{Registrars, is_errand};
use crate::servers::Servers;
use crate::tapes::Tapes;

/// 2026-11-23 12:00 in Baku, a Monday.
/// A notice of a recording, and what the ear takes to know a tone.
const LISTEN_AFTER: Duration = Duration::from_millis(1_000);
const START: Wall = Wall(1_795_420_800_000_000);
/// How late media's threads may tell the switch what they heard.
const MEDIA_LAG: Duration = Duration::from_millis(2);
/// How long after its end a call is said goodbye to again, should the process start anew.
const FAREWELL: Duration = Duration::from_secs(35);
/// Steps of one run: more is a loop.
const MAX_STEPS: u64 = 20_000_000;

/// Something that will happen.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// A person at a phone does something.
    Do(usize, Deed),
    /// Another dialplan goes live.
    Apply(usize),
    /// The process is killed, and starts again after a time.
    Crash(Duration),
    Boot,
    /// Of the media of this generation.
    Media(u64, media::Event),
    /// A server of the house answers this generation.
    Informed(u64, Input),
    /// Do the two hear each other?
    Listen(CallId, u32),
}

/// What a person does.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Call(String),
    /// A feature code, as soon as the line is free.
    Code(&'static str),
    HangUp,
    Register(Duration),
    Unregister,
    Hold(bool),
    Mute(bool),
    /// Hands the caller on, to whomever the dialplan or the house knows by this name.
    Transfer(String),
    Press(char),
    /// Hangs up where nothing was heard since so many packets (`None`: counts them first).
    Despair(Option<u64>),
    Vanish,
}

pub(crate) struct World {
    pub(crate) at: Instant,
    /// When the process began: its own clock counts from there.
    pub(crate) boot: Instant,
    pub(crate) switch: Switch,
    pub(crate) engine: Engine,
    clips: Arc<Clips>,
    ports: BTreeMap<u16, LegId>,
    port_of: BTreeMap<LegId, u16>,
    pub(crate) generation: u64,
    pub(crate) down: bool,
    pub(crate) network: Network,
    pub(crate) dice: Dice,
    pub(crate) registrars: Registrars,
    pub(crate) servers: Servers,
    pub(crate) players: Vec<Player>,
    places: BTreeMap<SocketAddr, (usize, bool)>,
    timers: TimerTable<usize>,
    agenda: BTreeMap<(Instant, u64), Act>,
    acts: u64,
    steps: u64,
    pub(crate) books: Books,
    pub(crate) tapes: Tapes,
    pub(crate) plans: Vec<Arc<Plan>>,
    live: Arc<Plan>,
    snapshots: BTreeMap<CallId, String>,
    /// Of calls that ended, and when.
    parted: Vec<(Instant, String)>,
    bindings: BTreeMap<OperatorId, Vec<Binding>>,
    pub(crate) faults: Vec<String>,
    /// What happened, for people; only where somebody asked.
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        let mut dice = Dice::new(seed);
        let plans = vec![
            house::plan(&house::of_seed(house::HELPLINE, seed)),
            house::plan(&house::of_seed(house::OTHER, seed)),
        ];
        let clips = house::clips();
        let at = Instant(1_000_000);
        let now = Now {
            at: Instant(0),
            wall: START,
        };
        let live = plans[0].clone();
        let switch = Switch::new(house::settings(), live.clone(), dice.bytes(), now);
        Self {
            at,
            boot: at,
            switch,
            engine: Engine::new(clips.clone()),
            clips,
            ports: BTreeMap::new(),
            port_of: BTreeMap::new(),
            generation: 0,
            down: false,
            network: Network::new(weather),
            dice,
            registrars: Registrars::new(seed),
            servers: Servers::new(seed),
            players: Vec::new(),
            places: BTreeMap::new(),
            timers: TimerTable::default(),
            agenda: BTreeMap::new(),
            acts: 0,
            steps: 0,
            books: Books::default(),
            tapes: Tapes::default(),
            live,
            plans,
            snapshots: BTreeMap::new(),
            parted: Vec::new(),
            bindings: BTreeMap::new(),
            faults: Vec::new(),
            trace: None,
        }
    }

    /// Both clocks as the process reads them.
    pub(crate) fn now(&self) -> Now {
        Now {
            at: Instant(self.at.0.saturating_sub(self.boot.0)),
            wall: START + self.at.since(Instant(1_000_000)),
        }
    }

    fn out_of_process(&self, at: Option<Instant>) -> Option<Instant> {
        at.filter(|_| !self.down)
            .map(|at| self.boot + at.since(Instant(0)))
    }

    pub(crate) fn note(&mut self, text: impl FnOnce() -> String) {
        let at = self.at.0 as f64 / 1e6;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{at:10.4} {}", text()));
        }
    }

    pub(crate) fn fault(&mut self, text: String) {
        self.note(|| format!("FAULT {text}"));
        self.faults.push(text);
    }

    /// A phone with a role in the play. An operator's phone has an account, and no registration yet.
    pub(crate) fn player(
        &mut self,
        role: Role,
        manner: Manner,
        change: impl FnOnce(&mut PhoneSettings),
    ) -> usize {
        let number = self.players.len();
        let (user, (sip, rtp)) = match &role {
            Role::Caller(user) => (user.clone(), house::caller_at(number)),
            Role::Operator(id) => (id.to_string(), house::operator_at(number)),
            Role::Carrier(last) => ("carrier".into(), house::carrier_at(*last)),
        };
        let mut settings = PhoneSettings::new(&user, house::server(), sip, rtp);
        settings.tone = 300 + 50 * (number as u16 % 32);
        settings.seed = self.dice.number();
        if let Role::Operator(_) = role {
            settings.domain = house::REALM.into();
            settings.password = Some(PASSWORD.into());
        }
        change(&mut settings);
        let mut phone = Phone::new(settings);
        phone.behave(manner);
        self.places.insert(sip, (number, false));
        self.places.insert(rtp, (number, true));
        self.players.push(Player::new(role, phone));
        self.tell_accounts();
        number
    }

    fn tell_accounts(&mut self) {
        let mut names: Vec<&str> = self.players.iter().filter_map(Player::operator).collect();
        names.sort_unstable();
        names.dedup();
        let accounts = names.into_iter().map(house::account).collect();
        self.tell_switch(Input::Command(Command::Operators(accounts)));
    }

    pub(crate) fn plan_act(&mut self, after: Duration, act: Act) {
        self.acts += 1;
        self.agenda.insert((self.at + after, self.acts), act);
    }

    /// Until `time` has passed.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.at + time;
        while self.faults.is_empty() && self.step(Some(end)) {}
        self.at = self.at.max(end);
    }

    /// Until `done`, at most for `time`; tells whether it came so far.
    pub(crate) fn run_until(&mut self, time: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.at + time;
        loop {
            if done(self) {
                return true;
            }
            if !self.faults.is_empty() || !self.step(Some(end)) {
                return false;
            }
        }
    }

    /// The next thing that happens; `false`: nothing more until `end`.
    fn step(&mut self, end: Option<Instant>) -> bool {
        let switch = self.out_of_process(self.switch.next_timeout());
        let engine = self.out_of_process(self.engine.next_timeout());
        let agenda = self.agenda.keys().next().map(|(due, _)| *due);
        let all = [
            self.network.next(),
            agenda,
            self.timers.next(),
            switch,
            engine,
        ];
        let Some(next) = all.into_iter().flatten().min() else {
            return false;
        };
        if end.is_some_and(|end| next > end) {
            return false;
        }
        self.steps += 1;
        if self.steps > MAX_STEPS {
            self.fault("the world does not come to rest".into());
            return false;
        }
        self.at = self.at.max(next);
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= self.at);
        if is_due(self.network.next()) {
            if let Some(datagram) = self.network.arrive(self.at) {
                self.arrive(&datagram);
            }
        } else if is_due(agenda) {
            if let Some((_, act)) = self.agenda.pop_first() {
                self.act(act);
            }
        } else if let Some(player) = self.timers.pop_due(self.at) {
            self.with(player, |phone, now| phone.handle_timeout(now));
        } else if is_due(switch) {
            let now = self.now();
            self.switch.handle_timeout(now);
            self.perform(None);
        } else {
            self.tick_media();
        }
        true
    }

    fn arrive(&mut self, datagram: &Datagram) {
        let Datagram {
            from, to, bytes, ..
        } = datagram;
        if *to == house::server() {
            if !self.down {
                self.arrive_at_switch(*from, bytes);
            }
        } else if to.ip() == house::server().ip() {
            if !self.down {
                self.arrive_at_media(*from, *to, bytes);
            }
        } else if self.asks_carrier(datagram) {
        } else if let Some((player, is_rtp)) = self.places.get(to).copied() {
            let from = *from;
            self.with(player, |phone, now| {
                if is_rtp {
                    phone.handle_rtp(bytes, from, now);
                } else {
                    phone.handle(bytes, from, now);
                }
            });
        }
    }

    fn arrive_at_switch(&mut self, from: SocketAddr, bytes: &[u8]) {
        let flow = Flow {
            transport: Transport::Udp,
            local: house::server(),
            remote: from,
            connection: None,
        };
        match parse_datagram(bytes) {
            Ok(message) => {
                let message = Box::new(message);
                let now = self.now();
                self.switch.handle(Input::Message { flow, message }, now);
                self.perform(Some(from));
            }
            Err(malformed) => {
                let text = String::from_utf8_lossy(bytes);
                self.fault(format!("the switch cannot read {text:?}: {malformed:?}"));
            }
        }
    }

    fn arrive_at_media(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let now = self.now();
        let Some(leg) = self.ports.get(&to.port()).copied() else {
            return;
        };
        let mut sent = Vec::new();
        let mut sink = |leg: LegId, channel: Channel, to: SocketAddr, bytes: &[u8]| {
            sent.push((leg, channel, to, bytes.to_vec()));
        };
        self.engine
            .packet(leg, Channel::Rtp, from, bytes, now, &mut sink);
        self.send_audio(sent);
        self.media_events();
    }

    fn tick_media(&mut self) {
        let now = self.now();
        let mut sent = Vec::new();
        let mut sink = |leg: LegId, channel: Channel, to: SocketAddr, bytes: &[u8]| {
            sent.push((leg, channel, to, bytes.to_vec()));
        };
        self.engine.tick(now, &mut sink);
        self.send_audio(sent);
        self.media_events();
    }

    fn send_audio(&mut self, sent: Vec<(LegId, Channel, SocketAddr, Vec<u8>)>) {
        for (leg, channel, to, bytes) in sent {
            // The phones take no reports.
            let Some(port) = self.port_of.get(&leg).filter(|_| channel == Channel::Rtp) else {
                continue;
            };
            let from = SocketAddr::new(house::server().ip(), *port);
            let is_audio = true;
            let datagram = Datagram {
                from,
                to,
                bytes,
                is_audio,
            };
            self.network.send(datagram, &mut self.dice, self.at);
        }
    }

    fn media_events(&mut self) {
        self.keep_tapes();
        while let Some(event) = self.engine.poll_event() {
            let lag = self.dice.between(Duration::ZERO, MEDIA_LAG);
            self.plan_act(lag, Act::Media(self.generation, event));
        }
    }

    pub(crate) fn tell_switch(&mut self, input: Input) {
        if self.down {
            return;
        }
        let now = self.now();
        self.switch.handle(input, now);
        self.perform(None);
    }

    /// Does what the switch wants, the journal first; then everything must still hold.
    fn perform(&mut self, source: Option<SocketAddr>) {
        let mut rest = Vec::new();
        while let Some(output) = self.switch.poll() {
            match output {
                Output::Event(event) => self.journal(&event, source),
                Output::Snapshot { call, snapshot } => self.keep(call, snapshot.as_deref()),
                other => rest.push(other),
            }
        }
        for output in rest {
            match output {
                Output::Send { flow, bytes } => {
                    if house::tells_who_calls(flow.remote, &bytes) {
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        self.fault(format!("a carrier is told who calls: {text}"));
                    }
                    let datagram = Datagram {
                        from: flow.local,
                        to: flow.remote,
                        bytes: bytes.to_vec(),
                        is_audio: false,
                    };
                    self.post(datagram);
                }
                Output::Media(command) => self.command_media(command),
                Output::Bindings { operator, bindings } => {
                    self.bindings.insert(operator, bindings);
                }
                Output::Listen { leg, playback, .. } => self.listens(leg, playback),
                Output::Inquire(inquiry) => {
                    self.servers
                        .asked(&inquiry)
                        .into_iter()
                        .for_each(|(after, answer)| {
                            self.plan_act(after, Act::Informed(self.generation, answer));
                        })
                }
                Output::Resolve { .. }
                | Output::Erase { .. }
                | Output::Number { .. }
                | Output::Expect { .. }
                | Output::Servers { .. }
                | Output::Slow { .. }
                | Output::Ban { .. }
                | Output::Lift { .. }
                | Output::Event(_)
                | Output::Snapshot { .. } => {}
            }
        }
        self.check();
    }

    fn keep(&mut self, call: CallId, snapshot: Option<&CallSnapshot>) {
        match snapshot {
            Some(snapshot) => {
                let text = serde_json::to_string(snapshot).expect("a snapshot is plain data");
                self.snapshots.insert(call, text);
            }
            None => {
                if let Some(text) = self.snapshots.remove(&call) {
                    self.parted.push((self.at, text));
                }
            }
        }
    }

    fn journal(&mut self, event: &Event, source: Option<SocketAddr>) {
        self.note(|| format!("  {:?} {:?}", event.call, event.what));
        if let Some(fault) = self.books.write(event) {
            self.fault(fault);
        }
        self.tapes.note(event);
        match (&event.what, event.call) {
            (What::Arrived { .. }, Some(call)) => {
                let player = source.and_then(|source| self.places.get(&source));
                if let Some((player, _)) = player {
                    self.books.caller_of.insert(call, *player);
                }
            }
            (What::CallbackAsked { callback, .. }, Some(asker)) => {
                self.keeps_the_place(*callback, asker);
            }
            (What::Connected { .. }, Some(call)) => {
                self.plan_act(LISTEN_AFTER, Act::Listen(call, 0));
            }
            (What::Supervising { .. } | What::Joined { .. }, Some(call)) => {
                self.plan_act(LISTEN_AFTER, Act::Listen(call, 0));
            }
            (What::Alarm { kind, text }, _) if kind == "switch-loop" => {
                self.fault(text.clone());
            }
            _ => self.alarmed(&event.what),
        }
    }

    fn command_media(&mut self, command: media::Command) {
        let now = self.now();
        self.note(|| format!("  media {command:?}"));
        if let media::Command::Open { leg, port, .. } = &command {
            if self.ports.insert(*port, *leg).is_some() {
                self.fault(format!("media port {port} is opened twice"));
            }
            self.port_of.insert(*leg, *port);
        }
        let closed = match &command {
            media::Command::Close { leg } => Some(*leg),
            _ => None,
        };
        let mut sent = Vec::new();
        let mut sink = |leg: LegId, channel: Channel, to: SocketAddr, bytes: &[u8]| {
            sent.push((leg, channel, to, bytes.to_vec()));
        };
        self.engine.handle(command, now, &mut sink);
        self.send_audio(sent);
        if let Some(port) = closed.and_then(|leg| self.port_of.remove(&leg)) {
            self.ports.remove(&port);
        }
        self.media_events();
    }

    pub(crate) fn post(&mut self, datagram: Datagram) {
        let (from, to, line) = match &self.trace {
            Some(_) => (datagram.from, datagram.to, datagram.line()),
            None => (datagram.from, datagram.to, String::new()),
        };
        let dice = match is_errand(&datagram) {
            true => &mut self.registrars.dice,
            false => &mut self.dice,
        };
        let fate = self.network.send(datagram, dice, self.at);
        self.note(|| format!("{from} → {to} {line} ({fate})"));
    }

    /// Lets a phone do something, and does what it wants.
    pub(crate) fn with<T>(
        &mut self,
        player: usize,
        act: impl FnOnce(&mut Phone, Instant) -> T,
    ) -> T {
        let now = self.at;
        let result = act(&mut self.players[player].phone, now);
        while let Some(wish) = self.players[player].phone.poll() {
            let settings = self.players[player].phone.settings();
            let (from, to, bytes, is_audio) = match wish {
                Wish::Send { to, bytes } => (settings.local, to, bytes, false),
                Wish::SendRtp { to, bytes } => (settings.media, to, bytes, true),
                Wish::Event(event) => {
                    self.note(|| format!("player {player}: {event:?}"));
                    self.phone_says(player, event);
                    continue;
                }
            };
            let datagram = Datagram {
                from,
                to,
                bytes,
                is_audio,
            };
            if is_audio {
                self.network.send(datagram, &mut self.dice, now);
            } else {
                self.post(datagram);
            }
        }
        let due = self.players[player].phone.next_timeout();
        self.timers.set_or_clear(player, due);
        result
    }

    pub(crate) fn act(&mut self, act: Act) {
        match act {
            Act::Do(player, deed) => self.deed(player, deed),
            Act::Apply(number) => {
                self.note(|| format!("dialplan {number} goes live"));
                self.live = self.plans[number].clone();
                self.tell_switch(Input::Command(Command::Apply(self.live.clone())));
            }
            Act::Crash(pause) => self.crash(pause),
            Act::Boot => self.start_again(),
            Act::Media(generation, event) => {
                if generation == self.generation {
                    self.note(|| format!("  media says {event:?}"));
                    self.tell_switch(Input::Media(event));
                }
            }
            Act::Informed(generation, answer) => {
                if generation == self.generation {
                    self.note(|| format!("  a server says {answer:?}"));
                    self.tell_switch(answer);
                }
            }
            Act::Listen(call, tries) => self.listen(call, tries),
        }
    }

    fn start_again(&mut self) {
        self.note(|| "the process starts again".to_owned());
        let states = self.switch.operator_states(self.now());
        let states = serde_json::to_string(&states).expect("states are plain data");
        let recent = self.switch.recent_calls();
        let bans = serde_json::to_string(&self.switch.bans(self.now())).expect("plain data");
        self.boot = self.at;
        self.down = false;
        self.generation += 1;
        let now = self.now();
        self.engine = Engine::new(self.clips.clone());
        self.ports.clear();
        self.port_of.clear();
        let seed = self.dice.bytes();
        self.switch = Switch::new(house::settings(), self.live.clone(), seed, now);
        let kept: Vec<(OperatorId, Binding)> = self
            .bindings
            .iter()
            .flat_map(|(id, all)| all.iter().map(|one| (id.clone(), one.clone())))
            .collect();
        let kept = serde_json::to_string(&kept).expect("bindings are plain data");
        let commands = [
            Command::Bindings(serde_json::from_str(&kept).expect("what was written")),
            Command::Bans(serde_json::from_str(&bans).expect("what was written")),
            Command::OperatorStates(serde_json::from_str(&states).expect("what was written")),
            Command::PastCalls(self.books.past_calls()),
            Command::Recordings(self.tapes.kept()),
            Command::RecentCalls(recent),
        ];
        let mut names: Vec<&str> = self.players.iter().filter_map(Player::operator).collect();
        names.sort_unstable();
        names.dedup();
        let accounts = names.into_iter().map(house::account).collect();
        self.switch
            .handle(Input::Command(Command::Operators(accounts)), now);
        for command in commands {
            self.switch.handle(Input::Command(command), now);
        }
        self.restore(now);
        self.perform(None);
        self.wonder();
    }

    fn restore(&mut self, now: Now) {
        let lost: Vec<CallId> = self
            .books
            .open
            .iter()
            .filter(|call| !self.snapshots.contains_key(call))
            .copied()
            .collect();
        for call in lost {
            let what = What::Ended {
                by: Side::Server,
                cause: Cause::Interrupted,
            };
            let (at, call) = (now.wall, Some(call));
            self.journal(&Event { at, call, what }, None);
        }
        let snapshots: Vec<CallSnapshot> = self
            .snapshots
            .values()
            .map(|text| serde_json::from_str(text).expect("what was written"))
            .collect();
        let plans = self
            .plans
            .iter()
            .map(|plan| (plan.hash.clone(), plan.clone()))
            .collect();
        self.switch.restore(snapshots, &plans, now);
        let at = self.at;
        let lately = |(ended, _): &(Instant, String)| at.since(*ended) < FAREWELL;
        let parted = self.parted.drain(..).filter(lately);
        let read = |(_, text): (Instant, String)| serde_json::from_str(&text);
        let parted = parted.map(|one| read(one).expect("what was written"));
        self.switch.part_again(parted.collect(), now);
    }
}
