//! What the switch is told at start; `config` fills it.

use std::net::IpAddr;
use std::net::SocketAddr;

use ipnet::IpNet;

pub use super::bans::BanSettings;
pub use super::codes::FeatureCodes;
pub use super::keying::SrtpSettings;
pub use super::screen::ScreenPop;
pub use super::trunks::settings::{DidFrom, Limits, NumberFormat, Trunk};
use crate::ids::{OperatorId, TrunkName};
use crate::private::Private;
pub use crate::sdp::Srtp;
use crate::sip::digest::Algorithm;
pub use crate::sip::digest::Credentials;
use crate::sip::flow::Transport;

/// Everything that does not change while the switch runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The host part of our URIs, and the realm of digest.
    pub domain: String,
    /// Our addresses as peers outside see them (1:1 NAT), at most one of a family; of a family that is
    /// not named: the socket's own.
    pub advertise: Vec<IpAddr>,
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
    /// Keyed them before, while callers are known by it who have not called since.
    pub former_key: Option<Private<[u8; 32]>>,
    /// What digest offers, in this order (RFC 8760 §2.4).
    pub digest: Vec<Algorithm>,
    /// What operators dial.
    pub codes: FeatureCodes,
    /// The most calls at once; above it new ones get 503 with Retry-After.
    pub max_calls: usize,
    /// Whose audio is encrypted.
    pub srtp: SrtpSettings,
    /// When guessers and scanners are slowed and banned.
    pub bans: BanSettings,
    /// Audio in the clear of a phone behind a NAT may come from an address that nobody named.
    pub early_strangers: bool,
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
        let of_its_family = |outside: &&IpAddr| outside.is_ipv4() == local.is_ipv4();
        match self.advertise.iter().find(of_its_family) {
            Some(outside) if !near => *outside,
            _ => local,
        }
    }

    /// The networks of the trunk at `remote`.
    pub fn networks_of(&self, remote: IpAddr) -> Vec<IpNet> {
        let name = self.trunk_of(remote);
        let trunk = self
            .trunks
            .iter()
            .find(|one| Some(&one.name) == name.as_ref());
        trunk.map_or(Vec::new(), |trunk| trunk.sources.clone())
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

    /// What a trunk wants of audio.
    pub fn trunk_srtp(&self, name: Option<&TrunkName>) -> Srtp {
        let mut trunks = self.trunks.iter();
        let trunk = trunks.find(|one| Some(&one.name) == name);
        trunk.map_or(Srtp::default(), |trunk| trunk.srtp)
    }

    /// The trunk of this name.
    pub fn trunk(&self, name: &TrunkName) -> Option<&Trunk> {
        self.trunks.iter().find(|trunk| trunk.name == *name)
    }

    /// The trunk whose sources hold `remote` most closely: a network within another's is its own.
    /// Without any configured trunk, loopback is one.
    pub fn trunk_of(&self, remote: IpAddr) -> Option<TrunkName> {
        if self.trunks.is_empty() {
            return remote.is_loopback().then(|| TrunkName::from("loopback"));
        }
        let holding = self.trunks.iter().filter_map(|trunk| {
            let nets = trunk.sources.iter();
            let nets = nets.filter(|network| network.contains(&remote));
            Some((nets.map(IpNet::prefix_len).max()?, trunk))
        });
        // Of equals, the first: `max_by_key` would take the last.
        let first = |(best, a), (length, b)| {
            if length > best {
                (length, b)
            } else {
                (best, a)
            }
        };
        holding.reduce(first).map(|(_, trunk)| trunk.name.clone())
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
    /// The page that is shown of each call that rings.
    pub screen_pop: Option<ScreenPop>,
}

#[cfg(test)]
impl Settings {
    /// Those of a machine behind a 1:1 NAT, with one network of its own.
    pub(crate) fn sample() -> Self {
        Self {
            domain: "qaynar".into(),
            advertise: vec![IpAddr::from([203, 0, 113, 5])],
            local_networks: vec!["10.0.0.0/8".parse().unwrap()],
            trunks: Vec::new(),
            media_ports: (20_000, 20_100),
            media_shards: 1,
            listeners: Vec::new(),
            pseudonym_key: Private::new([0; 32]),
            former_key: None,
            digest: vec![Algorithm::Sha256, Algorithm::Md5],
            codes: FeatureCodes::default(),
            max_calls: 10,
            srtp: SrtpSettings::default(),
            early_strangers: false,
            bans: Default::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::sample()
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
    fn each_family_has_an_outer_address_of_its_own() {
        let mut settings = settings();
        let (local, peer): (IpAddr, IpAddr) =
            ("fd00::2".parse().unwrap(), "2001:db8::7".parse().unwrap());
        assert_eq!(settings.address_for(peer, local), local, "none is named");
        let outside: IpAddr = "2001:db8::5".parse().unwrap();
        settings.advertise.push(outside);
        assert_eq!(settings.address_for(peer, local), outside);
        let v4 = settings.address_for([198, 51, 100, 7].into(), [10, 0, 0, 2].into());
        assert_eq!(v4, IpAddr::from([203, 0, 113, 5]));
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
    fn the_narrower_of_two_networks_tells_the_trunk() {
        let mut settings = settings();
        let trunk = |name, network: &str| Trunk {
            sources: vec![network.parse().unwrap()],
            ..Trunk::named(name)
        };
        settings.trunks = vec![
            trunk("wide", "198.51.100.0/24"),
            trunk("narrow", "198.51.100.7/32"),
        ];
        let of = |last| settings.trunk_of(IpAddr::from([198, 51, 100, last]));
        assert_eq!(of(7), Some("narrow".into()));
        assert_eq!(of(8), Some("wide".into()));
    }

    #[test]
    fn with_a_trunk_its_sources_alone_are_trusted() {
        let mut settings = settings();
        settings.trunks.push(Trunk {
            sources: vec!["198.51.100.0/24".parse().unwrap()],
            ..Trunk::named("azercell")
        });
        assert_eq!(
            settings.trunk_of(IpAddr::from([198, 51, 100, 7])),
            Some("azercell".into())
        );
        assert_eq!(settings.trunk_of(IpAddr::from([127, 0, 0, 1])), None);
    }
}
