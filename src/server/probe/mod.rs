//! `qaynar trunk test`: one step after the other towards a carrier, by sockets of its own.

mod call;
mod requests;
mod way;

use tokio::sync::mpsc;

use super::clock::Clock;
use super::resolve::Resolver;
use super::tls::Tls;
use crate::config::Settings;
use crate::dialplan::Number;
use crate::sip::locate::{Protocol, Search, Target};
use crate::sip::uri::Uri;
use crate::switch::Input;
use crate::switch::settings::Trunk;
use way::Way;

/// What one step found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// Which.
    pub step: &'static str,
    /// `None`: it was left out.
    pub good: Option<bool>,
    /// What was seen, and where it is wrong, what to do or to ask the carrier.
    pub text: String,
}

impl Step {
    fn new(step: &'static str, good: impl Into<Option<bool>>, text: impl Into<String>) -> Self {
        Self {
            step,
            good: good.into(),
            text: text.into(),
        }
    }
}

/// Walks DNS, transport, OPTIONS, digest and a call; what depends on a step that failed is left out.
/// `number`: whom to call, else a number that nobody has.
pub async fn walk(settings: &Settings, trunk: &Trunk, number: Option<&Number>) -> Vec<Step> {
    let Some(peer) = trunk.uri() else {
        let text = "the trunk has no peer: it only brings calls, and there is nobody to ask";
        return vec![Step::new("peer", None, text)];
    };
    let tls = match Tls::start(&settings.tls, Clock::start().now().wall) {
        Ok(tls) => tls,
        Err(error) => return vec![Step::new("certificate", false, error.to_string())],
    };
    let targets = match look_up(settings, &peer).await {
        Ok(targets) => targets,
        Err(why) => return vec![Step::new("dns", false, why)],
    };
    let name = |one: &Target| format!("{:?} {}", one.protocol, one.remote).to_lowercase();
    let places: Vec<String> = targets.iter().map(name).collect();
    let text = format!("its servers: {}", places.join(", "));
    let mut steps = vec![Step::new("dns", true, text)];
    // Whom a certificate must name: the trunk's own host (RFC 5922 §7.2), whatever DNS led over.
    let host = trunk.peer.as_ref().and_then(Uri::host);
    let host = host.map_or_else(String::new, |host| host.to_string());
    let mut called = false;
    for (at, target) in targets.iter().enumerate() {
        let Some(mut way) = connect(settings, target, &host, &tls, &mut steps).await else {
            continue;
        };
        let options = requests::options(&mut way, trunk).await;
        let digest = requests::digest(&mut way, trunk).await;
        let answers = options.good == Some(true) || digest.good == Some(true);
        steps.extend([options, digest]);
        // One call for all servers: at the first that says a word, or else at the last.
        if !called && (answers || at + 1 == targets.len()) {
            called = true;
            steps.push(call::call(&mut way, settings, trunk, number).await);
        }
    }
    if !called {
        let text = "left out: no server of the trunk can be reached";
        steps.push(Step::new("call", None, text));
    }
    tls.stop();
    steps
}

/// The way to one server; where there is none, the step says why.
async fn connect(
    settings: &Settings,
    target: &Target,
    host: &str,
    tls: &Tls,
    steps: &mut Vec<Step>,
) -> Option<Way> {
    let (transport, remote) = (target.protocol.transport()?, target.remote);
    let ours = settings.sip.listen.iter();
    let mut ours = ours.filter(|(one, _)| Protocol::from(*one) == target.protocol);
    // A server without a listener of the family never calls there.
    if !ours.any(|(_, local)| local.is_ipv4() == remote.is_ipv4()) {
        let text = format!(
            "{transport} {remote}: left out, since the server does not use it: [sip] listen has no address of \
             that family for {transport}"
        );
        steps.push(Step::new("transport", None, text));
        return None;
    }
    match Way::open(transport, remote, host, tls).await {
        Ok(way) => {
            let text = format!("{transport} {remote}: open");
            steps.push(Step::new("transport", true, text));
            Some(way)
        }
        Err(why) => {
            let ask = match why.contains(": ") {
                true => String::new(),
                false => format!(
                    "; ask the carrier whether it serves {transport} there, and look at the firewall"
                ),
            };
            let text = format!("{transport} {remote}: {why}{ask}");
            steps.push(Step::new("transport", false, text));
            None
        }
    }
}

/// Where DNS leads, by the transports that the server has.
async fn look_up(settings: &Settings, peer: &Uri) -> Result<Vec<Target>, String> {
    let (inputs, mut answers) = mpsc::channel(64);
    let resolver = Resolver::new(&settings.dns, inputs);
    let listen = settings.sip.listen.iter();
    let listen = listen.filter(|(one, _)| !one.is_websocket());
    let mut supported: Vec<_> = listen.map(|(one, _)| Protocol::from(*one)).collect();
    supported.sort_unstable();
    supported.dedup();
    let Some(mut search) = Search::begin(peer, &supported) else {
        return Err(format!(
            "{peer} wants a transport that the server does not have: add it to [sip] listen, tls://… for TLS"
        ));
    };
    let nothing = format!(
        "no server of {peer} was found: is the name right, and does DNS work? Ask the carrier for host, port and \
         transport, or name [dns] servers"
    );
    let mut asked = search.open().to_vec();
    let mut next = 0;
    loop {
        match search.targets() {
            Some(targets) if targets.is_empty() => return Err(nothing),
            Some(targets) => return Ok(targets),
            None => {}
        }
        while let Some(question) = asked.get(next) {
            resolver.ask(next as u64, question.clone());
            next += 1;
        }
        let Some(Input::Resolved { question, answer }) = answers.recv().await else {
            return Err(nothing);
        };
        let place = usize::try_from(question).unwrap_or(usize::MAX);
        let Some(question) = asked.get(place).cloned() else {
            continue;
        };
        asked.extend(search.answer(&question, answer, &mut || 0));
    }
}

fn token() -> String {
    let mut bytes = [0; 8];
    // Without randomness the step fails at the carrier, and says so.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}
