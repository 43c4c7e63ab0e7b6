//! REGISTER and digest: who a softphone belongs to, and where it is (RFC 3261 §10, §22).

use std::time::Duration;

use super::outbound::{self, Outbound};
use super::pbx::Switch;
use crate::event::What;
use crate::ids::OperatorId;
use crate::registrar::{Update, UpdateFault};
use crate::sip::digest::{self, Algorithm, Authorization, NonceState};
use crate::sip::flow::{Flow, Transport};
use crate::sip::message::{Name, Request, Response};
use crate::sip::transaction::layer::ServerId;
use crate::time::{Instant, Now};

/// Phones that give up when MD5 is not the only offer, by the start of their User-Agent. Whoever is
/// offered MD5 could choose it anyway, so that a borrowed name wins nothing.
const CONFUSED_BY_TWO: [&str; 3] = ["baresip v0.", "baresip v1.", "SIPp"];
/// How often failed proofs are told of.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Things that are counted, and told together at most once a second.
#[derive(Debug, Default)]
pub(super) struct Told {
    untold: u64,
    next: Instant,
}

impl Told {
    /// One more; `Some`: tell now that there were so many.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if now < self.next {
            return None;
        }
        self.next = now + TELL_EVERY;
        Some(std::mem::take(&mut self.untold))
    }
}

/// Which pair of headers digest uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// 401: for a registrar (§22.2).
    Registrar,
    /// 407: for calls (§22.3).
    Proxy,
}

impl Gate {
    fn asks(self) -> (u16, Name) {
        match self {
            Self::Registrar => (401, Name::WwwAuthenticate),
            Self::Proxy => (407, Name::ProxyAuthenticate),
        }
    }

    fn answer(self) -> Name {
        match self {
            Self::Registrar => Name::Authorization,
            Self::Proxy => Name::ProxyAuthorization,
        }
    }
}

impl Switch {
    /// Who sent the request, or the challenge to send back. No answer tells whether an operator
    /// exists: unknown names are challenged like known ones.
    pub(super) fn authenticate(
        &mut self,
        request: &Request,
        flow: Flow,
        gate: Gate,
        now: Now,
    ) -> Result<OperatorId, Box<Response>> {
        let name = gate.answer();
        let proofs = request.headers.fields(&name).map(String::from_utf8_lossy);
        // What was not offered is not taken: an attacker may not choose the weaker hash.
        let ours = |proof: &Authorization| {
            proof.realm == self.settings.domain && self.settings.digest.contains(&proof.algorithm)
        };
        let proof = proofs
            .filter_map(|text| Authorization::parse(&text))
            .find(ours);
        let challenge = |stale| Err(Box::new(self.challenge(request, flow, gate, stale, now)));
        let Some(proof) = proof else {
            let refusal = challenge(false);
            self.asked_for(request, flow, now);
            return refusal;
        };
        match digest::judge_nonce(&self.nonce_key, &proof.nonce, now.wall) {
            NonceState::Fresh => {}
            NonceState::Stale => return challenge(true),
            NonceState::Forged => return challenge(false),
        }
        // RFC 7616 §3.4.6: a proof for another target is a bad request, whoever sent it.
        if !proof.is_for(&request.uri, &self.settings.domain) {
            return Err(Box::new(Response::to(request, 400)));
        }
        if self.refuses_proof(&proof.user, flow, now) {
            return Err(Box::new(Response::to(request, 403)));
        }
        let operator = OperatorId(proof.user.clone());
        let account = self.accounts.get(&operator);
        // An unknown name costs the same work as a known one.
        let ha1 = match (account, proof.algorithm) {
            (Some(account), Algorithm::Md5) => account.ha1_md5.reveal().as_str(),
            (Some(account), Algorithm::Sha256) => account.ha1_sha256.reveal().as_str(),
            (None, algorithm) => algorithm.nobody(),
        };
        let fits = proof.is_proof(ha1, request.method.as_str());
        if !fits || account.is_none() {
            let known = account.is_some().then_some(&operator);
            self.digest_failed(known, now);
            let refusal = self.challenge(request, flow, gate, false, now);
            let heard = flow.transport != Transport::Udp
                || digest::was_sent_to(&self.nonce_key, &proof.nonce, flow.remote.ip());
            self.wrong_proof(&proof.user, flow, heard, now);
            return Err(Box::new(refusal));
        }
        if !self.counts_of_nonces.take(&proof) {
            return Err(Box::new(self.challenge(request, flow, gate, true, now)));
        }
        self.right_proof(&proof.user, request, flow, now);
        Ok(operator)
    }

