//! Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3).

/// Every branch made after RFC 2543 begins so (§8.1.1.7).
const MAGIC_COOKIE: &str = "z9hG4bK";

/// What a key takes from the topmost Via of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopVia<'a> {
    /// The branch parameter, if there is one.
    pub branch: Option<&'a str>,
    /// Host and port as written, without parameters.
    pub sent_by: &'a str,
    /// The whole value as written: what a sender from before RFC 3261 is told apart by.
    pub whole: &'a str,
}

/// What a key needs besides when the branch is from before RFC 3261 (§17.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldFacts<'a> {
    /// The Call-ID.
    pub call_id: &'a str,
    /// The From tag, if there is one.
    pub from_tag: Option<&'a str>,
    /// The To tag, if there is one.
    pub to_tag: Option<&'a str>,
    /// The CSeq number.
    pub cseq: u32,
    /// The Request-URI as written.
    pub request_uri: &'a str,
}

/// The method as transactions see it: an ACK belongs to its INVITE.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum MethodClass {
    InviteAndAck,
    Cancel,
    Other(Box<str>),
}

impl MethodClass {
    /// Methods are case-sensitive (§7.1).
    fn of(method: &str) -> Self {
        match method {
            "INVITE" | "ACK" => Self::InviteAndAck,
            "CANCEL" => Self::Cancel,
            other => Self::Other(other.into()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    /// Lower case, without the cookie; two peers may choose the same branch, hence sent-by.
    Branch { branch: Box<str>, sent_by: Box<str> },
    /// RFC 2543: a branch proves nothing, so the request itself has to be the same.
    Old {
        call_id: Box<str>,
        from_tag: Box<str>,
        to_tag: Box<str>,
        cseq: u32,
        request_uri: Box<str>,
        via: Box<str>,
    },
}

/// The key of a server transaction (§17.2.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerKey {
    identity: Identity,
    method: MethodClass,
}

impl ServerKey {
    /// The key of a request with `method` (that of the start line).
    ///
    /// For a sender from before RFC 3261 the To tag counts only where it cannot change within the
    /// transaction: the ACK of a failure has the tag of our response, which its INVITE did not have.
    /// Call-ID, From tag, CSeq, Request-URI and Via still tell two INVITEs apart.
    pub fn new(via: TopVia<'_>, method: &str, old: OldFacts<'_>) -> Self {
        let method = MethodClass::of(method);
        let identity = match via.branch.and_then(modern) {
            Some(branch) => Identity::Branch {
                branch: branch.to_ascii_lowercase().into(),
                sent_by: via.sent_by.to_ascii_lowercase().into(),
            },
            None => Identity::Old {
                call_id: old.call_id.into(),
                from_tag: old.from_tag.unwrap_or_default().into(),
                to_tag: match method {
                    MethodClass::InviteAndAck | MethodClass::Cancel => "".into(),
                    MethodClass::Other(_) => old.to_tag.unwrap_or_default().into(),
                },
                cseq: old.cseq,
                request_uri: old.request_uri.into(),
                via: via.whole.into(),
            },
        };
        Self { identity, method }
    }

    /// How many bytes its texts take.
    pub(super) fn weight(&self) -> usize {
        match &self.identity {
            Identity::Branch { branch, sent_by } => branch.len() + sent_by.len(),
            Identity::Old {
                call_id,
                from_tag,
                to_tag,
                cseq: _,
                request_uri,
                via,
            } => call_id.len() + from_tag.len() + to_tag.len() + request_uri.len() + via.len(),
        }
    }

    /// The INVITE that a CANCEL with this key means (§9.2).
    pub fn cancelled(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            method: MethodClass::InviteAndAck,
        }
    }
}

/// The key of a client transaction (§17.1.3): our own branch and the method of CSeq.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey {
    branch: Box<str>,
    method: MethodClass,
}

impl ClientKey {
    /// From the top Via's branch and the method of CSeq, of the request that we send as of a response.
    pub fn new(branch: &str, cseq_method: &str) -> Self {
        Self {
            branch: branch.to_ascii_lowercase().into(),
            method: MethodClass::of(cseq_method),
        }
    }

    /// The key of the CANCEL for the request with this key: the same branch (§9.1).
    pub fn cancelling(&self) -> Self {
        Self {
            branch: self.branch.clone(),
            method: MethodClass::Cancel,
        }
    }
}

/// Requests that reach us on more than one way (§8.2.2.2): equal for them, though their branches differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MergeKey {
    call_id: Box<str>,
    from_tag: Box<str>,
    cseq: u32,
    method: MethodClass,
}

