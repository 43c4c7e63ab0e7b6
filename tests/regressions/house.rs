//! A switch on virtual time with hand-written SIP around it: nothing of the code under test writes
//! what the peers say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use qaynar::dialplan::{Catalogue, load};
use qaynar::event::What;
use qaynar::ids::{CallId, Language, LegId, OperatorId};
use qaynar::media;
use qaynar::private::Private;
use qaynar::registrar::Binding;
use qaynar::sip::digest::{Algorithm, ha1};
use qaynar::sip::flow::{ConnectionId, Flow, Transport};
use qaynar::sip::message::{Message, Method, Name, Request, Response};
use qaynar::sip::parse::parse_datagram;
use qaynar::sip::uri::Uri;
use qaynar::switch::{
    Account, Command, Credentials, FeatureCodes, Input, Inquiry, Output, Settings, Switch, Trunk,
};
use qaynar::time::{Instant, Now, Wall};

/// 2026-11-18, a working day.
pub(crate) const EPOCH: i64 = 1_795_000_000_000_000;
/// Where the trunk's calls come from.
pub(crate) const CARRIER: &str = "198.51.100.7:5060";
/// Where operator 101 has a phone, if [`House::with_phone`] registered it.
pub(crate) const PHONE: &str = "192.0.2.9:5060";
/// A description as any phone writes it.
pub(crate) const SDP: &str = "v=0\no=x 1 1 IN IP4 192.0.2.50\ns=-\nc=IN IP4 192.0.2.50\nt=0 0\n\
                       m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\n";
/// Steps of a call that is answered and hears a prompt for as long as the test lets it.
pub(crate) const PLAYS: &str = "{ play = [\"greeting\"] }";
/// Steps of a call that rings operator 101.
pub(crate) const RINGS: &str = "{ ring = \"101\", for = \"25s\" }, { play = [\"greeting\"] }";

/// Steps of a call that rings a number outside, by the trunk.
pub(crate) const RINGS_OUTSIDE: &str =
    "{ ring = \"+994501234567\", for = \"25s\" }, { play = [\"greeting\"] }";

/// The switch, its clock, and what it wanted of the shell and no test has taken yet.
pub(crate) struct House {
    pub(crate) switch: Switch,
    at: Duration,
    /// By how much the wall clock was set, in microseconds.
    pub(crate) skew: i64,
    pub(crate) sent: VecDeque<(Flow, Message)>,
    pub(crate) events: Vec<What>,
    pub(crate) media: Vec<media::Command>,
    /// What is to be heard and erased of recordings.
    pub(crate) shelf: Vec<Output>,
    /// What servers are asked.
    pub(crate) inquiries: Vec<Inquiry>,
    /// What is in the journal, as text.
    snapshots: BTreeMap<CallId, String>,
    settings: Settings,
    /// Whoever has a phone, and where.
    pub(crate) known: Vec<Command>,
}

/// The far end of a dialog.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) at: SocketAddr,
    pub(crate) call_id: String,
    /// Its own end, with its tag.
    pub(crate) own: String,
    /// Our end, with our tag.
    pub(crate) ours: String,
    /// Of its last request.
    pub(crate) cseq: u32,
}

pub(crate) fn settings() -> Settings {
    let listener: SocketAddr = "203.0.113.5:5060".parse().unwrap();
    Settings {
        domain: "qaynar".into(),
        advertise: Vec::new(),
        local_networks: Vec::new(),
        trunks: vec![Trunk {
            sources: vec!["198.51.100.0/24".parse().unwrap()],
            peer: Some(Uri::parse("sip:198.51.100.7:5060;transport=udp").unwrap()),
            credentials: Some(Credentials {
                user: "line".into(),
                password: Private::new("secret".into()),
            }),
            from: Some("116111".into()),
            ..Trunk::named("azercell")
        }],
        media_ports: (20_000, 20_100),
        media_shards: 1,
        listeners: vec![(Transport::Udp, listener), (Transport::Tcp, listener)],
        pseudonym_key: Private::new([7; 32]),
        former_key: None,
        digest: vec![Algorithm::Sha256, Algorithm::Md5],
        codes: FeatureCodes::default(),
        max_calls: 10,
        srtp: Default::default(),
        early_strangers: false,
        bans: Default::default(),
    }
}

