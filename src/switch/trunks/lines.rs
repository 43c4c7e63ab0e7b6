//! What we know of each trunk at this moment. Nothing of it outlives the process: a new one asks and
//! registers again, with the same Contact, so that the carrier replaces the former binding.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::Trunk;
use crate::ids::TrunkName;
use crate::sip::locate::{Question, Search, Target};
use crate::sip::transaction::layer::ClientId;
use crate::time::Instant;

/// What is due for a trunk; the number is its place in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::switch) enum TrunkTimer {
    /// To register, or to refresh that.
    Register(usize),
    /// To ask whether it lives, or to stop waiting for the answer.
    Qualify(usize),
}

/// Why a trunk's servers are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    Register,
    Qualify,
}

/// A REGISTER client's memory (RFC 3261 §10.2).
#[derive(Debug, Clone, Default)]
pub(super) struct Registration {
    /// One for all REGISTERs of this process (§10.2.4).
    pub(super) call_id: String,
    pub(super) tag: String,
    pub(super) cseq: u32,
    /// What the carrier's 423 asked for, in seconds.
    pub(super) least: u64,
    /// Until when the carrier knows us.
    pub(super) until: Option<Instant>,
    /// In a row.
    pub(super) failures: u32,
    /// Whether the alarm of this failure was told.
    pub(super) told: bool,
    /// Why it failed last, for people.
    pub(super) fault: Option<String>,
    /// RFC 3608: the way of our later requests.
    pub(super) service_route: Vec<String>,
    /// We left; nothing is sent any more.
    pub(super) left: bool,
}

/// How a trunk answers OPTIONS.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse {
    /// The OPTIONS that waits for its answer.
    pub(super) asked: Option<ClientId>,
    /// When it went out.
    pub(super) asked_at: Instant,
    /// In a row.
    pub(super) misses: u32,
    /// In a row.
    pub(super) answers: u32,
    /// It was silent for too long.
    pub(super) down: bool,
    /// The last final answer.
    pub(super) status: Option<u16>,
}

/// One trunk.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) search: Option<Search>,
    /// Who waits for the search.
    pub(super) errands: Vec<Errand>,
    pub(super) targets: Vec<Target>,
    pub(super) registration: Registration,
    pub(super) pulse: Pulse,
    /// New calls of this second: when the next one is due at the set rate.
    pub(super) rate: Instant,
    /// When the alarm of a full trunk may be told again.
    pub(super) tell_full: Instant,
}

/// All trunks, in the order of the settings.
#[derive(Debug, Clone, Default)]
pub(in crate::switch) struct Lines {
    pub(super) lines: Vec<Line>,
    /// Questions to DNS that are open.
    pub(super) resolving: BTreeMap<u64, (usize, Question)>,
}

impl Lines {
    /// A trunk by its place in the settings, with what is known of it.
    pub(super) fn of<'a>(
        &'a mut self,
        trunks: &'a [Trunk],
        at: usize,
    ) -> Option<(&'a Trunk, &'a mut Line)> {
        trunks.get(at).zip(self.lines.get_mut(at))
    }

    /// All trunks, each with what is known of it.
    pub(super) fn with<'a>(
        &'a self,
        trunks: &'a [Trunk],
    ) -> impl Iterator<Item = (&'a Trunk, &'a Line)> {
        trunks.iter().zip(&self.lines)
    }

    pub(in crate::switch) fn new(trunks: &[Trunk]) -> Self {
        Self {
            lines: trunks.iter().map(|_| Line::default()).collect(),
            resolving: BTreeMap::new(),
        }
    }
}

/// Whether a carrier knows us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registered {
    /// We do not register with it.
    NotWanted,
    /// It does.
    Yes,
    /// It does not, or not yet.
    No,
}

/// A trunk's state, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineState {
    /// Which.
    pub name: TrunkName,
    /// Calls that it brings and takes now.
    pub calls: usize,
    /// Whether the carrier knows us.
    pub registered: Registered,
    /// Why it does not.
    pub fault: Option<String>,
    /// Whether it answers OPTIONS; `None`: it is not asked.
    pub alive: Option<bool>,
    /// Its last final answer to OPTIONS.
    pub status: Option<u16>,
}
