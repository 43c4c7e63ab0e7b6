//! Datagrams of this machine's loopback as anybody on the way would see them. Wants root, as `nat` does.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::ear::{ALAW, ULAW, decode};
use crate::moment::eventually;
use crate::server::SOON;
use crate::tone;

/// Headers of IPv4 without options, of UDP, and of RTP without contributors.
const IP: usize = 20;
const UDP: usize = 8;
const RTP: usize = 12;
/// Fewer packets tell nothing.
const ENOUGH: usize = 25;

/// Payloads of RTP, by the ports that they went from and to.
type Streams = BTreeMap<(u16, u16), Vec<Vec<u8>>>;

/// Listens from its making on.
pub(crate) struct Tap {
    streams: Arc<Mutex<Streams>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Tap {
    /// On all datagrams from or to the ports from `first` to `last`.
    pub(crate) fn on((first, last): (u16, u16)) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP));
        let mut socket = socket.expect("a raw socket; run the tests as root");
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let (streams, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (into, ended) = (Arc::clone(&streams), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2_000];
            while !ended.load(Ordering::Relaxed) {
                let Ok(size) = socket.read(&mut buffer) else {
                    continue;
                };
                let packet = buffer[..size].get(IP..).unwrap_or_default();
                note(packet, first..=last, &into);
            }
        });
        Self {
            streams,
            stop,
            thread: Some(thread),
        }
    }

    /// Waits until so many streams have been heard for long enough.
    pub(crate) fn hears_streams(&self, count: usize) {
        eventually(&format!("{count} streams on the way"), SOON, || {
            let streams = self.streams.lock().unwrap();
            let long = streams.values().filter(|packets| packets.len() >= ENOUGH);
            (long.count() >= count).then_some(())
        });
    }

    /// Whether a tone can be heard by whoever reads the stream from or to this port, for each such stream.
    pub(crate) fn overhears(&self, frequency: u32, wanted: impl Fn(u16, u16) -> bool) -> Vec<bool> {
        let streams = self.streams.lock().unwrap();
        let fitting = streams
            .iter()
            .filter(|((from, to), packets)| packets.len() >= ENOUGH && wanted(*from, *to));
        let heard = |packets: &Vec<Vec<u8>>| {
            [ULAW, ALAW].into_iter().any(|law| {
                let octets = packets.iter().flatten();
                let samples: Vec<i16> = octets.map(|octet| decode(*octet, law)).collect();
                tone::first_heard(&samples, frequency).is_some()
            })
        };
        fitting.map(|(_, packets)| heard(packets)).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Keeps what looks like RTP with audio.
fn note(packet: &[u8], ports: std::ops::RangeInclusive<u16>, into: &Mutex<Streams>) {
    let two = |at: usize| {
        packet
            .get(at..at + 2)
            .map(|two| u16::from_be_bytes([two[0], two[1]]))
    };
    let (Some(from), Some(to)) = (two(0), two(2)) else {
        return;
    };
    let is_audio = |rtp: &&[u8]| rtp.len() > RTP && rtp[0] >> 6 == 2 && rtp[1] & 0x7f < 64;
    let Some(rtp) = packet.get(UDP..).filter(is_audio) else {
        return;
    };
    if ports.contains(&from) || ports.contains(&to) {
        let mut streams = into.lock().unwrap();
        let stream = streams.entry((from, to)).or_default();
        stream.push(rtp[RTP..].to_vec());
    }
}
