//! `[voicemail.NAME]`, and `record` of queues: what is recorded, and what must be said before.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::super::plan::Mailbox;
use super::super::read::Table;
use super::sounds::Found;
use super::{Draft, Reference};
use crate::ids::{Language, MailboxName, OperatorId};
use crate::speech::messages;

/// How long a message may be where nothing is said, and at most.
const MOST: Duration = Duration::from_secs(180);
const LONGEST: Duration = Duration::from_secs(600);
/// For how long files are kept where nothing is said.
const KEEP: Duration = Duration::from_secs(30 * 86_400);

impl Draft {
    pub(super) fn read_voicemail_step(&mut self, step: &Table<'_, '_>) -> Option<MailboxName> {
        let (name, span) = step.text("voicemail")?;
        self.mailbox_references.push(Reference {
            place: step.source.place(&span),
            name: name.clone(),
        });
        Some(MailboxName(name))
    }

    pub(super) fn read_mailbox(
        &mut self,
        mailboxes: &Table<'_, '_>,
        name: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let source = mailboxes.source;
        let Some(table) = value.get_ref().as_table() else {
            let what = format!("voicemail {name} is no table");
            return source.fault(span, what, "write [voicemail.NAME]");
        };
        let table = Table::new(source, span.clone(), format!("voicemail {name}"), table);
        let greeting = self.prompts(&table, "greeting");
        if greeting.is_empty() {
            table.fault(
                format!("voicemail {name} has no greeting"),
                "say what callers hear before the tone: greeting = \"leave-a-message\"",
            );
        }
        let most = table.duration("most", false).unwrap_or(MOST);
        if most > LONGEST {
            table.fault(
                "a message may not be longer than ten minutes",
                "write most = \"10m\" or less",
            );
        }
        let operators = table.texts("operators").map(|all| {
            let all = all.into_iter();
            all.map(|(id, _)| OperatorId(id)).collect::<Vec<_>>()
        });
        if operators.as_ref().is_some_and(Vec::is_empty) {
            table.fault(
                format!("nobody hears the messages of voicemail {name}"),
                "name some operators, or leave operators out for all of them",
            );
        }
        let mailbox = Mailbox {
            place: table.place(),
            greeting,
            most,
            quiet: table.duration("quiet", false),
            operators,
            keep: table.duration("keep", false).unwrap_or(KEEP),
        };
        table.finish();
        let known = self.mailboxes.insert(MailboxName::from(name), mailbox);
        if known.is_some() {
            let what = format!("voicemail {name} is there twice");
            source.fault(span, what, "give one of them another name");
        }
    }

    /// `record` and `keep` of a queue.
    pub(super) fn read_record(&mut self, table: &Table<'_, '_>) -> Option<Duration> {
        let records = table.flag("record") == Some(true);
        let keep = table.duration("keep", false);
        match (records, table.value("record")) {
            (true, Some(value)) => self.recording.push(table.source.place(&value.span())),
            _ if table.has("keep") => table.fault(
                "keep without record",
                "keep is for how long recordings are kept: write record = true, or remove it",
            ),
            _ => {}
        }
        records.then_some(keep.unwrap_or(KEEP))
    }

    /// What callers hear of recordings must be there in each language.
    pub(super) fn missing_of_recordings(
        &self,
        language: Language,
        there: &BTreeSet<String>,
    ) -> Vec<Found> {
        let mailboxes = self.mailboxes.values();
        let full = mailboxes.map(|one| {
            (
                &one.place,
                messages::NO_ROOM,
                "callers hear it where no message can be recorded",
            )
        });
        let talks = self.recording.iter();
        let notice = talks.map(|place| {
            (
                place,
                messages::NOTICE,
                "nobody is recorded who was not told",
            )
        });
        let missing = full
            .chain(notice)
            .filter(|(_, name, _)| !there.contains(*name));
        let told = missing.map(|(place, name, why)| {
            let what = format!("there is no prompts/{language}/{name}.wav");
            (
                place.clone(),
                what,
                format!("record it, or run prompts/make: {why}"),
            )
        });
        told.collect()
    }

    /// What operators hear who listen to messages or pause a recording, in the first language.
    pub(super) fn missing_of_listening(
        &self,
        language: Language,
        there: &BTreeSet<String>,
    ) -> Vec<Found> {
        let mailbox = self.mailboxes.values().next().map(|one| &one.place);
        let listening = messages::CLIPS.into_iter().zip(mailbox.into_iter().cycle());
        let paused = [messages::PAUSED, messages::RESUMED].into_iter();
        let paused = paused.zip(self.recording.iter().cycle());
        let missing = listening
            .map(|one| (one, "operators who hear messages hear it"))
            .chain(paused.map(|one| (one, "operators hear it who pause a recording")))
            .filter(|((name, _), _)| !there.contains(*name));
        let told = missing.map(|((name, place), why)| {
            let what = format!("there is no prompts/{language}/{name}.wav");
            let remedy = format!("record it, or run prompts/make: {why}");
            (place.clone(), what, remedy)
        });
        told.collect()
    }

    /// The tone after which callers speak.
    pub(super) fn wanted_tone(&self) -> Option<(&super::super::fault::Place, &'static str)> {
        let mailbox = self.mailboxes.values().next()?;
        Some((&mailbox.place, messages::TONE))
    }
}
