//! TCP: framing in, one bounded writer per connection out.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::files;
use crate::sip::flow::{ConnectionId, Flow, Transport};
use crate::sip::parse::{Framed, Framer};
use crate::switch::Input;

/// Messages that may wait for a peer who reads slowly; one more drops the connection, so that
/// nobody else notices.
const QUEUE: usize = 128;
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
/// A connection that has sent nothing, not even a keep-alive, for so long is closed.
const IDLE: Duration = Duration::from_secs(3_700);
/// A message that has begun must be whole after so long: half a message holds memory and says nothing.
const PARTIAL: Duration = Duration::from_secs(32);
/// How much is read at a time.
const READ: usize = 8 * 1024;
/// What answers a ping of RFC 5626 §4.4.1.
const PONG: &[u8] = b"\r\n";

struct Connection {
    remote: SocketAddr,
    writer: mpsc::Sender<Arc<[u8]>>,
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
    inputs: mpsc::Sender<Input>,
    partial: Duration,
    most: usize,
}

impl Streams {
    /// None yet; what they read goes to `inputs`. Ids count from `first`, above those of any former
    /// process, which snapshots may still name.
    pub fn new(inputs: mpsc::Sender<Input>, first: u64) -> Self {
        Self {
            table: Arc::default(),
            next: Arc::new(AtomicU64::new(first)),
            inputs,
            partial: PARTIAL,
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
                .map(|connection| (id, connection.writer.clone()))
        });
        match existing {
            Some((id, writer)) => {
                if writer.try_send(bytes).is_err() {
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
                    if self.is_full(remote) {
                        tracing::warn!("too many connections; one refused");
                        drop(stream);
                        continue;
                    }
                    self.adopt(stream, local, remote, None);
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
        if writer.try_send(first).is_err() || self.is_full(flow.remote) {
            return self.report_failure(flow);
        }
        self.insert(
            id,
            Connection {
                remote: flow.remote,
                writer,
            },
        );
        tokio::spawn(async move {
            let attempt = TcpStream::connect(flow.remote);
            match tokio::time::timeout(CONNECT_TIMEOUT, attempt).await {
                Ok(Ok(stream)) => {
                    let local = stream.local_addr().unwrap_or(flow.local);
                    streams.run(id, stream, local, flow.remote, queue);
                }
                _ => {
                    streams.forget(id);
                    let _ = streams.inputs.send(Input::SendFailed { flow }).await;
                }
            }
        });
    }

    fn adopt(
        &self,
        stream: TcpStream,
        local: SocketAddr,
        remote: SocketAddr,
        id: Option<ConnectionId>,
    ) {
        let id = id.unwrap_or_else(|| self.new_id());
        let (writer, queue) = mpsc::channel(QUEUE);
        self.insert(id, Connection { remote, writer });
        self.run(id, stream, local, remote, queue);
    }

    fn run(
        &self,
        id: ConnectionId,
        stream: TcpStream,
        local: SocketAddr,
        remote: SocketAddr,
        queue: mpsc::Receiver<Arc<[u8]>>,
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
            let spoke = AtomicBool::new(false);
            tokio::select! {
                outcome = streams.read_all(reader, flow, &spoke) => {
                    tracing::debug!(connection = id.0, ?outcome, "connection closed by peer");
                }
                () = write_all(writer, queue) => {
                    tracing::debug!(connection = id.0, "connection closed by us");
                }
                () = until_too_late(&spoke) => {
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
        spoke: &AtomicBool,
    ) -> io::Result<()> {
        let mut framer = Framer::default();
        let mut buffer = vec![0; READ];
        loop {
            // While a message is under way its own patience counts, however its pieces trickle.
            let patience = if framer.is_partial() {
                self.partial
            } else {
                IDLE
            };
            let next = self.read_some(&mut reader, &mut framer, &mut buffer, flow, spoke);
            match tokio::time::timeout(patience, next).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
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
        spoke: &AtomicBool,
    ) -> io::Result<bool> {
        let begun = framer.is_partial();
        loop {
            let length = reader.read(buffer).await?;
            if length == 0 {
                return Ok(false);
            }
            framer.push(&buffer[..length]);
            let mut found = false;
            while let Some(framed) = framer.pull() {
                found = true;
                // Keep-alives alone do not keep a place.
                if !matches!(framed, Framed::Ping) {
                    spoke.store(true, Ordering::Relaxed);
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

    fn is_full(&self, remote: SocketAddr) -> bool {
        self.with(|table| {
            let own = network(remote.ip());
            let same = |connection: &&Connection| network(connection.remote.ip()) == own;
            table.by_id.len() >= self.most
                || table.by_id.values().filter(same).count() >= MAX_PER_ADDRESS
        })
    }

    fn new_id(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn insert(&self, id: ConnectionId, connection: Connection) {
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
async fn until_too_late(spoke: &AtomicBool) {
    tokio::time::sleep(FIRST_MESSAGE).await;
    if spoke.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

/// Writes what the queue brings until it is dropped or the peer stops reading.
async fn write_all(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Arc<[u8]>>) {
    while let Some(bytes) = queue.recv().await {
        let written = tokio::time::timeout(WRITE_TIMEOUT, writer.write_all(&bytes)).await;
        if !matches!(written, Ok(Ok(()))) {
            break;
        }
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
            let streams = Streams::new(inputs, 1);
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

    /// Streams that hear on loopback, and what they hear.
    async fn listening(partial: Duration) -> (Streams, SocketAddr, mpsc::Receiver<Input>) {
        let (inputs, heard) = mpsc::channel(1_000);
        let streams = Streams {
            partial,
            ..Streams::new(inputs, 1)
        };
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
}
