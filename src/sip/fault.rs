//! What peers do wrong, and which status tells them: one place for all of it.

use super::message::Name;

/// A message cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// §7.1, §7.2: neither a request line nor a status line.
    #[error("the start line is not one of SIP")]
    BadStartLine,
    /// §7.1: a request of another version than SIP/2.0.
    #[error("the version is not SIP/2.0")]
    BadVersion,
    /// §25.1.
    #[error("the request URI cannot be read: {0}")]
    BadUri(&'static str),
    /// §8.1.1: every request has it.
    #[error("the {0} header is missing")]
    MissingHeader(Name),
    /// The value does not follow its grammar, or is there twice.
    #[error("the {name} header cannot be read: {what}")]
    BadHeader {
        /// Which header.
        name: Name,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A line without a colon, or the like.
    #[error("a header line cannot be read: {0}")]
    BadHeaderLine(&'static str),
    /// §18.3: fewer octets than Content-Length says.
    #[error("the body is shorter than Content-Length says")]
    ShortBody,
    /// One of our limits.
    #[error("the message is too large: {0}")]
    TooLarge(&'static str),
}

impl Fault {
    /// What the sender of such a request is told.
    pub fn status(&self) -> u16 {
        match self {
            Self::BadVersion => 505,
            Self::TooLarge(_) => 513,
            Self::BadStartLine
            | Self::BadUri(_)
            | Self::MissingHeader(_)
            | Self::BadHeader { .. }
            | Self::BadHeaderLine(_)
            | Self::ShortBody => 400,
        }
    }
}
