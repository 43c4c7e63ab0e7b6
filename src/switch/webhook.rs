//! A server of the house is asked where a call goes. The switch has its own clock for it: whatever becomes
//! of the question, nobody is kept longer than the plan says.

use std::time::Duration;

use rand_chacha::rand_core::RngCore;

use super::input::{Inquiry, Output};
use super::pbx::{Switch, Timer};
use crate::call::Stage;
use crate::dialplan::webhook::{NoAnswer, Url};
use crate::ids::CallId;
use crate::time::Now;

/// So long a caller hears silence, as between any two words; then music says that the line lives.
const SILENCE: Duration = Duration::from_secs(1);

impl Switch {
    /// Asks; the answer or its absence leads on.
    pub(super) fn inquire(&mut self, id: CallId, url: Url, within: Duration, now: Now) {
        let number = self.random.next_u64();
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let host = url.host().to_owned();
        let until = now.at + within;
        call.stage = Stage::Inquiring {
            number,
            host,
            until,
        };
        let inquiry = Inquiry {
            number,
            url,
            within,
            call: id,
            caller: call.caller.clone(),
            dialled: call.dialled.clone(),
            trunk: call.trunk.clone(),
            language: call.run.language(),
        };
        self.timers
            .set(Timer::Call(id), until.min(now.at + SILENCE));
        self.outputs.push_back(Output::Inquire(Box::new(inquiry)));
    }

    /// A server answered, or the shell knows that it will not.
    pub(super) fn server_answered(
        &mut self,
        id: CallId,
        number: u64,
        answer: Result<String, NoAnswer>,
        now: Now,
    ) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        // An answer that comes late is to a question that nobody asks any more.
        let asked = matches!(&call.stage, Stage::Inquiring { number: ours, .. } if *ours == number);
        if asked {
            self.inquired(id, answer.as_deref().map_err(|none| *none), now);
        }
    }

    /// Somebody is kept by a question: first music begins, then the time is over. `false`: by none.
    pub(super) fn inquiry_due(&mut self, id: CallId, now: Now) -> bool {
        let Some(Stage::Inquiring { until, .. }) = self.calls.get(&id).map(|call| &call.stage)
        else {
            return false;
        };
        let until = *until;
        if now.at < until {
            self.wait_with_music(id);
            self.timers.set(Timer::Call(id), until);
        } else {
            self.inquired(id, Err(NoAnswer::Late), now);
        }
        true
    }

    fn inquired(&mut self, id: CallId, answer: Result<&str, NoAnswer>, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let plan = call.plan.clone();
        let note = call.run.answered(&plan, answer);
        let stage = std::mem::replace(&mut call.stage, Stage::Arriving);
        self.timers.clear(&Timer::Call(id));
        if let (Err(none), Stage::Inquiring { host, .. }) = (answer, stage) {
            let text = format!("webhook {host}: {none}; calls go on without it");
            self.alarm_rarely("webhook-silent", text, now);
        }
        if let Some(note) = note {
            self.tell_step(id, note, now);
        }
        self.advance(id, now);
    }
}
