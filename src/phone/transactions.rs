//! What a phone has sent and sends again, and what it has answered and answers again (RFC 3261 §17,
//! over UDP).

use std::net::SocketAddr;
use std::time::Duration;

use super::wire::{Draft, Message, Method};
use crate::time::Instant;

/// §17.1.1.1: the estimate of a round trip.
pub(super) const T1: Duration = Duration::from_millis(500);
/// §17.1.2.1: the most between two copies.
const T2: Duration = Duration::from_secs(4);
/// 64·T1: timers B, D, F, H, and how long answers are remembered.
pub(super) const LIFE: Duration = Duration::from_secs(32);

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Register,
    Unregister,
    Invite,
    /// A re-INVITE that holds (`true`) or takes back.
    Hold(bool),
    /// UPDATE of a session timer.
    Refresh,
    Bye,
    /// CANCEL and PRACK: nothing follows from their answers.
    Other,
}

/// A request of ours.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) draft: Draft,
    pub(super) branch: String,
    pub(super) bytes: Vec<u8>,
    pub(super) to: SocketAddr,
    pub(super) purpose: Purpose,
    pub(super) challenged: bool,
    /// CANCEL is out: provisional responses no longer lengthen the wait.
    pub(super) cancelled: bool,
    interval: Duration,
    resend: Option<Instant>,
    /// Timer B or F; after the final response: until when copies of it are absorbed.
    pub(super) until: Option<Instant>,
    pub(super) answered: bool,
    /// The To tag of the final response: another one's is of a fork.
    pub(super) tag: Option<String>,
    /// What a repeated final response gets, and where.
    pub(super) ack: Option<(SocketAddr, Vec<u8>)>,
}

impl Client {
    pub(super) fn new(
        draft: Draft,
        branch: String,
        bytes: Vec<u8>,
        to: SocketAddr,
        purpose: Purpose,
        now: Instant,
    ) -> Self {
        Self {
            draft,
            branch,
            bytes,
            to,
            purpose,
            challenged: false,
            cancelled: false,
            interval: T1,
            resend: Some(now + T1),
            until: Some(now + LIFE),
            answered: false,
            tag: None,
            ack: None,
        }
    }

    pub(super) fn is_answered_by(&self, response: &Message) -> bool {
        self.branch == response.branch && self.draft.method == response.method
    }

    /// A provisional response: INVITE is sent no more and waits; others slow down.
    pub(super) fn provisional(&mut self) {
        if self.draft.method == Method::Invite {
            self.resend = None;
            self.until = self.until.filter(|_| self.cancelled);
        } else {
            self.interval = T2;
        }
    }

    /// The final response came.
    pub(super) fn finish(&mut self, response: &Message, now: Instant) {
        self.tag.clone_from(&response.to_tag);
        self.resend = None;
        self.answered = true;
        self.until = Some(now + LIFE);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.resend.into_iter().chain(self.until).min()
    }

    /// The copy that is due.
    fn resend(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        if self.resend? > now {
            return None;
        }
        self.interval *= 2;
        if self.draft.method != Method::Invite {
            self.interval = self.interval.min(T2);
        }
        self.resend = Some(now + self.interval);
        Some((self.to, self.bytes.clone()))
    }
}

/// A request of a peer with our last answer to it.
#[derive(Debug, Clone)]
pub(super) struct Served {
    branch: String,
    method: Method,
    call_id: String,
    cseq: u32,
    to: SocketAddr,
    bytes: Vec<u8>,
    /// A final response to an INVITE, until its ACK comes.
    unacknowledged: Option<(Instant, Duration)>,
    success: bool,
    until: Instant,
}

/// Both tables.
#[derive(Debug, Clone, Default)]
pub(super) struct Transactions {
    pub(super) clients: Vec<Client>,
    served: Vec<Served>,
}

/// What a timer brought.
#[derive(Debug)]
pub(super) enum Due {
    Send(SocketAddr, Vec<u8>),
    /// No final response came.
    Unanswered(Box<Client>),
    /// No ACK of our 2xx came, in this call.
    Unacknowledged(String),
}

impl Transactions {
    /// Remembers an answer and returns where it goes. Final answers to INVITE are sent until ACK.
    pub(super) fn answer(
        &mut self,
        request: &Message,
        status: u16,
        bytes: Vec<u8>,
        from: SocketAddr,
        now: Instant,
    ) -> SocketAddr {
        let unacknowledged =
            (request.method == Method::Invite && status >= 200).then_some((now + T1, T1));
        let served = Served {
            branch: request.branch.clone(),
            method: request.method,
            call_id: request.call_id.clone(),
            cseq: request.cseq,
            to: from,
            bytes,
            unacknowledged,
            success: (200..300).contains(&status),
            until: now + LIFE,
        };
        self.served
            .retain(|old| old.branch != served.branch || old.method != served.method);
        self.served.push(served);
        from
    }

    /// The answer that a request has had already.
    pub(super) fn repeated(&self, request: &Message) -> Option<(SocketAddr, Vec<u8>)> {
        let same = |one: &&Served| one.branch == request.branch && one.method == request.method;
        let found = self.served.iter().find(same)?;
        Some((found.to, found.bytes.clone()))
    }

    /// An ACK came; `true`: of a 2xx, for the first time.
    pub(super) fn acknowledge(&mut self, ack: &Message) -> bool {
        let of_this = |one: &&mut Served| {
            one.method == Method::Invite
                && one.call_id == ack.call_id
                && one.cseq == ack.cseq
                && one.unacknowledged.is_some()
        };
        let Some(found) = self.served.iter_mut().find(of_this) else {
            return false;
        };
        found.unacknowledged = None;
        found.success
    }

    /// Whether an INVITE with this branch was answered here.
    pub(super) fn knows_invite(&self, branch: &str) -> bool {
        let same = |one: &Served| one.method == Method::Invite && one.branch == branch;
        self.served.iter().any(same)
    }

    /// Whether a 2xx of a call still waits for its ACK.
    pub(super) fn awaits_ack(&self, call_id: &str) -> bool {
        let waits =
            |one: &Served| one.success && one.unacknowledged.is_some() && one.call_id == call_id;
        self.served.iter().any(waits)
    }

    /// Ends the repetition of a call's 2xx.
    pub(super) fn forget_ack(&mut self, call_id: &str) {
        for one in &mut self.served {
            if one.call_id == call_id {
                one.unacknowledged = None;
            }
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let clients = self.clients.iter().filter_map(Client::next_timeout);
        let served = self.served.iter().map(|one| match one.unacknowledged {
            Some((at, _)) => at.min(one.until),
            None => one.until,
        });
        clients.chain(served).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        for client in &mut self.clients {
            let over = client.until.is_some_and(|until| until <= now);
            if over && !client.answered {
                due.push(Due::Unanswered(Box::new(client.clone())));
            } else if let Some((to, bytes)) = client.resend(now) {
                due.push(Due::Send(to, bytes));
            }
        }
        self.clients
            .retain(|client| client.until.is_none_or(|until| until > now));
        for one in &mut self.served {
            let Some((at, interval)) = one.unacknowledged else {
                continue;
            };
            if one.until <= now {
                if one.success {
                    due.push(Due::Unacknowledged(one.call_id.clone()));
                }
            } else if at <= now {
                let interval = (interval * 2).min(T2);
                one.unacknowledged = Some((now + interval, interval));
                due.push(Due::Send(one.to, one.bytes.clone()));
            }
        }
        self.served.retain(|one| one.until > now);
        due
    }
}
