//! TLS: certificates from files, handshakes on a thread of their own.
//!
//! Each handshake takes the certificates of its moment, so that new ones hold from then on and
//! connections in progress go on with theirs.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ClientConfig, Error, InconsistentKeys, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::clock::Clock;
use super::identity::{DomainVerifier, domains, valid_until};
use crate::config::Tls as Settings;
use crate::sip::flow::Transport;
use crate::store::health::{Health, Part};
use crate::time::Wall;

/// A certificate that ends sooner is warned of.
const SOON: Duration = Duration::from_secs(14 * 24 * 3_600);
/// How often the files are looked at.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// Where systems keep the authorities that they trust.
const SYSTEM_AUTHORITIES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];
/// The most hosts whose addresses are remembered.
const MAX_HOSTS: usize = 1_000;

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("{}: {source}; name a file that this user may read by [tls] {setting}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Of which setting.
        setting: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A file of another kind.
    #[error("{}: no {wanted} in PEM form is in it; name one by [tls] {setting}", path.display())]
    NotPem {
        /// Which.
        path: PathBuf,
        /// Of which setting.
        setting: &'static str,
        /// What should be in it.
        wanted: &'static str,
    },
    /// Two files that do not belong together.
    #[error("{}: this key is not of the certificate in {}; name the two that were made together by [tls] certificate and key", key.display(), certificate.display())]
    KeyDoesNotMatch {
        /// One.
        key: PathBuf,
        /// The other.
        certificate: PathBuf,
    },
    /// A certificate whose time is over.
    #[error("{}: this certificate has expired; renew it", path.display())]
    Expired {
        /// Which.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{}: {source}; make a certificate with an ECDSA (P-256) or RSA (2048 bits) key", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: Error,
    },
}

/// What handshakes need.
struct Made {
    server: Option<Arc<ServerConfig>>,
    /// For browsers: nobody is asked for a certificate. A browser gives up a WebSocket that is (it cannot
    /// let its user choose one there), and nobody is a trunk by WebSocket.
    pages: Option<Arc<ServerConfig>>,
    client: Arc<ClientConfig>,
    /// When our certificate ends.
    until: Option<Wall>,
}

/// Certificates, and the thread that all TLS runs on. Cloned freely; all clones are one.
#[derive(Clone)]
pub struct Tls {
    made: Arc<RwLock<Arc<Made>>>,
    hosts: Arc<Mutex<HashMap<SocketAddr, String>>>,
    handle: Handle,
    /// Ends the thread; so does the end of the last clone.
    stop: Arc<watch::Sender<()>>,
}

