//! PostgreSQL: one connection, made again when it was lost.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, WrongType, to_sql_checked};
use postgres::{Client, NoTls, Statement};
use tokio::task::block_in_place;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::dialect;
use super::value::{Row, Value};
use crate::config::Address;
use crate::store::trouble::Trouble;

/// How long connecting may take, where the URL does not say it.
const CONNECT: Duration = Duration::from_secs(2);

/// After this long without an answer of its kernel the server is gone.
const SILENT: Duration = Duration::from_secs(10);

/// How many statements are kept ready.
const READY: usize = 100;

/// Where systems keep whom they trust.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// A connection. Its work blocks the thread; a task of the server that comes here gives its place to another
/// meanwhile.
pub(super) struct Link {
    address: Address,
    reads_only: bool,
    /// `None`: lost.
    client: Option<Client>,
    ready: BTreeMap<String, Statement>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("address", &self.address)
            .field("reads_only", &self.reads_only)
            .finish_non_exhaustive()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Within: to end a connection is to wait for it.
        block_in_place(|| drop(self.client.take()));
    }
}

impl Link {
    pub(super) fn open(address: &Address, reads_only: bool) -> Result<Self, Trouble> {
        let client = block_in_place(|| connect(address, reads_only))?;
        Ok(Self {
            address: address.clone(),
            reads_only,
            client: Some(client),
            ready: BTreeMap::new(),
        })
    }

    pub(super) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Trouble> {
        block_in_place(|| {
            let statement = self.statement(sql)?;
            let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|one| one as _).collect();
            Ok(self.client()?.execute(&statement, &parameters)?)
        })
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Trouble> {
        block_in_place(|| Ok(self.client()?.batch_execute(sql)?))
    }

    pub(super) fn each(
        &mut self,
        sql: &str,
        values: &[Value],
        mut read: impl FnMut(&Row) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        block_in_place(|| {
            let statement = self.statement(sql)?;
            let mut row = Row::with(statement.columns().len());
            let mut rows = self.client()?.query_raw(&statement, values)?;
            while let Some(found) = rows.next()? {
                for (column, slot) in row.slots() {
                    fill(slot, &found.try_get(column)?).ok_or(Trouble::Unreadable { column })?;
                }
                read(&row)?;
            }
            Ok(())
        })
    }

    /// A new connection in the place of one that was lost. Not within a transaction, which is lost with it.
    pub(super) fn revive(&mut self) -> Result<(), Trouble> {
        if self
            .client
            .as_ref()
            .is_some_and(|client| !client.is_closed())
        {
            return Ok(());
        }
        self.ready.clear();
        block_in_place(|| {
            self.client = None;
            self.client = Some(connect(&self.address, self.reads_only)?);
            Ok(())
        })
    }

