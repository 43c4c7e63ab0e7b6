//! Webhooks: servers outside are told of calls and contacts. A thread reads what happened from the database, which
//! follows the journal, and queues it there; each server has a thread that sends. Nothing of it touches a call, and
//! nothing is forgotten: what a server did not take is sent again, after a restart too, until it is given up.

mod body;
mod post;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::{Destination, Location, Settings};
use crate::server::clock::Clock;
use crate::store::deliveries::{Deliveries, Delivery};
use crate::store::health::{Health, Part};
use crate::store::trouble::DatabaseError;
use crate::time::{Instant, Wall};
use body::describe;
use post::{Failure, Postman};

/// How soon what happened is looked for again.
const LOOK: Duration = Duration::from_millis(250);
/// The same where nobody is told of anything: what happened is not kept for those who come later.
const IDLE: Duration = Duration::from_secs(10);
/// A start waits no longer for the first look.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many of one server are read at once.
const BATCH: usize = 20;
/// What is tried again at first, doubled each time, and at last.
const FIRST: Duration = Duration::from_secs(5);
const LAST: Duration = Duration::from_secs(3_600);
/// A server that is away is left alone for no longer.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// What was given up is forgotten after it.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How often what is to be forgotten is looked for.
const CLEAN: Duration = Duration::from_secs(3_600);

/// The threads; dropping it ends them. What is being sent then is sent again by the next start.
pub(super) struct Sender {
    notes: mpsc::Sender<Note>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    pub(super) fn start(settings: &Settings, clock: Clock, health: &Health) -> io::Result<Self> {
        let (notes, heard) = channel();
        let mut desks = Vec::new();
        for (number, destination) in settings.webhooks.to.iter().enumerate() {
            let postman = Postman::start(number, destination, clock, notes.clone())?;
            desks.push(Desk {
                destination: destination.clone(),
                postman,
                waiting: VecDeque::new(),
                sending: false,
                failures: 0,
                rests_until: None,
            });
        }
        let (first, began) = channel();
        let work = Work {
            at: settings.storage.database.clone(),
            give_up: settings.webhooks.give_up,
            clock,
            health: health.clone(),
            deliveries: None,
            desks,
            heard,
            cleaned: None,
            first: Some(first),
        };
        let thread = std::thread::Builder::new().name("webhooks".into());
        let thread = thread.spawn(move || work.run())?;
        // What happens from now on is told, also the first time: the place to begin at is written down.
        let _ = began.recv_timeout(PATIENCE);
        Ok(Self {
            notes,
            thread: Some(thread),
        })
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // A thread that has ended needs no word.
        let _ = self.notes.send(Note::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed.
            let _ = thread.join();
        }
    }
}

/// What the thread is told.
enum Note {
    /// A postman is back.
    Sent {
        /// Whose.
        number: usize,
        /// With what.
        delivery: Arc<Delivery>,
        /// Whether it was taken.
        sent: Result<(), Failure>,
    },
    Stop,
}

/// One server.
struct Desk {
    destination: Destination,
    postman: Postman,
    waiting: VecDeque<Arc<Delivery>>,
    sending: bool,
    /// In a row.
    failures: u32,
    rests_until: Option<Instant>,
}

struct Work {
    at: Location,
    give_up: Duration,
    clock: Clock,
    health: Health,
    deliveries: Option<Deliveries>,
    desks: Vec<Desk>,
    heard: Receiver<Note>,
    cleaned: Option<Instant>,
    /// Who waits for the first round.
    first: Option<mpsc::Sender<()>>,
}

