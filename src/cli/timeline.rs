//! `qaynar calls --call ID`: all that happened to one call, moment by moment.

use std::io::Write;

use jiff::tz::TimeZone;

use super::CliError;
use super::args::{Calls, Form};
use super::calls::{escaped, rfc3339};
use crate::config::Settings;
use crate::event::{Event, What};
use crate::ids::CallId;
use crate::records::segments::segments;
use crate::store::calls::timeline;

/// Does it.
pub(super) fn run(
    call: CallId,
    arguments: &Calls,
    settings: &Settings,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let events = timeline(
        &settings.storage.database,
        &settings.storage.journal(),
        call,
    )?;
    if events.is_empty() {
        return Err(CliError::Arguments(format!(
            "there is no call {call}; `qaynar calls` lists them"
        )));
    }
    if arguments.json || arguments.format == Form::Json {
        serde_json::to_writer_pretty(&mut *out, &json(&events, zone)?)
            .map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    if arguments.format == Form::Csv {
        writeln!(out, "at,event,details")?;
    }
    for event in &events {
        let at = rfc3339(event.at, zone);
        let (kind, details) = words(event)?;
        match arguments.format {
            Form::Csv => writeln!(out, "{at},{kind},{}", escaped(&details))?,
            _ => writeln!(
                out,
                "{}  {kind:<14}  {details}",
                at.get(11..23).unwrap_or(&at)
            )?,
        }
    }
    if arguments.format == Form::Text {
        for part in segments(&events) {
            let lasted = part.lasted().map_or_else(
                || "and still does".to_owned(),
                |time| format!("for {} s", time.as_secs()),
            );
            writeln!(out, "talked with {} {lasted}", part.operator)?;
        }
    }
    Ok(())
}

/// The event with its moment as people write it.
fn json(events: &[Event], zone: &TimeZone) -> Result<Vec<serde_json::Value>, std::io::Error> {
    let line = |event: &Event| {
        let mut value = serde_json::to_value(event)?;
        value["at"] = rfc3339(event.at, zone).into();
        Ok(value)
    };
    events.iter().map(line).collect()
}

/// The kind, and `name: value` of each field that is there.
fn words(event: &Event) -> Result<(String, String), std::io::Error> {
    if let What::Messages { messages, .. } = &event.what {
        let details = format!("count: {}; `qaynar trace` draws them", messages.len());
        return Ok(("messages".to_owned(), details));
    }
    if let What::Recording { .. } = &event.what {
        let details = super::words::words(&event.what).unwrap_or_default();
        return Ok(("recording".to_owned(), details));
    }
    let value = serde_json::to_value(&event.what)?;
    let kind = value["event"].as_str().unwrap_or_default().to_owned();
    let fields = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| *name != "event" && !value.is_null());
    let details: Vec<String> = fields
        .map(|(name, value)| match value {
            serde_json::Value::String(text) => format!("{name}: {text}"),
            other => format!("{name}: {other}"),
        })
        .collect();
    Ok((kind, details.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Entry;
    use crate::records::build::samples::call;
    use crate::store::health::Health;
    use crate::store::journal::{Journal, Settings as JournalSettings};

    #[test]
    fn a_call_is_told_from_its_arrival_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::defaults(folder.path());
        let journal = JournalSettings {
            reserve: 0,
            ..JournalSettings::in_folder(&settings.storage.journal())
        };
        let (journal, _) = Journal::open(journal, 0, Health::logged()).unwrap();
        for id in [1, 2] {
            let entries: Vec<Entry> = call(id, 1_795_000_000)
                .into_iter()
                .map(Entry::Event)
                .collect();
            journal.append(&entries);
        }
        let arguments = |id| Calls {
            from: None,
            to: None,
            limit: 1,
            call: Some(CallId(id)),
            operator: None,
            format: Form::Text,
            json: false,
        };
        let mut out = Vec::new();
        run(
            CallId(2),
            &arguments(2),
            &settings,
            &TimeZone::UTC,
            &mut out,
        )
        .unwrap();
        let text = String::from_utf8(out).unwrap();
        let kinds: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1))
            .collect();
        assert_eq!(kinds.first(), Some(&"arrived"), "{text}");
        assert!(kinds.contains(&"connected") && kinds.contains(&"ended"));
        assert!(text.ends_with("talked with 101 for 60 s\n"), "{text}");
        assert_eq!(kinds.iter().filter(|kind| **kind == "ended").count(), 1);
        let nobody = run(
            CallId(9),
            &arguments(9),
            &settings,
            &TimeZone::UTC,
            &mut Vec::new(),
        );
        assert!(nobody.unwrap_err().to_string().contains("qaynar calls"));
    }
}
