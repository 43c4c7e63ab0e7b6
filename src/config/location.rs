//! Where the tables are: `[storage] url`.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use postgres::config::{Host, SslMode};

use crate::private::Private;

/// Where the tables are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// One file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<Address>),
}

impl Location {
    /// Reads `sqlite://PATH` and `postgres://USER@HOST/DATABASE`; relative paths are below `base`.
    pub fn read(text: &str, base: &Path) -> Option<Self> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            return (!path.is_empty()).then(|| Self::Sqlite(base.join(path)));
        }
        Address::read(text, base).map(|address| Self::Postgres(Box::new(address)))
    }

    /// `false`: nothing was ever written there. Of a server it is known only after asking it.
    pub fn may_exist(&self) -> bool {
        match self {
            Self::Sqlite(path) => path.exists(),
            Self::Postgres(_) => true,
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::Sqlite(path)
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

/// Without the password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

/// The URL of a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// As libpq reads it, without what is read here; may hold the password.
    url: Private<String>,
    /// The file of those who vouch for the server (`sslrootcert`); `None`: those whom the system trusts.
    pub authorities: Option<PathBuf>,
    /// Whether the URL says by itself how it is with TLS.
    says_tls: bool,
    shown: String,
}

impl Address {
    fn read(text: &str, base: &Path) -> Option<Self> {
        let known = ["postgres://", "postgresql://"];
        known.iter().find(|scheme| text.starts_with(**scheme))?;
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let mut authorities = None;
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.strip_prefix("sslrootcert=") {
                Some(path) => authorities = Some(base.join(path)),
                None => kept.push(pair),
            }
        }
        let url = match kept.is_empty() {
            true => place.to_owned(),
            false => format!("{place}?{}", kept.join("&")),
        };
        let config: postgres::Config = url.parse().ok()?;
        // Without a host libpq's URL means a socket in the usual folder; this client wants it named.
        (!config.get_hosts().is_empty()).then(|| Self {
            shown: shown(&config),
            says_tls: kept.iter().any(|pair| pair.starts_with("sslmode=")),
            url: Private::new(url),
            authorities,
        })
    }

    /// How to connect. Over a network that is not this machine the connection is encrypted and the server
    /// shows a certificate, unless the URL says otherwise.
    ///
    /// # Errors
    /// Never, since the URL was read before.
    pub fn config(&self) -> Result<postgres::Config, postgres::Error> {
        let mut config: postgres::Config = self.url.reveal().parse()?;
        if !self.says_tls {
            let near = config.get_hosts().iter().all(is_near);
            config.ssl_mode(if near {
                SslMode::Disable
            } else {
                SslMode::Require
            });
        }
        Ok(config)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.fmt(f)
    }
}

fn is_near(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
    }
}

fn shown(config: &postgres::Config) -> String {
    let ports = config.get_ports();
    let places = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = ports.get(at).or_else(|| ports.first()).unwrap_or(&5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(folder) => format!("{}:{port}", folder.display()),
        }
    });
    let places: Vec<String> = places.collect();
    let user = config.get_user().map(|user| format!("{user}@"));
    let database = config.get_dbname().unwrap_or_default();
    format!(
        "postgres://{}{}/{database}",
        user.unwrap_or_default(),
        places.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Location> {
        Location::read(text, Path::new("/srv"))
    }

    fn address(text: &str) -> Address {
        match read(text) {
            Some(Location::Postgres(address)) => *address,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = "postgres://qaynar:tr0ub4dor@db.example.org/qaynar?sslmode=require";
        let location = read(url).unwrap();
        let told = format!("{location} {location:?}");
        assert!(!told.contains("tr0ub4dor"), "{told}");
        assert_eq!(
            location.to_string(),
            "postgres://qaynar@db.example.org:5432/qaynar"
        );
    }

    #[test]
    fn only_what_stays_on_this_machine_goes_unencrypted() {
        let mode = |url: &str| address(url).config().unwrap().get_ssl_mode();
        assert_eq!(mode("postgres://q@127.0.0.1/q"), SslMode::Disable);
        assert_eq!(mode("postgres://q@localhost:5433/q"), SslMode::Disable);
        assert_eq!(
            mode("postgres://q@/q?host=/var/run/postgresql"),
            SslMode::Disable
        );
        assert_eq!(mode("postgres://q@192.0.2.1/q"), SslMode::Require);
        assert_eq!(
            mode("postgres://q@127.0.0.1,db.example.org/q"),
            SslMode::Require
        );
        assert_eq!(mode("postgres://q@db/q?sslmode=disable"), SslMode::Disable);
    }

    #[test]
    fn the_file_of_authorities_is_below_the_configuration() {
        let address = address("postgres://q@db/q?sslrootcert=ca.pem&connect_timeout=3");
        assert_eq!(address.authorities, Some(PathBuf::from("/srv/ca.pem")));
        assert!(address.config().is_ok());
    }

    #[test]
    fn what_is_no_url_of_a_database_is_none() {
        for text in [
            "mysql://db",
            "sqlite://",
            "postgres:///q",
            "postgres://q@db:no/q",
            "qaynar.db",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
