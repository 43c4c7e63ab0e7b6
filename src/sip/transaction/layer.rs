//! All transactions of the switch: which one a message belongs to, and what is due when
//! (RFC 3261 §17, §18.1.2, §18.2.1).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::client::{self, Client};
use super::derived;
use super::invite_client::{self, InviteClient, Reason};
use super::invite_server::{self, InviteServer};
use super::key::{ClientKey, MergeKey, ServerKey};
use super::room::Room;
pub use super::room::{MAX_BYTES, MAX_TRANSACTIONS, RESERVED_BYTES, RESERVED_TRANSACTIONS};
use super::server::{self, Server};
use crate::sip::flow::Flow;
use crate::time::{Instant, TimerTable};

/// A transaction begun by a peer. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u64);

/// A transaction begun by us. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// Any transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// Begun by a peer.
    Server(ServerId),
    /// Begun by us.
    Client(ClientId),
}

/// What kind of request it is, as far as transactions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// INVITE.
    Invite,
    /// ACK.
    Ack,
    /// CANCEL.
    Cancel,
    /// Any other method, known or not.
    Other,
}

impl Kind {
    /// Of a method's name, which is case-sensitive.
    pub fn of(method: &str) -> Self {
        match method {
            "INVITE" => Self::Invite,
            "ACK" => Self::Ack,
            "CANCEL" => Self::Cancel,
            _ => Self::Other,
        }
    }
}

/// What the layer needs to know of a request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its transaction's key.
    pub key: ServerKey,
    /// Set for requests outside dialogs.
    pub merge: Option<MergeKey>,
    /// Its method.
    pub kind: Kind,
}

/// What a received request means to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A new request: answer it with [`Layer::respond`].
    New {
        /// Its transaction.
        id: ServerId,
        /// It came before on another way: answer 482 (§8.2.2.2).
        merged: bool,
    },
    /// A CANCEL: answer it with 200 if it cancels something, else with 481 (§9.2).
    Cancel {
        /// The CANCEL's own transaction.
        id: ServerId,
        /// What it cancels.
        target: CancelTarget,
    },
    /// An ACK that acknowledges a 2xx, or nothing: for the dialog that it names.
    Ack,
    /// A repetition; the layer has done what is to be done.
    Absorbed,
    /// The table is full: answer 503 without a transaction ([`Layer::send`]). An ACK is never that.
    Full,
}

/// What a CANCEL cancels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelTarget {
    /// An INVITE without final response: answer that one with 487.
    Pending(ServerId),
    /// An INVITE whose final response went out: nothing changes.
    Answered(ServerId),
    /// No INVITE that we know.
    Unknown,
}

/// What a received response means to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It answers this request of ours. For an INVITE there may be several 2xx, of one dialog
    /// (repeated: ACK it again) or of several (forked: ACK and BYE those that nobody wants).
    ToUser(ClientId),
    /// A repetition; the layer has done what is to be done.
    Absorbed,
    /// It answers nothing that we asked: dropped (RFC 6026 §7.2).
    Stray,
}

/// A request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The branch of its Via, unique to it.
    pub branch: &'a str,
    /// Its method. An ACK begins no transaction: that of a 2xx goes out by [`Layer::send`].
    pub method: &'a str,
    /// The whole request.
    pub bytes: Arc<[u8]>,
    /// Where to.
    pub flow: Flow,
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// [`MAX_TRANSACTIONS`] live already, or keep [`MAX_BYTES`].
    #[error("the SIP transactions take all the room that they may")]
    Full,
    /// The branch is in use: it was not made for this request.
    #[error("another request with this Via branch is under way")]
    BranchInUse,
}

/// The transaction has ended (or never was).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transaction has ended")]
pub struct Gone;

/// What the layer wants done or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Send {
        /// Where to.
        flow: Flow,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// Our request got no final response: act as on 408 (§8.1.3.1).
    Timeout(ClientId),
    /// Our failure response to an INVITE was never acknowledged. Nothing is left to do.
    NotAcknowledged(ServerId),
    /// The transport failed: for a request of ours act as on 503 (§8.1.3.1).
    TransportError(Id),
    /// The transaction is gone; said once for each, last.
    Terminated(Id),
}

#[derive(Debug, Clone)]
enum ServerMachine {
    Invite(InviteServer),
    Other(Server),
}