/// The way between us and a peer, by UDP.
pub(crate) fn flow(peer: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: SocketAddr::new(IpAddr::from([203, 0, 113, 5]), 5060),
        remote: peer.parse().unwrap(),
        connection: None,
    }
}

/// The same by TCP, over the connection of this number.
pub(crate) fn stream(peer: &str, connection: u64) -> Flow {
    Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(connection)),
        ..flow(peer)
    }
}

impl House {
    /// A house whose calls take these steps of a dialplan.
    pub(crate) fn new(steps: &str) -> Self {
        Self::with_settings(steps, settings())
    }

    /// The same where 2 chooses Russian and 3 English.
    pub(crate) fn with_languages(steps: &str) -> Self {
        let languages = "[\"az\", \"ru\", \"en\"]\nlanguage_keys = { 2 = \"ru\", 3 = \"en\" }";
        Self::built(steps, languages, "", settings())
    }

    /// A house whose callers wait in a queue with these settings.
    pub(crate) fn with_queue(queue: &str) -> Self {
        let languages = "[\"az\", \"ru\"]\nlanguage_keys = { 2 = \"ru\" }";
        let queue = format!("[queue.children]\n{queue}\n");
        Self::built("{ queue = \"children\" }", languages, &queue, settings())
    }

    pub(crate) fn with_settings(steps: &str, settings: Settings) -> Self {
        Self::built(steps, "[\"az\"]", "", settings)
    }

    fn built(steps: &str, languages: &str, more: &str, settings: Settings) -> Self {
        let text = format!(
            "numbers = [\"116111\"]\nstart = \"welcome\"\notherwise = \"welcome\"\n\
             languages = {languages}\ntime_zone = \"Asia/Baku\"\n\
             [path.welcome]\nsteps = [{steps}, {{ hang_up = true }}]\n{more}"
        );
        let words = qaynar::speech::errand::CLIPS.map(ToOwned::to_owned);
        let greeting = ["greeting".to_owned()];
        let words: BTreeSet<String> = words.into_iter().chain(greeting).collect();
        let catalogue = Catalogue {
            spoken: Language::ALL.map(|one| (one, words.clone())).into(),
            music: ["hold".to_owned()].into(),
            ..Catalogue::default()
        };
        Self::begun(&text, &catalogue, settings)
    }

    /// The same with a whole plan, whose sounds are all there.
    #[allow(dead_code, reason = "other tests with this house use it")]
    pub(crate) fn with_plan(text: &str) -> Self {
        let catalogue = Catalogue {
            on_trust: true,
            ..Catalogue::default()
        };
        Self::begun(text, &catalogue, settings())
    }

    fn begun(text: &str, catalogue: &Catalogue, settings: Settings) -> Self {
        let plan = load(&[("main.toml".into(), text.to_owned())], catalogue).unwrap();
        let now = Now {
            at: Instant(0),
            wall: Wall(EPOCH),
        };
        let mut house = Self {
            switch: Switch::new(settings.clone(), Arc::new(plan), [1; 32], now),
            snapshots: BTreeMap::new(),
            settings,
            known: Vec::new(),
            at: Duration::ZERO,
            skew: 0,
            sent: VecDeque::new(),
            events: Vec::new(),
            media: Vec::new(),
            shelf: Vec::new(),
            inquiries: Vec::new(),
        };
        house.collect();
        house
    }

    /// Operator 101 with the password `pass` has a phone at [`PHONE`].
    #[must_use]
    pub(crate) fn with_phone(self) -> Self {
        self.with_phones(&[("101", flow(PHONE))])
    }

