//! Steps that wait for a key, and groups that ring at once.

use std::time::Duration;

use super::pbx::{Switch, Timer};
use crate::call::{Said, Stage};
use crate::dialplan::menu::Spoken;
use crate::dialplan::run::Note;
use crate::event::What;
use crate::ids::{CallId, OperatorId, PromptName};
use crate::time::Now;

/// What a `say` step worked out, in the words of calls.
pub(super) fn said(spoken: Spoken) -> Said {
    match spoken {
        Spoken::Time(time) => Said::Time(time),
        Spoken::Date(date) => Said::Date(date),
        Spoken::Resumes { now, then } => Said::Resumes(now, then),
    }
}

impl Switch {
    /// Journals a decision of the dialplan.
    pub(super) fn tell_step(&mut self, id: CallId, note: Note, now: Now) {
        let Note {
            path, reason, shut, ..
        } = note;
        self.emit(Some(id), What::Step { path, reason, shut }, now);
    }

    /// A menu is heard; its keys work from now on.
    pub(super) fn ask_for_key(&mut self, id: CallId, prompts: Vec<PromptName>, wait: Duration) {
        let playback = Some(self.say(id, Said::Prompts(prompts)));
        self.stage(id, Stage::Choosing { playback, wait });
    }

    pub(super) fn is_choosing(&self, id: CallId) -> bool {
        let call = self.calls.get(&id);
        call.is_some_and(|call| matches!(call.stage, Stage::Choosing { .. }))
    }

    /// A key of the menu was pressed: what plays is cut off, and the way goes on.
    pub(super) fn chosen(&mut self, id: CallId, note: Note, now: Now) {
        self.timers.clear(&Timer::Call(id));
        self.stage(id, Stage::Arriving);
        self.tell_step(id, note, now);
        self.advance(id, now);
    }

    /// No key came in time: the menu once more, or the next step.
    pub(super) fn nothing_chosen(&mut self, id: CallId, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let plan = call.plan.clone();
        let note = call.run.nothing_chosen(&plan);
        self.stage(id, Stage::Arriving);
        if let Some(note) = note {
            self.tell_step(id, note, now);
        }
        self.advance(id, now);
    }

    /// A `ring` step for several operators at once; `false`: none of them can be rung.
    pub(super) fn ring_group(
        &mut self,
        id: CallId,
        operators: &[OperatorId],
        wait: Duration,
        now: Now,
    ) -> bool {
        let mut rings = false;
        for operator in operators {
            rings |= self.ring_directly(id, operator, wait, now);
        }
        rings
    }
}
