//! `[webhooks]`: what servers of the house want to see before they answer, from a file of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::private::Private;

/// Longer is no file of secrets.
const LONGEST: u64 = 64 << 10;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file.
    #[error("{}: {source}; correct [webhooks] secrets", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read it.
    #[error("{}: others may read these secrets; run: chmod 600 {}", .0.display(), .0.display())]
    Exposed(PathBuf),
    /// It is written in another way.
    #[error("{}: write a line for each server: \"crm.example\" = \"Bearer …\"", .0.display())]
    Malformed(PathBuf),
}

/// Reads a file of secrets: host, with its port where the address has one, to the value of its
/// Authorization header.
///
/// # Errors
/// See [`SecretsError`].
pub fn secrets(path: &Path) -> Result<BTreeMap<String, Private<String>>, SecretsError> {
    let disk = |source| SecretsError::Disk {
        path: path.to_owned(),
        source,
    };
    let malformed = || SecretsError::Malformed(path.to_owned());
    let found = fs::metadata(path).map_err(disk)?;
    if found.permissions().mode() & 0o077 != 0 {
        return Err(SecretsError::Exposed(path.to_owned()));
    }
    if found.len() > LONGEST {
        return Err(malformed());
    }
    let text = fs::read_to_string(path).map_err(disk)?;
    // What is wrong with a line would show a part of it.
    let read: BTreeMap<String, String> = toml::from_str(&text).map_err(|_| malformed())?;
    let fits = |value: &String| value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !read.values().all(fits) {
        return Err(malformed());
    }
    let read = read.into_iter();
    Ok(read
        .map(|(host, value)| (host.to_ascii_lowercase(), Private::new(value)))
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails says so")]

    use super::*;

    #[test]
    fn secrets_are_read_from_a_file_that_nobody_else_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.toml");
        fs::write(&file, "\"CRM.example:8443\" = \"Bearer x\"\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(secrets(&file), Err(SecretsError::Exposed(_))));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let read = secrets(&file).unwrap();
        assert_eq!(read["crm.example:8443"].reveal(), "Bearer x");
        for text in ["\"crm.example\" = 1", "crm", "a = \"x\\n\""] {
            fs::write(&file, text).unwrap();
            let error = secrets(&file).unwrap_err().to_string();
            assert!(error.contains("write a line for each server"), "{error}");
        }
    }
}
