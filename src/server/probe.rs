//! `qaynar trunk test`: one step after the other towards a carrier, by sockets of its own.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::resolve::Resolver;
use crate::config::Settings;
use crate::sip::digest::Challenge;
use crate::sip::flow::Transport;
use crate::sip::locate::{Protocol, Search, Target};
use crate::sip::message::{Headers, Message, Method, Name, Request, Response};
use crate::sip::parse::parse_datagram;
use crate::sip::uri::{Host, Uri};
use crate::switch::Input;
use crate::switch::settings::Trunk;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// RFC 3261 §17.1.1.1: T1, after which a datagram is sent again.
const AGAIN: Duration = Duration::from_millis(500);
/// The longest answer that is read.
const LONGEST: usize = 16 * 1024;

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

/// Walks DNS, transport, OPTIONS and digest; what depends on a step that failed is left out.
pub async fn walk(settings: &Settings, trunk: &Trunk) -> Vec<Step> {
    let Some(peer) = trunk.uri() else {
        let text = "the trunk has no peer: it only brings calls, and there is nobody to ask";
        return vec![Step::new("peer", None, text)];
    };
    let secure = matches!(&peer, Uri::Sip(uri) if uri.secure);
    let transport = peer.parameter("transport").unwrap_or_default();
    if secure || transport.eq_ignore_ascii_case("tls") {
        let text = "left out: this test does not speak TLS; `qaynar trunk list` tells what the server sees";
        return vec![Step::new("transport", None, text)];
    }
    let mut steps = Vec::new();
    let targets = look_up(settings, &peer).await;
    let places: Vec<String> = targets.iter().map(|one| one.remote.to_string()).collect();
    if targets.is_empty() {
        let text = format!(
            "no server of {peer} was found: is the name right, and does DNS work? Ask the carrier for host, \
             port and transport, or name [dns] servers"
        );
        steps.push(Step::new("dns", false, text));
        return steps;
    }
    steps.push(Step::new(
        "dns",
        true,
        format!("its servers: {}", places.join(", ")),
    ));
    for target in targets {
        let Some(transport) = target.protocol.transport() else {
            continue;
        };
        match Way::open(transport, target.remote).await {
            Ok(mut way) => {
                let text = format!("{transport} {}: open", target.remote);
                steps.push(Step::new("transport", true, text));
                ask(&mut way, trunk, &mut steps).await;
            }
            Err(why) => {
                let text = format!(
                    "{transport} {}: {why}; ask the carrier whether it serves {transport} there, and look \
                     at the firewall",
                    target.remote
                );
                steps.push(Step::new("transport", false, text));
            }
        }
    }
    steps
}

async fn look_up(settings: &Settings, peer: &Uri) -> Vec<Target> {
    let (inputs, mut answers) = mpsc::channel(64);
    let resolver = Resolver::new(&settings.dns, inputs);
    let supported = [Protocol::Udp, Protocol::Tcp];
    let Some(mut search) = Search::begin(peer, &supported) else {
        return Vec::new();
    };
    let mut asked = search.open().to_vec();
    let mut next = 0;
    loop {
        if let Some(targets) = search.targets() {
            return targets;
        }
        while let Some(question) = asked.get(next) {
            resolver.ask(next as u64, question.clone());
            next += 1;
        }
        let Some(Input::Resolved { question, answer }) = answers.recv().await else {
            return Vec::new();
        };
        let place = usize::try_from(question).unwrap_or(usize::MAX);
        let Some(question) = asked.get(place).cloned() else {
            continue;
        };
        asked.extend(search.answer(&question, answer, &mut || 0));
    }
}

async fn ask(way: &mut Way, trunk: &Trunk, steps: &mut Vec<Step>) {
    match way.request(trunk, Method::Options, 1, None).await {
        Some(answer) => {
            let text = format!("answered with {}: it lives", answer.status);
            steps.push(Step::new("options", true, text));
        }
        None => {
            let text = format!(
                "no answer in {} s: ask the carrier whether our address {} is let in, and whether it answers \
                 OPTIONS",
                PATIENCE.as_secs(),
                way.local()
            );
            steps.push(Step::new("options", false, text));
        }
    }
    if trunk.register.is_none() {
        let text = "left out: the trunk does not register (register = true)";
        return steps.push(Step::new("digest", None, text));
    }
    steps.push(digest(way, trunk).await);
}

