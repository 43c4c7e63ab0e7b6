//! The dialplans' folder as people leave it: files that are being saved, links that lead nowhere, sounds
//! of other kinds. Whatever cannot be read is a fault with its file, and none is read without limit.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::plans::{Files, PlansError, at};
use crate::dialplan::load::hash;
use crate::dialplan::{Catalogue, Fault, Place};
use crate::ids::{Language, PromptName};
use crate::media::{Clip, Clips, Sound, converted};

/// The most files of a dialplan.
const MAX_FILES: usize = 200;
/// The most prompts of a language.
const MAX_PROMPTS: usize = 2_000;
/// The longest file of a dialplan; the reader says so at one octet more.
const MAX_TEXT: u64 = 4 * 1024 * 1024 + 1;
/// The longest sound: a quarter of an hour as studios keep it.
const MAX_SOUND: u64 = 400 * 1024 * 1024;
/// How often the folder is read anew where a file is gone before it is read: editors write another one
/// and rename it.
const TRIES: usize = 3;

/// Reads `*.toml` of a folder, by name.
///
/// # Errors
/// The folder cannot be read, holds no dialplan, or files in it are no text: all of them at once.
pub fn read(folder: &Path) -> Result<Files, PlansError> {
    for _ in 1..TRIES {
        if let Some(files) = attempt(folder)? {
            return Ok(files);
        }
    }
    match attempt(folder)? {
        Some(files) => Ok(files),
        None => Err(PlansError::Faulty(vec![fault(
            folder,
            1,
            "files come and go while they are read",
            "wait until everything is saved; then again",
        )])),
    }
}

/// `None`: a file was there and is gone.
fn attempt(folder: &Path) -> Result<Option<Files>, PlansError> {
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
    let (mut files, mut faults) = (Files::new(), Vec::new());
    if names.len() > MAX_FILES {
        let what = format!("{} files are more than {MAX_FILES}", names.len());
        faults.push(fault(folder, 1, what, "put several into one"));
    }
    for path in names.into_iter().take(MAX_FILES) {
        match text(&path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            // A link whose target is gone is there itself.
            Err(Unread::Io(error))
                if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() =>
            {
                return Ok(None);
            }
            Err(Unread::Io(error)) => faults.push(fault(
                &path,
                1,
                format!("it cannot be read: {error}"),
                "put a file there that the server may read, or remove it",
            )),
            Err(Unread::Bytes(line)) => faults.push(fault(
                &path,
                line,
                "this is no UTF-8",
                "save the file as UTF-8; editors call it \"encoding\"",
            )),
        }
    }
    match faults.is_empty() {
        true => Ok(Some(files)),
        false => Err(PlansError::Faulty(faults)),
    }
}

fn fault(path: &Path, line: usize, what: impl Into<String>, remedy: &str) -> Fault {
    Fault {
        place: Place {
            file: path.display().to_string(),
            line,
        },
        what: what.into(),
        remedy: remedy.to_owned(),
    }
}

enum Unread {
    Io(io::Error),
    /// Octets that are no letters, in this line.
    Bytes(usize),
}

fn text(path: &Path) -> Result<String, Unread> {
    let bytes = bytes(path, MAX_TEXT).map_err(Unread::Io)?;
    match String::from_utf8(bytes) {
        // Some editors begin a file with a byte order mark.
        Ok(text) => Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        }),
        // What is too long is cut off anywhere, and refused for its length.
        Err(error) if error.as_bytes().len() as u64 == MAX_TEXT => {
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        }
        Err(error) => {
            let well = error.utf8_error().valid_up_to();
            let before = error.as_bytes().iter().take(well);
            Err(Unread::Bytes(
                1 + before.filter(|one| **one == b'\n').count(),
            ))
        }
    }
}

/// As much of a file as may be; a pipe would keep us waiting for ever.
fn bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("this is no file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The prompts of a folder, and those that cannot be used.
pub fn sounds(folder: &Path) -> (Catalogue, Clips, Vec<Fault>) {
    let prompts = folder.join("prompts");
    let mut heard = Heard::default();
    for language in Language::ALL {
        let names = heard.of(&prompts.join(language.code()), Some(language));
        heard.catalogue.spoken.insert(language, names);
    }
    heard.catalogue.music = heard.of(&prompts.join("music"), None);
    (heard.catalogue, heard.clips, heard.faults)
}

#[derive(Default)]
struct Heard {
    catalogue: Catalogue,
    clips: Clips,
    faults: Vec<Fault>,
}

impl Heard {
    fn of(&mut self, folder: &Path, language: Option<Language>) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for path in sounds_in(folder) {
            let (Some(stem), Some(ending)) = (path.file_stem(), path.extension()) else {
                continue;
            };
            let name = stem.to_string_lossy().into_owned();
            if ending != "wav" {
                let other = path.display().to_string();
                self.catalogue.others.insert((language, name), other);
                continue;
            }
            match self.sound(&path) {
                Ok(sound) => {
                    let length = sound.duration();
                    let lengths = &mut self.catalogue.lengths;
                    lengths.insert((language, name.clone()), length);
                    let clip = Clip {
                        language,
                        name: PromptName(name.clone()),
                    };
                    self.clips.insert(clip, sound);
                    names.insert(name);
                }
                Err(what) => {
                    let remedy = "or put the former file back";
                    self.faults.push(fault(&path, 1, what, remedy));
                }
            }
        }
        names
    }

    fn sound(&mut self, path: &Path) -> Result<Sound, String> {
        let bytes = bytes(path, MAX_SOUND).map_err(|error| error.to_string())?;
        let sound = Sound::from_wav(&bytes).map_err(|fault| fault.to_string())?;
        if let Some(kind) = converted(&bytes) {
            let shown = path.display();
            let what = format!("{kind}: converted to 8000 Hz mono at each load");
            let remedy = format!("a better sound: sox {shown} -r 8000 -c 1 -b 16 NEW.wav");
            let notes = &mut self.catalogue.notes;
            notes.push(fault(path, 1, what, &remedy));
        }
        Ok(sound)
    }
}

fn sounds_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths: BTreeSet<PathBuf> = entries.filter_map(|one| Some(one.ok()?.path())).collect();
    paths.into_iter().take(MAX_PROMPTS).collect()
}

/// Changes with each letter and with each sound, and is the same while nothing does: what is being saved
/// shows by it.
pub fn fingerprint(folder: &Path) -> String {
    let mut seen = match read(folder) {
        Ok(files) => hash(&files),
        Err(error) => error.to_string(),
    };
    let folders = Language::ALL.map(Language::code);
    for name in folders.into_iter().chain(["music"]) {
        for path in sounds_in(&folder.join("prompts").join(name)) {
            let Ok(data) = fs::metadata(&path) else {
                continue;
            };
            let changed = data.modified().ok();
            let changed = changed.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let changed = changed.unwrap_or_default().as_nanos();
            seen += &format!("\n{} {} {changed}", path.display(), data.len());
        }
    }
    seen
}
