//! A call of the test: to a number that nobody has, or to one that whoever tests names. It is taken back as
//! soon as it rings, and hung up at once where somebody answers.

use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::requests::{NoProof, PATIENCE, Sheet, proof, request};
use super::way::Way;
use super::{Step, token};
use crate::config::Settings;
use crate::dialplan::Number;
use crate::private::Private;
use crate::rtp::codec::Direction;
use crate::rtp::srtp::MAX_SECRET;
use crate::sdp::{self, Keying, Local, Srtp};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::uri::Uri;
use crate::switch::settings::Trunk;

/// No telephone in the world has it: the country code 999 is no country's (ITU-T E.164).
const NOBODY: &str = "+9990000000";
/// How long a carrier may look for whoever is called.
const LOOKING: Duration = Duration::from_secs(10);

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Refused, or answered, with this.
    Final(u16),
    /// It rang, and was taken back.
    Rang(u16),
    /// Nothing but 100 within [`LOOKING`].
    Trying,
    /// Not a word.
    Silent,
    /// It wants to know who we are, which nobody told us.
    WhoAreYou,
    /// It wants a proof that we cannot compute.
    Foreign,
}

/// Calls, and tells how it went.
pub(super) async fn call(
    way: &mut Way,
    settings: &Settings,
    trunk: &Trunk,
    number: Option<&Number>,
) -> Step {
    let step = |good: Option<bool>, text: &str| Step::new("call", good, text);
    let nobody = Number::parse(NOBODY);
    let Some(called) = number.or(nobody.as_ref()) else {
        return step(None, "left out: no number to call");
    };
    let secure = way.transport().is_secure();
    if trunk.srtp == Srtp::Required && !secure {
        let text = "the trunk's audio must be encrypted (srtp = \"required\"), but its keys would go in the \
                    clear: write peer = \"sip:…;transport=tls\"";
        return step(Some(false), text);
    }
    // Nobody hears there; but what comes goes to no other program.
    let Ok(ear) = UdpSocket::bind((way.address(), 0)).await else {
        return step(Some(false), "no port of our own can be opened for audio");
    };
    let port = ear.local_addr().map_or(9, |local| local.port());
    let (Some(uri), body) = (trunk.uri_of(called), offer(way, trunk, port)) else {
        return step(None, "left out: the trunk takes no calls");
    };
    let mut attempt = Attempt {
        uri: Uri::parse_lenient(&uri),
        from: format!(
            "<sip:{}@{}>;tag={}",
            trunk.shown(),
            settings.sip.domain,
            token()
        ),
        call_id: token(),
        body,
        trunk,
        way,
    };
    let outcome = attempt.run().await;
    let (good, text) = words(outcome, called, number.is_some(), trunk.shown());
    Step::new("call", good, text)
}

/// What calls of the server offer, with an ear of our own.
fn offer(way: &Way, trunk: &Trunk, port: u16) -> Vec<u8> {
    let mut secret = [0; MAX_SECRET];
    let safe = way.transport().is_secure() && getrandom::fill(&mut secret).is_ok();
    let keying = match trunk.srtp {
        Srtp::Off => Keying::OFF,
        _ if !safe => Keying::OFF,
        wish => Keying {
            wish,
            secret: Some(Private::new(secret)),
            current: None,
        },
    };
    sdp::offer(&Local {
        address: way.address(),
        port,
        codecs: trunk.codecs.clone(),
        id: 1,
        version: 1,
        direction: Direction::SendRecv,
        keying,
    })
}

struct Attempt<'a> {
    way: &'a mut Way,
    trunk: &'a Trunk,
    uri: Uri,
    from: String,
    call_id: String,
    body: Vec<u8>,
}

