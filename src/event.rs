//! What happened: the shared vocabulary of switch, journal, records and console.
//!
//! Events are journalled in the clear, so none may hold a caller's number: callers appear as
//! [`Pseudonym`] alone.

mod recording;
mod traced;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use recording::{Change, Recorded, Recording, RecordingEnd};
pub use traced::Traced;

use crate::ids::{
    CallId, Language, ListName, OperatorId, PathName, Pseudonym, QueueName, RecordingId, TrunkName,
};
use crate::time::Wall;

/// One thing that happened, once. The order of the journal is the order of the switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the wall clock.
    pub at: Wall,
    /// To which call; `None`: to the exchange or to an operator.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub call: Option<CallId>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// Why a caller was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turned {
    /// All channels of the trunk that are for callers were in use.
    TrunkFull,
    /// The trunk brought more calls a second than agreed.
    TooFast,
    /// We had no place: calls, or ports for their audio.
    Overload,
    /// We were about to stop.
    Stopping,
    /// Nothing in its request that we could take a call by.
    Unusable,
}

/// Kinds of events. Adding one is compatible; renaming one is not (old journals are read again).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// A call reached the switch; its record begins.
    Arrived {
        /// Who calls; `None`: no identity, and never merged with another such caller.
        caller: Option<Pseudonym>,
        /// The dialled number, normalised: a dimension of the reports, and ours, so not private.
        dialled: String,
        /// By which trunk.
        trunk: TrunkName,
        /// The hash of the dialplan that the call runs on to its end.
        plan: String,
        /// The language that it starts in.
        language: Language,
        /// Whether a caller came in, or an operator calls somebody outside: then `caller` is whom, and
        /// `dialled` the class of the number.
        #[serde(default)]
        direction: Direction,
        /// The operator who calls outside.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator: Option<OperatorId>,
    },
    /// Our 200 went out: the caller hears us from here on.
    Answered,
    /// The dialplan decided.
    Step {
        /// In which path.
        path: PathName,
        /// What and why, for people.
        reason: String,
        /// That nobody could be reached, where this decision was asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shut: Option<Shut>,
    },
    /// The caller chose a language.
    Language {
        /// Which.
        language: Language,
    },
    /// The caller entered a queue: offered, in the words of the reports.
    Queued {
        /// Which.
        queue: QueueName,
    },
    /// The caller was known under a name of the key before, and is the same one.
    Renamed {
        /// By that key.
        former: Pseudonym,
        /// By the present one, as in `Arrived`.
        caller: Pseudonym,
    },
    /// The caller was cut off some minutes ago and calls back: comes first in the line.
    Returned {
        /// Who talked with the caller then, and is rung first if free.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator: Option<OperatorId>,
    },
    /// Nobody rings for the waiting caller; told when that begins.
    Waits {
        /// The queue's decision, for people.
        reason: String,
    },
    /// The caller was told how long it may last.
    Estimated {
        /// In which queue.
        queue: QueueName,
        /// As it was said, rounded.
        estimate: Duration,
    },
    /// The wait came to its end whose length the caller had been told; told when an operator has the caller.
    EstimateMet {
        /// In which queue.
        queue: QueueName,
        /// What the caller was told first.
        estimate: Duration,
        /// How long it lasted from then on.
        came: Duration,
    },
    /// The caller is to be called back, and hung up or will: the place in the line is kept.
    CallbackAsked {
        /// As which call: it has a record of its own.
        callback: CallId,
        /// In which line.
        queue: QueueName,
        /// Not before; `None`: as soon as it is the caller's turn.
        due: Option<Wall>,
    },
    /// An operator took a callback, and the number is called.
    CallbackTaken {
        /// Who.
        operator: OperatorId,
        /// The how manieth time.
        attempt: u32,
    },
    /// The caller was not reached.
    CallbackFailed {
        /// The how manieth time.
        attempt: u32,
        /// Why, and what follows, for people.
        reason: String,
    },
    /// A callback is over; exactly once a callback, before `Ended`.
    CallbackEnded {
        /// How.
        outcome: Outcome,
    },
    /// The caller left the queue without an operator.
    LeftQueue {
        /// Which.
        queue: QueueName,
        /// By which rule, for people.
        reason: String,
    },
    /// An operator's phones ring for the call.
    Ringing {
        /// Who.
        operator: OperatorId,
        /// The queue's decision, for people: the rule and the figures behind it.
        reason: String,
    },
    /// They ring no more, and the two are not connected.
    RingEnded {
        /// Who.
        operator: OperatorId,
        /// Why.
        why: RingEnd,
    },
    /// An operator may not call a number outside.
    Refused {
        /// Who.
        operator: OperatorId,
        /// Why, for people.
        why: String,
    },
    /// Callers of a trunk were refused: one, or all of the minute after it.
    TurnedAway {
        /// Which.
        trunk: TrunkName,
        /// Why.
        why: Turned,
        /// How many.
        count: u32,
    },
    /// A number outside is called by a server of a trunk.
    Dialling {
        /// Which trunk.
        trunk: TrunkName,
        /// Which of its servers: transport and address.
        server: String,
    },
    /// That trunk or server is not the one; the next is tried, if there is one.
    DialFailed {
        /// Which trunk.
        trunk: TrunkName,
        /// Why, for people.
        reason: String,
    },
    /// Caller and operator hear each other.
    Connected {
        /// Who.
        operator: OperatorId,
    },
    /// An operator hands the caller on.
    Transfer {
        /// Who.
        operator: OperatorId,
        /// To whom: an operator, a queue, or a number of the helpline.
        to: String,
    },
    /// Nobody took the caller, who is with the operator again, or goes on in the line.
    TransferFailed {
        /// Who handed on.
        operator: OperatorId,
        /// What the operator's phone is told (RFC 3515 §2.4.5).
        status: u16,
    },
    /// The call goes on without this operator: the phone was lost, or the caller was handed on.
    Parted {
        /// Who.
        operator: OperatorId,
        /// Why, and what becomes of the caller, for people.
        reason: String,
    },
    /// Somebody is being called into the talk.
    Bringing {
        /// Which operator wants it.
        operator: OperatorId,
        /// Whom: an operator's id, the number of a service, or the class of a number outside.
        who: String,
        /// As what.
        part: Part,
    },
    /// Somebody is in the talk besides those who were.
    Joined {
        /// Who.
        who: String,
        /// As what.
        part: Part,
    },
    /// Whoever was called into the talk did not come; the others talk on.
    NotJoined {
        /// Who.
        who: String,
        /// As what.
        part: Part,
        /// Why.
        why: RingEnd,
    },
    /// One of three or more is gone; the others talk on.
    LeftTalk {
        /// Who: `caller`, or as it joined.
        who: String,
        /// As what.
        part: Part,
        /// Why, for people.
        reason: String,
    },
    /// A supervisor hears a talk from here on.
    Supervising {
        /// Who.
        supervisor: OperatorId,
        /// Whose talk.
        operator: OperatorId,
        /// Who else hears the supervisor.
        how: Supervision,
    },
    /// The supervisor hears it no more.
    Supervised {
        /// Who.
        supervisor: OperatorId,
        /// Whose talk.
        operator: OperatorId,
        /// Who else heard the supervisor.
        how: Supervision,
        /// When it began.
        began: Wall,
    },
    /// An operator had the caller's number told, in the talk, without a permission. A supervisor reviews it.
    GlassBroken {
        /// Who.
        operator: OperatorId,
    },
    /// A phone holds the talk: the other side hears music.
    Held {
        /// Whose.
        side: Side,
        /// Who, where it is an operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator: Option<OperatorId>,
    },
    /// It holds the talk no more.
    Resumed {
        /// Whose.
        side: Side,
        /// Who, where it is an operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator: Option<OperatorId>,
        /// For how long it did.
        lasted: Duration,
        /// For how long operators did in this call so far.
        total: Duration,
    },
    /// No audio comes from one side. An alarm, never an end.
    AudioAbsent {
        /// From whom.
        side: Side,
        /// For how long.
        silent_for: Duration,
    },
    /// It came back.
    AudioReturned {
        /// From whom.
        side: Side,
    },
    /// How a leg's streams were, once the leg is closed. May follow `Ended`.
    Media {
        /// Whose leg.
        side: Side,
        /// The figures.
        quality: Quality,
    },
    /// All SIP messages of the call, once its last leg is gone: mostly after `Ended`.
    Messages {
        /// In the order in which they came and went.
        messages: Vec<Traced>,
        /// How many of the middle of a very long call were left out.
        skipped: u32,
    },
    /// A message of a caller, or a talk that is recorded: it began, paused, ended, was heard, handled, erased.
    /// May follow `Ended`.
    Recording {
        /// Which; its file has this name.
        recording: RecordingId,
        /// What happened to it.
        change: Change,
    },
    /// The call is over; exactly once a call.
    Ended {
        /// Who ended it.
        by: Side,
        /// Why.
        cause: Cause,
    },
    /// An operator's state changed.
    Operator {
        /// Who.
        operator: OperatorId,
        /// To what.
        state: OperatorState,
        /// Why, for people.
        reason: String,
    },
    /// An operator's softphone came, refreshed too late, or went.
    Binding {
        /// Who.
        operator: OperatorId,
        /// How many contacts there are now.
        contacts: usize,
        /// What happened, for people; without addresses.
        reason: String,
    },
    /// A person should look.
    Alarm {
        /// A stable name: `unknown-number`, `no-operator`, `audio-absent`, … Written as `alarm`,
        /// since `kind` is the journal's own word for its entries.
        #[serde(rename = "alarm", alias = "kind")]
        kind: String,
        /// For people, with the remedy; no caller data.
        text: String,
    },
    /// A guesser or scanner is banned. Whose address it is, the log tells, and `qaynar bans`.
    Banned {
        /// As whom it may not register or call any more; `None`: under no name, or none of ours.
        operator: Option<OperatorId>,
        /// What was done, for people.
        reason: String,
        /// For how long.
        length: Duration,
    },
    /// An administrator lifted bans.
    BansLifted {
        /// How many.
        count: usize,
    },
    /// A caller was put on a list of the dialplan, or taken off it before the time.
    Listed {
        /// Who.
        caller: Pseudonym,
        /// Which list.
        list: ListName,
        /// Until when; `None`: taken off.
        until: Option<Wall>,
    },
    /// The switch began.
    Started {
        /// The hash of the dialplan.
        plan: String,
    },
    /// Another dialplan is live.
    Applied {
        /// Its hash.
        plan: String,
    },
}

