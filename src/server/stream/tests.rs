//! Connections on loopback.

use super::*;

#[test]
fn a_dead_connection_is_reported_and_the_peers_port_is_not_dialled() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (inputs, mut heard) = mpsc::channel(4);
        let streams = Streams::new(inputs, 1, strangers());
        let place = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remote = place.local_addr().unwrap();
        let flow = Flow {
            transport: Transport::Tcp,
            local: remote,
            remote,
            connection: Some(ConnectionId::GONE),
        };
        streams.send(flow, Arc::from(PONG));
        let told = heard.recv().await;
        assert!(matches!(told, Some(Input::SendFailed { flow: failed }) if failed == flow));
        assert!(streams.is_empty());
    });
}

fn strangers() -> Known {
    Known::new(|_| false)
}

/// Streams that hear on loopback, and what they hear.
async fn listening(partial: Duration) -> (Streams, SocketAddr, mpsc::Receiver<Input>) {
    hearing(|streams| streams.partial = partial).await
}

async fn hearing(
    change: impl FnOnce(&mut Streams),
) -> (Streams, SocketAddr, mpsc::Receiver<Input>) {
    hearing_by(Transport::Tcp, change).await
}

async fn hearing_by(
    transport: Transport,
    change: impl FnOnce(&mut Streams),
) -> (Streams, SocketAddr, mpsc::Receiver<Input>) {
    let (inputs, heard) = mpsc::channel(1_000);
    let mut streams = Streams::new(inputs, 1, strangers());
    change(&mut streams);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    tokio::spawn(streams.clone().accept(listener, local, transport));
    (streams, local, heard)
}