/// A REGISTER without Contact asks and changes nothing (RFC 3261 §10.2.3): the bindings of a running
/// server stay as they are.
async fn digest(way: &mut Way, trunk: &Trunk) -> Step {
    let step = |good, text: String| Step::new("digest", good, text);
    let Some(first) = way.request(trunk, Method::Register, 1, None).await else {
        let text = "no answer to REGISTER: ask the carrier whether this server is the registrar";
        return step(false, text.to_owned());
    };
    let (asks, answers) = match first.status {
        401 => (Name::WwwAuthenticate, Name::Authorization),
        407 => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        200..=299 => return step(true, "accepted without asking for a password".into()),
        status => {
            let text = format!(
                "REGISTER is answered with {status}: ask the carrier why; is the user right?"
            );
            return step(false, text);
        }
    };
    let values = first.headers.fields(&asks).map(String::from_utf8_lossy);
    let challenge = Challenge::best(values);
    let (Some(challenge), Some(own)) = (challenge, &trunk.credentials) else {
        let text = "it asks for a proof that we cannot give: MD5 and SHA-256 with qop=auth are what we know";
        return step(false, text.to_owned());
    };
    let uri = registrar(trunk).to_string();
    let value = challenge.answer(&own.user, own.password.reveal(), "REGISTER", &uri, &token());
    match way
        .request(trunk, Method::Register, 2, Some((answers, value)))
        .await
    {
        Some(answer) if answer.is_success() => step(true, "user and password are accepted".into()),
        Some(answer) if matches!(answer.status, 401 | 403 | 407) => step(
            false,
            format!(
                "user and password are refused ({}): compare them with the carrier's letter, and ask whether \
                 the account is open",
                answer.status
            ),
        ),
        Some(answer) => step(
            false,
            format!(
                "REGISTER with proof is answered with {}: ask the carrier why",
                answer.status
            ),
        ),
        None => step(false, "no answer to the REGISTER with proof".into()),
    }
}

fn registrar(trunk: &Trunk) -> Uri {
    let Some(Uri::Sip(peer)) = &trunk.peer else {
        return Uri::Other(String::new());
    };
    let mut uri = peer.without_headers();
    uri.user = None;
    uri.parameters.clear();
    Uri::Sip(Box::new(uri))
}

fn token() -> String {
    let mut bytes = [0; 8];
    // Without randomness the step fails at the carrier, and says so.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// A socket towards one server.
enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Way {
    async fn open(transport: Transport, remote: SocketAddr) -> Result<Self, String> {
        let any = if remote.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let told = |error: std::io::Error| error.to_string();
        match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(any).await.map_err(told)?;
                socket.connect(remote).await.map_err(told)?;
                Ok(Self::Udp(socket))
            }
            Transport::Tcp => match timeout(PATIENCE, TcpStream::connect(remote)).await {
                Ok(stream) => stream.map(Self::Tcp).map_err(told),
                Err(_) => Err("no connection in time".to_owned()),
            },
            other => Err(format!("this test does not speak {other}")),
        }
    }

    fn local(&self) -> String {
        let local = match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(stream) => stream.local_addr(),
        };
        local.map_or_else(
            |_| "unknown".to_owned(),
            |local| format!("{}:{}", Host::Address(local.ip()), local.port()),
        )
    }

    /// Sends a request and waits for its final answer.
    async fn request(
        &mut self,
        trunk: &Trunk,
        method: Method,
        cseq: u32,
        proof: Option<(Name, String)>,
    ) -> Option<Response> {
        let (uri, branch, local) = (registrar(trunk), token(), self.local());
        let who = match (&trunk.credentials, &uri) {
            (Some(own), Uri::Sip(peer)) => format!("sip:{}@{}", own.user, peer.host),
            _ => format!("sip:qaynar@{local}"),
        };
        let transport = match self {
            Self::Udp(_) => "UDP",
            Self::Tcp(_) => "TCP",
        };
        let mut headers = Headers::with_capacity(10);
        headers.push(
            Name::Via,
            format!("SIP/2.0/{transport} {local};rport;branch=z9hG4bK{branch}"),
        );
        headers.push(Name::MaxForwards, "70");
        headers.push(Name::From, format!("<{who}>;tag={branch}"));
        let to = if method == Method::Register {
            who
        } else {
            uri.to_string()
        };
        headers.push(Name::To, format!("<{to}>"));
        headers.push(Name::CallId, branch.clone());
        headers.push(Name::CSeq, format!("{cseq} {method}"));
        if let Some((name, value)) = proof {
            headers.push(name, value);
        }
        let request = Request {
            method,
            uri,
            headers,
            body: Vec::new(),
        };
        let bytes = request.to_bytes();
        timeout(PATIENCE, self.exchange(&bytes, &branch))
            .await
            .ok()
            .flatten()
    }

    async fn exchange(&mut self, bytes: &[u8], branch: &str) -> Option<Response> {
        let mut buffer = vec![0; LONGEST];
        let mut filled = 0;
        loop {
            match self {
                Self::Udp(socket) => {
                    // A refused port is told by ICMP; the next try may find it open.
                    let _ = socket.send(bytes).await;
                    while let Ok(Ok(length)) = timeout(AGAIN, socket.recv(&mut buffer)).await {
                        if let Some(answer) = final_answer(buffer.get(..length)?, branch) {
                            return Some(answer);
                        }
                    }
                }
                Self::Tcp(stream) => {
                    if filled == 0 {
                        stream.write_all(bytes).await.ok()?;
                    }
                    let length = stream.read(buffer.get_mut(filled..)?).await.ok()?;
                    filled += length;
                    if length == 0 {
                        return None;
                    }
                    if let Some(answer) = final_answer(buffer.get(..filled)?, branch) {
                        return Some(answer);
                    }
                }
            }
        }
    }
}

fn final_answer(bytes: &[u8], branch: &str) -> Option<Response> {
    let Ok(Message::Response(response)) = parse_datagram(bytes) else {
        return None;
    };
    let ours = response.headers.via().ok()?.branch().ends_with(branch);
    (ours && !response.is_provisional()).then_some(response)
}
