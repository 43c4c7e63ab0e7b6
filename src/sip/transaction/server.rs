//! Non-INVITE server transaction (RFC 3261 §17.2.2, figure 8).

use std::collections::VecDeque;
use std::sync::Arc;

use super::timers::{PATIENCE, Timer, Timers, unless_reliable};
use crate::time::Instant;

/// The states of figure 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The request came; nothing went out.
    Trying,
    /// A provisional response went out.
    Proceeding,
    /// The final response went out; repeated requests get it again.
    Completed,
    /// Nothing more happens.
    Terminated,
}

/// What happens to the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The request came again.
    Request,
    /// The user answers 1xx.
    Provisional(Arc<[u8]>),
    /// The user answers 200 to 699.
    Final(Arc<[u8]>),
    /// The transport could not deliver.
    TransportError,
}

/// What the transaction wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes on the transaction's flow.
    Send(Arc<[u8]>),
    /// The transport failed.
    TransportError,
}

/// The machine of one request, neither INVITE nor ACK, that we received.
#[derive(Debug, Clone)]
pub struct Server {
    state: State,
    reliable: bool,
    response: Option<Arc<[u8]>>,
    timers: Timers,
    outputs: VecDeque<Output>,
}

impl Server {
    /// For a request that just came. `reliable`: the transport delivers by itself, so no repeated
    /// request is awaited.
    pub fn new(reliable: bool) -> Self {
        Self {
            state: State::Trying,
            reliable,
            response: None,
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
            (State::Trying | State::Proceeding, Input::Provisional(response)) => {
                self.response = Some(response);
                self.resend();
                State::Proceeding
            }
            (State::Trying | State::Proceeding, Input::Final(response)) => {
                self.response = Some(response);
                self.resend();
                let wait = unless_reliable(self.reliable, PATIENCE);
                self.timers.set(Timer::J, now + wait);
                State::Completed
            }
            (state @ (State::Proceeding | State::Completed), Input::Request) => {
                self.resend();
                state
            }
            (State::Proceeding | State::Completed, Input::TransportError) => {
                self.outputs.push_back(Output::TransportError);
                self.terminate();
                State::Terminated
            }
            // The figure draws nothing: absorbed.
            (State::Trying, Input::Request | Input::TransportError) => State::Trying,
            (State::Completed, Input::Provisional(_) | Input::Final(_)) => State::Completed,
            (
                State::Terminated,
                Input::Request | Input::Provisional(_) | Input::Final(_) | Input::TransportError,
            ) => State::Terminated,
        };
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Lets timer J fire if its time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timers.pop_due(now).is_some() {
            self.terminate();
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

    fn drain(machine: &mut Server) -> Vec<Output> {
        std::iter::from_fn(|| machine.poll()).collect()
    }

    #[test]
    fn a_repeated_request_is_answered_again_until_timer_j() {
        let mut machine = Server::new(false);
        machine.handle(Input::Request, Instant(0));
        assert_eq!(drain(&mut machine), []);
        machine.handle(Input::Final(bytes("200")), Instant(0));
        machine.handle(Input::Request, Instant(1));
        machine.handle(Input::Final(bytes("500")), Instant(1));
        let twice = [Output::Send(bytes("200")), Output::Send(bytes("200"))];
        assert_eq!(drain(&mut machine), twice);
        assert_eq!(machine.next_timeout(), Some(Instant(0) + PATIENCE));
        machine.handle_timeout(Instant(0) + PATIENCE);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn over_tcp_the_final_response_ends_the_transaction() {
        let mut machine = Server::new(true);
        machine.handle(Input::Provisional(bytes("100")), Instant(0));
        machine.handle(Input::Final(bytes("200")), Instant(3));
        assert_eq!(machine.next_timeout(), Some(Instant(3)));
        machine.handle_timeout(Instant(3));
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn a_response_that_cannot_be_delivered_ends_the_transaction() {
        let mut machine = Server::new(false);
        machine.handle(Input::Final(bytes("200")), Instant(0));
        machine.handle(Input::TransportError, Instant(0));
        assert_eq!(drain(&mut machine).last(), Some(&Output::TransportError));
        assert_eq!(machine.state(), State::Terminated);
    }
}
