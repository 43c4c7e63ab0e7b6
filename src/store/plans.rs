//! Dialplans on disk: the folder that people edit, and the versions that were live.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dialplan::{Catalogue, Fault, Plan, expect, load, safety};
use crate::time::Wall;

pub use super::folder::{fingerprint, read, sounds};

/// The most versions that are listed and kept.
const MAX_VERSIONS: usize = 200;

/// A dialplan cannot be read or is faulty.
#[derive(Debug, thiserror::Error)]
pub enum PlansError {
    /// Its mistakes, one a line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faulty(Vec<Fault>),
    /// The folder or a file in it.
    #[error("{}: {source}; name the folder of the dialplans with --dialplans or [dialplans] dir", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No such version.
    #[error("no version is called {0:?}; see `qaynar dialplan history`")]
    NoVersion(String),
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> PlansError {
    let path = path.to_owned();
    move |source| PlansError::Io { path, source }
}

/// A version that was live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its hash.
    pub hash: String,
    /// When it went live last.
    pub live: Wall,
}

/// A folder of dialplans as it is read: names and texts.
pub type Files = Vec<(String, String)>;

/// Loads files, runs their expectations, and follows all calls of the year from `now` on; `None`: a plan
/// that was live before, which must run whatever its guard says by now.
///
/// # Errors
/// All mistakes at once.
pub fn check(files: &Files, catalogue: &Catalogue, now: Option<Wall>) -> Result<Plan, PlansError> {
    let plan = load(files, catalogue).map_err(PlansError::Faulty)?;
    let mut faults = expect::run(&plan).err().unwrap_or_default();
    if let Some(now) = now {
        faults.extend(safety::check(&plan, &catalogue.lengths, now));
    }
    match faults.is_empty() {
        true => Ok(plan),
        false => Err(PlansError::Faulty(faults)),
    }
}

/// The versions that were live, under the data folder.
#[derive(Debug, Clone)]
pub struct Versions {
    folder: PathBuf,
}

impl Versions {
    /// Under `DATA/dialplans`.
    pub fn new(data: &Path) -> Self {
        Self {
            folder: data.join("dialplans"),
        }
    }

    fn index(&self) -> PathBuf {
        self.folder.join("versions.json")
    }

    /// Newest first; an unreadable index counts as none.
    pub fn list(&self) -> Vec<Version> {
        let text = fs::read_to_string(self.index()).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Keeps a version that goes live now.
    ///
    /// # Errors
    /// The disk.
    pub fn keep(&self, files: &Files, hash: &str, now: Wall) -> Result<(), PlansError> {
        let folder = self.folder.join(hash);
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        let body = serde_json::to_string(files).unwrap_or_default();
        write_whole(&folder.with_extension("json"), &body)?;
        let mut versions = self.list();
        versions.retain(|version| version.hash != hash);
        versions.insert(
            0,
            Version {
                hash: hash.to_owned(),
                live: now,
            },
        );
        for old in versions.split_off(versions.len().min(MAX_VERSIONS)) {
            let _ = fs::remove_file(self.folder.join(old.hash).with_extension("json"));
        }
        let index = serde_json::to_string_pretty(&versions).unwrap_or_default();
        write_whole(&self.index(), &index)
    }

    /// The files of a version, by the beginning of its hash.
    ///
    /// # Errors
    /// No such version, or more than one.
    pub fn files(&self, hash: &str) -> Result<(String, Files), PlansError> {
        let none = || PlansError::NoVersion(hash.to_owned());
        let versions = self.list();
        let mut fits = versions
            .into_iter()
            .filter(|version| version.hash.starts_with(hash));
        let version = fits.next().ok_or_else(none)?;
        if fits.next().is_some() || hash.is_empty() {
            return Err(none());
        }
        let path = self.folder.join(&version.hash).with_extension("json");
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        let files = serde_json::from_str(&text).map_err(|_| none())?;
        Ok((version.hash, files))
    }
}

/// A reader sees the former file or the new one, never half of it.
fn write_whole(path: &Path, text: &str) -> Result<(), PlansError> {
    let draft = path.with_extension("tmp");
    fs::write(&draft, text).map_err(at(&draft))?;
    let file = fs::File::open(&draft).map_err(at(&draft))?;
    file.sync_all().map_err(at(&draft))?;
    fs::rename(&draft, path).map_err(at(path))
}
