//! The columns of calls.

use std::time::Duration;

use serde::Serialize;

use super::Kind::{Moment, Seconds, Text, Whole};
use super::Use::{Detail, Dimension, Identity};
use super::{Cell, Column, Context, Table, column};
use crate::event::CallRecord;

/// Calls.
#[derive(Debug)]
pub struct Calls;

impl Table for Calls {
    type Row = CallRecord;
    const NAME: &'static str = "calls";
    const COLUMNS: &'static [Column] = &[
        column("call", Text, Identity, "which"),
        column(
            "caller",
            Text,
            Identity,
            "who called, by pseudonym; empty: no identity. Of direction out: who was called",
        ),
        column(
            "direction",
            Text,
            Dimension,
            "in: a caller called; out: an operator did; back: a caller was called back",
        ),
        column(
            "dialled",
            Text,
            Dimension,
            "the number of ours that was dialled; of direction out the class of the number",
        ),
        column("trunk", Text, Dimension, "by which line"),
        column(
            "queue",
            Text,
            Dimension,
            "the last queue that the caller waited in",
        ),
        column(
            "operator",
            Text,
            Identity,
            "who talked with the caller last",
        ),
        column(
            "language",
            Text,
            Dimension,
            "in which language the caller was spoken to",
        ),
        column("arrived", Moment, Detail, "when the call came"),
        column(
            "month",
            Text,
            Dimension,
            "the month of that, in the time zone of the helpline",
        ),
        column(
            "weekday",
            Whole,
            Dimension,
            "the day of the week of that, 1 (Monday) to 7",
        ),
        column("hour", Whole, Dimension, "the hour of that, 0 to 23"),
        column("answered", Moment, Detail, "when the server answered"),
        column(
            "queued",
            Moment,
            Detail,
            "when the caller entered the first queue",
        ),
        column(
            "rung",
            Moment,
            Detail,
            "when an operator's phone rang first",
        ),
        column(
            "connected",
            Moment,
            Detail,
            "when caller and operator first heard each other",
        ),
        column("ended", Moment, Detail, "when it was over"),
        column(
            "ended_by",
            Text,
            Dimension,
            "who ended it: caller, operator, server",
        ),
        column("cause", Text, Dimension, "why it ended"),
        column(
            "waited",
            Seconds,
            Detail,
            "from the first queue to the operator, or to the end",
        ),
        column(
            "talked",
            Seconds,
            Detail,
            "from the first connection with an operator to the end",
        ),
        column(
            "held",
            Seconds,
            Detail,
            "how long operators had the caller on hold",
        ),
        column("lasted", Seconds, Detail, "from the arrival to the end"),
        column("plan", Text, Detail, "the hash of the dialplan"),
    ];

    fn cell(one: &CallRecord, column: &str, context: &Context<'_>) -> Cell {
        let seconds =
            |time: Option<Duration>| Cell::of(time, |time| Cell::Seconds(time.as_secs_f64()));
        let moment = |moment| Cell::of(moment, Cell::Moment);
        let local = || context.local(one.arrived);
        match column {
            "call" => Cell::text(one.call.to_string()),
            "caller" => Cell::of(one.caller.as_ref(), |caller| Cell::text(caller.as_str())),
            "direction" => word(one.direction),
            "dialled" => Cell::text(one.dialled.as_str()),
            "trunk" => Cell::text(one.trunk.as_str()),
            "queue" => Cell::of(one.queue.as_ref(), |queue| Cell::text(queue.as_str())),
            "operator" => Cell::of(one.operator.as_ref(), |one| Cell::text(one.as_str())),
            "language" => Cell::text(one.language.code()),
            "arrived" => Cell::Moment(one.arrived),
            "month" => context.month(one.arrived),
            "weekday" => Cell::Whole(local().weekday().to_monday_one_offset().into()),
            "hour" => Cell::Whole(local().hour().into()),
            "answered" => moment(one.answered),
            "queued" => moment(one.queued),
            "rung" => moment(one.rung),
            "connected" => moment(one.connected),
            "ended" => moment(one.ended),
            "ended_by" => Cell::of(one.ended_by, word),
            "cause" => Cell::of(one.cause, word),
            "waited" => seconds(one.waited()),
            "talked" => seconds(one.talked()),
            "held" => seconds(Some(one.held)),
            "lasted" => seconds(one.lasted()),
            "plan" => Cell::text(one.plan.as_str()),
            _ => Cell::Nothing,
        }
    }
}

/// The word that serde writes: `hung_up`.
fn word<T: Serialize>(value: T) -> Cell {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Cell::text(word),
        _ => Cell::Nothing,
    }
}
