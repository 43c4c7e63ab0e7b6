//! Many phones on real UDP sockets, by one thread.
//!
//! ```no_run
//! use std::time::Duration;
//! use qaynar::phone::socket::Fleet;
//! use qaynar::phone::{Manner, OnRing, Settings};
//!
//! # fn main() -> std::io::Result<()> {
//! let server = "127.0.0.1:5060".parse().expect("an address");
//! let (fleet, told) = Fleet::start()?;
//! let operator = fleet.add([127, 0, 0, 1].into(), |local, media| {
//!     Settings::new("101", server, local, media)
//! })?;
//! fleet.tell(operator, |phone, now| {
//!     let after = Duration::from_secs(1);
//!     phone.behave(Manner { on_ring: OnRing::Answer { after }, ..Manner::default() });
//!     phone.register("secret", Duration::from_secs(600), now);
//! });
//! for told in told.iter().take(3) {
//!     println!("{:?} {:?}: {:?}", told.at, told.phone, told.event);
//! }
//! let heard = fleet.ask(operator, |phone, _| phone.tone_heard())?;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};

use super::{Event, Output, Phone, Settings};
use crate::time::{Instant, TimerTable};

/// Wakes the thread for its orders.
const WAKE: Token = Token(usize::MAX);
/// How many readable sockets one look at the poll returns.
const EVENTS: usize = 1_024;
/// The longest datagram that is read.
const LONGEST: usize = 4_096;

/// Names a phone of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneId(pub usize);

/// What happened to a phone, and when.
#[derive(Debug, Clone)]
pub struct Told {
    /// To which.
    pub phone: PhoneId,
    /// What.
    pub event: Event,
    /// Since the fleet started.
    pub at: Duration,
}

type Command = Box<dyn FnOnce(&mut Phone, Instant) + Send>;

enum Order {
    Add(PhoneId, Box<Phone>, UdpSocket, UdpSocket),
    Tell(PhoneId, Command),
    Remove(PhoneId),
}

/// A thread with phones. Dropping it ends the thread; the phones are silent from then on.
pub struct Fleet {
    orders: Option<Sender<Order>>,
    waker: Arc<Waker>,
    next: AtomicUsize,
    join: Option<JoinHandle<()>>,
}

impl Fleet {
    /// Starts the thread, without phones. What happens to them comes out of the receiver; nobody
    /// has to listen.
    ///
    /// # Errors
    /// Where the system gives no thread or poll.
    pub fn start() -> io::Result<(Self, Receiver<Told>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (orders, queue) = channel();
        let (tell, told) = channel();
        let thread = std::thread::Builder::new().name("phones".to_owned());
        let join = thread.spawn(move || {
            let phones = BTreeMap::new();
            let timers = TimerTable::default();
            Thread {
                poll,
                queue,
                tell,
                phones,
                timers,
                start: clock(),
            }
            .run();
        })?;
        let fleet = Self {
            orders: Some(orders),
            waker,
            next: AtomicUsize::new(0),
            join: Some(join),
        };
        Ok((fleet, told))
    }

    /// Adds a phone at free ports of `address`; `make` is told its SIP and its RTP address.
    ///
    /// # Errors
    /// Where no port can be bound, such as with too few file descriptors (`ulimit -n`).
    pub fn add(
        &self,
        address: IpAddr,
        make: impl FnOnce(SocketAddr, SocketAddr) -> Settings,
    ) -> io::Result<PhoneId> {
        let any = SocketAddr::new(address, 0);
        let (sip, rtp) = (UdpSocket::bind(any)?, UdpSocket::bind(any)?);
        let settings = make(sip.local_addr()?, rtp.local_addr()?);
        let id = PhoneId(self.next.fetch_add(1, Ordering::Relaxed));
        self.order(Order::Add(id, Box::new(Phone::new(settings)), sip, rtp));
        Ok(id)
    }

    /// Lets a phone do something, soon. A phone that is not there does nothing.
    pub fn tell(&self, phone: PhoneId, command: impl FnOnce(&mut Phone, Instant) + Send + 'static) {
        self.order(Order::Tell(phone, Box::new(command)));
    }

    /// Lets a phone do or tell something, and waits for it.
    ///
    /// # Errors
    /// Where there is no such phone.
    pub fn ask<T: Send + 'static>(
        &self,
        phone: PhoneId,
        question: impl FnOnce(&mut Phone, Instant) -> T + Send + 'static,
    ) -> io::Result<T> {
        let (tell, told) = channel();
        self.tell(phone, move |phone, now| {
            // Whoever asked waits for it.
            let _ = tell.send(question(phone, now));
        });
        let gone = |_| io::Error::new(io::ErrorKind::NotFound, "there is no such phone");
        told.recv().map_err(gone)
    }

    /// Takes a phone off the wire and closes its sockets.
    pub fn remove(&self, phone: PhoneId) {
        self.order(Order::Remove(phone));
    }

    fn order(&self, order: Order) {
        // The thread ends only with the fleet.
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
        let _ = self.waker.wake();
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.waker.wake();
        if let Some(join) = self.join.take() {
            let _ = join.join();
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the other side of the wire has a clock of its own"
)]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

struct Place {
    phone: Box<Phone>,
    sip: UdpSocket,
    rtp: UdpSocket,
}

struct Thread {
    poll: Poll,
    queue: Receiver<Order>,
    tell: Sender<Told>,
    phones: BTreeMap<PhoneId, Place>,
    timers: TimerTable<PhoneId>,
    start: std::time::Instant,
}

