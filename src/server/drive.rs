//! The task that owns the switch: inputs in, outputs out, journal first.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot, watch};

use super::asker::Asker;
use super::clock::Clock;
use super::control::{Answer, Asked, Question};
use super::dialplans::Loaded;
use super::guard::Guard;
use super::keeper::{Keeper, News, Order};
use super::known::Known;
use super::media::Threads;
use super::purger::{self, Purger};
use super::resolve::Resolver;
use super::scribe::{Scribe, Told};
use super::stream::Streams;
use super::vault::Vault;
use crate::event::{Change, Entry, Event, What};
use crate::ids::{CallId, OperatorId};
use crate::media;
use crate::registrar::Binding;
use crate::sip::flow::{Flow, Transport};
use crate::store::bindings::BindingRow;
use crate::store::health::Health;
use crate::store::journal::Journal;
use crate::store::seal::Sealer;
use crate::store::shared::Shared;
use crate::store::writer::Writer;
use crate::switch::{CallSnapshot, Command, Counts, Input, Output, Switch};
use crate::time::{Instant, Now};

/// How many inputs are taken before their outputs go out together.
const BATCH: usize = 64;
/// Readers see counts at most so often.
const PUBLISH: std::time::Duration = std::time::Duration::from_millis(200);
/// A decision above it is an alarm: everybody waits meanwhile.
const SLOW: std::time::Duration = std::time::Duration::from_millis(1);
/// So many findings of the dialplans' folder are told with the status.
const SHOWN: usize = 10;
/// How long the last BYE of a drain may wait for its answer, and media for its last figures.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(5);

/// Everything around the switch.
pub struct Shell {
    /// The exchange.
    pub switch: Switch,
    /// The only clock.
    pub clock: Clock,
    /// Written before packets go out.
    pub journal: Journal,
    /// Seals snapshots.
    pub sealer: Arc<Sealer>,
    /// Keeps callers' numbers for a while.
    pub vault: Vault,
    /// What the stores complain of.
    pub health: Health,
    /// Follows the journal into the database.
    pub writer: Writer,
    /// Redis, where one is configured.
    pub shared: Option<Shared>,
    /// Our UDP sockets by address.
    pub udp: BTreeMap<SocketAddr, Arc<UdpSocket>>,
    /// TCP.
    pub streams: Streams,
    /// Who is no stranger to those who receive.
    pub known: Known,
    /// Against guessers and scanners.
    pub guard: Guard,
    /// Media threads.
    pub media: Threads,
    /// Writes recordings; ends after the threads that make them.
    pub scribe: Scribe,
    /// Asks DNS.
    pub resolver: Resolver,
    /// Asks servers of the house.
    pub asker: Asker,
    /// Erases what was kept for long enough.
    pub purger: Purger,
    /// Where the keys are.
    pub keys: PathBuf,
    /// Reads accounts and dialplans.
    pub keeper: Keeper,
    /// The hash of the dialplans' folder, as the keeper saw it last.
    pub on_disk: Option<String>,
    /// What the keeper found in the folder.
    pub findings: Vec<String>,
    /// The way back for what tasks find out.
    pub inputs: mpsc::Sender<Input>,
    /// The last entry of the journal before this run.
    pub began_after: u64,
    /// How long decisions take.
    pub pace: Pace,
    /// Who else wants to hear events, such as the demo.
    pub listener: Option<mpsc::UnboundedSender<Event>>,
}

/// What the driver is told besides inputs.
pub struct Orders {
    /// What media threads hear.
    pub heard: mpsc::Receiver<media::Event>,
    /// Questions of commands.
    pub asked: mpsc::Receiver<Asked>,
    /// First: drain; second: end all calls.
    pub stop: mpsc::Receiver<()>,
    /// What the writer of recordings tells.
    pub written: mpsc::Receiver<Told>,
    /// What the keeper finds.
    pub news: mpsc::Receiver<News>,
    /// Counts for readers.
    pub counts: watch::Sender<Counts>,
}

