//! The way between us and a peer that a message took or shall take.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A transport protocol of RFC 3261 §18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams: the transaction layer retransmits.
    Udp,
    /// A stream, framed by Content-Length.
    Tcp,
    /// The same inside TLS (RFC 3261 §26.2.1).
    Tls,
    /// A message each in a WebSocket's frames (RFC 7118).
    Ws,
    /// The same inside TLS.
    Wss,
}

impl Transport {
    /// Whether the transport itself delivers or tells that it cannot (§17: no retransmission by transactions).
    pub fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Whether nobody on the way can read it or write into it.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// Whether messages come in a WebSocket's frames. Only peers open those: whoever is behind one is
    /// reached by it alone (RFC 7118 §5.2).
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// The port where none is said (§19.1.2).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80, // RFC 6455 §3.
            Self::Wss => 443,
        }
    }

    /// The transport of a `;transport=` parameter, whatever its case, if we can connect by it.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|one| one.parameter().eq_ignore_ascii_case(name))
    }

    /// As in a Via header: `UDP`.
    pub fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// As in a `;transport=` parameter: `udp`.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            // RFC 7118 §5.3: the scheme tells whether it is secure.
            Self::Ws | Self::Wss => "ws",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.via_name().to_ascii_lowercase())
    }
}

/// A connection that the shell holds; never reused for another one while the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// Of no connection: a way that is gone, and that nothing has replaced yet. The shell refuses to
    /// send by it, since the port of a peer who connected to us is not one to connect to.
    pub const GONE: Self = Self(0);
}

/// Where a message came from, and so where its answer goes (§18.2.2, RFC 3581).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// UDP, TCP or TLS.
    pub transport: Transport,
    /// Our own address and port: replies leave from where the request arrived.
    pub local: SocketAddr,
    /// The peer's address and port as the socket saw them.
    pub remote: SocketAddr,
    /// The stream, where there is one. `None` on TCP and TLS: the shell connects to `remote`.
    pub connection: Option<ConnectionId>,
}

impl Flow {
    /// The same way after its connection was closed, if it had one.
    #[must_use]
    pub fn closed(self) -> Self {
        Self {
            connection: self.connection.map(|_| ConnectionId::GONE),
            ..self
        }
    }

    /// Whether its connection is gone.
    pub fn is_closed(&self) -> bool {
        self.connection == Some(ConnectionId::GONE)
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.remote)
    }
}
