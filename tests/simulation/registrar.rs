//! The carriers' registrars: they ask for a proof and for a longer time, refuse, or say nothing, over the
//! same network as all else; and what must hold of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use qaynar::event::What;
use qaynar::sip::digest::{Algorithm, Authorization, ha1};
use qaynar::switch::Registered;
use qaynar::time::Instant;

use crate::dice::Dice;
use crate::house;
use crate::network::Datagram;
use crate::world::World;

/// How late an answer may be.
const LATE: Duration = Duration::from_secs(2);
/// After so long whoever answers has been registered with, and whoever does not is down.
const LONGEST: Duration = Duration::from_secs(400);

/// What a carrier does with REGISTER and OPTIONS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Registers us for at most so many seconds, and for no less than `least`.
    Grants { seconds: u64, least: u64 },
    /// Answers all with this.
    Refuses(u16),
    /// Hears nothing.
    Silent,
}

struct Registrar {
    manner: Manner,
    /// Until when it knows us.
    until: Option<Instant>,
    /// The highest number of each Call-ID.
    numbers: BTreeMap<String, u32>,
    left: bool,
}

/// All carriers' registrars. Their luck is their own, so that days are as they were without them.
pub(crate) struct Registrars {
    pub(crate) dice: Dice,
    all: BTreeMap<u8, Registrar>,
}

impl Registrars {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0xca44_1e45);
        let all = house::CARRIERS.map(|last| {
            let manner = match dice.below(10) {
                0..6 => Manner::Grants {
                    seconds: *dice.one_of(&[5, 30, 90]),
                    least: *dice.one_of(&[0, 90]),
                },
                6 => Manner::Refuses(403),
                7 => Manner::Refuses(503),
                _ => Manner::Silent,
            };
            let registrar = Registrar {
                manner,
                until: None,
                numbers: BTreeMap::new(),
                left: false,
            };
            (last, registrar)
        });
        let all = all.into();
        Self { dice, all }
    }
}

/// Whether a datagram is one of those that carriers' registrars speak of.
pub(crate) fn is_errand(datagram: &Datagram) -> bool {
    let cseq = header(&datagram.bytes, "CSeq");
    let carrier = |at: SocketAddr| {
        house::CARRIERS
            .iter()
            .any(|one| house::carrier_at(*one).0 == at)
    };
    !datagram.is_audio
        && (carrier(datagram.to) || carrier(datagram.from))
        && cseq.is_some_and(|cseq| cseq.ends_with(" REGISTER") || cseq.ends_with(" OPTIONS"))
}

fn header(bytes: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let begin = format!("{name}: ");
    let head = text.split("\r\n\r\n").next()?;
    let line = head.lines().find(|line| line.starts_with(&begin))?;
    Some(line[begin.len()..].to_owned())
}

impl World {
    /// What comes to a carrier and is no call; `false`: it is one.
    pub(crate) fn asks_carrier(&mut self, datagram: &Datagram) -> bool {
        let mut carriers = house::CARRIERS.into_iter();
        let found = carriers.find(|one| house::carrier_at(*one).0 == datagram.to);
        let Some(last) = found.filter(|_| is_errand(datagram)) else {
            return false;
        };
        let registers = datagram.bytes.starts_with(b"REGISTER ");
        if !registers && !datagram.bytes.starts_with(b"OPTIONS ") {
            return false;
        }
        let (at, fair) = (self.at, self.network.weather.is_fair());
        let Some(one) = self.registrars.all.get_mut(&last) else {
            return true;
        };
        let answer = match (one.manner, registers) {
            (Manner::Silent, _) => None,
            (Manner::Refuses(status), _) => Some((status, String::new())),
            (Manner::Grants { .. }, false) => Some((405, String::new())),
            (Manner::Grants { .. }, true) => match one.register(&datagram.bytes, at, fair) {
                Ok(answer) => Some(answer),
                Err(fault) => {
                    self.fault(format!("carrier {last}: {fault}"));
                    return true;
                }
            },
        };
        if let Some((status, more)) = answer {
            let get = |name| header(&datagram.bytes, name).unwrap_or_default();
            let text = format!(
                "SIP/2.0 {status} So\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=c{last}\r\nCall-ID: {}\r\n\
                 CSeq: {}\r\n{more}Content-Length: 0\r\n\r\n",
                get("Via"),
                get("From"),
                get("To"),
                get("Call-ID"),
                get("CSeq"),
            );
            self.post(Datagram {
                from: datagram.to,
                to: datagram.from,
                bytes: text.into_bytes(),
                is_audio: false,
            });
        }
        self.check_trunks();
        true
    }