    fn client(&mut self) -> Result<&mut Client, Trouble> {
        let lost = || std::io::Error::from(std::io::ErrorKind::NotConnected);
        Ok(self.client.as_mut().ok_or_else(lost)?)
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, Trouble> {
        if let Some(statement) = self.ready.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client()?.prepare(&dialect::statement(sql))?;
        if self.ready.len() >= READY {
            self.ready.clear();
        }
        self.ready.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

fn connect(address: &Address, reads_only: bool) -> Result<Client, Trouble> {
    let mut config = address.config()?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    config.tcp_user_timeout(SILENT);
    config.keepalives_idle(SILENT);
    if config.get_application_name().is_none() {
        config.application_name("qaynar");
    }
    let mut client = match config.get_ssl_mode() {
        postgres::config::SslMode::Disable => config.connect(NoTls)?,
        _ => config.connect(tls(address.authorities.as_deref())?)?,
    };
    // What is committed survives a power cut, whatever the server's default is.
    client.batch_execute("SET synchronous_commit = on; SET lock_timeout = '1s'")?;
    if reads_only {
        client.batch_execute("SET default_transaction_read_only = on")?;
    }
    Ok(client)
}

fn tls(authorities: Option<&Path>) -> Result<MakeRustlsConnect, Trouble> {
    let system = SYSTEM_AUTHORITIES.iter().map(Path::new);
    let Some(path) = authorities.or_else(|| system.into_iter().find(|path| path.exists())) else {
        return Err(Trouble::Authorities("this system trusts nobody".into()));
    };
    let fault =
        |fault: &dyn fmt::Display| Trouble::Authorities(format!("{}: {fault}", path.display()));
    let pem = std::fs::read(path).map_err(|error| fault(&error))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(all.map_err(|error| fault(&error))?);
    if added == 0 {
        return Err(fault(&"no certificate in it"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let refused = || Box::new(WrongType::new::<Self>(ty.clone()));
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => match *ty {
                Type::INT8 => number.to_sql(ty, out),
                Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
                Type::BOOL => (*number != 0).to_sql(ty, out),
                Type::FLOAT8 => i32::try_from(*number).map(f64::from)?.to_sql(ty, out),
                _ => Err(refused()),
            },
            Self::Real(number) => match *ty {
                Type::FLOAT8 => number.to_sql(ty, out),
                _ => Err(refused()),
            },
            // PostgreSQL holds every letter but this one.
            Self::Text(text) if text.contains('\0') => {
                text.replace('\0', "\u{fffd}").to_sql(ty, out)
            }
            Self::Text(text) if <&str as ToSql>::accepts(ty) => text.to_sql(ty, out),
            Self::Bytes(bytes) if *ty == Type::BYTEA => bytes.to_sql(ty, out),
            Self::Text(_) | Self::Bytes(_) => Err(refused()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column as it came.
struct Raw<'a>(Option<(Type, &'a [u8])>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some((ty.clone(), raw))))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// `None`: of a type that nothing here is.
fn fill(slot: &mut Value, raw: &Raw<'_>) -> Option<()> {
    let Some((ty, raw)) = &raw.0 else {
        *slot = Value::Null;
        return Some(());
    };
    *slot = match *ty {
        Type::INT8 => Value::Integer(i64::from_be_bytes((*raw).try_into().ok()?)),
        Type::INT4 => Value::Integer(i32::from_be_bytes((*raw).try_into().ok()?).into()),
        Type::INT2 => Value::Integer(i16::from_be_bytes((*raw).try_into().ok()?).into()),
        Type::BOOL => Value::Integer(raw.iter().any(|byte| *byte != 0).into()),
        Type::FLOAT8 => Value::Real(f64::from_be_bytes((*raw).try_into().ok()?)),
        Type::NUMERIC => numeric(raw)?,
        Type::BYTEA => Value::Bytes(raw.to_vec()),
        _ if <&str as FromSql<'_>>::accepts(ty) => {
            slot.set_text(std::str::from_utf8(raw).ok()?);
            return Some(());
        }
        _ => return None,
    };
    Some(())
}

/// Sums and averages of whole numbers come as digits to the base of 10,000: their count, the weight of the
/// first, the sign, and how many decimal places are shown.
#[allow(clippy::cast_precision_loss, reason = "a fraction is rounded anyway")]
fn numeric(raw: &[u8]) -> Option<Value> {
    let mut words = raw
        .chunks_exact(2)
        .map(|two| i16::from_be_bytes([two[0], two[1]]));
    let (_, weight, sign, places) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let negative = match sign {
        0 => 1,
        0x4000 => -1,
        _ => return None,
    };
    if places == 0 {
        let mut whole = 0_i64;
        for _ in 0..=weight {
            let digit = words.next().unwrap_or(0);
            whole = whole.checked_mul(10_000)?.checked_add(digit.into())?;
        }
        return Some(Value::Integer(whole * negative));
    }
    let mut value = 0.0;
    let mut unit = 10_000_f64.powi(weight.into());
    for digit in words {
        value += f64::from(digit) * unit;
        unit /= 10_000.0;
    }
    Some(Value::Real(value * negative as f64))
}
