//! DNS: one question at a time for the switch, which knows what to ask (RFC 3263).
//!
//! Answers are kept for as long as their TTL says. The switch waits for none of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::sync::{Semaphore, mpsc};

use crate::config::settings::Dns;
use crate::sip::locate::{Address, Answer, MAX_RECORDS, Naptr, Question, Srv};
use crate::switch::Input;

/// The most questions at once; one more has no answer.
const AT_ONCE: usize = 64;
/// How many answers are kept.
const KEPT: u64 = 1_024;
/// An answer is kept no longer, whatever its TTL says.
const LONGEST_KEPT: Duration = Duration::from_secs(24 * 3600);
/// That a name is unknown is believed no longer.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

/// Asks the system's DNS servers, or those of `[dns]`.
#[derive(Clone)]
pub struct Resolver {
    resolver: Option<TokioResolver>,
    patience: Duration,
    places: Arc<Semaphore>,
    inputs: mpsc::Sender<Input>,
}

impl Resolver {
    /// One that answers into `inputs`. Where the system names no servers, only addresses are found.
    pub fn new(settings: &Dns, inputs: mpsc::Sender<Input>) -> Self {
        let resolver = build(settings).inspect_err(|error| {
            tracing::error!(%error, "names of trunks cannot be looked up: name servers by [dns] servers");
        });
        Self {
            resolver: resolver.ok(),
            patience: settings.timeout,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            inputs,
        }
    }

    /// Asks; [`Input::Resolved`] brings the answer, also where there is none.
    pub fn ask(&self, number: u64, question: Question) {
        let this = self.clone();
        tokio::spawn(async move {
            let answer = match this.places.try_acquire() {
                Ok(_place) => {
                    let found = tokio::time::timeout(this.patience, this.find(&question)).await;
                    found.ok().flatten()
                }
                Err(_) => {
                    tracing::warn!("too many names are being looked up at once");
                    None
                }
            };
            let answer = answer.unwrap_or_else(|| Answer::nothing(&question));
            let resolved = Input::Resolved {
                question: number,
                answer,
            };
            let _ = this.inputs.send(resolved).await;
        });
    }

    async fn find(&self, question: &Question) -> Option<Answer> {
        match question {
            Question::Naptr(name) => {
                let records = self.records(name, RecordType::NAPTR).await?;
                let read = records.into_iter().filter_map(naptr);
                Some(Answer::Naptr(read.take(MAX_RECORDS).collect()))
            }
            Question::Srv(name) => {
                let records = self.records(name, RecordType::SRV).await?;
                let read = records.into_iter().filter_map(srv);
                Some(Answer::Srv(read.take(MAX_RECORDS).collect()))
            }
            Question::Host(name) => {
                let addresses = match name.parse::<IpAddr>() {
                    Ok(address) => vec![address],
                    Err(_) => self.addresses(name).await?,
                };
                let all = addresses.into_iter().take(MAX_RECORDS).map(address);
                Some(Answer::Addresses(all.collect()))
            }
        }
    }

    async fn records(&self, name: &str, kind: RecordType) -> Option<Vec<RData>> {
        let found = self.resolver.as_ref()?.lookup(rooted(name), kind).await;
        let found = found
            .inspect_err(|error| tracing::debug!(%error, name, %kind, "DNS"))
            .ok()?;
        let answers = found.answers().iter();
        Some(answers.map(|record| record.data.clone()).collect())
    }

    async fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        let resolver = self.resolver.as_ref()?;
        // Names of the local network and of the hosts file have no root.
        let name = if name.contains('.') {
            rooted(name)
        } else {
            name.to_owned()
        };
        let found = resolver.lookup_ip(name.clone()).await;
        let found = found
            .inspect_err(|error| tracing::debug!(%error, name, "DNS"))
            .ok()?;
        Some(found.iter().collect())
    }
}

/// With the dot of the root: no search list is tried.
fn rooted(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn build(settings: &Dns) -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let mut builder = if settings.servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = settings.servers.iter().map(name_server).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = settings.timeout / 2;
    options.attempts = 2;
    options.cache_size = KEPT;
    options.positive_max_ttl = Some(LONGEST_KEPT);
    options.negative_max_ttl = Some(UNKNOWN_FOR);
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

fn name_server(place: &SocketAddr) -> NameServerConfig {
    let mut by = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut by {
        connection.port = place.port();
    }
    NameServerConfig::new(place.ip(), true, by.into())
}

fn naptr(data: RData) -> Option<Naptr> {
    let RData::NAPTR(record) = data else {
        return None;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Naptr {
        order: record.order,
        preference: record.preference,
        flags: text(&record.flags),
        service: text(&record.services),
        replacement: record.replacement.to_ascii(),
    })
}

fn srv(data: RData) -> Option<Srv> {
    let RData::SRV(record) = data else {
        return None;
    };
    Some(Srv {
        priority: record.priority,
        weight: record.weight,
        port: record.port,
        target: record.target.to_ascii(),
    })
}

/// With the address of ours that the system would send from. Nothing is sent.
fn address(remote: IpAddr) -> Address {
    let any = match remote {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let local = std::net::UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((remote, 9))?;
        socket.local_addr()
    });
    Address {
        remote,
        local: local.ok().map(|local| local.ip()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_the_address_that_leads_to_a_place() {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let found = address(loopback);
        assert_eq!((found.remote, found.local), (loopback, Some(loopback)));
    }
}
