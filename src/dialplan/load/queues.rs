//! `[queue.NAME]`.

use std::ops::Range;
use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::super::fault::suggest;
use super::super::plan::{Comfort, Full, Member, Queue, RingMore, Waiting, Wants};
use super::super::read::Table;
use super::{Draft, HOLD, Reference};
use crate::ids::{OperatorId, PathName, PromptName, QueueName, Rule, Skill};

impl Draft {
    pub(super) fn read_queue(
        &mut self,
        queues: &Table<'_, '_>,
        name: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let source = queues.source;
        let Some(table) = value.get_ref().as_table() else {
            source.fault(
                span,
                format!("queue {name} is no table"),
                "write [queue.NAME]",
            );
            return;
        };
        let table = Table::new(source, span.clone(), format!("queue {name}"), table);
        let (if_waiting, ring_more) = self.read_waiting(&table, name);
        let offer = self.read_offer(&table, name);
        let every = table
            .duration("say_position_every", false)
            .unwrap_or(Duration::from_secs(30));
        let music = match table.text("music") {
            Some((music, at)) => {
                self.music.push(Reference {
                    place: source.place(&at),
                    name: music.clone(),
                });
                music
            }
            None => HOLD.to_owned(),
        };
        let queue = Queue {
            place: table.place(),
            ring_for: table
                .duration("ring_for", false)
                .unwrap_or(Duration::from_secs(15)),
            wrap_up: table
                .duration("wrap_up", true)
                .unwrap_or(Duration::from_secs(20)),
            ring: read_rule(&table),
            operators: read_operators(&table, name),
            pause_after: table
                .count("pause_after")
                .and_then(|rings| u32::try_from(rings).ok()),
            full: self.read_full(&table),
            say_position: self.says_position(&table).then_some(every),
            comfort: table
                .table("comfort")
                .and_then(|comfort| self.read_comfort(comfort)),
            say_estimate: self.says_estimate(&table),
            music: PromptName(music),
            if_waiting,
            ring_more,
            record: self.read_record(&table),
            offer,
            keys: self.read_keys(&table),
            if_empty: table
                .text("if_empty")
                .map(|(go, span)| self.path_reference(&table, go, &span)),
        };
        table.finish();
        if self.queues.insert(QueueName::from(name), queue).is_some() {
            source.fault(
                span,
                format!("queue {name} is there twice"),
                "give one of them another name",
            );
        }
    }

    fn says_position(&mut self, table: &Table<'_, '_>) -> bool {
        let says = table.flag("say_position") == Some(true);
        if let Some(value) = table.value("say_position").filter(|_| says) {
            self.positions.push(table.source.place(&value.span()));
        }
        says
    }

    fn read_comfort(&mut self, comfort: Table<'_, '_>) -> Option<Comfort> {
        let play = self.prompts(&comfort, "play").into_iter().next();
        let every = comfort.duration("every", false);
        if play.is_none() || !comfort.has("every") {
            comfort.fault(
                "comfort needs play and every",
                "write { play = \"…\", every = \"20s\" }",
            );
        }
        comfort.finish();
        Some(Comfort {
            play: play?,
            every: every?,
        })
    }

    /// What happens after a time: the caller goes elsewhere, or more phones ring.
    fn read_waiting(&mut self, table: &Table<'_, '_>, name: &str) -> (Vec<Waiting>, Vec<RingMore>) {
        let (mut waiting, mut more) = (Vec::new(), Vec::new());
        let mut last = Duration::ZERO;
        for one in table.tables("if_waiting", &format!("if_waiting of queue {name}")) {
            let after = one.duration("for", false);
            let rings = one.has("ring") || one.has("level");
            let offers = one.has("offer");
            let said = [rings, offers, one.has("go")].into_iter();
            if !one.has("for") || said.filter(|said| *said).count() != 1 {
                one.fault(
                    "an entry of if_waiting needs for, and one of go, ring and offer",
                    "write { for = \"3m\", go = \"PATH\" }, { for = \"30s\", ring = 3, level = 2 } or \
                     { for = \"3m\", offer = \"callback\", key = 1 }",
                );
            }
            if after.is_some_and(|after| after <= last) {
                one.fault(
                    "the times of if_waiting do not rise",
                    "put the shorter time first",
                );
            }
            last = after.unwrap_or(last);
            let operators = read_ring(&one);
            let level = read_level(&one);
            if let (Some(after), true) = (after, rings) {
                more.push(RingMore {
                    after,
                    operators: operators.unwrap_or(1),
                    level,
                });
            }
            if let (Some(after), Some((go, span))) = (after, one.text("go")) {
                let go = self.path_reference(&one, go, &span);
                waiting.push(Waiting { after, go });
            }
            // `read_offer` reads it.
            if one.has("key") && !offers {
                one.fault(
                    "a key that offers nothing",
                    "write offer = \"callback\" too",
                );
            }
            one.finish();
        }
        (waiting, more)
    }

    pub(super) fn path_reference(
        &mut self,
        table: &Table<'_, '_>,
        name: String,
        span: &Range<usize>,
    ) -> PathName {
        self.path_references.push(Reference {
            place: table.source.place(span),
            name: name.clone(),
        });
        PathName(name)
    }