impl Attempt<'_> {
    async fn run(&mut self) -> Outcome {
        let first = self.invite(1, None).await;
        let response = match first {
            Ok(response) => response,
            Err(outcome) => return outcome,
        };
        if !matches!(response.status, 401 | 407) {
            return Outcome::Final(response.status);
        }
        let own = self.trunk.credentials.as_ref();
        match proof(&response, own, &Method::Invite, &self.uri) {
            Err(NoProof::Unknown) => Outcome::WhoAreYou,
            Err(NoProof::Foreign) => Outcome::Foreign,
            Ok(with) => match self.invite(2, Some(with)).await {
                Ok(response) => Outcome::Final(response.status),
                Err(outcome) => outcome,
            },
        }
    }

    /// One INVITE to its end: the final answer to it, which is acknowledged, or how it ended without one.
    async fn invite(
        &mut self,
        cseq: u32,
        with: Option<(Name, String)>,
    ) -> Result<Response, Outcome> {
        let routes: Vec<String> = self.trunk.proxy_route().into_iter().collect();
        let sheet = Sheet {
            method: Method::Invite,
            uri: self.uri.clone(),
            from: &self.from,
            to: &format!("<{}>", self.uri),
            call_id: &self.call_id,
            cseq,
        };
        let (mut invite, branch) = request(self.way, &routes, sheet);
        let (local, transport) = (self.way.local(), self.way.transport().parameter());
        let contact = format!("<sip:qaynar@{local};transport={transport}>");
        invite.headers.push(Name::Contact, contact);
        if let Some((name, value)) = with {
            invite.headers.push(name, value);
        }
        invite.headers.push(Name::ContentType, "application/sdp");
        invite.body = self.body.clone();
        let (bytes, mut heard) = (invite.to_bytes(), false);
        let of_invite = |response: &Response| {
            let cseq = response.headers.cseq();
            response.status > 100 && cseq.is_ok_and(|cseq| cseq.method == Method::Invite)
        };
        let answer = self.way.ask(&bytes, &branch, of_invite, &mut heard);
        let answer = timeout(LOOKING, answer).await.ok().flatten();
        let rang = match answer {
            Some(response) if !response.is_provisional() => {
                self.acknowledge(&invite, &response).await;
                return Ok(response);
            }
            Some(response) => Some(response.status),
            // §9.1: whoever says nothing is told nothing.
            None if !heard => return Err(Outcome::Silent),
            None => None,
        };
        let late = self.take_back(&invite, &branch).await;
        match (rang, late) {
            (Some(status), _) => Err(Outcome::Rang(status)),
            (None, Some(late)) if late.status != 487 => Ok(late),
            (None, _) => Err(Outcome::Trying),
        }
    }

    /// CANCEL (§9.1), and the final answer to the INVITE that follows.
    async fn take_back(&mut self, invite: &Request, branch: &str) -> Option<Response> {
        let mut cancel = Request {
            method: Method::Cancel,
            uri: invite.uri.clone(),
            headers: same_transaction(invite, &Method::Cancel),
            body: Vec::new(),
        };
        if let Some(to) = invite.headers.text(Name::To) {
            cancel.headers.push(Name::To, to.into_owned());
        }
        let (bytes, mut heard) = (cancel.to_bytes(), false);
        let last = |response: &Response| {
            let cseq = response.headers.cseq();
            !response.is_provisional() && cseq.is_ok_and(|cseq| cseq.method == Method::Invite)
        };
        let answer = self.way.ask(&bytes, branch, last, &mut heard);
        let answer = timeout(PATIENCE, answer).await.ok().flatten()?;
        self.acknowledge(invite, &answer).await;
        Some(answer)
    }

    /// ACK; and BYE to whoever answered.
    async fn acknowledge(&mut self, invite: &Request, response: &Response) {
        if !response.is_success() {
            let mut ack = Request {
                method: Method::Ack,
                uri: invite.uri.clone(),
                headers: same_transaction(invite, &Method::Ack),
                body: Vec::new(),
            };
            if let Some(to) = response.headers.text(Name::To) {
                ack.headers.push(Name::To, to.into_owned());
            }
            // Lost, it is asked for by the answer again, which nobody waits for any more.
            let _ = self.way.send(&ack.to_bytes()).await;
            return;
        }
        let Ok(mut dialog) = Dialog::as_uac(invite, response, self.way.flow()) else {
            return;
        };
        let cseq = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        let via = |way: &Way, mut request: Request| {
            let branch = format!("z9hG4bK{}", token());
            let (name, local) = (way.transport().via_name(), way.local());
            let via = format!("SIP/2.0/{name} {local};rport;branch={branch}");
            request.headers.push_front(Name::Via, via);
            (request.to_bytes(), branch)
        };
        let (ack, _) = via(self.way, dialog.request(Method::Ack, Some(cseq)));
        let _ = self.way.send(&ack).await;
        let (bye, branch) = via(self.way, dialog.request(Method::Bye, None));
        let mut heard = false;
        let over = |response: &Response| !response.is_provisional();
        let answer = self.way.ask(&bye, &branch, over, &mut heard);
        let _ = timeout(PATIENCE, answer).await;
    }
}

/// What CANCEL and the ACK of a refusal share with their INVITE (§9.1, §17.1.1.3), without To.
fn same_transaction(invite: &Request, method: &Method) -> crate::sip::message::Headers {
    let mut headers = crate::sip::message::Headers::with_capacity(8);
    for name in [
        Name::Via,
        Name::MaxForwards,
        Name::Route,
        Name::From,
        Name::CallId,
    ] {
        for value in invite.headers.fields(&name) {
            headers.push(name.clone(), value);
        }
    }
    let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
    headers.push(Name::CSeq, format!("{number} {method}"));
    headers
}

