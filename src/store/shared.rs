//! What nodes share through Redis: that they live, and where operators' softphones are.
//!
//! Redis is never waited for by a call. While it is away each node goes on with what it knows;
//! when it is back, everything is written again, because a Redis that was away may have forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, RedisError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::bindings::{BindingRow, MAX_CONTACTS};
use super::health::{Health, Part};
use crate::ids::OperatorId;
use crate::private::Private;

/// How often a node says that it lives.
const BEAT: Duration = Duration::from_secs(5);

/// After this long without a word a node is gone.
const BEAT_EXPIRY_SECONDS: u64 = 15;

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(2);

/// How long reading everything back at the start may take before the node starts without.
const LOAD: Duration = Duration::from_secs(5);

/// How soon a failed write is tried again at first; doubled up to [`MAX_BACK_OFF`].
const BACK_OFF: Duration = Duration::from_millis(250);

/// The longest wait before the next try.
const MAX_BACK_OFF: Duration = Duration::from_secs(5);

/// The most operators that are mirrored, and the most keys that are read back.
const MAX_OPERATORS: usize = 10_000;

const NODES: &str = "qaynar:node:";
const OPERATORS: &str = "qaynar:aor:";

/// The shared state cannot be begun.
#[derive(Debug, thiserror::Error)]
#[error("[cluster] redis: {0}; write \"redis://host:6379\"")]
pub struct SharedError(RedisError);

/// The mirror of this node in Redis. Clones are one; it ends when the last is dropped.
#[derive(Clone)]
pub struct Shared {
    owner: Arc<Owner>,
}

struct Owner {
    mirror: Arc<Mirror>,
    manager: ConnectionManager,
    task: JoinHandle<()>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Starts the task that writes to the Redis at `url`. Call it inside a tokio runtime. A Redis that
    /// is away is an alarm, not an error.
    ///
    /// # Errors
    /// `url` is none.
    pub fn start(url: &Private<String>, node: &str, health: &Health) -> Result<Self, SharedError> {
        let client = Client::open(url.reveal().as_str()).map_err(SharedError)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_max_delay(BACK_OFF)
            .set_connection_timeout(Some(COMMAND))
            .set_response_timeout(Some(COMMAND));
        let manager =
            ConnectionManager::new_lazy_with_config(client, config).map_err(SharedError)?;
        let mirror = Arc::new(Mirror::default());
        let work = Work {
            key: format!("{NODES}{node}"),
            mirror: mirror.clone(),
            manager: manager.clone(),
            health: health.clone(),
        };
        let task = tokio::spawn(work.run());
        Ok(Self {
            owner: Arc::new(Owner {
                mirror,
                manager,
                task,
            }),
        })
    }

    /// Mirrors these contacts in the place of all that the operator had. Never waits.
    pub fn bindings(&self, operator: OperatorId, contacts: Vec<BindingRow>) {
        let mirror = &self.owner.mirror;
        let mut state = mirror.lock();
        // Only registered operators get here; without the mirror their phones register again.
        if state.contacts.len() >= MAX_OPERATORS && !state.contacts.contains_key(&operator) {
            return;
        }
        state.dirty.insert(operator.clone());
        state.contacts.insert(operator, contacts);
        drop(state);
        mirror.changed.notify_one();
    }

    /// All contacts of all nodes, expired ones perhaps included; `None`: Redis is away.
    pub async fn load(&self) -> Option<Vec<BindingRow>> {
        let mut manager = self.owner.manager.clone();
        let read = async {
            let mut rows = Vec::new();
            for key in keys(&mut manager, OPERATORS).await? {
                let contacts: BTreeMap<String, String> = manager.hgetall(&key).await?;
                // What another version wrote is left out: the phone registers again.
                rows.extend(
                    contacts
                        .values()
                        .filter_map(|body| serde_json::from_str(body).ok()),
                );
            }
            Ok::<_, RedisError>(rows)
        };
        timeout(LOAD, read).await.ok()?.ok()
    }