impl Tls {
    /// Reads the files and starts the thread.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn start(settings: &Settings, now: Wall) -> Result<Self, TlsStartError> {
        let made = make(settings, now)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, mut ended) = watch::channel(());
        // The decisions of the switch wait for nobody's handshake.
        std::thread::Builder::new()
            .name("tls".into())
            .spawn(move || runtime.block_on(async move { ended.changed().await.is_ok() }))?;
        Ok(Self {
            made: Arc::new(RwLock::new(Arc::new(made))),
            hosts: Arc::default(),
            handle,
            stop: Arc::new(stop),
        })
    }

    /// Reads the files again; where they cannot be used, what held holds.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn reload(&self, settings: &Settings, now: Wall) -> Result<(), TlsError> {
        let made = Arc::new(make(settings, now)?);
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = made;
        Ok(())
    }

    /// Reads the files again when they have changed, and at SIGHUP; for ever.
    pub async fn follow(self, settings: Settings, clock: Clock, health: Health) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            return;
        };
        let mut tick = tokio::time::interval(CHECK_EVERY);
        let mut seen = Vec::new();
        loop {
            let asked = tokio::select! {
                _ = tick.tick() => false,
                _ = hangup.recv() => true,
            };
            let (tls, settings, health) = (self.clone(), settings.clone(), health.clone());
            let before = seen.clone();
            // A disk may be slow; it keeps nobody else waiting here.
            let checked = tokio::task::spawn_blocking(move || {
                let found = contents(&settings);
                if asked || (!before.is_empty() && found != before) {
                    tls.renew(&settings, clock.now().wall, &health);
                }
                found
            });
            seen = checked.await.unwrap_or(seen);
        }
    }

    fn renew(&self, settings: &Settings, now: Wall, health: &Health) {
        match self.reload(settings, now) {
            Ok(()) => {
                health.well(Part::Certificates);
                tracing::info!("certificates were read anew; handshakes take them from now on");
                if let Some(warning) = self.warning(settings, now) {
                    health.fault(Part::Certificates, warning);
                }
            }
            Err(error) => health.fault(
                Part::Certificates,
                format!("{error}; until then the former certificates hold"),
            ),
        }
    }

    /// Ends the thread and all connections by TLS.
    pub fn stop(&self) {
        self.stop.send_replace(());
    }

    /// A warning where our certificate ends soon or has ended.
    pub fn warning(&self, settings: &Settings, now: Wall) -> Option<String> {
        let until = self.made().until?;
        let path = settings.certificate.as_ref()?.display().to_string();
        if until <= now {
            return Some(format!("{path}: this certificate has expired; renew it"));
        }
        let days = until.since(now).as_secs() / (24 * 3_600);
        (until.since(now) < SOON)
            .then(|| format!("{path}: this certificate expires in {days} days; renew it"))
    }

    /// Runs on the thread of TLS.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// From now on, whoever is at an address must prove to be this host (RFC 5922 §7.2).
    pub fn expect(&self, remote: SocketAddr, host: &str) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MAX_HOSTS && !hosts.contains_key(&remote) {
            hosts.clear();
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match host.parse::<std::net::IpAddr>() {
            Ok(_) => hosts.remove(&remote),
            Err(_) => hosts.insert(remote, host),
        };
    }

    /// Whom we mean at an address: the host that was expected last, or `None`: the address itself.
    pub fn host_at(&self, remote: SocketAddr) -> Option<String> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&remote).cloned()
    }

    /// The handshake with somebody who has connected; whom the certificate names, if one was shown.
    ///
    /// # Errors
    /// The peer is none that we can talk to.
    pub async fn accept(
        &self,
        stream: TcpStream,
        transport: Transport,
    ) -> io::Result<(server::TlsStream<TcpStream>, Vec<String>)> {
        let made = self.made();
        let config = match transport.is_websocket() {
            true => made.pages.clone(),
            false => made.server.clone(),
        };
        let config = config.ok_or_else(|| io::Error::other("no certificate"))?;
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        let names = names_of(stream.get_ref().1.peer_certificates());
        Ok((stream, names))
    }

    /// The handshake with somebody whom we connected to.
    ///
    /// # Errors
    /// The peer is not whom we mean.
    pub async fn connect(
        &self,
        stream: TcpStream,
        remote: SocketAddr,
    ) -> io::Result<(client::TlsStream<TcpStream>, Vec<String>)> {
        let name = match self.host_at(remote) {
            Some(host) => ServerName::try_from(host).map_err(io::Error::other)?,
            None => ServerName::IpAddress(remote.ip().into()),
        };
        let connector = TlsConnector::from(self.made().client.clone());
        let stream = connector.connect(name, stream).await?;
        let names = names_of(stream.get_ref().1.peer_certificates());
        Ok((stream, names))
    }

    fn made(&self) -> Arc<Made> {
        Arc::clone(&self.made.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// TLS cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TlsStartError {
    /// A certificate.
    #[error(transparent)]
    Certificate(#[from] TlsError),
    /// The thread.
    #[error("no thread for TLS: {0}")]
    Thread(#[from] io::Error),
}

/// What the files hold, as hashes: a key stays nowhere else in memory.
fn contents(settings: &Settings) -> Vec<Option<[u8; 32]>> {
    let files = [
        &settings.certificate,
        &settings.key,
        &settings.client_ca,
        &settings.ca,
    ];
    let read = |path: &PathBuf| Some(Sha256::digest(std::fs::read(path).ok()?).into());
    files
        .into_iter()
        .map(|path| path.as_ref().and_then(read))
        .collect()
}

fn names_of(certificates: Option<&[CertificateDer<'_>]>) -> Vec<String> {
    let first = certificates.and_then(<[_]>::first);
    first.map(domains).unwrap_or_default()
}

fn make(settings: &Settings, now: Wall) -> Result<Made, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let own = own(settings, &provider, now)?;
    let (server, pages) = match &own {
        Some((_, key)) => {
            let config = |client_ca| server_config(settings, client_ca, &provider, key);
            let all = config(settings.client_ca.as_deref())?;
            (Some(Arc::new(all)), Some(Arc::new(config(None)?)))
        }
        None => (None, None),
    };
    let verifier = DomainVerifier::new(trusted(settings)?, Arc::clone(&provider));
    let client = ClientConfig::builder_with_provider(provider);
    // These are the versions that rustls has: 1.2 and 1.3.
    let client = client
        .with_safe_default_protocol_versions()
        .map_err(|source| unusable(settings, source))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut client = match &own {
        Some((_, key)) => {
            client.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key))))
        }
        None => client.with_no_client_auth(),
    };
    // Each connection verifies its peer anew.
    client.resumption = Resumption::disabled();
    Ok(Made {
        server,
        pages,
        client: Arc::new(client),
        until: own.and_then(|(until, _)| until),
    })
}

