//! Where an export goes: to the terminal, or to a new file that is there whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cli::CliError;

/// A file that has no name yet.
pub(super) type File = BufWriter<NamedTempFile>;

/// Where rows are written.
pub(super) enum Target<'a> {
    Terminal(&'a mut dyn Write),
    File(File, PathBuf),
}

impl<'a> Target<'a> {
    /// A file that is there already is left alone.
    pub(super) fn open(path: Option<&Path>, out: &'a mut dyn Write) -> Result<Self, CliError> {
        let Some(path) = path else {
            return Ok(Self::Terminal(out));
        };
        if path.exists() {
            return Err(named(path, "is there already; name a new file"));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // For this user alone: what is in it is of people.
        let file = NamedTempFile::new_in(folder).map_err(|fault| named(path, fault))?;
        Ok(Self::File(BufWriter::new(file), path.to_owned()))
    }

    /// All is written; tells the file's name, if it is one.
    pub(super) fn close(self) -> Result<Option<PathBuf>, CliError> {
        let (file, path) = match self {
            Self::Terminal(out) => {
                out.flush()?;
                return Ok(None);
            }
            Self::File(file, path) => (file, path),
        };
        let file = file
            .into_inner()
            .map_err(|fault| named(&path, fault.error()))?;
        let synced = file.as_file().sync_all();
        synced.map_err(|fault| named(&path, fault))?;
        let kept = file.persist_noclobber(&path);
        kept.map_err(|fault| named(&path, fault.error))?;
        Ok(Some(path))
    }
}

impl Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Terminal(out) => out.write(bytes),
            Self::File(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Terminal(out) => out.flush(),
            Self::File(file, _) => file.flush(),
        }
    }
}

fn named(path: &Path, fault: impl std::fmt::Display) -> CliError {
    CliError::Arguments(format!("{}: {fault}", path.display()))
}
