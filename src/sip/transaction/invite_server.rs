//! INVITE server transaction (RFC 3261 §17.2.1, figure 7, as amended by RFC 6026 §7.1).
//!
//! The 100 response is the user's: it is sent at once, so the 200 ms of the figure never pass.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::timers::{PATIENCE, T1, T2, T4, Timer, Timers, unless_reliable};
use crate::time::Instant;

/// The states of figure 7, with Accepted of RFC 6026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The INVITE came; no final response went out.
    Proceeding,
    /// A 2xx went out; the user retransmits it until the ACK.
    Accepted,
    /// A failure went out and is retransmitted until the ACK.
    Completed,
    /// The ACK came; retransmissions of it are absorbed.
    Confirmed,
    /// Nothing more happens.
    Terminated,
}

/// What happens to the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The INVITE came again.
    Invite,
    /// An ACK came.
    Ack,
    /// The user answers 1xx.
    Provisional(Arc<[u8]>),
    /// The user answers 2xx, for the first time or again.
    Success(Arc<[u8]>),
    /// The user answers 300 to 699.
    Failure(Arc<[u8]>),
    /// The transport could not deliver.
    TransportError,
}

/// What the transaction wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes on the transaction's flow.
    Send(Arc<[u8]>),
    /// Hand the ACK that was just put in to the user: it belongs to a 2xx.
    ToUser,
    /// Timer H: the failure response was never acknowledged.
    Timeout,
    /// The transport failed. The transaction goes on (RFC 6026 §8.9): over UDP the next copy may arrive.
    TransportError,
}

/// The machine of one INVITE that we received.
#[derive(Debug, Clone)]
pub struct InviteServer {
    state: State,
    reliable: bool,
    /// The last response that a repeated INVITE gets again.
    response: Option<Arc<[u8]>>,
    resend_after: Duration,
    timers: Timers,
    outputs: VecDeque<Output>,
}

impl InviteServer {
    /// For an INVITE that just came. `reliable`: the transport delivers by itself, so nothing is
    /// retransmitted.
    pub fn new(reliable: bool) -> Self {
        Self {
            state: State::Proceeding,
            reliable,
            response: None,
            resend_after: T1,
            timers: Timers::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Where the machine stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.state = match (self.state, input) {
            (state @ (State::Proceeding | State::Completed), Input::Invite) => {
                self.resend();
                state
            }
            (State::Proceeding, Input::Provisional(response)) => {
                self.response = Some(response);
                self.resend();
                State::Proceeding
            }
            (State::Proceeding, Input::Success(response)) => {
                self.response = None;
                self.outputs.push_back(Output::Send(response));
                self.timers.set(Timer::L, now + PATIENCE);
                State::Accepted
            }
            (State::Proceeding, Input::Failure(response)) => {
                self.response = Some(response);
                self.resend();
                if !self.reliable {
                    self.timers.set(Timer::G, now + T1);
                }
                self.timers.set(Timer::H, now + PATIENCE);
                State::Completed
            }
            (State::Accepted, Input::Success(response)) => {
                self.outputs.push_back(Output::Send(response));
                State::Accepted
            }
            (State::Accepted, Input::Ack) => {
                self.outputs.push_back(Output::ToUser);
                State::Accepted
            }
            (State::Completed, Input::Ack) => {
                self.response = None;
                self.timers.clear_all();
                let wait = unless_reliable(self.reliable, T4);
                self.timers.set(Timer::I, now + wait);
                State::Confirmed
            }
            (
                state @ (State::Proceeding | State::Accepted | State::Completed),
                Input::TransportError,
            ) => {
                self.outputs.push_back(Output::TransportError);
                state
            }
            // The figure draws nothing: absorbed.
            (State::Proceeding, Input::Ack) => State::Proceeding,
            (State::Accepted, Input::Invite | Input::Provisional(_) | Input::Failure(_)) => {
                State::Accepted
            }
            (State::Completed, Input::Provisional(_) | Input::Success(_) | Input::Failure(_)) => {
                State::Completed
            }
            (
                state @ (State::Confirmed | State::Terminated),
                Input::Invite
                | Input::Ack
                | Input::Provisional(_)
                | Input::Success(_)
                | Input::Failure(_)
                | Input::TransportError,
            ) => state,
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
                Timer::G => {
                    self.resend_after = self.resend_after.saturating_mul(2).min(T2);
                    self.timers.set(Timer::G, now + self.resend_after);
                    self.resend();
                }
                Timer::H => {
                    self.outputs.push_back(Output::Timeout);
                    self.terminate();
                }
                Timer::I | Timer::L => self.terminate(),
                // Other machines' letters are never set here.
                Timer::A
                | Timer::B
                | Timer::D
                | Timer::E
                | Timer::F
                | Timer::J
                | Timer::K
                | Timer::M
                | Timer::Cancelled => {}
            }
        }
    }

