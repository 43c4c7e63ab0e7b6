//! Who is on the other side of the wire: operators at their phones, and callers of several kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::CliError;
use crate::phone::socket::{Fleet, PhoneId, Told};
use crate::phone::{Event, Manner, OnRing, Settings};
use crate::private::Private;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// For so long phones register.
const EXPIRES: Duration = Duration::from_secs(600);

/// What an operator does at the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Registering,
    /// Dials `*11`.
    LoggingIn,
    Waiting,
    Talking,
    /// Dials `*14`, to be free before the rest is over.
    Resuming,
}

/// All phones of the demo.
pub(super) struct People {
    server: SocketAddr,
    fleet: Fleet,
    told: mpsc::UnboundedReceiver<Told>,
    operators: BTreeMap<PhoneId, Doing>,
    callers: BTreeSet<PhoneId>,
}

impl People {
    pub(super) fn start(server: SocketAddr) -> Result<Self, CliError> {
        let (fleet, from_phones) = Fleet::start()?;
        let (tell, told) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for one in from_phones {
                if tell.send(one).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            server,
            fleet,
            told,
            operators: BTreeMap::new(),
            callers: BTreeSet::new(),
        })
    }

    /// What happened to a phone.
    pub(super) async fn told(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    /// Operators switch their phones on.
    pub(super) fn come_on_shift(
        &mut self,
        passwords: Vec<(String, Private<String>)>,
    ) -> Result<(), CliError> {
        for (place, (id, password)) in passwords.into_iter().enumerate() {
            let server = self.server;
            let phone = self.fleet.add(HERE, |local, media| Settings {
                tone: 500,
                seed: 1_000 + place as u64,
                ..Settings::new(&id, server, local, media)
            })?;
            let talk_for = Duration::from_millis(3_500 + 700 * (place as u64 % 4));
            self.fleet.tell(phone, move |phone, now| {
                phone.behave(Manner {
                    on_ring: OnRing::Answer {
                        after: Duration::from_millis(1_200),
                    },
                    talk_for: Some(talk_for),
                    ..Manner::default()
                });
                phone.register(password.reveal(), EXPIRES, now);
            });
            self.operators.insert(phone, Doing::Registering);
        }
        Ok(())
    }

    /// Whether nobody is still on the way to the desk.
    pub(super) fn are_on_shift(&self) -> bool {
        !self
            .operators
            .values()
            .any(|doing| matches!(doing, Doing::Registering | Doing::LoggingIn))
    }

    /// The caller of that number calls; the next one calls so long after.
    pub(super) fn call(&mut self, number: u32) -> Result<Duration, CliError> {
        const DIALLED: [&str; 5] = [
            "116111",
            "0506802280",
            "+994515802280",
            "0518801180",
            "994518802280",
        ];
        let server = self.server;
        let phone = self.fleet.add(HERE, |local, media| Settings {
            tone: 900,
            seed: u64::from(number),
            ..Settings::new(&format!("05011122{number:02}"), server, local, media)
        })?;
        let dialled = DIALLED[(number as usize - 1) % DIALLED.len()];
        let uri = format!("sip:{dialled}@{server}");
        let manner = match number % 6 {
            // Somebody who speaks Russian presses 2.
            2 => Manner {
                keys: vec![(Duration::from_millis(1_500), '2')],
                ..Manner::default()
            },
            // Somebody who says nothing at all.
            3 => Manner {
                mute: true,
                ..Manner::default()
            },
            // Somebody who loses courage.
            5 => Manner {
                patience: Some(Duration::from_millis(2_500)),
                ..Manner::default()
            },
            _ => Manner {
                patience: Some(Duration::from_secs(60)),
                ..Manner::default()
            },
        };
        self.fleet.tell(phone, move |phone, now| {
            phone.behave(manner);
            phone.call(&uri, now);
        });
        self.callers.insert(phone);
        Ok(Duration::from_millis(800 + 300 * u64::from(number % 3)))
    }

    /// Whether every caller has hung up or was refused.
    pub(super) fn all_calls_are_over(&self) -> bool {
        self.callers.is_empty()
    }

    /// What people do when their phones tell something.
    pub(super) fn react(&mut self, told: &Told) {
        let over = matches!(told.event, Event::Ended { .. } | Event::Failed { .. });
        if over && self.callers.remove(&told.phone) {
            self.fleet.remove(told.phone);
            return;
        }
        let Some(doing) = self.operators.get_mut(&told.phone) else {
            return;
        };
        let dialled = match (*doing, &told.event) {
            (Doing::Registering, Event::Registered { .. }) => {
                *doing = Doing::LoggingIn;
                Some("*11")
            }
            (Doing::Waiting, Event::Connected) => {
                *doing = Doing::Talking;
                None
            }
            (Doing::Talking, Event::Ended { .. }) => {
                *doing = Doing::Resuming;
                Some("*14")
            }
            (Doing::LoggingIn | Doing::Resuming, Event::Ended { .. } | Event::Failed { .. }) => {
                *doing = Doing::Waiting;
                None
            }
            _ => None,
        };
        if let Some(code) = dialled {
            let uri = format!("sip:{code}@{}", self.server);
            self.fleet.tell(told.phone, move |phone, now| {
                phone.call(&uri, now);
            });
        }
    }
}
