//! Files, handshakes on loopback, and who is let in.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::super::known::Known;
use super::super::stream::Streams;
use super::*;
use crate::sip::flow::{ConnectionId, Flow, Transport};
use crate::switch::Input;

const NOW: Wall = Wall(1_795_000_000_000_000);

const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\n\
    From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

/// An authority, and a folder for what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `NAME.pem` and `NAME.key`.
    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![
            SanType::DnsName(name.try_into().unwrap()),
            SanType::IpAddress([127, 0, 0, 1].into()),
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.file(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// Those of a server whose certificate is `NAME.pem`, and that knows this authority.
    fn settings(&self, name: &str) -> Settings {
        Settings {
            certificate: Some(self.file(&format!("{name}.pem"))),
            key: Some(self.file(&format!("{name}.key"))),
            client_ca: Some(self.file("ca.pem")),
            ca: Some(self.file("ca.pem")),
        }
    }
}

fn started(settings: &Settings) -> Result<Tls, String> {
    Tls::start(settings, NOW).map_err(|fault| fault.to_string())
}

#[test]
fn what_is_wrong_with_the_files_is_told_with_file_and_remedy() {
    let authority = Authority::new();
    authority.sign("sip.az", |_| {});
    authority.sign("other.az", |_| {});
    authority.sign("old.az", |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let good = authority.settings("sip.az");
    assert!(started(&good).is_ok());
    let refused = |change: &dyn Fn(&mut Settings), parts: [&str; 2]| {
        let mut settings = good.clone();
        change(&mut settings);
        let told = started(&settings).err().expect("taken");
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    };
    let file = |name: &str| Some(authority.file(name));
    refused(
        &|s| s.certificate = file("none.pem"),
        ["none.pem: No such file", "[tls] certificate"],
    );
    refused(
        &|s| s.certificate = file("sip.az.key"),
        ["sip.az.key: no certificate in PEM", "[tls] certificate"],
    );
    refused(
        &|s| s.key = file("sip.az.pem"),
        ["sip.az.pem: no private key in PEM", "[tls] key"],
    );
    refused(
        &|s| s.key = file("other.az.key"),
        ["other.az.key: this key is not of", "sip.az.pem"],
    );
    refused(
        &|s| s.client_ca = file("sip.az.key"),
        ["no certificate in PEM", "[tls] client_ca"],
    );
    refused(
        &|s| s.ca = file("none.pem"),
        ["none.pem: No such file", "[tls] ca"],
    );
    refused(
        &|s| *s = authority.settings("old.az"),
        ["old.az.pem: this certificate has expired", "renew it"],
    );
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let authority = Authority::new();
    // Ten days after NOW.
    authority.sign("soon.az", |params| {
        params.not_after = rcgen::date_time_ymd(2026, 11, 28);
    });
    authority.sign("late.az", |_| {});
    let warned = |name: &str| {
        let settings = authority.settings(name);
        started(&settings).unwrap().warning(&settings, NOW)
    };
    let warning = warned("soon.az").unwrap();
    assert!(
        warning.contains("soon.az.pem: this certificate expires in"),
        "{warning}"
    );
    assert_eq!(warned("late.az"), None);
}

/// A server by TLS on loopback, and what it hears.
async fn listening(tls: &Tls, known: Known) -> (Streams, SocketAddr, mpsc::Receiver<Input>) {
    let (inputs, heard) = mpsc::channel(1_000);
    let streams = Streams::new(inputs, 1, known).with_tls(Some(tls.clone()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let local = listener.local_addr().unwrap();
    let accepting = streams.clone();
    tls.spawn(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        accepting.accept(listener, local, Transport::Tls).await;
    });
    (streams, local, heard)
}

fn nobody() -> Known {
    Known::new(|_| false)
}

/// The client that `settings` make, connected, after its first message.
async fn guest(
    client: &Tls,
    host: &str,
    local: SocketAddr,
) -> io::Result<client::TlsStream<TcpStream>> {
    client.expect(local, host);
    let stream = TcpStream::connect(local).await?;
    let (mut stream, _) = client.connect(stream, local).await?;
    stream.write_all(OPTIONS).await?;
    Ok(stream)
}

/// The serial-like mark of a certificate: its octets.
fn shown(stream: &client::TlsStream<TcpStream>) -> Vec<u8> {
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].to_vec()
}

#[tokio::test]
async fn messages_come_and_go_inside_tls_and_certificates_name_trunks() {
    let authority = Authority::new();
    authority.sign("sip.az", |_| {});
    authority.sign("carrier.az", |_| {});
    let tls = started(&authority.settings("sip.az")).unwrap();
    let client = started(&authority.settings("carrier.az")).unwrap();
    let known = nobody().with_names(["carrier.az".to_owned()]);
    let (streams, local, mut heard) = listening(&tls, known).await;
    let mut stream = guest(&client, "sip.az", local).await.unwrap();
    let proved = heard.recv().await;
    let Some(Input::Proved { connection, names }) = proved else {
        panic!("{proved:?}");
    };
    assert_eq!(names, ["carrier.az"]);
    let said = heard.recv().await;
    let Some(Input::Message { flow, .. }) = said else {
        panic!("{said:?}");
    };
    assert_eq!(
        (flow.transport, flow.connection),
        (Transport::Tls, Some(connection))
    );
    streams.send(flow, Arc::from(&b"answer"[..]));
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"answer");
    drop(stream);
    assert!(
        matches!(heard.recv().await, Some(Input::FlowClosed { connection: closed }) if closed == connection)
    );
}

#[tokio::test]
async fn a_client_without_a_certificate_is_let_in_and_one_of_strangers_is_not() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    authority.sign("sip.az", |_| {});
    strangers.sign("carrier.az", |_| {});
    let tls = started(&authority.settings("sip.az")).unwrap();
    let phone = started(&Settings {
        ca: Some(authority.file("ca.pem")),
        ..Settings::default()
    });
    let forger = started(&Settings {
        ca: Some(authority.file("ca.pem")),
        client_ca: None,
        ..strangers.settings("carrier.az")
    });
    let (_streams, local, mut heard) = listening(&tls, nobody()).await;
    // With TLS 1.3 the client is done before it is refused.
    if let Ok(mut forged) = guest(&forger.unwrap(), "sip.az", local).await {
        assert!(forged.read(&mut [0]).await.map_or(true, |count| count == 0));
    }
    let _phone = guest(&phone.unwrap(), "sip.az", local).await.unwrap();
    let first = heard.recv().await;
    assert!(matches!(first, Some(Input::Message { .. })), "{first:?}");
}