impl MergeKey {
    /// How many bytes its texts take.
    pub(super) fn weight(&self) -> usize {
        self.call_id.len() + self.from_tag.len()
    }

    /// The key of a request with `method`; `None` for a request within a dialog, for an ACK and for a
    /// CANCEL, which §8.2.2.2 leaves out.
    pub fn new(method: &str, facts: OldFacts<'_>) -> Option<Self> {
        if facts.to_tag.is_some() || method == "ACK" || method == "CANCEL" {
            return None;
        }
        Some(Self {
            call_id: facts.call_id.into(),
            from_tag: facts.from_tag.unwrap_or_default().into(),
            cseq: facts.cseq,
            method: MethodClass::of(method),
        })
    }
}

/// The branch without its cookie; `None`: from before RFC 3261, or nothing but a cookie, which tells
/// no two requests apart.
fn modern(branch: &str) -> Option<&str> {
    let (cookie, rest) = branch.split_at_checked(MAGIC_COOKIE.len())?;
    (cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: OldFacts<'_> = OldFacts {
        call_id: "c1",
        from_tag: Some("f"),
        to_tag: None,
        cseq: 1,
        request_uri: "sip:116111@example.test",
    };

    fn via<'a>(branch: Option<&'a str>, sent_by: &'a str) -> TopVia<'a> {
        TopVia {
            branch,
            sent_by,
            whole: "SIP/2.0/UDP host;branch=1",
        }
    }

    fn key(branch: &str, method: &str) -> ServerKey {
        ServerKey::new(via(Some(branch), "192.0.2.1:5060"), method, FACTS)
    }

    #[test]
    fn an_ack_belongs_to_its_invite_and_nothing_else_does() {
        let invite = key("z9hG4bKa", "INVITE");
        assert_eq!(key("z9hG4bKa", "ACK"), invite);
        assert_ne!(key("z9hG4bKb", "ACK"), invite);
        assert_ne!(key("z9hG4bKa", "BYE"), invite);
        assert_ne!(key("z9hG4bKa", "CANCEL"), invite);
        assert_eq!(key("z9hG4bKa", "CANCEL").cancelled(), invite);
    }

    #[test]
    fn parameter_values_and_hosts_are_compared_without_case_but_methods_with_it() {
        assert_eq!(key("Z9HG4BKaB", "BYE"), key("z9hG4bKAb", "BYE"));
        assert_ne!(key("z9hG4bKa", "bye"), key("z9hG4bKa", "BYE"));
        let upper = ServerKey::new(via(Some("z9hG4bKa"), "HOST"), "BYE", FACTS);
        let lower = ServerKey::new(via(Some("z9hG4bKa"), "host"), "BYE", FACTS);
        assert_eq!(upper, lower);
    }

    #[test]
    fn the_same_branch_from_another_sender_is_another_transaction() {
        let other = ServerKey::new(via(Some("z9hG4bKa"), "192.0.2.2:5060"), "BYE", FACTS);
        assert_ne!(other, key("z9hG4bKa", "BYE"));
    }

    #[test]
    fn without_a_cookie_the_request_itself_is_compared() {
        for branch in [None, Some("1"), Some("z9hG4bK"), Some("é")] {
            let invite = ServerKey::new(via(branch, "h"), "INVITE", FACTS);
            let tagged = OldFacts {
                to_tag: Some("t"),
                ..FACTS
            };
            let ack = ServerKey::new(via(branch, "h"), "ACK", tagged);
            assert_eq!(ack, invite, "{branch:?}");
            let next = OldFacts { cseq: 2, ..FACTS };
            assert_ne!(ServerKey::new(via(branch, "h"), "INVITE", next), invite);
        }
    }

    #[test]
    fn a_response_finds_its_request_by_branch_and_method() {
        let invite = ClientKey::new("z9hG4bKa", "INVITE");
        assert_eq!(ClientKey::new("z9hG4bKA", "INVITE"), invite);
        assert_ne!(ClientKey::new("z9hG4bKa", "CANCEL"), invite);
    }

    #[test]
    fn only_requests_outside_dialogs_can_be_merged() {
        assert_eq!(
            MergeKey::new("INVITE", FACTS),
            MergeKey::new("INVITE", FACTS)
        );
        let tagged = OldFacts {
            to_tag: Some("t"),
            ..FACTS
        };
        assert_eq!(MergeKey::new("INVITE", tagged), None);
        assert_eq!(MergeKey::new("ACK", FACTS), None);
    }
}
