//! Files of scanners' patterns.

use crate::dialplan::Fault;
use crate::dialplan::read::{Source, Table};
use crate::switch::{Scanner, Scanners};

/// What holds where no file is named.
const SHIPPED: &str = include_str!("scanners.toml");
/// The most scanners, and the most patterns of one: each costs time at each request of a stranger.
const MOST: usize = 200;
/// The shortest pattern: a shorter one would be in what honest phones write.
const SHORTEST: usize = 4;
/// The most names that may be asked for; more are no limit.
const MOST_NAMES: usize = 1_000;

/// The patterns of this program.
pub(super) fn shipped() -> Scanners {
    // A test reads them.
    read("scanners.toml", SHIPPED).unwrap_or_default()
}

/// Reads the text of a file.
///
/// # Errors
/// All mistakes, in the order of the file.
pub(super) fn read(file: &str, text: &str) -> Result<Scanners, Vec<Fault>> {
    let source = Source::new(file, text);
    let parsed = source.parse();
    let top = Table::new(&source, 0..0, "the file", parsed.get_ref());
    let mut scanners = Scanners::default();
    if let Some(names) = top.count("sweep") {
        let fits = u32::try_from(names)
            .ok()
            .filter(|_| (2..=MOST_NAMES).contains(&names));
        match fits {
            Some(names) => scanners.names = names,
            None => {
                let span = top.value("sweep").map_or(0..0, |value| value.span());
                let remedy = format!("write how many names, from 2 to {MOST_NAMES}");
                source.fault(span, format!("sweep = {names} is out of range"), remedy);
            }
        }
    }
    for table in top.tables("scanner", "a scanner") {
        if scanners.known.len() >= MOST {
            table.fault(
                format!("more than {MOST} scanners"),
                "leave out the rarer ones",
            );
            break;
        }
        scanners.known.push(scanner(&table));
        table.finish();
    }
    top.finish();
    let faults = source.into_faults();
    if faults.is_empty() {
        Ok(scanners)
    } else {
        Err(faults)
    }
}

fn scanner(table: &Table<'_, '_>) -> Scanner {
    let name = table.text("name").map(|(name, _)| name);
    if name.is_none() && !table.has("name") {
        table.fault("a scanner without a name", "write name = \"…\", for people");
    }
    let scanner = Scanner {
        name: name.unwrap_or_default(),
        user_agent: patterns(table, "user_agent"),
        from: patterns(table, "from"),
        to: patterns(table, "to"),
    };
    if ["user_agent", "from", "to"]
        .iter()
        .all(|key| !table.has(key))
    {
        let remedy = "write parts of its user_agent, from or to";
        table.fault("a scanner without a pattern", remedy);
    }
    scanner
}

fn patterns(table: &Table<'_, '_>, key: &'static str) -> Vec<String> {
    let mut patterns = Vec::new();
    for (text, span) in table.texts(key).unwrap_or_default() {
        let length = text.chars().count();
        if length < SHORTEST || patterns.len() >= MOST {
            let remedy = format!("write {SHORTEST} letters at least, and {MOST} patterns at most");
            let what =
                format!("{text:?} would be found in what honest phones write, or is one too many");
            table.source.fault(span, what, remedy);
        } else {
            patterns.push(text.to_lowercase());
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;
    use crate::sip::parse::parse_datagram;

    fn found(scanners: &Scanners, agent: &str, from: &str) -> Option<String> {
        let text = format!(
            "OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
             From: {from};tag=1\r\nTo: <sip:100@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
             User-Agent: {agent}\r\nContent-Length: 0\r\n\r\n"
        );
        let Ok(Message::Request(request)) = parse_datagram(text.as_bytes()) else {
            panic!("{text}");
        };
        scanners.find(&request).map(str::to_owned)
    }

    #[test]
    fn known_scanners_are_found_and_phones_are_not() {
        let shipped = read("scanners.toml", SHIPPED).unwrap();
        assert_eq!(shipped, super::shipped());
        let somebody = "<sip:100@192.0.2.66>";
        for agent in [
            "friendly-scanner",
            "SIPVicious 0.3",
            "sipcli/v1.8",
            "VaxSIPUserAgent/3.1",
        ] {
            assert!(found(&shipped, agent, somebody).is_some(), "{agent}");
        }
        let sipvicious = found(
            &shipped,
            "Cisco-SIPGateway",
            "\"sipvicious\"<sip:100@1.1.1.1>",
        );
        assert_eq!(sipvicious.as_deref(), Some("sipvicious"));
        for agent in [
            "baresip v3.16.0 (x86_64/Linux)",
            "Linphone/5.2",
            "PJSUA v2.14",
            "SIPp",
            "MicroSIP/3.21",
            "Zoiper rv2.10",
            "Yealink SIP-T46S",
            "Grandstream GXP2170",
            "JsSIP 3.10",
            "Asterisk PBX",
            "Kamailio",
            "Cisco/SPA504G",
            "Fanvil X4U",
            "snomD785",
            "Bria 6",
            "eyeBeam release 1102",
        ] {
            assert_eq!(found(&shipped, agent, somebody), None, "{agent}");
        }
    }

    #[test]
    fn each_mistake_of_a_file_is_told_with_its_line() {
        let text = "sweep = 1\n[[scanner]]\nuser_agent = \"sip\"\n[[scanner]]\nname = \"x\"\n\
                    [[scanner]]\nname = \"y\"\nfrom = \"long enough\"\nagent = \"z\"\n";
        let faults = read("mine.toml", text).unwrap_err();
        let told: Vec<String> = faults.iter().map(Fault::to_string).collect();
        let lines: Vec<&str> = told
            .iter()
            .filter_map(|one| one.split(':').nth(1))
            .collect();
        assert_eq!(lines, ["1", "2", "3", "4", "9"], "{told:#?}");
        assert!(
            told[4].starts_with("mine.toml:9") && told[4].contains("agent"),
            "{told:?}"
        );
    }
}
