//! Descriptions of media (RFC 8866) and their negotiation by offer and answer (RFC 3264).

pub mod crypto;
pub mod description;
pub mod negotiate;

pub use crypto::{Keying, Srtp};
pub use description::{Description, MediaLine, SdpFault};
pub use negotiate::{Local, Negotiated, NotAcceptable, answer, offer, offer_again, read_answer};
