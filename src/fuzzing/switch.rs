//! The whole exchange, without a socket: what strangers, carriers and phones say to it in a row.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use crate::dialplan::{Catalogue, Plan, load};
use crate::media;
use crate::private::Private;
use crate::sip::digest::{Algorithm, ha1};
use crate::sip::flow::{Flow, Transport};
use crate::switch::settings::SrtpSettings;
use crate::switch::{Account, BanSettings, Command, FeatureCodes, Input, Output, Settings, Switch};
use crate::time::{Instant, Now, Wall};

/// Between two messages.
const BREAK: &[u8] = b"\x1e";
/// Stands for the To of our last response, so that a message can be of a dialog.
const TO: &[u8] = b"{to}";
/// More messages tell nothing new.
const MOST: usize = 12;
/// When all timers have run out.
const END: Instant = Instant(4_001_000_000);
/// The longest datagram that we send: an answer repeats what it answers.
const LONGEST: usize = 2 * 65_535;

fn plan() -> Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    let load = || {
        let text = include_str!("../../dialplans/helpline.toml");
        let catalogue = Catalogue {
            on_trust: true,
            ..Catalogue::default()
        };
        let plan = load(&[("helpline.toml".into(), text.into())], &catalogue);
        Arc::new(plan.expect("the shipped dialplan is well"))
    };
    Arc::clone(PLAN.get_or_init(load))
}

fn settings() -> Settings {
    let local = ([127, 0, 0, 1], 5060).into();
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
        srtp: SrtpSettings::default(),
        early_strangers: false,
        bans: BanSettings::default(),
        codes: FeatureCodes::default(),
        max_calls: 100,
    }
}

struct Exchange {
    switch: Switch,
    now: Now,
    /// The To of the last response.
    to: Vec<u8>,
    /// Prompts that callers hear.
    playing: VecDeque<media::Event>,
}

impl Exchange {
    fn new() -> Self {
        let now = Now {
            at: Instant(1_000_000),
            wall: Wall(1_795_000_000_000_000),
        };
        let mut switch = Switch::new(settings(), plan(), [3; 32], now);
        let account = |id: &str| Account {
            operator: id.into(),
            ha1_md5: Private::new(ha1(Algorithm::Md5, id, "qaynar", "gizli")),
            ha1_sha256: Private::new(ha1(Algorithm::Sha256, id, "qaynar", "gizli")),
            screen_pop: None,
        };
        let accounts = Command::Operators(vec![account("101"), account("102")]);
        switch.handle(Input::Command(accounts), now);
        Self {
            switch,
            now,
            to: b"<sip:116111@qaynar>".to_vec(),
            playing: VecDeque::new(),
        }
    }

    fn hears(&mut self, piece: &[u8], flow: Flow) {
        let bytes = self.filled(piece);
        self.switch.handle(Input::datagram(flow, &bytes), self.now);
        self.collect();
    }

    fn filled(&self, piece: &[u8]) -> Vec<u8> {
        match piece.windows(TO.len()).position(|some| some == TO) {
            Some(at) => [&piece[..at], &self.to, &piece[at + TO.len()..]].concat(),
            None => piece.to_vec(),
        }
    }

    fn collect(&mut self) {
        while let Some(output) = self.switch.poll() {
            match output {
                Output::Send { bytes, .. } => {
                    assert!(bytes.len() <= LONGEST, "{} octets", bytes.len());
                    let mut lines = bytes.split(|byte| *byte == b'\n');
                    let to = lines.find_map(|line| line.strip_prefix(b"To: "));
                    if let Some(to) = to.filter(|_| bytes.starts_with(b"SIP/2.0 ")) {
                        self.to = to.trim_ascii().to_vec();
                    }
                }
                Output::Media(media::Command::Play { leg, playback, .. }) => {
                    let played = media::Event::Played { leg, playback };
                    self.playing.push_back(played);
                }
                Output::Media(media::Command::Close { leg }) => {
                    let quality = media::Quality::default();
                    let closed = media::Event::Closed { leg, quality };
                    self.switch.handle(Input::Media(closed), self.now);
                }
                _ => {}
            }
        }
    }

    /// Prompts end, and all timers fire up to this moment.
    fn pass(&mut self, end: Instant) {
        loop {
            if let Some(played) = self.playing.pop_front() {
                self.switch.handle(Input::Media(played), self.now);
            } else if let Some(due) = self.switch.next_timeout().filter(|due| *due <= end) {
                let step = due.max(self.now.at).since(self.now.at);
                self.now.at = self.now.at + step;
                self.now.wall = self.now.wall + step;
                self.switch.handle_timeout(self.now);
            } else {
                return;
            }
            self.collect();
        }
    }
}

/// Whatever comes, in whatever order: no invariant breaks, and when all timers have run out nothing is
/// left.
pub(super) fn switch(bytes: &[u8]) {
    let mut exchange = Exchange::new();
    let pieces = bytes.split(|byte| [*byte] == BREAK).take(MOST);
    for (at, piece) in pieces.enumerate() {
        // Carriers call from loopback here; each fourth message is a stranger's.
        let host = if at % 4 == 3 {
            [198, 51, 100, 9]
        } else {
            [127, 0, 0, 1]
        };
        let flow = Flow {
            transport: Transport::Udp,
            local: ([127, 0, 0, 1], 5060).into(),
            remote: (host, 5080).into(),
            connection: None,
        };
        exchange.hears(piece, flow);
    }
    let broken = exchange.switch.violations(exchange.now);
    assert!(broken.is_empty(), "{broken:?}");
    exchange.pass(END);
    let counts = exchange.switch.counts();
    let left = (counts.calls, counts.legs, counts.transactions);
    assert_eq!(left, (0, 0, 0), "all has drained");
    let broken = exchange.switch.violations(exchange.now);
    assert!(broken.is_empty(), "{broken:?}");
}
