//! Two phones on a wire of their own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Ender, Event, Manner, OnRing, Output, Phone, Settings, Stage};
use crate::time::Instant;

/// How long a datagram is under way.
const DELAY: Duration = Duration::from_millis(3);

struct Wire {
    now: Instant,
    phones: [Phone; 2],
    events: [Vec<Event>; 2],
    flying: VecDeque<(Instant, usize, bool, SocketAddr, Vec<u8>)>,
    sent: usize,
    /// Every n-th SIP datagram is lost; 0: none.
    loses: usize,
}

fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

impl Wire {
    fn new(loses: usize, change: impl Fn(usize, &mut Settings)) -> Self {
        let phone = |number: usize| {
            let (own, other) = (number as u8 + 1, 2 - number as u8);
            let name = format!("phone{own}");
            let mut settings = Settings::new(&name, at(other, 5060), at(own, 5060), at(own, 4000));
            settings.tone = 500 * (number as u16 + 1);
            settings.seed = number as u64;
            change(number, &mut settings);
            Phone::new(settings)
        };
        Self {
            now: Instant(1_000_000),
            phones: [phone(0), phone(1)],
            events: [Vec::new(), Vec::new()],
            flying: VecDeque::new(),
            sent: 0,
            loses,
        }
    }

    fn collect(&mut self) {
        for number in 0..2 {
            while let Some(output) = self.phones[number].poll() {
                let local = at(number as u8 + 1, 5060);
                match output {
                    Output::Event(event) => self.events[number].push(event),
                    Output::SendRtp { to, bytes } => {
                        assert_eq!(to, at(2 - number as u8, 4000));
                        self.fly(number, true, local, bytes);
                    }
                    Output::Send { bytes, .. } => {
                        self.sent += 1;
                        if self.loses == 0 || !self.sent.is_multiple_of(self.loses) {
                            self.fly(number, false, local, bytes);
                        }
                    }
                }
            }
        }
    }

