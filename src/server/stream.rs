//! TCP: framing in, one bounded writer per connection out.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::files;
use super::known::Known;
use crate::registrar::bindings::MAX_EXPIRES;
use crate::sip::flow::{ConnectionId, Flow, Transport};
use crate::sip::parse::{Framed, Framer};
use crate::switch::Input;

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
    remote: SocketAddr,
    writer: mpsc::Sender<Arc<[u8]>>,
    signs: Arc<Signs>,
}

/// What the tasks of a connection leave for others to read.
#[derive(Default)]
struct Signs {
    /// We opened it.
    ours: bool,
    /// Whether a message came.
    spoke: AtomicBool,
    /// When something came last, as a number that grows with each arrival.
    heard: AtomicU64,
    /// Octets that came since the last whole message.
    gathered: AtomicUsize,
    /// Octets that wait to be written.
    queued: AtomicUsize,
}

/// One peer's share is counted over this: an IPv6 customer has a /64 at least.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[derive(Default)]
struct Table {
    by_id: HashMap<ConnectionId, Connection>,
    by_remote: HashMap<SocketAddr, ConnectionId>,
}

/// All connections, shared by the acceptors and the driver. The lock is held for look-ups alone.
#[derive(Clone)]
pub struct Streams {
    table: Arc<Mutex<Table>>,
    next: Arc<AtomicU64>,
    arrivals: Arc<AtomicU64>,
    inputs: mpsc::Sender<Input>,
    known: Known,
    partial: Duration,
    strangers_idle: Duration,
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
            partial: PARTIAL,
            strangers_idle: STRANGERS_IDLE,
            most: usize::try_from(files::limit_now() / 4)
                .map_or(MAX_CONNECTIONS, |quarter| quarter.min(MAX_CONNECTIONS)),
        }
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
                None => *table.by_remote.get(&flow.remote)?,
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
                    self.report_failure(flow);
                }
            }
            None if flow.connection.is_some() => self.report_failure(flow),
            None => self.connect(flow, bytes),
        }
    }

    /// Accepts for ever.
    pub async fn accept(self, listener: TcpListener, local: SocketAddr) {
        loop {
            match listener.accept().await {
                Ok((stream, remote)) => {
                    if !self.make_room(remote) {
                        tracing::warn!("too many connections; one refused");
                        drop(stream);
                        continue;
                    }
                    self.adopt(stream, local, remote);
                }
                Err(error) => {
                    // Out of file descriptors, mostly: let others finish first.
                    tracing::warn!(%local, %error, "tcp accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn connect(&self, flow: Flow, first: Arc<[u8]>) {
        let (streams, id) = (self.clone(), self.new_id());
        let (writer, queue) = mpsc::channel(QUEUE);
        let signs = Arc::new(Signs {
            ours: true,
            queued: first.len().into(),
            ..Signs::default()
        });
        if writer.try_send(first).is_err() || !self.make_room(flow.remote) {
            return self.report_failure(flow);
        }
        self.insert(id, flow.remote, writer, &signs);
        tokio::spawn(async move {
            let attempt = TcpStream::connect(flow.remote);
            match tokio::time::timeout(CONNECT_TIMEOUT, attempt).await {
                Ok(Ok(stream)) => {
                    let local = stream.local_addr().unwrap_or(flow.local);
                    streams.run(id, stream, local, flow.remote, (queue, signs));
                }
                _ => {
                    streams.forget(id);
                    let _ = streams.inputs.send(Input::SendFailed { flow }).await;
                }
            }
        });
    }

    fn adopt(&self, stream: TcpStream, local: SocketAddr, remote: SocketAddr) {
        let id = self.new_id();
        let (writer, queue) = mpsc::channel(QUEUE);
        let signs = Arc::default();
        self.insert(id, remote, writer, &signs);
        self.run(id, stream, local, remote, (queue, signs));
    }

    fn run(
        &self,
        id: ConnectionId,
        stream: TcpStream,
        local: SocketAddr,
        remote: SocketAddr,
        (queue, signs): (mpsc::Receiver<Arc<[u8]>>, Arc<Signs>),
    ) {
        // Small messages that are answered at once: waiting for more would only delay a ring.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let flow = Flow {
            transport: Transport::Tcp,
            local,
            remote,
            connection: Some(id),
        };
        let streams = self.clone();
        tokio::spawn(async move {
            // Whichever half ends first ends the other: a peer who does not read is not served.
            tokio::select! {
                outcome = streams.read_all(reader, flow, &signs) => {
                    tracing::debug!(connection = id.0, ?outcome, "connection closed by peer");
                }
                () = write_all(writer, queue, &signs) => {
                    tracing::debug!(connection = id.0, "connection closed by us");
                }
                () = until_too_late(&signs) => {
                    tracing::debug!(connection = id.0, "no message came; connection closed");
                }
            }
            streams.forget(id);
            let _ = streams
                .inputs
                .send(Input::FlowClosed { connection: id })
                .await;
            // Requests that are under way on it need not wait for their timers.
            let _ = streams.inputs.send(Input::SendFailed { flow }).await;
        });
    }

    async fn read_all(
        &self,
        mut reader: OwnedReadHalf,
        flow: Flow,
        signs: &Signs,
    ) -> io::Result<()> {
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
        reader: &mut OwnedReadHalf,
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
            while let Some(framed) = framer.pull() {
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
        let own = network(remote.ip());
        let same = |connection: &&Connection| network(connection.remote.ip()) == own;
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

    /// Whether a connection has more right to its place than a stranger's.
    fn stays(&self, remote: SocketAddr, signs: &Signs) -> bool {
        signs.ours || self.known.knows(remote)
    }

    fn arrival(&self) -> u64 {
        self.arrivals.fetch_add(1, Ordering::Relaxed)
    }

    fn new_id(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn insert(
        &self,
        id: ConnectionId,
        remote: SocketAddr,
        writer: mpsc::Sender<Arc<[u8]>>,
        signs: &Arc<Signs>,
    ) {
        signs.heard.store(self.arrival(), Ordering::Relaxed);
        let connection = Connection {
            remote,
            writer,
            signs: Arc::clone(signs),
        };
        self.with(|table| {
            table.by_remote.insert(connection.remote, id);
            table.by_id.insert(id, connection);
        });
    }

    fn forget(&self, id: ConnectionId) {
        self.with(|table| {
            if let Some(connection) = table.by_id.remove(&id)
                && table.by_remote.get(&connection.remote) == Some(&id)
            {
                table.by_remote.remove(&connection.remote);
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
async fn write_all(
    mut writer: OwnedWriteHalf,
    mut queue: mpsc::Receiver<Arc<[u8]>>,
    signs: &Signs,
) {
    while let Some(bytes) = queue.recv().await {
        let written = tokio::time::timeout(WRITE_TIMEOUT, writer.write_all(&bytes)).await;
        if !matches!(written, Ok(Ok(()))) {
            break;
        }
        signs.queued.fetch_sub(bytes.len(), Ordering::Relaxed);
    }
    let _ = writer.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_connection_is_reported_and_the_peers_port_is_not_dialled() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (inputs, mut heard) = mpsc::channel(4);
            let streams = Streams::new(inputs, 1, strangers());
            let place = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let remote = place.local_addr().unwrap();
            let flow = Flow {
                transport: Transport::Tcp,
                local: remote,
                remote,
                connection: Some(ConnectionId::GONE),
            };
            streams.send(flow, Arc::from(PONG));
            let told = heard.recv().await;
            assert!(matches!(told, Some(Input::SendFailed { flow: failed }) if failed == flow));
            assert!(streams.is_empty());
        });
    }

    #[test]
    fn one_ipv6_customer_is_one_peer() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }

    fn strangers() -> Known {
        Known::new(|_| false)
    }

    /// Streams that hear on loopback, and what they hear.
    async fn listening(partial: Duration) -> (Streams, SocketAddr, mpsc::Receiver<Input>) {
        hearing(|streams| streams.partial = partial).await
    }

    async fn hearing(
        change: impl FnOnce(&mut Streams),
    ) -> (Streams, SocketAddr, mpsc::Receiver<Input>) {
        let (inputs, heard) = mpsc::channel(1_000);
        let mut streams = Streams::new(inputs, 1, strangers());
        change(&mut streams);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = listener.local_addr().unwrap();
        tokio::spawn(streams.clone().accept(listener, local));
        (streams, local, heard)
    }

    const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

    #[tokio::test]
    async fn half_a_message_that_trickles_is_closed_and_whole_ones_are_not() {
        let (streams, local, mut heard) = listening(Duration::from_millis(300)).await;
        let mut slow = TcpStream::connect(local).await.unwrap();
        let mut quick = TcpStream::connect(local).await.unwrap();
        // A letter now and then does not buy time.
        let mut letters = OPTIONS.iter();
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            quick.write_all(OPTIONS).await.unwrap();
            let next = heard.recv().await;
            match next {
                Some(Input::Message { .. }) => {}
                Some(Input::FlowClosed { .. }) => break,
                other => panic!("{other:?}"),
            }
            let letter = letters.next().expect("half a message was never closed");
            // It may be closed by now.
            let _ = slow.write_all(&[*letter]).await;
        }
        assert_eq!(streams.len(), 1, "the other connection stays");
        let mut rest = [0; 16];
        assert!(matches!(slow.read(&mut rest).await, Ok(0) | Err(_)));
    }

    #[tokio::test]
    async fn one_address_gets_so_many_connections_and_then_a_closed_door() {
        let (streams, local, _heard) = listening(PARTIAL).await;
        let mut held = Vec::new();
        for _ in 0..MAX_PER_ADDRESS {
            held.push(TcpStream::connect(local).await.unwrap());
        }
        let mut more = TcpStream::connect(local).await.unwrap();
        let mut byte = [0];
        assert!(
            matches!(more.read(&mut byte).await, Ok(0) | Err(_)),
            "closed"
        );
        assert_eq!(streams.len(), MAX_PER_ADDRESS);
    }

    /// Connects, says OPTIONS, and gives the way that the switch heard it by.
    async fn guest(local: SocketAddr, heard: &mut mpsc::Receiver<Input>) -> (TcpStream, Flow) {
        let mut stream = TcpStream::connect(local).await.unwrap();
        stream.write_all(OPTIONS).await.unwrap();
        match heard.recv().await {
            Some(Input::Message { flow, .. }) => (stream, flow),
            other => panic!("{other:?}"),
        }
    }

    fn binding(flow: Flow) -> crate::registrar::Binding {
        crate::registrar::Binding {
            contact: "sip:101@127.0.0.1".into(),
            instance: None,
            reg_id: None,
            path: Vec::new(),
            flow,
            expires: crate::time::Wall(0),
            call_id: "r".into(),
            cseq: 1,
        }
    }

    #[tokio::test]
    async fn octets_that_wait_for_a_slow_reader_are_bounded_and_read_ones_count_no_more() {
        const PART: usize = QUEUED_BYTES / 4;
        let (streams, local, mut heard) = listening(PARTIAL).await;
        let (mut peer, flow) = guest(local, &mut heard).await;
        let part: Arc<[u8]> = vec![b'x'; PART].into();
        let mut buffer = vec![0; PART];
        for _ in 0..10 {
            streams.send(flow, Arc::clone(&part));
            peer.read_exact(&mut buffer).await.unwrap();
        }
        assert_eq!(streams.len(), 1);
        // Nothing is awaited here, so nothing is written meanwhile.
        for _ in 0..5 {
            streams.send(flow, Arc::clone(&part));
        }
        assert!(streams.is_empty());
    }

    #[tokio::test]
    async fn an_idle_stranger_is_closed_and_a_registered_phone_stays() {
        let (streams, local, mut heard) =
            hearing(|streams| streams.strangers_idle = Duration::from_millis(200)).await;
        let (_phone, phone) = guest(local, &mut heard).await;
        streams.known.keep(&"101".into(), &[binding(phone)]);
        let (_stranger, stranger) = guest(local, &mut heard).await;
        match heard.recv().await {
            Some(Input::FlowClosed { connection }) => {
                assert_eq!(Some(connection), stranger.connection);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(streams.len(), 1);
        assert!(IDLE > MAX_EXPIRES);
    }

    #[tokio::test]
    async fn when_all_places_are_taken_the_idlest_stranger_gives_up_his() {
        let (streams, local, mut heard) = hearing(|streams| streams.most = 3).await;
        let (_phone, phone) = guest(local, &mut heard).await;
        streams.known.keep(&"101".into(), &[binding(phone)]);
        let (mut first, _) = guest(local, &mut heard).await;
        let (_second, second) = guest(local, &mut heard).await;
        first.write_all(OPTIONS).await.unwrap();
        heard.recv().await.unwrap();
        let mut third = TcpStream::connect(local).await.unwrap();
        let closed = loop {
            match heard.recv().await.unwrap() {
                Input::FlowClosed { connection } => break connection,
                Input::SendFailed { .. } => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(Some(closed), second.connection);
        third.write_all(OPTIONS).await.unwrap();
        loop {
            if let Input::Message { flow, .. } = heard.recv().await.unwrap() {
                assert_eq!(flow.remote, third.local_addr().unwrap());
                break;
            }
        }
        assert_eq!(streams.len(), 3);
    }
}
