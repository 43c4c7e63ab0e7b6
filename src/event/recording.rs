//! Recordings and messages: what happens to one, and what is known of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Event, What};
use crate::ids::{Language, MailboxName, OperatorId, Pseudonym, QueueName, RecordingId};
use crate::time::Wall;

/// What is recorded, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Recorded {
    /// A message that a caller leaves.
    Voicemail {
        /// In which mailbox.
        mailbox: MailboxName,
    },
    /// A talk of a queue that records: the caller left, the operator right.
    Talk {
        /// Which queue.
        queue: QueueName,
    },
}

impl Recorded {
    /// Whether it is a message.
    pub fn is_voicemail(&self) -> bool {
        matches!(self, Self::Voicemail { .. })
    }

    /// The mailbox's name, or the queue's.
    pub fn place(&self) -> &str {
        match self {
            Self::Voicemail { mailbox } => mailbox.as_str(),
            Self::Talk { queue } => queue.as_str(),
        }
    }
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingEnd {
    /// The exchange stopped it: a key, the end of the talk.
    Stopped,
    /// The caller hung up.
    HungUp,
    /// It was as long as it may be.
    TooLong,
    /// The caller was silent for as long as the mailbox waits.
    Quiet,
    /// A fault of ours: the disk, or a media thread.
    Failed,
    /// The process ended meanwhile.
    Interrupted,
}

/// What happens to a recording. Adding a kind is compatible; renaming one is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Change {
    /// It begins, and its file with it.
    Begun {
        /// What it is of.
        of: Recorded,
        /// Who calls; `None`: no identity.
        caller: Option<Pseudonym>,
        /// In which language the caller is spoken to.
        language: Language,
        /// Who talks with the caller.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator: Option<OperatorId>,
    },
    /// Silence from now on.
    Paused {
        /// Who wants that.
        by: OperatorId,
    },
    /// Sound again.
    Resumed {
        /// Who wants that.
        by: OperatorId,
    },
    /// It is over, and its file whole.
    Ended {
        /// How long; `None`: only the file knows.
        length: Option<Duration>,
        /// Nothing that could be a voice is in it; `None`: nobody listened to the end.
        silent: Option<bool>,
        /// Why it ended.
        why: RecordingEnd,
    },
    /// An operator heard the message.
    Heard {
        /// Who.
        by: OperatorId,
    },
    /// The contact was handled.
    Handled {
        /// By whom; `None`: an administrator said so.
        by: Option<OperatorId>,
    },
    /// Its file goes. What is known of it stays.
    Erased {
        /// Why, for people.
        reason: String,
    },
}

/// What is known of a recording: the sum of its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Which; its file has this name.
    pub recording: RecordingId,
    /// What it is of.
    pub of: Recorded,
    /// Who calls; `None`: no identity.
    pub caller: Option<Pseudonym>,
    /// In which language the caller was spoken to.
    pub language: Language,
    /// Who talked with the caller.
    pub operator: Option<OperatorId>,
    /// Since when.
    pub begun: Wall,
    /// Until when.
    pub ended: Option<Wall>,
    /// How long; `None`: only the file knows.
    pub length: Option<Duration>,
    /// Nothing that could be a voice is in it.
    pub silent: Option<bool>,
    /// Why it ended.
    pub why: Option<RecordingEnd>,
    /// When somebody heard it first, and who.
    pub heard: Option<(Wall, OperatorId)>,
    /// When it was handled.
    pub handled: Option<Wall>,
    /// By whom; `None`: an administrator said so.
    pub handled_by: Option<OperatorId>,
    /// When its file went.
    pub erased: Option<Wall>,
}

impl Recording {
    /// A message that is over and waits for somebody to handle it.
    pub fn waits(&self) -> bool {
        self.of.is_voicemail()
            && self.ended.is_some()
            && self.handled.is_none()
            && self.erased.is_none()
    }

    /// What an event makes of a recording; `None`: nothing is known of its beginning.
    pub fn fold(former: Option<Self>, event: &Event) -> Option<Self> {
        let What::Recording { recording, change } = &event.what else {
            return former;
        };
        if let (
            None,
            Change::Begun {
                of,
                caller,
                language,
                operator,
            },
        ) = (&former, change)
        {
            return Some(Self {
                recording: *recording,
                of: of.clone(),
                caller: caller.clone(),
                language: *language,
                operator: operator.clone(),
                begun: event.at,
                ended: None,
                length: None,
                silent: None,
                why: None,
                heard: None,
                handled: None,
                handled_by: None,
                erased: None,
            });
        }
        let mut one = former?;
        match change {
            Change::Begun { operator, .. } => one.operator = operator.clone().or(one.operator),
            Change::Paused { .. } | Change::Resumed { .. } => {}
            Change::Ended {
                length,
                silent,
                why,
            } => {
                if one.ended.is_none() {
                    (one.ended, one.why) = (Some(event.at), Some(*why));
                    (one.length, one.silent) = (*length, *silent);
                }
            }
            Change::Heard { by } => {
                one.heard.get_or_insert_with(|| (event.at, by.clone()));
            }
            Change::Handled { by } => {
                if one.handled.is_none() {
                    (one.handled, one.handled_by) = (Some(event.at), by.clone());
                }
            }
            Change::Erased { .. } => {
                one.erased.get_or_insert(event.at);
            }
        }
        Some(one)
    }
}
