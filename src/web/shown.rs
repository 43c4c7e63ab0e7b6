//! Call records as programs read them: the same from `qaynar calls --json` and the API.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use crate::event::{CallRecord, Quality};
use crate::ids::{OperatorId, QueueName};
use crate::time::Wall;

/// A call. Moments are RFC 3339 in the dialplan's time zone, times are seconds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Call {
    /// Which.
    pub call: String,
    /// Who called, by pseudonym; null: no identity.
    pub caller: Option<String>,
    /// The number of ours that was dialled.
    pub dialled: String,
    /// By which trunk.
    pub trunk: String,
    /// The last queue that the caller waited in.
    pub queue: Option<String>,
    /// Who talked with the caller last.
    pub operator: Option<String>,
    /// In which language the caller was spoken to: az, ru, en.
    pub language: String,
    /// When it arrived.
    pub arrived: String,
    /// When we answered.
    pub answered: Option<String>,
    /// When the caller entered the first queue.
    pub queued: Option<String>,
    /// When an operator's phone rang first.
    pub rung: Option<String>,
    /// When an operator and the caller were first connected.
    pub connected: Option<String>,
    /// When it was over.
    pub ended: Option<String>,
    /// Who hung up: caller, operator, server.
    pub ended_by: Option<String>,
    /// Why it ended.
    pub cause: Option<String>,
    /// How long the caller waited.
    pub waited: Option<f64>,
    /// How long the two talked.
    pub talked: Option<f64>,
    /// How long it lasted.
    pub lasted: Option<f64>,
    /// The hash of the dialplan that it ran on.
    pub plan: String,
    /// `in`; `out`: `caller` is whom the operator called, `dialled` the class of the number; `back`: a caller is
    /// called back.
    pub direction: String,
    /// How the caller's audio was.
    pub caller_quality: Option<Figures>,
    /// How the operator's audio was.
    pub operator_quality: Option<Figures>,
}

/// What a leg's streams were like. Times in milliseconds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Figures {
    /// Packets that came.
    pub received: u64,
    /// Packets that went.
    pub sent: u64,
    /// Packets that never came, per 10,000.
    pub lost_per_10k: u32,
    /// Packets of ours that the peer missed, per 10,000.
    pub remote_lost_per_10k: Option<u32>,
    /// Jitter at its greatest.
    pub jitter_ms: f64,
    /// The last round trip.
    pub round_trip_ms: Option<f64>,
    /// How long no audio came though it should have.
    pub absent_ms: f64,
}

impl Figures {
    fn new(quality: &Quality) -> Self {
        Self {
            received: quality.received,
            sent: quality.sent,
            lost_per_10k: quality.lost_per_10k,
            remote_lost_per_10k: quality.remote_lost_per_10k,
            jitter_ms: milliseconds(quality.jitter),
            round_trip_ms: quality.round_trip.map(milliseconds),
            absent_ms: milliseconds(quality.absent),
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

impl Call {
    /// A record, in the moments of this zone.
    pub fn new(record: &CallRecord, zone: &TimeZone) -> Self {
        let moment = |moment: Option<Wall>| moment.map(|moment| rfc3339(moment, zone));
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        Self {
            call: record.call.to_string(),
            caller: record.caller.as_ref().map(|one| one.as_str().to_owned()),
            dialled: record.dialled.clone(),
            trunk: record.trunk.to_string(),
            queue: record.queue.as_ref().map(QueueName::to_string),
            operator: record.operator.as_ref().map(OperatorId::to_string),
            language: record.language.code().to_owned(),
            arrived: rfc3339(record.arrived, zone),
            answered: moment(record.answered),
            queued: moment(record.queued),
            rung: moment(record.rung),
            connected: moment(record.connected),
            ended: moment(record.ended),
            ended_by: record.ended_by.map(word),
            cause: record.cause.map(word),
            waited: seconds(record.waited()),
            talked: seconds(record.talked()),
            lasted: seconds(record.lasted()),
            plan: record.plan.clone(),
            direction: word(record.direction),
            caller_quality: record.caller_quality.as_ref().map(Figures::new),
            operator_quality: record.operator_quality.as_ref().map(Figures::new),
        }
    }
}

/// The word that serde writes: `hung_up`.
pub fn word<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A moment with its offset.
pub fn rfc3339(moment: Wall, zone: &TimeZone) -> String {
    let Ok(stamp) = Timestamp::from_microsecond(moment.0) else {
        return String::new();
    };
    stamp
        .to_zoned_datetime(zone.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
        .to_string()
}