#[derive(Debug, Clone)]
struct ServerEntry {
    key: ServerKey,
    merge: Option<MergeKey>,
    flow: Flow,
    machine: ServerMachine,
    /// What its keys and its last response take.
    bytes: usize,
    response: usize,
}

#[derive(Debug, Clone)]
enum ClientMachine {
    Invite {
        machine: InviteClient,
        /// Of which ACK and CANCEL are made.
        invite: Arc<[u8]>,
    },
    Other(Client),
    /// A CANCEL that the layer sent itself; the user hears of the INVITE alone.
    Cancel(Client),
}

#[derive(Debug, Clone)]
struct ClientEntry {
    key: ClientKey,
    flow: Flow,
    machine: ClientMachine,
    /// What its request takes, here and at the user's.
    bytes: usize,
}

/// The table of all transactions.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    last_id: u64,
    servers: BTreeMap<ServerId, ServerEntry>,
    servers_by_key: BTreeMap<ServerKey, ServerId>,
    merges: BTreeMap<MergeKey, ServerId>,
    clients: BTreeMap<ClientId, ClientEntry>,
    clients_by_key: BTreeMap<ClientKey, ClientId>,
    by_flow: BTreeSet<(Flow, Id)>,
    timers: TimerTable<Id>,
    outputs: VecDeque<Output>,
    room: Room,
}

impl Layer {
    /// Whether a request with this key came before and its transaction lives.
    pub fn knows(&self, key: &ServerKey) -> bool {
        self.servers_by_key.contains_key(key)
    }

    /// A request came over `flow`.
    pub fn receive_request(&mut self, incoming: Incoming, flow: Flow, now: Instant) -> Received {
        if let Some(id) = self.servers_by_key.get(&incoming.key).copied() {
            return self.repeated(id, incoming.kind, now);
        }
        match incoming.kind {
            Kind::Ack => Received::Ack,
            Kind::Cancel => self.receive_cancel(incoming, flow),
            Kind::Invite | Kind::Other => {
                let full = match incoming.merge {
                    Some(_) => self.room.is_full_for_strangers(),
                    None => self.room.is_full(),
                };
                if full {
                    return Received::Full;
                }
                let merged =
                    (incoming.merge.as_ref()).is_some_and(|key| self.merges.contains_key(key));
                let id = self.insert_server(incoming, flow);
                Received::New { id, merged }
            }
        }
    }

    /// Sends a response with `status` (100 to 699) to the request of `id`, where it came from.
    /// A second final response is ignored, except that a 2xx to an INVITE may be sent again.
    ///
    /// # Errors
    /// When the transaction has ended.
    pub fn respond(
        &mut self,
        id: ServerId,
        status: u16,
        bytes: Arc<[u8]>,
        now: Instant,
    ) -> Result<(), Gone> {
        let entry = self.servers.get_mut(&id).ok_or(Gone)?;
        self.room.exchange(entry.response, bytes.len());
        entry.response = bytes.len();
        match &mut entry.machine {
            ServerMachine::Invite(machine) => {
                let input = match status {
                    0..200 => invite_server::Input::Provisional(bytes),
                    200..300 => invite_server::Input::Success(bytes),
                    300.. => invite_server::Input::Failure(bytes),
                };
                machine.handle(input, now);
            }
            ServerMachine::Other(machine) => {
                let input = match status {
                    0..200 => server::Input::Provisional(bytes),
                    200.. => server::Input::Final(bytes),
                };
                machine.handle(input, now);
            }
        }
        self.settle_server(id, now);
        Ok(())
    }

    /// Sends a request in a transaction of its own.
    ///
    /// # Errors
    /// When there are too many or the branch is in use; nothing is sent then.
    pub fn start(&mut self, outgoing: Outgoing<'_>, now: Instant) -> Result<ClientId, NotStarted> {
        if self.room.is_full() {
            return Err(NotStarted::Full);
        }
        let key = ClientKey::new(outgoing.branch, outgoing.method);
        if self.clients_by_key.contains_key(&key) {
            return Err(NotStarted::BranchInUse);
        }
        let reliable = outgoing.flow.transport.is_reliable();
        let bytes = outgoing.bytes.len();
        let machine = match Kind::of(outgoing.method) {
            Kind::Invite => ClientMachine::Invite {
                machine: InviteClient::new(Arc::clone(&outgoing.bytes), reliable, now),
                invite: outgoing.bytes,
            },
            Kind::Ack | Kind::Cancel | Kind::Other => {
                ClientMachine::Other(Client::new(outgoing.bytes, reliable, now))
            }
        };
        Ok(self.insert_client(key, outgoing.flow, (machine, bytes), now))
    }