impl Shell {
    /// Runs until it was told to stop and all calls have ended.
    pub async fn drive(mut self, mut receiver: mpsc::Receiver<Input>, mut orders: Orders) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut publish = tokio::time::interval(PUBLISH);
        let mut last_call = None;
        loop {
            self.keep_up(&mut orders.heard);
            let due = self.switch.next_timeout().map(|at| self.clock.system(at));
            let sleep = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(()) = orders.stop.recv() => self.stop(),
                // Rare ones first: a flood of inputs must not hide them.
                Some((question, answer)) = orders.asked.recv() => self.answer(question, answer),
                Some(news) = orders.news.recv() => self.hear(news),
                Some(told) = orders.written.recv() => self.hear_of_recordings(told),
                _ = publish.tick() => {
                    orders.counts.send_replace(self.switch.counts());
                }
                count = receiver.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    for input in batch.drain(..) {
                        self.handle(input);
                    }
                }
                Some(event) = orders.heard.recv() => self.handle(Input::Media(event)),
                // `keep_up` does what is due.
                () = sleep => {}
            }
            self.perform();
            if self.is_done(&mut last_call) {
                self.switch.hand_over_traces(self.clock.now());
                self.perform();
                orders.counts.send_replace(self.switch.counts());
                return;
            }
        }
    }

    /// What must go on however many inputs wait: timers that are due, and what media heard.
    fn keep_up(&mut self, heard: &mut mpsc::Receiver<media::Event>) {
        let now = self.clock.now();
        if self.switch.next_timeout().is_some_and(|due| due <= now.at) {
            self.switch.handle_timeout(now);
            self.pace.took(self.clock.now().at.since(now.at));
        }
        for _ in 0..BATCH {
            let Ok(event) = heard.try_recv() else { break };
            self.handle(Input::Media(event));
        }
        self.perform();
    }

    pub(super) fn handle(&mut self, input: Input) {
        let now = self.clock.now();
        self.switch.handle(input, now);
        self.pace.took(self.clock.now().at.since(now.at));
    }

    /// Whether a drain is over: no call is left, the last BYE is answered and the last figures of media
    /// are in, or they take too long.
    fn is_done(&self, last_call: &mut Option<Instant>) -> bool {
        if !self.switch.is_draining() || !self.switch.is_idle() {
            return false;
        }
        let now = self.clock.now().at;
        let since = *last_call.get_or_insert(now);
        self.switch.is_quiet() || now.since(since) >= LAST_WORDS
    }

    fn stop(&mut self) {
        let now = self.clock.now();
        let command = if self.switch.is_draining() {
            tracing::warn!("ending all calls");
            Command::ShutDown
        } else {
            let calls = self.switch.counts().calls;
            tracing::info!(calls, "no new calls; those in progress end by themselves");
            Command::Drain
        };
        self.switch.handle(Input::Command(command), now);
    }

    /// Does what the switch wants: what is to be journalled is written before anything is sent.
    fn perform(&mut self) {
        let mut entries = Vec::new();
        let mut rest = Vec::new();
        while let Some(output) = self.switch.poll() {
            match output {
                Output::Event(event) => {
                    log(&event);
                    if let Some(listener) = &self.listener {
                        let _ = listener.send(event.clone());
                    }
                    if let What::GlassBroken { operator } = &event.what {
                        self.purger.order(purger::Order::GlassBroken {
                            at: event.at,
                            operator: operator.clone(),
                            call: event.call,
                        });
                    }
                    entries.push(Entry::Event(event));
                }
                Output::Snapshot {
                    call,
                    snapshot: Some(snapshot),
                } => {
                    entries.extend(self.seal(call, &snapshot));
                }
                // The end of the call says it.
                Output::Snapshot { snapshot: None, .. } => {}
                other => rest.push(other),
            }
        }
        if !entries.is_empty() {
            self.journal.append(&entries);
        }
        for output in rest {
            match output {
                Output::Send { flow, bytes } => self.send(flow, bytes),
                Output::Media(command) => self.media.send(command),
                Output::Listen {
                    leg,
                    playback,
                    recording,
                } => self.scribe.pen().read(recording, leg, playback),
                Output::Number {
                    call,
                    caller,
                    number,
                } => self.vault.keep(call, caller, number),
                Output::Erase {
                    recording,
                    voicemail,
                } => self.scribe.pen().erase(recording, voicemail),
                Output::Resolve { question, ask } => self.resolver.ask(question, ask),
                Output::Inquire(inquiry) => self.asker.ask(inquiry),
                Output::Expect { remote, host } => self.streams.expect(remote, &host),
                Output::Bindings { operator, bindings } => self.keep(operator, &bindings),
                Output::Servers { trunk, servers } => self.known.keep_servers(trunk, servers),
                Output::Slow { flow, time, whole } => self.guard.slow(flow, time, whole),
                Output::Ban {
                    ban,
                    address,
                    is_operator,
                } => self.guard.ban(&ban, address, is_operator, self.clock.now()),
                Output::Lift { source, user } => self.guard.lift(source, user),
                Output::Event(_) | Output::Snapshot { .. } => {}
            }
        }
        self.media.wake();
    }

    fn seal(&self, call: CallId, snapshot: &CallSnapshot) -> Option<Entry> {
        let plain = serde_json::to_vec(snapshot).ok()?;
        let sealed = self.sealer.seal(call, &plain).ok()?;
        Some(Entry::Snapshot { call, sealed })
    }

    fn send(&mut self, flow: Flow, bytes: Arc<[u8]>) {
        match flow.transport {
            Transport::Udp => {
                let socket = self.udp.get(&flow.local).or_else(|| {
                    self.udp.values().find(|socket| {
                        socket
                            .local_addr()
                            .is_ok_and(|at| at.is_ipv4() == flow.remote.is_ipv4())
                    })
                });
                let sent = socket.map(|socket| socket.try_send_to(&bytes, flow.remote));
                match sent {
                    Some(Ok(_)) => {}
                    // A full buffer loses a datagram, as networks do; it is sent again.
                    Some(Err(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    _ => {
                        // Where the switch is too busy to hear it, its timers find it out.
                        let _ = self.inputs.try_send(Input::SendFailed { flow });
                    }
                }
            }
            _ => self.streams.send(flow, bytes),
        }
    }

    fn keep(&self, operator: OperatorId, bindings: &[Binding]) {
        self.known.keep(&operator, bindings);
        let rows: Vec<BindingRow> = bindings
            .iter()
            .filter_map(|binding| {
                Some(BindingRow {
                    operator: operator.clone(),
                    contact: binding.contact.clone(),
                    body: serde_json::to_string(binding).ok()?,
                    expires: binding.expires,
                })
            })
            .collect();
        if let Some(shared) = &self.shared {
            shared.bindings(operator.clone(), rows.clone());
        }
        self.writer.bindings(operator, rows);
    }

    /// What the keeper found beside the switch's way.
    fn hear(&mut self, news: News) {
        let now = self.clock.now();
        match news {
            News::Accounts(accounts) => self.handle(Input::Command(Command::Operators(accounts))),
            News::Cases(all) => self.handle(Input::Command(Command::Cases(all))),
            News::Lists(all) => self.handle(Input::Command(Command::Lists(all))),
            News::OnDisk { hash, findings } => {
                self.on_disk = hash;
                self.findings = findings;
            }
            News::Clock(synchronised) => {
                let command = Command::Clock { synchronised };
                self.switch.handle(Input::Command(command), now);
            }
            News::Plan { loaded, answer } => {
                let told = self.make_live(loaded, now);
                tracing::info!("{}", told.text);
                if let Some(answer) = answer {
                    // Whoever asked may have gone.
                    let _ = answer.send(told);
                }
            }
        }
    }

    fn hear_of_recordings(&mut self, told: Told) {
        match told {
            Told::Sound {
                leg,
                playback,
                sound,
            } => {
                if let Err(reason) = &sound {
                    tracing::error!("a message cannot be heard: {reason}");
                }
                self.media.play(leg, playback, sound.ok());
            }
            Told::Room(room) => self.handle(Input::Command(Command::RecordingRoom(room))),
            Told::Failed { recording, reason } => {
                let failed = Command::RecordingFailed { recording, reason };
                self.handle(Input::Command(failed));
            }
            Told::Lost(count) => self.handle(Input::Command(Command::RecordingLost(count))),
        }
    }

    fn make_live(&mut self, loaded: Loaded, now: Now) -> Answer {
        let Loaded {
            plan,
            clips,
            warnings,
            ..
        } = loaded;
        let hash = plan.hash.clone();
        self.media.set_clips(&clips);
        self.switch
            .handle(Input::Command(Command::Apply(plan)), now);
        let mut text = format!("LIVE {}", short(&hash));
        for warning in warnings.into_iter().chain(self.plan_warnings()) {
            text.push('\n');
            text.push_str(&warning);
        }
        Answer {
            done: true,
            text,
            data: serde_json::json!({ "plan": hash }),
        }
    }

    fn answer(&mut self, question: Question, answer: oneshot::Sender<Answer>) {
        let order = match question {
            Question::Status => {
                let _ = answer.send(self.status());
                return;
            }
            Question::Trace { call } => {
                let messages = self.switch.messages(call);
                let _ = answer.send(Answer {
                    done: true,
                    text: format!("{} messages", messages.len()),
                    data: serde_json::json!(messages),
                });
                return;
            }
            Question::Bans => {
                let _ = answer.send(self.bans());
                return;
            }
            Question::LiftBans { source, user } => {
                let _ = answer.send(self.lift_bans(source, user));
                return;
            }
            Question::Handled { recording } => {
                let change = Change::Handled { by: None };
                let _ = answer.send(self.change_recording(recording, change));
                return;
            }
            Question::Erase { recording } => {
                let reason = "an administrator said so".to_owned();
                let change = Change::Erased { reason };
                let _ = answer.send(self.change_recording(recording, change));
                return;
            }
            Question::Callbacks => {
                let _ = answer.send(self.callbacks());
                return;
            }
            Question::Operators => {
                let _ = answer.send(self.desks());
                return;
            }
            Question::CancelCallback { call } => {
                let _ = answer.send(self.cancel_callback(call));
                return;
            }
            Question::Keys => {
                let _ = answer.send(self.read_keys());
                return;
            }
            Question::Purge { who, dry_run } => {
                return self.purger.order(purger::Order::Purge {
                    who,
                    dry_run,
                    answer,
                });
            }
            Question::Forget { whom, who, reason } => {
                return self.purger.order(purger::Order::Forget {
                    whom,
                    who,
                    reason,
                    answer,
                });
            }
            Question::Apply => Order::Apply(answer),
            Question::UseVersion { hash } => Order::UseVersion(hash, answer),
        };
        self.keeper.order(order);
    }

    /// What whoever looks after the dialplan should know.
    fn plan_warnings(&self) -> Vec<String> {
        let mut warnings = self.switch.plan().warnings(self.clock.now().wall);
        if self.switch.is_clock_unset() {
            warnings.push(crate::switch::CLOCK_UNSET.to_owned());
        }
        warnings
    }

    fn status(&self) -> Answer {
        let counts = self.switch.counts();
        let report = self.health.report();
        let operators: BTreeMap<_, _> = self.switch.operators().collect();
        let hash = &self.switch.plan().hash;
        let mut text = format!(
            "dialplan {}\n{} calls: {} waiting, {} talking\n{} operators on shift, {} free, {} phones",
            short(hash),
            counts.calls,
            counts.waiting,
            counts.talking,
            counts.on_shift,
            counts.free,
            counts.contacts
        );
        if self.on_disk.as_ref() != Some(hash) {
            text.push_str(
                "\nthe dialplans' folder differs from what is live; `qaynar apply` makes it live",
            );
        }
        for finding in self.findings.iter().take(SHOWN) {
            text.push_str("\ndialplans: ");
            text.push_str(finding);
        }
        if self.findings.len() > SHOWN {
            let more = self.findings.len() - SHOWN;
            text.push_str(&format!("\ndialplans: {more} more; see `qaynar check`"));
        }
        let (bans, figures) = (
            self.switch.bans(self.clock.now()).len(),
            self.known.figures(),
        );
        text.push_str(&messages(counts.messages));
        if bans > 0 {
            text.push_str(&format!("\n{bans} bans; `qaynar bans` lists them"));
        }
        if figures.dropped() > 0 {
            let dropped = figures.dropped();
            text.push_str(&format!(
                "\n{dropped} datagrams and connections were too many and not heard"
            ));
        }
        for warning in self.plan_warnings() {
            text.push('\n');
            text.push_str(&warning);
        }
        for fault in report.faults.values() {
            text.push_str("\nFAULT ");
            text.push_str(fault);
        }
        let data = serde_json::json!({
            "plan": hash,
            "findings": self.findings,
            "draining": self.switch.is_draining(),
            "counts": counts,
            "began_after": self.began_after,
            "operators": operators,
            "bans": bans,
            "unheard": figures,
            "trunks": self.switch.trunks(self.clock.now()),
            "store": report,
            "decisions_by_microseconds": self.pace.histogram(),
        });
        Answer {
            done: true,
            text,
            data,
        }
    }
}

/// Who waits to be heard.
fn messages(count: usize) -> String {
    match count {
        0 => String::new(),
        _ => format!("\n{count} messages wait to be handled; `qaynar voicemail list` lists them"),
    }
}

/// As much of a hash as people compare.
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// How long decisions took, in powers of two of a microsecond.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    counts: [u64; 24],
    told: u64,
}