    /// Operators with the password `pass` have phones there, by these ways.
    #[must_use]
    pub(crate) fn with_phones(mut self, phones: &[(&str, Flow)]) -> Self {
        let hash = |id: &str, algorithm| Private::new(ha1(algorithm, id, "qaynar", "pass"));
        let account = |(id, _): &(&str, Flow)| Account {
            operator: OperatorId::from(*id),
            ha1_md5: hash(id, Algorithm::Md5),
            ha1_sha256: hash(id, Algorithm::Sha256),
            screen_pop: None,
        };
        let binding = |(id, flow): &(&str, Flow)| Binding {
            contact: format!("sip:{id}@{}", flow.remote),
            instance: None,
            reg_id: None,
            path: Vec::new(),
            // We connect to it: a binding outlives no connection.
            flow: Flow {
                connection: None,
                ..*flow
            },
            expires: Wall(EPOCH + 7_200_000_000),
            call_id: format!("registration-{}", flow.remote),
            cseq: 1,
        };
        let kept = phones.iter();
        let kept = kept.map(|phone| (OperatorId::from(phone.0), binding(phone)));
        let kept = kept.collect();
        let mut accounts: Vec<Account> = phones.iter().map(account).collect();
        accounts.dedup_by(|one, other| one.operator == other.operator);
        self.known = vec![Command::Operators(accounts), Command::Bindings(kept)];
        for command in self.known.clone() {
            self.tell(Input::Command(command));
        }
        self.phones_answer();
        self
    }

    /// Phones that were there before a start are asked for a word; they say it.
    pub(crate) fn phones_answer(&mut self) {
        let asks = |(_, message): &(Flow, Message)| matches!(message, Message::Request(request) if request.method == Method::Options);
        let (asked, others): (VecDeque<_>, _) = self.sent.drain(..).partition(asks);
        self.sent = others;
        for (flow, message) in asked {
            if let Message::Request(request) = message {
                let message = Box::new(Message::Response(Response::to(&request, 200)));
                self.tell(Input::Message { flow, message });
            }
        }
    }