    /// Told at most once a second: a guesser must not fill the log, nor write names of his into it.
    fn digest_failed(&mut self, operator: Option<&OperatorId>, now: Now) {
        if let Some(count) = self.wrong_proofs.count(now.at) {
            let operator = operator.map_or("unknown", OperatorId::as_str);
            tracing::warn!(
                count,
                operator,
                "digest failed: a phone has a wrong password, or somebody guesses; \
                 `qaynar operator password` sets a new one"
            );
        }
    }

    fn challenge(
        &self,
        request: &Request,
        flow: Flow,
        gate: Gate,
        stale: bool,
        now: Now,
    ) -> Response {
        let (status, name) = gate.asks();
        let nonce = digest::nonce(&self.nonce_key, now.wall, flow.remote.ip());
        let mut response = Response::to(request, status);
        let agent = request.headers.text(Name::UserAgent).unwrap_or_default();
        let is_confused = CONFUSED_BY_TWO.iter().any(|one| agent.starts_with(one));
        let offers = &self.settings.digest;
        let md5_alone = is_confused && offers.contains(&Algorithm::Md5);
        let fits = |one: &&Algorithm| !md5_alone || **one == Algorithm::Md5;
        for algorithm in offers.iter().filter(fits) {
            let value = digest::challenge(&self.settings.domain, &nonce, *algorithm, stale);
            response.headers.push(name.clone(), value);
        }
        response
    }

    /// A softphone comes, refreshes, asks or goes; its operator has proved who that is.
    pub(super) fn register(
        &mut self,
        id: ServerId,
        request: &Request,
        operator: &OperatorId,
        flow: Flow,
        now: Now,
    ) {
        let to = request.headers.to().ok().and_then(|to| to.uri.user());
        if to.as_deref() != Some(operator.as_str()) {
            // §10.3 step 4: one may not register for another.
            return self.respond_status(id, request, 403, now);
        }
        let headers = &request.headers;
        let (Ok(contacts), Ok(call_id), Ok(cseq)) =
            (headers.contacts(), headers.call_id(), headers.cseq())
        else {
            return self.respond_status(id, request, 400, now);
        };
        let outbound = match Outbound::asked(request, &contacts) {
            Ok(outbound) => outbound,
            Err(status) => return self.respond_status(id, request, status, now),
        };
        let asked = Update {
            operator,
            path: &outbound.path,
            reg_id: outbound.reg_id,
            contacts: &contacts,
            expires: headers.expires(),
            call_id,
            cseq: cseq.number,
            flow,
        };
        let was_reachable = !self.phones_of(operator).is_empty();
        let response = match self.registrar.update(&asked, now) {
            Ok(change) => {
                self.forget_silent();
                let mut response = Response::to(request, 200);
                for binding in self.registrar.contacts(operator) {
                    response
                        .headers
                        .push(Name::Contact, outbound::granted(binding, now.wall));
                }
                outbound.grant(&mut response);
                let is_reachable = !self.phones_of(operator).is_empty();
                let refreshed = change.as_ref().is_some_and(|one| one.reason == "refreshed")
                    && is_reachable == was_reachable;
                match change {
                    // Refreshes are many and tell nothing: stored, not journalled.
                    Some(_) if refreshed => {
                        let bindings = self.registrar.contacts(operator).to_vec();
                        let operator = operator.clone();
                        self.outputs
                            .push_back(super::Output::Bindings { operator, bindings });
                    }
                    change => self.contacts_changed(change.into_iter().collect(), now),
                }
                response
            }
            Err(fault) => self.register_refused(request, operator, fault, now),
        };
        self.respond(id, request, response, now);
    }

