//! The requests of the test, and OPTIONS and REGISTER with what their answers mean.

use std::time::Duration;

use tokio::time::timeout;

use super::way::Way;
use super::{Step, token};
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::digest::{Challenge, Credentials};
use crate::sip::message::{Headers, Method, Name, Request, Response};
use crate::sip::uri::Uri;
use crate::switch::settings::Trunk;

/// How long one answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// What a request says of itself.
pub(super) struct Sheet<'a> {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) call_id: &'a str,
    pub(super) cseq: u32,
}

/// A request with its Via, and the branch of that.
pub(super) fn request(way: &Way, routes: &[String], sheet: Sheet<'_>) -> (Request, String) {
    let branch = format!("z9hG4bK{}", token());
    let (transport, local) = (way.transport().via_name(), way.local());
    let mut headers = Headers::with_capacity(12);
    headers.push(
        Name::Via,
        format!("SIP/2.0/{transport} {local};rport;branch={branch}"),
    );
    headers.push(Name::MaxForwards, MAX_FORWARDS.to_string());
    for route in routes {
        headers.push(Name::Route, route.clone());
    }
    headers.push(Name::From, sheet.from);
    headers.push(Name::To, sheet.to);
    headers.push(Name::CallId, sheet.call_id);
    headers.push(Name::CSeq, format!("{} {}", sheet.cseq, sheet.method));
    let request = Request {
        method: sheet.method,
        uri: sheet.uri,
        headers,
        body: Vec::new(),
    };
    (request, branch)
}

/// Why a challenge cannot be answered.
pub(super) enum NoProof {
    /// We have no user and password.
    Unknown,
    /// It asks for what we cannot compute.
    Foreign,
}

/// The header that answers a challenge (RFC 3261 §22).
pub(super) fn proof(
    response: &Response,
    own: Option<&Credentials>,
    method: &Method,
    uri: &Uri,
) -> Result<(Name, String), NoProof> {
    let (asks, answers) = match response.status {
        401 => (Name::WwwAuthenticate, Name::Authorization),
        _ => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
    };
    let own = own.ok_or(NoProof::Unknown)?;
    let values = response.headers.fields(&asks).map(String::from_utf8_lossy);
    let challenge = Challenge::best(values).ok_or(NoProof::Foreign)?;
    let (user, password, uri) = (&own.user, own.password.reveal(), uri.to_string());
    let value = challenge.answer(user, password, method.as_str(), &uri, &token());
    Ok((answers, value))
}

/// Sends a request outside any dialog and waits for its final answer.
async fn exchange(
    way: &mut Way,
    trunk: &Trunk,
    method: Method,
    (call_id, tag, cseq): (&str, &str, u32),
    with: Option<(Name, String)>,
) -> Option<Response> {
    let uri = trunk.domain()?;
    let host = uri.host()?;
    let registers = method == Method::Register;
    let who = match &trunk.credentials {
        Some(own) => format!("sip:{}@{host}", own.user),
        None => format!("sip:qaynar@{}", way.local()),
    };
    let to = if registers {
        who.clone()
    } else {
        uri.to_string()
    };
    let routes: Vec<String> = trunk.proxy_route().into_iter().collect();
    let sheet = Sheet {
        method,
        uri,
        from: &format!("<{who}>;tag={tag}"),
        to: &format!("<{to}>"),
        call_id,
        cseq,
    };
    let (mut request, branch) = request(way, &routes, sheet);
    if let Some((name, value)) = with {
        request.headers.push(name, value);
    }
    let bytes = request.to_bytes();
    let mut heard = false;
    let answer = way.ask(
        &bytes,
        &branch,
        |answer| !answer.is_provisional(),
        &mut heard,
    );
    timeout(PATIENCE, answer).await.ok().flatten()
}

/// OPTIONS: any final answer is life.
pub(super) async fn options(way: &mut Way, trunk: &Trunk) -> Step {
    match exchange(way, trunk, Method::Options, (&token(), &token(), 1), None).await {
        Some(answer) => {
            let text = format!("answered with {}: it lives", answer.status);
            Step::new("options", true, text)
        }
        None => {
            let text = format!(
                "no answer in {} s: ask the carrier whether our address {} is let in, and whether it answers \
                 OPTIONS",
                PATIENCE.as_secs(),
                way.local()
            );
            Step::new("options", false, text)
        }
    }
}

/// A REGISTER without Contact asks and changes nothing (RFC 3261 §10.2.3): the bindings of a running
/// server stay as they are.
pub(super) async fn digest(way: &mut Way, trunk: &Trunk) -> Step {
    let step = |good: Option<bool>, text: &str| Step::new("digest", good, text);
    if trunk.register.is_none() {
        return step(
            None,
            "left out: the trunk does not register (register = true)",
        );
    }
    // §22.2: the second one is the first again, with a proof.
    let (call_id, tag) = (token(), token());
    let identity = |cseq| (call_id.as_str(), tag.as_str(), cseq);
    let Some(first) = exchange(way, trunk, Method::Register, identity(1), None).await else {
        let text = "no answer to REGISTER: ask the carrier whether this server is the registrar";
        return step(Some(false), text);
    };
    match first.status {
        401 | 407 => {}
        200..=299 => return step(Some(true), "accepted without asking for a password"),
        status => {
            let text = format!(
                "REGISTER is answered with {status}: ask the carrier why; is the user right?"
            );
            return step(Some(false), &text);
        }
    }
    let uri = trunk.domain().unwrap_or_else(|| Uri::Other(String::new()));
    let with = match proof(&first, trunk.credentials.as_ref(), &Method::Register, &uri) {
        Ok(with) => with,
        Err(NoProof::Unknown) => {
            let text = "it asks who we are: write user and password as the carrier gave them";
            return step(Some(false), text);
        }
        Err(NoProof::Foreign) => {
            let text = "it asks for a proof that we cannot give: MD5 and SHA-256 with qop=auth are what we \
                        know; ask the carrier for one of them";
            return step(Some(false), text);
        }
    };
    match exchange(way, trunk, Method::Register, identity(2), Some(with)).await {
        Some(answer) if answer.is_success() => step(Some(true), "user and password are accepted"),
        Some(answer) if matches!(answer.status, 401 | 403 | 407) => {
            let text = format!(
                "user and password are refused ({}): compare them with the carrier's letter, and ask whether \
                 the account is open",
                answer.status
            );
            step(Some(false), &text)
        }
        Some(answer) => {
            let text = format!(
                "REGISTER with proof is answered with {}: ask the carrier why",
                answer.status
            );
            step(Some(false), &text)
        }
        None => step(
            Some(false),
            "no answer to the REGISTER with proof: ask the carrier why",
        ),
    }
}
