//! Text to settings. Every mistake becomes a fault with its line and remedy; none hides another.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::Path;

use ipnet::IpNet;

use super::location::Location;
use super::settings::{Apply, Dialplans, Dns, LogFormat, MAX_THREADS, Media, Settings, Sip, Tls};
use crate::dialplan::Fault;
use crate::dialplan::read::{Source, Table};
use crate::ids::OperatorId;
use crate::private::Private;
use crate::sip::digest::Algorithm;
use crate::sip::flow::Transport;
use crate::switch::settings::{Srtp, SrtpSettings};

/// The port of DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// Reads the text of a configuration file named `file`; relative paths are taken from `base`.
///
/// # Errors
/// All mistakes, in the order of the file.
pub fn check(file: &str, text: &str, base: &Path) -> Result<Settings, Vec<Fault>> {
    let source = Source::new(file, text);
    let parsed = source.parse();
    let top = Table::new(&source, 0..0, "the configuration", parsed.get_ref());
    let mut settings = Settings::defaults(base);
    section(&top, "sip", |table| sip(table, &mut settings.sip));
    section(&top, "tls", |table| tls(table, base, &mut settings.tls));
    if settings.wants_certificate() && settings.tls.certificate.is_none() {
        source.fault(
            0..0,
            "[sip] listen has tls:// or wss:// and there is no certificate",
            "write [tls] certificate = \"…\" and key = \"…\", files in PEM form",
        );
    }
    section(&top, "media", |table| media(table, &mut settings.media));
    section(&top, "dialplans", |table| {
        dialplans(table, base, &mut settings.dialplans)
    });
    section(&top, "storage", |table| storage(table, base, &mut settings));
    section(&top, "backup", |table| {
        super::backup::backup(table, base, &mut settings.backup)
    });
    section(&top, "cluster", |table| cluster(table, &mut settings));
    section(&top, "privacy", |table| {
        super::publish::publish(table, &mut settings.privacy);
        super::privacy::privacy(table, base, &mut settings.privacy);
    });
    section(&top, "web", |table| {
        super::web::web(table, &mut settings.web)
    });
    section(&top, "webhooks", |table| {
        super::web::webhooks(table, base, &mut settings.webhooks)
    });
    section(&top, "report", |table| {
        super::report::report(table, &mut settings.report);
    });
    section(&top, "log", |table| log(table, &mut settings));
    section(&top, "dns", |table| dns(table, &mut settings.dns));
    section(&top, "abuse", |table| {
        super::abuse::abuse(table, base, &mut settings.abuse)
    });
    section(&top, "codes", |table| {
        super::codes::codes(table, &mut settings.codes)
    });
    settings.trunks = super::trunks::trunks(&top);
    top.finish();
    let faults = source.into_faults();
    if faults.is_empty() {
        Ok(settings)
    } else {
        Err(faults)
    }
}

fn section<'s, 'a>(top: &Table<'s, 'a>, key: &'static str, read: impl FnOnce(&Table<'s, 'a>)) {
    if let Some(table) = top.table(key) {
        read(&table);
        table.finish();
    }
}

pub(super) fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

/// Reads each text of a key with `read`; what it does not understand is a fault.
pub(super) fn each<T>(
    table: &Table<'_, '_>,
    key: &'static str,
    what: &str,
    remedy: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let texts = table.texts(key)?;
    let mut values = Vec::new();
    for (text, span) in texts {
        match read(&text) {
            Some(value) => values.push(value),
            None => table
                .source
                .fault(span, format!("{text:?} is no {what}"), remedy),
        }
    }
    Some(values)
}

/// Reads the text of a key with `read`; what it does not understand is a fault.
pub(super) fn one<T>(
    table: &Table<'_, '_>,
    key: &'static str,
    what: &str,
    remedy: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let (text, span) = table.text(key)?;
    let value = read(&text);
    if value.is_none() {
        table
            .source
            .fault(span, format!("{text:?} is no {what}"), remedy);
    }
    value
}

