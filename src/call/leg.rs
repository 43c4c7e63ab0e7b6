//! A leg: a dialog and its media, seen by a call.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Side;
use crate::ids::{CallId, LegId, OperatorId, TrunkName};
use crate::media::Stream;
use crate::private::Private;
use crate::sip::acceptance::Acceptance;
use crate::sip::dialog::Dialog;
use crate::sip::digest::Credentials;
use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::sip::reliable::Reliable;
use crate::sip::session_timer::SessionTimer;
use crate::sip::transaction::layer::{ClientId, ServerId};
use crate::sip::uri::Uri;
use crate::time::{Instant, Wall};

/// To whom a leg belongs. No leg is without an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// A call of the helpline.
    Call(CallId),
    /// An operator who dialled a feature code.
    Errand(OperatorId),
}

/// How far the leg's INVITE is.
#[derive(Debug, Clone)]
pub enum Progress {
    /// We were called and have not answered.
    Invited {
        /// The transaction to answer in.
        server: ServerId,
        /// What was asked.
        invite: Box<Request>,
        /// A reliable provisional response that waits for its PRACK (RFC 3262).
        reliable: Option<Reliable>,
    },
    /// We called and wait.
    Calling {
        /// The transaction.
        client: ClientId,
        /// What we asked: for digest, CANCEL and ACK.
        invite: Box<Request>,
        /// Whether a word came at all, be it 100.
        heard: bool,
        /// A provisional response came: phones ring.
        ringing: bool,
        /// We gave up and wait for the final answer (§9.1).
        cancelled: bool,
        /// The early dialogs with reliable provisional responses (RFC 3262), one each branch of a fork.
        early: Vec<Early>,
    },
    /// 2xx is out or in.
    Up {
        /// Our 2xx, until its ACK comes.
        acceptance: Option<Acceptance>,
        /// The peer owes an SDP answer in its ACK (late offer).
        answer_due: bool,
        /// Our ACK of the peer's 2xx, for its retransmissions.
        ack: Option<Arc<[u8]>>,
    },
}

/// An early dialog in which we acknowledge provisional responses (RFC 3262 §4).
#[derive(Debug, Clone)]
pub struct Early {
    /// Its next request takes the next number.
    pub dialog: Dialog,
    /// The RSeq that was acknowledged last.
    pub rseq: u32,
    /// The answer to our offer, where it came so early; the 2xx may bring none then (§5).
    pub answer: Vec<u8>,
    /// The phone made an offer of its own since (RFC 3311): what the 2xx describes is of the past.
    pub updated: bool,
}

/// The subscription that a REFER made (RFC 3515 §2.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// For the Event header: the number of the REFER, from the second one on (§2.4.6).
    pub id: Option<u32>,
}

/// Our side of the leg's media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// What we bind.
    pub address: IpAddr,
    /// What the peer reads in our SDP.
    pub advertised: IpAddr,
    /// RTP; RTCP is one above.
    pub port: u16,
    /// `o=` id of our descriptions; never changes in a leg (RFC 3264 §8).
    pub description_id: u64,
    /// `o=` version of our next description.
    pub description_version: u64,
    /// Our last description as it went out, offer or answer; empty: none yet. The next one keeps its
    /// lines (RFC 3264 §8). It may hold our key.
    #[serde(default)]
    pub described: Private<String>,
    /// As negotiated; `None`: not yet.
    pub stream: Option<Stream>,
    /// The peer holds us: who it is connected with hears music.
    pub held: bool,
    /// Since when it holds us in a talk.
    #[serde(default)]
    pub held_since: Option<Wall>,
}

/// A dialog with its media.
#[derive(Debug, Clone)]
pub struct Leg {
    /// Which.
    pub id: LegId,
    /// Whose.
    pub owner: Owner,
    /// Caller, or operator (also: an outside number that was rung).
    pub side: Side,
    /// Who is at the other end, where it is an operator.
    pub operator: Option<OperatorId>,
    /// How far.
    pub progress: Progress,
    /// The dialog, once there is one.
    pub dialog: Option<Dialog>,
    /// The way to the peer.
    pub flow: Flow,
    /// The trunk by which we called a number outside.
    pub trunk: Option<TrunkName>,
    /// Our Contact.
    pub contact: String,
    /// Our media.
    pub media: Media,
    /// Who we are to the peer, should it challenge us: of its trunk; operators' phones get none.
    pub credentials: Option<Credentials>,
    /// Keeps the dialog's life in sight (RFC 4028); off where the peer cannot.
    pub timer: SessionTimer,
    /// It has ended for us and its media is closed; BYE follows as soon as it may.
    pub ending: bool,
    /// The peer's keys come by INFO: what media makes of its tones would double them.
    pub keys_by_info: bool,
    /// The peer asked to hand the caller on and hears how it goes.
    pub referral: Option<Referral>,
    /// How many times it asked.
    pub referrals: u32,
    /// Somebody else answered first: who rings in vain is told so (RFC 3326).
    pub elsewhere: bool,
    /// An in-dialog OPTIONS is out.
    pub probing: bool,
    /// Our OPTIONS got lost on our side of the network: when the next one goes out.
    pub probe_at: Option<Instant>,
    /// The peer takes UPDATE: a refresh needs no re-INVITE (RFC 4028 §7.4).
    pub allows_update: bool,
    /// A re-INVITE or UPDATE of ours that waits for its answer.
    pub refreshing: Option<ClientId>,
    /// It hears a talk of others.
    pub supervises: bool,
    /// Our 2xx to a re-INVITE of the peer, until its ACK comes.
    pub reinvite: Option<Acceptance>,
}

impl Leg {
    /// The call that it belongs to, unless it is an errand.
    pub fn call(&self) -> Option<CallId> {
        match self.owner {
            Owner::Call(call) => Some(call),
            Owner::Errand(_) => None,
        }
    }

    /// The operator who began it, by a feature code, a call to the helpline or to hear a talk of others, and is not rung meanwhile.
    pub fn own_call_of(&self) -> Option<&OperatorId> {
        match &self.owner {
            Owner::Errand(operator) => Some(operator),
            Owner::Call(_) if self.side == Side::Caller || self.supervises => {
                self.operator.as_ref()
            }
            Owner::Call(_) => None,
        }
    }

    /// Our first 2xx while its ACK is awaited, and whether that owes the answer to its offer.
    pub fn acceptance(&self) -> Option<(&Acceptance, bool)> {
        match &self.progress {
            Progress::Up {
                acceptance: Some(acceptance),
                answer_due,
                ..
            } => Some((acceptance, *answer_due)),
            _ => None,
        }
    }

    /// The INVITE of ours that was given up, while its end is awaited.
    pub fn cancelled_invite(&self) -> Option<&Request> {
        match &self.progress {
            Progress::Calling {
                cancelled: true,
                invite,
                ..
            } => Some(invite),
            _ => None,
        }
    }

    /// Whether the phone at `uri` is rung by this leg.
    pub fn rings(&self, uri: &Uri) -> bool {
        matches!(&self.progress, Progress::Calling { cancelled: false, invite, .. } if invite.uri == *uri)
    }

    /// Whether both ends agreed on the dialog.
    pub fn is_up(&self) -> bool {
        matches!(self.progress, Progress::Up { .. })
    }
}
