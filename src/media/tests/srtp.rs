//! Legs under keys: each its own, on both sides of a bridge.

use super::*;
use crate::rtp::srtp::{Crypto, Keys, Opener, Sealer, Suite};

const PHONE: &str = "198.51.100.1:4000";
const CALLER: &str = "198.51.100.2:4000";

fn keys(suite: Suite, seed: u8) -> Keys {
    Keys::new(suite, &vec![seed; suite.secret_length()], 0).unwrap()
}

/// A peer with its keys: what it seals and opens.
struct Peer {
    place: &'static str,
    crypto: Crypto,
    sealer: Sealer,
    opener: Opener,
}

impl Peer {
    /// `crypto` is ours: the peer sends under `theirs`.
    fn new(place: &'static str, suite: Suite, seed: u8) -> Self {
        let crypto = Crypto {
            ours: keys(suite, seed),
            theirs: keys(suite, seed + 100),
        };
        Self {
            place,
            sealer: Sealer::new(&crypto.theirs).unwrap(),
            opener: Opener::new(&crypto.ours).unwrap(),
            crypto,
        }
    }

    fn stream(&self) -> Stream {
        Stream {
            crypto: Some(self.crypto.clone()),
            ..stream(self.place)
        }
    }

    fn sealed(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut bytes = plain.to_vec();
        bytes.resize(plain.len() + 10, 0);
        let length = self.sealer.rtp(&mut bytes, plain.len()).unwrap();
        bytes.truncate(length);
        bytes
    }

    fn opened(&mut self, sent: &Sent) -> Option<Vec<u8>> {
        let mut bytes = sent.bytes.clone();
        let bytes = self.opener.rtp(&mut bytes)?;
        Some(packet::read(bytes).unwrap().1.to_vec())
    }
}

#[test]
fn a_bridge_opens_with_one_key_and_seals_with_the_other() {
    let mut world = World::new();
    let mut phone = Peer::new(PHONE, Suite::Aes128Tag80, 1);
    let mut caller = Peer::new(CALLER, Suite::Aes256Tag32, 2);
    world.configure(A, phone.stream());
    world.configure(B, caller.stream());
    world.tell(Command::Bridge {
        a: A,
        b: B,
        keeps_keys: None,
    });
    let plain = rtp(8, 1, 1, 160, &[0x55; 160]);
    let sealed = phone.sealed(&plain);
    world.arrives(A, Channel::Rtp, PHONE, &sealed);
    let heard = world.heard_by(B);
    assert_eq!(heard.len(), 1);
    assert_ne!(packet::read(&heard[0].bytes).unwrap().1[..160], [0x55; 160]);
    assert_eq!(caller.opened(&heard[0]), Some(vec![0x55; 160]));

    // In the clear, under the other leg's key, or repeated: nothing of it is heard.
    world.arrives(A, Channel::Rtp, PHONE, &rtp(8, 1, 2, 320, &[0x55; 160]));
    let foreign = caller.sealed(&rtp(8, 1, 2, 320, &[0x55; 160]));
    world.arrives(A, Channel::Rtp, PHONE, &foreign);
    world.arrives(A, Channel::Rtp, PHONE, &sealed);
    assert_eq!(world.heard_by(B).len(), 0);
}

#[test]
fn one_leg_under_keys_talks_with_one_in_the_clear() {
    let mut world = World::new();
    let mut phone = Peer::new(PHONE, Suite::Aes128Tag32, 1);
    world.configure(A, phone.stream());
    world.configure(B, stream(CALLER));
    world.tell(Command::Bridge {
        a: A,
        b: B,
        keeps_keys: None,
    });
    world.speak(B, CALLER, 9, (1, 160));
    let heard = world.heard_by(A);
    assert_eq!(phone.opened(&heard[0]), Some(vec![0x55; 160]));
    let sealed = phone.sealed(&rtp(8, 1, 1, 160, &[0x66; 160]));
    world.arrives(A, Channel::Rtp, PHONE, &sealed);
    let heard = world.heard_by(B);
    assert_eq!(packet::read(&heard[0].bytes).unwrap().1, [0x66; 160]);
}

#[test]
fn a_stranger_without_the_key_cannot_take_the_place_of_the_peer() {
    let mut world = World::new();
    let mut phone = Peer::new("10.0.0.5:4000", Suite::Aes128Tag80, 1);
    let behind = Stream {
        signalling: "198.51.100.1".parse().unwrap(),
        ..phone.stream()
    };
    world.configure(A, behind);
    world.tell(Command::Music {
        leg: A,
        clip: music(),
    });
    // In the window in which a peer behind a NAT may turn up anywhere.
    world.speak(A, ATTACKER, 1, (1, 160));
    world.pass(FRAME);
    assert!(
        world
            .heard_by(A)
            .iter()
            .all(|sent| sent.to != place(ATTACKER))
    );
    let sealed = phone.sealed(&rtp(8, 1, 1, 160, &[0x55; 160]));
    world.arrives(A, Channel::Rtp, PHONE, &sealed);
    world.pass(FRAME);
    assert!(world.heard_by(A).iter().any(|sent| sent.to == place(PHONE)));
}

#[test]
fn the_same_keys_go_on_and_new_ones_take_over() {
    let mut world = World::new();
    let mut phone = Peer::new(PHONE, Suite::Aes128Tag80, 1);
    world.configure(A, phone.stream());
    world.tell(Command::Music {
        leg: A,
        clip: music(),
    });
    // Our numbers begin at 65,530: they roll over, and a repeated description must not forget it.
    world.pass(FRAME * 20);
    world.configure(A, phone.stream());
    world.pass(FRAME * 20);
    let heard = world.heard_by(A);
    assert!(heard.len() >= 40);
    assert!(heard.iter().all(|sent| phone.opened(sent).is_some()));

    let mut anew = Peer::new(PHONE, Suite::Aes128Tag80, 7);
    world.configure(A, anew.stream());
    world.pass(FRAME * 5);
    let heard = world.heard_by(A);
    assert!(heard.len() >= 5);
    assert!(heard.iter().all(|sent| anew.opened(sent).is_some()));
    let sealed = anew.sealed(&rtp(8, 1, 1, 160, &[0x55; 160]));
    world.arrives(A, Channel::Rtp, PHONE, &sealed);
    assert!(world.events.contains(&Event::Heard { leg: A }));
}

#[test]
fn reports_go_and_come_under_keys() {
    let mut world = World::new();
    let mut phone = Peer::new(PHONE, Suite::Aes128Tag32, 1);
    world.configure(A, phone.stream());
    let sealed = phone.sealed(&rtp(8, 1, 1, 160, &[0x55; 160]));
    world.arrives(A, Channel::Rtp, PHONE, &sealed);
    // In the clear it is nobody's.
    let report = rtcp::write(1, None, None, false);
    world.arrives(A, Channel::Rtcp, "198.51.100.1:9", &report);
    world.pass(Duration::from_secs(5));
    let mut sent = world.sent.pop().unwrap();
    assert_eq!(sent.to, place("198.51.100.1:4001"));
    assert!(phone.opener.rtcp(&mut sent.bytes).is_some());
    let mut report = report;
    phone.sealer.rtcp(&mut report).unwrap();
    world.arrives(A, Channel::Rtcp, "198.51.100.1:9", &report);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.sent.pop().unwrap().to, place("198.51.100.1:9"));
}
