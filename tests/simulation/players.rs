//! The people at the phones, and what they may say and hear.

use std::time::Duration;

use qaynar::event::{Supervision, What};
use qaynar::ids::{CallId, OperatorId};
use qaynar::phone::{Event, Phone, Stage};
use qaynar::time::Instant;

use crate::world::{Act, Deed, World};

/// A ring that begins so soon after a crash was sent before it.
const LEFT_BEHIND: Duration = Duration::from_millis(50);

#[derive(Debug, Clone)]
pub(crate) enum Role {
    /// By number.
    Caller(String),
    Operator(OperatorId),
    /// Takes calls of ours, at an address of its own.
    Carrier(u8),
}

#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) role: Role,
    pub(crate) phone: Phone,
    pub(crate) events: Vec<(Instant, Event)>,
    /// Calls that the player made, and how many of them came to an end.
    pub(crate) calls: usize,
    pub(crate) outcomes: usize,
    pub(crate) muted: bool,
    pub(crate) held: bool,
    /// Whether the call in progress is one that the player made.
    outgoing: bool,
    /// The phone ended a call while the process was down: its restored leg may speak for a while.
    haunted: bool,
    /// When it began.
    began: Instant,
    /// The run of the process in which the call in progress began.
    pub(crate) generation: u64,
}

impl Player {
    pub(crate) fn new(role: Role, phone: Phone) -> Self {
        Self {
            role,
            phone,
            events: Vec::new(),
            calls: 0,
            outcomes: 0,
            muted: false,
            held: false,
            outgoing: false,
            haunted: false,
            began: Instant(0),
            generation: 0,
        }
    }

    pub(crate) fn operator(&self) -> Option<&str> {
        match &self.role {
            Role::Operator(id) => Some(id.as_str()),
            Role::Caller(_) | Role::Carrier(_) => None,
        }
    }

    pub(crate) fn called(&mut self, _at: Instant, generation: u64) {
        self.calls += 1;
        self.outgoing = true;
        self.generation = generation;
        self.held = false;
    }

    /// Whether the player is connected by a call that came in.
    fn was_called(&self) -> bool {
        self.phone.stage() == Some(Stage::Up) && !self.outgoing
    }

    pub(crate) fn says(&self, wanted: &Event) -> bool {
        self.events.iter().any(|(_, event)| event == wanted)
    }
}

impl World {
    pub(crate) fn phone_says(&mut self, player: usize, event: Event) {
        let generation = self.generation;
        let fair = self.network.weather.is_fair() && self.network.filter.is_none();
        let down = self.down;
        let one = &mut self.players[player];
        one.events.push((self.at, event.clone()));
        let mut fault = None;
        match &event {
            Event::Unreadable => fault = Some("rsip cannot read what the switch sent".to_owned()),
            Event::Ringing { .. } => {
                one.outgoing = false;
                one.generation = generation;
                one.held = false;
                one.began = self.at;
            }
            // With a feature code of one's own, or a ring that a crash left behind, this is due;
            // and where datagrams overtake each other, INVITE may come before CANCEL.
            Event::SecondCall
                if fair
                    && one.operator().is_some()
                    && !one.outgoing
                    && one.generation == generation
                    && one.began.since(self.boot) > LEFT_BEHIND =>
            {
                fault = Some("is rung for a second call".to_owned());
            }
            Event::Failed { .. } | Event::Ended { .. } => {
                one.outcomes += usize::from(one.outgoing);
                if one.outcomes > one.calls {
                    fault = Some(format!("has {} outcomes", one.outcomes));
                }
                fault = fault.or_else(|| heard_well(one, fair, generation));
                one.haunted = down;
            }
            _ => {}
        }
        if let Some(fault) = fault {
            self.fault(format!("player {player}: {fault}"));
        }
    }

    /// After a crash some phones are in a call with nobody: their BYE was lost with the process, or
    /// it was a feature code. People who hear nothing put the receiver down.
    pub(crate) fn wonder(&mut self) {
        for number in 0..self.players.len() {
            if self.players[number].phone.stage().is_some() {
                let soon = Duration::from_secs(10);
                self.plan_act(soon, Act::Do(number, Deed::Despair(None)));
            }
        }
    }

    pub(crate) fn despair(&mut self, player: usize, before: Option<u64>) {
        let heard = self.players[player].phone.heard().packets;
        match before {
            None => {
                let later = Duration::from_secs(8);
                self.plan_act(later, Act::Do(player, Deed::Despair(Some(heard))));
            }
            Some(before) if before == heard => {
                self.with(player, |phone, now| phone.hang_up(now));
            }
            Some(_) => {}
        }
    }

