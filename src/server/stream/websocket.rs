//! SIP over WebSocket (RFC 7118): each message of the WebSocket is one of SIP.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::{PONG, QUEUED_BYTES, READ, Seat, Signs, Streams, WRITE_TIMEOUT, until_too_late};
use crate::sip::flow::Flow;
use crate::sip::parse::MAX_MESSAGE;
use crate::switch::Input;

/// The protocol that both sides have to name (RFC 7118 §4.1).
const PROTOCOL: &str = "sip";
/// How long nothing may be written before a ping goes out (RFC 7118 §6): browsers cannot send one.
const PING_EVERY: Duration = Duration::from_secs(30);
/// A peer from whom nothing came for so long, not even a pong, is gone.
const SILENCE: Duration = PING_EVERY.saturating_mul(3);

/// The handshake of HTTP, and then messages until either side ends it.
pub(super) async fn serve<S>(streams: &Streams, seat: Seat, stream: S, flow: Flow)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(READ)
        .write_buffer_size(0)
        .max_write_buffer_size(QUEUED_BYTES)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let origins = Arc::clone(&streams.origins);
    #[allow(
        clippy::result_large_err,
        reason = "the library wants the refusal so, and it is made once a connection"
    )]
    let judge = move |request: &Request, response: Response| judge(request, response, &origins);
    let asked = accept_hdr_async_with_config(stream, judge, Some(config));
    let Seat { id, queue, signs } = seat;
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(streams.handshake, asked) => shaken,
        () = signs.evicted.notified() => return,
    };
    let socket = match shaken {
        Ok(Ok(socket)) => socket,
        failed => {
            let fault = failed.map(|result| result.err());
            tracing::debug!(remote = %flow.remote, ?fault, "no WebSocket handshake");
            return streams.forget(id);
        }
    };
    signs.half_open.store(false, Ordering::Relaxed);
    let flow = Flow {
        connection: Some(id),
        ..flow
    };
    let (sink, source) = socket.split();
    {
        let reading = pin!(read_all(streams, source, flow, &signs));
        let writing = pin!(write_all(sink, queue, &signs));
        tokio::select! {
            outcome = reading => {
                tracing::debug!(connection = id.0, ?outcome, "WebSocket closed by peer");
            }
            () = writing => {
                tracing::debug!(connection = id.0, "WebSocket closed by us");
            }
            () = until_too_late(&signs) => {
                tracing::debug!(connection = id.0, "no message came; WebSocket closed");
            }
        }
    }
    streams.ended(flow).await;
}

/// Takes whoever speaks SIP (RFC 7118 §4.1) and comes from a page that may. A page that a person merely
/// visits gains nothing by connecting: nobody is a trunk here, and operators prove who they are. So all
/// origins may where none is named. What is no browser tells no origin, or any that it likes.
#[allow(
    clippy::result_large_err,
    reason = "the library wants the refusal so, and it is made once a connection"
)]
fn judge(
    request: &Request,
    mut response: Response,
    origins: &[String],
) -> Result<Response, ErrorResponse> {
    let headers = request.headers();
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let offered: Vec<String> = offered.iter().map(text).collect();
    let mut names = offered.iter().flat_map(|list| list.split(','));
    if !names.any(|name| name.trim().eq_ignore_ascii_case(PROTOCOL)) {
        let why = "Sec-WebSocket-Protocol: sip is needed (RFC 7118)";
        return Err(refusal(StatusCode::BAD_REQUEST, why));
    }
    let origin = headers.get(header::ORIGIN).map(text);
    let may = |origin: &String| origins.iter().any(|one| one.eq_ignore_ascii_case(origin));
    if !origins.is_empty() && origin.is_some_and(|origin| !may(&origin)) {
        return Err(refusal(StatusCode::FORBIDDEN, "not from this page"));
    }
    let name = HeaderValue::from_static(PROTOCOL);
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    Ok(response)
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(Some(why.to_owned()));
    *refusal.status_mut() = status;
    refusal
}

async fn read_all(
    streams: &Streams,
    mut source: impl Stream<Item = Result<Message, Error>> + Unpin,
    flow: Flow,
    signs: &Signs,
) -> io::Result<()> {
    loop {
        let next = tokio::time::timeout(SILENCE, source.next());
        let bytes: Bytes = match next.await {
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => return Err(io::Error::other(error)),
            Ok(Some(Ok(Message::Text(text)))) => text.into(),
            Ok(Some(Ok(Message::Binary(bytes)))) => bytes,
            // Pings are answered by the library; neither they nor pongs keep a stranger's place.
            Ok(Some(Ok(_))) => continue,
        };
        signs.heard.store(streams.arrival(), Ordering::Relaxed);
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            // RFC 5626 §4.4.1: some phones keep to it here too.
            if bytes.len() == 4 {
                streams.send(flow, Arc::from(PONG));
            }
            continue;
        }
        signs.spoke.store(true, Ordering::Relaxed);
        streams.pass(flow, signs).await;
        if !streams
            .known
            .lets_in(flow.remote, bytes.len(), &streams.inputs)
        {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        // RFC 7118 §5.4: the frame bounds the message, and Content-Length may be left out.
        streams.hand_over(Input::datagram(flow, &bytes)).await?;
    }
}

/// Writes what the queue brings until it is dropped or the peer stops reading.
async fn write_all(
    mut sink: impl Sink<Message> + Unpin,
    mut queue: mpsc::Receiver<Arc<[u8]>>,
    signs: &Signs,
) {
    loop {
        let (message, length) = match tokio::time::timeout(PING_EVERY, queue.recv()).await {
            Ok(None) => break,
            Err(_) => (Message::Ping(Bytes::new()), 0),
            Ok(Some(bytes)) => match std::str::from_utf8(&bytes) {
                Ok(text) => (Message::text(text), bytes.len()),
                Err(_) => (Message::binary(bytes.to_vec()), bytes.len()),
            },
        };
        let written = tokio::time::timeout(WRITE_TIMEOUT, sink.send(message)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
        signs.queued.fetch_sub(length, Ordering::Relaxed);
    }
    let _ = tokio::time::timeout(WRITE_TIMEOUT, sink.close()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(protocol: &str, origin: Option<&str>, origins: &[&str]) -> u16 {
        let mut request = Request::new(());
        let headers = request.headers_mut();
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_str(protocol).unwrap(),
        );
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
        match judge(&request, Response::new(()), &origins) {
            Ok(response) => {
                assert_eq!(response.headers()[header::SEC_WEBSOCKET_PROTOCOL], PROTOCOL);
                101
            }
            Err(refusal) => refusal.status().as_u16(),
        }
    }

    #[test]
    fn whoever_does_not_speak_sip_is_told_so() {
        assert_eq!(asked("sip", None, &[]), 101);
        assert_eq!(asked("mqtt, SIP", Some("https://anywhere"), &[]), 101);
        assert_eq!(asked("mqtt", None, &[]), 400);
    }

    #[test]
    fn where_origins_are_named_other_pages_may_not() {
        let ours = ["https://desk.example.net"];
        assert_eq!(asked("sip", Some("https://desk.example.net"), &ours), 101);
        assert_eq!(asked("sip", Some("https://evil.example"), &ours), 403);
        assert_eq!(asked("sip", None, &ours), 101, "no browser");
    }
}