impl Work {
    fn run(mut self) {
        let pause = if self.desks.is_empty() { IDLE } else { LOOK };
        let mut note = None;
        loop {
            let more = match self.round(note.take()) {
                Ok(more) => more,
                Err(fault) => {
                    // The writer of records tells people of it.
                    tracing::debug!("webhooks: {fault}");
                    self.deliveries = None;
                    false
                }
            };
            drop(self.first.take());
            let pause = if more { Duration::ZERO } else { pause };
            match self.heard.recv_timeout(pause) {
                Ok(Note::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(sent) => note = Some(sent),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Looks once; tells whether there may be more to do at once.
    fn round(&mut self, note: Option<Note>) -> Result<bool, DatabaseError> {
        let now = self.clock.now();
        let mut deliveries = match self.deliveries.take() {
            Some(open) => open,
            None => Deliveries::open(&self.at)?,
        };
        let destinations: Vec<&Destination> =
            self.desks.iter().map(|desk| &desk.destination).collect();
        let fed = deliveries.feed(|happened| describe(happened, &destinations, now.wall))?;
        if fed.lost > 0 {
            let text = format!(
                "{} events are told to no server: too many wait; look at `qaynar webhooks list`",
                fed.lost
            );
            self.health.alarm(Part::Webhooks, text);
        }
        if let Some(Note::Sent {
            number,
            delivery,
            sent,
        }) = note
        {
            self.note(&mut deliveries, number, &delivery, sent)?;
        }
        for desk in &mut self.desks {
            desk.send(&mut deliveries, now.at, now.wall)?;
        }
        if self.cleaned.is_none_or(|at| now.at.since(at) >= CLEAN) {
            self.cleaned = Some(now.at);
            let before = i64::try_from(REMEMBERED.as_micros()).unwrap_or(i64::MAX);
            deliveries.forget(Wall(now.wall.0.saturating_sub(before)))?;
        }
        self.deliveries = Some(deliveries);
        Ok(fed.more)
    }

    fn note(
        &mut self,
        deliveries: &mut Deliveries,
        number: usize,
        delivery: &Delivery,
        sent: Result<(), Failure>,
    ) -> Result<(), DatabaseError> {
        let now = self.clock.now();
        let Some(desk) = self.desks.get_mut(number) else {
            return Ok(());
        };
        desk.sending = false;
        let Err(failure) = sent else {
            desk.failures = 0;
            self.tell_health();
            return deliveries.taken(delivery);
        };
        let next = now.wall + back_off(delivery.tries, LAST);
        let over = next.since(delivery.since) > self.give_up;
        let host = desk.destination.url.host();
        let (name, event) = (&desk.destination.name, &delivery.event);
        match over {
            true => tracing::error!(name, host, event, "webhook given up: {failure}"),
            false => tracing::debug!(name, host, event, "webhook: {failure}"),
        }
        if failure.is_of_server() {
            desk.failures = desk.failures.saturating_add(1);
            let rest = back_off(desk.failures - 1, LONGEST_REST);
            desk.rests_until = Some(now.at + rest);
            desk.waiting.clear();
        }
        self.tell_health();
        let next = (!over).then_some(next);
        deliveries.failed(delivery, &failure.to_string(), next, now.wall)
    }

    /// A server that does not take what it is told is a fault that people should see.
    fn tell_health(&self) {
        let away = self.desks.iter().filter(|desk| desk.failures >= 3);
        let away: Vec<&str> = away.map(|desk| desk.destination.name.as_str()).collect();
        match away.is_empty() {
            true => self.health.well(Part::Webhooks),
            false => {
                let text = format!(
                    "webhooks: {} did not take what happened; it is kept and sent again; `qaynar webhooks list` tells \
                     more",
                    away.join(", ")
                );
                self.health.fault(Part::Webhooks, text);
            }
        }
    }
}

impl Desk {
    fn send(
        &mut self,
        deliveries: &mut Deliveries,
        now: Instant,
        wall: Wall,
    ) -> Result<(), DatabaseError> {
        if self.sending || self.rests_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        if self.waiting.is_empty() {
            let due = deliveries.due(&self.destination.name, wall, BATCH)?;
            self.waiting = due.into_iter().map(Arc::new).collect();
        }
        if let Some(next) = self.waiting.pop_front() {
            self.sending = self.postman.send(next);
        }
        Ok(())
    }
}

/// How long it is until the next try, after so many in vain.
fn back_off(tries: u32, longest: Duration) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(tries.min(20)));
    doubled.min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_tried_less_and_less_often_but_each_hour() {
        let waits: Vec<u64> = (0..12)
            .map(|tries| back_off(tries, LAST).as_secs())
            .collect();
        assert_eq!(waits[..4], [5, 10, 20, 40]);
        assert_eq!(waits[10..], [3_600, 3_600]);
    }
}
