//! What a phone is, how it acts by itself, and what it tells.

use std::net::SocketAddr;
use std::time::Duration;

use super::sound::Law;

/// What a phone is. Randomness comes in by `seed` alone.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name at the registrar, and in From: `101`, or a caller's number.
    pub user: String,
    /// The host part of its own address of record.
    pub domain: String,
    /// Where REGISTER and INVITE go.
    pub server: SocketAddr,
    /// Its own SIP address, as its peers reach it.
    pub local: SocketAddr,
    /// Its own RTP address. RTCP is neither sent nor taken.
    pub media: SocketAddr,
    /// What it says: a tone in hertz. Multiples of 50 from 300 to 3400 are heard exactly.
    pub tone: u16,
    /// The encodings that it speaks, best first.
    pub laws: Vec<Law>,
    /// For digest; `None`: challenges are not answered.
    pub password: Option<String>,
    /// The session timer that it asks for (RFC 4028); `None`: it knows none.
    pub timer: Option<Duration>,
    /// Whether it insists on reliable provisional responses (RFC 3262).
    pub requires_reliable: bool,
    /// Whether it wants its ringing acknowledged by whoever can (RFC 3262).
    pub rings_reliably: bool,
    /// Whether its INVITE brings no offer, so that the answer goes with the ACK (RFC 3261 §13.2.1).
    pub late_offer: bool,
    /// Tags, branches and RTP's first numbers come from it.
    pub seed: u64,
}

impl Settings {
    /// A phone of A-law and µ-law without extensions.
    pub fn new(user: &str, server: SocketAddr, local: SocketAddr, media: SocketAddr) -> Self {
        Self {
            user: user.to_owned(),
            domain: server.ip().to_string(),
            server,
            local,
            media,
            tone: 1_000,
            laws: vec![Law::A, Law::Mu],
            password: None,
            timer: None,
            requires_reliable: false,
            rings_reliably: false,
            late_offer: false,
            seed: 0,
        }
    }

    /// Half of all phones are too old for SHA-256 (RFC 8760).
    pub(super) fn knows_sha256(&self) -> bool {
        self.seed.is_multiple_of(2)
    }
}

/// No phone rings for ever: after three minutes it says 480 (RFC 3261 §13.3.1.1 has three too).
pub(super) const MAX_RING: Duration = Duration::from_secs(180);

/// What a phone does by itself when it rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnRing {
    /// Waits for a command, as a phone on a desk; after three minutes: 480.
    #[default]
    Wait,
    /// Answers.
    Answer {
        /// So long after it began to ring.
        after: Duration,
    },
    /// Refuses: 486 busy, 603 declined, or another final status.
    Refuse {
        /// So long after it began to ring.
        after: Duration,
        /// What it says.
        status: u16,
    },
    /// Goes off the wire without a word.
    Vanish {
        /// So long after it began to ring.
        after: Duration,
    },
}

/// How a phone acts by itself. The default does nothing without a command.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// When it is called.
    pub on_ring: OnRing,
    /// It hangs up so long after the call was connected.
    pub talk_for: Option<Duration>,
    /// When it calls: CANCEL or BYE so long after its INVITE, whatever has come of it.
    pub patience: Option<Duration>,
    /// When it calls: off the wire so long after its INVITE.
    pub vanish_after: Option<Duration>,
    /// Keys that it presses so long after the call was connected.
    pub keys: Vec<(Duration, char)>,
    /// It sends no RTP, as a silent caller behind a carrier that stops in silence.
    pub mute: bool,
}

/// Who ended a call that was connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ender {
    /// This phone.
    Us,
    /// The peer, by BYE.
    Peer,
    /// Nobody: the dialog died (no ACK, no refresh).
    Lost,
}

/// What happened to a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The registrar took the contact.
    Registered {
        /// For so long.
        expires: Duration,
    },
    /// The registrar took the contact away, as asked.
    Unregistered,
    /// The registrar refused, or (408) did not answer.
    RegistrationFailed {
        /// How.
        status: u16,
    },
    /// A call came in; the phone rings.
    Ringing {
        /// The name on the display; empty: none came.
        name: String,
    },
    /// The caller gave up before the phone answered.
    Cancelled,
    /// Our call got a provisional response above 100.
    Progress {
        /// Which.
        status: u16,
    },
    /// Caller and callee are connected.
    Connected,
    /// Our call was refused, cancelled (487), or (408) not answered at all.
    Failed {
        /// How.
        status: u16,
    },
    /// A connected call is over.
    Ended {
        /// Who ended it.
        by: Ender,
    },
    /// A second call came while there was one; it was refused with 486.
    SecondCall,
    /// The peer holds, or takes back.
    Held(bool),
    /// How far a transfer is that this phone asked for.
    Transfer {
        /// 100 at first; a final status is the last word.
        status: u16,
    },
    /// A key of the peer came as a telephone-event.
    Key(char),
    /// Bytes that rsip cannot read, or that make no sense here.
    Unreadable,
}

/// What a phone wants of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A SIP datagram from [`Settings::local`].
    Send {
        /// To whom.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// An RTP datagram from [`Settings::media`].
    SendRtp {
        /// To whom.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(Event),
}

/// Numbers that look random and can be repeated (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    pub(super) fn token(&mut self) -> String {
        format!("{:016x}", self.number())
    }
}