    /// Cancels our INVITE: at once if a provisional response came, else as soon as one comes
    /// (§9.1). Its end is told as ever: 487, a 2xx that was faster, or [`Output::Timeout`].
    ///
    /// # Errors
    /// When the INVITE's transaction has ended.
    pub fn cancel(&mut self, id: ClientId, why: Reason, now: Instant) -> Result<(), Gone> {
        let entry = self.clients.get_mut(&id).ok_or(Gone)?;
        if let ClientMachine::Invite { machine, .. } = &mut entry.machine {
            machine.handle(invite_client::Input::Cancel(why), now);
        }
        self.settle_client(id, now);
        Ok(())
    }

    /// A response with `status` came. `to` is the value of its To header, for the ACK of a failure.
    pub fn receive_response(
        &mut self,
        key: &ClientKey,
        status: u16,
        to: &str,
        now: Instant,
    ) -> Answered {
        let Some(id) = self.clients_by_key.get(key).copied() else {
            return Answered::Stray;
        };
        let Some(entry) = self.clients.get_mut(&id) else {
            return Answered::Stray;
        };
        let mut internal = false;
        match &mut entry.machine {
            ClientMachine::Invite { machine, invite } => {
                let input = match status {
                    0..200 => invite_client::Input::Provisional,
                    200..300 => invite_client::Input::Success,
                    300.. => invite_client::Input::Failure {
                        ack: derived::acknowledge(invite, to),
                    },
                };
                machine.handle(input, now);
            }
            ClientMachine::Other(machine) | ClientMachine::Cancel(machine) => {
                let input = match status {
                    0..200 => client::Input::Provisional,
                    200.. => client::Input::Final,
                };
                machine.handle(input, now);
                internal = matches!(entry.machine, ClientMachine::Cancel(_));
            }
        }
        if self.settle_client(id, now) && !internal {
            Answered::ToUser(id)
        } else {
            Answered::Absorbed
        }
    }

    /// Nothing can be sent over `flow` any more, or the last bytes were not delivered. A datagram that
    /// was not sent is one of those that get lost, and is sent again: there it ends only an INVITE of
    /// ours that has no answer, since another phone may be rung at once.
    pub fn transport_error(&mut self, flow: Flow, now: Instant) {
        let lasts = flow.transport.is_reliable();
        let all = (flow, Id::Server(ServerId(0)))..=(flow, Id::Client(ClientId(u64::MAX)));
        let hit: Vec<Id> = self.by_flow.range(all).map(|(_, id)| *id).collect();
        for id in hit {
            match id {
                Id::Server(_) if !lasts => {}
                Id::Server(id) => {
                    match self.servers.get_mut(&id).map(|entry| &mut entry.machine) {
                        Some(ServerMachine::Invite(machine)) => {
                            machine.handle(invite_server::Input::TransportError, now);
                        }
                        Some(ServerMachine::Other(machine)) => {
                            machine.handle(server::Input::TransportError, now);
                        }
                        None => {}
                    }
                    self.settle_server(id, now);
                }
                Id::Client(id) => {
                    match self.clients.get_mut(&id).map(|entry| &mut entry.machine) {
                        Some(ClientMachine::Invite { machine, .. }) => {
                            machine.handle(invite_client::Input::TransportError, now);
                        }
                        Some(ClientMachine::Other(machine) | ClientMachine::Cancel(machine))
                            if lasts =>
                        {
                            machine.handle(client::Input::TransportError, now);
                        }
                        Some(ClientMachine::Other(_) | ClientMachine::Cancel(_)) | None => {}
                    }
                    self.settle_client(id, now);
                }
            }
        }
    }

    /// Sends bytes outside any transaction, in order with the layer's own: the ACK of a 2xx, a 2xx
    /// again after its transaction ended, a 503 when the table is full.
    pub fn send(&mut self, flow: Flow, bytes: Arc<[u8]>) {
        self.outputs.push_back(Output::Send { flow, bytes });
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Lets the timers fire whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.timers.pop_due(now) {
            match id {
                Id::Server(id) => {
                    self.settle_server(id, now);
                }
                Id::Client(id) => {
                    self.settle_client(id, now);
                }
            }
        }
    }

    /// What to do next; `None`: nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many transactions live.
    pub fn len(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// Whether no transaction lives.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.clients.is_empty()
    }