impl Pace {
    fn took(&mut self, time: std::time::Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        let last = self.counts.len() - 1;
        if let Some(count) = self.counts.get_mut(bucket.min(last)) {
            *count += 1;
        }
        // The first one, the second, the fourth, …: a slow machine must not fill the log.
        if time > SLOW {
            self.told += 1;
            if self.told.is_power_of_two() {
                tracing::warn!(
                    ?time,
                    times = self.told,
                    "a decision took long; all calls wait meanwhile"
                );
            }
        }
    }

    /// Counts by upper bound in microseconds; bounds above the last one that was reached are left out.
    fn histogram(&self) -> BTreeMap<u64, u64> {
        let bounds = self.counts.iter().enumerate();
        bounds
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, count)| (1 << bucket, *count))
            .collect()
    }
}

/// One line an event, the call's id on each.
/// A line for an event; its words are put together only where the log wants them.
fn log(event: &Event) {
    let told = match &event.what {
        What::Messages { .. } => return,
        What::Alarm { .. }
        | What::AudioAbsent { .. }
        | What::Arrived { .. }
        | What::Connected { .. }
        | What::Ended { .. }
        | What::Applied { .. } => true,
        _ => tracing::enabled!(tracing::Level::DEBUG),
    };
    if !told {
        return;
    }
    let call = event.call.map(|call| call.to_string()).unwrap_or_default();
    let text = serde_json::to_string(&event.what).unwrap_or_default();
    match &event.what {
        What::Alarm { kind, text } => tracing::warn!(call, alarm = %kind, "{text}"),
        What::AudioAbsent { .. } => tracing::warn!(call, alarm = "audio-absent", "{text}"),
        What::Arrived { .. }
        | What::Connected { .. }
        | What::Ended { .. }
        | What::Applied { .. } => {
            tracing::info!(call, "{text}");
        }
        _ => tracing::debug!(call, "{text}"),
    }
}
