//! Datagrams in and out.
//!
//! Each of our addresses has a socket of its own, never a wildcard: so a reply leaves from the
//! address and port that received the request, also on hosts with several addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::known::Known;
use crate::sip::flow::{Flow, Transport};
use crate::sip::stun;
use crate::switch::Input;

/// The kernel's buffer: 10,000 REGISTERs at once must not push out an INVITE.
const KERNEL_BUFFER: usize = 4 * 1024 * 1024;
/// How often a receiver that hears nothing looks whether the switch is gone.
const LOOK_UP: Duration = Duration::from_secs(1);
/// The largest datagram there is.
const LARGEST: usize = 65_535;

/// Binds `address`.
///
/// # Errors
/// As the system says; `AddrInUse` where another program has the port.
pub fn bind(address: SocketAddr) -> io::Result<Arc<UdpSocket>> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    // The system may grant less than asked; that is no reason not to start. Root gets all of it, whatever
    // net.core.rmem_max says: its usual 208 KiB are full after a few milliseconds of a flood.
    if set_socket_recv_buffer_size_force(&socket, KERNEL_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
    }
    let _ = socket.set_send_buffer_size(KERNEL_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(Arc::new(UdpSocket::from_std(socket.into())?))
}

/// The addresses behind a listening address: itself, or with `0.0.0.0` and `::` all of this machine.
///
/// # Errors
/// Where the system does not tell its interfaces.
pub fn expand(address: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    if !address.ip().is_unspecified() {
        return Ok(vec![address]);
    }
    let mut found: Vec<IpAddr> = if_addrs::get_if_addrs()?
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| ip.is_ipv4() == address.is_ipv4() && !is_link_local(*ip))
        .collect();
    found.sort_unstable();
    found.dedup();
    Ok(found
        .into_iter()
        .map(|ip| SocketAddr::new(ip, address.port()))
        .collect())
}

/// Link-local IPv6 addresses need a scope, which SIP messages cannot carry.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Reads and parses datagrams on a thread of its own until the switch is gone: a flood is drained as it
/// comes, however busy all others are, since what the kernel has no room for may be a phone's.
///
/// Strangers' datagrams are let go while too much waits for the switch: those of trunks and registered
/// phones must find a place.
///
/// # Errors
/// The system gives no thread or poll.
pub fn receive(
    socket: &UdpSocket,
    local: SocketAddr,
    inputs: mpsc::Sender<Input>,
    known: Known,
) -> io::Result<JoinHandle<()>> {
    let own = std::net::UdpSocket::from(SockRef::from(socket).try_clone()?);
    let mut own = mio::net::UdpSocket::from_std(own);
    let poll = Poll::new()?;
    poll.registry()
        .register(&mut own, Token(0), Interest::READABLE)?;
    let receiver = Receiver {
        socket: own,
        local,
        inputs,
        known,
    };
    let thread = std::thread::Builder::new().name("udp".into());
    thread.spawn(move || receiver.run(poll))
}

struct Receiver {
    socket: mio::net::UdpSocket,
    local: SocketAddr,
    inputs: mpsc::Sender<Input>,
    known: Known,
}

impl Receiver {
    fn run(self, mut poll: Poll) {
        let mut buffer = vec![0; LARGEST];
        let mut events = Events::with_capacity(1);
        while !self.inputs.is_closed() {
            // All that is there: what comes later is told anew.
            match self.socket.recv_from(&mut buffer) {
                Ok((length, remote)) => {
                    if let Some(bytes) = buffer.get(..length) {
                        self.take(bytes, remote);
                    }
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    // ICMP answers to what we sent come up here; the socket goes on.
                    tracing::debug!(local = %self.local, %error, "udp receive");
                    continue;
                }
            }
            if let Err(error) = poll.poll(&mut events, Some(LOOK_UP))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(local = %self.local, %error, "udp cannot be waited for");
                return;
            }
        }
    }

    fn take(&self, bytes: &[u8], remote: SocketAddr) {
        if !self.known.lets_datagram_in(remote) {
            return;
        }
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return; // Keep-alive of a NAT (RFC 5626 §4.4.2 has CRLF for streams; phones send it here too).
        }
        if stun::is_stun(bytes) {
            // A keep-alive is no message; the answer is hardly longer than the question.
            if let Some(answer) = stun::answer(bytes, remote) {
                let _ = self.socket.send_to(&answer, remote);
            }
            return;
        }
        if !self.known.lets_in(remote, bytes.len(), &self.inputs) {
            return;
        }
        let flow = Flow {
            transport: Transport::Udp,
            local: self.local,
            remote,
            connection: None,
        };
        // Once the switch is gone, nobody waits.
        let _ = self.inputs.blocking_send(Input::datagram(flow, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::Binding;

    const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

    #[tokio::test]
    async fn a_flood_of_strangers_leaves_places_for_a_registered_phone() {
        let (inputs, mut heard) = mpsc::channel(10);
        let socket = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let local = socket.local_addr().unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let flow = Flow {
            transport: Transport::Udp,
            local,
            remote: phone.local_addr().unwrap(),
            connection: None,
        };
        let binding = Binding {
            contact: "sip:101@127.0.0.1".into(),
            instance: None,
            reg_id: None,
            path: Vec::new(),
            flow,
            expires: crate::time::Wall(0),
            call_id: "r".into(),
            cseq: 1,
        };
        let known = Known::new(|_| false);
        known.keep(&"101".into(), &[binding]);
        for _ in 0..20 {
            stranger.send_to(OPTIONS, local).await.unwrap();
        }
        phone.send_to(OPTIONS, local).await.unwrap();
        let watch = inputs.clone();
        let thread = receive(&socket, local, inputs, known).unwrap();
        // Five of the stranger, and the phone's after all of his: none is taken out meanwhile.
        let six = async {
            while watch.capacity() > 4 {
                tokio::task::yield_now().await;
            }
        };
        let patience = std::time::Duration::from_secs(20);
        tokio::time::timeout(patience, six).await.unwrap();
        for number in 0..6 {
            let Ok(Input::Message { flow: by, .. }) = heard.try_recv() else {
                panic!("no message");
            };
            assert_eq!(by == flow, number == 5, "{number}");
        }
        // It ends with the switch.
        drop((watch, heard));
        tokio::task::spawn_blocking(|| thread.join().unwrap())
            .await
            .unwrap();
    }
}
