//! Nodes that share through a real Redis, which comes and goes.

#![allow(
    clippy::unwrap_used,
    reason = "a test may stop where its ground is missing"
)]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use qaynar::private::Private;
use qaynar::store::bindings::BindingRow;
use qaynar::store::health::{Health, Part};
use qaynar::store::shared::Shared;
use qaynar::time::Wall;

struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    fn start(port: u16) -> Self {
        let child = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--port",
                &port.to_string(),
            ])
            .stdout(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|fault| {
            panic!("redis-server: {fault}; run: apt-get install redis-server")
        });
        Self { port, child }
    }

    fn on_free_port() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        Self::start(port)
    }

    fn url(&self) -> Private<String> {
        Private::new(format!("redis://127.0.0.1:{}", self.port))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn row(operator: &str, contact: &str) -> BindingRow {
    BindingRow {
        operator: operator.into(),
        contact: contact.into(),
        body: "{}".into(),
        expires: Wall(4_000_000_000_000_000),
    }
}

async fn eventually<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(found) = found().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came: {what}");
}

#[tokio::test]
async fn registrations_and_nodes_are_seen_by_the_other_node() {
    let redis = Redis::on_free_port();
    let health = Health::logged();
    let one = Shared::start(&redis.url(), "one", &health).unwrap();
    let two = Shared::start(&redis.url(), "two", &health).unwrap();
    one.bindings(
        "101".into(),
        vec![row("101", "phone"), row("101", "tablet")],
    );
    two.bindings("102".into(), vec![row("102", "phone")]);
    eventually("three contacts", async || {
        two.load().await.filter(|rows| rows.len() == 3)
    })
    .await;
    let nodes = eventually("two nodes", async || {
        one.nodes().await.filter(|nodes| nodes.len() == 2)
    })
    .await;
    assert_eq!(nodes, ["one", "two"]);
    one.bindings("101".into(), vec![]);
    let left = eventually("one contact", async || {
        two.load().await.filter(|rows| rows.len() == 1)
    })
    .await;
    assert_eq!(left, [row("102", "phone")]);
}

#[tokio::test]
async fn a_contact_that_has_expired_goes_by_itself() {
    let redis = Redis::on_free_port();
    let health = Health::logged();
    let shared = Shared::start(&redis.url(), "one", &health).unwrap();
    shared.bindings(
        "101".into(),
        vec![BindingRow {
            expires: Wall(1_000_000),
            ..row("101", "old")
        }],
    );
    shared.bindings("102".into(), vec![row("102", "phone")]);
    let rows = eventually("102", async || {
        shared.load().await.filter(|rows| !rows.is_empty())
    })
    .await;
    assert_eq!(rows, [row("102", "phone")]);
}

#[tokio::test]
async fn a_redis_that_goes_is_an_alarm_and_one_that_comes_back_empty_is_filled_again() {
    let redis = Redis::on_free_port();
    let health = Health::logged();
    let shared = Shared::start(&redis.url(), "one", &health).unwrap();
    shared.bindings("101".into(), vec![row("101", "phone")]);
    eventually("101", async || {
        shared.load().await.filter(|rows| rows.len() == 1)
    })
    .await;
    let port = redis.port;
    drop(redis);
    shared.bindings("102".into(), vec![row("102", "phone")]);
    let faults = || health.report().faults;
    let told = eventually("the alarm", async || faults().remove(&Part::Redis)).await;
    assert!(told.contains("goes on alone"), "{told}");
    let _redis = Redis::start(port);
    eventually("both again", async || {
        shared.load().await.filter(|rows| rows.len() == 2)
    })
    .await;
    eventually("no fault", async || faults().is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_node_starts_without_redis() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = Private::new(format!("redis://127.0.0.1:{port}"));
    let shared = Shared::start(&url, "one", &Health::logged()).unwrap();
    assert_eq!(shared.load().await, None);
    assert!(Shared::start(&Private::new("nonsense".into()), "one", &Health::logged()).is_err());
}
