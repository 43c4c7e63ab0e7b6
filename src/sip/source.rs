//! Who sends, as far as an address tells.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};

/// The part of an IPv6 address that a subscriber is given: the rest is chosen at will (RFC 6177 §2).
const PREFIX: u8 = 64;

/// An IPv4 address, or the /64 of an IPv6 one: what one peer holds at least. An IPv4 address that is
/// written as one of IPv6 (RFC 4291 §2.5.5.2) is the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Source(IpAddr);

impl Source {
    /// Whose address this is.
    pub fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// The address, or the first one of the network.
    pub fn first(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/{PREFIX}"),
        }
    }
}

/// It is neither an address nor a /64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no source; write an address, or the /64 of an IPv6 one: \"203.0.113.7\", \"2001:db8:0:1::/64\""
)]
pub struct NoSource(String);

impl FromStr for Source {
    type Err = NoSource;

    fn from_str(text: &str) -> Result<Self, NoSource> {
        let network = || {
            let network: Ipv6Net = text.parse().ok()?;
            (network.prefix_len() == PREFIX).then(|| IpAddr::V6(network.addr()))
        };
        let ip = text.parse().ok().or_else(network);
        ip.map(Self::of).ok_or_else(|| NoSource(text.to_owned()))
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

impl TryFrom<String> for Source {
    type Error = NoSource;

    fn try_from(text: String) -> Result<Self, NoSource> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        text.parse().unwrap()
    }

    #[test]
    fn an_ipv6_subscriber_is_one_source_and_a_mapped_address_that_of_ipv4() {
        assert_eq!(source("2001:db8:0:1::1"), source("2001:db8:0:1:ffff::2"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:2::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["192.0.2.1", "2001:db8:0:1::/64"] {
            assert_eq!(source(text).to_string(), text);
        }
        for text in ["", "192.0.2.0/24", "2001:db8::/48", "qaynar"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }
}
