//! Media threads: sockets and clocks around the pure engine, one engine a thread.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Protocol, Socket, Type};

use super::clock::Clock;
use crate::ids::LegId;
use crate::media::{Channel, Clips, Command, Engine, Event, Sink};

/// Commands that may wait for a thread; the switch sends a dozen a call.
const QUEUE: usize = 65_536;
/// Threads wake on this grid while sound flows, so that one wake-up serves many sockets.
const GRID: Duration = Duration::from_millis(5);
/// How many readable sockets one look at the poll returns.
const EVENTS: usize = 1_024;
/// The longest packet that is read.
const LONGEST: usize = 2_048;
/// Wakes a thread for its commands.
const WAKE: Token = Token(usize::MAX);

/// What a thread is told.
enum Order {
    Command(Command),
    Clips(Arc<Clips>),
}

struct Worker {
    orders: SyncSender<Order>,
    waker: Arc<Waker>,
}

/// All media threads. Dropping it ends them.
pub struct Threads {
    workers: Vec<Worker>,
    shards: BTreeMap<LegId, usize>,
    joins: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts `count` threads (at least one); what they hear goes to `tell`.
    ///
    /// # Errors
    /// Where the system gives no thread or poll.
    pub fn start(
        count: u32,
        clips: &Arc<Clips>,
        clock: Clock,
        tell: impl Fn(Event) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (mut workers, mut joins) = (Vec::new(), Vec::new());
        for number in 0..count.max(1) {
            let poll = Poll::new()?;
            let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
            let (orders, queue) = sync_channel(QUEUE);
            let (clips, tell) = (Arc::clone(clips), tell.clone());
            let thread = std::thread::Builder::new().name(format!("media-{number}"));
            joins.push(thread.spawn(move || {
                let sockets = Sockets {
                    by_token: BTreeMap::new(),
                    by_leg: BTreeMap::new(),
                    next: 0,
                };
                Thread {
                    poll,
                    sockets,
                    engine: Engine::new(clips),
                    clock,
                    queue,
                    tell,
                }
                .run();
            })?);
            workers.push(Worker { orders, waker });
        }
        Ok(Self {
            workers,
            shards: BTreeMap::new(),
            joins,
        })
    }

    /// Hands a command to the thread of its leg. Legs of one shard share a thread.
    pub fn send(&mut self, command: Command) {
        let leg = match &command {
            Command::Open { leg, shard, .. } => {
                self.shards
                    .insert(*leg, *shard as usize % self.workers.len());
                *leg
            }
            Command::Configure { leg, .. }
            | Command::Play { leg, .. }
            | Command::Music { leg, .. }
            | Command::Silence { leg }
            | Command::Unbridge { leg }
            | Command::Close { leg } => *leg,
            Command::Bridge { a, .. } => *a,
        };
        let Some(shard) = self.shards.get(&leg).copied() else {
            return;
        };
        if matches!(command, Command::Close { .. }) {
            self.shards.remove(&leg);
        }
        if let Some(worker) = self.workers.get(shard) {
            worker.order(Order::Command(command));
        }
    }

    /// Other sounds from now on.
    pub fn set_clips(&self, clips: &Arc<Clips>) {
        for worker in &self.workers {
            worker.order(Order::Clips(Arc::clone(clips)));
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let mut wakers = Vec::new();
        for worker in self.workers.drain(..) {
            let Worker { orders, waker } = worker;
            drop(orders);
            let _ = waker.wake();
            // A waker that is dropped takes the wake-up with it that nobody has heard yet.
            wakers.push(waker);
        }
        for join in self.joins.drain(..) {
            let _ = join.join();
        }
    }
}

impl Worker {
    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::error!("a media thread does not keep up; a command was lost");
        }
        let _ = self.waker.wake();
    }
}

struct Sockets {
    by_token: BTreeMap<Token, (LegId, Channel, UdpSocket)>,
    by_leg: BTreeMap<LegId, Token>,
    next: usize,
}

