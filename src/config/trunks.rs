//! `[[trunks]]`: the carriers' lines.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::check::{SRTP, each, host, name, networks, one, srtp};
use crate::dialplan::read::Table;
use crate::ids::TrunkName;
use crate::private::Private;
use crate::rtp::codec::Codec;
use crate::sip::uri::Uri;
use crate::switch::settings::{Credentials, DidFrom, Limits, NumberFormat, Trunk};

/// How long a registration is asked to last where nothing is said (RFC 3261 §10.2.1.1 suggests no value).
const EXPIRES: Duration = Duration::from_secs(600);
/// The shortest registration: refreshes closer than this are a flood.
const SHORTEST_EXPIRES: Duration = Duration::from_secs(30);
/// The closest that a carrier may be asked whether it lives.
const CLOSEST_QUALIFY: Duration = Duration::from_secs(1);

/// All `[[trunks]]`, each mistake with its line.
pub(super) fn trunks(top: &Table<'_, '_>) -> Vec<Trunk> {
    let mut trunks: Vec<Trunk> = Vec::new();
    for table in top.tables("trunks", "a trunk") {
        if let Some(trunk) = trunk(&table) {
            for other in &trunks {
                compare(&table, &trunk, other);
            }
            trunks.push(trunk);
        }
        table.finish();
    }
    trunks
}

/// Two trunks must be told apart: a network within another's is its own, but one network of two trunks
/// would leave the first alone with all calls.
fn compare(table: &Table<'_, '_>, trunk: &Trunk, other: &Trunk) {
    if other.name == trunk.name {
        table.fault(
            format!("there are two trunks called {:?}", trunk.name.as_str()),
            "give each its own name",
        );
    }
    let trunc = |networks: &[IpNet]| networks.iter().map(IpNet::trunc).collect::<Vec<_>>();
    let theirs = trunc(&other.sources);
    for network in trunc(&trunk.sources) {
        if theirs.contains(&network) {
            table.fault(
                format!(
                    "{network} is a source of {:?} and of {:?}: whose call would it be?",
                    other.name.as_str(),
                    trunk.name.as_str()
                ),
                "give each network to one trunk; a narrower one within it may be another's",
            );
        }
    }
}

fn trunk(table: &Table<'_, '_>) -> Option<Trunk> {
    let remedy = "write 1 to 64 letters, digits, '-', '_' and '.'";
    let named = one(table, "name", "name of a trunk", remedy, |text| {
        name(text).map(TrunkName::from)
    });
    if !table.has("name") {
        table.fault(
            "a trunk without a name",
            "write name = \"…\": it stands on each record",
        );
    }
    let nameless = Trunk::named("");
    let sources = networks(table, "sources");
    let peer = sip_uri(table, "peer");
    let tls_identity = one(
        table,
        "tls_identity",
        "host name",
        "write the host name that the trunk's certificate bears: \"sip.carrier.az\"",
        |text| {
            let name = host(text).filter(|name| name.parse::<IpAddr>().is_err());
            name.map(str::to_ascii_lowercase)
        },
    );
    let no_source = sources.as_ref().is_none_or(Vec::is_empty);
    if no_source && !table.has("peer") && !table.has("tls_identity") {
        table.fault(
            "a trunk with neither sources nor peer: no call could come or go",
            "write sources = [\"203.0.113.0/24\"] with the addresses of the carrier",
        );
    }
    let credentials = credentials(table);
    let remedy = "write the number as the carrier knows it: \"+994501234567\"";
    let from = one(table, "from", "number", remedy, |text| {
        number(text).map(str::to_owned)
    });
    let register = register(table, credentials.is_some());
    let qualify_every = at_least(table, "qualify_every", CLOSEST_QUALIFY);
    if qualify_every.is_some() && !table.has("peer") {
        table.fault(
            "qualify_every without a peer: whom should OPTIONS ask?",
            "write peer = \"sip:…\", or leave qualify_every out",
        );
    }
    let whole = |key: &'static str, least: u16| whole(table, key, least);
    Some(Trunk {
        name: named?,
        sources: sources.unwrap_or_default(),
        peer,
        outbound_proxy: sip_uri(table, "outbound_proxy"),
        credentials,
        register,
        from,
        number_format: number_format(table).unwrap_or_default(),
        codecs: codecs(table).unwrap_or(nameless.codecs),
        srtp: one(table, "srtp", "way to encrypt audio", SRTP, srtp).unwrap_or_default(),
        did_from: did_from(table).unwrap_or_default(),
        limits: limits(table),
        priority: whole("priority", 0).unwrap_or(nameless.priority),
        weight: whole("weight", 0).unwrap_or(nameless.weight),
        qualify_every,
        failover_after: table
            .duration("failover_after", false)
            .unwrap_or(nameless.failover_after),
        tls_identity,
    })
}

