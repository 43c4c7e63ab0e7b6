//! Finding and reading the file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::check;
use super::settings::Settings;
use crate::dialplan::Fault;
use crate::switch::Scanners;

/// The file that is taken where no other is named, if it is there.
pub const FILE: &str = "qaynar.toml";

/// Every setting with its meaning; what `qaynar serve --help` shows.
pub const EXAMPLE: &str = include_str!("example.toml");

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}; name the right file with --config, or leave it out to run with the defaults", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has mistakes.
    #[error("{}", lines(.0))]
    Faults(Vec<Fault>),
}

impl From<Vec<Fault>> for ConfigError {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Faults(faults)
    }
}

fn lines(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(Fault::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Reads the settings from `file`, else from `qaynar.toml` where there is one, else gives the defaults.
/// Relative paths in a file are taken from the folder of the file.
///
/// # Errors
/// The named file cannot be read, or a file has mistakes: then all of them.
pub fn load(file: Option<&Path>) -> Result<Settings, ConfigError> {
    let path = file.unwrap_or(Path::new(FILE));
    let base = path.parent().unwrap_or(Path::new(""));
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let mut settings = check(&path.display().to_string(), &text, base)?;
            if let Some(file) = &settings.abuse.scanners {
                settings.abuse.bans.scanners = Arc::new(scanners(file)?);
            }
            settings.file = Some(path.to_owned());
            Ok(settings)
        }
        Err(fault) if file.is_none() && fault.kind() == io::ErrorKind::NotFound => {
            Ok(Settings::defaults(base))
        }
        Err(source) => Err(ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Reads an administrator's own file of scanners' patterns.
fn scanners(file: &Path) -> Result<Scanners, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable {
        path: file.to_owned(),
        source,
    })?;
    Ok(super::scanners::read(&file.display().to_string(), &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let told = load(Some(Path::new("/nowhere/qaynar.toml")))
            .unwrap_err()
            .to_string();
        assert!(
            told.starts_with("/nowhere/qaynar.toml: ") && told.contains("--config"),
            "{told}"
        );
    }

    #[test]
    fn own_patterns_of_scanners_take_the_place_of_the_shipped_ones() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write("qaynar.toml", "[abuse]\nscanners = \"own.toml\"\n").unwrap();
        let load = || load(Some(&folder.path().join("qaynar.toml")));
        let told = load().unwrap_err().to_string();
        assert!(told.contains("own.toml"), "{told}");
        write("own.toml", "[[scanner]]\nname = \"x\"\n").unwrap();
        let told = load().unwrap_err().to_string();
        assert!(told.contains("own.toml:1: "), "{told}");
        write("own.toml", "[[scanner]]\nname = \"x\"\nto = \"xyzzy\"\n").unwrap();
        assert_eq!(load().unwrap().abuse.bans.scanners.known.len(), 1);
    }

    #[test]
    fn paths_are_taken_from_the_folder_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(
            &path,
            "[storage]\ndata = \"kept\"\n[dialplans]\ndir = \"/etc/plans\"\n",
        )
        .unwrap();
        let settings = load(Some(&path)).unwrap();
        assert_eq!(
            settings.storage.database,
            folder.path().join("kept/qaynar.db").into()
        );
        assert_eq!(settings.privacy.keys, folder.path().join("kept/keys"));
        assert_eq!(settings.dialplans.folder, Path::new("/etc/plans"));
    }
}