    /// The process is killed, and another one takes up what was written.
    pub(crate) fn restart(&mut self) {
        let (now, plan) = (self.now(), self.switch.plan().clone());
        self.switch = Switch::new(self.settings.clone(), plan, [2; 32], now);
        self.sent.clear();
        for command in self.known.clone() {
            self.switch.handle(Input::Command(command), now);
        }
        let read = |text: &String| serde_json::from_str(text).expect("what was written");
        let kept = self.snapshots.values().map(read).collect();
        self.switch.restore(kept, &BTreeMap::new(), now);
        self.collect();
        self.phones_answer();
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            at: Instant(0) + self.at,
            wall: Wall(EPOCH + self.skew) + self.at,
        }
    }

    pub(crate) fn tell(&mut self, input: Input) {
        let now = self.now();
        self.switch.handle(input, now);
        self.collect();
    }

    /// Lets time pass; whatever is due meanwhile happens at its moment.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.at + time;
        while let Some(due) = self.switch.next_timeout() {
            let due = due.since(Instant(0)).max(self.at);
            if due > end {
                break;
            }
            self.at = due;
            let now = self.now();
            self.switch.handle_timeout(now);
            self.collect();
        }
        self.at = end;
    }

    fn collect(&mut self) {
        while let Some(output) = self.switch.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    match parse_datagram(&bytes) {
                        Ok(message) => self.sent.push_back((flow, message)),
                        // A refusal gives broken headers back as they came.
                        Err(_) => assert!(bytes.starts_with(b"SIP/2.0 400"), "we cannot read it"),
                    }
                }
                Output::Event(event) => self.events.push(event.what),
                Output::Media(command) => self.media.push(command),
                Output::Inquire(inquiry) => self.inquiries.push(*inquiry),
                shelf @ (Output::Listen { .. } | Output::Erase { .. }) => self.shelf.push(shelf),
                Output::Snapshot { call, snapshot } => {
                    let text = snapshot.map(|one| serde_json::to_string(&one).expect("plain data"));
                    match text {
                        Some(text) => self.snapshots.insert(call, text),
                        None => self.snapshots.remove(&call),
                    };
                }
                Output::Expect { .. }
                | Output::Number { .. }
                | Output::Resolve { .. }
                | Output::Servers { .. }
                | Output::Slow { .. }
                | Output::Ban { .. }
                | Output::Lift { .. }
                | Output::Bindings { .. } => {}
            }
        }
    }

    /// Bytes arrive: `text` with plain line ends, without Content-Length, and with the body after an
    /// empty line.
    pub(crate) fn receive(&mut self, from: &str, text: &str) {
        self.receive_by(flow(from), text);
    }

    /// The same by any way.
    pub(crate) fn receive_by(&mut self, flow: Flow, text: &str) {
        let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let (head, body) = (head.replace('\n', "\r\n"), body.replace('\n', "\r\n"));
        let whole = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let message = parse_datagram(whole.as_bytes()).expect("the test's message can be read");
        let message = Box::new(message);
        self.tell(Input::Message { flow, message });
    }

    /// The next request with this method that went out; whatever went out before it is dropped.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        self.find(method.as_str(), |message| match message {
            Message::Request(request) if request.method == method => Some(request.clone()),
            _ => None,
        })
    }

    /// The next final response that went out; whatever went out before it is dropped.
    pub(crate) fn response(&mut self) -> Response {
        self.find("a final response", |message| match message {
            Message::Response(response) if !response.is_provisional() => Some(response.clone()),
            _ => None,
        })
    }

    /// The next response with this provisional status.
    pub(crate) fn provisional(&mut self, status: u16) -> Response {
        self.find(&status.to_string(), |message| match message {
            Message::Response(response) if response.status == status => Some(response.clone()),
            _ => None,
        })
    }

    fn find<T>(&mut self, what: &str, pick: impl Fn(&Message) -> Option<T>) -> T {
        let mut seen = Vec::new();
        while let Some((_, message)) = self.sent.pop_front() {
            if let Some(found) = pick(&message) {
                return found;
            }
            seen.push(line(&message));
        }
        panic!(
            "{what} was not sent; sent were {seen:?}; events {:?}",
            self.events
        );
    }

    /// First lines of all that went out and was not taken yet: methods and statuses.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        let all = std::mem::take(&mut self.sent);
        all.iter().map(|(_, message)| line(message)).collect()
    }

    /// A call comes in by the trunk with these lines of header added, and is answered by us. The
    /// caller's ACK is still to be sent.
    pub(crate) fn call(&mut self, headers: &str, body: &str) -> (Peer, Response) {
        let mut peer = Peer::caller();
        let text = peer.next("INVITE", headers, body);
        self.receive(CARRIER, &text);
        let response = self.response();
        peer.ours = response.headers.text(Name::To).unwrap().into_owned();
        (peer, response)
    }

    /// The same with the caller's ACK: the call stands.
    pub(crate) fn standing_call(&mut self, headers: &str) -> Peer {
        let (peer, response) = self.call(headers, SDP);
        assert_eq!(response.status, 200);
        self.receive(CARRIER, &peer.ack(1, ""));
        peer
    }

    /// Legs whose media was opened, in that order.
    pub(crate) fn legs(&self) -> Vec<LegId> {
        let opened = self.media.iter().filter_map(|command| match command {
            media::Command::Open { leg, .. } => Some(*leg),
            _ => None,
        });
        opened.collect()
    }

    /// The last prompt is out.
    pub(crate) fn played(&mut self) {
        let last = self.media.iter().rev().find_map(|command| match command {
            media::Command::Play { leg, playback, .. } => Some((*leg, *playback)),
            _ => None,
        });
        let (leg, playback) = last.expect("a prompt plays");
        self.tell(Input::Media(media::Event::Played { leg, playback }));
    }

    /// A peer answers a request of ours, with lines of header added; returns its end of the dialog.
    pub(crate) fn reply(
        &mut self,
        request: &Request,
        status: u16,
        headers: &str,
        body: &str,
    ) -> Peer {
        let (text, peer) = answer(request, status, "phone", headers, body);
        self.receive(&peer.at.to_string(), &text);
        peer
    }

    /// The same from another branch of a fork.
    pub(crate) fn reply_as(
        &mut self,
        request: &Request,
        status: u16,
        tag: &str,
        body: &str,
    ) -> Peer {
        self.reply_with(request, status, tag, "", body)
    }

    /// The same with lines of header added.
    pub(crate) fn reply_with(
        &mut self,
        request: &Request,
        status: u16,
        tag: &str,
        headers: &str,
        body: &str,
    ) -> Peer {
        let (text, peer) = answer(request, status, tag, headers, body);
        self.receive(&peer.at.to_string(), &text);
        peer
    }

    /// The same by another way.
    pub(crate) fn reply_by(
        &mut self,
        way: Flow,
        request: &Request,
        status: u16,
        headers: &str,
        body: &str,
    ) -> Peer {
        let (text, peer) = answer(request, status, "phone", headers, body);
        self.receive_by(way, &text);
        peer
    }
}

