//! What the switch is told at start; `config` fills it.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::dialplan::Number;
use crate::ids::{OperatorId, TrunkName};
use crate::private::Private;
use crate::sip::digest::Algorithm;
pub use crate::sip::digest::Credentials;
use crate::sip::flow::Transport;
use crate::sip::uri::Uri;

/// A carrier's line to us.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Its name on records.
    pub name: TrunkName,
    /// Addresses that its calls come from; these are trusted to assert identities (RFC 3325).
    pub sources: Vec<IpNet>,
    /// Its name in the certificate that it shows us: calls by such a connection are its own, wherever
    /// they come from (RFC 5922 §7.1).
    pub tls_identity: Option<String>,
    /// Where outgoing calls go; `None`: it only brings calls.
    pub host: Option<TrunkHost>,
    /// Who we are to the carrier, where it challenges us.
    pub credentials: Option<Credentials>,
    /// Our own number, shown on outgoing calls.
    pub from: Option<String>,
}

impl Trunk {
    /// Where its servers are looked for; `None`: it takes no calls.
    pub fn uri(&self) -> Option<Uri> {
        let transport = self.host.as_ref()?.transport;
        let transport = transport.map(|one| format!(";transport={}", one.parameter()));
        let text = format!("sip:{}{}", self.place()?, transport.unwrap_or_default());
        Some(Uri::parse_lenient(&text))
    }

    /// The URI of a number at the trunk.
    pub fn uri_of(&self, number: &Number) -> Option<String> {
        Some(format!("sip:{number}@{}", self.place()?))
    }

    /// Host and port, as they stand in a URI.
    fn place(&self) -> Option<String> {
        let host = self.host.as_ref()?;
        let name = match host.host.parse::<std::net::Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => host.host.clone(),
        };
        let port = host.port.map(|port| format!(":{port}"));
        Some(format!("{name}{}", port.unwrap_or_default()))
    }

    /// The number of ours that whoever we call sees.
    pub fn shown(&self) -> &str {
        self.from.as_deref().unwrap_or("116111")
    }

    /// Its priority and weight among the trunks that take calls.
    pub fn choice(&self) -> (u16, u16) {
        (0, 0)
    }

    /// How long one of its servers may be silent before the next is tried.
    pub fn failover_after(&self) -> Duration {
        Duration::from_secs(3)
    }
}

/// Where a trunk takes our calls.
#[derive(Debug, Clone)]
pub struct TrunkHost {
    /// A name or an address.
    pub host: String,
    /// Its port; `None`: DNS says (RFC 3263 §4.2).
    pub port: Option<u16>,
    /// By which transport; `None`: DNS says (RFC 3263 §4.1).
    pub transport: Option<Transport>,
}

/// Short codes that operators dial; each is spoken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureCodes {
    /// Tells the operator's state.
    pub status: String,
    /// On shift.
    pub log_in: String,
    /// Off shift.
    pub log_out: String,
    /// No calls for a while.
    pub pause: String,
    /// Calls again; also ends wrap-up.
    pub resume: String,
}

impl Default for FeatureCodes {
    fn default() -> Self {
        Self {
            status: "*10".into(),
            log_in: "*11".into(),
            log_out: "*12".into(),
            pause: "*13".into(),
            resume: "*14".into(),
        }
    }
}

/// Everything that does not change while the switch runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The host part of our URIs, and the realm of digest.
    pub domain: String,
    /// Our address as peers outside see it (1:1 NAT); `None`: the socket's own.
    pub advertise: Option<IpAddr>,
    /// Peers in these see the socket's own address even where `advertise` is set.
    pub local_networks: Vec<IpNet>,
    /// With none, calls from loopback alone are taken.
    pub trunks: Vec<Trunk>,
    /// First and last media port.
    pub media_ports: (u16, u16),
    /// How many media threads there are.
    pub media_shards: u32,
    /// Our own listening sockets; the first of a transport sends what no flow names.
    pub listeners: Vec<(Transport, SocketAddr)>,
    /// Keys callers' pseudonyms.
    pub pseudonym_key: Private<[u8; 32]>,
    /// What digest offers, in this order; phones that know one alone are confused by two.
    pub digest: Vec<Algorithm>,
    /// What operators dial.
    pub codes: FeatureCodes,
    /// The most calls at once; above it new ones get 503 with Retry-After.
    pub max_calls: usize,
}