    /// Do caller and operator of a call hear each other? Where datagrams are lost, it is asked again.
    pub(crate) fn listen(&mut self, call: CallId, tries: u32) {
        if let Some(fault) = self.overhears(call) {
            return self.fault(format!("{call}: {fault}"));
        }
        let Some((caller, operator)) = self.pair(call) else {
            return;
        };
        let deaf = self.deafness(caller, operator).into_iter().next();
        let Some(deaf) = deaf else {
            self.note(|| format!("  {call}: they hear each other"));
            return;
        };
        if self.network.weather.is_fair() || tries > 10 {
            return self.fault(format!("{call}: {deaf}"));
        }
        self.plan_act(Duration::from_secs(2), Act::Listen(call, tries + 1));
    }

    /// The two phones of a call, if both are as they were when it was connected.
    pub(crate) fn pair(&self, call: CallId) -> Option<(usize, usize)> {
        // Of three who speak at once, no tone is the one that is heard.
        let speaks = |event: &&qaynar::event::Event| {
            let third = matches!(
                event.what,
                What::Joined { .. }
                    | What::Supervising {
                        how: Supervision::Whisper | Supervision::Barge,
                        ..
                    }
            );
            event.call == Some(call) && third
        };
        let crowded = self.books.events.iter().any(|event| speaks(&event));
        if !self.books.open.contains(&call) || self.down || crowded {
            return None;
        }
        let connected = self.books.events.iter().rev().find_map(|event| {
            let What::Connected { operator } = &event.what else {
                return None;
            };
            (event.call == Some(call)).then(|| operator.clone())
        })?;
        let caller = self.books.caller_of.get(&call).copied()?;
        // An operator who calls outside is connected with a carrier's phone, not with one of his own.
        if self.players[caller].operator() == Some(connected.as_str()) {
            return None;
        }
        let operator = self
            .players
            .iter()
            .position(|one| one.operator() == Some(connected.as_str()) && one.was_called())?;
        let usable = [caller, operator].iter().all(|number| {
            let one = &self.players[*number];
            !one.phone.has_vanished()
                && !one.held
                && one.generation == self.generation
                && one.phone.stage() == Some(Stage::Up)
        });
        usable.then_some((caller, operator))
    }

    /// The caller hears a supervisor who is not there to be heard.
    fn overhears(&self, call: CallId) -> Option<String> {
        let caller = self.books.caller_of.get(&call).copied()?;
        let mut quiet = std::collections::BTreeSet::new();
        let events = self.books.events.iter();
        for event in events.filter(|event| event.call == Some(call)) {
            match &event.what {
                What::Supervising {
                    supervisor,
                    how: Supervision::Listen | Supervision::Whisper,
                    ..
                } => {
                    quiet.insert(supervisor.clone());
                }
                What::Supervised { supervisor, .. } => {
                    quiet.remove(supervisor);
                }
                _ => {}
            }
        }
        let heard = self.players[caller].phone.tone_heard()?;
        let all = self.players.iter();
        let spies = all.filter(|one| {
            let operator = one.operator();
            operator.is_some_and(|id| quiet.contains(&OperatorId::from(id)))
        });
        let mut tones = spies.map(|one| one.phone.settings().tone);
        let spied = tones.any(|tone| tone == heard);
        spied.then(|| format!("player {caller} hears the supervisor's {heard} Hz"))
    }

    fn deafness(&self, caller: usize, operator: usize) -> Vec<String> {
        let hears = |one: usize, other: usize| {
            let wanted = self.players[other].phone.settings().tone;
            let heard = self.players[one].phone.tone_heard();
            let fits = heard == Some(wanted) || self.players[other].muted;
            (!fits).then(|| format!("player {one} hears {heard:?}, not {wanted} of player {other}"))
        };
        [hears(caller, operator), hears(operator, caller)]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// One leg is one stream: one SSRC, sequence and timestamp without a gap or a jump.
fn heard_well(one: &Player, fair: bool, generation: u64) -> Option<String> {
    let heard = one.phone.heard();
    if one.haunted {
        return None;
    }
    let crashes = (generation - one.generation) as u32;
    // An INVITE that is repeated into a new process makes a second call, until its BYE.
    // Where the BYE of the call before is lost, its leg speaks on for a while.
    let one_stream = heard.streams <= 1 + 2 * crashes + u32::from(!fair);
    let whole = !fair || crashes > 0 || (heard.missing == 0 && heard.late == 0);
    let steady = crashes > 0 || ((!fair || heard.jumps == 0) && heard.strange == 0);
    (!one_stream || !whole || !steady).then(|| format!("{heard:?} after {crashes} crashes"))
}