fn sip(table: &Table<'_, '_>, sip: &mut Sip) {
    let remedy = "write udp://, tcp://, tls://, ws:// or wss://, an address and a port: \"udp://0.0.0.0:5060\", \"tls://[::]:5061\"";
    let origin = |text: &str| {
        let (scheme, place) = text.split_once("://")?;
        let known = matches!(scheme, "http" | "https");
        (known && !place.is_empty() && !place.contains('/')).then(|| text.to_owned())
    };
    let of_pages = "write scheme, host and port as browsers do: \"https://desk.example.net\"";
    if let Some(origins) = each(table, "origins", "origin of pages", of_pages, origin) {
        sip.origins = origins;
    }
    let listen = each(table, "listen", "place to listen", remedy, listener);
    if table.texts("listen").is_some_and(|texts| texts.is_empty()) {
        table.fault("[sip] listen is empty: no call could come in", remedy);
    }
    set(&mut sip.listen, listen);
    let remedy = "write the address that peers outside reach, or one of IPv4 and one of IPv6: \"203.0.113.5\"";
    let outside = each(table, "advertise", "address", remedy, |text| {
        text.parse().ok()
    });
    sip.advertise = outside.unwrap_or_default();
    for (number, address) in sip.advertise.iter().enumerate() {
        let mut before = sip.advertise[..number].iter();
        if before.any(|other| other.is_ipv4() == address.is_ipv4()) {
            let text = format!("[sip] advertise names a second address of one family: {address}");
            table.fault(text, remedy);
        }
    }
    set(&mut sip.local_networks, networks(table, "local_networks"));
    let remedy = "write a host name: letters, digits, '-' and '.'";
    set(
        &mut sip.domain,
        one(table, "domain", "host name", remedy, |text| {
            host(text).map(str::to_owned)
        }),
    );
    let limit = table.count("max_calls");
    if limit == Some(0) {
        table.fault(
            "[sip] max_calls is 0: no call would be taken",
            "write at least 1",
        );
    }
    set(&mut sip.max_calls, limit);
    let remedy = "write \"md5\", \"sha-256\", or both";
    set(
        &mut sip.digest,
        each(table, "digest", "digest", remedy, algorithm),
    );
}

fn algorithm(text: &str) -> Option<Algorithm> {
    [Algorithm::Md5, Algorithm::Sha256]
        .into_iter()
        .find(|one| one.name().eq_ignore_ascii_case(text))
}

fn listener(text: &str) -> Option<(Transport, SocketAddr)> {
    let websocket = || match text.split_once("://")? {
        ("ws", rest) => Some((Transport::Ws, rest)),
        ("wss", rest) => Some((Transport::Wss, rest)),
        _ => None,
    };
    let (transport, address) = transport(text).or_else(websocket)?;
    let bare = address
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(address);
    let port = transport.default_port();
    let on_sip_port = |_| bare.parse().map(|ip: IpAddr| SocketAddr::new(ip, port));
    Some((transport, address.parse().or_else(on_sip_port).ok()?))
}

fn transport(text: &str) -> Option<(Transport, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    match scheme {
        "udp" => Some((Transport::Udp, rest)),
        "tcp" => Some((Transport::Tcp, rest)),
        "tls" => Some((Transport::Tls, rest)),
        _ => None,
    }
}

fn tls(table: &Table<'_, '_>, base: &Path, tls: &mut Tls) {
    let file = |key: &'static str| table.text(key).map(|(file, _)| base.join(file));
    tls.certificate = file("certificate");
    tls.key = file("key");
    tls.client_ca = file("client_ca");
    tls.ca = file("ca");
    if tls.certificate.is_some() != tls.key.is_some() {
        table.fault(
            "[tls] has only one of certificate and key",
            "write both: files in PEM form that were made together",
        );
    }
}

pub(super) fn host(text: &str) -> Option<&str> {
    let allowed = |letter: u8| letter.is_ascii_alphanumeric() || b"-.".contains(&letter);
    let address = text.parse::<IpAddr>().is_ok();
    let name = (1..=253).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with(['-', '.']);
    (address || name).then_some(text)
}

pub(super) fn networks(table: &Table<'_, '_>, key: &'static str) -> Option<Vec<IpNet>> {
    let read = |text: &str| {
        let address = |_| text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(address).ok()
    };
    each(
        table,
        key,
        "network",
        "write an address or a network: \"203.0.113.7\", \"203.0.113.0/24\"",
        read,
    )
}

fn media(table: &Table<'_, '_>, media: &mut Media) {
    let remedy = "write first and last port, at least two, from 1024 on: \"20000-29999\"";
    set(
        &mut media.ports,
        one(table, "ports", "range of ports", remedy, ports),
    );
    phones_srtp(table, &mut media.srtp);
    set(&mut media.early_strangers, table.flag("early_strangers"));
    if let Some(threads) = table.count("threads") {
        let threads = u32::try_from(threads)
            .ok()
            .filter(|threads| *threads <= MAX_THREADS);
        match threads.and_then(NonZeroU32::new) {
            Some(threads) => media.threads = threads,
            None => table.fault(
                "[media] threads is out of range",
                format!("write a number from 1 to {MAX_THREADS}, about the number of cores"),
            ),
        }
    }
}

