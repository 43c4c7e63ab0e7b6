//! The live dialplan: checked, kept as a version, swapped as one.

use std::path::PathBuf;
use std::sync::Arc;

use crate::dialplan::safety::Lengths;
use crate::dialplan::{Catalogue, Fault, Plan, load::hash};
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
    /// How long they are, for the guard.
    pub lengths: Arc<Lengths>,
    /// What is no mistake and yet not as it should be.
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

    /// What runs at start: the version that was live last, so that neither a power cut nor an upgrade
    /// publishes what somebody saved and did not apply; the folder where saving is publishing, and
    /// where nothing was live yet. The texts are what people should know.
    ///
    /// # Errors
    /// The folder's mistakes, where no version can take its place.
    pub fn at_start(&self, on_save: bool, now: Wall) -> Result<(Loaded, Vec<String>), PlansError> {
        let mut told = Vec::new();
        let folder = self.check(now);
        if let (Err(fault), false) = (&folder, self.versions.list().is_empty()) {
            told.push(format!(
                "THE DIALPLAN ON DISK IS BROKEN; the last good version runs:\n{fault}"
            ));
        }
        let kept = if on_save && folder.is_ok() {
            None
        } else {
            self.last_good(now)
        };
        let (loaded, files) = match (kept, folder) {
            (None, folder) => folder?,
            (Some(kept), folder) => {
                let differs = folder.is_ok_and(|(one, _)| one.plan.hash != kept.0.plan.hash);
                if differs {
                    told.push("the dialplans' folder differs from what is live; `qaynar apply` makes it live".into());
                }
                kept
            }
        };
        if let Err(error) = self.versions.keep(&files, &loaded.plan.hash, now) {
            // A full disk is no reason not to answer calls.
            told.push(format!("the live dialplan could not be kept: {error}"));
        }
        Ok((loaded, told))
    }

    /// The newest version that still loads.
    fn last_good(&self, now: Wall) -> Option<(Loaded, Files)> {
        let mut kept = self.versions.list().into_iter().filter_map(|version| {
            let (_, files) = self.versions.files(&version.hash).ok()?;
            Some(files)
        });
        kept.find_map(|files| {
            let loaded = self
                .load(&files, now)
                .or_else(|_| self.load_on_trust(&files, now));
            Some((loaded.ok()?, files))
        })
    }

    /// A plan that was live, though sounds that it plays are gone meanwhile, or its guard complains.
    fn load_on_trust(&self, files: &Files, now: Wall) -> Result<Loaded, PlansError> {
        let (mut catalogue, clips, faults) = plans::sounds(&self.folder);
        catalogue.on_trust = true;
        let plan = plans::check(files, &catalogue, None)?;
        let mut loaded = Loaded::new(plan, clips, catalogue, &faults, now);
        let told = "the live dialplan would not pass its checks today: see `qaynar check`";
        loaded.warnings.push(told.to_owned());
        Ok(loaded)
    }

    /// The hash of what is in the folder now; `None`: it cannot be read.
    pub fn hash_on_disk(&self) -> Option<String> {
        plans::read(&self.folder).ok().map(|files| hash(&files))
    }

    /// Changes with whatever is saved in the folder.
    pub fn fingerprint(&self) -> String {
        plans::fingerprint(&self.folder)
    }

    fn load(&self, files: &Files, now: Wall) -> Result<Loaded, PlansError> {
        let (catalogue, clips, faults) = plans::sounds(&self.folder);
        let plan = plans::check(files, &catalogue, Some(now)).map_err(|error| match error {
            // A broken sound explains why it is missing.
            PlansError::Faulty(mut all) => {
                all.extend(faults.clone());
                PlansError::Faulty(all)
            }
            other => other,
        })?;
        Ok(Loaded::new(plan, clips, catalogue, &faults, now))
    }
}

impl Loaded {
    fn new(plan: Plan, clips: Clips, catalogue: Catalogue, faults: &[Fault], now: Wall) -> Self {
        let remarks = faults.iter().chain(&plan.remarks);
        let remarks = remarks.map(ToString::to_string);
        Self {
            warnings: remarks.chain(plan.warnings(now)).collect(),
            plan: Arc::new(plan),
            clips: Arc::new(clips),
            lengths: Arc::new(catalogue.lengths),
        }
    }
}
