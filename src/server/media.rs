//! Media threads: sockets and clocks around the pure engine, one engine a thread.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Protocol, Socket, Type};

use super::clock::Clock;
use crate::ids::LegId;
use crate::media::{Channel, Chunk, Clips, Command, Engine, Event, Quality, Sink, Sound};
use crate::time::Instant;

/// Commands that may wait for a thread; the switch sends a dozen a call.
const QUEUE: usize = 16_384;
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
    Command(Box<Command>),
    Clips(Arc<Clips>),
    Sound {
        leg: LegId,
        playback: u64,
        sound: Option<Sound>,
    },
    #[cfg(test)]
    Panic,
}

struct Worker {
    orders: SyncSender<Order>,
    waker: Arc<Waker>,
}

/// All media threads. Dropping it ends them.
pub struct Threads {
    workers: Vec<Worker>,
    shards: BTreeMap<LegId, usize>,
    /// Threads that have commands and do not know it yet.
    sleeping: BTreeSet<usize>,
    joins: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts `count` threads (at least one); what they hear goes to `tell`, which never waits: it
    /// gives an event back that there is no room for, and is asked again at the thread's next turn.
    /// What is recorded goes to `write`, which never waits either.
    ///
    /// # Errors
    /// Where the system gives no thread or poll.
    pub fn start(
        count: u32,
        clips: &Arc<Clips>,
        clock: Clock,
        tell: impl Fn(Event) -> Result<(), Event> + Clone + Send + 'static,
        write: impl Fn(Chunk) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (mut workers, mut joins) = (Vec::new(), Vec::new());
        for number in 0..count.max(1) {
            let poll = Poll::new()?;
            let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
            let (orders, queue) = sync_channel(QUEUE);
            let (clips, tell, write) = (Arc::clone(clips), tell.clone(), write.clone());
            let thread = std::thread::Builder::new().name(format!("media-{number}"));
            joins.push(thread.spawn(move || {
                Thread {
                    poll,
                    sockets: Sockets::default(),
                    engine: Engine::new(Arc::clone(&clips)),
                    clips,
                    closing: None,
                    clock,
                    queue,
                    tell,
                    write,
                }
                .run();
            })?);
            workers.push(Worker { orders, waker });
        }
        Ok(Self {
            workers,
            shards: BTreeMap::new(),
            sleeping: BTreeSet::new(),
            joins,
        })
    }

