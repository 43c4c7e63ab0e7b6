//! Backups by the clock: made in time, carried away, thinned out; a missed one is an alarm.

use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::clock::Clock;
use crate::config::Settings;
use crate::config::backup::Backups as Wanted;
use crate::store::backup::{self, Backup, BackupError, Kind};
use crate::store::health::{Health, Part};
use crate::time::Wall;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(1);
/// After a failure it is tried again in a quarter of the time between backups, and within this at the latest.
const RETRY: Duration = Duration::from_secs(600);

/// The thread, which ends when this is dropped; a backup that is being made then is made again.
pub struct Backups {
    _ends: Option<SyncSender<()>>,
}

/// Why a backup was not made or not carried away.
#[derive(Debug, thiserror::Error)]
pub enum BackupMissed {
    /// It could not be made.
    #[error(transparent)]
    Unmade(#[from] BackupError),
    /// The command could not be run.
    #[error("[backup] command {0:?} cannot be run: {1}; correct it")]
    NoCommand(String, std::io::Error),
    /// The command failed.
    #[error("[backup] command {0:?} ended with {1}: {2}; the backup itself is at its place")]
    Command(String, std::process::ExitStatus, String),
}

impl Backups {
    /// Starts the thread where backups are wanted.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(settings: &Settings, clock: Clock, health: &Health) -> std::io::Result<Self> {
        if settings.backup.to.is_none() {
            return Ok(Self { _ends: None });
        }
        let (ends, end) = sync_channel(0);
        let round = Round {
            settings: settings.clone(),
            clock,
            health: health.clone(),
            tried: None,
            last: None,
        };
        let thread = std::thread::Builder::new().name("backups".into());
        thread.spawn(move || round.run(&end))?;
        Ok(Self { _ends: Some(ends) })
    }
}

struct Round {
    settings: Settings,
    clock: Clock,
    health: Health,
    /// When one could not be made.
    tried: Option<Wall>,
    /// When the newest one was made, as far as it is known here.
    last: Option<Wall>,
}

impl Round {
    fn run(mut self, end: &Receiver<()>) {
        loop {
            self.look();
            match end.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) {
        let now = self.clock.now().wall;
        let every = self.settings.backup.every;
        let rest = (every / 4).min(RETRY);
        if self.tried.is_some_and(|tried| now.since(tried) < rest) || !self.is_due(now) {
            return;
        }
        match now_and_away(&self.settings, now) {
            Ok(made) => {
                self.last = Some(made.manifest.moment());
                self.tried = None;
                self.health.well(Part::Backup);
                tracing::info!(backup = %made.folder.display(), files = made.manifest.files.len(), "backup made");
            }
            Err(error) => {
                self.tried = Some(now);
                self.health
                    .fault(Part::Backup, format!("no backup was made: {error}"));
            }
        }
    }

    fn is_due(&mut self, now: Wall) -> bool {
        // One that could not be carried away is due again.
        if self.tried.is_some() {
            return true;
        }
        if !self.is_old(now) {
            return false;
        }
        // Somebody may have made one by hand; else this is one's own, or that of before the start.
        let Some(to) = &self.settings.backup.to else {
            return false;
        };
        let all = backup::list(to, Kind::Records).unwrap_or_default();
        self.last = all.last().map(|newest| newest.manifest.moment());
        self.is_old(now)
    }

    /// A clock that was set back must not keep backups away for years.
    fn is_old(&self, now: Wall) -> bool {
        let every = self.settings.backup.every;
        self.last
            .is_none_or(|last| now < last || now.since(last) >= every)
    }
}

/// Makes a backup where the settings say, has it carried away, and removes those that are too old.
///
/// # Errors
/// See [`BackupMissed`].
pub fn now_and_away(settings: &Settings, now: Wall) -> Result<Backup, BackupMissed> {
    let Wanted {
        to: Some(to),
        keep,
        command,
        ..
    } = &settings.backup
    else {
        let path = std::path::PathBuf::new();
        let source = std::io::Error::other("[backup] to is not set");
        return Err(BackupError::Disk { path, source }.into());
    };
    let made = backup::make(settings, to, now)?;
    carry(command, &made)?;
    backup::thin(to, *keep)?;
    Ok(made)
}

fn carry(command: &[String], made: &Backup) -> Result<(), BackupMissed> {
    let Some((program, words)) = command.split_first() else {
        return Ok(());
    };
    let folder = made.folder.display().to_string();
    let words = words.iter().map(|word| word.replace("{backup}", &folder));
    let done = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output();
    let done = done.map_err(|error| BackupMissed::NoCommand(program.clone(), error))?;
    if done.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&done.stderr);
    let told = told.lines().last().unwrap_or_default().to_owned();
    Err(BackupMissed::Command(program.clone(), done.status, told))
}
