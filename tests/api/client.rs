//! A program that uses the API.

use std::net::SocketAddr;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

use crate::house::{House, PATIENCE, Server};

/// All scopes there are.
pub(crate) const ALL: &[&str] = &[
    "calls:read",
    "contacts:read",
    "contacts:write",
    "activities:read",
    "activities:write",
    "operators:read",
    "reports:read",
];

/// A house with an API.
pub(crate) fn house(extra: &str) -> House {
    House::new(&format!("[web]\nlisten = \"127.0.0.1:0\"\n{extra}"))
}

/// Makes a token.
pub(crate) fn token(house: &House, name: &str, scopes: &[&str]) -> String {
    let mut arguments = vec!["token", "add", name, "--json"];
    arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let done = house.run(&arguments, "");
    assert!(done.status.success(), "{done:?}");
    let made: Value = serde_json::from_slice(&done.stdout).unwrap();
    made["token"].as_str().unwrap().to_owned()
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Response<()>,
    pub(crate) body: Value,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.head.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// A refusal of this status, whose words have `word` in them.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, word: &str) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        let detail = self.body["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{word} in {detail}");
        self
    }

    /// It was done.
    #[track_caller]
    pub(crate) fn done(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

/// The program.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    token: String,
}

impl Client {
    pub(crate) fn new(server: &Server, token: &str) -> Self {
        Self::at(server.place("api"), token)
    }

    fn at(place: SocketAddr, token: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build();
        Self {
            agent: config.into(),
            base: format!("http://{place}"),
            token: token.to_owned(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], None)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        let json = ("Content-Type", "application/json");
        self.ask("POST", path, &[json], Some(&body.to_string()))
    }

    /// Changes what was read at a version.
    pub(crate) fn patch(&self, path: &str, version: &str, body: Value) -> Answer {
        let headers = [("Content-Type", "application/json"), ("If-Match", version)];
        self.ask("PATCH", path, &headers, Some(&body.to_string()))
    }

    /// Asks anything.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.header("Authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => self.agent.run(request.body(body.to_owned()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let (head, mut body) = response.unwrap().into_parts();
        let text = body.read_to_string().unwrap();
        Answer {
            status: head.status.as_u16(),
            head: Response::from_parts(head, ()),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }
}
