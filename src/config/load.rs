//! Finding and reading the file.

use std::io;
use std::path::{Path, PathBuf};

use super::check::check;
use super::settings::Settings;
use crate::dialplan::Fault;

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
        Ok(text) => check(&path.display().to_string(), &text, base).map_err(ConfigError::Faults),
        Err(fault) if file.is_none() && fault.kind() == io::ErrorKind::NotFound => {
            Ok(Settings::defaults(base))
        }
        Err(source) => Err(ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
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
            folder.path().join("kept/qaynar.db")
        );
        assert_eq!(settings.privacy.keys, folder.path().join("kept/keys"));
        assert_eq!(settings.dialplans.folder, Path::new("/etc/plans"));
    }
}