#[tokio::test]
async fn whom_we_connect_to_must_be_whom_we_mean() {
    let authority = Authority::new();
    authority.sign("sip.az", |_| {});
    authority.sign("wild.az", |params| {
        params.subject_alt_names = vec![SanType::DnsName("*.wild.az".try_into().unwrap())];
    });
    let server = started(&authority.settings("sip.az")).unwrap();
    let wild = started(&authority.settings("wild.az")).unwrap();
    let (_, local, _heard) = listening(&server, nobody()).await;
    let (_, wild_local, _wild_heard) = listening(&wild, nobody()).await;
    let client = || started(&authority.settings("sip.az")).unwrap();
    assert!(guest(&client(), "sip.az", local).await.is_ok());
    assert!(guest(&client(), "sip.az.example", local).await.is_err());
    assert!(
        guest(&client(), "a.wild.az", wild_local).await.is_err(),
        "RFC 5922 §7.2"
    );
    let stranger = Tls::start(&Settings::default(), NOW).unwrap();
    assert!(
        guest(&stranger, "sip.az", local).await.is_err(),
        "an unknown authority"
    );

    // The streams connect so too, and tell the switch what fails.
    let (inputs, mut heard) = mpsc::channel(10);
    let streams = Streams::new(inputs, 1, nobody()).with_tls(Some(client()));
    let flow = Flow {
        transport: Transport::Tls,
        local: "127.0.0.1:5061".parse().unwrap(),
        remote: local,
        connection: None,
    };
    streams.expect(local, "evil.example");
    streams.send(flow, OPTIONS.into());
    let told = heard.recv().await;
    assert!(
        matches!(told, Some(Input::SendFailed { flow: failed }) if failed == flow),
        "{told:?}"
    );
    streams.expect(local, "sip.az");
    streams.send(flow, OPTIONS.into());
    let proved = heard.recv().await;
    assert!(matches!(proved, Some(Input::Proved { .. })), "{proved:?}");
    assert_eq!(streams.len(), 1);
    streams.send(flow, OPTIONS.into());
    assert_eq!(streams.len(), 1, "one connection per peer (RFC 5923)");
}

