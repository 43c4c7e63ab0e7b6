//! A switch on a desk: no socket, no clock; messages are put in and answers are picked up.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use qaynar::dialplan::{Catalogue, Plan, load};
use qaynar::event::{Event, What};
use qaynar::ids::{CallId, LegId};
use qaynar::private::Private;
use qaynar::sip::digest::{Algorithm, ha1};
use qaynar::sip::flow::{Flow, Transport};
use qaynar::sip::locate::Question;
use qaynar::sip::message::{Headers, Message, Request, Response};
use qaynar::sip::parse::parse_datagram;
use qaynar::switch::{
    Account, CallSnapshot, Command, FeatureCodes, Input, Output, Settings, Switch,
};
use qaynar::time::{Instant, Now, Wall};

/// What each operator's password is.
pub(crate) const PASSWORD: &str = "gizli";
const SHIPPED: &str = include_str!("../../dialplans/helpline.toml");

/// The shipped dialplan, with all its prompts taken as there.
pub(crate) fn plan() -> Plan {
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    load(&[("helpline.toml".into(), SHIPPED.into())], &catalogue).unwrap()
}

/// A switch that listens on loopback, and takes calls from there.
pub(crate) fn settings() -> Settings {
    let local = "127.0.0.1:5060".parse().unwrap();
    Settings {
        domain: "qaynar".into(),
        advertise: Vec::new(),
        local_networks: Vec::new(),
        trunks: Vec::new(),
        media_ports: (20_000, 20_399),
        media_shards: 1,
        listeners: vec![(Transport::Udp, local), (Transport::Tcp, local)],
        pseudonym_key: Private::new([7; 32]),
        former_key: None,
        digest: vec![Algorithm::Sha256, Algorithm::Md5],
        srtp: Default::default(),
        early_strangers: false,
        bans: Default::default(),
        codes: FeatureCodes::default(),
        max_calls: 100,
    }
}

/// A way by UDP from `remote` to us.
pub(crate) fn from(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "127.0.0.1:5060".parse().unwrap(),
        remote: remote.parse::<SocketAddr>().unwrap(),
        connection: None,
    }
}

/// The switch with its time.
pub(crate) struct Desk {
    /// The exchange itself.
    pub(crate) switch: Switch,
    /// This moment.
    pub(crate) now: Now,
    /// All that was sent and not picked up.
    pub(crate) sent: Vec<(Flow, Message)>,
    /// Questions to DNS.
    pub(crate) questions: Vec<(u64, Question)>,
    /// What the shell shall do against guessers and scanners.
    pub(crate) guarded: Vec<Output>,
    /// All that happened and was not picked up.
    pub(crate) events: Vec<Event>,
    /// What was to be played last: on which leg, and which.
    pub(crate) playing: Option<(LegId, u64)>,
    /// The latest state of each call.
    pub(crate) snapshots: BTreeMap<CallId, Option<Box<CallSnapshot>>>,
}

impl Desk {
    /// A new one with operators 101 and 102.
    pub(crate) fn new(settings: Settings) -> Self {
        let now = Now {
            at: Instant(1_000_000),
            wall: Wall(1_795_000_000_000_000),
        };
        let switch = Switch::new(settings, Arc::new(plan()), [3; 32], now);
        let mut desk = Self {
            switch,
            now,
            sent: Vec::new(),
            questions: Vec::new(),
            guarded: Vec::new(),
            events: Vec::new(),
            playing: None,
            snapshots: BTreeMap::new(),
        };
        let account = |id: &str| Account {
            operator: id.into(),
            ha1_md5: Private::new(ha1(Algorithm::Md5, id, "qaynar", PASSWORD)),
            ha1_sha256: Private::new(ha1(Algorithm::Sha256, id, "qaynar", PASSWORD)),
            screen_pop: None,
        };
        let accounts = vec![account("101"), account("102")];
        desk.input(Input::Command(Command::Operators(accounts)));
        desk
    }

    /// Puts one thing in and collects what comes out.
    pub(crate) fn input(&mut self, input: Input) {
        self.switch.handle(input, self.now);
        self.collect();
    }

