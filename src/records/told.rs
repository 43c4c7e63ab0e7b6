//! What servers outside may be told of, by names that stay.

use crate::event::What;

/// All names, with what each means.
pub const EVENTS: &[(&str, &str)] = &[
    ("call.arrived", "a call reached the exchange"),
    ("call.queued", "the caller waits for an operator"),
    ("call.ringing", "an operator's phones ring for the call"),
    (
        "call.connected",
        "an operator and the caller hear each other",
    ),
    ("call.transferred", "an operator hands the caller on"),
    ("call.ended", "the call is over, with its record"),
    ("callback.asked", "the caller is to be called back"),
    (
        "callback.ended",
        "the caller was called back, or will not be",
    ),
    (
        "contact.opened",
        "a contact is there: by a call, by hand, by the API",
    ),
    ("contact.changed", "somebody changed a contact"),
    ("operator.state", "an operator does something else"),
    ("alarm", "a person should look"),
];

/// Whether there is such a name.
pub fn is_event(name: &str) -> bool {
    EVENTS.iter().any(|(known, _)| *known == name)
}

/// By which name it is told; `None`: it is told to nobody.
pub fn name_of(what: &What) -> Option<&'static str> {
    match what {
        What::Arrived { .. } => Some("call.arrived"),
        What::Queued { .. } => Some("call.queued"),
        What::Ringing { .. } => Some("call.ringing"),
        What::Connected { .. } => Some("call.connected"),
        What::Transfer { .. } => Some("call.transferred"),
        What::Ended { .. } => Some("call.ended"),
        What::CallbackAsked { .. } => Some("callback.asked"),
        What::CallbackEnded { .. } => Some("callback.ended"),
        What::Operator { .. } => Some("operator.state"),
        What::Alarm { .. } => Some("alarm"),
        _ => None,
    }
}