/// How a callback ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Caller and operator talked.
    Reached,
    /// All attempts were in vain.
    NotReached,
    /// An administrator cancelled it.
    Cancelled,
    /// The caller called again and reached somebody.
    CalledAgain,
    /// The process ended while the two were about to be connected.
    Interrupted,
}

/// Why an operator's phones stopped ringing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum RingEnd {
    /// All phones refused.
    Declined {
        /// The best SIP status (RFC 3261 §16.7).
        status: u16,
    },
    /// `ring_for` is over.
    NoAnswer,
    /// No phone could be reached.
    Unreachable,
    /// The caller left first.
    CallerLeft,
    /// Another operator answered this call.
    AnsweredElsewhere,
    /// The operator was taken out of service, or the switch lost the ring.
    Withdrawn,
}

/// As what somebody takes part in a talk of three or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Whoever called.
    Caller,
    /// An operator.
    Operator,
    /// An emergency service.
    Service,
    /// Somebody at a number outside.
    Outside,
}

/// Who hears a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervision {
    /// Nobody.
    Listen,
    /// The operator alone.
    Whisper,
    /// All.
    Barge,
}

impl Supervision {
    /// All, with their words in the dialplan.
    pub const ALL: [(&'static str, Self); 3] = [
        ("listen", Self::Listen),
        ("whisper", Self::Whisper),
        ("barge", Self::Barge),
    ];
}

/// Which way a call goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A caller calls the helpline.
    #[default]
    In,
    /// An operator calls somebody outside.
    Out,
    /// A caller is called back.
    Back,
}