    /// Puts octets in as one datagram.
    pub(crate) fn datagram(&mut self, flow: Flow, bytes: &[u8]) {
        self.input(Input::datagram(flow, bytes));
    }

    /// Puts octets in and gives the responses to them.
    pub(crate) fn ask(&mut self, flow: Flow, bytes: &[u8]) -> Vec<Response> {
        self.sent.clear();
        self.datagram(flow, bytes);
        self.responses()
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now.at + time;
        loop {
            let due = self.switch.next_timeout().filter(|due| *due <= end);
            let step = due.unwrap_or(end).max(self.now.at).since(self.now.at);
            self.now.at = self.now.at + step;
            self.now.wall = self.now.wall + step;
            if due.is_none() {
                return;
            }
            self.switch.handle_timeout(self.now);
            self.collect();
        }
    }

    /// The last prompt is out.
    pub(crate) fn played(&mut self) {
        let (leg, playback) = self.playing.take().expect("a prompt plays");
        let played = qaynar::media::Event::Played { leg, playback };
        self.input(Input::Media(played));
    }

    /// Picks up the responses that were sent.
    pub(crate) fn responses(&mut self) -> Vec<Response> {
        let sent = std::mem::take(&mut self.sent);
        let (responses, rest): (Vec<_>, Vec<_>) = sent
            .into_iter()
            .partition(|(_, message)| matches!(message, Message::Response(_)));
        self.sent = rest;
        let response = |(_, message)| match message {
            Message::Response(response) => Some(response),
            Message::Request(_) => None,
        };
        responses.into_iter().filter_map(response).collect()
    }

    /// Picks up the requests that were sent.
    pub(crate) fn requests(&mut self) -> Vec<Request> {
        let sent = std::mem::take(&mut self.sent);
        let request = |(_, message)| match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        };
        sent.into_iter().filter_map(request).collect()
    }

    /// The kinds of the alarms so far.
    pub(crate) fn alarms(&self) -> Vec<String> {
        let kind = |event: &Event| match &event.what {
            What::Alarm { kind, .. } => Some(kind.clone()),
            _ => None,
        };
        self.events.iter().filter_map(kind).collect()
    }

    fn collect(&mut self) {
        while let Some(output) = self.switch.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    let message = match parse_datagram(&bytes) {
                        Ok(message) => message,
                        Err(_) => Message::Response(response(&bytes)),
                    };
                    self.sent.push((flow, message));
                }
                Output::Resolve { question, ask } => self.questions.push((question, ask)),
                Output::Event(event) => self.events.push(event),
                guard @ (Output::Slow { .. } | Output::Ban { .. } | Output::Lift { .. }) => {
                    self.guarded.push(guard);
                }
                Output::Snapshot { call, snapshot } => {
                    self.snapshots.insert(call, snapshot);
                }
                Output::Media(qaynar::media::Command::Play { leg, playback, .. }) => {
                    self.playing = Some((leg, playback));
                }
                Output::Media(qaynar::media::Command::Close { leg }) => {
                    let quality = qaynar::media::Quality::default();
                    let closed = qaynar::media::Event::Closed { leg, quality };
                    self.switch.handle(Input::Media(closed), self.now);
                }
                _ => {}
            }
        }
    }
}

/// A response of ours. All must be readable by our own strict reader, but a refusal may have to give
/// broken headers back as they came: then its status is what counts.
pub(crate) fn response(bytes: &[u8]) -> Response {
    let text = String::from_utf8_lossy(bytes);
    let refusal = text
        .strip_prefix("SIP/2.0 ")
        .and_then(|rest| rest.get(..3)?.parse().ok());
    match (parse_datagram(bytes), refusal) {
        (Ok(Message::Response(response)), _) => response,
        (Err(_), Some(status)) if matches!(status, 400 | 505 | 513) => Response {
            status,
            reason: String::new(),
            headers: Headers::default(),
            body: Vec::new(),
        },
        other => panic!("{other:?}:\n{text}"),
    }
}
