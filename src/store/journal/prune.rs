//! What goes of the journal before its time, and what is taken out of it.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Journal;
use crate::event::Entry;
use crate::store::cursor::{Cursor, Found, segment_path};
use crate::store::line;
use crate::time::Wall;

impl Journal {
    /// What comes next goes into a new file, so that those before it can be dropped or written anew.
    pub fn part(&self) {
        let mut writer = self.owner.shared.lock();
        if writer
            .active
            .as_ref()
            .is_some_and(|active| active.length > 0)
        {
            writer.active = None;
        }
    }

    /// The files go whose entries all came before `before`, once the database holds all up to `applied` and no call
    /// that goes on needs them; gives how many. With `dry`, they are only counted. A file that was begun before
    /// `young` is followed by a new one.
    ///
    /// # Errors
    /// A file cannot be read or removed.
    pub fn prune(&self, before: Wall, young: Wall, applied: u64, dry: bool) -> io::Result<u64> {
        let (folder, segments, needed) = {
            let writer = self.owner.shared.lock();
            let oldest_call = writer.open.values().min().copied().unwrap_or(u64::MAX);
            let waiting = writer.backlog.first.unwrap_or(u64::MAX);
            let needed = oldest_call.min(waiting).min(applied.saturating_add(1));
            let segments: Vec<u64> = writer.segments.iter().copied().collect();
            (writer.settings.folder.clone(), segments, needed)
        };
        let mut gone = Vec::new();
        for (first, next) in segments.iter().zip(segments.iter().skip(1)) {
            let is_old = begun(&folder, *next)?.is_some_and(|at| at < before);
            if *next > needed || !is_old {
                break;
            }
            gone.push(*first);
        }
        if dry {
            return Ok(gone.len() as u64);
        }
        for first in &gone {
            let path = segment_path(&folder, *first);
            self.owner.shared.lock().segments.remove(first);
            fs::remove_file(&path)?;
        }
        if let Some(last) = segments.last()
            && begun(&folder, *last)?.is_some_and(|at| at < young)
        {
            self.part();
        }
        Ok(gone.len() as u64)
    }

    /// Writes all entries so far anew as `change` has them (`None`: it goes); files in which nothing changes stay as
    /// they are. Whoever reads meanwhile reads on in the former file. Gives how many entries changed.
    ///
    /// # Errors
    /// A file cannot be read or written; those before it are done, and the rest is as it was.
    pub fn rewrite(&self, change: impl Fn(&Entry) -> Change) -> io::Result<u64> {
        self.part();
        self.flush();
        let (folder, done) = {
            let writer = self.owner.shared.lock();
            let mut done = writer.segments.clone();
            if writer.active.is_some() {
                // What has come since then is in a file of its own.
                done.pop_last();
            }
            (writer.settings.folder.clone(), done)
        };
        let mut changed = 0;
        for first in done {
            changed += rewritten(&segment_path(&folder, first), &change)?;
        }
        Ok(changed)
    }
}

/// What becomes of an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It stays as it is.
    Stays,
    /// It goes.
    Goes,
    /// It becomes this.
    Becomes(Box<Entry>),
}

/// When the first event of a file happened.
fn begun(folder: &Path, first: u64) -> io::Result<Option<Wall>> {
    let mut cursor = Cursor::new(folder, first.saturating_sub(1));
    while let Some(found) = cursor.advance()? {
        if let Found::Entry(numbered) = found
            && let Entry::Event(event) = numbered.entry
        {
            return Ok(Some(event.at));
        }
    }
    Ok(None)
}

fn rewritten(path: &PathBuf, change: impl Fn(&Entry) -> Change) -> io::Result<u64> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    let (mut changed, mut buffer) = (0, Vec::new());
    for text in BufReader::new(File::open(path)?).split(b'\n') {
        let text = text?;
        buffer.clear();
        // A damaged line stays for whoever looks into it.
        match line::read(&text).map(|read| (read.sequence, change(&read.entry))) {
            Ok((_, Change::Goes)) => changed += 1,
            Ok((sequence, Change::Becomes(entry))) => {
                changed += 1;
                line::write(&mut buffer, sequence, &entry).map_err(io::Error::other)?;
            }
            Ok((_, Change::Stays)) | Err(_) => {
                buffer.extend_from_slice(&text);
                buffer.push(b'\n');
            }
        }
        new.write_all(&buffer)?;
    }
    if changed == 0 {
        return Ok(0);
    }
    new.as_file().sync_all()?;
    new.persist(path).map_err(|fault| fault.error)?;
    File::open(folder)?.sync_all()?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::records::build::samples::call;
    use crate::store::cursor;
    use crate::store::health::Health;
    use crate::store::journal::Settings;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn opened(folder: &Path) -> Journal {
        let settings = Settings {
            reserve: 0,
            ..Settings::in_folder(folder)
        };
        Journal::open(settings, 0, Health::logged()).unwrap().0
    }

    fn append(journal: &Journal, id: u64, second: i64) {
        let events = call(id, second).into_iter().map(Entry::Event);
        journal.append(&events.collect::<Vec<_>>());
    }

    #[test]
    fn a_quiet_lines_files_go_by_their_age_and_never_before_the_database_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let journal = opened(folder.path());
        let at = |second: i64| Wall(second * 1_000_000);
        append(&journal, 7, 1_000);
        let later = at(1_000) + HOUR;
        assert_eq!(
            journal.prune(later, later, journal.last(), false).unwrap(),
            0
        );
        append(&journal, 8, 10_000);
        let files = || cursor::segments(folder.path()).unwrap().len();
        assert_eq!(files(), 2, "a new file each day");
        let late = at(10_000) + HOUR;
        assert_eq!(journal.prune(late, at(0), 3, false).unwrap(), 0);
        assert_eq!(
            journal
                .prune(at(2_000), at(0), journal.last(), false)
                .unwrap(),
            0
        );
        assert_eq!(journal.prune(late, at(0), journal.last(), true).unwrap(), 1);
        assert_eq!(
            journal.prune(late, at(0), journal.last(), false).unwrap(),
            1
        );
        assert_eq!(files(), 1);
        append(&journal, 9, 20_000);
        drop(journal);
        let again = opened(folder.path());
        assert!(again.last() >= 27);
    }

    #[test]
    fn an_entry_can_be_taken_out_and_the_rest_is_read_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let journal = opened(folder.path());
        append(&journal, 7, 1_000);
        append(&journal, 8, 2_000);
        let is_seven = |entry: &Entry| matches!(entry, Entry::Event(one) if one.call.is_some_and(|call| call.0 == 7));
        let change = |entry: &Entry| match is_seven(entry) {
            true => Change::Goes,
            false => Change::Stays,
        };
        assert_eq!(journal.rewrite(change).unwrap(), 9);
        append(&journal, 9, 3_000);
        let mut cursor = journal.cursor(0);
        let mut left = Vec::new();
        while let Some(found) = cursor.advance().unwrap() {
            match found {
                Found::Entry(one) => left.push(one.sequence),
                Found::Damage(damage) => panic!("{damage}"),
            }
        }
        assert_eq!(left, (10..=27).collect::<Vec<_>>());
        assert_eq!(journal.rewrite(change).unwrap(), 0);
    }
}