impl Settings {
    /// The address that the peer at `remote` shall read in Via, Contact and SDP.
    pub fn address_for(&self, remote: IpAddr, local: IpAddr) -> IpAddr {
        let near = remote.is_loopback()
            || remote == local
            || self
                .local_networks
                .iter()
                .any(|network| network.contains(&remote));
        match self.advertise {
            // It is of one family; IPv6 has no such NAT.
            Some(outside) if !near && outside.is_ipv4() == local.is_ipv4() => outside,
            _ => local,
        }
    }

    /// The trunk that a certificate of these names belongs to.
    pub fn trunk_named(&self, names: &[String]) -> Option<TrunkName> {
        let is_own = |trunk: &&Trunk| {
            let identity = trunk.tls_identity.as_ref();
            identity.is_some_and(|identity| names.contains(identity))
        };
        self.trunks
            .iter()
            .find(is_own)
            .map(|trunk| trunk.name.clone())
    }

    /// The trunk whose sources hold `remote`. Without any configured trunk, loopback is one.
    pub fn trunk_of(&self, remote: IpAddr) -> Option<TrunkName> {
        if self.trunks.is_empty() {
            return remote.is_loopback().then(|| TrunkName::from("loopback"));
        }
        let holds = |trunk: &&Trunk| {
            trunk
                .sources
                .iter()
                .any(|network| network.contains(&remote))
        };
        self.trunks
            .iter()
            .find(holds)
            .map(|trunk| trunk.name.clone())
    }
}

/// An operator as digest knows one: HA1 alone, never the password (RFC 7616 §3.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Also the digest user.
    pub operator: OperatorId,
    /// `H(user:realm:password)` by MD5, hex.
    pub ha1_md5: Private<String>,
    /// The same by SHA-256.
    pub ha1_sha256: Private<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            domain: "qaynar".into(),
            advertise: Some(IpAddr::from([203, 0, 113, 5])),
            local_networks: vec!["10.0.0.0/8".parse().unwrap()],
            trunks: Vec::new(),
            media_ports: (20_000, 20_100),
            media_shards: 1,
            listeners: Vec::new(),
            pseudonym_key: Private::new([0; 32]),
            digest: vec![Algorithm::Md5],
            codes: FeatureCodes::default(),
            max_calls: 10,
        }
    }

    #[test]
    fn each_peer_reads_the_address_that_it_can_reach() {
        let (settings, local) = (settings(), IpAddr::from([10, 0, 0, 2]));
        let seen_by = |peer: [u8; 4]| settings.address_for(IpAddr::from(peer), local);
        assert_eq!(seen_by([198, 51, 100, 7]), IpAddr::from([203, 0, 113, 5]));
        assert_eq!(seen_by([10, 0, 0, 9]), local, "on the local network");
        assert_eq!(seen_by([127, 0, 0, 1]), local);
    }

    #[test]
    fn without_a_trunk_loopback_alone_is_taken() {
        let settings = settings();
        assert_eq!(
            settings.trunk_of(IpAddr::from([127, 0, 0, 1])),
            Some("loopback".into())
        );
        assert_eq!(settings.trunk_of(IpAddr::from([198, 51, 100, 7])), None);
    }

    #[test]
    fn with_a_trunk_its_sources_alone_are_trusted() {
        let mut settings = settings();
        settings.trunks.push(Trunk {
            name: "azercell".into(),
            sources: vec!["198.51.100.0/24".parse().unwrap()],
            tls_identity: None,
            host: None,
            credentials: None,
            from: None,
        });
        assert_eq!(
            settings.trunk_of(IpAddr::from([198, 51, 100, 7])),
            Some("azercell".into())
        );
        assert_eq!(settings.trunk_of(IpAddr::from([127, 0, 0, 1])), None);
    }
}