pub(super) const SRTP: &str = "write \"off\", \"optional\" or \"required\"";

pub(super) fn srtp(text: &str) -> Option<Srtp> {
    match text {
        "off" => Some(Srtp::Off),
        "optional" => Some(Srtp::Optional),
        "required" => Some(Srtp::Required),
        _ => None,
    }
}

/// Whose audio is encrypted: all operators alike, but for some.
fn phones_srtp(table: &Table<'_, '_>, settings: &mut SrtpSettings) {
    set(
        &mut settings.phones,
        one(table, "srtp", "way to encrypt audio", SRTP, srtp),
    );
    let remedy = "write operators' ids: [\"101\", \"102\"]";
    let operators = |key| {
        let ids = each(table, key, "operator id", remedy, |text| {
            name(text).map(OperatorId::from)
        });
        ids.map(|ids| ids.into_iter().collect::<BTreeSet<_>>())
    };
    set(&mut settings.required, operators("srtp_required"));
    set(&mut settings.off, operators("srtp_off"));
    if let Some(both) = settings.required.intersection(&settings.off).next() {
        table.fault(
            format!(
                "[media] srtp_required and srtp_off both name {:?}",
                both.as_str()
            ),
            "take the operator out of one of them",
        );
    }
    set(
        &mut settings.keys_in_clear,
        table.flag("srtp_keys_in_clear"),
    );
}

fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    // RTP takes an even port and RTCP the odd one after it (RFC 3550 §11).
    let pairs = last.saturating_sub(first.next_multiple_of(2));
    (first >= 1024 && pairs >= 1).then_some((first, last))
}

fn dialplans(table: &Table<'_, '_>, base: &Path, dialplans: &mut Dialplans) {
    set(
        &mut dialplans.folder,
        table.text("dir").map(|(folder, _)| base.join(folder)),
    );
    let apply = one(
        table,
        "apply",
        "way to apply",
        "write \"by-command\" or \"on-save\"",
        |text| match text {
            "by-command" => Some(Apply::ByCommand),
            "on-save" => Some(Apply::OnSave),
            _ => None,
        },
    );
    set(&mut dialplans.apply, apply);
}

fn storage(table: &Table<'_, '_>, base: &Path, settings: &mut Settings) {
    if let Some((folder, _)) = table.text("data") {
        let data = base.join(folder);
        settings.storage.database = Location::Sqlite(data.join("qaynar.db"));
        settings.privacy.keys = data.join("keys");
        settings.storage.data = data;
    }
    let remedy = "write sqlite:// and the path of a file, or postgres:// with user, host and database: \
                  \"sqlite:///var/lib/qaynar/qaynar.db\", \"postgres://qaynar:PASSWORD@127.0.0.1/qaynar\", \
                  \"postgres://qaynar@/qaynar?host=/var/run/postgresql\"";
    let what = "database that qaynar can use";
    let database = one(table, "url", what, remedy, |text| {
        Location::read(text, base)
    });
    set(&mut settings.storage.database, database);
    let remedy = "write a number with its unit: \"256M\", \"4G\"";
    let free = one(table, "keep_free", "size", remedy, size);
    set(&mut settings.storage.keep_free, free);
}

/// `256M`, `4G`: in bytes.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let shift = match unit {
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    number.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn cluster(table: &Table<'_, '_>, settings: &mut Settings) {
    if let Some((url, span)) = table.text("redis") {
        // The text is not repeated: it may hold a password.
        if url
            .strip_prefix("redis://")
            .is_some_and(|rest| !rest.is_empty())
        {
            settings.cluster.redis = Some(Private::new(url));
        } else {
            table.source.fault(
                span,
                "[cluster] redis is no address of a Redis",
                "write \"redis://host:6379\"",
            );
        }
    }
    let remedy = "write 1 to 64 letters, digits, '-', '_' and '.'";
    let node = one(table, "node", "name of a node", remedy, |text| {
        name(text).map(str::to_owned)
    });
    set(&mut settings.cluster.node, node);
}

pub(super) fn name(text: &str) -> Option<&str> {
    let allowed = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.".contains(&letter);
    ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then_some(text)
}

