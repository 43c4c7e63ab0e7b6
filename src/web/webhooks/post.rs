//! Sends to one server: signed, so that it knows by whom it is told.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use ureq::Agent;

use super::Note;
use crate::config::Destination;
use crate::dialplan::webhook::Url;
use crate::private::Private;
use crate::server::agent::agent;
use crate::server::clock::Clock;
use crate::store::deliveries::Delivery;
use crate::time::Wall;

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Octets of the longest file that is a secret, and of the shortest secret.
const SECRET: std::ops::RangeInclusive<u64> = 16..=4_096;

/// Why something was not taken. Words that come from a server stand nowhere in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// It answered with another status.
    #[error("the server answered {0}; it takes what is sent with 200 to 299")]
    Refused(u16),
    /// It did not answer.
    #[error("the server did not answer within {} s", PATIENCE.as_secs())]
    Late,
    /// It is not there, or not who it should be.
    #[error("the server cannot be reached, or its certificate is not trusted")]
    Unreachable,
    /// The secret.
    #[error("the secret {}: {why}", file.display())]
    Secret {
        /// Which file.
        file: PathBuf,
        /// What is wrong, and what to do.
        why: &'static str,
    },
}

impl Failure {
    /// Whether the next one would fare alike.
    pub(super) fn is_of_server(&self) -> bool {
        match self {
            Self::Refused(status) => {
                *status >= 500 || matches!(status, 401 | 403 | 404 | 408 | 429)
            }
            Self::Late | Self::Unreachable | Self::Secret { .. } => true,
        }
    }
}

/// The thread of one server; it ends with this.
pub(super) struct Postman {
    bag: SyncSender<Arc<Delivery>>,
}

impl Postman {
    pub(super) fn start(
        number: usize,
        to: &Destination,
        clock: Clock,
        told: Sender<Note>,
    ) -> io::Result<Self> {
        let (bag, taken) = sync_channel(1);
        let round = Round {
            number,
            url: to.url.clone(),
            secret: to.secret.clone(),
            agent: agent(),
            clock,
            told,
        };
        let name = format!("webhook-to-{number}");
        std::thread::Builder::new()
            .name(name)
            .spawn(move || round.run(&taken))?;
        Ok(Self { bag })
    }

    /// Gives it one to send; `false`: it has one still.
    pub(super) fn send(&self, delivery: Arc<Delivery>) -> bool {
        self.bag.try_send(delivery).is_ok()
    }
}

struct Round {
    number: usize,
    url: Url,
    secret: PathBuf,
    agent: Agent,
    clock: Clock,
    told: Sender<Note>,
}

impl Round {
    fn run(self, bag: &Receiver<Arc<Delivery>>) {
        while let Ok(delivery) = bag.recv() {
            let sent = self.send(&delivery);
            let number = self.number;
            let note = Note::Sent {
                number,
                delivery,
                sent,
            };
            if self.told.send(note).is_err() {
                return;
            }
        }
    }

    fn send(&self, delivery: &Delivery) -> Result<(), Failure> {
        // Read each time: whoever changes it need not start anything anew.
        let secret = secret(&self.secret)?;
        let signed = signature(&secret, self.clock.now().wall, &delivery.body);
        let request = self
            .agent
            .post(self.url.as_str())
            .header("Content-Type", "application/json")
            .header("Qaynar-Event", &delivery.event)
            .header("Qaynar-Delivery", &delivery.id)
            .header("Qaynar-Signature", signed)
            .config()
            .timeout_global(Some(PATIENCE))
            .build();
        match request.send(delivery.body.as_str()) {
            Ok(response) => match response.status().as_u16() {
                200..=299 => Ok(()),
                status => Err(Failure::Refused(status)),
            },
            Err(ureq::Error::Timeout(_)) => Err(Failure::Late),
            Err(_) => Err(Failure::Unreachable),
        }
    }
}

/// `t=SECONDS,v1=HEX`: HMAC-SHA256 (RFC 2104) by the secret over the seconds since 1970, a dot, and the body. A
/// receiver compares it, and refuses what is older than some minutes: somebody may have copied it.
fn signature(secret: &Private<Vec<u8>>, now: Wall, body: &str) -> String {
    let seconds = now.0.div_euclid(1_000_000);
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal()) else {
        // HMAC takes keys of any length.
        return String::new();
    };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={seconds},v1={hex}")
}

fn secret(file: &Path) -> Result<Private<Vec<u8>>, Failure> {
    let fault = |why| Failure::Secret {
        file: file.to_owned(),
        why,
    };
    let found =
        fs::metadata(file).map_err(|_| fault("there is no such file, or it may not be read"))?;
    if found.permissions().mode() & 0o077 != 0 {
        return Err(fault(
            "others may read it; let it be for this user alone: chmod 600",
        ));
    }
    if !SECRET.contains(&found.len()) {
        return Err(fault(
            "it has no secret: write 16 or more octets, as `openssl rand -hex 32` does",
        ));
    }
    let read = fs::read(file).map_err(|_| fault("it cannot be read"))?;
    Ok(Private::new(read.trim_ascii().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_over_the_moment_and_the_body() {
        let secret = Private::new(b"a secret of sixteen".to_vec());
        let one = signature(&secret, Wall(1_700_000_000_999_999), "{}");
        assert!(one.starts_with("t=1700000000,v1="), "{one}");
        assert_eq!(one.len(), "t=1700000000,v1=".len() + 64);
        assert_ne!(one, signature(&secret, Wall(1_700_000_001_000_000), "{}"));
        assert_ne!(one, signature(&secret, Wall(1_700_000_000_000_000), "{ }"));
    }

    #[test]
    fn a_secret_that_others_may_read_is_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "0123456789abcdef\n").unwrap();
        let open = |mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            secret(file.path())
        };
        assert_eq!(open(0o600).unwrap().reveal(), b"0123456789abcdef");
        let told = open(0o640).unwrap_err().to_string();
        assert!(told.contains("chmod 600"), "{told}");
    }
}
