//! What the server is told, and what it does where nothing is said.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::backup::Backups;
use super::location::Location;
use crate::dialplan::webhook::Url;
use crate::private::Private;
use crate::records::contact::ContactType;
use crate::report::{figures, tally};
use crate::sip::digest::Algorithm;
use crate::sip::flow::Transport;
use crate::switch;
use crate::switch::settings::{BanSettings, FeatureCodes, SrtpSettings, Trunk};

/// Everything of `qaynar.toml`. Paths are as they are to be opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file that they were read from; none: there is none, and the defaults hold.
    pub file: Option<PathBuf>,
    /// `[sip]`
    pub sip: Sip,
    /// `[tls]`
    pub tls: Tls,
    /// `[media]`
    pub media: Media,
    /// `[dialplans]`
    pub dialplans: Dialplans,
    /// `[storage]`
    pub storage: Storage,
    /// `[backup]`
    pub backup: Backups,
    /// `[cluster]`
    pub cluster: Cluster,
    /// `[privacy]`
    pub privacy: Privacy,
    /// `[web]`
    pub web: Web,
    /// `[webhooks]`
    pub webhooks: Webhooks,
    /// `[report]`
    pub report: Report,
    /// `[log]`
    pub log: Log,
    /// `[dns]`
    pub dns: Dns,
    /// `[abuse]`
    pub abuse: Abuse,
    /// `[codes]`
    pub codes: FeatureCodes,
    /// `[[trunks]]`; none: calls from loopback alone are taken.
    pub trunks: Vec<Trunk>,
}

/// Signalling.
#[derive(Debug, Clone)]
pub struct Sip {
    /// Where to listen.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// Our addresses as peers outside see them, at most one of a family.
    pub advertise: Vec<IpAddr>,
    /// Peers in these see the socket's own address.
    pub local_networks: Vec<IpNet>,
    /// The host part of our URIs and the realm of digest.
    pub domain: String,
    /// The most calls at once.
    pub max_calls: usize,
    /// What digest offers to phones, in this order.
    pub digest: Vec<Algorithm>,
    /// Pages that may open a WebSocket; none: all may.
    pub origins: Vec<String>,
}

/// Certificates, for `tls://`. Files in PEM form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Ours, followed by those between it and its authority.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// The authorities of certificates that trunks show us; none: nobody is asked for one.
    pub client_ca: Option<PathBuf>,
    /// The authorities of those whom we connect to; none: those of the system.
    pub ca: Option<PathBuf>,
}

/// Audio.
#[derive(Debug, Clone)]
pub struct Media {
    /// First and last UDP port.
    pub ports: (u16, u16),
    /// How many threads.
    pub threads: NonZeroU32,
    /// Whose audio is encrypted; trunks have their own.
    pub srtp: SrtpSettings,
    /// Audio of phones behind a NAT may come from an address that nobody named.
    pub early_strangers: bool,
}

/// Where dialplans are.
#[derive(Debug, Clone)]
pub struct Dialplans {
    /// The folder of `*.toml` and `prompts/`.
    pub folder: PathBuf,
    /// When a changed one goes live.
    pub apply: Apply,
}

/// When a changed dialplan goes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apply {
    /// With `qaynar apply`.
    ByCommand,
    /// As soon as it is saved and passes its checks.
    OnSave,
}

/// What is kept where.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The folder of journal and keys.
    pub data: PathBuf,
    /// The database.
    pub database: Location,
    /// Recordings leave so many bytes of the disk to the journal and the database.
    pub keep_free: u64,
}

impl Storage {
    /// Where the tables are.
    pub fn location(&self) -> Location {
        self.database.clone()
    }

    /// The folder of the journal.
    pub fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }
}

/// More than one node.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// `redis://…`; none: this node is alone.
    pub redis: Option<Private<String>>,
    /// The name of this node.
    pub node: String,
}

/// What protects callers.
#[derive(Debug, Clone)]
pub struct Privacy {
    /// The folder of the keys.
    pub keys: PathBuf,
    /// The least count that a table for publication shows.
    pub smallest_cell: u64,
    /// For how long callers' numbers are kept, sealed; zero: not at all.
    pub keep_numbers: Duration,
    /// For how long the rest is kept.
    pub retention: Retention,
}

/// For how long each kind of data is kept; `None`: for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Records of calls and their timelines.
    pub calls: Option<Duration>,
    /// Contacts with their versions.
    pub contacts: Option<Duration>,
    /// Messages and recorded talks, whatever the dialplan says.
    pub recordings: Option<Duration>,
    /// SIP messages of calls, without the numbers in them.
    pub traces: Option<Duration>,
    /// What was done to callers' data, and by whom.
    pub audit: Option<Duration>,
    /// The files of the journal, once the database holds what is in them.
    pub journal: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            calls: None,
            contacts: None,
            recordings: None,
            traces: Some(90 * A_DAY),
            audit: None,
            journal: Some(30 * A_DAY),
        }
    }
}

/// For how long a number is kept, for a rescue or a callback.
const KEEP_NUMBERS: Duration = Duration::from_secs(72 * 3_600);
const A_DAY: Duration = Duration::from_secs(24 * 3_600);

/// How names of trunks are looked up (RFC 3263).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// Which servers are asked; none: those of the system.
    pub servers: Vec<SocketAddr>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// What is done against attackers.
