//! What went over the wire for a call.

use serde::{Deserialize, Serialize};

use super::Side;
use crate::ids::OperatorId;
use crate::time::Wall;

/// A SIP message of a call, pseudonymised at capture: nothing in it names anybody but operators by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// When.
    pub at: Wall,
    /// Whether the peer sent it.
    pub received: bool,
    /// Whose leg it belongs to.
    pub side: Side,
    /// Whose phone, on an operator's leg.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operator: Option<OperatorId>,
    /// `udp`, `tcp`, ….
    pub transport: String,
    /// `INVITE`, or `180 Ringing`.
    pub line: String,
    /// `1 INVITE`.
    pub cseq: String,
    /// What it meant further: `Require: 100rel`, `SDP: audio PCMA sendrecv`.
    pub details: Vec<String>,
}
