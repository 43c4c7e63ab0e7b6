//! Non-INVITE client transaction (RFC 3261 §17.1.2, figure 6).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::timers::{PATIENCE, T1, T2, T4, Timer, Timers, unless_reliable};
use crate::time::Instant;

/// The states of figure 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The request is out; nothing came back.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// The final response came; retransmissions of it are absorbed.
    Completed,
    /// Nothing more happens.
    Terminated,
}

/// What happens to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A 1xx response.
    Provisional,
    /// A response of 200 to 699.
    Final,
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
    /// Timer F: no final response came in time.
    Timeout,
    /// The transport failed.
    TransportError,
}

/// The machine of one request, not an INVITE, that we sent.
#[derive(Debug, Clone)]
pub struct Client {
    state: State,
    reliable: bool,
    request: Arc<[u8]>,
    resend_after: Duration,
    timers: Timers,
    outputs: VecDeque<Output>,
}

impl Client {
    /// Sends `request` and waits. `reliable`: the transport delivers by itself, so nothing is
    /// retransmitted.
    pub fn new(request: Arc<[u8]>, reliable: bool, now: Instant) -> Self {
        let mut timers = Timers::default();
        if !reliable {
            timers.set(Timer::E, now + T1);
        }
        timers.set(Timer::F, now + PATIENCE);
        Self {
            state: State::Trying,
            reliable,
            outputs: VecDeque::from([Output::Send(Arc::clone(&request))]),
            request,
            resend_after: T1,
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
            (State::Trying | State::Proceeding, Input::Provisional) => {
                self.outputs.push_back(Output::ToUser);
                State::Proceeding
            }
            (State::Trying | State::Proceeding, Input::Final) => {
                self.outputs.push_back(Output::ToUser);
                self.timers.clear_all();
                let wait = unless_reliable(self.reliable, T4);
                self.timers.set(Timer::K, now + wait);
                State::Completed
            }
            (State::Trying | State::Proceeding, Input::TransportError) => {
                self.outputs.push_back(Output::TransportError);
                self.terminate()
            }
            // The figure draws nothing: absorbed.
            (
                state @ (State::Completed | State::Terminated),
                Input::Provisional | Input::Final | Input::TransportError,
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
                Timer::E => {
                    self.resend_after = match self.state {
                        State::Trying => self.resend_after.saturating_mul(2).min(T2),
                        State::Proceeding | State::Completed | State::Terminated => T2,
                    };
                    self.timers.set(Timer::E, now + self.resend_after);
                    self.outputs
                        .push_back(Output::Send(Arc::clone(&self.request)));
                }
                Timer::F => {
                    self.outputs.push_back(Output::Timeout);
                    self.state = self.terminate();
                }
                Timer::K => self.state = self.terminate(),
                // Other machines' letters are never set here.
                Timer::A
                | Timer::B
                | Timer::D
                | Timer::G
                | Timer::H
                | Timer::I
                | Timer::J
                | Timer::L
                | Timer::M
                | Timer::Cancelled => {}
            }
        }
    }

    /// What to do next; `None`: nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn terminate(&mut self) -> State {
        self.timers.clear_all();
        State::Terminated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(machine: &mut Client) -> Vec<Output> {
        std::iter::from_fn(|| machine.poll()).collect()
    }

    fn resent_at(machine: &mut Client) -> Vec<u64> {
        let mut moments = Vec::new();
        while let Some(at) = machine.next_timeout() {
            machine.handle_timeout(at);
            for output in drain(machine) {
                if matches!(output, Output::Send(_)) {
                    moments.push(at.0 / 1000);
                }
            }
        }
        moments
    }

    fn trying(reliable: bool) -> Client {
        let mut machine = Client::new(Arc::from(b"BYE".as_slice()), reliable, Instant(0));
        assert_eq!(drain(&mut machine).len(), 1);
        machine
    }

    #[test]
    fn timer_f_ends_a_request_that_nobody_answers_after_ten_retransmissions() {
        let mut machine = trying(false);
        let expected = [
            500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
        ];
        assert_eq!(resent_at(&mut machine), expected);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn a_provisional_response_slows_retransmission_down_to_t2() {
        let mut machine = trying(false);
        machine.handle(Input::Provisional, Instant(1));
        assert_eq!(drain(&mut machine), [Output::ToUser]);
        assert_eq!(resent_at(&mut machine)[..3], [500, 4500, 8500]);
    }

    #[test]
    fn the_final_response_is_told_once_and_its_retransmissions_absorbed_until_timer_k() {
        let mut machine = trying(false);
        machine.handle(Input::Final, Instant(0));
        machine.handle(Input::Final, Instant(1));
        machine.handle(Input::TransportError, Instant(2));
        assert_eq!(drain(&mut machine), [Output::ToUser]);
        assert_eq!(machine.next_timeout(), Some(Instant(0) + T4));
        machine.handle_timeout(Instant(0) + T4);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn over_tcp_nothing_is_sent_twice_and_the_end_comes_at_once() {
        let mut machine = trying(true);
        assert_eq!(machine.next_timeout(), Some(Instant(0) + PATIENCE));
        machine.handle(Input::Final, Instant(7));
        machine.handle_timeout(Instant(7));
        assert_eq!(machine.state(), State::Terminated);
    }
}
