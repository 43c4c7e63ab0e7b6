//! Ports for the phones that must be told one.

use std::net::{TcpListener, UdpSocket};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the system hands out by itself (32,768 and above on Linux): a port of
/// those, found free, can be given to any other socket before the phone has opened it.
const FIRST: u16 = 20_000; // Above the blocks of the servers' media.
const BLOCKS: u16 = 20;
const BLOCK: u16 = 500;

/// The block of this run of the tests, ours as long as its first port is held.
static OURS: LazyLock<(UdpSocket, u16)> = LazyLock::new(|| {
    (0..BLOCKS)
        .map(|block| FIRST + block * BLOCK)
        .find_map(|first| Some((UdpSocket::bind(("127.0.0.1", first)).ok()?, first)))
        .expect("a block of ports that no other run of these tests holds")
});

/// A port that nobody has, for datagrams and connections; none is given twice before all were. The one
/// above it is given to nobody: RTCP goes there, which another ear would take for a second stream.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..BLOCK / 2 {
        let port = OURS.1 + 1 + NEXT.fetch_add(2, Ordering::Relaxed) % (BLOCK - 2);
        let at = ("127.0.0.1", port);
        if UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok() {
            return port;
        }
    }
    panic!("all ports of this run's block are taken");
}
