//! `webhook`: a server of the house is asked where a call goes; while it says nothing the plan knows.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::ids::PathName;

/// The longest answer that is one.
pub const LONGEST_ANSWER: usize = 40;

/// A `webhook` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Whom to ask.
    pub url: Url,
    /// For so long a caller is kept.
    pub within: Duration,
    /// Where each answer leads.
    pub go: BTreeMap<String, PathName>,
    /// Where the call goes without one of these answers; `None`: on with the next step.
    pub otherwise: Option<PathName>,
}

impl Webhook {
    /// All paths that it may lead to.
    pub fn paths(&self) -> impl Iterator<Item = &PathName> {
        self.go.values().chain(&self.otherwise)
    }
}

/// The address of a server that may be asked: by TLS, or on this very machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    text: String,
    host: String,
}

/// Why an address is none that may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// Of another scheme, or none at all.
    #[error("is no address of a server")]
    Unreadable,
    /// What is sent could be read on the way.
    #[error("is not secure")]
    Unsafe,
    /// Whoever may read the plan would have the password.
    #[error("holds a password")]
    Password,
}

impl UrlFault {
    /// The way out.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Unreadable => "write \"https://HOST/PATH\"",
            Self::Unsafe => {
                "write https://; http:// is for this machine alone: \"http://127.0.0.1:8090/\""
            }
            Self::Password => {
                "take it out: what is secret stands in the file of [webhooks] secrets"
            }
        }
    }
}

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    /// It is none that may be asked.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlFault::Unreadable)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        let odd = |one: char| one.is_whitespace() || one.is_control() || !one.is_ascii();
        if authority.is_empty() || text.chars().any(odd) || text.len() > 2_000 {
            return Err(UrlFault::Unreadable);
        }
        if authority.contains('@') {
            return Err(UrlFault::Password);
        }
        let (name, port) = split_port(authority).ok_or(UrlFault::Unreadable)?;
        if name.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(UrlFault::Unreadable);
        }
        match scheme {
            "https" => {}
            "http" if is_this_machine(name) => {}
            "http" => return Err(UrlFault::Unsafe),
            _ => return Err(UrlFault::Unreadable),
        }
        Ok(Self {
            text: text.to_owned(),
            host: authority.to_ascii_lowercase(),
        })
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port: what people are told, since the rest may hold what is not theirs to read.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// Host and port of an authority (RFC 3986 §3.2).
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (name, after) = rest.split_once(']')?;
        return match after {
            "" => Some((name, None)),
            _ => Some((name, Some(after.strip_prefix(':')?))),
        };
    }
    match authority.split_once(':') {
        Some((name, port)) => Some((name, Some(port))),
        None => Some((authority, None)),
    }
}

fn is_this_machine(name: &str) -> bool {
    let address = name.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|one| one.is_loopback())
}

/// Why a server that was asked has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Its time is over.
    #[error("no answer in time")]
    Late,
    /// Too many callers ask already.
    #[error("too many are asked about already")]
    Busy,
    /// It is not there, or not who it should be.
    #[error("it cannot be reached")]
    Unreachable,
    /// It answered with this status of HTTP.
    #[error("it refuses ({0})")]
    Refused(u16),
    /// It answered with a page and no answer.
    #[error("its answer is too long")]
    TooLong,
    /// It answered something else than `{ "answer": "…" }`.
    #[error("its answer cannot be read")]
    Unreadable,
    /// In the dry run.
    #[error("no answer (assumed)")]
    Assumed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_secure_servers_and_this_machine_are_asked() {
        for text in [
            "https://crm.example/route?x=1",
            "https://crm.example:8443",
            "http://127.0.0.1:8090/",
            "http://[::1]:8090/",
            "http://localhost/x",
        ] {
            let url = Url::parse(text);
            assert_eq!(url.as_ref().map(Url::as_str), Ok(text));
        }
        for (text, fault) in [
            ("http://crm.example/", UrlFault::Unsafe),
            ("http://10.0.0.1/", UrlFault::Unsafe),
            ("http://localhost.example/", UrlFault::Unsafe),
            ("https://user:word@crm.example/", UrlFault::Password),
            ("ftp://crm.example/", UrlFault::Unreadable),
            ("crm.example", UrlFault::Unreadable),
            ("https:///x", UrlFault::Unreadable),
            ("https://crm.example:port/", UrlFault::Unreadable),
            ("https://crm.example/a b", UrlFault::Unreadable),
        ] {
            assert_eq!(Url::parse(text), Err(fault), "{text}");
        }
        let url = Url::parse("https://CRM.example:8443/secret?token=1");
        assert_eq!(
            url.map(|url| url.host().to_owned()),
            Ok("crm.example:8443".into())
        );
    }
}
