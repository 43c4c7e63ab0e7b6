//! What the switch asks of media, and what media tells it. Messages alone: nothing is shared.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use crate::event::Quality;
use crate::event::RecordingEnd;
use crate::ids::{Language, LegId, PromptName, RecordingId};
use crate::rtp::codec::{Codec, Direction};
pub use crate::rtp::srtp::Crypto;

/// How a leg's RTP stream is to be written and read, from its offer and answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Where the peer's SDP wants RTP. Latching may move it (symmetric RTP).
    pub remote: SocketAddr,
    /// From which address the peer signals: behind a NAT its media comes from there.
    pub signalling: IpAddr,
    /// Where it wants RTCP: `a=rtcp`, else the next port, or the RTP port itself with `a=rtcp-mux`.
    pub remote_rtcp: SocketAddr,
    /// What we send.
    pub codec: Codec,
    /// The payload type that the peer gave `codec`: what we write.
    pub payload_type: u8,
    /// What we must be able to read: payload type (ours, in what we offered or answered) → codec.
    pub accepts: Vec<(u8, Codec)>,
    /// The payload type for telephone-events that we write; `None` where not negotiated.
    pub event_type: Option<u8>,
    /// The payload type under which the peer's telephone-events come.
    pub event_type_in: Option<u8>,
    /// How long the packets are that the peer wants (`a=ptime`, 10–60 ms, default 20).
    pub packet_time: Duration,
    /// Who may send.
    pub direction: Direction,
    /// The keys of both directions; `None`: in the clear.
    #[serde(default)]
    pub crypto: Option<Crypto>,
    /// Networks of the carrier: its audio may come from any address of them.
    #[serde(default)]
    pub networks: Vec<IpNet>,
    /// A stranger may be heard early, where the peer is behind a NAT and its audio is in the clear.
    #[serde(default)]
    pub strangers: bool,
}

impl Stream {
    /// RTP and RTCP share the peer's port, and then ours too (RFC 5761).
    pub fn is_multiplexed(&self) -> bool {
        self.remote_rtcp == self.remote
    }
}

/// One thing to hear out of the prompts' store. Missing prompts are silence and an alarm, never a stop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Clip {
    /// The language folder; `None`: music, the same in all languages.
    pub language: Option<Language>,
    /// The file's stem.
    pub name: PromptName,
}

/// A leg's place in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Whose.
    pub leg: LegId,
    /// Whom it hears; itself is passed over.
    pub hears: Vec<LegId>,
}

