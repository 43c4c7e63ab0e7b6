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
}

impl Transport {
    /// Whether the transport itself delivers or tells that it cannot (§17: no retransmission by transactions).
    pub fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp)
    }

    /// Whether nobody on the way can read what goes by it.
    pub fn is_secure(self) -> bool {
        match self {
            Self::Udp | Self::Tcp => false,
        }
    }

    /// As in a Via header: `UDP`.
    pub fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// As in a `;transport=` parameter: `udp`.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parameter())
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
    /// UDP or TCP.
    pub transport: Transport,
    /// Our own address and port: replies leave from where the request arrived.
    pub local: SocketAddr,
    /// The peer's address and port as the socket saw them.
    pub remote: SocketAddr,
    /// The stream, where there is one. `None` on TCP: the shell connects to `remote`.
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
