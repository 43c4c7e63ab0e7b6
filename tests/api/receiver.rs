//! A server that is told what happens: it answers as a test says, and hands on what it got.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver as Queue, Sender, channel};
use std::sync::{Arc, Mutex};

use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::house::PATIENCE;

/// What was sent, once.
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) event: String,
    signature: String,
    text: String,
    pub(crate) body: Value,
}

impl Told {
    /// Whether it was signed by this secret.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let (moment, mac) = self.signature.split_once(',').unwrap();
        let (moment, mac) = (
            moment.strip_prefix("t=").unwrap(),
            mac.strip_prefix("v1=").unwrap(),
        );
        let mut expected = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        expected.update(format!("{moment}.{}", self.text).as_bytes());
        let expected = expected.finalize().into_bytes();
        let hex: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
        hex == mac
    }
}

/// The server.
pub(crate) struct Receiver {
    pub(crate) place: SocketAddr,
    status: Arc<AtomicU16>,
    told: Mutex<Queue<Told>>,
}

impl Receiver {
    /// One that answers with this status.
    pub(crate) fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let status = Arc::new(AtomicU16::new(status));
        let (tell, told) = channel();
        let answers = Arc::clone(&status);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (tell, answers) = (tell.clone(), Arc::clone(&answers));
                std::thread::spawn(move || converse(&stream, &tell, &answers));
            }
        });
        Self {
            place,
            status,
            told: Mutex::new(told),
        }
    }

    /// Answers with this one from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// What comes next.
    #[track_caller]
    pub(crate) fn next(&self) -> Told {
        let told = self.told.lock().unwrap();
        told.recv_timeout(PATIENCE).expect("it is told")
    }
}

fn converse(stream: &TcpStream, tell: &Sender<Told>, status: &AtomicU16) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut id, mut event, mut signature) = (0, None, None, None);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "qaynar-delivery" => id = Some(value.to_owned()),
                "qaynar-event" => event = Some(value.to_owned()),
                "qaynar-signature" => signature = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).ok()?;
        let text = String::from_utf8(text).ok()?;
        let status = status.load(Ordering::SeqCst);
        let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n");
        let mut writer = stream;
        writer.write_all(answer.as_bytes()).ok()?;
        let body = serde_json::from_str(&text).ok()?;
        let told = Told {
            id: id?,
            event: event?,
            signature: signature?,
            text,
            body,
        };
        tell.send(told).ok()?;
    }
}
