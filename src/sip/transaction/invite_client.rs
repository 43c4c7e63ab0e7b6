//! INVITE client transaction (RFC 3261 §17.1.1, figure 5, as amended by RFC 6026 §7.2).
//!
//! The caller's wish to CANCEL is kept here too, because §9.1 ties it to the state of this machine:
//! no CANCEL before a provisional response, and an end of patience after it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::timers::{PATIENCE, T1, TIMER_D, Timer, Timers, unless_reliable};
use crate::time::Instant;

/// The states of figure 5, with Accepted of RFC 6026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The INVITE is out; nothing came back.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A 2xx came; more of them may.
    Accepted,
    /// A failure came and was acknowledged; retransmissions of it are acknowledged again.
    Completed,
    /// Nothing more happens.
    Terminated,
}

/// Why an INVITE is cancelled, as a Reason header says it (RFC 3326); `None`: nothing is said.
pub type Reason = Option<&'static str>;

/// What happens to the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A 1xx response.
    Provisional,
    /// A 2xx response.
    Success,
    /// A response of 300 to 699, with the ACK that answers it (§17.1.1.3).
    Failure {
        /// The ACK, ready to send. Only that of the first failure is used.
        ack: Arc<[u8]>,
    },
    /// The user wants the INVITE cancelled (§9.1).
    Cancel(Reason),
    /// The transport could not deliver.
    TransportError,
}

/// What the transaction wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes on the transaction's flow.
    Send(Arc<[u8]>),
    /// Hand the response that was just put in to the user.
    ToUser,
    /// Build a CANCEL and send it, in a transaction of its own.
    Cancel(Reason),
    /// No final response came in time: timer B, or 64·T1 after the CANCEL.
    Timeout,
    /// The transport failed.
    TransportError,
}

/// The machine of one INVITE that we sent.
#[derive(Debug, Clone)]
pub struct InviteClient {
    state: State,
    reliable: bool,
    /// The INVITE until a response comes, then the ACK of a failure.
    message: Arc<[u8]>,
    resend_after: Duration,
    cancel_wanted: Option<Reason>,
    timers: Timers,
    outputs: VecDeque<Output>,
}

impl InviteClient {
    /// Sends `invite` and waits. `reliable`: the transport delivers by itself, so nothing is
    /// retransmitted.
    pub fn new(invite: Arc<[u8]>, reliable: bool, now: Instant) -> Self {
        let mut timers = Timers::default();
        if !reliable {
            timers.set(Timer::A, now + T1);
        }
        timers.set(Timer::B, now + PATIENCE);
        Self {
            state: State::Calling,
            reliable,
            outputs: VecDeque::from([Output::Send(Arc::clone(&invite))]),
            message: invite,
            resend_after: T1,
            cancel_wanted: None,
            timers,
        }
    }

