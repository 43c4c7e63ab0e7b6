//! What time and keys do to a caller who waits.

use super::pbx::{Switch, Timer};
use std::time::Duration;

use crate::call::{Said, Stage, Told};
use crate::event::What;
use crate::ids::{CallId, PathName};
use crate::private::Private;
use crate::speech::Rounded;
use crate::speech::callback::Words;
use crate::time::Now;

/// What a key of a waiting caller means.
enum Meaning {
    /// Out of the line, and on with this path.
    Leave(PathName),
    /// To be called back.
    CallBack,
}

impl Switch {
    /// A threshold of `if_waiting` is reached.
    pub(super) fn waited_long(&mut self, call: CallId, index: usize, now: Now) {
        let Some(one) = self.calls.get(&call) else {
            return;
        };
        let Stage::Waiting { queue, .. } = &one.stage else {
            return;
        };
        let Some(queue) = one.plan.queues.get(queue) else {
            return;
        };
        match queue.thresholds().get(index) {
            Some((_, Some(path))) => {
                let path = (*path).clone();
                self.leave_queue(call, Some(&path), "waited long enough for if_waiting", now);
            }
            Some((_, None)) => {
                if let Some(offer) = queue.offer.filter(|_| self.takes_callbacks()) {
                    let words = Words::Offer(offer.key);
                    self.speak_in_line(call, Said::Callback(Private::new(words)));
                }
            }
            None => {}
        }
    }

    pub(super) fn path_if_empty(&self, call: CallId) -> Option<PathName> {
        let call = self.calls.get(&call)?;
        let Stage::Waiting { queue, .. } = &call.stage else {
            return None;
        };
        call.plan.queues.get(queue)?.if_empty.clone()
    }

    /// Says something to a caller in the line, unless something is being said.
    pub(super) fn speak_in_line(&mut self, id: CallId, said: Said) -> bool {
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        if !matches!(call.stage, Stage::Waiting { speaking: None, .. }) || call.is_asked() {
            return false;
        }
        let playback = self.say(id, said);
        if let Some(call) = self.calls.get_mut(&id)
            && let Stage::Waiting { speaking, .. } = &mut call.stage
        {
            *speaking = Some(playback);
        }
        true
    }

    /// Tells a caller how long it may last; what was told first is measured against what comes.
    pub(super) fn tell_estimate(&mut self, id: CallId, estimate: Duration, now: Now) {
        let rounded = Rounded::up(estimate);
        if !self.speak_in_line(id, Said::Estimate(rounded)) {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let estimate = rounded.time();
        let Stage::Waiting { queue, .. } = &call.stage else {
            return;
        };
        let queue = queue.clone();
        call.told.get_or_insert_with(|| Told {
            queue: queue.clone(),
            at: now.wall,
            estimate,
        });
        self.emit(Some(id), What::Estimated { queue, estimate }, now);
    }

    /// Somebody has the caller: what was told of the wait is compared with what came.
    pub(super) fn wait_is_over(&mut self, id: CallId, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.waits_since = None;
        call.asking = None;
        if let Some(told) = call.told.take() {
            let what = What::EstimateMet {
                queue: told.queue,
                estimate: told.estimate,
                came: now.wall.since(told.at),
            };
            self.emit(Some(id), what, now);
        }
        self.timers.clear(&Timer::Question(id));
    }

    /// A key of a caller in the line that is none of the languages'.
    pub(super) fn pressed_in_line(&mut self, id: CallId, key: char, now: Now) {
        match self.meaning(id, key, now) {
            Some(Meaning::Leave(path)) => {
                let reason = format!("the caller pressed {key}");
                self.leave_queue(id, Some(&path), &reason, now);
            }
            Some(Meaning::CallBack) => {
                self.ask_for_callback(id, None, now);
            }
            None => {}
        }
    }

    fn meaning(&self, id: CallId, key: char, now: Now) -> Option<Meaning> {
        let call = self.calls.get(&id)?;
        let Stage::Waiting { queue, joined, .. } = &call.stage else {
            return None;
        };
        let queue = call.plan.queues.get(queue)?;
        if let Some(path) = queue.keys.get(&key) {
            return Some(Meaning::Leave(path.clone()));
        }
        let offer = queue.offer.filter(|offer| offer.key == key)?;
        let waited = now.wall.since(*joined);
        (waited >= offer.after).then_some(Meaning::CallBack)
    }
}
