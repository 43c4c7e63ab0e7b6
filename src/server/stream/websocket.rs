//! SIP over WebSocket (RFC 7118): each message of the WebSocket is one of SIP.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::{PONG, QUEUED_BYTES, READ, Seat, Signs, Streams, WRITE_TIMEOUT, until_too_late};
use crate::sip::flow::Flow;
use crate::sip::parse::MAX_MESSAGE;
use crate::switch::Input;

/// The protocol that both sides have to name (RFC 7118 §4.1).
const PROTOCOL: &str = "sip";
/// How long nothing may be written before a ping goes out (RFC 7118 §6): browsers cannot send one.
pub(super) const PING_EVERY: Duration = Duration::from_secs(30);
/// A peer from whom nothing came for so many pings, not even a pong, is gone.
const PINGS: u32 = 3;
/// How long a peer who did wrong may take to hear why it is closed.
const LEAVE: Duration = Duration::from_secs(2);

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
    let (mut sink, mut source) = socket.split();
    let mut why = None;
    {
        let reading = pin!(read_all(streams, &mut source, flow, &signs));
        let writing = pin!(write_all(&mut sink, queue, &signs, streams.ping_every));
        tokio::select! {
            outcome = reading => {
                tracing::debug!(connection = id.0, ?outcome, "WebSocket closed by peer");
                why = outcome.err().and_then(|error| farewell(&error));
            }
            () = writing => {
                tracing::debug!(connection = id.0, "WebSocket closed by us");
            }
            () = until_too_late(&signs) => {
                tracing::debug!(connection = id.0, "no message came; WebSocket closed");
            }
            () = signs.evicted.notified() => {
                tracing::debug!(connection = id.0, "WebSocket closed at once");
            }
        }
    }
    if let (Some(why), Ok(socket)) = (why, sink.reunite(source)) {
        // A peer who takes no leave in time goes without.
        let _ = tokio::time::timeout(LEAVE, take_leave(socket, why)).await;
    }
    streams.ended(flow).await;
}

/// What a peer is told whose frames cannot be used (RFC 6455 §7.4.1).
fn farewell(error: &io::Error) -> Option<CloseFrame> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let (code, reason) = match error {
        Error::Capacity(_) => (CloseCode::Size, "too long for a message of SIP"),
        Error::Utf8(_) => (CloseCode::Invalid, "a text frame is not UTF-8"),
        Error::Protocol(_) => (CloseCode::Protocol, "not a frame of RFC 6455"),
        _ => return None,
    };
    let reason = reason.into();
    Some(CloseFrame { code, reason })
}

/// Says why, and hears out what the peer was still sending: a socket that is closed with octets unread is
/// reset, which would take the word along.
async fn take_leave<S>(mut socket: WebSocketStream<S>, why: CloseFrame)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if socket.close(Some(why)).await.is_err() || socket.get_mut().shutdown().await.is_err() {
        return;
    }
    let mut rest = [0; READ];
    while socket
        .get_mut()
        .read(&mut rest)
        .await
        .is_ok_and(|length| length > 0)
    {}
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
        let next = tokio::time::timeout(streams.ping_every * PINGS, source.next());
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
        streams.hand_over(Input::frame(flow, &bytes)).await?;
    }
}

/// Writes what the queue brings until it is dropped or the peer stops reading.
async fn write_all(
    mut sink: impl Sink<Message> + Unpin,
    mut queue: mpsc::Receiver<Arc<[u8]>>,
    signs: &Signs,
    ping_every: Duration,
) {
    loop {
        let (message, length) = match tokio::time::timeout(ping_every, queue.recv()).await {
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