    fn register_refused(
        &mut self,
        request: &Request,
        operator: &OperatorId,
        fault: UpdateFault,
        now: Now,
    ) -> Response {
        match fault {
            UpdateFault::TooBrief => {
                let least = crate::registrar::bindings::MIN_EXPIRES
                    .as_secs()
                    .to_string();
                Response::to(request, 423).with(Name::MinExpires, least)
            }
            UpdateFault::WildcardNeedsZero => Response::to(request, 400),
            UpdateFault::OutOfOrder => Response::to(request, 500),
            UpdateFault::TooMany => {
                let text = format!("operator {operator} has too many phones registered");
                self.emit(
                    None,
                    What::Alarm {
                        kind: "too-many-contacts".into(),
                        text,
                    },
                    now,
                );
                Response::to(request, 403)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dialplan::{Catalogue, load};
    use crate::private::Private;
    use crate::sip::digest::HASHED;
    use crate::sip::flow::Transport;
    use crate::sip::message::Message;
    use crate::sip::parse::parse_datagram;
    use crate::switch::settings::Account;
    use crate::switch::{Command, Input, Settings};
    use crate::time::Wall;

    fn switch() -> (Switch, Now) {
        let text = "numbers = [\"116111\"]\nstart = \"a\"\nlanguages = [\"az\"]\nlanguage_keys = {}\n\
                    [path.a]\nsteps = [{ play = \"x\" }]\n";
        let catalogue = Catalogue {
            on_trust: true,
            ..Catalogue::default()
        };
        let plan = load(&[("a.toml".into(), text.into())], &catalogue).unwrap();
        let now = Now {
            at: Instant(1_000_000),
            wall: Wall(1_795_000_000_000_000),
        };
        let settings = Settings::sample();
        let mut switch = Switch::new(settings, Arc::new(plan), [3; 32], now);
        let hash = |algorithm| Private::new(digest::ha1(algorithm, "201", "qaynar", "gizli"));
        let account = Account {
            operator: "201".into(),
            ha1_md5: hash(Algorithm::Md5),
            ha1_sha256: hash(Algorithm::Sha256),
            screen_pop: None,
        };
        let accounts = Command::Operators(vec![account]);
        switch.handle(Input::Command(accounts), now);
        (switch, now)
    }

    /// What is hashed for a wrong proof of this operator.
    fn work_for(user: &str, method: &str, algorithm: Algorithm) -> Vec<(Algorithm, usize)> {
        let (mut switch, now) = switch();
        let flow = Flow {
            transport: Transport::Udp,
            local: ([192, 0, 2, 1], 5060).into(),
            remote: ([192, 0, 2, 9], 5060).into(),
            connection: None,
        };
        let nonce = digest::nonce(&switch.nonce_key, now.wall, flow.remote.ip());
        let gate = match method {
            "INVITE" => "Proxy-Authorization",
            _ => "Authorization",
        };
        let name = algorithm.name();
        let zeros = "0".repeat(algorithm.nobody().len());
        let text = format!(
            "{method} sip:{user}@qaynar SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
             From: <sip:{user}@qaynar>;tag=a\r\nTo: <sip:{user}@qaynar>\r\nCall-ID: 1\r\n\
             CSeq: 1 {method}\r\nContact: <sip:{user}@192.0.2.9>\r\nEvent: message-summary\r\n\
             {gate}: Digest username=\"{user}\", realm=\"qaynar\", nonce=\"{nonce}\", \
             uri=\"sip:{user}@qaynar\", response=\"{zeros}\", algorithm={name}, qop=auth, \
             nc=00000001, cnonce=\"c\"\r\nContent-Length: 0\r\n\r\n"
        );
        let Ok(Message::Request(request)) = parse_datagram(text.as_bytes()) else {
            panic!("{text}");
        };
        let gate = match method {
            "INVITE" => Gate::Proxy,
            _ => Gate::Registrar,
        };
        HASHED.with(|work| work.borrow_mut().clear());
        assert!(switch.authenticate(&request, flow, gate, now).is_err());
        HASHED.with(|work| work.borrow().clone())
    }

    /// A clock tells nobody whether an operator exists: the same hashes over as many octets.
    #[test]
    fn a_wrong_proof_for_an_unknown_operator_costs_what_it_costs_for_a_known_one() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            for method in ["REGISTER", "INVITE", "SUBSCRIBE"] {
                let known = work_for("201", method, algorithm);
                assert_eq!(known.len(), 2, "of the request, and of the proof");
                assert!(known.iter().all(|(by, _)| *by == algorithm));
                assert_eq!(known, work_for("999", method, algorithm));
            }
        }
    }

    #[test]
    fn a_thousand_failures_in_a_second_make_one_line() {
        let mut told = Told::default();
        let at = |ms: u64| Instant(5_000_000) + Duration::from_millis(ms);
        let lines: Vec<u64> = (0..1_000).filter_map(|ms| told.count(at(ms))).collect();
        assert_eq!(lines, [1]);
        assert_eq!(told.count(at(1_000)), Some(1_000), "none is lost count of");
    }
}
