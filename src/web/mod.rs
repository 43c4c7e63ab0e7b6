//! The house to programs: an API over HTTP, and webhooks. It runs on threads of its own, with connections of its own
//! to the database, and asks the exchange no more than a command does: no call waits for it.

mod access;
mod activities;
mod asked;
mod calls;
mod contacts;
mod escalations;
pub mod openapi;
mod operators;
mod problem;
mod reports;
mod routes;
mod serve;
pub mod shown;
mod tables;
mod webhooks;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::{Mutex, mpsc};

use crate::config::{Location, Settings};
use crate::records::contact::ContactType;
use crate::server::clock::Clock;
use crate::server::control::Asked;
use crate::server::run::Running;
use crate::store::figures::Calls;
use crate::time::Instant;

pub use serve::Serving;

/// Octets of the longest body that is taken.
pub(crate) const LONGEST_BODY: usize = 256 << 10;

/// What all handlers share. Clones are one.
#[derive(Clone)]
pub(crate) struct Api(Arc<Parts>);

pub(crate) struct Parts {
    tables: tables::Tables,
    database: Location,
    /// All calls; a request asks for those of its time.
    calls: Calls,
    /// Which contacts a report counts.
    counts: BTreeSet<ContactType>,
    /// Moments are told in it.
    zone: TimeZone,
    clock: Clock,
    /// To the exchange.
    questions: mpsc::Sender<Asked>,
    /// What it told of operators last.
    told: Mutex<Option<(Instant, Vec<operators::Told>)>>,
}

impl std::ops::Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What runs beside a server, until it is dropped.
pub struct Web {
    /// Where the API is heard.
    pub serving: Option<Serving>,
    _webhooks: Option<webhooks::Sender>,
}

/// Starts the API and webhooks beside a server. What hinders them is an alarm and is tried again: calls go on.
pub fn start(settings: &Settings, running: &Running, zone: TimeZone) -> Web {
    let clock = Clock::start();
    let api = Api(Arc::new(Parts {
        tables: tables::Tables::new(&settings.storage.database),
        database: settings.storage.database.clone(),
        calls: Calls::new(settings, (None, None), zone.clone()),
        counts: settings.report.counts.clone(),
        zone,
        clock,
        questions: running.questions.clone(),
        told: Mutex::default(),
    }));
    let serving = Serving::start(&settings.web.listen, &api, &running.health);
    let webhooks = webhooks::Sender::start(settings, clock, &running.health);
    let fault = |error: &std::io::Error| tracing::error!(%error, "the system refuses a thread");
    Web {
        serving: serving.inspect_err(fault).ok(),
        _webhooks: webhooks.inspect_err(fault).ok(),
    }
}
