//! The columns of activities.

use super::Kind::{Text, Whole};
use super::Use::{Detail, Dimension, Identity, Words};
use super::{Cell, Column, Context, Table, column};
use crate::records::activity;
use crate::records::contact::Activity;

/// Activities.
#[derive(Debug)]
pub struct Activities;

impl Table for Activities {
    type Row = Activity;
    const NAME: &'static str = "activities";
    const COLUMNS: &'static [Column] = &[
        column("activity_id", Text, Identity, "which"),
        column(
            "kind",
            Text,
            Dimension,
            "of which kind: family meeting, webinar, …",
        ),
        column("title", Text, Words, "its title"),
        column("held_on", Text, Detail, "the day on which it began"),
        column(
            "ended_on",
            Text,
            Detail,
            "the last day of what took several",
        ),
        column("month", Text, Dimension, "the month in which it began"),
        column("case_id", Whole, Identity, "the case that it belongs to"),
    ];

    fn cell(one: &Activity, column: &str, _: &Context<'_>) -> Cell {
        match column {
            "activity_id" => Cell::text(one.id.as_str()),
            "month" => Cell::Text(format!(
                "{:04}-{:02}",
                one.held_on.year(),
                one.held_on.month()
            )),
            "case_id" => Cell::of(one.case, Cell::Whole),
            field => Cell::text(activity::text(one, field)),
        }
    }
}
