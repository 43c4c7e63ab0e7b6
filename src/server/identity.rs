//! Whom a certificate proves its bearer to be (RFC 5922), and for how long.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::time::Wall;

/// The most names of a certificate that are looked at.
const MAX_NAMES: usize = 64;

/// The SIP domains that a certificate is for, in lower case: those of `sip:` URIs that name a host and
/// nobody there, or where there is none, its DNS names (RFC 5922 §7.1). Wild cards name nobody (§7.2).
pub fn domains(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    let uris: Vec<String> = parsed
        .valid_uri_names()
        .filter_map(|uri| {
            let (scheme, host) = uri.split_once(':')?;
            let names_a_host = !host.is_empty() && !host.contains(['@', ':', ';', '?', '/']);
            (scheme.eq_ignore_ascii_case("sip") && names_a_host).then(|| host.to_ascii_lowercase())
        })
        .take(MAX_NAMES)
        .collect();
    if !uris.is_empty() {
        return uris;
    }
    parsed
        .valid_dns_names()
        .filter(|name| !name.contains('*'))
        .map(str::to_ascii_lowercase)
        .take(MAX_NAMES)
        .collect()
}

/// When a certificate ends to be valid (RFC 5280 §4.1.2.5); `None`: it cannot be read.
pub fn valid_until(certificate: &CertificateDer<'_>) -> Option<Wall> {
    let (_, whole, _) = element(certificate)?;
    let (_, mut fields, _) = element(whole)?;
    // The version is there from version 2 on, tagged [0]; serial number, algorithm and issuer follow.
    let (tag, _, rest) = element(fields)?;
    if tag == 0xa0 {
        fields = rest;
    }
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (_, validity, _) = element(fields)?;
    let (_, _, after_begin) = element(validity)?;
    let (tag, end, _) = element(after_begin)?;
    moment(tag, std::str::from_utf8(end).ok()?)
}

/// The tag and the content of the first DER element, and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = octets
                .iter()
                .fold(0, |length, octet| length << 8 | usize::from(*octet));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A UTCTime or a GeneralizedTime, both in UTC and to the second.
fn moment(tag: u8, text: &str) -> Option<Wall> {
    let text = match tag {
        // Two digits of the year: those below 50 are of this century (RFC 5280 §4.1.2.5.1).
        0x17 if text.get(..2)?.parse::<u8>().ok()? < 50 => format!("20{text}"),
        0x17 => format!("19{text}"),
        0x18 => text.to_owned(),
        _ => return None,
    };
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", &text).ok()?;
    let utc = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
    Some(Wall(utc.as_microsecond()))
}

/// Verifies whom we connect to: signed by an authority that we trust, and for the very domain that we
/// want (RFC 5922 §7.2), which no wild card is.
#[derive(Debug)]
pub struct DomainVerifier {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl DomainVerifier {
    /// One that trusts these authorities.
    pub fn new(roots: RootCertStore, provider: Arc<CryptoProvider>) -> Self {
        Self { roots, provider }
    }
}

impl ServerCertVerifier for DomainVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        match name {
            ServerName::DnsName(wanted) => {
                let wanted = wanted.as_ref().to_ascii_lowercase();
                if !domains(certificate).contains(&wanted) {
                    return Err(CertificateError::NotValidForName.into());
                }
            }
            other => verify_server_name(&parsed, other)?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};

    fn certificate(names: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.not_after = date_time_ymd(2031, 4, 5);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().into()
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn dns(text: &str) -> SanType {
        SanType::DnsName(text.try_into().unwrap())
    }

    #[test]
    fn sip_uris_go_before_dns_names_and_wild_cards_name_nobody() {
        let named = |names| domains(&certificate(names));
        let both = vec![
            uri("sip:Carrier.AZ"),
            dns("other.az"),
            uri("sip:us@carrier.az"),
        ];
        assert_eq!(named(both), ["carrier.az"]);
        let others = vec![
            uri("https://carrier.az"),
            dns("*.carrier.az"),
            dns("SIP.carrier.az"),
        ];
        assert_eq!(named(others), ["sip.carrier.az"]);
        assert!(domains(&CertificateDer::from(vec![0x30, 0x03, 0x02])).is_empty());
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let until = valid_until(&certificate(vec![dns("a.az")])).unwrap();
        // 2031-04-05T00:00:00Z.
        assert_eq!(until, Wall(1_933_113_600_000_000));
        // From 2050 on the year has four digits.
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(2055, 1, 1);
        let late = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(valid_until(late.der()), Some(Wall(2_682_374_400_000_000)));
    }

    #[test]
    fn no_octets_make_reading_the_end_panic() {
        let whole = certificate(vec![dns("a.az")]);
        for length in 0..whole.len() {
            let cut = CertificateDer::from(whole[..length].to_vec());
            assert_eq!(valid_until(&cut), None);
        }
    }
}
