//! Start, run, stop: everything put together.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::asker::Asker;
use super::backups::Backups;
use super::clock::Clock;
use super::control::{self, Asked, ControlError};
use super::dialplans::Dialplans;
use super::drive::{Orders, Pace, Shell, short};
use super::guard::Guard;
use super::keeper::{Keeper, Kept};
use super::known::Known;
use super::media::Threads;
use super::purger::{Purger, Tools};
use super::resolve::Resolver;
use super::scribe::Scribe;
use super::stream::Streams;
use super::tls::{Tls, TlsStartError};
use super::today;
use super::udp;
use super::vault::{Vault, VaultError};
use crate::config::Settings;
use crate::config::webhooks::{SecretsError, secrets};
use crate::event::{Entry, Event, Recording};
use crate::ids::OperatorId;
use crate::registrar::Binding;
use crate::sip::flow::Transport;
use crate::store::backup::{self, BackupError};
use crate::store::bindings::BindingRow;
use crate::store::database::{DatabaseError, Reader};
use crate::store::health::Health;
use crate::store::journal::{self, Journal, JournalError, private_folder};
use crate::store::keys::{KeyError, Keys};
use crate::store::messages::recordings;
use crate::store::operators::Operators;
use crate::store::plans::{PlansError, Versions};
use crate::store::recordings::{Shelf, path as recording_path};
use crate::store::recover::{PartedCall, Recovered};
use crate::store::seal::Sealer;
use crate::store::shared::{Shared, SharedError};
use crate::store::writer::Writer;
use crate::switch::{Ban, CallSnapshot, Command, Counts, Input, Switch};
use crate::time::Now;

