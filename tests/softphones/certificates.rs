//! An authority of the tests, and what it signs.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::PublicKeyData;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use sha2::{Digest, Sha256};

/// An authority that lives as long as its test.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, written to `ca.pem` of a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Authority of these tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer }
    }

    /// Signs for a host on loopback; `NAME.pem` and `NAME.key` are written to a folder.
    pub(crate) fn sign(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::default();
        // By these two OpenSSL tells it from one that signed itself.
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = vec![
            SanType::DnsName(name.try_into().unwrap()),
            SanType::IpAddress([127, 0, 0, 1].into()),
            SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = [".pem", ".key"].map(|end| folder.join(format!("{name}{end}")));
        std::fs::write(&paths[0], certificate.pem()).unwrap();
        std::fs::write(&paths[1], key.serialize_pem()).unwrap();
        let [certificate, key] = paths;
        (certificate, key)
    }
}

/// The fingerprint of the public key that a file of [`Authority::sign`] belongs to, as browsers take it.
pub(crate) fn fingerprint(key: &Path) -> String {
    let key = KeyPair::from_pem(&std::fs::read_to_string(key).unwrap()).unwrap();
    STANDARD.encode(Sha256::digest(key.subject_public_key_info()))
}
