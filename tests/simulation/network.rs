//! A network between sockets that loses, repeats and reorders.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use qaynar::time::Instant;

use crate::dice::Dice;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weather {
    /// Of a thousand SIP datagrams so many are lost.
    pub(crate) lost: u64,
    /// Of a thousand RTP datagrams so many are lost.
    pub(crate) lost_audio: u64,
    /// Of a thousand so many come twice.
    pub(crate) doubled: u64,
    pub(crate) fastest: Duration,
    /// Datagrams overtake each other within what lies between.
    pub(crate) slowest: Duration,
}

impl Weather {
    pub(crate) const FAIR: Self = Self {
        lost: 0,
        lost_audio: 0,
        doubled: 0,
        fastest: Duration::from_millis(5),
        slowest: Duration::from_millis(5),
    };
    pub(crate) const WINDY: Self = Self {
        lost: 10,
        lost_audio: 5,
        doubled: 10,
        fastest: Duration::from_millis(3),
        slowest: Duration::from_millis(60),
    };
    pub(crate) const STORM: Self = Self {
        lost: 120,
        lost_audio: 50,
        doubled: 60,
        fastest: Duration::from_millis(3),
        slowest: Duration::from_millis(400),
    };

    pub(crate) fn is_fair(self) -> bool {
        self == Self::FAIR
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_audio: bool,
}

impl Datagram {
    /// The first line, for people and for filters.
    pub(crate) fn line(&self) -> String {
        if self.is_audio {
            return "RTP".to_owned();
        }
        let text = String::from_utf8_lossy(&self.bytes);
        let cseq = text
            .lines()
            .find_map(|line| line.strip_prefix("CSeq: "))
            .unwrap_or_default();
        format!("{} | {cseq}", text.lines().next().unwrap_or_default())
    }
}

/// `true`: the datagram is lost.
pub(crate) type Filter = Box<dyn FnMut(&Datagram) -> bool>;

pub(crate) struct Network {
    pub(crate) weather: Weather,
    /// What a scenario loses on purpose.
    pub(crate) filter: Option<Filter>,
    flying: BTreeMap<(Instant, u64), Datagram>,
    sent: u64,
}

impl Network {
    pub(crate) fn new(weather: Weather) -> Self {
        Self {
            weather,
            filter: None,
            flying: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Returns what becomes of it, for the trace.
    pub(crate) fn send(&mut self, one: Datagram, dice: &mut Dice, now: Instant) -> &'static str {
        if self.filter.as_mut().is_some_and(|loses| loses(&one)) {
            return "lost on purpose";
        }
        let weather = self.weather;
        let lost = if one.is_audio {
            weather.lost_audio
        } else {
            weather.lost
        };
        if lost > 0 && dice.below(1_000) < lost {
            return "lost";
        }
        let twice = weather.doubled > 0 && dice.below(1_000) < weather.doubled;
        if twice {
            self.fly(one.clone(), dice, now);
        }
        self.fly(one, dice, now);
        if twice { "sent twice" } else { "sent" }
    }

    fn fly(&mut self, one: Datagram, dice: &mut Dice, now: Instant) {
        let Weather {
            fastest, slowest, ..
        } = self.weather;
        // Audio takes one way mostly: a jitter of 400 ms is no call.
        let slowest = if one.is_audio {
            slowest.min(fastest + Duration::from_millis(15))
        } else {
            slowest
        };
        let delay = if fastest == slowest {
            fastest
        } else {
            dice.between(fastest, slowest)
        };
        self.sent += 1;
        self.flying.insert((now + delay, self.sent), one);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.flying.keys().next().map(|(due, _)| *due)
    }

    pub(crate) fn arrive(&mut self, now: Instant) -> Option<Datagram> {
        let due = self.next()?;
        (due <= now).then(|| self.flying.pop_first())??.1.into()
    }
}
