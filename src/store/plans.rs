//! Dialplans on disk: the folder that people edit, and the versions that were live.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dialplan::{Catalogue, Fault, Place, Plan, expect, load};
use crate::ids::{Language, PromptName};
use crate::media::{Clip, Clips, Sound};
use crate::time::Wall;

/// The most files of a dialplan.
const MAX_FILES: usize = 200;
/// The most prompts of a language.
const MAX_PROMPTS: usize = 2_000;
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

fn at(path: &Path) -> impl FnOnce(io::Error) -> PlansError {
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

/// Reads `*.toml` of a folder, by name.
///
/// # Errors
/// The folder cannot be read, or holds no dialplan.
pub fn read(folder: &Path) -> Result<Files, PlansError> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.extension().is_some_and(|ending| ending == "toml") && !hidden {
            names.insert(path);
        }
    }
    if names.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "there is no *.toml in it");
        return Err(PlansError::Io {
            path: folder.to_owned(),
            source,
        });
    }
    let texts = names.into_iter().take(MAX_FILES).map(|path| {
        let bytes = fs::read(&path).map_err(at(&path))?;
        // What is not UTF-8 becomes a sign that the reader refuses, with its line.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok((path.display().to_string(), text))
    });
    texts.collect()
}

/// The prompts of a folder, and those that cannot be used.
pub fn sounds(folder: &Path) -> (Catalogue, Clips, Vec<Fault>) {
    let prompts = folder.join("prompts");
    let (mut catalogue, mut clips, mut faults) =
        (Catalogue::default(), Clips::default(), Vec::new());
    for language in Language::ALL {
        let names = sounds_of(
            &prompts.join(language.code()),
            Some(language),
            &mut clips,
            &mut faults,
        );
        catalogue.spoken.insert(language, names);
    }
    catalogue.music = sounds_of(&prompts.join("music"), None, &mut clips, &mut faults);
    (catalogue, clips, faults)
}

fn sounds_of(
    folder: &Path,
    language: Option<Language>,
    clips: &mut Clips,
    faults: &mut Vec<Fault>,
) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    let mut names = BTreeSet::new();
    let paths: BTreeSet<PathBuf> = entries.filter_map(|one| Some(one.ok()?.path())).collect();
    for path in paths.into_iter().take(MAX_PROMPTS) {
        let (Some(stem), Some(ending)) = (path.file_stem(), path.extension()) else {
            continue;
        };
        if ending != "wav" {
            continue;
        }
        let name = stem.to_string_lossy().into_owned();
        let sound = fs::read(&path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| Sound::from_wav(&bytes).map_err(|fault| fault.to_string()));
        match sound {
            Ok(sound) => {
                clips.insert(
                    Clip {
                        language,
                        name: PromptName(name.clone()),
                    },
                    sound,
                );
                names.insert(name);
            }
            Err(what) => faults.push(Fault {
                place: Place {
                    file: path.display().to_string(),
                    line: 1,
                },
                what,
                remedy: "or put the former file back".into(),
            }),
        }
    }
    names
}

/// Loads files and runs their expectations.
///
/// # Errors
/// All mistakes at once.
pub fn check(files: &Files, catalogue: &Catalogue) -> Result<Plan, PlansError> {
    let plan = load(files, catalogue).map_err(PlansError::Faulty)?;
    expect::run(&plan).map_err(PlansError::Faulty)?;
    Ok(plan)
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
