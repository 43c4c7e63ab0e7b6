//! Who hears whom in a talk: two are bridged, packet by packet; a third, a supervisor or a word over the talk
//! makes it a room.

use super::pbx::{PlannedCall, Switch};
use crate::call::Guest;
use crate::event::Supervision;
use crate::ids::{CallId, Language, LegId, OperatorId, PromptName};
use crate::media::{Clip, Command, Seat};
use crate::queue::ClaimId;

/// Those who talk in a call, supervisors left out.
pub(super) fn parties(call: &PlannedCall) -> impl Iterator<Item = LegId> {
    let guests = call.guests.iter().filter(|guest| guest.is_party());
    let two = [Some(call.caller_leg), call.partner];
    two.into_iter()
        .flatten()
        .chain(guests.map(|guest| guest.leg))
}

impl Switch {
    /// Bridge, room or music, after anything changed that the parties hear.
    pub(super) fn connect_media(&mut self, leg: LegId) {
        if let Some(call) = self.legs.get(&leg).and_then(|leg| leg.call()) {
            self.connect(call);
        }
    }

    /// The same for a whole call.
    pub(super) fn connect(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let (a, Some(b)) = (call.caller_leg, call.partner) else {
            return;
        };
        // An operator's keys are codes for us: no caller has them in the ear. Of calls outside they may be meant
        // for a machine there.
        let keeps_keys = call.outgoing.is_none().then_some(b);
        let beside = !call.guests.is_empty() || !call.words.is_empty();
        self.tapes.insert(id);
        let (a_holds, b_holds) = (self.holds(a), self.holds(b));
        // Nobody is heard before the caller knows that the talk is recorded.
        if !a_holds && !b_holds && self.tells_notice(id, b) {
            return;
        }
        if beside {
            return self.seat(id);
        }
        if !a_holds && !b_holds {
            return self.media(Command::Bridge { a, b, keeps_keys });
        }
        self.forget_notice(id);
        self.media(Command::Unbridge { leg: a });
        // Whoever is held hears music; who holds hears nothing.
        if a_holds && !b_holds {
            self.play_hold(id, b);
        } else if b_holds && !a_holds {
            self.play_hold(id, a);
        }
    }

    fn holds(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| leg.media.held)
    }

    /// The music of the line that the caller came by.
    fn play_hold(&mut self, id: CallId, leg: LegId) {
        let call = self.calls.get(&id);
        let claim = call.and_then(|call| call.operator.as_ref()?.1);
        let line = self.line_of(id, claim);
        let queue = call
            .zip(line)
            .and_then(|(call, line)| call.plan.queues.get(&line));
        let name = queue.map_or_else(|| PromptName::from("hold"), |queue| queue.music.clone());
        let clip = Clip {
            language: None,
            name,
        };
        self.media(Command::Music { leg, clip });
    }

    /// Each party hears the others, who holds hears nobody and is heard by nobody, and a supervisor hears
    /// all. Whoever is left alone by those who hold hears music.
    fn seat(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let (away, here): (Vec<LegId>, Vec<LegId>) =
            parties(call).partition(|leg| self.holds(*leg));
        let listens = |guest: &&Guest<ClaimId>| !guest.is_party() && !self.holds(guest.leg);
        let beside: Vec<&Guest<ClaimId>> = call.guests.iter().filter(listens).collect();
        let barging =
            |guest: &&&Guest<ClaimId>| matches!(guest.supervises(), Some((Supervision::Barge, _)));
        let loud: Vec<LegId> = beside.iter().filter(barging).map(|one| one.leg).collect();
        let whispers = |to: LegId| {
            let operator = self.legs.get(&to).and_then(|leg| leg.operator.as_ref());
            let beside = beside.iter().filter(move |guest| {
                let supervised = guest.supervises();
                supervised.is_some_and(|(how, whose)| {
                    how == Supervision::Whisper && Some(whose) == operator
                })
            });
            beside.map(|guest| guest.leg).collect::<Vec<_>>()
        };
        let all: Vec<LegId> = here.iter().chain(&loud).copied().collect();
        let alone = here.first().copied().filter(|_| all.len() == 1);
        let party = |leg: LegId| Seat {
            leg,
            hears: [all.clone(), whispers(leg)].concat(),
        };
        let talking = here.iter().copied().filter(|leg| alone != Some(*leg));
        let mut room: Vec<Seat> = talking.map(party).collect();
        room.extend(beside.iter().map(|guest| Seat {
            leg: guest.leg,
            hears: all.clone(),
        }));
        for leg in away {
            self.media(Command::Unbridge { leg });
        }
        if let Some(leg) = alone {
            self.play_hold(id, leg);
        }
        if !room.is_empty() {
            self.media(Command::Mix { room });
        }
    }

    /// Says something to some of the parties while all talk on.
    pub(super) fn say_over(
        &mut self,
        id: CallId,
        legs: &[LegId],
        words: &[PromptName],
        language: Language,
    ) {
        let Some(call) = self.calls.get_mut(&id).filter(|_| !words.is_empty()) else {
            return;
        };
        let playbacks = self.last_playback + 1..;
        let said: Vec<(LegId, u64)> = legs.iter().copied().zip(playbacks).collect();
        self.last_playback += legs.len() as u64;
        call.words.extend(said.iter().copied());
        let clip = |name: &PromptName| Clip {
            language: Some(language),
            name: name.clone(),
        };
        let clips: Vec<Clip> = words.iter().map(clip).collect();
        self.connect(id);
        for (leg, playback) in said {
            let clips = clips.clone();
            self.media(Command::Over {
                leg,
                playback,
                clips,
            });
        }
    }

    /// A word over the talk is out. `false`: it was no such one.
    pub(super) fn said_over(&mut self, id: CallId, leg: LegId, playback: u64) -> bool {
        let Some(call) = self.calls.get_mut(&id) else {
            return false;
        };
        if call.words.get(&leg) != Some(&playback) {
            return false;
        }
        call.words.remove(&leg);
        if call.words.is_empty() {
            self.connect(id);
        }
        true
    }

    /// The talk that an operator is in, and by which leg.
    pub(super) fn talk_of(&self, operator: &OperatorId) -> Option<(CallId, LegId)> {
        let of_operator = |leg: &LegId| {
            let leg = self.legs.get(leg);
            leg.is_some_and(|leg| leg.operator.as_ref() == Some(operator))
        };
        let talks = self.calls.values().filter(|call| call.is_talking());
        talks
            .into_iter()
            .find_map(|call| Some((call.id, parties(call).find(of_operator)?)))
    }
}