    /// We never believe in a registration that the carrier does not know of.
    fn check_trunks(&mut self) {
        if self.down {
            return;
        }
        let (at, states) = (self.at, self.switch.trunks(self.now()));
        for (state, last) in states.iter().skip(1).zip(house::CARRIERS) {
            let known = self.registrars.all.get(&last).and_then(|one| one.until);
            let believed = state.registered == Registered::Yes;
            if believed && known.is_none_or(|until| until + LATE < at) {
                self.fault(format!(
                    "carrier {last} does not know us, and we believe it: {state:?}"
                ));
            }
        }
    }

    /// A carrier that answers is never taken for dead where nothing is lost.
    pub(crate) fn alarmed(&mut self, what: &What) {
        let What::Alarm { kind, text } = what else {
            return;
        };
        let answers = |last: &u8| {
            let one = self.registrars.all.get(last);
            one.is_some_and(|one| one.manner != Manner::Silent) && text.contains(&last.to_string())
        };
        let fair = self.network.weather.is_fair() && self.network.filter.is_none();
        if kind == "trunk-down" && fair && house::CARRIERS.iter().any(answers) {
            self.fault(format!("nothing was lost: {text}"));
        }
    }

    /// In the end whoever grants has us, and whoever is silent is known to be.
    pub(crate) fn carriers_are_known(&mut self) {
        if self.network.filter.is_some() || !self.faults.is_empty() {
            return;
        }
        let settled = |world: &Self| {
            let states = world.switch.trunks(world.now());
            let mut all = states.into_iter().skip(1).zip(house::CARRIERS);
            !world.down
                && all.all(|(state, last)| {
                    let manner = world.registrars.all[&last].manner;
                    let granted = state.registered == Registered::Yes;
                    let known = !house::registers(last)
                        || granted == matches!(manner, Manner::Grants { .. });
                    known && state.alive == Some(manner != Manner::Silent)
                })
        };
        if !self.run_until(LONGEST, settled) {
            let states = self.switch.trunks(self.now());
            let manners: Vec<_> = self.registrars.all.values().map(|one| one.manner).collect();
            self.fault(format!(
                "trunks are not what they are: {states:?}, {manners:?}"
            ));
        }
    }

    /// After the last call of a drain no carrier need try us any more (RFC 3261 §10.2.2).
    pub(crate) fn carriers_let_go(&mut self) {
        let at = self.at;
        let kept = |one: &&Registrar| !one.left && one.until.is_some_and(|until| until > at);
        // Among so many losses a word of farewell may get lost for good.
        let fair = self.network.weather.is_fair() && self.network.filter.is_none();
        if fair && self.registrars.all.values().any(|one| kept(&one)) {
            self.fault("a carrier was not told that we left".into());
        }
    }
}

impl Registrar {
    fn register(&mut self, bytes: &[u8], at: Instant, fair: bool) -> Result<(u16, String), String> {
        let Manner::Grants { seconds, least } = self.manner else {
            return Err("it registers nobody".into());
        };
        let get = |name| header(bytes, name).ok_or(format!("REGISTER without {name}"));
        let (call_id, cseq, contact) = (get("Call-ID")?, get("CSeq")?, get("Contact")?);
        let number = cseq.split(' ').next().and_then(|text| text.parse().ok());
        let number: u32 = number.ok_or("CSeq is no number")?;
        let highest = self.numbers.entry(call_id).or_insert(0);
        // §10.3 step 7: what is older than what was done is not done again.
        if number < *highest {
            return match fair {
                true => Err(format!("CSeq falls from {highest} to {number}")),
                false => Ok((500, String::new())),
            };
        }
        *highest = number;
        let Ok(proof) = get("Authorization") else {
            let ask = "WWW-Authenticate: Digest realm=\"c.az\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n";
            return Ok((401, ask.into()));
        };
        let ha1 = ha1(
            Algorithm::Md5,
            house::LINE_USER,
            "c.az",
            house::LINE_PASSWORD,
        );
        let proof = Authorization::parse(&proof).ok_or("a proof that cannot be read")?;
        if !proof.is_proof(&ha1, "REGISTER") {
            return Err("a wrong proof".into());
        }
        let asked = get("Expires")?
            .parse::<u64>()
            .map_err(|fault| fault.to_string())?;
        if asked == 0 {
            self.until = None;
            self.left = true;
            return Ok((200, String::new()));
        }
        if asked < least {
            return Ok((423, format!("Min-Expires: {least}\r\n")));
        }
        let granted = asked.min(seconds.max(least));
        self.until = Some(at + Duration::from_secs(granted));
        self.left = false;
        let bare = contact.split('>').next().unwrap_or_default();
        Ok((200, format!("Contact: {bare}>;expires={granted}\r\n")))
    }
}