    fn read_full(&mut self, table: &Table<'_, '_>) -> Option<Full> {
        let most = table.count("max_waiting");
        let go = table.text("if_full");
        if table.has("max_waiting") != table.has("if_full") {
            table.fault(
                "max_waiting and if_full go together",
                "say how many may wait and where one more goes: max_waiting = 20, if_full = \"PATH\"",
            );
        }
        let (go, span) = go?;
        let go = self.path_reference(table, go, &span);
        Some(Full { most: most?, go })
    }

    /// `[operator.ID]`: what somebody can.
    pub(super) fn read_operator(
        &mut self,
        operators: &Table<'_, '_>,
        id: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(table) = value.get_ref().as_table() else {
            let what = format!("operator {id} is no table");
            return operators.source.fault(span, what, "write [operator.ID]");
        };
        let table = Table::new(operators.source, span, format!("operator {id}"), table);
        let can = table.texts("can").unwrap_or_default();
        let can = can.into_iter().map(|(skill, _)| Skill(skill)).collect();
        self.read_may(&OperatorId::from(id), &table);
        if !table.has("can") && !table.has("may") {
            table.fault(
                format!("operator {id} can nothing"),
                "write can = [\"ru\", \"psychology\"], or leave the operator out",
            );
        }
        if self.skills.insert(OperatorId::from(id), can).is_some() {
            let what = format!("operator {id} is there twice");
            table.fault(what, "say what one can in one place");
        }
        table.finish();
    }

    /// `needs`, `needs_for` and `prefers` of a queue step.
    pub(super) fn read_wants(&mut self, step: &Table<'_, '_>) -> Wants {
        let mut skills = |key| {
            let texts = step.texts(key).unwrap_or_default();
            for (name, span) in &texts {
                self.skill_references.push(Reference {
                    place: step.source.place(span),
                    name: name.clone(),
                });
            }
            texts.into_iter().map(|(skill, _)| Skill(skill))
        };
        let needs: Vec<Skill> = skills("needs").collect();
        let prefers = skills("prefers").collect();
        let needs_for = step.duration("needs_for", false);
        if needs_for.is_some() && needs.is_empty() {
            step.fault(
                "needs_for without needs",
                "say what is needed: needs = \"ru\"",
            );
        }
        Wants {
            needs,
            needs_for,
            prefers,
        }
    }
}

/// How many ring: a number, or all.
fn read_ring(table: &Table<'_, '_>) -> Option<usize> {
    let value = table.value("ring")?;
    if value.get_ref().as_str() == Some("all") {
        return Some(usize::MAX);
    }
    let count = table.count("ring")?;
    if count == 0 {
        let remedy = "write a number from 1, or \"all\"";
        table.source.fault(value.span(), "nobody rings", remedy);
    }
    Some(count)
}

fn read_level(table: &Table<'_, '_>) -> Option<u8> {
    let level = table.count("level")?;
    let small = u8::try_from(level).ok().filter(|level| *level > 0);
    if small.is_none() {
        let what = format!("{level} is no level");
        table.fault(what, "write a number from 1 to 255");
    }
    small
}

fn read_rule(table: &Table<'_, '_>) -> Rule {
    let Some((name, at)) = table.text("ring") else {
        return Rule::default();
    };
    Rule::named(&name).unwrap_or_else(|| {
        let what = format!("no way to ring is called {name:?}");
        let known = Rule::ALL.map(Rule::name);
        table.source.fault(at, what, suggest(&name, known));
        Rule::default()
    })
}

/// Who is rung: names, or tables with a level and a weight.
fn read_operators(table: &Table<'_, '_>, name: &str) -> Option<Vec<Member>> {
    let value = table.value("operators")?;
    let Some(list) = value.get_ref().as_array() else {
        table.texts("operators");
        return None;
    };
    let mut members: Vec<Member> = Vec::new();
    for one in list.iter() {
        let member = match (one.get_ref().as_str(), one.get_ref().as_table()) {
            (Some(id), _) => Some(member(id)),
            (None, Some(entry)) => {
                let what = format!("an operator of queue {name}");
                read_member(Table::new(table.source, one.span(), what, entry))
            }
            _ => {
                let what = format!("operators of queue {name}: not an operator");
                let remedy = "write \"201\", or { id = \"201\", level = 2 }";
                table.source.fault(one.span(), what, remedy);
                None
            }
        };
        let Some(member) = member else { continue };
        if members.iter().any(|old| old.operator == member.operator) {
            let what = format!("operator {} is in queue {name} twice", member.operator);
            table.source.fault(one.span(), what, "remove one of them");
        }
        members.push(member);
    }
    if members.is_empty() {
        table.fault(
            format!("queue {name} has no operators"),
            "name some, or leave operators out for all of them",
        );
    }
    Some(members)
}

fn member(id: &str) -> Member {
    Member {
        operator: OperatorId::from(id),
        level: 1,
        weight: 1,
    }
}

fn read_member(table: Table<'_, '_>) -> Option<Member> {
    let id = table.text("id");
    if id.is_none() && !table.has("id") {
        table.fault("id is missing", "write { id = \"201\", level = 2 }");
    }
    let level = read_level(&table).unwrap_or(1);
    let weight = table.count("weight").unwrap_or(1);
    let weight = u32::try_from(weight).ok().filter(|weight| *weight > 0);
    if weight.is_none() {
        table.fault("the weight is out of range", "write a number from 1");
    }
    table.finish();
    Some(Member {
        level,
        weight: weight.unwrap_or(1),
        ..member(&id?.0)
    })
}
