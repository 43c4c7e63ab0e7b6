//! Who is free, by queue and skills, in the order in which they are rung.
//!
//! Each queue keeps its free operators apart by what they can, ordered by its own rule: to find whom to
//! ring for a caller takes one look at the head of each set, however many operators there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::operator::Operator;
use super::rule::{Facts, Strategy};
use super::settings::QueueSettings;
use super::wants::{Skills, Wants};
use crate::event::OperatorState;
use crate::ids::{OperatorId, QueueName};

/// A free operator's place in the order of a queue: level, key of the rule, name.
pub(super) type Rank = (u8, i64, OperatorId);

/// All operators, and the queues that they serve.
#[derive(Debug, Clone, Default)]
pub(super) struct Roster {
    operators: BTreeMap<OperatorId, Operator>,
    skills: BTreeMap<OperatorId, Arc<Skills>>,
    queues: BTreeMap<QueueName, Served>,
    free: usize,
    on_shift: usize,
    seed: u64,
    drawn: u64,
}

/// A queue as its operators see it.
#[derive(Debug, Clone)]
struct Served {
    settings: Arc<QueueSettings>,
    /// `None`: everybody.
    members: Option<BTreeMap<OperatorId, Place>>,
    free: BTreeMap<Arc<Skills>, BTreeSet<Rank>>,
    /// How many of those who serve it are in each state.
    states: BTreeMap<OperatorState, usize>,
    on_shift: usize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    level: u8,
    weight: u32,
    /// From 0.
    place: u32,
}

/// Whom a caller may be given to.
pub(super) struct Ask<'a> {
    pub(super) queue: &'a QueueName,
    pub(super) required: &'a Skills,
    pub(super) wants: &'a Wants,
    /// The highest level.
    pub(super) level: u8,
    /// Who is left in peace.
    pub(super) in_peace: &'a dyn Fn(&OperatorId) -> bool,
}

/// Whom to ring, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) operator: OperatorId,
    pub(super) level: u8,
    /// Knows the caller.
    pub(super) known: bool,
}

impl Served {
    fn new(settings: Arc<QueueSettings>) -> Self {
        let members = settings.members.as_ref().map(|members| {
            let places = (0..).zip(members).map(|(place, member)| {
                let (level, weight) = (member.level, member.weight);
                let place = Place {
                    level,
                    weight,
                    place,
                };
                (member.operator.clone(), place)
            });
            places.collect()
        });
        Self {
            settings,
            members,
            free: BTreeMap::new(),
            states: BTreeMap::new(),
            on_shift: 0,
        }
    }

    fn place(&self, id: &OperatorId) -> Option<Place> {
        let everybody = Place {
            level: 1,
            weight: 1,
            place: 0,
        };
        match &self.members {
            None => Some(everybody),
            Some(members) => members.get(id).copied(),
        }
    }

    fn rank(&self, id: &OperatorId, operator: &Operator) -> Option<Rank> {
        let place = self.place(id)?;
        let facts = operator.facts(place.place, place.weight);
        Some((place.level, self.settings.rule.key(&facts), id.clone()))
    }

    fn put_in(&mut self, id: &OperatorId, operator: &Operator, skills: &Arc<Skills>) {
        let Some(rank) = self.rank(id, operator) else {
            return;
        };
        *self.states.entry(operator.state()).or_default() += 1;
        self.on_shift += usize::from(operator.is_on_shift());
        if operator.is_free() {
            self.free
                .entry(Arc::clone(skills))
                .or_default()
                .insert(rank);
        }
    }

    fn take_out(&mut self, id: &OperatorId, operator: &Operator, skills: &Arc<Skills>) {
        let Some(rank) = self.rank(id, operator) else {
            return;
        };
        if let Some(count) = self.states.get_mut(&operator.state()) {
            *count = count.saturating_sub(1);
        }
        self.on_shift -= usize::from(operator.is_on_shift());
        if let Some(set) = self.free.get_mut(skills) {
            set.remove(&rank);
            if set.is_empty() {
                self.free.remove(skills);
            }
        }
    }
}

