//! A tiny HTTP server (RFC 9112) of the house, that answers as a test wants it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::moment::eventually;
use crate::server::SOON;

/// How it answers.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// With this status and this body.
    Says(u16, String),
    /// With a pointer to another place.
    Points(String),
    /// Takes the connection and says nothing until the test is over.
    Silent,
    /// With something that is no HTTP.
    Raves,
}

/// What it was told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A line of the header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(one, _)| one.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value)
    }
}

pub(crate) struct Listener {
    pub(crate) at: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    manner: Arc<Mutex<Manner>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(crate) fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let (told, over) = (Arc::new(Mutex::new(Vec::new())), Arc::default());
        let manner = Arc::new(Mutex::new(manner));
        let (heard, ends, how) = (Arc::clone(&told), Arc::clone(&over), Arc::clone(&manner));
        let thread = std::thread::spawn(move || {
            let mut silent: Vec<TcpStream> = Vec::new();
            for stream in listener.incoming().flatten() {
                if AtomicBool::load(&ends, Ordering::SeqCst) {
                    return;
                }
                let manner = how.lock().unwrap().clone();
                silent.extend(answer(stream, &manner, &heard));
            }
        });
        Self {
            at,
            told,
            manner,
            over,
            thread: Some(thread),
        }
    }

    pub(crate) fn becomes(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Waits until it was told so often; returns all of it.
    pub(crate) fn hears(&self, count: usize) -> Vec<Told> {
        eventually("the server of the house is told", SOON, || {
            let told = self.told.lock().unwrap();
            (told.len() >= count).then(|| told.clone())
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.at);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads one request and answers it; gives the connection back if it is to stay open.
fn answer(stream: TcpStream, manner: &Manner, told: &Mutex<Vec<Told>>) -> Option<TcpStream> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let lower = line.to_ascii_lowercase();
        if let Some(count) = lower.strip_prefix("content-length:") {
            length = count.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    told.lock().ok()?.push(Told { head, body });
    let mut stream = stream;
    let text = match manner {
        Manner::Silent => return Some(stream),
        Manner::Raves => "SSH-2.0-something\r\n\r\n".to_owned(),
        Manner::Points(to) => {
            format!(
                "HTTP/1.1 307 Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        }
        Manner::Says(status, body) => format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ),
    };
    let _ = stream.write_all(text.as_bytes());
    None
}
