//! Connections: framing in, one bounded writer each out, whatever carries the octets: TCP itself, or TLS
//! upon it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

use super::files;
use super::known::Known;
use super::tls::Tls;
use crate::registrar::bindings::MAX_EXPIRES;
use crate::sip::flow::{ConnectionId, Flow, Transport};
use crate::sip::parse::{Framed, Framer};
use crate::sip::source::Source;
use crate::switch::Input;

mod websocket;

/// Messages that may wait for a peer who reads slowly; one more drops the connection, so that
/// nobody else notices.
const QUEUE: usize = 128;
/// Octets that may wait so: one more message drops the connection.
const QUEUED_BYTES: usize = 256 * 1024;
/// A peer that takes nothing for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Connecting takes no longer (RFC 3261 §18.1.1 leaves it to us).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most connections at once, and never more than a quarter of the files that the system lets us
/// have open: calls need the rest. The answer to one more is a closed door.
const MAX_CONNECTIONS: usize = 4_000;
/// The most from one address, so that one stranger cannot take them all.
const MAX_PER_ADDRESS: usize = 200;
/// A TLS handshake takes no longer.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The most handshakes of strangers under way; one more closes the oldest, since an honest one takes
/// a moment.
const MAX_HALF_OPEN: usize = 256;
/// Of these, the most from one address: one more is a closed door.
pub(super) const MAX_HALF_OPEN_PER_ADDRESS: usize = 32;
/// Whoever connects has so long for a first whole message: idle strangers must not take all places.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);
/// A connection of a trunk or a registered phone that has sent nothing, not even a keep-alive, for so
/// long is closed: later than any registration ends.
const IDLE: Duration = MAX_EXPIRES.saturating_add(Duration::from_secs(300));
/// The same for strangers, who have no registration to keep.
const STRANGERS_IDLE: Duration = Duration::from_secs(120);
/// A message that has begun must be whole after so long: half a message holds memory and says nothing.
const PARTIAL: Duration = Duration::from_secs(32);
/// How much is read at a time.
const READ: usize = 8 * 1024;
/// What answers a ping of RFC 5626 §4.4.1.
const PONG: &[u8] = b"\r\n";

struct Connection {
    transport: Transport,
    remote: SocketAddr,
    writer: mpsc::Sender<Arc<[u8]>>,
    signs: Arc<Signs>,
}

/// A place among the connections, for the task that serves it.
pub(super) struct Seat {
    /// Whose.
    pub(super) id: ConnectionId,
    /// What is to be written.
    pub(super) queue: mpsc::Receiver<Arc<[u8]>>,
    /// What others shall know of it.
    pub(super) signs: Arc<Signs>,
}

/// What the tasks of a connection leave for others to read.
#[derive(Default)]
pub(super) struct Signs {
    /// We opened it.
    ours: bool,
    /// No handshake is over yet that its transport begins with.
    half_open: AtomicBool,
    /// Whom its peer proved by certificate to be.
    names: OnceLock<Vec<String>>,
    /// One of these is a trunk.
    trusted: AtomicBool,
    /// It has lost its place: whoever serves it shall end.
    evicted: Notify,
    /// Whether a message came.
    spoke: AtomicBool,
    /// When something came last, as a number that grows with each arrival.
    heard: AtomicU64,
    /// Octets that came since the last whole message.
    gathered: AtomicUsize,
    /// Milliseconds that pass before more is read.
    pause: AtomicU64,
    /// Octets that wait to be written.
    queued: AtomicUsize,
}

#[derive(Default)]
struct Table {
    by_id: HashMap<ConnectionId, Connection>,
    by_remote: HashMap<(Transport, SocketAddr), ConnectionId>,
}