type Own = (Option<Wall>, Arc<CertifiedKey>);

/// Our certificate with its key, and when it ends.
fn own(settings: &Settings, provider: &CryptoProvider, now: Wall) -> Result<Option<Own>, TlsError> {
    let (Some(path), Some(key_path)) = (&settings.certificate, &settings.key) else {
        return Ok(None);
    };
    let chain = certificates(path, "certificate")?;
    let until = chain.first().and_then(valid_until);
    if until.is_some_and(|until| until <= now) {
        return Err(TlsError::Expired { path: path.clone() });
    }
    let pem = read(key_path, "key")?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::NotPem {
        path: key_path.clone(),
        setting: "key",
        wanted: "private key",
    })?;
    match CertifiedKey::from_der(chain, key, provider) {
        Ok(key) => Ok(Some((until, Arc::new(key)))),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(TlsError::KeyDoesNotMatch {
                key: key_path.clone(),
                certificate: path.clone(),
            })
        }
        Err(source) => Err(TlsError::Unusable {
            path: key_path.clone(),
            source,
        }),
    }
}

fn server_config(
    settings: &Settings,
    client_ca: Option<&Path>,
    provider: &Arc<CryptoProvider>,
    key: &Arc<CertifiedKey>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|source| unusable(settings, source))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots(path, "client_ca")?);
            // Phones have no certificate; a wrong one is refused.
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
                .allow_unauthenticated()
                .build();
            let verifier = verifier.map_err(|_| TlsError::NotPem {
                path: path.to_owned(),
                setting: "client_ca",
                wanted: "certificate",
            })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    Ok(builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key)))))
}

/// Those who vouch for the peers that we connect to.
fn trusted(settings: &Settings) -> Result<RootCertStore, TlsError> {
    if let Some(path) = &settings.ca {
        return roots(path, "ca");
    }
    let system = SYSTEM_AUTHORITIES.iter().map(Path::new);
    match system.into_iter().find(|path| path.exists()) {
        Some(path) => roots(path, "ca"),
        None => Ok(RootCertStore::empty()),
    }
}

fn roots(path: &Path, setting: &'static str) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates(path, setting)?);
    match added {
        0 => Err(TlsError::NotPem {
            path: path.to_owned(),
            setting,
            wanted: "certificate",
        }),
        _ => Ok(store),
    }
}

fn certificates(
    path: &Path,
    setting: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path, setting)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(TlsError::NotPem {
            path: path.to_owned(),
            setting,
            wanted: "certificate",
        }),
    }
}

fn read(path: &Path, setting: &'static str) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable {
        path: path.to_owned(),
        setting,
        source,
    })
}

fn unusable(settings: &Settings, source: Error) -> TlsError {
    TlsError::Unusable {
        path: settings.certificate.clone().unwrap_or_default(),
        source,
    }
}

#[cfg(test)]
mod tests;