#[tokio::test]
async fn new_certificates_hold_from_the_next_handshake_and_broken_ones_never() {
    let authority = Authority::new();
    authority.sign("sip.az", |_| {});
    let settings = authority.settings("sip.az");
    let tls = started(&settings).unwrap();
    let client = started(&Settings {
        ca: settings.ca.clone(),
        ..Settings::default()
    })
    .unwrap();
    let (streams, local, mut heard) = listening(&tls, nobody()).await;
    let mut first = guest(&client, "sip.az", local).await.unwrap();
    let Some(Input::Message { flow, .. }) = heard.recv().await else {
        panic!("no message");
    };
    authority.sign("sip.az", |_| {});
    let health = Health::logged();
    tls.renew(&settings, NOW, &health);
    let second = guest(&client, "sip.az", local).await.unwrap();
    assert_ne!(shown(&first), shown(&second));
    streams.send(flow, Arc::from(&b"still"[..]));
    let mut answer = [0; 5];
    first.read_exact(&mut answer).await.unwrap();

    std::fs::write(authority.file("sip.az.pem"), "half a fi").unwrap();
    tls.renew(&settings, NOW, &health);
    let faults = health.report().faults;
    let told = faults.get(&Part::Certificates).unwrap();
    assert!(
        told.contains("sip.az.pem") && told.contains("former certificates hold"),
        "{told}"
    );
    let third = guest(&client, "sip.az", local).await.unwrap();
    assert_eq!(shown(&second), shown(&third));
    authority.sign("sip.az", |_| {});
    tls.renew(&settings, NOW, &health);
    assert!(health.report().faults.is_empty());
}

#[tokio::test]
async fn handshakes_that_never_end_take_no_place_of_others() {
    let authority = Authority::new();
    authority.sign("sip.az", |_| {});
    let settings = authority.settings("sip.az");
    let (tls, client) = (started(&settings).unwrap(), started(&settings).unwrap());
    let (streams, local, mut heard) = listening(&tls, nobody()).await;
    let mut silent = Vec::new();
    let half_open = super::super::stream::MAX_HALF_OPEN_PER_ADDRESS;
    for _ in 0..half_open {
        silent.push(TcpStream::connect(local).await.unwrap());
    }
    let mut refused = TcpStream::connect(local).await.unwrap();
    assert!(
        refused
            .read(&mut [0])
            .await
            .map_or(true, |count| count == 0)
    );
    assert_eq!(streams.len(), half_open);
    // One that gives up makes a place.
    drop(silent.pop());
    let patience = Duration::from_secs(20);
    let place = async {
        while streams.len() == half_open {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(patience, place).await.unwrap();
    let _guest = guest(&client, "sip.az", local).await.unwrap();
    assert!(matches!(
        heard.recv().await,
        Some(Input::Proved {
            connection: ConnectionId(_),
            ..
        })
    ));
    assert!(matches!(heard.recv().await, Some(Input::Message { .. })));
}

#[tokio::test]
async fn trunks_are_asked_for_a_certificate_and_browsers_are_not() {
    let authority = Authority::new();
    authority.sign("sip.az", |_| {});
    authority.sign("carrier.az", |_| {});
    let tls = started(&authority.settings("sip.az")).unwrap();
    let client = started(&authority.settings("carrier.az")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    client.expect(local, "sip.az");
    for (transport, shown) in [
        (Transport::Tls, vec!["carrier.az".to_owned()]),
        (Transport::Wss, Vec::new()),
    ] {
        let stream = TcpStream::connect(local).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let (ours, theirs) = tokio::join!(
            tls.accept(accepted, transport),
            client.connect(stream, local)
        );
        assert!(theirs.is_ok());
        assert_eq!(ours.unwrap().1, shown, "{transport}");
    }
}
