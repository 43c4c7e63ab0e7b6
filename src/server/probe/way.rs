//! A socket of the test's own towards one server of a carrier, and what keeps it from being one.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use crate::server::tls::Tls;
use crate::sip::flow::{Flow, Transport};
use crate::sip::message::{Message, Response};
use crate::sip::parse::{Framed, Framer, parse_datagram};
use crate::sip::uri::Host;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// RFC 3261 §17.1.1.1: T1, after which a datagram is sent again.
const AGAIN: Duration = Duration::from_millis(500);
/// The longest datagram that is read.
const LONGEST: usize = 16 * 1024;

/// A connection, in the clear or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

enum Socket {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>, Framer),
}

/// A socket towards one server.
pub(super) struct Way {
    socket: Socket,
    transport: Transport,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Way {
    /// Connects; `host`: whom a certificate must name.
    pub(super) async fn open(
        transport: Transport,
        remote: SocketAddr,
        host: &str,
        tls: &Tls,
    ) -> Result<Self, String> {
        let told = |error: io::Error| error.to_string();
        if transport == Transport::Udp {
            let any: IpAddr = match remote {
                SocketAddr::V4(_) => [0; 4].into(),
                SocketAddr::V6(_) => [0; 16].into(),
            };
            let socket = UdpSocket::bind((any, 0)).await.map_err(told)?;
            socket.connect(remote).await.map_err(told)?;
            let local = socket.local_addr().map_err(told)?;
            return Ok(Self {
                socket: Socket::Udp(socket),
                transport,
                local,
                remote,
            });
        }
        let connected = timeout(PATIENCE, TcpStream::connect(remote)).await;
        let stream = match connected {
            Ok(stream) => stream.map_err(told)?,
            Err(_) => return Err("no connection in time".to_owned()),
        };
        let local = stream.local_addr().map_err(told)?;
        let stream: Box<dyn Stream> = match transport {
            Transport::Tcp => Box::new(stream),
            Transport::Tls => {
                tls.expect(remote, host);
                match timeout(PATIENCE, tls.connect(stream, remote)).await {
                    Ok(Ok((stream, _))) => Box::new(stream),
                    Ok(Err(error)) => return Err(certificate_words(&error, host)),
                    Err(_) => return Err("connected, but it says no word of TLS".to_owned()),
                }
            }
            other => return Err(format!("no carrier is called by {other}")),
        };
        Ok(Self {
            socket: Socket::Stream(stream, Framer::default()),
            transport,
            local,
            remote,
        })
    }

    /// Our end, as host and port.
    pub(super) fn local(&self) -> String {
        format!("{}:{}", Host::Address(self.local.ip()), self.local.port())
    }

    /// The same for dialogs.
    pub(super) fn flow(&self) -> Flow {
        Flow {
            transport: self.transport,
            local: self.local,
            remote: self.remote,
            connection: None,
        }
    }

    /// Our address.
    pub(super) fn address(&self) -> IpAddr {
        self.local.ip()
    }

    /// By which transport.
    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Sends what wants no answer.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Socket::Udp(socket) => socket.send(bytes).await.map(drop),
            Socket::Stream(stream, _) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Sends a request, as a datagram again and again until something is heard, and waits for the first
    /// response with `branch` that is `wanted`. `heard` becomes true at any response.
    pub(super) async fn ask(
        &mut self,
        bytes: &[u8],
        branch: &str,
        wanted: impl Fn(&Response) -> bool,
        heard: &mut bool,
    ) -> Option<Response> {
        // A refused port is told by ICMP; the next try may find it open.
        let _ = self.send(bytes).await;
        loop {
            let found = match self.transport {
                Transport::Udp if !*heard => match timeout(AGAIN, self.hear()).await {
                    Ok(found) => found,
                    Err(_) => {
                        let _ = self.send(bytes).await;
                        continue;
                    }
                },
                _ => self.hear().await,
            };
            let Some(response) = found else {
                // A closed connection stays closed; a port may be opened.
                match self.transport {
                    Transport::Udp => tokio::time::sleep(AGAIN).await,
                    _ => return None,
                }
                let _ = self.send(bytes).await;
                continue;
            };
            let via = response.headers.via();
            if via.is_ok_and(|via| via.branch() == branch) {
                *heard = true;
                if wanted(&response) {
                    return Some(response);
                }
            }
        }
    }

    /// The next response; `None`: the peer is not there.
    pub(super) async fn hear(&mut self) -> Option<Response> {
        let mut buffer = vec![0; LONGEST];
        loop {
            match &mut self.socket {
                Socket::Udp(socket) => {
                    let length = socket.recv(&mut buffer).await.ok()?;
                    let message = parse_datagram(buffer.get(..length)?);
                    if let Ok(Message::Response(response)) = message {
                        return Some(response);
                    }
                }
                Socket::Stream(stream, framer) => {
                    while let Some(framed) = framer.pull() {
                        match framed {
                            Framed::Message(Message::Response(response)) => return Some(response),
                            Framed::Lost(_) => return None,
                            _ => {}
                        }
                    }
                    let length = stream.read(&mut buffer).await.ok()?;
                    if length == 0 {
                        return None;
                    }
                    framer.push(buffer.get(..length)?);
                }
            }
        }
    }
}

/// What is wrong with a handshake, and what to do about it.
fn certificate_words(error: &io::Error, host: &str) -> String {
    use CertificateError as Wrong;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(fault) = inner else {
        return format!("the handshake broke off ({error}): is it a port of TLS?");
    };
    match fault {
        rustls::Error::InvalidCertificate(wrong) => match wrong {
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => format!(
                "its certificate is not for {host} (RFC 5922 §7.2; wild cards do not count): ask the carrier \
                 which name its certificate bears, and write that as the host of peer"
            ),
            Wrong::Expired | Wrong::ExpiredContext { .. } => {
                "its certificate has expired: ask the carrier to renew it; is our own clock right?".into()
            }
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
                "its certificate is not valid yet: is our own clock right?".into()
            }
            Wrong::UnknownIssuer => {
                "nobody whom we trust vouches for its certificate: ask the carrier for the certificate of its \
                 authority, and name it by [tls] ca"
                    .into()
            }
            other => format!("its certificate cannot be used ({other}): ask the carrier to renew it"),
        },
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown),
        ) => format!(
            "it does not accept our certificate ({alert:?}): name one that the carrier knows by [tls] \
             certificate and key, and tell the carrier its name and its authority"
        ),
        rustls::Error::AlertReceived(alert) => {
            format!("it ends the handshake ({alert:?}): ask the carrier which versions of TLS it speaks")
        }
        rustls::Error::InvalidMessage(_) => {
            "what answers there is not TLS: ask the carrier for the port of TLS (5061 by default)".into()
        }
        other => format!("the handshake fails ({other}): ask the carrier what its log says of it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_of_a_certificate_is_told_with_what_to_do() {
        let told = |fault: rustls::Error| {
            certificate_words(
                &io::Error::new(io::ErrorKind::InvalidData, fault),
                "sip.c.az",
            )
        };
        for (wrong, words) in [
            (CertificateError::NotValidForName, "not for sip.c.az"),
            (CertificateError::Expired, "expired"),
            (CertificateError::NotValidYet, "clock"),
            (CertificateError::UnknownIssuer, "[tls] ca"),
            (CertificateError::Revoked, "renew"),
        ] {
            let text = told(wrong.into());
            assert!(text.contains(words), "{text}");
        }
        let text = told(rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired,
        ));
        assert!(text.contains("[tls] certificate"), "{text}");
        let text = certificate_words(&io::ErrorKind::UnexpectedEof.into(), "sip.c.az");
        assert!(text.contains("port of TLS"), "{text}");
    }
}
