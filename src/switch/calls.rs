//! A call's way: what the dialplan wants is done, what happens is told to it, until the one end.

use super::input::Output;
use super::lines::{queue_settings, wants};
use super::menu::said;
use super::pbx::{Switch, Timer};
use crate::call::{Owner, Progress, Said, Stage};
use crate::dialplan::Instruction;
use crate::dialplan::plan::Target;
use crate::event::{Cause, RingEnd, Side, What};
use crate::ids::{CallId, Language, LegId, PathName, PromptName, QueueName};
use crate::media::{Clip, Command};
use crate::queue::{Announcement, Input, Joining, Wants};
use crate::time::Now;

/// Steps of a dialplan that may fail one after the other before the call is ended.
const MAX_FAILED_STEPS: usize = 100;

fn spoken(prompts: &[PromptName], language: Language) -> Vec<Clip> {
    prompts
        .iter()
        .map(|name| Clip {
            language: Some(language),
            name: name.clone(),
        })
        .collect()
}

impl Switch {
    /// Asks the dialplan what comes next, and does it.
    pub(super) fn advance(&mut self, id: CallId, now: Now) {
        for _ in 0..MAX_FAILED_STEPS {
            let Some(call) = self.calls.get(&id) else {
                return;
            };
            let plan = call.plan.clone();
            let facts = self.facts(&plan, call.caller.as_ref(), now);
            let Some(call) = self.calls.get_mut(&id) else {
                return;
            };
            call.resume = call.run.clone();
            let spoken = call.run.language();
            let (instruction, notes) = call.run.next(&plan, &facts);
            let language = call.run.language();
            for note in notes {
                self.tell_step(id, note, now);
            }
            if language != spoken {
                self.emit(Some(id), What::Language { language }, now);
            }
            if instruction == Instruction::HangUp {
                return self.end_call(id, Side::Server, Cause::Completed, now);
            }
            if self.carry_out(id, instruction, now) {
                return self.save(id);
            }
            self.timers.clear(&Timer::Call(id));
        }
        self.end_call(id, Side::Server, Cause::Completed, now);
    }

    /// Does what a step of the dialplan wants; `false`: it cannot be done, on with the next.
    pub(super) fn carry_out(&mut self, id: CallId, instruction: Instruction, now: Now) -> bool {
        match instruction {
            Instruction::Play(prompts) => {
                let playback = self.say(id, Said::Prompts(prompts));
                self.stage(id, Stage::Playing { playback });
                true
            }
            Instruction::Say(spoken) => {
                let playback = self.say(id, said(spoken));
                self.stage(id, Stage::Playing { playback });
                true
            }
            Instruction::Menu { prompts, wait } => {
                self.ask_for_key(id, prompts, wait);
                true
            }
            Instruction::Webhook { url, within } => {
                self.inquire(id, url, within, now);
                true
            }
            Instruction::Queue { queue, greet, .. } => {
                let what = What::Queued {
                    queue: queue.clone(),
                };
                self.emit(Some(id), what, now);
                let greet = self.with_notice(id, &queue, greet);
                let speaking = (!greet.is_empty()).then(|| self.say(id, Said::Prompts(greet)));
                self.join_queue(id, queue, speaking, now);
                true
            }
            Instruction::Ring { target, wait } => {
                let until = now.at + wait;
                self.stage(id, Stage::Ringing { until });
                self.timers.set(Timer::Call(id), until);
                self.wait_with_music(id);
                match target {
                    Target::Operator(operator) => self.ring_directly(id, &operator, wait, now),
                    Target::Group(operators) => self.ring_group(id, &operators, wait, now),
                    Target::Outside(number) => self.ring_outside(id, &number, now),
                }
            }
            Instruction::Voicemail(mailbox) => self.take_message(id, mailbox, now),
            Instruction::Callback { queue } => {
                let possible = self.takes_callbacks();
                if possible {
                    self.ask_for_callback(id, Some(queue), now);
                }
                possible
            }
            Instruction::HangUp => false,
        }
    }