/// From the switch to media. A leg is opened once, closed once; commands for a leg that is not open
/// are ignored (the close may have crossed them).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Take the port pair and be silent. RTP on `port`, RTCP on `port + 1`.
    Open {
        /// The leg.
        leg: LegId,
        /// Legs that will be bridged share a shard: one thread runs both.
        shard: u32,
        /// Our own address to bind.
        address: IpAddr,
        /// An even port, allocated by the switch.
        port: u16,
        /// Random start values of the outgoing stream (RFC 3550 §5.1).
        ssrc: u32,
        /// First sequence number.
        sequence: u16,
        /// First timestamp.
        timestamp: u32,
    },
    /// The leg's stream was negotiated, or negotiated anew. Sending starts or goes on; the outgoing
    /// SSRC, sequence and timestamp never restart.
    Configure {
        /// The leg.
        leg: LegId,
        /// Its stream.
        stream: Stream,
    },
    /// Play these clips once, one after the other, instead of what the leg hears now.
    /// `Event::Played` tells the end; a newer Play, Music, Bridge or Silence replaces it without an event.
    Play {
        /// The leg.
        leg: LegId,
        /// Comes back in `Event::Played`.
        playback: u64,
        /// What to hear.
        clips: Vec<Clip>,
    },
    /// Play this clip again and again.
    Music {
        /// The leg.
        leg: LegId,
        /// What to hear.
        clip: Clip,
    },
    /// Send nothing but keep the stream's clock running (timestamps go on).
    Silence {
        /// The leg.
        leg: LegId,
    },
    /// Two legs hear each other, transcoded where their codecs differ. Telephone-events go across
    /// where both negotiated them. Ends what they heard before. Both are on one shard.
    Bridge {
        /// One.
        a: LegId,
        /// The other.
        b: LegId,
        /// Whose telephone-events stay with us, if not both are to hear the other's.
        keeps_keys: Option<LegId>,
    },
    /// These legs are in one room: each hears those whom its seat names, mixed. Ends what they heard
    /// before, except where they sit in the room already. All are on one shard. Bridge, Play, Music,
    /// Silence or Unbridge take one out again; the others' seats may still name it, and hear nothing of it.
    Mix {
        /// Who hears whom.
        room: Vec<Seat>,
    },
    /// Play these clips once over what the leg hears in its room. `Event::Played` tells the end, at once
    /// where the leg is in no room; taking it out of the room ends it without an event.
    Over {
        /// The leg.
        leg: LegId,
        /// Comes back in `Event::Played`.
        playback: u64,
        /// What to hear.
        clips: Vec<Clip>,
    },
    /// The leg leaves its bridge; both sides are silent until told otherwise.
    Unbridge {
        /// The leg.
        leg: LegId,
    },
    /// A key of the other side, where it did not come as a telephone-event: this leg's peer gets one.
    Press {
        /// The leg.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// What comes from this leg is recorded, and from another one on a second channel. Again with the same
    /// recording: these legs from now on. `Event::Recorded` tells the end, once a recording.
    Record {
        /// The only channel, or the left one. Its end is the recording's.
        leg: LegId,
        /// The right one; both are on one shard.
        right: Option<LegId>,
        /// Which recording.
        recording: RecordingId,
        /// Among which files.
        voicemail: bool,
        /// How long it may be.
        most: Duration,
        /// After how much silence it ends; `None`: never.
        quiet: Option<Duration>,
    },
    /// The recording holds silence for a while, and its time goes on; or sound again.
    PauseRecording {
        /// Its only or left leg.
        leg: LegId,
        /// Which recording.
        recording: RecordingId,
        /// Whether it is silence from now on.
        paused: bool,
    },
    /// The recording is over.
    StopRecording {
        /// Its only or left leg.
        leg: LegId,
        /// Which recording.
        recording: RecordingId,
    },
    /// Give the port back. `Event::Closed` follows with the leg's quality, even if the leg was lost
    /// before.
    Close {
        /// The leg.
        leg: LegId,
    },
}

/// From media to the switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The clips of `Play` are out.
    Played {
        /// The leg.
        leg: LegId,
        /// Of which `Play`.
        playback: u64,
    },
    /// A key was pressed: `0`–`9`, `*`, `#`, `A`–`D`, once a press. A telephone-event began, keyed on the
    /// RTP timestamp; or a tone is heard, where telephone-events were not negotiated.
    Digit {
        /// The leg.
        leg: LegId,
        /// The key.
        digit: char,
    },
    /// The first packet of the peer came.
    Heard {
        /// The leg.
        leg: LegId,
    },
    /// No RTP for the absence time (5 s by default) though the peer may send. An alarm and a reason
    /// to probe the dialog; never a reason to end the call. Repeated each 30 s while it lasts.
    Absent {
        /// The leg.
        leg: LegId,
        /// For how long.
        silent_for: Duration,
    },
    /// RTP is back after `Absent`.
    Returned {
        /// The leg.
        leg: LegId,
    },
    /// The leg's ports could not be bound: it has no sound, and its ports are somebody else's.
    Unopened {
        /// The leg.
        leg: LegId,
        /// What happened, without caller data.
        reason: String,
    },
    /// A sound is missing, or the leg fell silent by a fault of ours.
    Failed {
        /// The leg.
        leg: LegId,
        /// What happened, without caller data.
        reason: String,
    },
    /// A recording is over.
    Recorded {
        /// Which.
        recording: RecordingId,
        /// How long it is.
        length: Duration,
        /// Nothing that could be a voice was in it.
        silent: bool,
        /// Why it ended.
        why: RecordingEnd,
    },
    /// After `Close`.
    Closed {
        /// The leg.
        leg: LegId,
        /// What the leg's streams were like.
        quality: Quality,
    },
}