impl Roster {
    /// Lots are drawn from this seed, never from a snapshot.
    pub(super) fn seeded(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// Replaces all queues.
    pub(super) fn configure(&mut self, queues: BTreeMap<QueueName, Arc<QueueSettings>>) {
        let served = queues
            .into_iter()
            .map(|(name, settings)| (name, Served::new(settings)));
        self.queues = served.collect();
        self.index();
    }

    /// Replaces what all operators can; who is not named can nothing special.
    pub(super) fn teach(&mut self, skills: BTreeMap<OperatorId, Skills>) {
        let shared = skills.into_iter().map(|(id, set)| (id, Arc::new(set)));
        self.skills = shared.collect();
        self.index();
    }

    fn index(&mut self) {
        for served in self.queues.values_mut() {
            served.free.clear();
            served.states.clear();
            served.on_shift = 0;
        }
        for (id, operator) in &self.operators {
            let skills = self.skills.get(id).cloned().unwrap_or_default();
            for served in self.queues.values_mut() {
                served.put_in(id, operator, &skills);
            }
        }
    }

    /// A queue that calls wait in though the live dialplan has it no more.
    pub(super) fn keep_queue(&mut self, name: &QueueName, settings: &Arc<QueueSettings>) {
        if self.queues.contains_key(name) {
            return;
        }
        let mut served = Served::new(Arc::clone(settings));
        for (id, operator) in &self.operators {
            let skills = self.skills.get(id).cloned().unwrap_or_default();
            served.put_in(id, operator, &skills);
        }
        self.queues.insert(name.clone(), served);
    }

    pub(super) fn settings(&self, queue: &QueueName) -> Option<&Arc<QueueSettings>> {
        self.queues.get(queue).map(|served| &served.settings)
    }

    pub(super) fn operator(&self, id: &OperatorId) -> Option<&Operator> {
        self.operators.get(id)
    }

    pub(super) fn operators(&self) -> impl Iterator<Item = (&OperatorId, &Operator)> {
        self.operators.iter()
    }

    /// Changes an operator and all that follows from it; `None`: there is no such operator.
    pub(super) fn change(
        &mut self,
        id: &OperatorId,
        how: impl FnOnce(&mut Operator),
    ) -> Option<&mut Operator> {
        let skills = self.skills.get(id).cloned().unwrap_or_default();
        let operator = self.operators.get_mut(id)?;
        for served in self.queues.values_mut() {
            served.take_out(id, operator, &skills);
        }
        let was_free = operator.is_free();
        self.free -= usize::from(was_free);
        self.on_shift -= usize::from(operator.is_on_shift());
        how(operator);
        if operator.is_free() && !was_free {
            self.drawn += 1;
            let mut lot = ChaCha8Rng::seed_from_u64(self.seed);
            lot.set_stream(self.drawn);
            operator.draw = lot.next_u64();
        }
        self.free += usize::from(operator.is_free());
        self.on_shift += usize::from(operator.is_on_shift());
        for served in self.queues.values_mut() {
            served.put_in(id, operator, &skills);
        }
        Some(operator)
    }

    pub(super) fn add(&mut self, id: OperatorId, new: Operator) {
        if !self.operators.contains_key(&id) {
            self.operators.insert(id.clone(), new);
            let skills = self.skills.get(&id).cloned().unwrap_or_default();
            if let Some(operator) = self.operators.get(&id) {
                self.free += usize::from(operator.is_free());
                self.on_shift += usize::from(operator.is_on_shift());
                for served in self.queues.values_mut() {
                    served.put_in(&id, operator, &skills);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, id: &OperatorId) {
        let skills = self.skills.get(id).cloned().unwrap_or_default();
        if let Some(operator) = self.operators.remove(id) {
            self.free -= usize::from(operator.is_free());
            self.on_shift -= usize::from(operator.is_on_shift());
            for served in self.queues.values_mut() {
                served.take_out(id, &operator, &skills);
            }
        }
    }

    /// Operators who could be rung now.
    pub(super) fn free(&self) -> usize {
        self.free
    }

    /// Operators on shift.
    pub(super) fn on_shift(&self) -> usize {
        self.on_shift
    }

    /// How many serve a queue and are on shift.
    pub(super) fn on_shift_for(&self, queue: &QueueName) -> usize {
        self.queues.get(queue).map_or(0, |served| served.on_shift)
    }

    /// Free operators who serve a queue.
    pub(super) fn free_for(&self, queue: &QueueName) -> usize {
        let served = self.queues.get(queue);
        served.map_or(0, |served| served.free.values().map(BTreeSet::len).sum())
    }

    /// How many of those who serve a queue are in each state; none is zero.
    pub(super) fn states_for(
        &self,
        queue: &QueueName,
    ) -> impl Iterator<Item = (OperatorState, usize)> {
        let served = self.queues.get(queue);
        let states = served.into_iter().flat_map(|served| &served.states);
        states
            .map(|(state, count)| (*state, *count))
            .filter(|(_, count)| *count > 0)
    }

    /// Whether some queue would be left without anybody on shift if the operator were not.
    pub(super) fn is_last(&self, id: &OperatorId) -> bool {
        let on_shift = self.operators.get(id).is_some_and(Operator::is_on_shift);
        let serves_alone = |served: &Served| served.place(id).is_some() && served.on_shift == 1;
        on_shift && (self.on_shift == 1 || self.queues.values().any(serves_alone))
    }

    /// What an operator can.
    pub(super) fn skills(&self, id: &OperatorId) -> Option<&Skills> {
        self.skills.get(id).map(AsRef::as_ref)
    }

    /// What the rule of a queue knows of an operator.
    pub(super) fn facts(&self, queue: &QueueName, id: &OperatorId) -> Option<Facts> {
        let place = self.queues.get(queue)?.place(id)?;
        let operator = self.operators.get(id)?;
        Some(operator.facts(place.place, place.weight))
    }

    /// The operator to ring: who knows the caller; else who leaves the fewest wishes open, then by
    /// level, then by the queue's rule.
    pub(super) fn choose(&self, ask: &Ask<'_>) -> Option<Choice> {
        let served = self.queues.get(ask.queue)?;
        if let Some(known) = self.acquainted(served, ask) {
            return Some(known);
        }
        let mut best: Option<(usize, &Rank)> = None;
        for (skills, free) in &served.free {
            if !ask.required.is_subset(skills) {
                continue;
            }
            let rings = |rank: &&Rank| !(ask.in_peace)(&rank.2);
            let up_to = free.iter().take_while(|rank| rank.0 <= ask.level);
            if let Some(first) = up_to.into_iter().find(rings) {
                let found = (ask.wants.missing(skills), first);
                if best.is_none_or(|best| found < best) {
                    best = Some(found);
                }
            }
        }
        let (_, rank) = best?;
        Some(Choice {
            operator: rank.2.clone(),
            level: rank.0,
            known: false,
        })
    }

    fn acquainted(&self, served: &Served, ask: &Ask<'_>) -> Option<Choice> {
        let id = ask.wants.operator.as_ref()?;
        let operator = self.operators.get(id).filter(|one| one.is_free())?;
        let rank = served.rank(id, operator)?;
        let nothing = Skills::new();
        let skills = self.skills(id).unwrap_or(&nothing);
        let may = rank.0 <= ask.level && ask.required.is_subset(skills) && !(ask.in_peace)(id);
        may.then_some(Choice {
            operator: rank.2,
            level: rank.0,
            known: true,
        })
    }
}