impl Sockets {
    /// Binds a leg's pair.
    fn open(&mut self, poll: &Poll, leg: LegId, address: IpAddr, port: u16) -> io::Result<()> {
        let rtp = bind(SocketAddr::new(address, port))?;
        let rtcp = bind(SocketAddr::new(address, port.saturating_add(1)))?;
        let first = Token(self.next);
        for (channel, mut socket) in [(Channel::Rtp, rtp), (Channel::Rtcp, rtcp)] {
            let token = Token(self.next);
            self.next += 1;
            poll.registry()
                .register(&mut socket, token, Interest::READABLE)?;
            self.by_token.insert(token, (leg, channel, socket));
        }
        self.by_leg.insert(leg, first);
        Ok(())
    }

    fn close(&mut self, poll: &Poll, leg: LegId) {
        let Some(Token(first)) = self.by_leg.remove(&leg) else {
            return;
        };
        for token in [Token(first), Token(first + 1)] {
            if let Some((_, _, mut socket)) = self.by_token.remove(&token) {
                let _ = poll.registry().deregister(&mut socket);
            }
        }
    }
}

impl Sink for Sockets {
    fn send(&mut self, leg: LegId, channel: Channel, to: SocketAddr, bytes: &[u8]) {
        let Some(Token(first)) = self.by_leg.get(&leg).copied() else {
            return;
        };
        let token = Token(first + usize::from(channel == Channel::Rtcp));
        if let Some((_, _, socket)) = self.by_token.get(&token) {
            // A full buffer or an ICMP error loses a packet, as the network may.
            let _ = socket.send_to(bytes, to);
        }
    }
}

/// RFC 4594: telephony is Expedited Forwarding, DSCP 46.
const EXPEDITED: u32 = 46 << 2;

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    if address.is_ipv4() {
        let _ = socket.set_tos_v4(EXPEDITED);
    }
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

struct Thread<T> {
    poll: Poll,
    sockets: Sockets,
    engine: Engine,
    clock: Clock,
    queue: Receiver<Order>,
    tell: T,
}

impl<T: Fn(Event)> Thread<T> {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut ready = Vec::with_capacity(EVENTS);
        loop {
            let wait = self.wait();
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "media poll");
            }
            if !self.obey() {
                return;
            }
            ready.clear();
            ready.extend(
                events
                    .iter()
                    .map(|event| event.token())
                    .filter(|token| *token != WAKE),
            );
            for token in &ready {
                self.read(*token);
            }
            self.engine.tick(self.clock.now(), &mut self.sockets);
            while let Some(event) = self.engine.poll_event() {
                (self.tell)(event);
            }
            if !ready.is_empty() {
                self.rest();
            }
        }
    }

    fn wait(&self) -> Option<Duration> {
        let now = self.clock.now().at;
        self.engine.next_timeout().map(|due| due.since(now))
    }

    /// Lets packets gather until the grid's next point: a wake-up for each of them would cost more
    /// than the packets themselves.
    fn rest(&self) {
        let grid = GRID.as_micros() as u64;
        let left = grid - self.clock.now().at.0 % grid;
        std::thread::sleep(Duration::from_micros(left));
    }

    /// Carries the orders out that wait; `false`: nobody gives any more.
    fn obey(&mut self) -> bool {
        loop {
            match self.queue.try_recv() {
                Ok(Order::Command(command)) => self.carry_out(command),
                Ok(Order::Clips(clips)) => self.engine.set_clips(clips),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        let now = self.clock.now();
        if let Command::Open {
            leg, address, port, ..
        } = &command
            && let Err(error) = self.sockets.open(&self.poll, *leg, *address, *port)
        {
            let reason = format!("media port {port}: {error}");
            (self.tell)(Event::Failed { leg: *leg, reason });
        }
        let closed = match &command {
            Command::Close { leg } => Some(*leg),
            _ => None,
        };
        self.engine.handle(command, now, &mut self.sockets);
        if let Some(leg) = closed {
            self.sockets.close(&self.poll, leg);
        }
    }

    /// Reads a socket until it is empty, as edge-triggered polls ask.
    fn read(&mut self, token: Token) {
        let mut buffer = [0; LONGEST];
        loop {
            let Some((leg, channel, socket)) = self.sockets.by_token.get(&token) else {
                return;
            };
            let (leg, channel) = (*leg, *channel);
            match socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    let now = self.clock.now();
                    self.engine
                        .packet(leg, channel, source, bytes, now, &mut self.sockets);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // ICMP answers to what was sent come up here.
                Err(_) => {}
            }
        }
    }
}