    /// Hands a command to the thread of its leg, which hears of it with [`Self::wake`]. Legs of one shard share a thread.
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
            | Command::Press { leg, .. }
            | Command::Record { leg, .. }
            | Command::PauseRecording { leg, .. }
            | Command::StopRecording { leg, .. }
            | Command::Close { leg } => *leg,
            Command::Bridge { a, .. } => *a,
            Command::Over { leg, .. } => *leg,
            Command::Mix { room } => match room.first() {
                Some(seat) => seat.leg,
                None => return,
            },
        };
        let Some(shard) = self.shards.get(&leg).copied() else {
            return;
        };
        if matches!(command, Command::Close { .. }) {
            self.shards.remove(&leg);
        }
        if let Some(worker) = self.workers.get(shard) {
            worker.order(Order::Command(Box::new(command)));
            self.sleeping.insert(shard);
        }
    }

    /// A leg hears a sound that is no clip; without one, that is over at once.
    pub fn play(&self, leg: LegId, playback: u64, sound: Option<Sound>) {
        let shard = self.shards.get(&leg);
        if let Some(worker) = shard.and_then(|shard| self.workers.get(*shard)) {
            worker.order(Order::Sound {
                leg,
                playback,
                sound,
            });
            worker.wake();
        }
    }

    /// Wakes the threads that were sent commands: once for all that one decision wants.
    pub fn wake(&mut self) {
        for shard in std::mem::take(&mut self.sleeping) {
            if let Some(worker) = self.workers.get(shard) {
                worker.wake();
            }
        }
    }

    /// Other sounds from now on.
    pub fn set_clips(&self, clips: &Arc<Clips>) {
        for worker in &self.workers {
            worker.order(Order::Clips(Arc::clone(clips)));
            worker.wake();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A waker must outlive its thread: one that is closed at once takes its wake-up with it.
        let mut wakers = Vec::with_capacity(self.workers.len());
        for worker in self.workers.drain(..) {
            let Worker { orders, waker } = worker;
            drop(orders);
            let _ = waker.wake();
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
    }

    fn wake(&self) {
        let _ = self.waker.wake();
    }
}

#[derive(Default)]
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

struct Thread<T, W> {
    poll: Poll,
    sockets: Sockets,
    engine: Engine,
    clips: Arc<Clips>,
    /// The leg that is being closed: its port must come back whatever happens.
    closing: Option<LegId>,
    clock: Clock,
    queue: Receiver<Order>,
    tell: T,
    write: W,
}

impl<T: Fn(Event) -> Result<(), Event>, W: Fn(Chunk)> Thread<T, W> {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut ready = Vec::with_capacity(EVENTS);
        let mut failed = false;
        loop {
            // After a panic orders may be left of which no wake-up will tell.
            let wait = if failed {
                Some(Duration::ZERO)
            } else {
                self.wait()
            };
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "media poll");
            }
            ready.clear();
            ready.extend(
                events
                    .iter()
                    .map(|event| event.token())
                    .filter(|token| *token != WAKE),
            );
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn(&ready)));
            failed = turn.is_err();
            match turn {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => self.begin_anew(),
            }
            self.deliver();
            if !ready.is_empty() {
                self.rest();
            }
        }
    }

    /// Commands, packets, frames; `false`: nobody gives orders any more.
    fn turn(&mut self, ready: &[Token]) -> bool {
        if !self.obey() {
            return false;
        }
        for token in ready {
            self.read(*token);
        }
        self.engine.tick(self.clock.now(), &mut self.sockets);
        true
    }

    /// After a panic nothing of the engine is trusted: its legs are lost, and the switch hears of
    /// each; calls that come later are served as ever.
    fn begin_anew(&mut self) {
        tracing::error!("a media thread failed; its legs have no sound, and it begins anew");
        let mut fresh = Engine::new(Arc::clone(&self.clips));
        while let Some(event) = self.engine.poll_event() {
            fresh.report(event);
        }
        for event in self.engine.abandon_recordings() {
            fresh.report(event);
        }
        for leg in self.engine.legs() {
            let reason = "a fault in the media thread; the leg has no sound".to_owned();
            fresh.report(Event::Failed { leg, reason });
        }
        if let Some(leg) = self.closing.take() {
            let quality = Quality::default();
            fresh.report(Event::Closed { leg, quality });
        }
        self.engine = fresh;
        // The poll forgets sockets that are dropped.
        self.sockets = Sockets {
            next: self.sockets.next,
            ..Sockets::default()
        };
    }

    /// Tells the switch what it has room for; the rest waits for the next turn.
    fn deliver(&mut self) {
        while let Some(chunk) = self.engine.poll_chunk() {
            (self.write)(chunk);
        }
        while let Some(event) = self.engine.poll_event() {
            if let Err(event) = (self.tell)(event) {
                return self.engine.unpoll(event);
            }
        }
    }

    fn wait(&self) -> Option<Duration> {
        let now = self.clock.now().at;
        let grid = GRID.as_micros() as u64;
        // Streams begin at any moment; on the grid one wake-up serves many, and each keeps its pace.
        let due = self.engine.next_timeout();
        let due = due.map(|due| Instant(due.0.div_ceil(grid) * grid).since(now));
        if self.engine.has_events() {
            return Some(due.map_or(GRID, |due| due.min(GRID)));
        }
        due
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
                Ok(Order::Command(command)) => self.carry_out(*command),
                Ok(Order::Clips(clips)) => {
                    self.clips = Arc::clone(&clips);
                    self.engine.set_clips(clips);
                }
                Ok(Order::Sound {
                    leg,
                    playback,
                    sound,
                }) => {
                    let now = self.clock.now().at;
                    self.engine.play_sound(leg, playback, sound, now);
                }
                #[cfg(test)]
                Ok(Order::Panic) => panic!("as the test asked"),
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
            self.engine.report(Event::Unopened { leg: *leg, reason });
        }
        self.closing = match &command {
            Command::Close { leg } => Some(*leg),
            _ => None,
        };
        self.engine.handle(command, now, &mut self.sockets);
        if let Some(leg) = self.closing.take() {
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn open(leg: u64, port: u16) -> Command {
        Command::Open {
            leg: LegId(leg),
            shard: 0,
            address: [127, 0, 0, 1].into(),
            port,
            ssrc: 1,
            sequence: 1,
            timestamp: 1,
        }
    }

    fn close(leg: u64) -> Command {
        Command::Close { leg: LegId(leg) }
    }

    /// A thread whose first `refusals` events find no room.
    fn thread(refusals: usize) -> (Threads, mpsc::Receiver<Event>) {
        let (told, heard) = mpsc::channel();
        let left = Arc::new(AtomicUsize::new(refusals));
        let tell = move |event| {
            let take = |left: usize| left.checked_sub(1);
            if left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                .is_ok()
            {
                return Err(event);
            }
            let _ = told.send(event);
            Ok(())
        };
        let clips = Arc::new(Clips::default());
        let threads = Threads::start(1, &clips, Clock::start(), tell, |_| {}).unwrap();
        (threads, heard)
    }

    fn closed(event: Event) -> LegId {
        match event {
            Event::Closed { leg, .. } => leg,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_switch_has_no_room_for_is_told_later_in_order() {
        let (mut threads, heard) = thread(5);
        for leg in 0..3 {
            // Port 0: any two that are free.
            threads.send(open(leg, 0));
            threads.wake();
            threads.send(close(leg));
            threads.wake();
        }
        for leg in 0..3 {
            let mut event = heard.recv_timeout(PATIENCE).unwrap();
            // RTCP has port 1, which is not ours.
            if matches!(event, Event::Unopened { .. }) {
                event = heard.recv_timeout(PATIENCE).unwrap();
            }
            assert_eq!(closed(event), LegId(leg));
        }
    }

    #[test]
    fn after_a_panic_each_leg_is_reported_and_the_next_call_is_served() {
        let (mut threads, heard) = thread(0);
        threads.send(open(1, 0));
        threads.wake();
        threads.workers[0].order(Order::Panic);
        threads.workers[0].wake();
        let is_failure = |event: &Event| matches!(event, Event::Failed { leg: LegId(1), .. });
        assert!(
            std::iter::from_fn(|| heard.recv_timeout(PATIENCE).ok())
                .any(|event| is_failure(&event))
        );
        threads.send(close(1));
        threads.wake();
        assert_eq!(closed(heard.recv_timeout(PATIENCE).unwrap()), LegId(1));
        threads.send(open(2, 0));
        threads.wake();
        threads.send(close(2));
        threads.wake();
        assert!(
            std::iter::from_fn(|| heard.recv_timeout(PATIENCE).ok())
                .any(|event| matches!(event, Event::Closed { leg: LegId(2), .. }))
        );
    }

    #[test]
    fn ports_of_another_program_are_told_apart() {
        let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut threads, heard) = thread(0);
        threads.send(open(1, other.local_addr().unwrap().port()));
        threads.wake();
        match heard.recv_timeout(PATIENCE).unwrap() {
            Event::Unopened { leg, reason } => {
                assert_eq!(leg, LegId(1));
                assert!(reason.contains("media port"), "{reason}");
            }
            event => panic!("{event:?}"),
        }
    }
}
