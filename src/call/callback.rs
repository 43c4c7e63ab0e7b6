//! A virtual caller: somebody who hung up and stays in the line, to be called back.

use serde::{Deserialize, Serialize};

use super::Outgoing;
use crate::event::Outcome;
use crate::ids::{Pseudonym, QueueName};
use crate::private::Private;
use crate::time::Wall;

/// How far a callback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// In the line.
    Waits,
    /// Not before this moment.
    Later(Wall),
    /// An operator has it, and the number rings.
    Dialling,
    /// Somebody answered: is it the caller? So often was it asked.
    Asking(u8),
    /// The caller and an operator talk: a call like any other from here on.
    Reached,
}

impl Phase {
    /// Nobody is on a phone for it.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Waits | Self::Later(_))
    }

    /// The operator is, and the caller is not yet.
    pub fn is_attempt(self) -> bool {
        matches!(self, Self::Dialling | Self::Asking(_))
    }
}

/// Somebody to be called back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Whom to call: in its one form; only sealed snapshots hold it.
    pub number: Private<String>,
    /// Who asked for it, by another number perhaps; `None`: no identity.
    #[serde(default)]
    pub asker: Option<Pseudonym>,
    /// The number was typed: nobody knows whose it is.
    #[serde(default)]
    pub typed: bool,
    /// In which line.
    pub queue: QueueName,
    /// How far.
    pub phase: Phase,
    /// How often the number was called.
    pub attempts: u32,
    /// What an attempt that goes on counts among the calls outside.
    #[serde(default)]
    pub cost: Option<Outgoing>,
    /// When it was asked for.
    pub asked: Wall,
    /// How it ends, where that is decided.
    pub outcome: Option<Outcome>,
}