/// A party of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Who called.
    Caller,
    /// Who answered.
    Operator,
    /// This exchange.
    Server,
}

/// Why a caller was led past the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shut {
    /// The helpline is closed: by its hours, or for a time.
    Closed,
    /// It is open, and nobody is on shift.
    NobodyOnShift,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A party hung up after the two were connected.
    HungUp,
    /// The caller gave up before an operator was connected, or while waiting anew after one was lost.
    Abandoned,
    /// The dialplan's path came to its end, or the caller hung up while leaving a message.
    Completed,
    /// A dialog died: probe unanswered, session timer, ACK never came.
    Lost,
    /// The caller's peer and we have no codec in common, or the request could not be served.
    Refused,
    /// Nobody outside took an operator's call: busy, no answer, no trunk.
    NotReached,
    /// The process ended under the call; closed at the next start.
    Interrupted,
    /// An administrator ended it (second SIGTERM).
    ShutDown,
}

/// What an operator is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorState {
    /// Not on shift.
    LoggedOut,
    /// On shift and may be rung.
    Free,
    /// A call was given to the operator; nothing has been sent yet.
    Claimed,
    /// The phones ring.
    Ringing,
    /// In a call.
    Talking,
    /// In a call, with the caller on hold.
    OnHold,
    /// After a call, for a set time.
    WrapUp,
    /// On shift, does not want calls.
    Paused,
    /// On shift, but no softphone is registered or it did not answer.
    Unreachable,
}

