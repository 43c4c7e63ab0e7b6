//! A softphone in a browser: headless Chromium with JsSIP on a page of our own, in
//! `tests/data/softphones/browser`. The page fetches orders from here and tells here what happens.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::certificates::fingerprint;
use crate::moment::eventually;
use crate::process::Process;
use crate::server::{SOON, Server, password};

/// How to get it.
const PACKAGE: &str = "apt-get install chromium";
/// Where `.ci/test` puts JsSIP.
const MODULES: &str = "target/softphones/browser/node_modules";
/// Our page.
const PAGE: &str = "tests/data/softphones/browser";

/// What page and test share.
#[derive(Default)]
struct Talk {
    said: Mutex<Vec<String>>,
    orders: Mutex<VecDeque<String>>,
    over: AtomicBool,
}

/// Where a page comes from.
pub(crate) struct Site(TcpListener);

impl Site {
    /// On a free port.
    pub(crate) fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// What the browser tells of it.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }
}

/// A browser with one page.
pub(crate) struct Browser {
    _process: Process,
    talk: Arc<Talk>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// The phone of an operator over "ws", "ws6" (by IPv6) or "wss"; it registers, and rings until it is told what to do.
    pub(crate) fn start(server: &Server, operator: &str, transport: &str) -> Self {
        let scheme = transport.trim_end_matches('6');
        let url = format!("{scheme}://{}", server.at(transport));
        Self::start_at(Site::open(), server, operator, &url)
    }

    /// The same on the page of this site, by a server at this place: "ws://…".
    pub(crate) fn start_at(site: Site, server: &Server, operator: &str, url: &str) -> Self {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join(MODULES);
        assert!(
            modules.is_dir(),
            "run: .ci/test, which installs JsSIP in {MODULES}"
        );
        let settings = serde_json::json!({
            "user": operator,
            "password": password(operator),
            "domain": "qaynar",
            "server": url,
            "instance": "6a0b7f0e-31c5-4d6c-9c3c-0b6e1d1a0101",
        });
        let (talk, address) = (Arc::new(Talk::default()), site.origin());
        serve(site.0, &talk, &settings.to_string());
        let profile = tempfile::tempdir_in(server.place.path()).unwrap();
        let mut command = Command::new("chromium");
        command.args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            "--autoplay-policy=no-user-gesture-required",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        if url.starts_with("wss:") {
            // The one key of the test's server, and no other.
            let key = fingerprint(&server.place.path().join("sip.az.key"));
            command.arg(format!("--ignore-certificate-errors-spki-list={key}"));
        }
        // A page of this machine is a secure context, so that it has a microphone.
        command.arg(format!("{address}/phone.html"));
        Self {
            _process: Process::start_group(PACKAGE, &mut command),
            talk,
            _profile: profile,
        }
    }

    /// Tells the page to do something.
    pub(crate) fn order(&self, order: &str) {
        self.talk.orders.lock().unwrap().push_back(order.to_owned());
    }

    /// What the page told up to now.
    pub(crate) fn said(&self) -> Vec<String> {
        self.talk.said.lock().unwrap().clone()
    }

    /// How many lines of the page begin so.
    pub(crate) fn told(&self, begin: &str) -> usize {
        let said = self.said();
        said.iter().filter(|line| line.starts_with(begin)).count()
    }

    /// The line of the page that begins so for the `count`th time, once it is there.
    pub(crate) fn tells(&self, count: usize, begin: &str) -> String {
        eventually(&format!("{count} × {begin:?} from the page"), SOON, || {
            let said = self.said();
            let mut lines = said.into_iter().filter(|line| line.starts_with(begin));
            lines.nth(count - 1)
        })
    }

    /// Waits until the page has given way to one without a phone.
    pub(crate) fn is_gone(&self) {
        self.tells(1, "gone");
    }

    /// Waits until it is registered.
    pub(crate) fn is_registered(&self) {
        self.tells(1, "registered");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.talk.over.store(true, Ordering::Relaxed);
        if std::thread::panicking() {
            eprintln!("── the page said ──\n{}", self.said().join("\n"));
        }
    }
}

/// Serves the page until the browser's end.
fn serve(listener: TcpListener, talk: &Arc<Talk>, settings: &str) {
    let (talk, settings) = (Arc::clone(talk), settings.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (talk, settings) = (Arc::clone(&talk), settings.clone());
            if talk.over.load(Ordering::Relaxed) {
                return;
            }
            let Ok(stream) = stream else { return };
            std::thread::spawn(move || answer(stream, &talk, &settings));
        }
    });
}

/// Answers one request; what a browser leaves half done is nothing to mend.
fn answer(mut stream: TcpStream, talk: &Talk, settings: &str) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    let mut body = vec![0; length.map_or(0, |text| text.trim().parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let path = lines.first()?.split(' ').nth(1)?;
    let (status, kind, text) = match path {
        "/settings" => ("200 OK", "application/json", settings.as_bytes().to_vec()),
        "/said" => {
            let line = String::from_utf8_lossy(&body).trim_end().to_owned();
            talk.said.lock().unwrap().push(line);
            ("204 No Content", "text/plain", Vec::new())
        }
        "/order" => match next_order(talk) {
            Some(order) => ("200 OK", "text/plain", order.into_bytes()),
            None => ("204 No Content", "text/plain", Vec::new()),
        },
        path => match file(path) {
            Some((kind, text)) => ("200 OK", kind, text),
            None => ("404 Not Found", "text/plain", Vec::new()),
        },
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&text).ok()
}

/// The next order, or none after a while: the page asks again.
fn next_order(talk: &Talk) -> Option<String> {
    for _ in 0..500 {
        let order = talk.orders.lock().unwrap().pop_front();
        if order.is_some() || talk.over.load(Ordering::Relaxed) {
            return order;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    None
}

/// A file of the page, or of JsSIP and what it is made of.
fn file(path: &str) -> Option<(&'static str, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file: PathBuf = match path.strip_prefix("/node_modules/") {
        Some(name) => root.join(MODULES).join(name),
        None => root.join(PAGE).join(path.trim_start_matches('/')),
    };
    let kind = match file.extension()?.to_str()? {
        "html" => "text/html",
        "js" => "text/javascript",
        _ => "application/json",
    };
    Some((kind, std::fs::read(file).ok()?))
}
