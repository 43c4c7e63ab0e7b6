//! The columns of contacts.

use super::Kind::{Moment, Text, Truth, Whole};
use super::Use::{Detail, Dimension, Identity, Words};
use super::{Cell, Column, Context, Table, column};
use crate::ids::Pseudonym;
use crate::records::contact::Contact;
use crate::records::fields;

/// Contacts.
#[derive(Debug)]
pub struct Contacts;

impl Table for Contacts {
    type Row = Contact;
    const NAME: &'static str = "contacts";
    const COLUMNS: &'static [Column] = &[
        column(
            "contact_id",
            Text,
            Identity,
            "which; of a call K- and the call's id",
        ),
        column("version", Whole, Detail, "how often it was written, from 1"),
        column("opened_at", Moment, Detail, "when it began"),
        column(
            "month",
            Text,
            Dimension,
            "the month in which it began, in the time zone of the helpline",
        ),
        column("channel", Text, Dimension, "how it came: phone, webchat, …"),
        column(
            "dialled",
            Text,
            Dimension,
            "the number of ours that was dialled",
        ),
        column(
            "language",
            Text,
            Dimension,
            "in which language: az, ru, en, other",
        ),
        column(
            "party",
            Text,
            Dimension,
            "who made contact: child, adult, unknown",
        ),
        column(
            "about",
            Text,
            Dimension,
            "whom it is about: self, another child",
        ),
        column("gender", Text, Dimension, "of the contacting person"),
        column("age", Whole, Detail, "the contacting person's years"),
        column(
            "age_band",
            Text,
            Dimension,
            "the band of age, by the contact's taxonomy",
        ),
        column(
            "child_age",
            Whole,
            Detail,
            "the years of the child whom it is about",
        ),
        column("child_age_band", Text, Dimension, "the band of child_age"),
        column(
            "child_gender",
            Text,
            Dimension,
            "of the child whom it is about",
        ),
        column("topic", Text, Dimension, "the one primary topic, by its id"),
        column(
            "taxonomy",
            Whole,
            Dimension,
            "the version that topic, issues, service_tags and bands are of",
        ),
        column(
            "issues",
            Text,
            Detail,
            "finer reasons, by their ids, parted by semicolons",
        ),
        column(
            "contact_type",
            Text,
            Dimension,
            "what kind of contact it was; empty: not filled in",
        ),
        column(
            "first_time",
            Text,
            Dimension,
            "whether for the first time: yes, no, unknown",
        ),
        column(
            "anonymous",
            Truth,
            Dimension,
            "whether the person wanted no name to be known",
        ),
        column(
            "risk",
            Text,
            Dimension,
            "how much danger there is; empty: not judged",
        ),
        column(
            "may_call_back",
            Text,
            Dimension,
            "whether the person may be called back",
        ),
        column(
            "may_refer",
            Text,
            Dimension,
            "whether data may be handed to another service",
        ),
        column("safe_time", Text, Words, "when it is safe to call back"),
        column(
            "safe_words",
            Text,
            Words,
            "what may be said to somebody else who answers",
        ),
        column("case_id", Whole, Identity, "the case that it belongs to"),
        column(
            "service_tags",
            Text,
            Detail,
            "services that were asked for, parted by semicolons",
        ),
        column("region", Text, Words, "where the person lives"),
        column(
            "heard_from",
            Text,
            Words,
            "how the person heard of the helpline",
        ),
        column("referral", Text, Words, "where the person was referred to"),
        column("notes", Text, Words, "what else there is to say"),
        column(
            "calls",
            Text,
            Identity,
            "the calls that it belongs to, parted by semicolons",
        ),
        column(
            "caller",
            Text,
            Identity,
            "who called, by pseudonym; empty: no identity",
        ),
        column("operator", Text, Identity, "who took it"),
    ];

    fn cell(one: &Contact, column: &str, context: &Context<'_>) -> Cell {
        let years = |age: Option<u8>| Cell::of(age, |age| Cell::Whole(age.into()));
        match column {
            "contact_id" => Cell::text(one.id.0.as_str()),
            "version" => Cell::Whole(i64::try_from(one.version).unwrap_or(i64::MAX)),
            "opened_at" => Cell::Moment(one.opened),
            "month" => context.month(one.opened),
            "age" => years(one.age),
            "age_band" => context.band(one.age, one.taxonomy),
            "child_age" => years(one.child_age),
            "child_age_band" => context.band(one.child_age, one.taxonomy),
            "taxonomy" => Cell::Whole(one.taxonomy.into()),
            "anonymous" => Cell::Truth(one.anonymous),
            "case_id" => Cell::of(one.case, Cell::Whole),
            "caller" => Cell::of(one.caller.as_ref(), |caller| {
                Cell::text(Pseudonym::as_str(caller))
            }),
            field => Cell::text(fields::text(one, field)),
        }
    }
}