fn log(table: &Table<'_, '_>, settings: &mut Settings) {
    let format = one(
        table,
        "format",
        "format of logs",
        "write \"text\" or \"json\"",
        |text| match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        },
    );
    set(&mut settings.log.format, format);
    let remedy = "write a level: \"error\", \"warn\", \"info\", \"debug\", or one with parts: \"info,qaynar::switch=debug\"";
    let filter = one(table, "filter", "filter of logs", remedy, |text| {
        // tracing-subscriber 0.3 panics at letters beyond ASCII behind a blank: it cuts the text by the
        // places of the trimmed one. No name of ours has such letters.
        let filter: Option<tracing_subscriber::EnvFilter> =
            text.is_ascii().then(|| text.parse().ok()).flatten();
        filter.map(|_| text.to_owned())
    });
    set(&mut settings.log.filter, filter);
}

fn dns(table: &Table<'_, '_>, dns: &mut Dns) {
    let remedy = "write the address of a DNS server: \"192.0.2.53\", \"127.0.0.1:5353\"";
    let read = |text: &str| {
        let on_dns_port = |_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, DNS_PORT));
        text.parse().or_else(on_dns_port).ok()
    };
    let servers = each(table, "servers", "DNS server", remedy, read);
    set(&mut dns.servers, servers);
    set(&mut dns.timeout, table.duration("timeout", false));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;
    use proptest::prelude::*;

    fn checked(text: &str) -> Result<Settings, Vec<String>> {
        check("qaynar.toml", text, Path::new("/srv"))
            .map_err(|faults| faults.iter().map(Fault::to_string).collect())
    }

    #[test]
    fn the_example_is_valid_and_shows_the_defaults() {
        let settings = checked(EXAMPLE).unwrap();
        let defaults = Settings::defaults(Path::new("/srv"));
        assert_eq!(settings.sip.listen, defaults.sip.listen);
        assert_eq!(settings.sip.domain, defaults.sip.domain);
        assert_eq!(settings.sip.digest, defaults.sip.digest);
        assert_eq!(settings.media.ports, defaults.media.ports);
        assert_eq!(settings.storage.database, defaults.storage.database);
        assert_eq!(settings.privacy.keys, defaults.privacy.keys);
        let smallest = defaults.privacy.smallest_cell;
        assert_eq!(settings.privacy.smallest_cell, smallest);
        let kept = &defaults.privacy;
        assert_eq!(settings.privacy.keep_numbers, kept.keep_numbers);
        assert_eq!(settings.privacy.retention, kept.retention);
        assert_eq!(settings.log, defaults.log);
        assert_eq!(settings.report, defaults.report);
        assert_eq!(settings.log, defaults.log);
        assert_eq!(settings.codes, defaults.codes);
        assert_eq!(settings.dns, defaults.dns);
        assert_eq!(settings.web, defaults.web);
        assert_eq!(settings.webhooks, defaults.webhooks);
        assert_eq!(settings.abuse.rates, defaults.abuse.rates);
        assert_eq!(settings.abuse.bans, defaults.abuse.bans);
        assert_eq!(settings.abuse.log_sources, defaults.abuse.log_sources);
        assert!(settings.trunks.is_empty() && settings.cluster.redis.is_none());
    }

    #[test]
    fn every_line_that_the_example_comments_out_is_valid_too() {
        let setting = |line: &&str| {
            line.contains(" = ") || line.trim_start_matches(['#', ' ']).starts_with("[[")
        };
        let open: Vec<&str> = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if setting(&rest) => rest,
                _ => line,
            })
            .collect();
        let settings = checked(&open.join("\n")).unwrap();
        assert_eq!(settings.trunks.len(), 1);
        assert_eq!(settings.webhooks.to.len(), 1);
        assert!(settings.trunks[0].peer.is_some() && settings.trunks[0].credentials.is_some());
        assert!(settings.cluster.redis.is_some() && settings.sip.advertise.len() == 1);
    }

    #[test]
    fn all_mistakes_appear_at_once_each_with_its_line() {
        let text = "\
[sip]
listen = [\"sctp://0.0.0.0:5061\", \"udp://0.0.0.0\"]
adverise = \"203.0.113.5\"
digest = \"sha1\"
[media]
ports = \"30000-20000\"
[cluster]
redis = \"http://:secret@host\"
[[trunks]]
sources = [\"203.0.113.0/33\"]
user = \"us\"
[nowhere]
";
        let faults = checked(text).unwrap_err();
        let lines: Vec<&str> = faults
            .iter()
            .filter_map(|fault| fault.split(':').nth(1))
            .collect();
        assert_eq!(
            lines,
            ["2", "3", "4", "6", "8", "9", "9", "10", "11", "12"],
            "{faults:#?}"
        );
        assert!(
            faults[1].contains("did you mean \"advertise\"?"),
            "{}",
            faults[1]
        );
        assert!(
            !faults.concat().contains("secret"),
            "a password is never printed"
        );
    }

    #[test]
    fn what_is_written_is_what_holds() {
        let text = "\
[sip]
listen = \"tcp://[::1]\"
local_networks = [\"10.0.0.0/8\", \"192.0.2.7\"]
max_calls = 5
digest = [\"sha-256\", \"md5\"]
[media]
ports = \"20001-20004\"
threads = 3
[storage]
url = \"sqlite:///var/lib/qaynar.db\"
[[trunks]]
name = \"azercell\"
peer = \"sip:sip.example.net:5080;transport=tcp\"
user = \"helpline\"
password = \"opensesame\"
from = \"+994506802280\"
";
        let settings = checked(text).unwrap();
        assert_eq!(
            settings.sip.listen,
            [(Transport::Tcp, "[::1]:5060".parse().unwrap())]
        );
        assert_eq!(
            settings.sip.local_networks[1],
            "192.0.2.7/32".parse().unwrap()
        );
        assert_eq!(settings.sip.digest, [Algorithm::Sha256, Algorithm::Md5]);
        assert_eq!(settings.media.ports, (20_001, 20_004));
        assert_eq!(
            settings.storage.database,
            Location::Sqlite("/var/lib/qaynar.db".into())
        );
        let peer = settings.trunks[0].peer.as_ref().unwrap();
        assert_eq!(peer.to_string(), "sip:sip.example.net:5080;transport=tcp");
        assert!(!format!("{settings:?}").contains("opensesame"));
    }

    #[test]
    fn one_outer_address_a_family_may_be_advertised() {
        let read = |value: &str| checked(&format!("[sip]\nadvertise = {value}"));
        let both = read("[\"203.0.113.5\", \"2001:db8::5\"]").unwrap();
        assert_eq!(both.sip.advertise.len(), 2);
        assert_eq!(read("\"2001:db8::5\"").unwrap().sip.advertise.len(), 1);
        let faults = read("[\"203.0.113.5\", \"203.0.113.6\"]").unwrap_err();
        assert!(faults[0].contains("203.0.113.6"), "{faults:?}");
    }

    #[test]
    fn tls_needs_a_certificate_and_its_key() {
        let listen = "[sip]\nlisten = \"tls://0.0.0.0\"\n";
        let faults = checked(listen).unwrap_err();
        assert!(faults[0].contains("[tls] certificate"), "{faults:?}");
        let faults = checked(&format!("{listen}[tls]\ncertificate = \"a.pem\"")).unwrap_err();
        assert!(faults[0].contains("write both"), "{faults:?}");
        let whole = format!("{listen}[tls]\ncertificate = \"a.pem\"\nkey = \"/etc/a.key\"");
        let settings = checked(&whole).unwrap();
        assert_eq!(settings.sip.listen[0].1.port(), 5061, "RFC 3261 §19.1.2");
        assert_eq!(settings.tls.certificate.unwrap(), Path::new("/srv/a.pem"));
        assert_eq!(settings.tls.key.unwrap(), Path::new("/etc/a.key"));
    }

    #[test]
    fn another_kind_of_database_is_refused_with_what_works() {
        let faults = checked("[storage]\nurl = \"mysql://db\"").unwrap_err();
        assert!(faults[0].contains("sqlite://"), "{faults:?}");
    }

    #[test]
    fn a_size_has_a_unit() {
        let settings = checked("[storage]\nkeep_free = \"4G\"").unwrap();
        assert_eq!(settings.storage.keep_free, 4 << 30);
        for text in ["4", "", "G", "-1G", "4 gigabytes", "99999999999999T"] {
            let faults = checked(&format!("[storage]\nkeep_free = \"{text}\"")).unwrap_err();
            assert!(faults[0].contains("256M"), "{text}: {faults:?}");
        }
    }

    #[test]
    fn a_filter_of_logs_with_letters_beyond_ascii_is_a_fault_and_no_panic() {
        let faults = checked("[log]\nfilter = \" a𞴁=\"").unwrap_err();
        assert!(faults[0].contains("filter"), "{faults:?}");
        assert!(checked("[log]\nfilter = \"info,qaynar=debug\"").is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_checking_panic(text in "(?s).{0,200}") {
            let _ = checked(&text);
        }

        #[test]
        fn no_value_makes_checking_panic(value in "\\PC{0,40}", place in 0_usize..8) {
            let (section, key) = [
                ("sip", "listen"), ("sip", "advertise"), ("sip", "domain"), ("media", "ports"),
                ("storage", "url"), ("log", "filter"), ("codes", "pause"), ("cluster", "redis"),
            ][place];
            let _ = checked(&format!("[{section}]\n{key} = {value:?}"));
        }
    }
}