    /// Where the machine stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.state = match (self.state, input) {
            (State::Calling | State::Proceeding, Input::Provisional) => self.proceed(now),
            (State::Calling | State::Proceeding, Input::Success) => {
                self.timers.clear_all();
                self.timers.set(Timer::M, now + PATIENCE);
                self.outputs.push_back(Output::ToUser);
                State::Accepted
            }
            (State::Calling | State::Proceeding, Input::Failure { ack }) => {
                self.outputs.push_back(Output::Send(Arc::clone(&ack)));
                self.outputs.push_back(Output::ToUser);
                self.message = ack;
                self.timers.clear_all();
                let wait = unless_reliable(self.reliable, TIMER_D);
                self.timers.set(Timer::D, now + wait);
                State::Completed
            }
            (State::Calling, Input::Cancel(reason)) => {
                self.cancel_wanted = Some(reason);
                State::Calling
            }
            (State::Proceeding, Input::Cancel(reason)) => {
                self.cancel(reason, now);
                State::Proceeding
            }
            // The final response has come: there is nothing left to cancel.
            (state @ (State::Accepted | State::Completed), Input::Cancel(_)) => state,
            (State::Accepted, Input::Success) => {
                self.outputs.push_back(Output::ToUser);
                State::Accepted
            }
            (State::Completed, Input::Failure { .. }) => {
                self.outputs
                    .push_back(Output::Send(Arc::clone(&self.message)));
                State::Completed
            }
            (State::Calling | State::Completed, Input::TransportError) => {
                self.outputs.push_back(Output::TransportError);
                self.terminate()
            }
            // Nothing of ours is under way; the peer may still answer over a new connection (§18.2.2).
            (state @ (State::Proceeding | State::Accepted), Input::TransportError) => state,
            // The figure draws nothing: absorbed.
            (State::Accepted, Input::Provisional | Input::Failure { .. }) => State::Accepted,
            (State::Completed, Input::Provisional | Input::Success) => State::Completed,
            (
                State::Terminated,
                Input::Provisional
                | Input::Success
                | Input::Failure { .. }
                | Input::Cancel(_)
                | Input::TransportError,
            ) => State::Terminated,
        };
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Lets the timers fire whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::A => {
                    self.resend_after = self.resend_after.saturating_mul(2);
                    self.timers.set(Timer::A, now + self.resend_after);
                    self.outputs
                        .push_back(Output::Send(Arc::clone(&self.message)));
                }
                Timer::B | Timer::Cancelled => {
                    self.outputs.push_back(Output::Timeout);
                    self.state = self.terminate();
                }
                Timer::D | Timer::M => self.state = self.terminate(),
                // Other machines' letters are never set here.
                Timer::E
                | Timer::F
                | Timer::G
                | Timer::H
                | Timer::I
                | Timer::J
                | Timer::K
                | Timer::L => {}
            }
        }
    }

    /// What to do next; `None`: nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn proceed(&mut self, now: Instant) -> State {
        self.timers.clear(Timer::A);
        self.timers.clear(Timer::B);
        self.outputs.push_back(Output::ToUser);
        if let Some(reason) = self.cancel_wanted.take() {
            self.cancel(reason, now);
        }
        State::Proceeding
    }

    /// A second wish changes nothing: the timer shows that a CANCEL is under way.
    fn cancel(&mut self, reason: Reason, now: Instant) {
        if !self.timers.is_set(Timer::Cancelled) {
            self.timers.set(Timer::Cancelled, now + PATIENCE);
            self.outputs.push_back(Output::Cancel(reason));
        }
    }

    fn terminate(&mut self) -> State {
        self.timers.clear_all();
        State::Terminated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Arc<[u8]> {
        Arc::from(text.as_bytes())
    }

    fn drain(machine: &mut InviteClient) -> Vec<Output> {
        std::iter::from_fn(|| machine.poll()).collect()
    }

    /// Lets time pass up to `end`, firing every timer at its moment.
    fn run_until(machine: &mut InviteClient, end: Instant) -> Vec<(Instant, Output)> {
        let mut seen = Vec::new();
        while let Some(at) = machine.next_timeout().filter(|at| *at <= end) {
            machine.handle_timeout(at);
            seen.extend(drain(machine).into_iter().map(|output| (at, output)));
        }
        seen
    }

    const FOREVER: Instant = Instant(u64::MAX);

    fn calling(reliable: bool) -> InviteClient {
        let mut machine = InviteClient::new(bytes("INVITE"), reliable, Instant(0));
        assert_eq!(drain(&mut machine), [Output::Send(bytes("INVITE"))]);
        machine
    }

    #[test]
    fn timer_b_ends_an_invite_that_nobody_answers_after_six_retransmissions() {
        let mut machine = calling(false);
        let seen = run_until(&mut machine, FOREVER);
        let resent: Vec<u64> = seen
            .iter()
            .filter(|(_, output)| matches!(output, Output::Send(_)))
            .map(|(at, _)| at.0 / 1000)
            .collect();
        assert_eq!(resent, [500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!(seen.last(), Some(&(Instant(32_000_000), Output::Timeout)));
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn a_reliable_transport_sees_the_invite_once() {
        let mut machine = calling(true);
        let seen = run_until(&mut machine, FOREVER);
        assert_eq!(seen, [(Instant(32_000_000), Output::Timeout)]);
    }

    #[test]
    fn a_provisional_response_stops_retransmission_without_limit_of_ringing() {
        let mut machine = calling(false);
        machine.handle(Input::Provisional, Instant(100));
        assert_eq!(drain(&mut machine), [Output::ToUser]);
        assert_eq!(machine.next_timeout(), None);
        machine.handle(Input::Provisional, Instant(200));
        assert_eq!(drain(&mut machine), [Output::ToUser]);
    }

    #[test]
    fn a_failure_is_acknowledged_again_for_each_retransmission_and_told_once() {
        let mut machine = calling(false);
        let failure = || Input::Failure { ack: bytes("ACK") };
        machine.handle(failure(), Instant(100));
        let first = [Output::Send(bytes("ACK")), Output::ToUser];
        assert_eq!(drain(&mut machine), first);
        machine.handle(failure(), Instant(200));
        assert_eq!(drain(&mut machine), [Output::Send(bytes("ACK"))]);
        assert_eq!(machine.next_timeout(), Some(Instant(100) + TIMER_D));
        assert_eq!(run_until(&mut machine, FOREVER), []);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn over_tcp_a_failure_ends_the_transaction_at_once() {
        let mut machine = calling(true);
        machine.handle(Input::Failure { ack: bytes("ACK") }, Instant(100));
        machine.handle_timeout(Instant(100));
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn forked_2xx_all_reach_the_user_until_timer_m() {
        let mut machine = calling(false);
        machine.handle(Input::Success, Instant(100));
        machine.handle(Input::Provisional, Instant(150));
        machine.handle(Input::Success, Instant(200));
        assert_eq!(drain(&mut machine), [Output::ToUser, Output::ToUser]);
        assert_eq!(machine.state(), State::Accepted);
        assert_eq!(machine.next_timeout(), Some(Instant(100) + PATIENCE));
        run_until(&mut machine, FOREVER);
        machine.handle(Input::Success, FOREVER);
        assert_eq!(drain(&mut machine), []);
    }

    #[test]
    fn a_cancel_waits_for_the_first_provisional_response_and_goes_out_once() {
        let mut machine = calling(false);
        machine.handle(Input::Cancel(None), Instant(1));
        assert_eq!(drain(&mut machine), []);
        machine.handle(Input::Provisional, Instant(2));
        assert_eq!(drain(&mut machine), [Output::ToUser, Output::Cancel(None)]);
        machine.handle(Input::Cancel(None), Instant(3));
        machine.handle(Input::Provisional, Instant(4));
        assert_eq!(drain(&mut machine), [Output::ToUser]);
        let end = run_until(&mut machine, FOREVER);
        assert_eq!(end, [(Instant(2) + PATIENCE, Output::Timeout)]);
    }

    #[test]
    fn a_2xx_that_crosses_the_cancel_still_reaches_the_user() {
        let mut machine = calling(false);
        machine.handle(Input::Provisional, Instant(1));
        machine.handle(Input::Cancel(None), Instant(2));
        drain(&mut machine);
        machine.handle(Input::Success, Instant(3));
        assert_eq!(drain(&mut machine), [Output::ToUser]);
        assert_eq!(run_until(&mut machine, FOREVER), []);
    }

    #[test]
    fn a_2xx_before_any_provisional_response_makes_the_cancel_moot() {
        let mut machine = calling(false);
        machine.handle(Input::Cancel(None), Instant(2));
        machine.handle(Input::Success, Instant(3));
        machine.handle(Input::Cancel(None), Instant(4));
        assert_eq!(drain(&mut machine), [Output::ToUser]);
    }

    #[test]
    fn a_transport_that_fails_while_calling_ends_the_transaction() {
        let mut machine = calling(false);
        machine.handle(Input::TransportError, Instant(1));
        assert_eq!(drain(&mut machine), [Output::TransportError]);
        assert_eq!(machine.state(), State::Terminated);
        assert_eq!(machine.next_timeout(), None);
    }
}
