//! The live dialplan: checked, kept as a version, swapped as one.

use std::path::PathBuf;
use std::sync::Arc;

use crate::dialplan::{Plan, load::hash};
use crate::media::Clips;
use crate::store::plans::{self, Files, PlansError, Versions};
use crate::time::Wall;

/// The folder that people edit, with its versions.
#[derive(Debug, Clone)]
pub struct Dialplans {
    /// Where people edit.
    pub folder: PathBuf,
    /// What was live.
    pub versions: Versions,
}

/// A checked plan with what it plays.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its sounds.
    pub clips: Arc<Clips>,
    /// What is wrong with sounds that the plan does not need.
    pub warnings: Vec<String>,
}

impl Dialplans {
    /// Checks the folder; makes nothing live.
    ///
    /// # Errors
    /// All mistakes.
    pub fn check(&self, now: Wall) -> Result<(Loaded, Files), PlansError> {
        let files = plans::read(&self.folder)?;
        Ok((self.load(&files, now)?, files))
    }

    /// Checks the folder and keeps it as the live version.
    ///
    /// # Errors
    /// All mistakes; the running version stays.
    pub fn apply(&self, now: Wall) -> Result<Loaded, PlansError> {
        let (loaded, files) = self.check(now)?;
        self.versions.keep(&files, &loaded.plan.hash, now)?;
        Ok(loaded)
    }

    /// Makes a former version live again. Its sounds are those of the folder.
    ///
    /// # Errors
    /// No such version, or a sound that it needs is gone.
    pub fn use_version(&self, wanted: &str, now: Wall) -> Result<Loaded, PlansError> {
        let (hash, files) = self.versions.files(wanted)?;
        let loaded = self.load(&files, now)?;
        self.versions.keep(&files, &hash, now)?;
        Ok(loaded)
    }

    /// What runs at start: the folder, or where that is broken the last good version, loudly.
    ///
    /// # Errors
    /// The folder's mistakes, where no version can take its place.
    pub fn at_start(&self, now: Wall) -> Result<(Loaded, Option<PlansError>), PlansError> {
        let fault = match self.apply(now) {
            Ok(loaded) => return Ok((loaded, None)),
            Err(fault) => fault,
        };
        for version in self.versions.list() {
            if let Ok(loaded) = self.use_version(&version.hash, now) {
                return Ok((loaded, Some(fault)));
            }
        }
        Err(fault)
    }

    /// The hash of what is in the folder now; `None`: it cannot be read.
    pub fn hash_on_disk(&self) -> Option<String> {
        plans::read(&self.folder).ok().map(|files| hash(&files))
    }

    fn load(&self, files: &Files, now: Wall) -> Result<Loaded, PlansError> {
        let (catalogue, clips, faults) = plans::sounds(&self.folder);
        let plan = plans::check(files, &catalogue, now).map_err(|error| match error {
            // A broken sound explains why it is missing.
            PlansError::Faulty(mut all) => {
                all.extend(faults.clone());
                PlansError::Faulty(all)
            }
            other => other,
        })?;
        let warnings = faults.iter().map(ToString::to_string).collect();
        Ok(Loaded {
            plan: Arc::new(plan),
            clips: Arc::new(clips),
            warnings,
        })
    }
}