/// What a peer answers to a request of ours, and its end of the dialog.
fn answer(request: &Request, status: u16, tag: &str, headers: &str, body: &str) -> (String, Peer) {
    let text = |name| request.headers.text(name).unwrap_or_default().into_owned();
    let mut to = text(Name::To);
    if !to.contains(";tag=") {
        to.push_str(&format!(";tag={tag}"));
    }
    let at = request.uri.to_string();
    let at = at.rsplit_once('@').map_or(at.as_str(), |(_, host)| host);
    let peer = Peer {
        at: at.parse().expect("the target is an address"),
        call_id: text(Name::CallId),
        own: to.clone(),
        ours: text(Name::From),
        cseq: 0,
    };
    let mut lines = format!(
        "SIP/2.0 {status} Whatever\nVia: {}\nFrom: {}\nTo: {to}\nCall-ID: {}\nCSeq: {}\n\
             Contact: <sip:peer@{at}>\n{headers}",
        text(Name::Via),
        text(Name::From),
        text(Name::CallId),
        text(Name::CSeq),
    );
    if !body.is_empty() {
        lines.push_str(&format!("Content-Type: application/sdp\n\n{body}"));
    }
    (lines, peer)
}

impl Peer {
    /// A caller who has sent nothing yet.
    pub(crate) fn caller() -> Self {
        Self {
            at: CARRIER.parse().unwrap(),
            call_id: "call-1".into(),
            own: "<sip:0501234567@carrier.example>;tag=caller".into(),
            ours: "<sip:116111@qaynar>".into(),
            cseq: 0,
        }
    }

    /// A request with the peer's next number.
    pub(crate) fn next(&mut self, method: &str, headers: &str, body: &str) -> String {
        self.cseq += 1;
        self.write(method, self.cseq, headers, body)
    }

    /// The CANCEL of its INVITE with this number (RFC 3261 §9.1).
    pub(crate) fn cancel(&self, cseq: u32) -> String {
        let mut first = self.clone();
        first.ours = "<sip:116111@qaynar>".into();
        let cancel = first.write("CANCEL", cseq, "", "");
        cancel.replace("z9hG4bK-CANCEL", "z9hG4bK-INVITE")
    }

    /// The ACK of a 2xx to its INVITE with this number.
    pub(crate) fn ack(&self, cseq: u32, body: &str) -> String {
        self.write("ACK", cseq, "", body)
    }

    /// The ACK of a refusal of its INVITE: of the same transaction (RFC 3261 §17.1.1.3).
    pub(crate) fn ack_refusal(&self, cseq: u32) -> String {
        let ack = self.write("ACK", cseq, "", "");
        ack.replace("z9hG4bK-ACK", "z9hG4bK-INVITE")
    }

    fn write(&self, method: &str, cseq: u32, headers: &str, body: &str) -> String {
        let Self {
            at,
            call_id,
            own,
            ours,
            ..
        } = self;
        let other = call_id.strip_prefix("call-1").is_none();
        let branch = match other {
            true => format!("z9hG4bK-{method}-{cseq}-{call_id}"),
            false => format!("z9hG4bK-{method}-{cseq}"),
        };
        let mut text = format!(
            "{method} sip:116111@203.0.113.5 SIP/2.0\nVia: SIP/2.0/UDP {at};branch={branch}\n\
             Max-Forwards: 70\nFrom: {own}\nTo: {ours}\nCall-ID: {call_id}\nCSeq: {cseq} {method}\n\
             Contact: <sip:peer@{at}>\n{headers}"
        );
        if !body.is_empty() {
            text.push_str(&format!("Content-Type: application/sdp\n\n{body}"));
        }
        text
    }
}

fn line(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.as_str().to_owned(),
        Message::Response(response) => {
            let cseq = response.headers.text(Name::CSeq).unwrap_or_default();
            format!(
                "{} {}",
                response.status,
                cseq.split(' ').next_back().unwrap_or("")
            )
        }
    }
}
