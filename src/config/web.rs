//! `[web]`, `[webhooks]` and `[[webhooks.to]]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check::{each, name, one};
use super::settings::{Destination, Web, Webhooks};
use crate::dialplan::read::Table;
use crate::dialplan::webhook::Url;
use crate::records::told::{EVENTS, is_event};

/// The most servers that are told of events: each has a thread.
const MOST: usize = 16;
/// The longest that a server is told something again.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Where the API is heard.
pub(super) fn web(table: &Table<'_, '_>, web: &mut Web) {
    let remedy =
        "write an address and a port: \"127.0.0.1:8080\", \"[::1]:8080\"; or [] for no API";
    let read = |text: &str| text.parse::<SocketAddr>().ok();
    if let Some(listen) = each(table, "listen", "place to listen", remedy, read) {
        web.listen = listen;
    }
}

/// Who is asked, and who is told.
pub(super) fn webhooks(table: &Table<'_, '_>, base: &Path, webhooks: &mut Webhooks) {
    webhooks.secrets = table.text("secrets").map(|(file, _)| base.join(file));
    if let Some(time) = table.duration("give_up", false) {
        match time <= LONGEST {
            true => webhooks.give_up = time,
            false => table.fault("[webhooks] give_up is too long", "write at most \"30d\""),
        }
    }
    for to in table.tables("to", "a server that is told of events") {
        if let Some(destination) = destination(&to, base) {
            if webhooks.to.iter().any(|one| one.name == destination.name) {
                let text = format!("there are two webhooks called {:?}", destination.name);
                to.fault(text, "give each its own name");
            }
            if webhooks.to.len() >= MOST {
                to.fault(
                    "there are too many webhooks",
                    format!("{MOST} may be there"),
                );
                break;
            }
            webhooks.to.push(destination);
        }
        to.finish();
    }
}

fn destination(table: &Table<'_, '_>, base: &Path) -> Option<Destination> {
    let remedy = "write 1 to 64 letters, digits, '-', '_' and '.'";
    let named = one(table, "name", "name of a webhook", remedy, |text| {
        name(text).map(str::to_owned)
    });
    let url = url(table);
    let known: Vec<&str> = EVENTS.iter().map(|(name, _)| *name).collect();
    let remedy = format!("events are {}", known.join(", "));
    let events = each(table, "events", "event", &remedy, |text| {
        is_event(text).then(|| text.to_owned())
    });
    if events.as_ref().is_none_or(Vec::is_empty) {
        table.fault(
            "a webhook without events: of what should it be told?",
            "write events = [\"call.ended\", \"contact.opened\"]",
        );
    }
    let secret = secret(table, base);
    if !table.has("name") {
        table.fault(
            "a webhook without a name",
            "write name = \"…\": it stands in lists",
        );
    }
    Some(Destination {
        name: named?,
        url: url?,
        events: events?.into_iter().collect(),
        secret: secret?,
    })
}

fn url(table: &Table<'_, '_>) -> Option<Url> {
    let Some((text, span)) = table.text("url") else {
        table.fault(
            "a webhook without an address",
            "write url = \"https://HOST/PATH\"",
        );
        return None;
    };
    let read = Url::parse(&text).map_err(|fault| {
        let what = format!("{text:?} {fault}");
        table.source.fault(span, what, fault.remedy());
    });
    read.ok()
}

fn secret(table: &Table<'_, '_>, base: &Path) -> Option<PathBuf> {
    let file = table.text("secret").map(|(file, _)| base.join(file));
    if file.is_none() {
        table.fault(
            "a webhook without a secret: how would the server know that it is told by us?",
            "write secret = \"FILE\", a file for this user alone; `openssl rand -hex 32 > FILE` makes one",
        );
    }
    file
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let faults = check("qaynar.toml", text, Path::new("/srv")).unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_webhook_says_who_is_told_of_what() {
        let text = "[web]\nlisten = []\n[webhooks]\ngive_up = \"7d\"\n[[webhooks.to]]\nname = \"crm\"\n\
                    url = \"https://crm.example/q\"\nevents = [\"call.ended\"]\nsecret = \"crm.secret\"\n";
        let settings = check("qaynar.toml", text, Path::new("/srv")).unwrap();
        assert!(settings.web.listen.is_empty());
        let one = &settings.webhooks.to[0];
        assert_eq!(one.secret, Path::new("/srv/crm.secret"));
        assert_eq!(settings.webhooks.give_up, Duration::from_secs(7 * 86_400));
    }

    #[test]
    fn its_mistakes_are_told_with_the_way_out() {
        let told = faults("[web]\nlisten = \"8080\"\n[[webhooks.to]]\nevents = [\"call.over\"]\n");
        let told = told.join("\n");
        for expected in [
            "qaynar.toml:2: \"8080\" is no place to listen",
            "\"call.over\" is no event; events are call.arrived",
            "a webhook without a name",
            "a webhook without an address",
            "a webhook without a secret",
        ] {
            assert!(told.contains(expected), "{expected} in {told}");
        }
        let told = faults(
            "[[webhooks.to]]\nname = \"a\"\nurl = \"http://crm.example/\"\nevents = [\"alarm\"]\nsecret = \"s\"\n",
        );
        assert!(told[0].contains("is not secure"), "{told:?}");
    }
}
