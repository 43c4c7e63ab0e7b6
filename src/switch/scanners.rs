//! Programs that look for open exchanges, by what they are known to write.

use crate::sip::message::{Name, Request};

/// No more of a header is looked through.
const LONGEST: usize = 256;

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scanner {
    /// What people call it.
    pub name: String,
    /// Parts of its User-Agent, in lower case.
    pub user_agent: Vec<String>,
    /// Parts of its From, in lower case.
    pub from: Vec<String>,
    /// Parts of its To, in lower case.
    pub to: Vec<String>,
}

/// All that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanners {
    /// Each.
    pub known: Vec<Scanner>,
    /// Whoever asks for so many names, by a connection and without proving one, sweeps.
    pub names: u32,
}

impl Default for Scanners {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            names: 50,
        }
    }
}

impl Scanners {
    /// Which of them wrote a request.
    pub fn find(&self, request: &Request) -> Option<&str> {
        let text = |name: Name| {
            let text = request.headers.text(name).unwrap_or_default();
            let text: String = text.chars().take(LONGEST).collect();
            text.to_lowercase()
        };
        let (agent, from, to) = (text(Name::UserAgent), text(Name::From), text(Name::To));
        let has = |text: &str, parts: &[String]| parts.iter().any(|part| text.contains(part));
        let is_it = |one: &&Scanner| {
            has(&agent, &one.user_agent) || has(&from, &one.from) || has(&to, &one.to)
        };
        self.known.iter().find(is_it).map(|one| one.name.as_str())
    }
}
