//! What goes into the switch and what comes out of it. Messages alone: nothing is shared.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::dialplan::Plan;
use crate::dialplan::webhook::{NoAnswer, Url};
use crate::event::{Change, Event, Recording};
use crate::ids::{CallId, Language, LegId, OperatorId, Pseudonym, RecordingId, TrunkName};
use crate::media;
use crate::private::Private;
use crate::registrar::Binding;
use crate::sip::flow::{ConnectionId, Flow};
use crate::sip::locate;
use crate::sip::message::Message;
use crate::sip::parse::{Malformed, parse_datagram, parse_frame};
use crate::sip::source::Source;
use crate::time::Wall;

use super::bans::Ban;
use super::listed::OnList;
use super::returning::CutOff;
use super::settings::Account;
use super::snapshot::CallSnapshot;
use super::spending::PastCall;

/// One thing that the shell tells the switch.
#[derive(Debug, Clone)]
pub enum Input {
    /// A SIP message arrived and was read.
    Message {
        /// By which way.
        flow: Flow,
        /// What.
        message: Box<Message>,
    },
    /// Bytes arrived that are no SIP message, though enough of one may be there to answer.
    Malformed {
        /// By which way.
        flow: Flow,
        /// What could be read and what is wrong.
        malformed: Box<Malformed>,
    },
    /// Nothing can be sent this way now.
    SendFailed {
        /// Which way.
        flow: Flow,
    },
    /// The certificate of a connection's peer was verified; comes before what the peer says.
    Proved {
        /// Which connection.
        connection: ConnectionId,
        /// Whom it names, in lower case (RFC 5922 §7.1).
        names: Vec<String>,
    },
    /// A connection is gone.
    FlowClosed {
        /// Which.
        connection: ConnectionId,
    },
    /// The answer to [`Output::Resolve`].
    Resolved {
        /// Of which question.
        question: u64,
        /// What DNS says.
        answer: locate::Answer,
    },
    /// The answer to [`Output::Inquire`].
    Informed {
        /// About which call.
        call: CallId,
        /// To which question.
        number: u64,
        /// What the server says.
        answer: Result<String, NoAnswer>,
    },
    /// Media tells something.
    Media(media::Event),
    /// An administrator or the shell wants something.
    Command(Command),
}

/// What a server of the house is asked about a call. Nobody's number is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// Comes back.
    pub number: u64,
    /// Whom to ask.
    pub url: Url,
    /// For so long the answer means something.
    pub within: Duration,
    /// About which call.
    pub call: CallId,
    /// Who calls; `None`: no identity.
    pub caller: Option<Pseudonym>,
    /// The helpline's number that was dialled.
    pub dialled: String,
    /// By which trunk the call came.
    pub trunk: TrunkName,
    /// In which language the caller is spoken to.
    pub language: Language,
}

/// One address of a host, and ours towards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where the host is.
    pub remote: SocketAddr,
    /// Which of our addresses the system would send from; `None`: it does not tell.
    pub local: Option<IpAddr>,
}

impl Input {
    /// A datagram that arrived, whether it can be read or not.
    pub fn datagram(flow: Flow, bytes: &[u8]) -> Self {
        Self::read(flow, parse_datagram(bytes))
    }

    /// What came in one message of a WebSocket.
    pub fn frame(flow: Flow, bytes: &[u8]) -> Self {
        Self::read(flow, parse_frame(bytes))
    }

    fn read(flow: Flow, read: Result<Message, Malformed>) -> Self {
        match read {
            Ok(message) => Self::Message {
                flow,
                message: Box::new(message),
            },
            Err(malformed) => Self::Malformed {
                flow,
                malformed: Box::new(malformed),
            },
        }
    }
}

/// What the shell or an administrator asks.
#[derive(Debug, Clone)]
pub enum Command {
    /// All operators there are. Who is missing is removed (after the call, if talking).
    Operators(Vec<Account>),
    /// Registrations that a store kept; those that have expired are left out.
    Bindings(Vec<(OperatorId, Binding)>),
    /// Today's calls of operators to numbers outside that are over, for the caps of the dialplan.
    PastCalls(Vec<PastCall>),
    /// Callers who were cut off lately and may call back.
    CutOff(Vec<CutOff>),
    /// Bans that a store kept; those that are over are left out.
    Bans(Vec<Ban>),
    /// Forget what a source did, or did under one name.
    LiftBans {
        /// Whose.
        source: Source,
        /// Under which name; `None`: all of it.
        user: Option<String>,
    },
    /// Messages and recorded talks that a store kept; those whose files are gone are left out.
    Recordings(Vec<Recording>),
    /// Whether the disk has room for recordings.
    RecordingRoom(bool),
    /// A recording cannot be written on.
    RecordingFailed {
        /// Which.
        recording: RecordingId,
        /// What the system says.
        reason: String,
    },
    /// The disk was so slow that pieces of recordings are silence.
    RecordingLost(u64),
    /// An administrator says that a message is handled, or that a file shall go.
    ChangeRecording {
        /// Which.
        recording: RecordingId,
        /// What.
        change: Change,
    },
    /// States of operators that a store kept.
    OperatorStates(crate::queue::Snapshot),
    /// Who called within the last day, and when.
    RecentCalls(Vec<(Pseudonym, Wall)>),
    /// All callers who are on a list of the dialplan.
    Lists(Vec<OnList>),
    /// All open cases: the callers', with who looks after each and is rung first.
    Cases(BTreeMap<Pseudonym, OperatorId>),
    /// Whether the clock is synchronised: if not, all hours of the dialplan are open.
    Clock {
        /// Whether it is, as far as the shell can tell.
        synchronised: bool,
    },
    /// The keys of pseudonyms were changed.
    PseudonymKeys {
        /// The present one.
        key: Private<[u8; 32]>,
        /// The one before it, while that is not over.
        former: Option<Private<[u8; 32]>>,
    },
    /// All calls are to be sealed again, under a new key.
    SealAgain,
    /// This dialplan from now on; calls in progress finish on theirs.
    Apply(Arc<Plan>),
    /// Whoever asked is not to be called back.
    CancelCallback(CallId),
    /// No new calls; those in progress end by themselves.
    Drain,
    /// End all calls.
    ShutDown,
}

