//! The servers that webhook steps ask: some answer, some late, some never.

use std::time::Duration;

use qaynar::dialplan::webhook::NoAnswer;
use qaynar::switch::{Input, Inquiry};

use crate::dice::Dice;

pub(crate) struct Servers {
    /// Of their own: plans without such steps have the days that they always had.
    dice: Dice,
    /// How often one was asked.
    pub(crate) asked: usize,
    /// None says a word.
    pub(crate) silent: bool,
}

impl Servers {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(!seed),
            asked: 0,
            silent: false,
        }
    }

    /// What comes back, and after how long: sometimes twice, and sometimes to a question that nobody asks
    /// any more.
    pub(crate) fn asked(&mut self, inquiry: &Inquiry) -> Vec<(Duration, Input)> {
        self.asked += 1;
        if self.silent || self.dice.chance(20) {
            return Vec::new();
        }
        let answer = match self.dice.number() % 4 {
            0 => Ok("later".to_owned()),
            1 => Ok("nobody".to_owned()),
            2 => Ok("something else".to_owned()),
            _ => Err(NoAnswer::Unreachable),
        };
        let input = Input::Informed {
            call: inquiry.call,
            number: inquiry.number,
            answer,
        };
        let after = self.dice.between(Duration::ZERO, inquiry.within * 3 / 2);
        let again = self.dice.chance(10).then(|| (after * 2, input.clone()));
        [(after, input)].into_iter().chain(again).collect()
    }
}
