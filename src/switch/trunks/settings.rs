//! What is set for a trunk.

use std::time::Duration;

use ipnet::IpNet;

use crate::dialplan::Number;
use crate::ids::TrunkName;
use crate::rtp::codec::Codec;
use crate::sdp::Srtp;
use crate::sip::digest::Credentials;
use crate::sip::uri::Uri;

/// A carrier's line to us.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Its name on records.
    pub name: TrunkName,
    /// Addresses that its calls come from; these are trusted to assert identities (RFC 3325).
    pub sources: Vec<IpNet>,
    /// Where requests to the carrier go; `None`: it only brings calls.
    pub peer: Option<Uri>,
    /// Through which proxy they go; `None`: straight to the peer.
    pub outbound_proxy: Option<Uri>,
    /// Who we are to the carrier, where it challenges us.
    pub credentials: Option<Credentials>,
    /// Whether we register with it (RFC 3261 §10.2), and for how long we ask to be.
    pub register: Option<Duration>,
    /// Our own number, shown on outgoing calls.
    pub from: Option<String>,
    /// How numbers are written to it.
    pub number_format: NumberFormat,
    /// What we talk by, the first preferred; none: what the carrier prefers.
    pub codecs: Vec<Codec>,
    /// Whether its calls' audio is encrypted.
    pub srtp: Srtp,
    /// Where it writes the number that was dialled.
    pub did_from: DidFrom,
    /// How much it may bring and take at once.
    pub limits: Limits,
    /// Lower ones are tried first for calls of ours.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// How often it is asked by OPTIONS whether it lives; `None`: never.
    pub qualify_every: Option<Duration>,
    /// How long one of its servers may be silent before the next is tried.
    pub failover_after: Duration,
    /// The name in the certificate that it shows on TLS (RFC 5922); who shows it is this trunk.
    pub tls_identity: Option<String>,
}

/// How numbers are written to a carrier. Short numbers are dialled as they are in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NumberFormat {
    /// `+994506802280` (RFC 3966 §5.1.4).
    #[default]
    PlusE164,
    /// `994506802280`
    E164,
    /// `00994506802280`
    International,
    /// `0506802280`, and `00…` for numbers abroad.
    National,
}

impl NumberFormat {
    /// A number as the carrier wants it.
    pub fn write(self, number: &Number) -> String {
        let text = number.as_str();
        let Some(digits) = text.strip_prefix('+') else {
            return text.to_owned();
        };
        match self {
            Self::PlusE164 => text.to_owned(),
            Self::E164 => digits.to_owned(),
            Self::International => format!("00{digits}"),
            Self::National => match digits.strip_prefix("994") {
                Some(national) => format!("0{national}"),
                None => format!("00{digits}"),
            },
        }
    }
}

/// Where a carrier writes the number that was dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DidFrom {
    /// In the request line.
    #[default]
    RequestUri,
    /// In To, where the request line names our registration.
    To,
    /// In P-Called-Party-ID (RFC 7315 §4.2).
    PCalledPartyId,
    /// In Diversion: the number that was first diverted (RFC 5806).
    Diversion,
    /// In History-Info: the first target (RFC 7044).
    HistoryInfo,
}

/// How much a trunk may bring and take at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once, in both directions; `None`: as many as the house takes.
    pub max_calls: Option<usize>,
    /// New calls that it may bring a second; `None`: any.
    pub calls_per_second: Option<u32>,
    /// What a call beyond a limit is answered with.
    pub busy_code: u16,
    /// Of `max_calls`, so many are left to calls to the emergency numbers.
    pub emergency_channels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_calls: None,
            calls_per_second: None,
            busy_code: 486,
            emergency_channels: 1,
        }
    }
}