#[derive(Debug, Clone)]
pub struct Abuse {
    /// How much each may send.
    pub rates: Rates,
    /// When guessers and scanners are slowed and banned.
    pub bans: BanSettings,
    /// The file of scanners' patterns; none: those of this program.
    pub scanners: Option<PathBuf>,
    /// Whether the log tells the addresses of the banned.
    pub log_sources: bool,
}

/// Messages a second. One source may send ten seconds' worth at once, many together two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Of one address that is neither a trunk's nor a registered phone's.
    pub stranger: u32,
    /// Of all these together.
    pub strangers: u32,
    /// Of one registered phone.
    pub phone: u32,
    /// Of one address of a trunk.
    pub trunk: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            stranger: 100,
            strangers: 2_000,
            phone: 200,
            trunk: 20_000,
        }
    }
}

/// The API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Where it is heard; none: nowhere.
    pub listen: Vec<SocketAddr>,
}

/// Servers that are asked where calls go, and servers that are told what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhooks {
    /// The file of what those who are asked want to see before they answer.
    pub secrets: Option<PathBuf>,
    /// So long what was not taken is sent again.
    pub give_up: Duration,
    /// `[[webhooks.to]]`
    pub to: Vec<Destination>,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            secrets: None,
            give_up: Duration::from_secs(3 * 24 * 3_600),
            to: Vec::new(),
        }
    }
}

/// A server that is told what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// For people, and in lists.
    pub name: String,
    /// Whom.
    pub url: Url,
    /// Of what; see [`crate::records::told::EVENTS`].
    pub events: BTreeSet<String>,
    /// The file of the secret that signs.
    pub secret: PathBuf,
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The types of contacts that count toward the published total; the others are shown beside it.
    pub counts: BTreeSet<ContactType>,
    /// What figures of calls are judged by.
    pub figures: figures::Rules,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            counts: tally::Rules::usual_counts(),
            figures: figures::Rules::default(),
        }
    }
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// Which lines: `info`, `qaynar=debug,warn`.
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: a JSON object a line.
    Json,
}

/// The most media threads: beyond it the cores are busy with waking each other.
pub(crate) const MAX_THREADS: u32 = 64;

impl Settings {
    /// What holds without a file; relative paths are taken from `base`.
    pub fn defaults(base: &Path) -> Self {
        let any = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4));
        let threads = u32::try_from(cores).ok().and_then(NonZeroU32::new);
        let data = base.join("data");
        Self {
            file: None,
            sip: Sip {
                listen: vec![(Transport::Udp, any(5060)), (Transport::Tcp, any(5060))],
                advertise: Vec::new(),
                local_networks: Vec::new(),
                domain: "qaynar".into(),
                max_calls: 1_000,
                digest: vec![Algorithm::Sha256, Algorithm::Md5],
                origins: Vec::new(),
            },
            tls: Tls::default(),
            media: Media {
                ports: (20_000, 29_999),
                threads: threads.unwrap_or(NonZeroU32::MIN),
                srtp: SrtpSettings::default(),
                early_strangers: false,
            },
            dialplans: Dialplans {
                folder: base.join("dialplans"),
                apply: Apply::ByCommand,
            },
            storage: Storage {
                database: Location::Sqlite(data.join("qaynar.db")),
                data: data.clone(),
                keep_free: 256 << 20,
            },
            backup: Backups::default(),
            cluster: Cluster {
                redis: None,
                node: "qaynar-1".into(),
            },
            privacy: Privacy {
                keys: data.join("keys"),
                smallest_cell: 5,
                keep_numbers: KEEP_NUMBERS,
                retention: Retention::default(),
            },
            web: Web {
                listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
            },
            webhooks: Webhooks::default(),
            report: Report::default(),
            log: Log {
                format: LogFormat::Text,
                filter: "info".into(),
            },
            dns: Dns {
                servers: Vec::new(),
                timeout: Duration::from_secs(5),
            },
            abuse: Abuse {
                rates: Rates::default(),
                bans: BanSettings {
                    scanners: Arc::new(super::scanners::shipped()),
                    ..BanSettings::default()
                },
                scanners: None,
                log_sources: true,
            },
            codes: FeatureCodes::default(),
            trunks: Vec::new(),
        }
    }

    /// Whether something is listened to that needs a certificate.
    pub fn wants_certificate(&self) -> bool {
        let mut listeners = self.sip.listen.iter();
        listeners.any(|(transport, _)| transport.is_secure())
    }

    /// What the switch is told. `listeners` are the sockets as they were bound.
    pub fn switch(
        &self,
        listeners: Vec<(Transport, SocketAddr)>,
        (pseudonym_key, former_key): (Private<[u8; 32]>, Option<Private<[u8; 32]>>),
    ) -> switch::settings::Settings {
        switch::settings::Settings {
            domain: self.sip.domain.clone(),
            advertise: self.sip.advertise.clone(),
            local_networks: self.sip.local_networks.clone(),
            trunks: self.trunks.clone(),
            media_ports: self.media.ports,
            media_shards: self.media.threads.get(),
            listeners,
            pseudonym_key,
            former_key,
            codes: self.codes.clone(),
            max_calls: self.sip.max_calls,
            srtp: self.media.srtp.clone(),
            early_strangers: self.media.early_strangers,
            bans: self.abuse.bans.clone(),
            digest: self.sip.digest.clone(),
        }
    }
}