/// What an outcome means. `real`: somebody has the number; `shown`: ours.
fn words(outcome: Outcome, called: &Number, real: bool, shown: &str) -> (Option<bool>, String) {
    let let_in = "our calls are let in";
    let good = |text: String| (Some(true), text);
    let wrong = |text: String| (Some(false), text);
    match outcome {
        Outcome::Rang(status) if real => good(format!("{called} rang ({status}), and was let go: {let_in}")),
        Outcome::Rang(status) => good(format!("{status}, and taken back: {let_in}")),
        Outcome::Final(200..=299) => good(format!("{called} was answered, and hung up: {let_in}")),
        Outcome::Final(status @ (404 | 410 | 480 | 484 | 604)) if !real => good(format!(
            "{status}: {let_in}, and nobody has the number {called}, as it should be"
        )),
        Outcome::Final(status @ (480 | 486 | 600 | 603)) if real => good(format!(
            "{called} does not take the call ({status}): {let_in}"
        )),
        Outcome::Final(status @ (404 | 410 | 484 | 604)) => wrong(format!(
            "{status}: it does not know {called}: ask the carrier how it wants numbers, and write number_format so"
        )),
        Outcome::Final(status @ (401 | 407)) => wrong(format!(
            "user and password are refused for calls ({status}): compare them with the carrier's letter"
        )),
        Outcome::Final(status @ (403 | 402)) => wrong(format!(
            "{status}: it forbids the call: ask the carrier whether calls with {shown} as caller are allowed on \
             this account and from our address{}",
            match real {
                true => "",
                false => "; if it bars numbers abroad alone, test with --call and the number of a phone beside you",
            }
        )),
        Outcome::Final(status @ (488 | 606 | 415 | 406)) => wrong(format!(
            "{status}: it wants another audio than we offer: ask the carrier for PCMA or PCMU, and look at codecs \
             and srtp of the trunk"
        )),
        Outcome::Final(status @ (500..=599)) if !real => wrong(format!(
            "{status}: it cannot take the call, or does not know numbers like {called}: test with --call and the \
             number of a phone beside you; if that fails too, ask the carrier why"
        )),
        Outcome::Final(status) => wrong(format!(
            "{status}: ask the carrier why it refuses a call to {called} with {shown} as caller"
        )),
        Outcome::Trying => wrong(format!(
            "100 and no other word in {} s: ask the carrier where the call waits",
            LOOKING.as_secs()
        )),
        Outcome::Silent => wrong(format!(
            "no answer to INVITE in {} s: ask the carrier whether calls from our address are let in",
            LOOKING.as_secs()
        )),
        Outcome::WhoAreYou => {
            wrong("it asks who we are: write user and password as the carrier gave them".into())
        }
        Outcome::Foreign => wrong(
            "it asks for a proof that we cannot give: ask the carrier for MD5 or SHA-256 with qop=auth".into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_number_is_a_number_abroad() {
        let number = Number::parse(NOBODY).unwrap();
        assert!(!number.is_emergency());
        let mut trunk = Trunk::named("a");
        trunk.peer = Some(Uri::parse("sip:sip.c.az").unwrap());
        assert_eq!(trunk.uri_of(&number).unwrap(), "sip:+9990000000@sip.c.az");
    }

    #[test]
    fn each_outcome_says_whether_it_is_well_and_what_to_do() {
        let number = Number::parse("0506802280").unwrap();
        for (outcome, real, good, part) in [
            (Outcome::Final(404), false, true, "let in"),
            (Outcome::Final(404), true, false, "number_format"),
            (Outcome::Rang(183), false, true, "taken back"),
            (Outcome::Final(200), true, true, "hung up"),
            (Outcome::Final(486), true, true, "let in"),
            (Outcome::Final(403), false, false, "--call"),
            (Outcome::Final(403), true, false, "116111"),
            (Outcome::Final(407), true, false, "password"),
            (Outcome::Final(488), true, false, "codecs"),
            (Outcome::Final(503), false, false, "--call"),
            (Outcome::Silent, false, false, "no answer"),
            (Outcome::Trying, false, false, "100"),
        ] {
            let (is_good, text) = words(outcome, &number, real, "116111");
            assert_eq!(is_good, Some(good), "{outcome:?}: {text}");
            assert!(text.contains(part), "{outcome:?}: {text}");
        }
    }
}
