//! Servers of the house are asked where calls go: a few threads, so that none of them holds anything up.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use ureq::Agent;

use super::agent::agent;
use super::clock::Clock;
use crate::dialplan::webhook::{LONGEST_ANSWER, NoAnswer};
use crate::ids::{CallId, Language, Pseudonym, TrunkName};
use crate::private::Private;
use crate::switch::{Input, Inquiry};
use crate::time::Instant;

/// So many servers are asked at once.
const THREADS: usize = 8;
/// So many questions wait for a thread; for one more there is no answer.
const WAITING: usize = 64;
/// The longest answer that is read.
const LONGEST_BODY: u64 = 4_096;

/// What is secret of each server, by host: the whole value of its Authorization header (RFC 9110 §11.6.2).
pub(super) type Secrets = BTreeMap<String, Private<String>>;

/// What a server is sent.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    call: CallId,
    caller: Option<&'a Pseudonym>,
    dialled: &'a str,
    trunk: &'a TrunkName,
    language: Language,
}

/// What it answers.
#[derive(Debug, Deserialize)]
struct Answered {
    answer: String,
}

struct Job {
    inquiry: Box<Inquiry>,
    until: Instant,
}

/// Asks. Its threads end with it.
pub struct Asker {
    jobs: SyncSender<Job>,
    inputs: mpsc::Sender<Input>,
    clock: Clock,
}

impl Asker {
    /// One that answers into `inputs`.
    ///
    /// # Errors
    /// The system has no threads.
    pub fn start(secrets: Secrets, inputs: mpsc::Sender<Input>, clock: Clock) -> io::Result<Self> {
        let (jobs, taken) = sync_channel(WAITING);
        let taken = Arc::new(Mutex::new(taken));
        let agent = agent();
        let secrets = Arc::new(secrets);
        for number in 0..THREADS {
            let worker = Worker {
                taken: Arc::clone(&taken),
                agent: agent.clone(),
                secrets: Arc::clone(&secrets),
                inputs: inputs.clone(),
                clock,
            };
            let name = format!("webhook-{number}");
            std::thread::Builder::new()
                .name(name)
                .spawn(move || worker.run())?;
        }
        Ok(Self {
            jobs,
            inputs,
            clock,
        })
    }

    /// Asks; [`Input::Informed`] brings the answer. The switch waits for none of it.
    pub fn ask(&self, inquiry: Box<Inquiry>) {
        let until = self.clock.now().at + inquiry.within;
        match self.jobs.try_send(Job { inquiry, until }) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                // Where the switch is too busy to hear it, its own time for the question runs out.
                let _ = self.inputs.try_send(informed(&job, Err(NoAnswer::Busy)));
            }
        }
    }
}

fn informed(job: &Job, answer: Result<String, NoAnswer>) -> Input {
    Input::Informed {
        call: job.inquiry.call,
        number: job.inquiry.number,
        answer,
    }
}

struct Worker {
    taken: Arc<Mutex<Receiver<Job>>>,
    agent: Agent,
    secrets: Arc<Secrets>,
    inputs: mpsc::Sender<Input>,
    clock: Clock,
}

impl Worker {
    fn run(self) {
        loop {
            let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let next = taken.recv();
            drop(taken);
            let Ok(job) = next else { return };
            let answer = self.answer(&job);
            if let Err(none) = &answer {
                let host = job.inquiry.url.host();
                tracing::warn!(call = %job.inquiry.call, host, "webhook: {none}");
            }
            if self.inputs.blocking_send(informed(&job, answer)).is_err() {
                return;
            }
        }
    }

    fn answer(&self, job: &Job) -> Result<String, NoAnswer> {
        let left = job.until.since(self.clock.now().at);
        if left.is_zero() {
            return Err(NoAnswer::Late);
        }
        let inquiry = &job.inquiry;
        let asked = Asked {
            call: inquiry.call,
            caller: inquiry.caller.as_ref(),
            dialled: &inquiry.dialled,
            trunk: &inquiry.trunk,
            language: inquiry.language,
        };
        let mut request = self.agent.post(inquiry.url.as_str());
        if let Some(secret) = self.secrets.get(inquiry.url.host()) {
            request = request.header("Authorization", secret.reveal().as_str());
        }
        let request = request.config().timeout_global(Some(left)).build();
        let mut response = request.send_json(&asked).map_err(|error| fault(&error))?;
        let status = response.status().as_u16();
        if !(200..300).contains(&status) {
            return Err(NoAnswer::Refused(status));
        }
        let body = response.body_mut().with_config().limit(LONGEST_BODY);
        let body = body.read_to_vec().map_err(|error| fault(&error))?;
        let read: Answered = serde_json::from_slice(&body).map_err(|_| NoAnswer::Unreadable)?;
        match read.answer.len() {
            1..=LONGEST_ANSWER => Ok(read.answer),
            _ => Err(NoAnswer::Unreadable),
        }
    }
}

fn fault(error: &ureq::Error) -> NoAnswer {
    match error {
        ureq::Error::Timeout(_) => NoAnswer::Late,
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => {
            NoAnswer::TooLong
        }
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => NoAnswer::Unreadable,
        _ => NoAnswer::Unreachable,
    }
}