    /// Into the line, at the place of the first joining: who comes back from an explanation is not
    /// sent to its end.
    pub(super) fn join_queue(
        &mut self,
        id: CallId,
        queue: QueueName,
        speaking: Option<u64>,
        now: Now,
    ) {
        let wants = self.wants_of(id, &queue);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let bonus = call.ahead + call.run.priority();
        let first = *call.waits_since.get_or_insert(now.wall);
        let joined = *call.joined.entry(queue.clone()).or_insert(first);
        let settings = call.plan.queues.get(&queue).map(queue_settings);
        call.stage = Stage::Waiting {
            queue: queue.clone(),
            joined,
            speaking,
        };
        if speaking.is_none() {
            self.wait_with_music(id);
        }
        let joining = Joining {
            call: id,
            queue,
            joined,
            bonus,
            wants,
            settings: settings.unwrap_or_default().into(),
        };
        self.tell_queue(Input::Joined(joining), now);
    }

    /// What the call wants of an operator in this line.
    fn wants_of(&self, id: CallId, queue: &QueueName) -> Wants {
        let call = self.calls.get(&id);
        call.map_or_else(Wants::default, |call| Wants {
            operator: call.knows.clone(),
            ..wants(&call.plan, &call.run, queue)
        })
    }

    pub(super) fn stage(&mut self, id: CallId, stage: Stage) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.stage = stage;
        }
    }

    /// Journals the stable state of each call, to be sealed by a new key.
    pub(super) fn save_all(&mut self) {
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            self.save(call);
        }
    }

    /// Journals the call's stable state.
    pub(super) fn save(&mut self, id: CallId) {
        let snapshot = self.snapshot_of(id).map(Box::new);
        if snapshot.is_some() {
            self.outputs
                .push_back(Output::Snapshot { call: id, snapshot });
        }
    }

    /// Says something to the caller; returns what tells their end.
    pub(super) fn say(&mut self, id: CallId, said: Said) -> u64 {
        self.last_playback += 1;
        let playback = self.last_playback;
        if let Some(call) = self.calls.get_mut(&id) {
            let language = call.run.language();
            let clips = spoken(&said.words(language), language);
            call.said = said;
            call.tape.telling = None;
            let leg = call.caller_leg;
            self.media(Command::Play {
                leg,
                playback,
                clips,
            });
        }
        playback
    }

    /// Music to the caller: the queue's, or the common one.
    pub(super) fn wait_with_music(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.tape.telling = None;
        let queue = match &call.stage {
            Stage::Waiting { queue, .. } => call.plan.queues.get(queue),
            _ => None,
        };
        let name = queue.map_or_else(|| PromptName::from("hold"), |queue| queue.music.clone());
        let leg = call.caller_leg;
        self.media(Command::Music {
            leg,
            clip: Clip {
                language: None,
                name,
            },
        });
    }

    /// A prompt is out.
    pub(super) fn played(&mut self, leg: LegId, playback: u64, now: Now) {
        let Some(owner) = self.legs.get(&leg).map(|leg| leg.owner.clone()) else {
            return;
        };
        let Owner::Call(id) = owner else {
            let asks = self.listener_heard(leg, playback, now) || self.refused_aloud(leg, now);
            if !asks && !self.awaits_answer(leg, now) {
                self.hang_up(leg, now);
            }
            return;
        };
        if self.message_begins(id, playback, now) {
            return self.save(id);
        }
        if self.notice_heard(id, playback) {
            return self.save(id);
        }
        if self.said_over(id, leg, playback) {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        match &mut call.stage {
            Stage::Playing { playback: ours } if *ours == playback => match call.is_asked() {
                true => self.question_asked(id, now),
                false => self.advance(id, now),
            },
            Stage::Waiting { speaking, .. } if *speaking == Some(playback) => {
                *speaking = None;
                self.wait_with_music(id);
                if self.greeted(id) {
                    self.save(id);
                }
                self.question_asked(id, now);
            }
            Stage::Choosing {
                playback: ours @ Some(_),
                wait,
            } if *ours == Some(playback) => {
                *ours = None;
                let until = now.at + *wait;
                self.timers.set(Timer::Call(id), until);
            }
            _ if call.caller_leg == leg => self.ask_who_answered(id),
            _ => self.operator_was_told(id, leg),
        }
    }

    /// A key was pressed.
    pub(super) fn pressed(&mut self, leg: LegId, digit: char, now: Now) {
        self.partner_pressed(leg, digit, now);
        if self.typed(leg, digit, now) {
            return;
        }
        if self.leaving.contains_key(&leg) {
            return self.answered_leaving(leg, Some(digit), now);
        }
        if self.listener_pressed(leg, digit, now) {
            return;
        }
        let Some(id) = self.caller_on(leg) else {
            return;
        };
        if self.pressed_in_message(id, digit, now) {
            return;
        }
        if self.reached_by_key(id, leg, now) || self.answered_by_key(id, digit, now) {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let plan = call.plan.clone();
        if matches!(call.stage, Stage::Choosing { .. })
            && let Some(note) = call.run.choose(&plan, digit)
        {
            return self.chosen(id, note, now);
        }
        let Some(language) = call.run.press(&plan, digit) else {
            return self.pressed_in_line(id, digit, now);
        };
        // A restart begins the same step again, in this language.
        call.resume.press(&plan, digit);
        let (stage, said) = (call.stage.clone(), call.said.clone());
        self.emit(Some(id), What::Language { language }, now);
        if let Stage::Waiting { queue, .. } = &stage {
            let wants = self.wants_of(id, queue);
            self.tell_queue(Input::Wanted(id, wants), now);
        }
        // What is being said begins again in the language that was chosen.
        match stage {
            Stage::Playing { .. } => {
                let playback = self.say(id, said);
                self.stage(id, Stage::Playing { playback });
            }
            Stage::Choosing { wait, .. } => {
                self.timers.clear(&Timer::Call(id));
                let playback = Some(self.say(id, said));
                self.stage(id, Stage::Choosing { playback, wait });
            }
            Stage::Waiting {
                queue,
                joined,
                speaking: Some(_),
            } => {
                let speaking = Some(self.say(id, said));
                self.stage(
                    id,
                    Stage::Waiting {
                        queue,
                        joined,
                        speaking,
                    },
                );
            }
            _ => {}
        }
        self.save(id);
    }

    /// The queue wants something said; a greeting or another message is not cut off.
    pub(super) fn announce(&mut self, id: CallId, what: Announcement, now: Now) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let Stage::Waiting { queue, .. } = &call.stage else {
            return;
        };
        let said = match what {
            Announcement::Position(position) => Said::Position(position),
            Announcement::Estimate(estimate) => return self.tell_estimate(id, estimate, now),
            Announcement::Comfort => {
                let settings = call.plan.queues.get(queue);
                let comfort = settings.and_then(|settings| settings.comfort.as_ref());
                let comfort = comfort.map(|comfort| comfort.play.clone());
                Said::Prompts(comfort.into_iter().collect())
            }
        };
        self.speak_in_line(id, said);
    }

    /// The caller leaves the queue unanswered: on with `path`, or with the next step.
    pub(super) fn leave_queue(
        &mut self,
        id: CallId,
        path: Option<&PathName>,
        reason: &str,
        now: Now,
    ) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.is_pending_callback() || !matches!(call.stage, Stage::Waiting { .. }) {
            return;
        }
        if let Some(path) = path {
            call.run.go(path);
        }
        self.leave_line(id, reason, now);
        self.advance(id, now);
    }

    /// Out of the line, and phones ring no more; what follows is another's to say.
    pub(super) fn leave_line(&mut self, id: CallId, reason: &str, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Stage::Waiting { queue, .. } = &call.stage else {
            return;
        };
        let queue = queue.clone();
        call.asking = None;
        // Another state first: what the queue says of this caller from here on is of the past.
        call.stage = Stage::Arriving;
        self.emit(
            Some(id),
            What::LeftQueue {
                queue,
                reason: reason.to_owned(),
            },
            now,
        );
        // Out of the line first: else the operator whose phone is told to be silent rings anew.
        self.tell_queue(Input::Left(id), now);
        self.stop_rings(id, None, &RingEnd::CallerLeft, now);
        self.timers.clear(&Timer::Question(id));
    }

    /// A `ring` step's time is over, or a menu's.
    pub(super) fn call_due(&mut self, id: CallId, now: Now) {
        if self.message_overdue(id, now) {
            return;
        }
        if self.brings(id) {
            return self.call_off(id, &RingEnd::NoAnswer, now);
        }
        if self.inquiry_due(id, now) {
            return;
        }
        if self.is_choosing(id) {
            return self.nothing_chosen(id, now);
        }
        let ringing = self
            .calls
            .get(&id)
            .is_some_and(|call| matches!(call.stage, Stage::Ringing { .. }));
        if ringing {
            self.stop_dialling(id);
            self.stop_rings(id, None, &RingEnd::NoAnswer, now);
            self.ring_step_over(id, 408, now);
        }
    }

    /// The peer of a leg hung up.
    pub(super) fn party_left(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let (call, side) = (leg.call(), leg.side);
        self.hold_over(id, now);
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        if let Progress::Invited { server, invite, .. } = &leg.progress {
            let (server, invite) = (*server, invite.clone());
            self.respond_status(server, &invite, 487, now);
        }
        if let Some(call) = call
            && self.talks_on_without(call, id, "hung up", now)
        {
            return self.forget_leg(id, now);
        }
        self.forget_leg(id, now);
        if let Some(call) = call {
            if self.transferor_left(call, id, now) || self.attempt_broken(call, id, now) {
                return;
            }
            let cause = self.cause_of_leaving(call);
            self.end_call(call, side, cause, now);
        }
    }

    fn cause_of_leaving(&self, call: CallId) -> Cause {
        match self.calls.get(&call).map(|call| &call.stage) {
            Some(Stage::Talking) => Cause::HungUp,
            // Whoever left a message was not left alone.
            Some(Stage::LeavingMessage {
                recording: Some(_), ..
            }) => Cause::Completed,
            _ => Cause::Abandoned,
        }
    }

    /// A dialog is dead: no ACK, no refresh, no answer to a probe.
    pub(super) fn leg_died(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let (call, side) = (leg.call(), leg.side);
        self.hold_over(id, now);
        if let Some(call) = call
            && self.talks_on_without(call, id, "the phone does not answer any more", now)
        {
            self.lost_in_call(id, now);
            return self.hang_up(id, now);
        }
        if let Some(call) = call
            && self.operator_lost(call, id, now)
        {
            return;
        }
        self.hang_up(id, now);
        if let Some(call) = call {
            if self.transferor_left(call, id, now) || self.attempt_broken(call, id, now) {
                return;
            }
            self.end_call(call, side, Cause::Lost, now);
        }
    }

    /// We could not take a call that came in.
    pub(super) fn leg_refused(&mut self, id: LegId, now: Now) {
        let call = self.legs.get(&id).and_then(|leg| leg.call());
        self.forget_leg(id, now);
        let began = |call: &CallId| self.calls.get(call).is_some_and(|one| one.caller_leg == id);
        if let Some(call) = call.filter(began) {
            self.end_call(call, Side::Server, Cause::Refused, now);
        }
    }

    /// The end of a call, exactly once: all its legs, its place in the queue, its claim.
    pub(super) fn end_call(&mut self, id: CallId, by: Side, cause: Cause, now: Now) {
        if !self.calls.contains_key(&id) {
            return;
        }
        // Out of the line first: else the operator whose phone is told to be silent rings anew.
        self.tell_queue(Input::Left(id), now);
        self.stop_rings(id, None, &RingEnd::CallerLeft, now);
        self.holds_over(id, now);
        self.guests_over(id, now);
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        self.ended_for(&call, cause, now);
        self.timers.clear(&Timer::Call(id));
        self.timers.clear(&Timer::Question(id));
        self.stop_dialling(id);
        if let Some((_, Some(claim))) = call.operator {
            self.claims.remove(&claim);
            self.tell_queue(Input::TalkEnded(claim), now);
        }
        let hands_on = call.transfer.and_then(|transfer| {
            let talker = (transfer.operator, transfer.claim);
            self.talk_ended(Some(talker), now);
            transfer.leg
        });
        // No operator stays busy for a call that is over, whatever went wrong.
        for claim in self.domain.claims_for(id) {
            self.claims.remove(&claim);
            let text = format!("an operator was still claimed for {id}; free again");
            self.alarm(Some(id), "claim-left", text, now);
            self.tell_queue(Input::TalkEnded(claim), now);
        }
        let legs = [Some(call.caller_leg), call.partner, hands_on];
        for leg in legs.into_iter().flatten() {
            self.hang_up(leg, now);
        }
        self.book(call.outgoing, now);
        self.book(call.onward, now);
        self.tell_outcome(id, call.callback, now);
        self.emit(Some(id), What::Ended { by, cause }, now);
        self.trace_over(id, now);
        self.outputs.push_back(Output::Snapshot {
            call: id,
            snapshot: None,
        });
    }
}