fn sip_uri(table: &Table<'_, '_>, key: &'static str) -> Option<Uri> {
    let remedy = "write a SIP address with what is known of host, port and transport: \
                  \"sip:sip.carrier.az\", \"sip:203.0.113.7:5060;transport=udp\"";
    one(table, key, "address of a carrier", remedy, |text| {
        let uri = Uri::parse(text).ok()?;
        let transport = uri.parameter("transport");
        let known = |name: &str| {
            ["udp", "tcp", "tls"]
                .iter()
                .any(|one| one.eq_ignore_ascii_case(name))
        };
        (matches!(uri, Uri::Sip(_)) && transport.is_none_or(known)).then_some(uri)
    })
}

fn credentials(table: &Table<'_, '_>) -> Option<Credentials> {
    match (table.text("user"), table.text("password")) {
        (Some((user, _)), Some((password, _))) => Some(Credentials {
            user,
            password: Private::new(password),
        }),
        (None, None) => None,
        (Some((_, span)), None) | (None, Some((_, span))) => {
            table.source.fault(
                span,
                "a trunk with only one of user and password",
                "write both, or neither",
            );
            None
        }
    }
}

fn register(table: &Table<'_, '_>, has_credentials: bool) -> Option<Duration> {
    let expires = at_least(table, "expires", SHORTEST_EXPIRES);
    if !table.flag("register").unwrap_or(false) {
        if table.has("expires") {
            table.fault(
                "expires of a trunk that does not register",
                "write register = true, or leave expires out",
            );
        }
        return None;
    }
    if !table.has("peer") {
        table.fault(
            "register without a peer: where is the registrar?",
            "write peer = \"sip:sip.carrier.az\"",
        );
    }
    if !has_credentials && !table.has("user") && !table.has("password") {
        table.fault(
            "register without user and password: as whom?",
            "write user and password as the carrier gave them",
        );
    }
    Some(expires.unwrap_or(EXPIRES))
}

/// A time of at least `least`.
fn at_least(table: &Table<'_, '_>, key: &'static str, least: Duration) -> Option<Duration> {
    let time = table.duration(key, false)?;
    if time < least {
        table.fault(
            format!("{key} of a trunk is under {} s", least.as_secs()),
            format!("write at least \"{}s\"", least.as_secs()),
        );
        return None;
    }
    Some(time)
}

fn whole(table: &Table<'_, '_>, key: &'static str, least: u16) -> Option<u16> {
    let count = table.count(key)?;
    let fits = u16::try_from(count).ok().filter(|count| *count >= least);
    if fits.is_none() {
        table.fault(
            format!("{key} of a trunk is out of range"),
            format!("write a number from {least} to 65535"),
        );
    }
    fits
}

fn number_format(table: &Table<'_, '_>) -> Option<NumberFormat> {
    let remedy = "write \"+e164\" (+994506802280), \"e164\" (994506802280), \"international\" \
                  (00994506802280) or \"national\" (0506802280)";
    one(table, "number_format", "form of numbers", remedy, |text| {
        Some(match text {
            "+e164" => NumberFormat::PlusE164,
            "e164" => NumberFormat::E164,
            "international" => NumberFormat::International,
            "national" => NumberFormat::National,
            _ => return None,
        })
    })
}

fn did_from(table: &Table<'_, '_>) -> Option<DidFrom> {
    let remedy =
        "write \"request-uri\", \"to\", \"p-called-party-id\", \"diversion\" or \"history-info\"";
    one(
        table,
        "did_from",
        "place of the dialled number",
        remedy,
        |text| {
            Some(match text {
                "request-uri" => DidFrom::RequestUri,
                "to" => DidFrom::To,
                "p-called-party-id" => DidFrom::PCalledPartyId,
                "diversion" => DidFrom::Diversion,
                "history-info" => DidFrom::HistoryInfo,
                _ => return None,
            })
        },
    )
}

fn codecs(table: &Table<'_, '_>) -> Option<Vec<Codec>> {
    let remedy = "write \"pcma\", \"pcmu\", or both in the order of preference";
    let codecs = each(table, "codecs", "codec", remedy, |text| {
        let same = |codec: &Codec| codec.encoding().eq_ignore_ascii_case(text);
        Codec::ALL.into_iter().find(same)
    })?;
    let mut once = codecs.clone();
    once.dedup();
    if codecs.is_empty() || once.len() < codecs.len() || codecs.len() > Codec::ALL.len() {
        table.fault("codecs of a trunk must name each codec once", remedy);
        return None;
    }
    Some(codecs)
}