/// All connections, shared by the acceptors and the driver. The lock is held for look-ups alone.
#[derive(Clone)]
pub struct Streams {
    table: Arc<Mutex<Table>>,
    next: Arc<AtomicU64>,
    arrivals: Arc<AtomicU64>,
    inputs: mpsc::Sender<Input>,
    known: Known,
    tls: Option<Tls>,
    /// Pages that may open a WebSocket; none: all may.
    origins: Arc<[String]>,
    partial: Duration,
    strangers_idle: Duration,
    handshake: Duration,
    /// How long nothing may be written to a WebSocket before a ping goes out.
    ping_every: Duration,
    most: usize,
}

impl Streams {
    /// None yet; what they read goes to `inputs`. Ids count from `first`, above those of any former
    /// process, which snapshots may still name.
    pub fn new(inputs: mpsc::Sender<Input>, first: u64, known: Known) -> Self {
        Self {
            table: Arc::default(),
            next: Arc::new(AtomicU64::new(first)),
            arrivals: Arc::default(),
            inputs,
            known,
            tls: None,
            origins: Arc::default(),
            partial: PARTIAL,
            strangers_idle: STRANGERS_IDLE,
            handshake: HANDSHAKE,
            ping_every: websocket::PING_EVERY,
            most: usize::try_from(files::limit_now() / 4)
                .map_or(MAX_CONNECTIONS, |quarter| quarter.min(MAX_CONNECTIONS)),
        }
    }

    /// With certificates: without them there is no TLS.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// Pages of these origins alone may open a WebSocket; of any, where none is named.
    #[must_use]
    pub fn with_origins(self, origins: &[String]) -> Self {
        Self {
            origins: origins.into(),
            ..self
        }
    }

    /// By TLS none but this host is talked to there.
    pub fn expect(&self, remote: SocketAddr, host: &str) {
        if let Some(tls) = &self.tls {
            tls.expect(remote, host);
        }
    }

    /// Nothing more is read of a connection for so long.
    pub fn slow(&self, id: ConnectionId, time: Duration) {
        let signs = self.with(|table| {
            let one = table.by_id.get(&id)?;
            Some(Arc::clone(&one.signs))
        });
        if let Some(signs) = signs {
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            signs.pause.store(millis, Ordering::Relaxed);
        }
    }