/// What `qaynar calls` prints: one finished (or running) call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Which call.
    pub call: CallId,
    /// Who called; `None`: no identity.
    pub caller: Option<Pseudonym>,
    /// The dialled number, normalised.
    pub dialled: String,
    /// By which trunk.
    pub trunk: TrunkName,
    /// Which way: of an outgoing call `caller` is whom the operator called, and `dialled` its class.
    #[serde(default)]
    pub direction: Direction,
    /// The last queue that the caller waited in.
    pub queue: Option<QueueName>,
    /// Who talked with the caller last.
    pub operator: Option<OperatorId>,
    /// Spoken with the caller by the server.
    pub language: Language,
    /// The dialplan's hash.
    pub plan: String,
    /// INVITE received.
    pub arrived: Wall,
    /// 200 sent.
    pub answered: Option<Wall>,
    /// First queue entered.
    pub queued: Option<Wall>,
    /// An operator's phone rang first.
    pub rung: Option<Wall>,
    /// First connected with an operator.
    pub connected: Option<Wall>,
    /// Over.
    pub ended: Option<Wall>,
    /// How long operators had the caller on hold.
    #[serde(default)]
    pub held: Duration,
    /// What the dialplan found that leads past the queues; closed tells more than nobody. Of a call that was
    /// queued all the same it means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shut: Option<Shut>,
    /// Who hung up.
    pub ended_by: Option<Side>,
    /// Why.
    pub cause: Option<Cause>,
    /// The caller's leg.
    pub caller_quality: Option<Quality>,
    /// The last operator's leg.
    pub operator_quality: Option<Quality>,
}

/// What both directions of a leg were like; kept on the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Packets that came.
    pub received: u64,
    /// Packets that went.
    pub sent: u64,
    /// Packets of the peer that never came (RFC 3550 §A.3), per 10,000 expected.
    pub lost_per_10k: u32,
    /// Packets of ours that the peer reported lost, per 10,000 sent; `None` without its reports.
    pub remote_lost_per_10k: Option<u32>,
    /// Interarrival jitter at its greatest (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// As the peer reported it.
    pub remote_jitter: Option<Duration>,
    /// Last round trip from RTCP (RFC 3550 §6.4.1).
    pub round_trip: Option<Duration>,
    /// How long altogether no audio came though it should have.
    pub absent: Duration,
    /// Packets refused: wrong source, wrong SSRC, not RTP.
    pub refused: u64,
}

/// One line of the journal. Snapshots are sealed by the shell before they are written: they hold
/// what is needed to speak to the peers again, and that includes numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// Something happened.
    Event(Event),
    /// The latest stable state of a call, sealed.
    Snapshot {
        /// Which call.
        call: CallId,
        /// Nonce and ciphertext, base64.
        sealed: String,
    },
    /// The number of a call's caller, sealed under a key that is dropped after a while.
    Number {
        /// Which call.
        call: CallId,
        /// Whose.
        caller: Pseudonym,
        /// The name of the key, nonce and ciphertext.
        sealed: String,
        /// Until when it may be read.
        until: Wall,
    },
}

#[cfg(test)]
mod tests;
