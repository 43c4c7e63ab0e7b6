//! A caller asks to be called back: which number, and when it is safe to talk. A conversation by keys,
//! while the place in the line is kept and phones may ring.

use crate::ids::QueueName;
use crate::private::Private;
use crate::time::Wall;

/// The longest number with its prefixes.
const LONGEST: usize = 20;
/// How often a question is asked before it is given up.
const ASKED_AT_MOST: u8 = 2;
/// How often a number may be typed that cannot be called.
const TYPED_AT_MOST: u8 = 3;

/// What was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Is it wanted?
    Offer,
    /// Is this the number?
    Confirm,
    /// Which is it?
    Type,
    /// When?
    When,
}

/// What follows from a key or from silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing; more is awaited.
    Wait,
    /// Ask this.
    Ask(Question),
    /// A number was typed: can it be called?
    Judge(Private<String>),
    /// It is agreed: at this moment, or as soon as it is the caller's turn.
    Agreed(Option<Wall>),
    /// The caller does not want it after all.
    GiveUp,
}

/// The conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Into which line the callback goes.
    pub queue: QueueName,
    /// The number that was read out, in its one form.
    pub number: Option<Private<String>>,
    /// When else a call is offered.
    pub later: Vec<Wall>,
    /// What was asked last.
    pub question: Question,
    /// What of a number was typed.
    typed: Private<String>,
    asked: u8,
    wrong: u8,
}

impl Asking {
    /// It begins with the number that came with the call, if one did. `wanted`: the caller said so already.
    pub fn new(
        queue: QueueName,
        number: Option<Private<String>>,
        later: Vec<Wall>,
        wanted: bool,
    ) -> Self {
        let question = match wanted {
            true => about_number(number.as_ref()),
            false => Question::Offer,
        };
        Self {
            queue,
            number,
            later,
            question,
            typed: Private::default(),
            asked: 1,
            wrong: 0,
        }
    }

    fn ask(&mut self, question: Question) -> Next {
        (self.question, self.asked) = (question, 1);
        Next::Ask(question)
    }

    /// A key was pressed.
    pub fn press(&mut self, key: char) -> Next {
        match (self.question, key) {
            (Question::Offer, '1') => self.ask(about_number(self.number.as_ref())),
            (Question::Confirm, '1') => self.ask(Question::When),
            (Question::Confirm, '2') => {
                self.number = None;
                self.ask(Question::Type)
            }
            (Question::Type, '*') => {
                self.typed = Private::default();
                Next::Wait
            }
            (Question::Type, '#') => Next::Judge(std::mem::take(&mut self.typed)),
            (Question::Type, '0'..='9') => {
                let mut typed = self.typed.reveal().clone();
                if typed.len() < LONGEST {
                    typed.push(key);
                }
                self.typed = Private::new(typed);
                Next::Wait
            }
            (Question::When, '1') => Next::Agreed(None),
            (Question::When, '2'..='9') => {
                let index = key.to_digit(10).map_or(0, |digit| digit as usize - 2);
                match self.later.get(index) {
                    Some(then) => Next::Agreed(Some(*then)),
                    None => Next::Wait,
                }
            }
            _ => Next::Wait,
        }
    }

    /// The number that was typed can be called, or not.
    pub fn judged(&mut self, number: Option<Private<String>>) -> Next {
        self.number = number;
        if self.number.is_some() {
            return self.ask(Question::Confirm);
        }
        self.wrong += 1;
        match self.wrong < TYPED_AT_MOST {
            true => self.ask(Question::Type),
            false => Next::GiveUp,
        }
    }

    /// Whether the last number that was typed could not be called.
    pub fn was_wrong(&self) -> bool {
        self.wrong > 0 && self.number.is_none()
    }

    /// Nothing was pressed after the question. Who typed a part of a number is given more time.
    pub fn silence(&mut self) -> Next {
        self.asked += 1;
        let again = self.question != Question::Offer && self.asked <= ASKED_AT_MOST;
        match again {
            true => Next::Ask(self.question),
            false => Next::GiveUp,
        }
    }
}

fn about_number(number: Option<&Private<String>>) -> Question {
    match number {
        Some(_) => Question::Confirm,
        None => Question::Type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(number: Option<&str>) -> Asking {
        let number = number.map(|number| Private::new(number.to_owned()));
        Asking::new("children".into(), number, vec![Wall(7), Wall(9)], true)
    }

    #[test]
    fn a_number_that_came_is_confirmed_and_a_time_chosen() {
        let mut one = asking(Some("+994501112233"));
        assert_eq!(one.press('9'), Next::Wait);
        assert_eq!(one.press('1'), Next::Ask(Question::When));
        assert_eq!(one.press('1'), Next::Agreed(None));
        assert_eq!(one.press('3'), Next::Agreed(Some(Wall(9))));
        assert_eq!(one.press('4'), Next::Wait, "no such time");
    }

    #[test]
    fn a_hidden_caller_types_a_number_and_hears_it_read_out() {
        let mut one = asking(None);
        assert_eq!(one.question, Question::Type);
        for key in ['9', '*', '0', '5', '0'] {
            assert_eq!(one.press(key), Next::Wait);
        }
        let typed = Private::new("050".to_owned());
        assert_eq!(one.press('#'), Next::Judge(typed));
        assert_eq!(one.judged(None), Next::Ask(Question::Type));
        assert!(one.was_wrong());
        let number = Some(Private::new("+994501112233".to_owned()));
        assert_eq!(one.judged(number), Next::Ask(Question::Confirm));
        assert_eq!(one.press('2'), Next::Ask(Question::Type));
        assert_eq!(one.judged(None), Next::Ask(Question::Type));
        assert_eq!(one.judged(None), Next::GiveUp);
    }

    #[test]
    fn an_offer_is_made_once_and_taken_by_its_key() {
        let number = Some(Private::new("+994501112233".to_owned()));
        let mut one = Asking::new("children".into(), number, Vec::new(), false);
        assert_eq!(one.clone().silence(), Next::GiveUp);
        assert_eq!(one.press('2'), Next::Wait);
        assert_eq!(one.press('1'), Next::Ask(Question::Confirm));
    }

    #[test]
    fn silence_is_no_consent() {
        let mut one = asking(Some("+994501112233"));
        assert_eq!(one.silence(), Next::Ask(Question::Confirm));
        assert_eq!(one.silence(), Next::GiveUp);
    }
}
