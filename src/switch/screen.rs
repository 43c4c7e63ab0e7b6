//! What an operator's desk shows of the call that rings: the page of a database of the house, told in the INVITE
//! and to whoever asks what operators are doing.

use serde::Serialize;

use super::pbx::{PlannedCall, Switch};
use crate::event::OperatorState;
use crate::ids::{CallId, OperatorId, Pseudonym, QueueName};
use crate::records::contact::ContactId;

/// Octets of the longest template, and of the longest address that is made of it.
const LONGEST: usize = 500;

/// What may stand in a template.
const NAMES: [&str; 7] = [
    "call", "caller", "contact", "operator", "dialled", "queue", "language",
];

/// The template of a page: `https://crm.example/?call={call}&caller={caller}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScreenPop(String);

/// The text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScreenPopFault {
    /// No address of a page.
    #[error(
        "{0:?} is no address of a page: write \"https://HOST/…\" with ASCII letters, at most {LONGEST} of them"
    )]
    Unreadable(String),
    /// A name that nothing is known by.
    #[error("{{{name}}} is not known; there are: {known}", name = .0, known = names())]
    Unknown(String),
}

fn names() -> String {
    NAMES.map(|name| format!("{{{name}}}")).join(", ")
}

impl ScreenPop {
    /// Reads a template.
    ///
    /// # Errors
    /// See [`ScreenPopFault`].
    pub fn parse(text: &str) -> Result<Self, ScreenPopFault> {
        let unreadable = || ScreenPopFault::Unreadable(text.to_owned());
        let scheme = ["https://", "http://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        let host = scheme.filter(|rest| !rest.starts_with(['/', '{']) && !rest.is_empty());
        // What would end the header, or the address in it (RFC 3261 §20.9, RFC 3986 §2).
        let odd = |one: u8| !one.is_ascii_graphic() || b"<>\"\\^`|".contains(&one);
        if host.is_none() || text.len() > LONGEST || text.bytes().any(odd) {
            return Err(unreadable());
        }
        let template = Self(text.to_owned());
        for piece in template.pieces() {
            match piece {
                Piece::Text(text) if text.contains(['{', '}']) => return Err(unreadable()),
                Piece::Name(name) if !NAMES.contains(&name) => {
                    return Err(ScreenPopFault::Unknown(name.to_owned()));
                }
                Piece::Text(_) | Piece::Name(_) => {}
            }
        }
        Ok(template)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The page of a call; `None`: it would be too long.
    fn page(
        &self,
        call: &PlannedCall,
        operator: &OperatorId,
        queue: Option<&QueueName>,
    ) -> Option<String> {
        let mut page = String::new();
        for piece in self.pieces() {
            let value = match piece {
                Piece::Text(text) => {
                    page.push_str(text);
                    continue;
                }
                Piece::Name("call") => call.id.to_string(),
                Piece::Name("contact") => ContactId::from(call.id).0,
                Piece::Name("caller") => {
                    let caller = call.caller.as_ref().map(Pseudonym::as_str);
                    caller.unwrap_or_default().to_owned()
                }
                Piece::Name("operator") => operator.to_string(),
                Piece::Name("dialled") => call.dialled.clone(),
                Piece::Name("queue") => queue.map(ToString::to_string).unwrap_or_default(),
                Piece::Name(_) => call.run.language().code().to_owned(),
            };
            escape(&value, &mut page);
        }
        (page.len() <= 2 * LONGEST).then_some(page)
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let name = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            if let Some((name, after)) = name {
                rest = after;
                return Some(Piece::Name(name));
            }
            // A brace that nothing closes is a text, which is refused.
            let end = rest.char_indices().skip(1).find(|(_, one)| *one == '{');
            let (text, after) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
            rest = after;
            Some(Piece::Text(text))
        })
    }
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Percent-encodes all but what is never more than itself (RFC 3986 §2.3).
fn escape(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte));
            }
            _ => into.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// What an operator is doing, with the call that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Desk {
    /// Who.
    pub operator: OperatorId,
    /// What.
    pub state: OperatorState,
    /// The call that rings or is talked in.
    pub call: Option<CallId>,
    /// The queue that it came by.
    pub queue: Option<QueueName>,
    /// Who calls; `None`: no identity, or no call.
    pub caller: Option<Pseudonym>,
    /// The page to be shown of it.
    pub screen_pop: Option<String>,
}

impl Switch {
    /// What all operators are doing, by id.
    pub fn desks(&self) -> Vec<Desk> {
        let of_all = self.domain.desks().map(|(operator, state, claim)| {
            let (call, queue) = claim.unzip();
            let queue = queue.flatten();
            let known = call.and_then(|call| self.calls.get(&call));
            Desk {
                operator: operator.clone(),
                state,
                call,
                queue: queue.cloned(),
                caller: known.and_then(|call| call.caller.clone()),
                screen_pop: known.and_then(|call| self.screen_pop(call, operator, queue)),
            }
        });
        of_all.collect()
    }

    /// The page that an operator is shown of a caller's call.
    fn screen_pop(
        &self,
        call: &PlannedCall,
        operator: &OperatorId,
        queue: Option<&QueueName>,
    ) -> Option<String> {
        let template = self.accounts.get(operator)?.screen_pop.as_ref()?;
        template.page(call, operator, queue)
    }

    /// What the INVITE to an operator's phone tells of the call (RFC 3261 §20.9); `None`: nothing, also where a
    /// colleague calls.
    pub(super) fn call_info(&self, call: CallId, operator: &OperatorId) -> Option<String> {
        let one = self.calls.get(&call)?;
        let of_colleague = self
            .legs
            .get(&one.caller_leg)
            .and_then(|leg| leg.operator.as_ref());
        if of_colleague.is_some() {
            return None;
        }
        let rung = one.rung.iter().find(|rung| rung.operator == *operator);
        let queue = self.domain.queue_of(rung.map(|rung| rung.claim));
        let page = self.screen_pop(one, operator, queue.as_ref())?;
        Some(format!("<{page}>;purpose=info"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_an_address_with_names_that_are_known() {
        for good in [
            "https://crm.example/?call={call}&caller={caller}",
            "http://crm.lan/{contact}/{operator}#x",
            "https://crm.example/",
        ] {
            assert_eq!(ScreenPop::parse(good).map(|one| one.0), Ok(good.into()));
        }
        for bad in [
            "crm.example/{call}",
            "javascript:alert(1)",
            "https://{caller}.example/",
            "https://crm.example/>;purpose=icon",
            "https://crm.example/ {call}",
            "https://crm.example/{call",
            "https://crm.example/call}",
            "https://",
        ] {
            let told = ScreenPop::parse(bad);
            assert!(matches!(told, Err(ScreenPopFault::Unreadable(_))), "{bad}");
        }
        let told = ScreenPop::parse("https://crm.example/{number}").unwrap_err();
        assert!(
            told.to_string()
                .starts_with("{number} is not known; there are: {call}")
        );
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let mut page = String::new();
        escape("+994 a&b=ə", &mut page);
        assert_eq!(page, "%2B994%20a%26b%3D%C9%99");
    }
}
