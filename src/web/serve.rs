//! Listening: a thread with a runtime of its own, a limit on connections, and an end to those who dawdle.

use std::io;
use std::net::{SocketAddr, TcpListener as Bound};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use super::Api;
use super::routes::routes;
use crate::store::health::{Health, Part};

/// Connections at once; one more waits to be taken.
const CONNECTIONS: usize = 64;
/// So long a head may take to come, and a connection to be idle.
const HEAD: Duration = Duration::from_secs(15);
/// No connection is kept longer: whoever reads no answer gives its place up.
const LONGEST: Duration = Duration::from_secs(600);
/// Octets of the longest head.
const HEAD_SIZE: usize = 32 << 10;
/// How often a place to listen that is taken is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Threads that wait for the database.
const BLOCKING: usize = 4;

/// Where the API is heard; dropping it ends it.
pub struct Serving {
    /// The places, port 0 as the system chose it; those that could not be had yet are left out.
    pub listeners: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    pub(super) fn start(places: &[SocketAddr], api: &Api, health: &Health) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("api")
            .enable_all()
            .max_blocking_threads(BLOCKING)
            .build()?;
        let mut bound = Vec::new();
        let mut later = Vec::new();
        for place in places {
            match bind(*place) {
                Ok(listener) => bound.push(listener),
                Err(error) => {
                    told(health, *place, &error);
                    later.push(*place);
                }
            }
        }
        let listeners = bound.iter().filter_map(|one| one.local_addr().ok());
        let listeners = listeners.collect();
        let (stop, stopped) = oneshot::channel();
        let (api, health) = (api.clone(), health.clone());
        let thread = std::thread::Builder::new().name("api".into());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                let house = House {
                    routes: routes(api),
                    room: Arc::new(Semaphore::new(CONNECTIONS)),
                    health,
                };
                for listener in bound {
                    tokio::spawn(house.clone().accept(listener));
                }
                for place in later {
                    tokio::spawn(house.clone().bind_later(place));
                }
                // Whoever holds the other end is gone when this ends.
                let _ = stopped.await;
            });
            runtime.shutdown_timeout(Duration::from_millis(500));
        })?;
        Ok(Self {
            listeners,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed.
            let _ = thread.join();
        }
    }
}

fn bind(place: SocketAddr) -> io::Result<Bound> {
    let listener = Bound::bind(place)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn told(health: &Health, place: SocketAddr, error: &io::Error) {
    let text = format!(
        "the API cannot listen on {place}: {error}. Calls go on; stop the other program, or choose another place by \
         [web] listen"
    );
    health.fault(Part::Web, text);
}

#[derive(Clone)]
struct House {
    routes: Router,
    room: Arc<Semaphore>,
    health: Health,
}

impl House {
    async fn bind_later(self, place: SocketAddr) {
        loop {
            tokio::time::sleep(AGAIN).await;
            match bind(place) {
                Ok(listener) => {
                    self.health.well(Part::Web);
                    tracing::info!("API on http://{place}");
                    return self.accept(listener).await;
                }
                Err(error) => told(&self.health, place, &error),
            }
        }
    }

    async fn accept(self, listener: Bound) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "the API cannot be listened to"),
        };
        while let Ok(room) = Arc::clone(&self.room).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let routes = self.routes.clone();
                    tokio::spawn(async move {
                        converse(stream, routes).await;
                        drop(room);
                    });
                }
                // No descriptor is free, or the peer is gone: others may come.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

async fn converse(stream: TcpStream, routes: Router) {
    let _ = stream.set_nodelay(true);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    // Peers come and go as they like; there is nobody to tell.
    let _ = tokio::time::timeout(LONGEST, serving).await;
}