const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
    From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn half_a_message_that_trickles_is_closed_and_whole_ones_are_not() {
    let (streams, local, mut heard) = listening(Duration::from_millis(300)).await;
    let mut slow = TcpStream::connect(local).await.unwrap();
    let mut quick = TcpStream::connect(local).await.unwrap();
    // A letter now and then does not buy time.
    let mut letters = OPTIONS.iter();
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    loop {
        tick.tick().await;
        quick.write_all(OPTIONS).await.unwrap();
        let next = heard.recv().await;
        match next {
            Some(Input::Message { .. }) => {}
            Some(Input::FlowClosed { .. }) => break,
            other => panic!("{other:?}"),
        }
        let letter = letters.next().expect("half a message was never closed");
        // It may be closed by now.
        let _ = slow.write_all(&[*letter]).await;
    }
    assert_eq!(streams.len(), 1, "the other connection stays");
    let mut rest = [0; 16];
    assert!(matches!(slow.read(&mut rest).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn one_address_gets_so_many_connections_and_then_a_closed_door() {
    let (streams, local, _heard) = listening(PARTIAL).await;
    let mut held = Vec::new();
    for _ in 0..MAX_PER_ADDRESS {
        held.push(TcpStream::connect(local).await.unwrap());
    }
    let mut more = TcpStream::connect(local).await.unwrap();
    let mut byte = [0];
    assert!(
        matches!(more.read(&mut byte).await, Ok(0) | Err(_)),
        "closed"
    );
    assert_eq!(streams.len(), MAX_PER_ADDRESS);
}

/// Connects, says OPTIONS, and gives the way that the switch heard it by.
async fn guest(local: SocketAddr, heard: &mut mpsc::Receiver<Input>) -> (TcpStream, Flow) {
    let mut stream = TcpStream::connect(local).await.unwrap();
    stream.write_all(OPTIONS).await.unwrap();
    match heard.recv().await {
        Some(Input::Message { flow, .. }) => (stream, flow),
        other => panic!("{other:?}"),
    }
}

fn binding(flow: Flow) -> crate::registrar::Binding {
    crate::registrar::Binding {
        contact: "sip:101@127.0.0.1".into(),
        instance: None,
        reg_id: None,
        path: Vec::new(),
        flow,
        expires: crate::time::Wall(0),
        call_id: "r".into(),
        cseq: 1,
    }
}

#[tokio::test]
async fn octets_that_wait_for_a_slow_reader_are_bounded_and_read_ones_count_no_more() {
    const PART: usize = QUEUED_BYTES / 4;
    let (streams, local, mut heard) = listening(PARTIAL).await;
    let (mut peer, flow) = guest(local, &mut heard).await;
    let part: Arc<[u8]> = vec![b'x'; PART].into();
    let mut buffer = vec![0; PART];
    for _ in 0..10 {
        streams.send(flow, Arc::clone(&part));
        peer.read_exact(&mut buffer).await.unwrap();
    }
    assert_eq!(streams.len(), 1);
    // Nothing is awaited here, so nothing is written meanwhile.
    for _ in 0..5 {
        streams.send(flow, Arc::clone(&part));
    }
    assert!(streams.is_empty());
}

#[tokio::test]
async fn an_idle_stranger_is_closed_and_a_registered_phone_stays() {
    let (streams, local, mut heard) =
        hearing(|streams| streams.strangers_idle = Duration::from_millis(200)).await;
    let (_phone, phone) = guest(local, &mut heard).await;
    streams.known.keep(&"101".into(), &[binding(phone)]);
    let (_stranger, stranger) = guest(local, &mut heard).await;
    match heard.recv().await {
        Some(Input::FlowClosed { connection }) => {
            assert_eq!(Some(connection), stranger.connection);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(streams.len(), 1);
    assert!(IDLE > MAX_EXPIRES);
}

#[tokio::test]
async fn when_all_places_are_taken_the_idlest_stranger_gives_up_his() {
    let (streams, local, mut heard) = hearing(|streams| streams.most = 3).await;
    let (_phone, phone) = guest(local, &mut heard).await;
    streams.known.keep(&"101".into(), &[binding(phone)]);
    let (mut first, _) = guest(local, &mut heard).await;
    let (_second, second) = guest(local, &mut heard).await;
    first.write_all(OPTIONS).await.unwrap();
    heard.recv().await.unwrap();
    let mut third = TcpStream::connect(local).await.unwrap();
    let closed = loop {
        match heard.recv().await.unwrap() {
            Input::FlowClosed { connection } => break connection,
            Input::SendFailed { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(Some(closed), second.connection);
    third.write_all(OPTIONS).await.unwrap();
    loop {
        if let Input::Message { flow, .. } = heard.recv().await.unwrap() {
            assert_eq!(flow.remote, third.local_addr().unwrap());
            break;
        }
    }
    assert_eq!(streams.len(), 3);
}

#[tokio::test]
async fn a_peer_who_never_reads_is_dropped_and_each_message_of_others_comes_meanwhile() {
    let (streams, local, mut heard) = listening(PARTIAL).await;
    let (_deaf, deaf) = guest(local, &mut heard).await;
    let (mut other, way) = guest(local, &mut heard).await;
    let large: Arc<[u8]> = vec![b'x'; 16 * 1024].into();
    let mut rounds = 0;
    // As much as the sockets' buffers hold, and then as much as waits here.
    while streams.len() == 2 {
        rounds += 1;
        assert!(rounds < 10_000, "a peer who never reads is served for ever");
        streams.send(deaf, Arc::clone(&large));
        streams.send(way, Arc::from(OPTIONS));
        let mut answer = vec![0; OPTIONS.len()];
        other.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, OPTIONS);
        other.write_all(OPTIONS).await.unwrap();
        // What he says is heard too, and nothing else but the end of the deaf one.
        loop {
            match heard.recv().await.unwrap() {
                Input::Message { flow, .. } => break assert_eq!(flow, way),
                Input::SendFailed { flow } => assert_eq!(flow, deaf),
                Input::FlowClosed { connection } => assert_eq!(Some(connection), deaf.connection),
                told => panic!("{told:?}"),
            }
        }
    }
    streams.send(deaf, Arc::clone(&large));
    assert_eq!(streams.len(), 1);
    streams.send(way, Arc::from(PONG));
    let mut pong = [0; PONG.len()];
    other.read_exact(&mut pong).await.unwrap();
}

#[tokio::test]
async fn a_websocket_is_pinged_and_closed_when_no_pong_comes_any_more() {
    let every = Duration::from_millis(200);
    let change = |streams: &mut Streams| streams.ping_every = every;
    let (streams, local, mut heard) = hearing_by(Transport::Ws, change).await;
    let mut page = TcpStream::connect(local).await.unwrap();
    let upgrade = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: sip\r\n\r\n";
    page.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(page.read_u8().await.unwrap());
    }
    // Pongs keep it for longer than silence would: RFC 6455 §5.5.2, an empty ping, and a masked pong.
    let mut ping = [0; 2];
    for _ in 0..2 * 3 {
        page.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping, [0x89, 0]);
        page.write_all(&[0x8a, 0x80, 1, 2, 3, 4]).await.unwrap();
    }
    assert_eq!(streams.len(), 1);
    // From now on it says nothing.
    let mut rest = Vec::new();
    let _ = page.read_to_end(&mut rest).await;
    assert!(rest.chunks(2).all(|frame| frame == [0x89, 0]), "{rest:?}");
    assert!(matches!(heard.recv().await, Some(Input::FlowClosed { .. })));
    assert!(streams.is_empty());
}
