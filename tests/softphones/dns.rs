//! A small DNS server of our own (RFC 1035), for names that exist in these tests alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Types of records (RFC 1035 §3.2.2, RFC 2782, RFC 3403).
const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const NAPTR: u16 = 35;
/// No answer is kept for longer, in seconds.
const TTL: u32 = 60;
/// How soon it sees that it shall end.
const GLANCE: Duration = Duration::from_millis(50);

/// What it knows: type and name to the data of records.
#[derive(Default)]
pub(crate) struct Zone(BTreeMap<(u16, String), Vec<Vec<u8>>>);

impl Zone {
    fn with(mut self, kind: u16, name: &str, data: Vec<u8>) -> Self {
        self.0
            .entry((kind, name.to_owned()))
            .or_default()
            .push(data);
        self
    }

    /// The address of a host.
    pub(crate) fn host(self, name: &str, address: &str) -> Self {
        match address.parse().unwrap() {
            IpAddr::V4(address) => self.with(A, name, address.octets().to_vec()),
            IpAddr::V6(address) => self.with(AAAA, name, address.octets().to_vec()),
        }
    }

    /// A server of a service.
    pub(crate) fn srv(
        self,
        name: &str,
        (priority, weight): (u16, u16),
        (target, port): (&str, u16),
    ) -> Self {
        let mut data = Vec::new();
        for number in [priority, weight, port] {
            data.extend(number.to_be_bytes());
        }
        data.extend(encoded(target));
        self.with(SRV, name, data)
    }

    /// Which service a domain wants to be called by.
    pub(crate) fn naptr(self, name: &str, order: u16, service: &str, replacement: &str) -> Self {
        let mut data = Vec::new();
        data.extend(order.to_be_bytes());
        data.extend(10_u16.to_be_bytes());
        for text in ["s", service, ""] {
            data.push(u8::try_from(text.len()).unwrap());
            data.extend(text.as_bytes());
        }
        data.extend(encoded(replacement));
        self.with(NAPTR, name, data)
    }

    /// Answers on loopback from now on.
    pub(crate) fn serve(self) -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(GLANCE)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1_500];
            while !seen.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer)
                    && let Some(answer) = self.answer(&buffer[..length])
                {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Dns {
            port,
            over,
            thread: Some(thread),
        }
    }

    /// The answer to one question; a name without records is empty, not unknown.
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let mut at = 12;
        let mut labels = Vec::new();
        while *question.get(at)? > 0 {
            let length = usize::from(question[at]);
            let label = question.get(at + 1..at + 1 + length)?;
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
            at += 1 + length;
        }
        let end = at + 5;
        let kind = u16::from_be_bytes(question.get(at + 1..at + 3)?.try_into().ok()?);
        let records = self.0.get(&(kind, labels.join(".")));
        let records = records.map(Vec::as_slice).unwrap_or_default();
        let mut answer = question[..2].to_vec();
        // A response, with authority, recursion wanted and there; no error.
        answer.extend([0x85, 0x80, 0, 1]);
        answer.extend(u16::try_from(records.len()).ok()?.to_be_bytes());
        answer.extend([0, 0, 0, 0]);
        answer.extend(&question[12..end]);
        for data in records {
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1]);
            answer.extend(TTL.to_be_bytes());
            answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
            answer.extend(data);
        }
        Some(answer)
    }
}

/// A name as labels with their lengths.
fn encoded(name: &str) -> Vec<u8> {
    let mut data = Vec::new();
    for label in name.split('.') {
        data.push(u8::try_from(label.len()).unwrap());
        data.extend(label.as_bytes());
    }
    data.push(0);
    data
}

/// A running DNS server.
pub(crate) struct Dns {
    /// Where on 127.0.0.1.
    pub(crate) port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
