//! How `qaynar` commands speak to a running server: one JSON line in, one out, by a Unix socket in
//! the data folder that its owner alone can open.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::ids::{CallId, RecordingId};
use crate::sip::source::Source;

/// The longest question and answer.
const LONGEST: u64 = 1024 * 1024;

/// What a command asks of the running server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Question {
    /// How is it going?
    Status,
    /// The messages so far of a call in progress.
    Trace {
        /// Which.
        call: CallId,
    },
    /// Who is banned?
    Bans,
    /// Forgive.
    LiftBans {
        /// Whom.
        source: Source,
        /// Under which name; `None`: under all.
        user: Option<String>,
    },
    /// A message is handled.
    Handled {
        /// Which.
        recording: RecordingId,
    },
    /// A message or a recording shall go.
    Erase {
        /// Which.
        recording: RecordingId,
    },
    /// Who is to be called back?
    Callbacks,
    /// Do not call this one back.
    CancelCallback {
        /// Which.
        call: CallId,
    },
    /// What are operators doing, and for which calls?
    Operators,
    /// Read the keys of pseudonyms anew.
    Keys,
    /// Erase what was kept for long enough.
    Purge {
        /// Who says so.
        who: String,
        /// Tell what would go.
        dry_run: bool,
    },
    /// Forget a caller.
    Forget {
        /// A call or a pseudonym.
        whom: String,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
    },
    /// Check the dialplans' folder and make it live.
    Apply,
    /// Make the version with this hash live.
    UseVersion {
        /// Its hash, or the beginning of it.
        hash: String,
    },
}

/// The server's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub done: bool,
    /// For people.
    pub text: String,
    /// For programs.
    #[serde(default)]
    pub data: serde_json::Value,
}

/// A question with the way for its answer.
pub type Asked = (Question, oneshot::Sender<Answer>);

/// Where the socket of a data folder is.
pub fn path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// The control socket could not be opened or asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another server runs on the same data.
    #[error(
        "a server runs on {0} already; stop it first, or give this one a data folder of its own"
    )]
    Running(PathBuf),
    /// No server runs.
    #[error("no server runs on {0}; start one with `qaynar serve`")]
    NotRunning(PathBuf),
    /// The system says no.
    #[error("control socket {path}: {source}")]
    Io {
        /// Which socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something else answered.
    #[error("control socket {0}: the answer is not one of this version's; restart the server")]
    Strange(PathBuf),
}

/// Opens the socket. A socket file that nobody answers on is left over from a crash and replaced.
///
/// # Errors
/// [`ControlError::Running`] where a server answers there already.
pub async fn listen(data: &Path) -> Result<UnixListener, ControlError> {
    let path = path(data);
    if UnixStream::connect(&path).await.is_ok() {
        return Err(ControlError::Running(data.to_owned()));
    }
    let fault = |source| ControlError::Io {
        path: path.clone(),
        source,
    };
    if path.exists() {
        std::fs::remove_file(&path).map_err(fault)?;
    }
    let listener = UnixListener::bind(&path).map_err(fault)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(fault)?;
    Ok(listener)
}

/// Answers for ever; each question goes to `asked`.
pub async fn serve(listener: UnixListener, asked: mpsc::Sender<Asked>) {
    while let Ok((stream, _)) = listener.accept().await {
        let asked = asked.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, asked).await {
                tracing::debug!(%error, "control connection");
            }
        });
    }
}

async fn converse(stream: UnixStream, asked: mpsc::Sender<Asked>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST))
        .read_line(&mut line)
        .await?;
    let answer = match serde_json::from_str::<Question>(&line) {
        Ok(question) => {
            let (send, receive) = oneshot::channel();
            if asked.send((question, send)).await.is_err() {
                return Ok(());
            }
            receive.await.unwrap_or_else(|_| Answer {
                done: false,
                text: "the server is stopping".into(),
                data: serde_json::Value::Null,
            })
        }
        Err(error) => Answer {
            done: false,
            text: format!("not a question of this version: {error}"),
            data: serde_json::Value::Null,
        },
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    writer.write_all(text.as_bytes()).await
}

/// Asks the server that runs on `data`.
///
/// # Errors
/// [`ControlError::NotRunning`] where none does.
pub async fn ask(data: &Path, question: &Question) -> Result<Answer, ControlError> {
    let path = path(data);
    let Ok(stream) = UnixStream::connect(&path).await else {
        return Err(ControlError::NotRunning(data.to_owned()));
    };
    let fault = |source| ControlError::Io {
        path: path.clone(),
        source,
    };
    let (reader, mut writer) = stream.into_split();
    let mut text = serde_json::to_string(question).map_err(|e| fault(e.into()))?;
    text.push('\n');
    writer.write_all(text.as_bytes()).await.map_err(fault)?;
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST))
        .read_line(&mut line)
        .await
        .map_err(fault)?;
    serde_json::from_str(&line).map_err(|_| ControlError::Strange(path.clone()))
}