    /// What to do next; `None`: nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn resend(&mut self) {
        if let Some(response) = &self.response {
            self.outputs.push_back(Output::Send(Arc::clone(response)));
        }
    }

    fn terminate(&mut self) {
        self.timers.clear_all();
        self.response = None;
        self.state = State::Terminated;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Arc<[u8]> {
        Arc::from(text.as_bytes())
    }

    fn send(text: &str) -> Output {
        Output::Send(bytes(text))
    }

    fn drain(machine: &mut InviteServer) -> Vec<Output> {
        std::iter::from_fn(|| machine.poll()).collect()
    }

    const START: Instant = Instant(0);

    #[test]
    fn a_repeated_invite_gets_the_last_response_again() {
        let mut machine = InviteServer::new(false);
        machine.handle(Input::Invite, START);
        assert_eq!(drain(&mut machine), [], "nothing to repeat yet");
        machine.handle(Input::Provisional(bytes("100")), START);
        machine.handle(Input::Provisional(bytes("180")), START);
        machine.handle(Input::Invite, START);
        machine.handle(Input::Failure(bytes("486")), START);
        machine.handle(Input::Invite, START);
        let expected = [
            send("100"),
            send("180"),
            send("180"),
            send("486"),
            send("486"),
        ];
        assert_eq!(drain(&mut machine), expected);
    }

    #[test]
    fn a_lost_ack_has_the_failure_retransmitted_until_timer_h() {
        let mut machine = InviteServer::new(false);
        machine.handle(Input::Failure(bytes("486")), START);
        drain(&mut machine);
        let mut resent = Vec::new();
        let mut end = None;
        while let Some(at) = machine.next_timeout() {
            machine.handle_timeout(at);
            for output in drain(&mut machine) {
                match output {
                    Output::Send(_) => resent.push(at.0 / 1000),
                    other => end = Some((at, other)),
                }
            }
        }
        let expected = [
            500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
        ];
        assert_eq!(resent, expected);
        assert_eq!(end, Some((START + PATIENCE, Output::Timeout)));
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn the_ack_of_a_failure_is_absorbed_with_its_retransmissions() {
        let mut machine = InviteServer::new(false);
        machine.handle(Input::Failure(bytes("486")), START);
        drain(&mut machine);
        machine.handle(Input::Ack, START);
        machine.handle(Input::Ack, START);
        machine.handle(Input::Invite, START);
        assert_eq!(drain(&mut machine), []);
        assert_eq!(machine.state(), State::Confirmed);
        assert_eq!(machine.next_timeout(), Some(START + T4));
        machine.handle_timeout(START + T4);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn after_a_2xx_a_repeated_invite_is_absorbed_and_an_ack_is_the_users() {
        let mut machine = InviteServer::new(false);
        machine.handle(Input::Success(bytes("200")), START);
        machine.handle(Input::Invite, START);
        machine.handle(Input::Success(bytes("200")), START);
        machine.handle(Input::Ack, START);
        machine.handle(Input::Failure(bytes("487")), START);
        assert_eq!(
            drain(&mut machine),
            [send("200"), send("200"), Output::ToUser]
        );
        assert_eq!(machine.next_timeout(), Some(START + PATIENCE), "timer L");
        machine.handle_timeout(START + PATIENCE);
        assert_eq!(drain(&mut machine), []);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn over_tcp_a_failure_is_sent_once_and_its_ack_ends_all() {
        let mut machine = InviteServer::new(true);
        machine.handle(Input::Failure(bytes("486")), START);
        assert_eq!(machine.next_timeout(), Some(START + PATIENCE));
        machine.handle(Input::Ack, Instant(5));
        machine.handle_timeout(Instant(5));
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn a_transport_error_is_told_and_the_state_kept() {
        let mut machine = InviteServer::new(false);
        machine.handle(Input::TransportError, START);
        assert_eq!(drain(&mut machine), [Output::TransportError]);
        assert_eq!(machine.state(), State::Proceeding);
    }
}