fn limits(table: &Table<'_, '_>) -> Limits {
    let mut limits = Limits::default();
    let emergency = table.count("emergency_channels");
    limits.emergency_channels = emergency.unwrap_or(limits.emergency_channels);
    limits.max_calls = table.count("max_calls");
    if limits
        .max_calls
        .is_some_and(|most| most <= limits.emergency_channels)
    {
        table.fault(
            format!(
                "max_calls of a trunk leaves no channel beside the {} for emergency calls",
                limits.emergency_channels
            ),
            "write more max_calls, or fewer emergency_channels",
        );
    }
    if limits.max_calls.is_none() && emergency.is_some() {
        table.fault(
            "emergency_channels without max_calls: of how many?",
            "write max_calls, the channels that the carrier sold",
        );
    }
    let rate = whole(table, "calls_per_second", 1);
    limits.calls_per_second = rate.map(u32::from);
    if let Some(code) = table.count("busy_code") {
        let fits = u16::try_from(code)
            .ok()
            .filter(|code| (400..=699).contains(code));
        match fits.filter(|code| !matches!(code, 401 | 407 | 408)) {
            Some(code) => limits.busy_code = code,
            None => table.fault(
                format!("{code} is no answer to a call beyond the limit"),
                "write a refusal of SIP: 486 (busy), 480, 503 or 600",
            ),
        }
    }
    limits
}

fn number(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let fits =
        (2..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::check::check;
    use super::*;

    fn checked(text: &str) -> Result<Vec<Trunk>, Vec<String>> {
        check("qaynar.toml", text, Path::new("/srv"))
            .map(|settings| settings.trunks)
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn everything_of_a_trunk_is_read() {
        let text = "\
[[trunks]]
name = \"azercell\"
sources = [\"198.51.100.0/24\"]
peer = \"sip:sip.carrier.az;transport=tcp\"
outbound_proxy = \"sip:edge.carrier.az:5080\"
user = \"helpline\"
password = \"opensesame\"
register = true
expires = \"5m\"
from = \"+994506802280\"
number_format = \"national\"
codecs = [\"pcmu\", \"pcma\"]
did_from = \"diversion\"
max_calls = 30
calls_per_second = 5
busy_code = 503
emergency_channels = 2
priority = 2
weight = 40
qualify_every = \"30s\"
failover_after = \"2s\"
tls_identity = \"carrier.az\"
";
        let trunks = checked(text).unwrap();
        let trunk = &trunks[0];
        assert_eq!(
            trunk.peer.as_ref().unwrap().to_string(),
            "sip:sip.carrier.az;transport=tcp"
        );
        assert_eq!(trunk.register, Some(Duration::from_secs(300)));
        assert_eq!(trunk.codecs, [Codec::Pcmu, Codec::Pcma]);
        assert_eq!(trunk.did_from, DidFrom::Diversion);
        assert_eq!(trunk.number_format, NumberFormat::National);
        let limits = Limits {
            max_calls: Some(30),
            calls_per_second: Some(5),
            busy_code: 503,
            emergency_channels: 2,
        };
        assert_eq!(trunk.limits, limits);
        assert_eq!((trunk.priority, trunk.weight), (2, 40));
        assert_eq!(trunk.qualify_every, Some(Duration::from_secs(30)));
        assert_eq!(trunk.failover_after, Duration::from_secs(2));
        assert_eq!(trunk.tls_identity.as_deref(), Some("carrier.az"));
        assert!(!format!("{trunk:?}").contains("opensesame"));
    }

    #[test]
    fn each_mistake_of_a_trunk_has_its_line_and_a_remedy() {
        for (lines, wanted) in [
            ("peer = \"sip.carrier.az\"", "sip:sip.carrier.az"),
            ("peer = \"sip:a.az;transport=sctp\"", "transport=udp"),
            ("register = true", "where is the registrar"),
            ("peer = \"sip:a.az\"\nregister = true", "as whom"),
            ("expires = \"5m\"", "register = true"),
            ("peer = \"sip:a.az\"\nqualify_every = \"100ms\"", "1s"),
            ("qualify_every = \"30s\"", "whom should OPTIONS ask"),
            ("codecs = [\"g729\"]", "pcma"),
            ("codecs = [\"pcma\", \"pcma\"]", "once"),
            ("did_from = \"from\"", "request-uri"),
            ("number_format = \"local\"", "+e164"),
            ("max_calls = 1", "emergency"),
            ("emergency_channels = 2", "max_calls"),
            ("calls_per_second = 0", "calls_per_second"),
            ("busy_code = 200", "486"),
            ("weight = 70000", "65535"),
        ] {
            let text = format!("[[trunks]]\nname = \"a\"\nsources = [\"192.0.2.1\"]\n{lines}\n");
            let faults = checked(&text).unwrap_err().concat();
            assert!(faults.contains(wanted), "{lines}: {faults}");
            assert!(faults.starts_with("qaynar.toml:"), "{faults}");
        }
    }

    #[test]
    fn one_network_of_two_trunks_is_a_mistake_and_a_narrower_one_is_not() {
        let two = |second: &str| {
            format!(
                "[[trunks]]\nname = \"a\"\nsources = [\"192.0.2.0/24\"]\n\
                 [[trunks]]\nname = \"b\"\nsources = [\"{second}\"]\n"
            )
        };
        let faults = checked(&two("192.0.2.7/24")).unwrap_err();
        assert!(
            faults[0].starts_with("qaynar.toml:4") && faults[0].contains("whose call"),
            "{faults:?}"
        );
        assert_eq!(checked(&two("192.0.2.7")).unwrap().len(), 2);
    }
}