    fn repeated(&mut self, id: ServerId, kind: Kind, now: Instant) -> Received {
        let Some(entry) = self.servers.get_mut(&id) else {
            return Received::Absorbed;
        };
        match &mut entry.machine {
            ServerMachine::Invite(machine) => {
                let input = match kind {
                    Kind::Ack => invite_server::Input::Ack,
                    Kind::Invite | Kind::Cancel | Kind::Other => invite_server::Input::Invite,
                };
                machine.handle(input, now);
            }
            ServerMachine::Other(machine) => machine.handle(server::Input::Request, now),
        }
        if self.settle_server(id, now) {
            Received::Ack
        } else {
            Received::Absorbed
        }
    }

    fn receive_cancel(&mut self, incoming: Incoming, flow: Flow) -> Received {
        let invite = self.servers_by_key.get(&incoming.key.cancelled()).copied();
        let target = match invite.and_then(|id| Some((id, &self.servers.get(&id)?.machine))) {
            Some((id, ServerMachine::Invite(machine))) => match machine.state() {
                invite_server::State::Proceeding => CancelTarget::Pending(id),
                invite_server::State::Accepted
                | invite_server::State::Completed
                | invite_server::State::Confirmed
                | invite_server::State::Terminated => CancelTarget::Answered(id),
            },
            Some((_, ServerMachine::Other(_))) | None => CancelTarget::Unknown,
        };
        if target == CancelTarget::Unknown && self.room.is_full_for_strangers() {
            return Received::Full;
        }
        let id = self.insert_server(incoming, flow);
        Received::Cancel { id, target }
    }

    fn insert_server(&mut self, incoming: Incoming, flow: Flow) -> ServerId {
        self.last_id += 1;
        let id = ServerId(self.last_id);
        let reliable = flow.transport.is_reliable();
        let machine = match incoming.kind {
            Kind::Invite => ServerMachine::Invite(InviteServer::new(reliable)),
            Kind::Ack | Kind::Cancel | Kind::Other => ServerMachine::Other(Server::new(reliable)),
        };
        // Each key is in a table and in its entry.
        let merge = incoming.merge.as_ref().map_or(0, MergeKey::weight);
        let bytes = 2 * (incoming.key.weight() + merge);
        self.room.enter(bytes);
        self.servers_by_key.insert(incoming.key.clone(), id);
        if let Some(merge) = &incoming.merge {
            self.merges.entry(merge.clone()).or_insert(id);
        }
        self.by_flow.insert((flow, Id::Server(id)));
        let entry = ServerEntry {
            key: incoming.key,
            merge: incoming.merge,
            flow,
            machine,
            bytes,
            response: 0,
        };
        self.servers.insert(id, entry);
        id
    }

    fn insert_client(
        &mut self,
        key: ClientKey,
        flow: Flow,
        (machine, bytes): (ClientMachine, usize),
        now: Instant,
    ) -> ClientId {
        self.last_id += 1;
        let id = ClientId(self.last_id);
        let bytes = 2 * bytes;
        self.room.enter(bytes);
        self.clients_by_key.insert(key.clone(), id);
        self.by_flow.insert((flow, Id::Client(id)));
        let entry = ClientEntry {
            key,
            flow,
            machine,
            bytes,
        };
        self.clients.insert(id, entry);
        self.settle_client(id, now);
        id
    }

    /// Fires what is due, hands on what the machine wants, sets its timer, buries it. Tells whether
    /// what was just put in is for the user.
    fn settle_server(&mut self, id: ServerId, now: Instant) -> bool {
        let Some(entry) = self.servers.get_mut(&id) else {
            return false;
        };
        let flow = entry.flow;
        let mut to_user = false;
        let (next, terminated) = match &mut entry.machine {
            ServerMachine::Invite(machine) => {
                machine.handle_timeout(now);
                while let Some(output) = machine.poll() {
                    match output {
                        invite_server::Output::ToUser => to_user = true,
                        invite_server::Output::Send(bytes) => {
                            self.outputs.push_back(Output::Send { flow, bytes });
                        }
                        invite_server::Output::Timeout => {
                            self.outputs.push_back(Output::NotAcknowledged(id));
                        }
                        invite_server::Output::TransportError => {
                            (self.outputs).push_back(Output::TransportError(Id::Server(id)));
                        }
                    }
                }
                let terminated = machine.state() == invite_server::State::Terminated;
                (machine.next_timeout(), terminated)
            }
            ServerMachine::Other(machine) => {
                machine.handle_timeout(now);
                while let Some(output) = machine.poll() {
                    self.outputs.push_back(match output {
                        server::Output::Send(bytes) => Output::Send { flow, bytes },
                        server::Output::TransportError => Output::TransportError(Id::Server(id)),
                    });
                }
                let terminated = machine.state() == server::State::Terminated;
                (machine.next_timeout(), terminated)
            }
        };
        self.timers.set_or_clear(Id::Server(id), next);
        if terminated {
            self.remove_server(id);
        }
        to_user
    }