/// Inputs that may wait for the switch.
const QUEUE: usize = 10_000;
/// What media may have heard before the switch does.
const HEARD: usize = 4_096;
/// What the keeper may have found before the driver hears of it.
const NEWS: usize = 16;
/// What the writer of recordings may have to tell before the driver hears of it.
const WRITTEN: usize = 256;
/// How long the last packets may take after the last call.
const LINGER: Duration = Duration::from_millis(300);
/// The most recordings that are known again at a start.
const MAX_RECORDINGS: usize = 200_000;
/// How long after a call's end its peers may still wait for a BYE that was lost.
const STILL_WAITING: Duration = Duration::from_secs(300);

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("{}: {source}; name a folder that this user may write by [storage] data", path.display())]
    Data {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A port.
    #[error("{transport} {address}: {source}; {}", remedy(source))]
    Listen {
        /// Which transport.
        transport: Transport,
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Threads, interfaces, signals.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
    /// The dialplan.
    #[error("the dialplan cannot run, and there is no former version:\n{0}")]
    Dialplan(#[from] PlansError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Redis.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// Secrets of webhooks.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsStartError),
    /// A restore that was interrupted.
    #[error(transparent)]
    Restore(#[from] BackupError),
    /// Callers' numbers.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Commands.
    #[error(transparent)]
    Control(#[from] ControlError),
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program has this port: stop it, or choose another by [sip] listen"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege: choose a higher one",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address: correct [sip] listen",
        _ => "correct [sip] listen",
    }
}

/// A server that runs.
pub struct Running {
    /// Where SIP is heard, wildcards expanded.
    pub listeners: Vec<(Transport, SocketAddr)>,
    /// The live dialplan's hash.
    pub plan: String,
    /// Told twice, it ends all calls.
    pub stop: mpsc::Sender<()>,
    /// Commands as inputs.
    pub inputs: mpsc::Sender<Input>,
    /// Questions as commands ask them.
    pub questions: mpsc::Sender<Asked>,
    /// What is wrong with the stores, and whom to tell.
    pub health: Health,
    /// How it is going.
    pub counts: watch::Receiver<Counts>,
    /// Ends when the server has stopped.
    pub done: tokio::task::JoinHandle<()>,
}

/// Runs the server until a signal stops it, and what `beside` starts with it.
///
/// # Errors
/// It cannot start.
pub async fn serve<T>(
    settings: &Settings,
    beside: impl FnOnce(&Running, &mut dyn FnMut(&str)) -> T,
    mut tell: impl FnMut(&str),
) -> Result<(), StartError> {
    super::files::raise();
    let mut running = start(settings, None).await?;
    for (transport, address) in &running.listeners {
        tell(&format!("SIP on {transport} {address}"));
    }
    if settings.trunks.is_empty() {
        tell("no [[trunks]] are configured: calls from loopback alone are taken");
    }
    let _beside = beside(&running, &mut tell);
    tell(&format!("dialplan {} is live; ready", short(&running.plan)));
    let (mut term, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    loop {
        tokio::select! {
            _ = term.recv() => { let _ = running.stop.send(()).await; }
            _ = interrupt.recv() => { let _ = running.stop.send(()).await; }
            ended = &mut running.done => {
                // A panic is no orderly end: whoever watches the process starts it anew.
                return ended.map_err(|fault| StartError::System(io::Error::other(fault)));
            }
        }
    }
}

/// Starts all parts; `listener` hears every event.
///
/// # Errors
/// See [`StartError`]; nothing is left running then.
pub async fn start(
    settings: &Settings,
    listener: Option<mpsc::UnboundedSender<Event>>,
) -> Result<Running, StartError> {
    let clock = Clock::start();
    let now = clock.now();
    let data = &settings.storage.data;
    private_folder(data).map_err(|source| StartError::Data {
        path: data.clone(),
        source,
    })?;
    if backup::is_half_restored(data) {
        return Err(BackupError::Half(data.clone()).into());
    }
    let socket = control::listen(data).await?;

    let folder = settings.dialplans.folder.clone();
    let dialplans = Dialplans {
        folder,
        versions: Versions::new(data),
    };
    let on_save = settings.dialplans.apply == crate::config::Apply::OnSave;
    let (loaded, told) = dialplans.at_start(on_save, now.wall)?;
    for text in told {
        tracing::error!(version = short(&loaded.plan.hash), "{text}");
    }
    for warning in loaded
        .warnings
        .iter()
        .chain(&loaded.plan.warnings(now.wall))
    {
        tracing::warn!("{warning}");
    }

    let (inputs, receiver) = mpsc::channel(QUEUE);
    let health = Health::logged();
    let keys = Keys::load_or_make(&settings.privacy.keys)?;
    let file = settings.webhooks.secrets.as_deref();
    let secrets = file.map(secrets).transpose()?.unwrap_or_default();
    let applied =
        Reader::open(&settings.storage.database).and_then(|mut reader| reader.checkpoint());
    let place = journal::Settings::in_folder(&settings.storage.journal());
    let (journal, recovered) = Journal::open(place, applied.unwrap_or(0), health.clone())?;
    let writer = Writer::start(&settings.storage.database, &journal, &health)?;
    let mut operators = match Operators::open(&settings.storage.database) {
        Ok(operators) => Some(operators),
        Err(error) => {
            // Calls are answered and journalled all the same; operators come when it is back.
            tracing::error!(%error, "operators cannot register until the database is back");
            None
        }
    };
    let shared = match &settings.cluster.redis {
        Some(url) => Some(Shared::start(url, &settings.cluster.node, &health)?),
        None => None,
    };

    let (listeners, sockets, tcp) = listen(&settings.sip.listen).await?;
    let first = now.wall.0.unsigned_abs();
    let switch_settings = settings.switch(
        listeners.clone(),
        (keys.pseudonym.clone(), keys.former.clone()),
    );
    let trunks = switch_settings.clone();
    let named = settings.trunks.iter();
    let named = named.filter_map(|trunk| trunk.tls_identity.clone());
    let known = Known::new(move |ip| trunks.trunk_of(ip).is_some())
        .with_names(named)
        .limited(settings.abuse.rates, clock);
    let tls = Tls::start(&settings.tls, now.wall)?;
    if let Some(warning) = tls.warning(&settings.tls, now.wall) {
        tracing::warn!("{warning}");
    }
    let follow = tls
        .clone()
        .follow(settings.tls.clone(), clock, health.clone());
    tokio::spawn(follow);
    let streams = Streams::new(inputs.clone(), first, known.clone())
        .with_tls(Some(tls.clone()))
        .with_origins(&settings.sip.origins);
    // A way of their own: a flood of SIP must not keep the media threads waiting.
    let (told, heard) = mpsc::channel(HEARD);
    let (told_of, written) = mpsc::channel(WRITTEN);
    let shelf = Shelf::new(data, settings.storage.keep_free);
    let scribe = Scribe::start(shelf, move |told| {
        // A driver that is so far behind has other worries; what it missed is on the disk or in the log.
        let _ = told_of.try_send(told);
    })?;
    let pen = scribe.pen();
    let media = Threads::start(
        settings.media.threads.get(),
        &loaded.clips,
        clock,
        move |event| match told.try_send(event) {
            Err(TrySendError::Full(event)) => Err(event),
            // The switch is gone when nobody listens; so is the thread soon.
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
        },
        move |chunk| pen.write(chunk),
    )?;

    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
    let mut switch = Switch::new(switch_settings, loaded.plan.clone(), seed, now);
    if let Some(operators) = &mut operators {
        for warning in operators.hidden_emergencies().unwrap_or_default() {
            tracing::warn!("{warning}");
        }
        let accounts = operators.accounts(&settings.sip.domain)?;
        switch.handle(Input::Command(Command::Operators(accounts)), now);
    }
    let kept = kept_bindings(settings, shared.as_ref()).await;
    switch.handle(Input::Command(Command::Bindings(kept)), now);
    today::tell(settings, &recovered, &loaded.plan, &mut switch, now);
    let kept = kept_recordings(settings, &scribe);
    switch.handle(Input::Command(Command::Recordings(kept)), now);
    let guard = Guard {
        known: known.clone(),
        streams: streams.clone(),
        writer: writer.clone(),
        log_sources: settings.abuse.log_sources,
    };
    restore_bans(settings, &guard, &mut switch, now);
    let privacy = &settings.privacy;
    let sealer = Sealer::new(&keys, &privacy.keys, privacy.keep_numbers, now.wall)?;
    let sealer = Arc::new(sealer);
    interrupt_former(&recovered, &sealer, &journal, &mut switch, clock);

    for socket in sockets.values() {
        if let Ok(local) = socket.local_addr() {
            udp::receive(socket, local, inputs.clone(), known.clone())?;
        }
    }
    for (listener, local, transport) in tcp {
        accept(&streams, &tls, listener, (local, transport));
    }
    let (ask, asked) = mpsc::channel(16);
    let control_task = tokio::spawn(control::serve(socket, ask.clone()));
    let (stop, stopped) = mpsc::channel(4);
    let vault = Vault::start(privacy, &journal, &health, clock)?;
    let (news, found) = mpsc::channel(NEWS);
    let kept = Kept {
        dialplans,
        apply_on_save: on_save,
        database: settings.storage.database.clone(),
        realm: settings.sip.domain.clone(),
        clock,
        live: loaded.clone(),
        health: health.clone(),
    };
    let keeper = Keeper::start(kept, news)?;
    let backups = Backups::start(settings, clock, &health)?;
    let purger = Purger::start(Tools {
        settings: settings.clone(),
        journal: journal.clone(),
        writer: writer.clone(),
        sealer: sealer.clone(),
        health: health.clone(),
        clock,
        inputs: inputs.clone(),
    })?;
    let (published, counts) = watch::channel(Counts::default());
    let shell = Shell {
        switch,
        clock,
        journal: journal.clone(),
        sealer,
        health: health.clone(),
        vault,
        purger,
        keys: settings.privacy.keys.clone(),
        writer,
        shared,
        udp: sockets,
        streams,
        known,
        guard,
        media,
        scribe,
        on_disk: Some(loaded.plan.hash.clone()),
        findings: Vec::new(),
        resolver: Resolver::new(&settings.dns, inputs.clone()),
        asker: Asker::start(secrets, inputs.clone(), clock)?,
        keeper,
        inputs: inputs.clone(),
        began_after: recovered.last,
        pace: Pace::default(),
        listener,
    };
    let orders = Orders {
        heard,
        written,
        news: found,
        asked,
        stop: stopped,
        counts: published,
    };
    let path = control::path(data);
    let done = tokio::spawn(async move {
        shell.drive(receiver, orders).await;
        tokio::time::sleep(LINGER).await;
        tls.stop();
        drop(backups);
        journal.flush();
        control_task.abort();
        let _ = std::fs::remove_file(path);
    });
    Ok(Running {
        listeners,
        plan: loaded.plan.hash.clone(),
        stop,
        inputs,
        questions: ask,
        health,
        counts,
        done,
    })
}

type Sockets = BTreeMap<SocketAddr, Arc<tokio::net::UdpSocket>>;
type Listening = (
    Vec<(Transport, SocketAddr)>,
    Sockets,
    Vec<(TcpListener, SocketAddr, Transport)>,
);

/// Takes connections from now on; those by TLS on its thread.
fn accept(
    streams: &Streams,
    tls: &Tls,
    listener: TcpListener,
    (local, transport): (SocketAddr, Transport),
) {
    let streams = streams.clone();
    if !transport.is_secure() {
        tokio::spawn(streams.accept(listener, local, transport));
        return;
    }
    tls.spawn(async move {
        // Its octets are read where it was registered.
        match listener.into_std().and_then(TcpListener::from_std) {
            Ok(listener) => streams.accept(listener, local, transport).await,
            Err(error) => tracing::error!(%local, %error, "tls cannot be listened to"),
        }
    });
}

/// Binds all that is configured; port 0 takes any free one.
async fn listen(wanted: &[(Transport, SocketAddr)]) -> Result<Listening, StartError> {
    let (mut all, mut sockets, mut tcp) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (transport, place) in wanted {
        for address in udp::expand(*place)? {
            let transport = *transport;
            let fault = |source| StartError::Listen {
                transport,
                address,
                source,
            };
            let bound = match transport {
                Transport::Udp => {
                    let socket = udp::bind(address).map_err(fault)?;
                    let bound = socket.local_addr().map_err(fault)?;
                    sockets.insert(bound, socket);
                    bound
                }
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                    let listener = TcpListener::bind(address).await.map_err(fault)?;
                    let bound = listener.local_addr().map_err(fault)?;
                    tcp.push((listener, bound, transport));
                    bound
                }
            };
            all.push((transport, bound));
        }
    }
    Ok((all, sockets, tcp))
}

/// Where operators' phones were: from the database, and from the other nodes' Redis.
async fn kept_bindings(settings: &Settings, shared: Option<&Shared>) -> Vec<(OperatorId, Binding)> {
    let reader = Reader::open(&settings.storage.database);
    let mut rows: Vec<BindingRow> = reader
        .and_then(|mut reader| reader.bindings())
        .unwrap_or_default();
    if let Some(shared) = shared
        && rows.is_empty()
    {
        rows = shared.load().await.unwrap_or_default();
    }
    let read = |row: BindingRow| Some((row.operator, serde_json::from_str(&row.body).ok()?));
    rows.into_iter().filter_map(read).collect()
}

/// A restart forgives nobody; what is over goes.
fn restore_bans(settings: &Settings, guard: &Guard, switch: &mut Switch, now: Now) {
    let rows = Reader::open(&settings.storage.database).and_then(|mut reader| reader.bans());
    let mut bans: Vec<Ban> = Vec::new();
    for row in rows.unwrap_or_default() {
        match serde_json::from_str::<Ban>(&row.body) {
            Ok(ban) if ban.until > now.wall => bans.push(ban),
            _ => guard.writer.lift(row.source, row.user),
        }
    }
    for ban in &bans {
        guard.close(ban, now);
    }
    switch.handle(Input::Command(Command::Bans(bans)), now);
}

/// Messages and recorded talks whose files are there. What was to be erased and is not, goes now.
fn kept_recordings(settings: &Settings, scribe: &Scribe) -> Vec<Recording> {
    let storage = &settings.storage;
    let all = match recordings(&storage.database, &storage.journal(), MAX_RECORDINGS) {
        Ok(all) => all,
        Err(error) => {
            tracing::error!(%error, "which messages wait is not known");
            return Vec::new();
        }
    };
    let (kept, erased): (Vec<_>, Vec<_>) = all.into_values().partition(|one| one.erased.is_none());
    for one in erased {
        let voicemail = one.of.is_voicemail();
        if recording_path(&storage.data, one.recording, voicemail).exists() {
            scribe.pen().erase(one.recording, voicemail);
        }
    }
    kept
}

/// Calls that a former process left open: their legs get BYE, and they end as interrupted.
fn interrupt_former(
    recovered: &Recovered,
    sealer: &Sealer,
    journal: &Journal,
    switch: &mut Switch,
    clock: Clock,
) {
    let now = clock.now();
    let read = |call, text: &String| -> Option<CallSnapshot> {
        serde_json::from_slice(&sealer.open(call, text).ok()?).ok()
    };
    let (mut snapshots, mut entries) = (Vec::new(), Vec::<Entry>::new());
    for open in &recovered.calls {
        match (open.snapshot.as_ref()).and_then(|text| read(open.call, text)) {
            Some(snapshot) => snapshots.push(snapshot),
            None => entries.push(open.interrupted(now.wall)),
        }
    }
    if !recovered.calls.is_empty() {
        tracing::warn!(
            calls = recovered.calls.len(),
            "calls were interrupted; their legs get BYE"
        );
    }
    if !entries.is_empty() {
        journal.append(&entries);
    }
    // Whoever is to be called back loses nothing.
    let (callbacks, snapshots) = snapshots.into_iter().partition(CallSnapshot::is_callback);
    switch.restore(callbacks, &BTreeMap::new(), now);
    switch.interrupt(snapshots, now);
    let lately = |one: &&PartedCall| now.wall.since(one.ended) < STILL_WAITING;
    let parted = recovered.parted.iter().filter(lately);
    let parted = parted.filter_map(|one| read(one.call, &one.snapshot));
    switch.part_again(parted.collect(), now);
}
