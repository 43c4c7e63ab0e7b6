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

use super::known::Known;
use crate::sip::flow::{Flow, Transport};
use crate::sip::stun;
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
///
/// Strangers' datagrams are let go while too much waits for the switch: those of trunks and registered
/// phones must find a place.
pub async fn receive(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    inputs: mpsc::Sender<Input>,
    known: Known,
) {
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
        if !known.lets_datagram_in(remote) {
            continue;
        }
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            continue; // Keep-alive of a NAT (RFC 5626 §4.4.2 has CRLF for streams; phones send it here too).
        }
        if stun::is_stun(bytes) {
            // A keep-alive is no message; the answer is hardly longer than the question.
            if let Some(answer) = stun::answer(bytes, remote) {
                let _ = socket.try_send_to(&answer, remote);
            }
            continue;
        }
        if !known.lets_in(remote, length, &inputs) {
            continue;
        }
        let flow = Flow {
            transport: Transport::Udp,
            local,
            remote,
            connection: None,
        };
        if inputs.send(Input::datagram(flow, bytes)).await.is_err() {
            return;
        }
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
        let task = tokio::spawn(receive(socket, local, inputs, known));
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
        task.abort();
    }
}