impl Trunk {
    /// A trunk with nothing set.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            sources: Vec::new(),
            peer: None,
            outbound_proxy: None,
            credentials: None,
            register: None,
            from: None,
            number_format: NumberFormat::default(),
            codecs: Vec::new(),
            srtp: Srtp::default(),
            did_from: DidFrom::default(),
            limits: Limits::default(),
            priority: 1,
            weight: 1,
            qualify_every: None,
            failover_after: Duration::from_secs(3),
            tls_identity: None,
        }
    }

    /// Where its servers are looked for (RFC 3263): at its proxy, or at itself; `None`: it takes no calls.
    pub fn uri(&self) -> Option<Uri> {
        let peer = self.peer.as_ref()?;
        Some(self.outbound_proxy.as_ref().unwrap_or(peer).clone())
    }

    /// The configured proxy as a loose route.
    pub fn proxy_route(&self) -> Option<String> {
        let proxy = self.outbound_proxy.as_ref()?;
        let lr = if proxy.has_parameter("lr") { "" } else { ";lr" };
        Some(format!("<{proxy}{lr}>"))
    }

    /// The peer's URI without user and transport: the registrar's domain (RFC 3261 §10.2).
    pub fn domain(&self) -> Option<Uri> {
        let Uri::Sip(peer) = self.peer.as_ref()? else {
            return None;
        };
        let mut uri = peer.without_headers();
        uri.user = None;
        uri.password = None;
        uri.parameters
            .retain(|(name, _)| !name.eq_ignore_ascii_case("transport"));
        Some(Uri::Sip(Box::new(uri)))
    }

    /// The Request-URI of a number at the trunk.
    pub fn uri_of(&self, number: &Number) -> Option<String> {
        let text = self.number_format.write(number);
        self.uri_with(&text)
    }

    /// The peer's URI with this user part.
    pub fn uri_with(&self, user: &str) -> Option<String> {
        let Uri::Sip(peer) = self.peer.as_ref()? else {
            return None;
        };
        let mut uri = peer.without_headers();
        uri.user = Some(user.to_owned());
        uri.password = None;
        // The transport is that of the next hop: it says nothing of the number (RFC 3261 §19.1.1).
        uri.parameters
            .retain(|(name, _)| !name.eq_ignore_ascii_case("transport"));
        Some(uri.to_string())
    }

    /// The number of ours that whoever we call sees.
    pub fn shown(&self) -> &str {
        self.from.as_deref().unwrap_or("116111")
    }

    /// Its priority and weight among the trunks that take calls.
    pub fn choice(&self) -> (u16, u16) {
        (self.priority, self.weight)
    }

    /// The channels for ordinary calls, those for emergencies left out; `None`: any number.
    pub fn channels(&self, emergency: bool) -> Option<usize> {
        let kept = if emergency {
            0
        } else {
            self.limits.emergency_channels
        };
        Some(self.limits.max_calls?.saturating_sub(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_the_carrier_wants_it() {
        use NumberFormat::{E164, International, National, PlusE164};
        for (format, number, written) in [
            (PlusE164, "0506802280", "+994506802280"),
            (E164, "0506802280", "994506802280"),
            (International, "0506802280", "00994506802280"),
            (National, "0506802280", "0506802280"),
            (National, "+902125551234", "00902125551234"),
            (E164, "112", "112"),
            (PlusE164, "116111", "116111"),
        ] {
            let number = Number::parse(number).unwrap();
            assert_eq!(format.write(&number), written);
        }
    }

    #[test]
    fn a_number_at_the_carrier_keeps_its_host_and_port() {
        let mut trunk = Trunk::named("azercell");
        trunk.peer = Some(Uri::parse("sip:sip.carrier.az:5080;transport=tcp").unwrap());
        trunk.number_format = NumberFormat::National;
        let number = Number::parse("+994506802280").unwrap();
        let uri = trunk.uri_of(&number).unwrap();
        assert_eq!(uri, "sip:0506802280@sip.carrier.az:5080");
        trunk.outbound_proxy = Some(Uri::parse("sip:edge.carrier.az").unwrap());
        assert_eq!(trunk.uri().unwrap().to_string(), "sip:edge.carrier.az");
    }

    #[test]
    fn one_channel_is_left_to_emergencies() {
        let mut trunk = Trunk::named("azercell");
        assert_eq!(trunk.channels(false), None);
        trunk.limits.max_calls = Some(10);
        assert_eq!(
            (trunk.channels(false), trunk.channels(true)),
            (Some(9), Some(10))
        );
    }
}
