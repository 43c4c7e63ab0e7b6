//! Datagrams in and out.
//!
//! Each of our addresses has a socket of its own, never a wildcard: so a reply leaves from the
//! address and port that received the request, also on hosts with several addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::sip::flow::{Flow, Transport};
use crate::sip::parse::parse_datagram;
use crate::switch::Input;

/// The kernel's buffer: 10,000 REGISTERs at once must not push out an INVITE.
const KERNEL_BUFFER: usize = 4 * 1024 * 1024;
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
    // The system may grant less than asked; that is no reason not to start.
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
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

/// Reads and parses datagrams until the switch is gone.
pub async fn receive(socket: Arc<UdpSocket>, local: SocketAddr, inputs: mpsc::Sender<Input>) {
    let mut buffer = vec![0; LARGEST];
    loop {
        let (length, remote) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // ICMP answers to what we sent come up here; the socket goes on.
                tracing::debug!(%local, %error, "udp receive");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let bytes = &buffer[..length];
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            continue; // Keep-alive of a NAT (RFC 5626 §4.4.2 has CRLF for streams; phones send it here too).
        }
        let flow = Flow {
            transport: Transport::Udp,
            local,
            remote,
            connection: None,
        };
        let input = match parse_datagram(bytes) {
            Ok(message) => Input::Message {
                flow,
                message: Box::new(message),
            },
            Err(malformed) => Input::Malformed {
                flow,
                malformed: Box::new(malformed),
            },
        };
        if inputs.send(input).await.is_err() {
            return;
        }
    }
}