    fn fly(&mut self, from: usize, rtp: bool, local: SocketAddr, bytes: Vec<u8>) {
        let due = self.now + DELAY;
        self.flying.push_back((due, 1 - from, rtp, local, bytes));
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.collect();
            let timeouts = self.phones.iter().filter_map(Phone::next_timeout);
            let flying = self.flying.front().map(|(due, ..)| *due);
            let Some(next) = timeouts.chain(flying).min().filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if flying.is_some_and(|due| due <= self.now) {
                let Some((_, to, rtp, from, bytes)) = self.flying.pop_front() else {
                    continue;
                };
                if rtp {
                    self.phones[to].handle_rtp(&bytes, from, self.now);
                } else {
                    self.phones[to].handle(&bytes, from, self.now);
                }
            }
            for phone in &mut self.phones {
                if phone.next_timeout().is_some_and(|due| due <= self.now) {
                    phone.handle_timeout(self.now);
                }
            }
        }
    }

    fn call(&mut self) {
        assert!(self.phones[0].call("sip:phone2@192.0.2.2:5060", self.now));
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn answers(after: Duration) -> Manner {
    Manner {
        on_ring: OnRing::Answer { after },
        ..Manner::default()
    }
}

#[test]
fn a_call_rings_is_answered_heard_both_ways_and_ended() {
    let mut wire = Wire::new(0, |_, _| {});
    wire.phones[1].behave(answers(SECOND));
    wire.call();
    wire.run(SECOND / 2);
    assert_eq!(wire.phones[1].stage(), Some(Stage::Ringing));
    wire.run(SECOND);
    assert_eq!(wire.phones[0].tone_heard(), Some(1_000));
    assert_eq!(wire.phones[1].tone_heard(), Some(500));
    assert!(wire.phones[0].press('7'));
    wire.run(SECOND);
    wire.phones[0].hang_up(wire.now);
    wire.run(SECOND);
    let (ours, theirs) = (Ender::Us, Ender::Peer);
    assert_eq!(
        wire.events[0],
        [
            Event::Progress { status: 180 },
            Event::Connected,
            Event::Ended { by: ours }
        ]
    );
    assert_eq!(
        wire.events[1],
        [
            Event::Ringing {
                name: "phone1".into()
            },
            Event::Connected,
            Event::Key('7'),
            Event::Ended { by: theirs }
        ]
    );
    let heard = wire.phones[0].heard();
    assert!(heard.packets > 70, "{heard:?}");
    assert_eq!((heard.streams, heard.missing, heard.jumps), (1, 0, 0));
    wire.run(SECOND * 60);
    assert!(wire.phones.iter().all(|one| one.next_timeout().is_none()));
}

#[test]
fn whatever_datagram_is_lost_the_call_comes_about_and_ends() {
    for loses in 3..12 {
        for late_offer in [false, true] {
            let mut wire = Wire::new(loses, |_, settings| settings.late_offer = late_offer);
            wire.phones[1].behave(answers(SECOND));
            wire.call();
            wire.run(SECOND * 20);
            let stages = wire.phones.each_ref().map(Phone::stage);
            assert_eq!(stages, [Some(Stage::Up); 2], "one of {loses} is lost");
            assert_eq!(wire.phones[0].tone_heard(), Some(1_000));
            wire.phones[1].hang_up(wire.now);
            wire.run(SECOND * 80);
            assert_eq!(wire.phones.each_ref().map(Phone::stage), [None; 2]);
            assert!(wire.phones.iter().all(|one| one.next_timeout().is_none()));
        }
    }
}

#[test]
fn a_caller_gives_up_and_a_callee_declines() {
    let mut wire = Wire::new(0, |_, _| {});
    wire.phones[0].behave(Manner {
        patience: Some(SECOND),
        ..Manner::default()
    });
    wire.call();
    wire.run(SECOND * 2);
    assert_eq!(wire.events[1].last(), Some(&Event::Cancelled));
    assert_eq!(wire.events[0].last(), Some(&Event::Failed { status: 487 }));
    wire.phones[1].behave(Manner {
        on_ring: OnRing::Refuse {
            after: SECOND / 2,
            status: 603,
        },
        ..Manner::default()
    });
    wire.call();
    wire.run(SECOND * 2);
    assert_eq!(wire.events[0].last(), Some(&Event::Failed { status: 603 }));
}

#[test]
fn who_is_held_hears_nothing_of_the_holder_and_is_silent() {
    let mut wire = Wire::new(0, |_, _| {});
    wire.phones[1].behave(answers(SECOND));
    wire.call();
    wire.run(SECOND * 3);
    wire.phones[1].hold(true, wire.now);
    wire.run(SECOND);
    assert_eq!(wire.events[0].last(), Some(&Event::Held(true)));
    let before = wire.phones[1].heard().packets;
    wire.run(SECOND);
    assert_eq!(wire.phones[1].heard().packets, before);
    wire.phones[1].hold(false, wire.now);
    wire.run(SECOND);
    assert!(wire.phones[1].heard().packets > before);
}

#[test]
fn a_vanished_peer_is_noticed_by_the_session_timer() {
    let mut wire = Wire::new(0, |_, settings| settings.timer = Some(SECOND * 90));
    wire.phones[1].behave(answers(SECOND));
    wire.call();
    wire.run(SECOND * 300);
    assert_eq!(wire.phones[1].stage(), Some(Stage::Up), "it was refreshed");
    wire.phones[0].vanish();
    wire.run(SECOND * 200);
    assert_eq!(wire.phones[1].stage(), None);
}

#[test]
fn a_second_call_is_refused_and_told() {
    let mut wire = Wire::new(0, |_, _| {});
    wire.phones[1].behave(answers(SECOND));
    wire.call();
    wire.run(SECOND * 2);
    wire.phones[0].vanish();
    wire.phones[0].reappear();
    wire.call();
    wire.run(SECOND);
    assert!(wire.events[1].contains(&Event::SecondCall));
    assert_eq!(wire.events[0].last(), Some(&Event::Failed { status: 486 }));
}