impl Thread {
    fn now(&self) -> Instant {
        Instant::default() + clock().duration_since(self.start)
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut ready = Vec::with_capacity(EVENTS);
        loop {
            let now = self.now();
            let wait = self.timers.next().map(|due| due.since(now));
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the poll of the phones");
                return;
            }
            ready.clear();
            ready.extend(events.iter().map(|event| event.token().0));
            if !self.obey() {
                return;
            }
            for token in ready.iter().filter(|token| **token != WAKE.0) {
                self.read(PhoneId(token / 2), token % 2 == 1);
            }
            let now = self.now();
            while let Some(id) = self.timers.pop_due(now) {
                if let Some(place) = self.phones.get_mut(&id) {
                    place.phone.handle_timeout(now);
                }
                self.perform(id, now);
            }
        }
    }

    /// Does what the fleet's owner wants; `false`: there is no owner any more.
    fn obey(&mut self) -> bool {
        loop {
            let order = match self.queue.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            };
            match order {
                Order::Add(id, phone, sip, rtp) => self.take_in(id, Place { phone, sip, rtp }),
                Order::Tell(id, command) => {
                    let now = self.now();
                    if let Some(place) = self.phones.get_mut(&id) {
                        command(&mut place.phone, now);
                        self.perform(id, now);
                    }
                }
                Order::Remove(id) => {
                    self.timers.clear(&id);
                    if let Some(mut place) = self.phones.remove(&id) {
                        let registry = self.poll.registry();
                        let _ = registry.deregister(&mut place.sip);
                        let _ = registry.deregister(&mut place.rtp);
                    }
                }
            }
        }
    }

    fn take_in(&mut self, id: PhoneId, mut place: Place) {
        let (sip, rtp) = (Token(id.0 * 2), Token(id.0 * 2 + 1));
        let registry = self.poll.registry();
        let done = registry
            .register(&mut place.sip, sip, Interest::READABLE)
            .and_then(|()| registry.register(&mut place.rtp, rtp, Interest::READABLE));
        match done {
            Ok(()) => {
                self.phones.insert(id, place);
            }
            Err(error) => tracing::error!(%error, "a phone has no socket"),
        }
    }

    /// Reads a socket until it is empty, as edge-triggered polls ask.
    fn read(&mut self, id: PhoneId, rtp: bool) {
        let mut buffer = [0; LONGEST];
        loop {
            let now = self.now();
            let Some(place) = self.phones.get_mut(&id) else {
                return;
            };
            let socket = if rtp { &place.rtp } else { &place.sip };
            match socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    if rtp {
                        place.phone.handle_rtp(bytes, from, now);
                    } else {
                        place.phone.handle(bytes, from, now);
                    }
                    self.perform(id, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // ICMP answers to what was sent come up here.
                Err(_) => {}
            }
        }
    }

    /// Sends and tells what a phone wants. What cannot be sent is lost, as on any network.
    fn perform(&mut self, id: PhoneId, now: Instant) {
        let Some(place) = self.phones.get_mut(&id) else {
            return;
        };
        while let Some(output) = place.phone.poll() {
            match output {
                Output::Send { to, bytes } => {
                    let _ = place.sip.send_to(&bytes, to);
                }
                Output::SendRtp { to, bytes } => {
                    let _ = place.rtp.send_to(&bytes, to);
                }
                Output::Event(event) => {
                    let at = now.since(Instant::default());
                    let phone = id;
                    let _ = self.tell.send(Told { phone, event, at });
                }
            }
        }
        self.timers.set_or_clear(id, place.phone.next_timeout());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::{Manner, OnRing};

    #[test]
    fn two_phones_hear_each_other_over_real_sockets() {
        let (fleet, told) = Fleet::start().unwrap();
        let host = IpAddr::from([127, 0, 0, 1]);
        let mut place = None;
        let callee = fleet
            .add(host, |local, media| {
                place = Some(local);
                Settings::new("101", local, local, media)
            })
            .unwrap();
        let place = place.unwrap();
        let caller = fleet
            .add(host, |local, media| {
                let mut settings = Settings::new("0501112233", place, local, media);
                settings.tone = 700;
                settings.seed = 1;
                settings
            })
            .unwrap();
        fleet.tell(callee, |phone, _| {
            let after = Duration::from_millis(50);
            phone.behave(Manner {
                on_ring: OnRing::Answer { after },
                talk_for: Some(Duration::from_millis(700)),
                ..Manner::default()
            });
        });
        let called = fleet.ask(caller, move |phone, now| {
            phone.call(&format!("sip:101@{place}"), now)
        });
        assert!(called.unwrap());
        let until = |wanted: fn(&Event) -> bool| {
            let patience = Duration::from_secs(10);
            while let Ok(told) = told.recv_timeout(patience) {
                if told.phone == caller && wanted(&told.event) {
                    return;
                }
            }
            panic!("the call did not go on");
        };
        until(|event| *event == Event::Connected);
        until(|event| matches!(event, Event::Ended { .. }));
        let heard = fleet.ask(callee, |phone, _| phone.heard().clone()).unwrap();
        assert!(heard.packets > 5, "{heard:?}");
        assert_eq!(heard.streams, 1);
        fleet.remove(callee);
        assert!(fleet.ask(callee, |_, _| ()).is_err());
    }
}