    /// Closes all connections of a source: it is banned.
    pub fn close(&self, source: Source) {
        let is_its = |one: &Connection| {
            Source::of(one.remote.ip()) == source && !self.stays(one.remote, &one.signs)
        };
        let all: Vec<ConnectionId> = self.with(|table| {
            let all = table.by_id.iter();
            all.filter(|(_, one)| is_its(one))
                .map(|(id, _)| *id)
                .collect()
        });
        all.into_iter().for_each(|id| self.forget(id));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.with(|table| table.by_id.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends by the flow's connection; where it names none, by one to the same peer, else by a new one.
    /// A connection that is gone or whose queue is full is reported to the switch, never waited for:
    /// the port that a peer connected from is not one to connect to.
    pub fn send(&self, flow: Flow, bytes: Arc<[u8]>) {
        let existing = self.with(|table| {
            let id = match flow.connection {
                Some(id) => id,
                None => self.to_peer(table, flow)?,
            };
            table
                .by_id
                .get(&id)
                .map(|one| (id, one.writer.clone(), Arc::clone(&one.signs)))
        });
        match existing {
            Some((id, writer, signs)) => {
                let length = bytes.len();
                let queued = signs.queued.fetch_add(length, Ordering::Relaxed) + length;
                if queued > QUEUED_BYTES || writer.try_send(bytes).is_err() {
                    tracing::warn!(connection = id.0, "peer does not read; connection dropped");
                    self.forget(id);
                    // Else what it sends would be read until its last write is given up.
                    signs.evicted.notify_one();
                    self.report_failure(flow);
                }
            }
            None if flow.connection.is_some() => self.report_failure(flow),
            None => self.connect(flow, bytes),
        }
    }

    /// A connection to the peer that somebody else's message opened (RFC 5923): by TLS, one that is proved
    /// to lead to whom we mean.
    fn to_peer(&self, table: &Table, flow: Flow) -> Option<ConnectionId> {
        let id = *table.by_remote.get(&(flow.transport, flow.remote))?;
        let signs = &table.by_id.get(&id)?.signs;
        let wanted = self.tls.as_ref().and_then(|tls| tls.host_at(flow.remote));
        match (flow.transport.is_secure(), signs.names.get(), wanted) {
            (true, Some(names), Some(wanted)) if !names.contains(&wanted) => None,
            (true, None, _) if !signs.ours => None,
            _ => Some(id),
        }
    }

    /// Accepts for ever.
    pub async fn accept(self, listener: TcpListener, local: SocketAddr, transport: Transport) {
        loop {
            match listener.accept().await {
                Ok((stream, remote)) => {
                    let flow = Flow {
                        transport,
                        local,
                        remote,
                        connection: None,
                    };
                    let Some(seat) = self.seat(flow) else {
                        tracing::debug!(
                            "too many connections, or of one who is banned; one refused"
                        );
                        drop(stream);
                        continue;
                    };
                    tokio::spawn(self.clone().welcome(seat, stream, flow));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: let others finish first.
                    tracing::warn!(%local, %error, "accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// A place for somebody who has connected, if there is one.
    fn seat(&self, flow: Flow) -> Option<Seat> {
        let half_open = flow.transport.is_secure() || flow.transport.is_websocket();
        // First of all: whoever is banned has nobody pushed out of his place.
        if !self.known.lets_connection_in(flow.remote)
            || !self.make_room(flow.remote)
            || (half_open && !self.make_half_open_room(flow.remote))
        {
            return None;
        }
        let signs = Signs {
            half_open: half_open.into(),
            ..Signs::default()
        };
        Some(self.insert(flow, signs).0)
    }

    /// What a transport begins with, and then its messages.
    async fn welcome(self, seat: Seat, stream: TcpStream, flow: Flow) {
        tokio::select! {
            () = self.known.pass_connection(flow.remote) => {}
            () = seat.signs.evicted.notified() => return,
        }
        // Small messages that are answered at once: waiting for more would only delay a ring.
        let _ = stream.set_nodelay(true);
        if !flow.transport.is_secure() {
            return match flow.transport.is_websocket() {
                true => websocket::serve(&self, seat, stream, flow).await,
                false => self.run(seat, stream, flow).await,
            };
        }
        let Some(tls) = &self.tls else {
            return self.forget(seat.id);
        };
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(self.handshake, tls.accept(stream, flow.transport)) => shaken,
            () = seat.signs.evicted.notified() => return,
        };
        match shaken {
            Ok(Ok((stream, names))) => {
                self.shaken(&seat, names).await;
                match flow.transport.is_websocket() {
                    true => websocket::serve(&self, seat, stream, flow).await,
                    false => self.run(seat, stream, flow).await,
                }
            }
            failed => {
                let fault = failed.map(|result| result.err());
                tracing::debug!(remote = %flow.remote, ?fault, "no TLS handshake");
                self.forget(seat.id);
            }
        }
    }

    /// A handshake is over; `names`: whom the peer's certificate proves it to be (RFC 5922 §7.1).
    async fn shaken(&self, seat: &Seat, names: Vec<String>) {
        seat.signs.half_open.store(false, Ordering::Relaxed);
        let _ = seat.signs.names.set(names.clone());
        if names.is_empty() {
            return;
        }
        let trusted = self.known.trusts(&names);
        seat.signs.trusted.store(trusted, Ordering::Relaxed);
        let connection = seat.id;
        let _ = self.inputs.send(Input::Proved { connection, names }).await;
    }

    fn connect(&self, flow: Flow, first: Arc<[u8]>) {
        let signs = Signs {
            ours: true,
            queued: first.len().into(),
            ..Signs::default()
        };
        if flow.transport.is_websocket() || !self.make_room(flow.remote) {
            return self.report_failure(flow);
        }
        let (seat, writer) = self.insert(flow, signs);
        if writer.try_send(first).is_err() {
            self.forget(seat.id);
            return self.report_failure(flow);
        }
        drop(writer);
        let streams = self.clone();
        match (&self.tls, flow.transport.is_secure()) {
            (_, false) => drop(tokio::spawn(streams.reach(seat, flow))),
            (Some(tls), true) => tls.spawn(streams.reach(seat, flow)),
            (None, true) => {
                self.forget(seat.id);
                self.report_failure(flow);
            }
        }
    }

    /// Connects, and then serves the connection as any other.
    async fn reach(self, seat: Seat, flow: Flow) {
        let attempt = async {
            let stream = TcpStream::connect(flow.remote).await?;
            let _ = stream.set_nodelay(true);
            let local = stream.local_addr().unwrap_or(flow.local);
            let secure = match &self.tls {
                Some(tls) if flow.transport.is_secure() => {
                    Ok(tls.connect(stream, flow.remote).await?)
                }
                _ => Err(stream),
            };
            io::Result::Ok((secure, local))
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, attempt).await {
            Ok(Ok((Err(plain), local))) => {
                self.run(seat, plain, Flow { local, ..flow }).await;
            }
            Ok(Ok((Ok((stream, names)), local))) => {
                self.shaken(&seat, names).await;
                self.run(seat, stream, Flow { local, ..flow }).await;
            }
            failed => {
                if flow.transport.is_secure() {
                    let fault = failed.map(|result| result.err());
                    tracing::warn!(remote = %flow.remote, ?fault, "no connection by TLS");
                }
                self.forget(seat.id);
                let _ = self.inputs.send(Input::SendFailed { flow }).await;
            }
        }
    }

    /// Serves a connection until either side ends it.
    async fn run<S>(&self, seat: Seat, stream: S, flow: Flow)
    where
        S: AsyncRead + AsyncWrite,
    {
        let Seat { id, queue, signs } = seat;
        let (reader, writer) = tokio::io::split(stream);
        let flow = Flow {
            connection: Some(id),
            ..flow
        };
        {
            let reading = pin!(self.read_all(reader, flow, &signs));
            let writing = pin!(write_all(writer, queue, &signs));
            // Whichever half ends first ends the other: a peer who does not read is not served.
            tokio::select! {
                outcome = reading => {
                    tracing::debug!(connection = id.0, ?outcome, "connection closed by peer");
                }
                () = writing => {
                    tracing::debug!(connection = id.0, "connection closed by us");
                }
                () = until_too_late(&signs) => {
                    tracing::debug!(connection = id.0, "no message came; connection closed");
                }
                () = signs.evicted.notified() => {
                    tracing::debug!(connection = id.0, "connection closed at once");
                }
            }
        }
        self.ended(flow).await;
    }

    /// A connection is over: nobody shall wait for it.
    async fn ended(&self, flow: Flow) {
        let Some(connection) = flow.connection else {
            return;
        };
        self.forget(connection);
        let _ = self.inputs.send(Input::FlowClosed { connection }).await;
        // Requests that are under way on it need not wait for their timers.
        let _ = self.inputs.send(Input::SendFailed { flow }).await;
    }

    async fn read_all(&self, reader: impl AsyncRead, flow: Flow, signs: &Signs) -> io::Result<()> {
        let mut reader = pin!(reader);
        let mut framer = Framer::default();
        let mut buffer = vec![0; READ];
        loop {
            // While a message is under way its own patience counts, however its pieces trickle.
            let begun = framer.is_partial();
            let mut patience = if begun {
                self.partial
            } else {
                self.strangers_idle
            };
            let next = self.read_some(&mut reader, &mut framer, &mut buffer, flow, signs);
            let mut next = pin!(next);
            loop {
                match tokio::time::timeout(patience, &mut next).await {
                    Ok(Ok(true)) => break,
                    Ok(Ok(false)) => return Ok(()),
                    Ok(Err(error)) => return Err(error),
                    // Asked late: a phone registers by what it has sent.
                    Err(_) if !begun && patience < IDLE && self.stays(flow.remote, signs) => {
                        patience = IDLE;
                    }
                    Err(_) => return Err(io::ErrorKind::TimedOut.into()),
                }
            }
        }
    }

    /// Reads until at least one thing came out whole or a message has begun; `false`: the peer closed.
    async fn read_some(
        &self,
        reader: &mut (impl AsyncRead + Unpin),
        framer: &mut Framer,
        buffer: &mut [u8],
        flow: Flow,
        signs: &Signs,
    ) -> io::Result<bool> {
        let begun = framer.is_partial();
        loop {
            let length = reader.read(buffer).await?;
            if length == 0 {
                return Ok(false);
            }
            signs.heard.store(self.arrival(), Ordering::Relaxed);
            signs.gathered.fetch_add(length, Ordering::Relaxed);
            framer.push(&buffer[..length]);
            let mut found = false;
            // Before it is parsed.
            while framer.has_head() {
                self.pass(flow, signs).await;
                let Some(framed) = framer.pull() else { break };
                found = true;
                // Keep-alives alone do not keep a place.
                if !matches!(framed, Framed::Ping) {
                    signs.spoke.store(true, Ordering::Relaxed);
                    let length = signs.gathered.swap(0, Ordering::Relaxed);
                    if !self.known.lets_in(flow.remote, length, &self.inputs) {
                        return Err(io::ErrorKind::QuotaExceeded.into());
                    }
                }
                self.take(framed, flow).await?;
            }
            if found || !begun {
                return Ok(true);
            }
        }
    }

    /// Waits until one more message may be read.
    async fn pass(&self, flow: Flow, signs: &Signs) {
        let pause = signs.pause.swap(0, Ordering::Relaxed);
        if pause > 0 {
            self.known.delays();
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let proved = signs.ours || signs.trusted.load(Ordering::Relaxed);
        self.known.pass(flow.remote, proved).await;
    }

    async fn take(&self, framed: Framed, flow: Flow) -> io::Result<()> {
        match framed {
            Framed::Message(message) => {
                let message = Box::new(message);
                self.hand_over(Input::Message { flow, message }).await
            }
            Framed::Ping => {
                self.send(flow, Arc::from(PONG));
                Ok(())
            }
            Framed::Malformed(malformed) => {
                let malformed = Box::new(malformed);
                self.hand_over(Input::Malformed { flow, malformed }).await
            }
            Framed::Lost(malformed) => {
                let malformed = Box::new(malformed);
                self.hand_over(Input::Malformed { flow, malformed }).await?;
                // Where the next message begins is not known: answer, then close.
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }

    /// Waits while the switch is busy: the peer feels it as a slow reader, which is right.
    async fn hand_over(&self, input: Input) -> io::Result<()> {
        self.inputs
            .send(input)
            .await
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn report_failure(&self, flow: Flow) {
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let _ = inputs.send(Input::SendFailed { flow }).await;
        });
    }

    /// Whether there is a place for one more of `remote`; the stranger who has been idle for longest
    /// gives up his, if need be.
    fn make_room(&self, remote: SocketAddr) -> bool {
        let own = Source::of(remote.ip());
        let same = |connection: &&Connection| Source::of(connection.remote.ip()) == own;
        let (count, of_own) = self.with(|table| {
            let own = table.by_id.values().filter(same).count();
            (table.by_id.len(), own)
        });
        if count < self.most || of_own >= MAX_PER_ADDRESS {
            return of_own < MAX_PER_ADDRESS;
        }
        let idlest = self.with(|table| {
            let strangers = table.by_id.iter();
            strangers
                .filter(|(_, one)| !self.stays(one.remote, &one.signs))
                .min_by_key(|(_, one)| one.signs.heard.load(Ordering::Relaxed))
                .map(|(id, _)| *id)
        });
        if let Some(id) = idlest {
            tracing::debug!(
                connection = id.0,
                "too many connections; an idle one is closed"
            );
            self.forget(id);
        }
        idlest.is_some()
    }

    /// Whether one more handshake may begin; the oldest gives way, if need be.
    fn make_half_open_room(&self, remote: SocketAddr) -> bool {
        let own = Source::of(remote.ip());
        let half_open = |one: &Connection| one.signs.half_open.load(Ordering::Relaxed);
        let (oldest, count, of_own) = self.with(|table| {
            let mut all: Vec<_> = table
                .by_id
                .iter()
                .filter(|(_, one)| half_open(one))
                .collect();
            all.sort_unstable_by_key(|(id, _)| **id);
            let of_own = all
                .iter()
                .filter(|(_, one)| Source::of(one.remote.ip()) == own);
            (all.first().map(|(id, _)| **id), all.len(), of_own.count())
        });
        if of_own >= MAX_HALF_OPEN_PER_ADDRESS {
            return false;
        }
        if let Some(oldest) = oldest.filter(|_| count >= MAX_HALF_OPEN) {
            self.forget(oldest);
        }
        true
    }

    /// Whether a connection has more right to its place than a stranger's.
    fn stays(&self, remote: SocketAddr, signs: &Signs) -> bool {
        signs.ours || signs.trusted.load(Ordering::Relaxed) || self.known.knows(remote)
    }

    fn arrival(&self) -> u64 {
        self.arrivals.fetch_add(1, Ordering::Relaxed)
    }

    fn new_id(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn insert(&self, flow: Flow, signs: Signs) -> (Seat, mpsc::Sender<Arc<[u8]>>) {
        let (id, signs) = (self.new_id(), Arc::new(signs));
        let (writer, queue) = mpsc::channel(QUEUE);
        signs.heard.store(self.arrival(), Ordering::Relaxed);
        let connection = Connection {
            transport: flow.transport,
            remote: flow.remote,
            writer: writer.clone(),
            signs: Arc::clone(&signs),
        };
        self.with(|table| {
            table.by_remote.insert((flow.transport, flow.remote), id);
            table.by_id.insert(id, connection);
        });
        (Seat { id, queue, signs }, writer)
    }

    fn forget(&self, id: ConnectionId) {
        self.with(|table| {
            if let Some(connection) = table.by_id.remove(&id) {
                connection.signs.evicted.notify_one();
                let place = (connection.transport, connection.remote);
                if table.by_remote.get(&place) == Some(&id) {
                    table.by_remote.remove(&place);
                }
            }
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut Table) -> T) -> T {
        look(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ends after [`FIRST_MESSAGE`] unless the peer has spoken by then.
async fn until_too_late(signs: &Signs) {
    tokio::time::sleep(FIRST_MESSAGE).await;
    if signs.spoke.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

/// Writes what the queue brings until it is dropped or the peer stops reading.
async fn write_all(writer: impl AsyncWrite, mut queue: mpsc::Receiver<Arc<[u8]>>, signs: &Signs) {
    let mut writer = pin!(writer);
    while let Some(bytes) = queue.recv().await {
        let written = tokio::time::timeout(WRITE_TIMEOUT, async {
            writer.write_all(&bytes).await?;
            // TLS may hold back what it has sealed.
            writer.flush().await
        });
        if !matches!(written.await, Ok(Ok(()))) {
            break;
        }
        signs.queued.fetch_sub(bytes.len(), Ordering::Relaxed);
    }
    let _ = tokio::time::timeout(WRITE_TIMEOUT, writer.shutdown()).await;
}

#[cfg(test)]
mod tests;
