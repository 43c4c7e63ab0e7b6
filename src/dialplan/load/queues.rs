//! `[queue.NAME]`.

use std::ops::Range;
use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::super::fault::suggest;
use super::super::plan::{Comfort, Queue, Waiting};
use super::super::read::Table;
use super::{Draft, HOLD, Reference};
use crate::ids::{OperatorId, PathName, PromptName, QueueName};

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
        let operators = read_operators(&table, name);
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
            operators,
            say_position: self.says_position(&table).then_some(every),
            comfort: table
                .table("comfort")
                .and_then(|comfort| self.read_comfort(comfort)),
            music: PromptName(music),
            if_waiting: self.read_waiting(&table, name),
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

    fn read_waiting(&mut self, table: &Table<'_, '_>, name: &str) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        for one in table.tables("if_waiting", &format!("if_waiting of queue {name}")) {
            let after = one.duration("for", false);
            let go = one.text("go");
            if after.is_none() && !one.has("for") || go.is_none() && !one.has("go") {
                one.fault(
                    "an entry of if_waiting needs for and go",
                    "write { for = \"3m\", go = \"PATH\" }",
                );
            }
            if let (Some(after), Some((go, span))) = (after, go) {
                self.path_references.push(Reference {
                    place: one.source.place(&span),
                    name: go.clone(),
                });
                if waiting
                    .last()
                    .is_some_and(|last: &Waiting| last.after >= after)
                {
                    one.fault(
                        "the times of if_waiting do not rise",
                        "put the shorter time first",
                    );
                }
                waiting.push(Waiting {
                    after,
                    go: PathName(go),
                });
            }
            one.finish();
        }
        waiting
    }
}

/// Who is rung; by which rule, there is only one so far.
fn read_operators(table: &Table<'_, '_>, name: &str) -> Option<Vec<OperatorId>> {
    if let Some((strategy, at)) = table.text("ring")
        && strategy != "longest idle"
    {
        table.source.fault(
            at,
            format!("no way to ring is called {strategy:?}"),
            suggest(&strategy, ["longest idle"]),
        );
    }
    let operators = table.texts("operators").map(|list| {
        list.into_iter()
            .map(|(operator, _)| OperatorId(operator))
            .collect::<Vec<_>>()
    });
    if operators.as_ref().is_some_and(Vec::is_empty) {
        table.fault(
            format!("queue {name} has no operators"),
            "name some, or leave operators out for all of them",
        );
    }
    operators
}