    /// As [`Self::settle_server`].
    fn settle_client(&mut self, id: ClientId, now: Instant) -> bool {
        let Some(entry) = self.clients.get_mut(&id) else {
            return false;
        };
        let flow = entry.flow;
        let mut to_user = false;
        let mut cancel = None;
        let (next, terminated) = match &mut entry.machine {
            ClientMachine::Invite { machine, invite } => {
                machine.handle_timeout(now);
                while let Some(output) = machine.poll() {
                    match output {
                        invite_client::Output::ToUser => to_user = true,
                        invite_client::Output::Cancel(why) => {
                            cancel = Some((entry.key.cancelling(), derived::cancel(invite, why)));
                        }
                        invite_client::Output::Send(bytes) => {
                            self.outputs.push_back(Output::Send { flow, bytes });
                        }
                        invite_client::Output::Timeout => {
                            self.outputs.push_back(Output::Timeout(id));
                        }
                        invite_client::Output::TransportError => {
                            (self.outputs).push_back(Output::TransportError(Id::Client(id)));
                        }
                    }
                }
                let terminated = machine.state() == invite_client::State::Terminated;
                (machine.next_timeout(), terminated)
            }
            ClientMachine::Other(machine) => {
                machine.handle_timeout(now);
                while let Some(output) = machine.poll() {
                    match output {
                        client::Output::ToUser => to_user = true,
                        client::Output::Send(bytes) => {
                            self.outputs.push_back(Output::Send { flow, bytes });
                        }
                        client::Output::Timeout => self.outputs.push_back(Output::Timeout(id)),
                        client::Output::TransportError => {
                            (self.outputs).push_back(Output::TransportError(Id::Client(id)));
                        }
                    }
                }
                let terminated = machine.state() == client::State::Terminated;
                (machine.next_timeout(), terminated)
            }
            ClientMachine::Cancel(machine) => {
                machine.handle_timeout(now);
                while let Some(output) = machine.poll() {
                    match output {
                        client::Output::Send(bytes) => {
                            self.outputs.push_back(Output::Send { flow, bytes });
                        }
                        // The INVITE's own machine tells what became of the call.
                        client::Output::ToUser
                        | client::Output::Timeout
                        | client::Output::TransportError => {}
                    }
                }
                let terminated = machine.state() == client::State::Terminated;
                (machine.next_timeout(), terminated)
            }
        };
        self.timers.set_or_clear(Id::Client(id), next);
        if terminated {
            self.remove_client(id);
        }
        if let Some((key, bytes)) = cancel {
            let length = bytes.len();
            let machine = Client::new(bytes, flow.transport.is_reliable(), now);
            let machine = ClientMachine::Cancel(machine);
            self.insert_client(key, flow, (machine, length), now);
        }
        to_user
    }

    fn remove_server(&mut self, id: ServerId) {
        let Some(entry) = self.servers.remove(&id) else {
            return;
        };
        self.room.leave(entry.bytes + entry.response);
        self.servers_by_key.remove(&entry.key);
        self.by_flow.remove(&(entry.flow, Id::Server(id)));
        if let Some(merge) = &entry.merge
            && self.merges.get(merge) == Some(&id)
        {
            self.merges.remove(merge);
        }
        self.outputs.push_back(Output::Terminated(Id::Server(id)));
    }

    fn remove_client(&mut self, id: ClientId) {
        let Some(entry) = self.clients.remove(&id) else {
            return;
        };
        self.room.leave(entry.bytes);
        self.clients_by_key.remove(&entry.key);
        self.by_flow.remove(&(entry.flow, Id::Client(id)));
        match entry.machine {
            ClientMachine::Invite { .. } | ClientMachine::Other(_) => {
                self.outputs.push_back(Output::Terminated(Id::Client(id)));
            }
            ClientMachine::Cancel(_) => {}
        }
    }
}