/// One thing that the switch wants of the shell, in order. Whatever is to be journalled is written
/// before what follows it is sent.
#[derive(Debug, Clone)]
pub enum Output {
    /// Journal and hand on.
    Event(Event),
    /// Journal, sealed: the call's latest stable state; `None`: it has ended.
    Snapshot {
        /// Which call.
        call: CallId,
        /// Its state.
        snapshot: Option<Box<CallSnapshot>>,
    },
    /// Keep a caller's number for a while, sealed.
    Number {
        /// Of which call.
        call: CallId,
        /// Whose.
        caller: Pseudonym,
        /// The number, or another name with its host, as it came.
        number: Private<String>,
    },
    /// Send these bytes.
    Send {
        /// By which way; on TCP without a connection: connect first.
        flow: Flow,
        /// One message.
        bytes: Arc<[u8]>,
    },
    /// Tell media.
    Media(media::Command),
    /// A leg hears a message; [`media::Event::Played`] tells its end, also where it cannot be read.
    Listen {
        /// Which leg.
        leg: LegId,
        /// Comes back.
        playback: u64,
        /// Which message.
        recording: RecordingId,
    },
    /// The file of a recording goes.
    Erase {
        /// Which.
        recording: RecordingId,
        /// Among which files it is.
        voicemail: bool,
    },
    /// Ask DNS (RFC 3263 §4), and the system for our address towards a host; [`Input::Resolved`] answers.
    Resolve {
        /// Comes back.
        question: u64,
        /// What to ask.
        ask: locate::Question,
    },
    /// Ask a server of the house about a call; [`Input::Informed`] answers.
    Inquire(Box<Inquiry>),
    /// By TLS, whoever is at this address must prove to be this host (RFC 5922 §7.2).
    Expect {
        /// Where.
        remote: SocketAddr,
        /// Who.
        host: String,
    },
    /// A trunk's servers are here: they are no strangers.
    Servers {
        /// Whose.
        trunk: TrunkName,
        /// Where DNS leads to.
        servers: Vec<IpAddr>,
    },
    /// Hear nothing of this peer for a moment.
    Slow {
        /// By which way.
        flow: Flow,
        /// How long.
        time: Duration,
        /// Its whole address; else its connection alone.
        whole: bool,
    },
    /// Somebody is banned: to be kept for the next start, and where it is a whole source, not to be heard.
    Ban {
        /// Who, and for how long.
        ban: Ban,
        /// The very address that did it.
        address: IpAddr,
        /// Whether the name is an operator's.
        is_operator: bool,
    },
    /// That ban is over before its time.
    Lift {
        /// Of whom.
        source: Source,
        /// Under which name.
        user: Option<String>,
    },
    /// An operator's contacts, to be kept for the next start.
    Bindings {
        /// Whose.
        operator: OperatorId,
        /// All of them.
        bindings: Vec<Binding>,
    },
}

/// Counts for readers: status pages, tests, the drain.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Calls in progress.
    pub calls: usize,
    /// Callers who are to be called back, and are not on a phone.
    #[serde(default)]
    pub callbacks: usize,
    /// Of these, waiting in a queue.
    pub waiting: usize,
    /// Of these, connected with an operator.
    pub talking: usize,
    /// Legs of calls, of rings and of feature codes.
    pub legs: usize,
    /// SIP transactions.
    pub transactions: usize,
    /// Operators' contacts.
    pub contacts: usize,
    /// Of these, phones that do not say a word; each is asked until it does.
    #[serde(default)]
    pub silent: usize,
    /// Phones that refuse what we offer; they are not rung.
    #[serde(default)]
    pub unfit: usize,
    /// Calls whose messages are still kept for the record.
    #[serde(default)]
    pub traces: usize,
    /// Phones that want to hear of their mailboxes.
    #[serde(default)]
    pub subscriptions: usize,
    /// Messages that nobody handled yet.
    #[serde(default)]
    pub messages: usize,
    /// Recordings that are being made.
    #[serde(default)]
    pub recording: usize,
    /// Transactions that ask so; they end by themselves.
    #[serde(default)]
    pub asking: usize,
    /// Media ports in use.
    pub ports: usize,
    /// INVITEs of callers that got a dialog since the start.
    #[serde(default)]
    pub taken: u64,
    /// Callers who were refused since the start.
    #[serde(default)]
    pub refused: u64,
    /// Operators on shift.
    pub on_shift: usize,
    /// Operators who could be rung now.
    pub free: usize,
}