    /// The names of the nodes that live; `None`: Redis is away.
    pub async fn nodes(&self) -> Option<Vec<String>> {
        let mut manager = self.owner.manager.clone();
        let found = timeout(LOAD, keys(&mut manager, NODES)).await.ok()?.ok()?;
        Some(
            found
                .iter()
                .filter_map(|key| key.strip_prefix(NODES))
                .map(str::to_owned)
                .collect(),
        )
    }
}

async fn keys(
    manager: &mut ConnectionManager,
    prefix: &str,
) -> Result<BTreeSet<String>, RedisError> {
    let mut found = BTreeSet::new();
    let mut scan = manager
        .scan_match::<_, String>(format!("{prefix}*"))
        .await?;
    while let Some(key) = scan.next_item().await {
        found.insert(key?);
        if found.len() >= MAX_OPERATORS {
            break;
        }
    }
    Ok(found)
}

#[derive(Default)]
struct Mirror {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    contacts: BTreeMap<OperatorId, Vec<BindingRow>>,
    dirty: BTreeSet<OperatorId>,
}

impl Mirror {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_dirty(&self) -> Option<(OperatorId, Vec<BindingRow>)> {
        let mut state = self.lock();
        let operator = state.dirty.pop_first()?;
        let contacts = state.contacts.get(&operator).cloned().unwrap_or_default();
        if contacts.is_empty() {
            state.contacts.remove(&operator);
        }
        Some((operator, contacts))
    }

    /// Redis may have forgotten: all is to be written again, and `gone` removed again.
    fn all_dirty(&self, gone: Option<OperatorId>) {
        let mut state = self.lock();
        let all: Vec<OperatorId> = state.contacts.keys().cloned().collect();
        state.dirty.extend(all);
        state.dirty.extend(gone);
    }
}

struct Work {
    key: String,
    mirror: Arc<Mirror>,
    manager: ConnectionManager,
    health: Health,
}

impl Work {
    async fn run(mut self) {
        let mut back_off = BACK_OFF;
        loop {
            let wait = match self.write().await {
                Ok(()) => {
                    self.health.well(Part::Redis);
                    back_off = BACK_OFF;
                    BEAT
                }
                Err((gone, fault)) => {
                    self.mirror.all_dirty(gone);
                    let text = format!(
                        "the Redis of [cluster] does not answer: {fault}. This node goes on alone; start Redis or correct its address"
                    );
                    self.health.fault(Part::Redis, text);
                    tokio::time::sleep(back_off).await;
                    back_off = (back_off * 2).min(MAX_BACK_OFF);
                    Duration::ZERO
                }
            };
            // Either is the same to us: time to write.
            let _ = timeout(wait, self.mirror.changed.notified()).await;
        }
    }

    async fn write(&mut self) -> Result<(), (Option<OperatorId>, RedisError)> {
        let alive: Result<(), _> = self
            .manager
            .set_ex(&self.key, "alive", BEAT_EXPIRY_SECONDS)
            .await;
        alive.map_err(|fault| (None, fault))?;
        while let Some((operator, contacts)) = self.mirror.next_dirty() {
            if let Err(fault) = self.replace(&operator, &contacts).await {
                return Err((Some(operator), fault));
            }
        }
        Ok(())
    }

    async fn replace(
        &mut self,
        operator: &OperatorId,
        contacts: &[BindingRow],
    ) -> Result<(), RedisError> {
        let key = format!("{OPERATORS}{operator}");
        let mut commands = redis::pipe();
        commands.atomic().del(&key).ignore();
        for row in contacts.iter().take(MAX_CONTACTS) {
            let body = serde_json::to_string(row).map_err(std::io::Error::other)?;
            commands.hset(&key, &row.contact, body).ignore();
        }
        if let Some(last) = contacts.iter().map(|row| row.expires).max() {
            commands
                .cmd("PEXPIREAT")
                .arg(&key)
                .arg(last.0 / 1_000)
                .ignore();
        }
        commands.query_async(&mut self.manager).await
    }
}
