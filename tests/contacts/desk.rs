//! A helpline's folder, and the binary run in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use qaynar::config::Location;
use qaynar::records::contact::{Contact, ContactId};
use qaynar::store::contacts::Contacts;
use serde_json::Value;

pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// What a command printed.
pub(crate) struct Printed {
    pub(crate) good: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Printed {
    /// It was done.
    pub(crate) fn done(self) -> String {
        assert!(self.good, "{}{}", self.out, self.err);
        self.out
    }

    /// It was done, and printed JSON.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).unwrap()
    }

    /// It was refused, with a word that has these parts.
    pub(crate) fn refused(self, parts: &[&str]) -> String {
        assert!(!self.good, "{}", self.out);
        let told = format!("{}{}", self.out, self.err);
        for part in parts {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
        told
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("qaynar.toml"), "").unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn at(&self) -> Location {
        self.path().join("data/qaynar.db").into()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Printed {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qaynar"));
        command.arg("--config").arg(self.path().join("qaynar.toml"));
        let output = command.args(arguments).output().unwrap();
        Printed {
            good: output.status.success(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn contact(&self, id: &str) -> Contact {
        self.found(id).unwrap()
    }

    pub(crate) fn found(&self, id: &str) -> Option<Contact> {
        let mut contacts = Contacts::open(&self.at()).unwrap();
        contacts.get(&ContactId(id.to_owned())).unwrap()
    }
}

/// A file of the test data.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}
