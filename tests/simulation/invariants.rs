//! What must hold after each step, and when all is over.

use std::time::Duration;

use qaynar::ids::CallId;
use qaynar::switch::{Command, Input};

use crate::world::{Act, Deed, World};

/// After so long even a vanished trunk has been found out, and every timer has run out.
const LONGEST: Duration = Duration::from_secs(40 * 60);
/// Transactions end by themselves within 64·T1, and a 2xx without ACK takes another BYE.
const DRAIN: Duration = Duration::from_secs(110);

impl World {
    /// The process is gone: what was not written is lost.
    pub(crate) fn crash(&mut self, pause: Duration) {
        if self.down {
            return;
        }
        self.note(|| "the process is killed".to_owned());
        self.down = true;
        self.plan_act(pause, Act::Boot);
    }

    /// After each step of the switch.
    pub(crate) fn check(&mut self) {
        let now = self.now();
        for violation in self.switch.violations(now) {
            self.fault(violation);
        }
        let counts = self.switch.counts();
        let open = counts.calls + counts.callbacks;
        if open != self.books.open.len() {
            let (calls, open) = (open, self.books.open.len());
            self.fault(format!("{calls} calls, {open} open records"));
        }
    }

    /// A callback has the place of who asked for it, unless that one had talked before.
    pub(crate) fn keeps_the_place(&mut self, callback: CallId, asker: CallId) {
        let callbacks = self.switch.callbacks();
        let place = callbacks.iter().find(|one| one.call == callback);
        let joined = place.and_then(|one| one.joined);
        let Some(record) = self.books.record(asker) else {
            return;
        };
        let (queued, talked) = (record.queued, record.connected.is_some());
        if !talked && queued.is_some() && joined != queued {
            self.fault(format!(
                "{callback} joined at {joined:?}, who asked for it at {queued:?}"
            ));
        }
    }

    /// The media engine's legs, for the end of a run.
    pub(crate) fn open_media(&self) -> usize {
        self.engine.len()
    }

    fn cancel_callbacks(&mut self) {
        for callback in self.switch.callbacks() {
            let command = Command::CancelCallback(callback.call);
            self.tell_switch(Input::Command(command));
        }
    }

    /// Runs until nobody calls any more and all timers have run out; then nothing may be left.
    pub(crate) fn finish(&mut self) {
        let quiet = |world: &Self| {
            let counts = world.switch.counts();
            let idle = |player: &crate::players::Player| player.phone.stage().is_none();
            !world.down
                && counts.calls == 0
                && counts.legs == 0
                && world.players.iter().all(idle)
                && world
                    .players
                    .iter()
                    .all(|one| one.phone.has_vanished() || one.calls == one.outcomes)
        };
        // An operator who takes no call rings for callbacks to the end of time: in the evening somebody
        // cancels those that are left.
        let ended = self.run_until(LONGEST / 2, quiet) || {
            self.cancel_callbacks();
            self.run_until(LONGEST / 2, quiet)
        };
        if !ended && self.faults.is_empty() {
            let counts = self.switch.counts();
            let left: Vec<_> = self
                .players
                .iter()
                .enumerate()
                .filter(|(_, one)| one.phone.stage().is_some() || one.calls != one.outcomes)
                .map(|(number, one)| (number, one.phone.stage(), one.calls, one.outcomes))
                .collect();
            self.fault(format!("no end: {counts:?}; phones {left:?}"));
        }
        self.cancel_callbacks();
        self.carriers_are_known();
        self.tell_switch(Input::Command(Command::Drain));
        for player in 0..self.players.len() {
            if self.players[player].operator().is_some()
                && !self.players[player].phone.has_vanished()
            {
                self.plan_act(Duration::ZERO, Act::Do(player, Deed::Unregister));
            }
        }
        self.run(DRAIN);
        if self.faults.is_empty() {
            self.carriers_let_go();
            self.audit();
        }
    }

    fn audit(&mut self) {
        let counts = self.switch.counts();
        let tables = [
            ("calls", counts.calls),
            ("legs", counts.legs),
            // A phone that vanished is asked whether it is back for as long as its binding stands.
            (
                "transactions",
                counts.transactions.saturating_sub(counts.asking),
            ),
            ("ports", counts.ports),
            ("traces", counts.traces),
            ("recordings", counts.recording),
            ("legs of media", self.open_media()),
        ];
        let left: Vec<String> = tables
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name} are left"))
            .collect();
        let mut faults = left;
        faults.extend(self.books.audit());
        faults.extend(self.tapes.audit());
        for (number, player) in self.players.iter().enumerate() {
            if !player.phone.has_vanished() && player.calls != player.outcomes {
                let (calls, outcomes) = (player.calls, player.outcomes);
                faults.push(format!(
                    "player {number}: {calls} calls, {outcomes} outcomes"
                ));
            }
        }
        for fault in faults {
            self.fault(fault);
        }
    }
}
