//! Calls by TLS: phones, certificates that change meanwhile, and a trunk that proves who it is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::certificates::Authority;
use crate::ear::{Ear, ULAW};
use crate::linphone::Linphone;
use crate::moment::eventually;
use crate::server::{SOON, Server, Setup, tone_of};
use crate::sipp::{Phone, audio};
use crate::{baresip, pjsua};

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;

/// A caller of the trunk is answered by a phone over TLS; both hear each other, and the caller hangs up.
fn answered(server: &Server, heard: impl FnOnce()) {
    let mut caller = Phone::caller(server, "0501234567", "116111", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    heard();
    caller.hangs_up();
    let calls = server.records(1);
    calls[0].ended("hung_up", "caller").with("101");
    caller.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}

#[test]
fn baresip_answers_over_tls() {
    let server = Setup::new().operator("101").tls().start();
    let mut phone = baresip::Setup::new("101", OPERATOR)
        .over("tls")
        .start(&server);
    phone.goes_on_shift(&server, "101");
    answered(&server, || phone.heard(CALLER, SOON));
    phone.tells("CALL_CLOSED", SOON);
    assert!(
        phone.process.said().contains(";transport=tls>"),
        "our Contact"
    );
}

#[test]
fn linphone_answers_over_tls_and_knows_the_authority() {
    let server = Setup::new().operator("101").tls().start();
    let mut phone = Linphone::start(&server, "101", "tls", OPERATOR);
    phone.goes_on_shift(&server, "101");
    answered(&server, || phone.heard(CALLER, SOON));
}

#[test]
fn pjsua2_answers_over_tls_while_the_certificate_is_renewed() {
    let server = Setup::new().operator("101").tls().start();
    let mut phone = pjsua::Setup::new("101", OPERATOR)
        .over("tls")
        .start(&server);
    phone.goes_on_shift(&server, "101");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    let authority = server.place.authority();
    let before = shown(&server, authority);
    // A broken one is told of and changes nothing.
    std::fs::write(server.place.path().join("sip.az.pem"), "half a fi").unwrap();
    server.hang_up_signal();
    server.logs(&["ERROR", "sip.az.pem", "former certificates hold"]);
    assert_eq!(shown(&server, authority), before);
    authority.sign(server.place.path(), "sip.az");
    server.hang_up_signal();
    server.logs(&["certificates were read anew"]);
    assert_ne!(shown(&server, authority), before);
    // The connection of before is as good as ever: the phone is told that the caller went.
    server.counts("talking", 1);
    phone.heard(CALLER, SOON);
    caller.hangs_up();
    phone.process.says("call disconn", SOON);
    server.records(1)[0].ended("hung_up", "caller").with("101");
    server.is_drained();
}

#[test]
fn each_phone_calls_over_tls() {
    let server = Setup::new()
        .operator("101")
        .operator("201")
        .operator("202")
        .operator("203")
        .tls()
        .start();
    let mut baresip = baresip::Setup::new("201", CALLER)
        .over("tls")
        .start(&server);
    let mut pjsua = pjsua::Setup::new("202", CALLER + 190)
        .over("tls")
        .start(&server);
    let mut linphone = Linphone::start(&server, "203", "tls", CALLER - 100);
    baresip.is_registered();
    pjsua.is_registered();
    linphone.is_registered();
    let mut operator = baresip::Setup::new("101", OPERATOR)
        .over("tls")
        .start(&server);
    operator.goes_on_shift(&server, "101");

    baresip.command(
        "dial",
        &format!("sip:116111@{};transport=tls", server.at("tls")),
    );
    baresip.heard(OPERATOR, SOON);
    operator.heard(CALLER, SOON);
    baresip.command("hangup", "");
    server.records(1)[0].ended("hung_up", "caller").with("101");
    server.operator_is("101", "free");

    pjsua.dials("0506802280");
    pjsua.heard(OPERATOR, SOON);
    operator.heard(CALLER + 190, SOON);
    pjsua.process.tell("hangup");
    server.records(2)[1].ended("hung_up", "caller").with("101");
    server.operator_is("101", "free");

    linphone.dials(&server, "116111");
    linphone.heard(OPERATOR, SOON);
    operator.heard(CALLER - 100, SOON);
    linphone.hangs_up();
    server.records(3)[2].ended("hung_up", "caller").with("101");
    server.operator_is("101", "free");
    server.is_drained();
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A connection to the server that trusts the authority, with a certificate of this name or none.
fn connect(server: &Server, authority: &Authority, name: Option<&str>) -> Tls {
    let mut roots = RootCertStore::empty();
    let ca = server.place.path().join("ca.pem");
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match name {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let (certificate, key) = authority.sign(server.place.path(), name);
            let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
            let key = PrivateKeyDer::from_pem_file(key).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let host = ServerName::try_from("sip.az").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), host).unwrap();
    let mut socket = TcpStream::connect(server.at("tls")).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    while client.is_handshaking() {
        client.complete_io(&mut socket).unwrap();
    }
    StreamOwned::new(client, socket)
}

/// The certificate that the server shows now.
fn shown(server: &Server, authority: &Authority) -> Vec<u8> {
    let stream = connect(server, authority, None);
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

/// A trunk's switch by TLS: one call at a time.
struct Carrier {
    stream: Tls,
    ear: Ear,
    to: String,
}

impl Carrier {
    fn says(&mut self, method: &str, number: u32, body: &str) {
        let branch = format!("z9hG4bK{method}{number}");
        let text = format!(
            "{method} sip:116111@sip.az SIP/2.0\r\nVia: SIP/2.0/TLS carrier.az;branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:0501234567@carrier.az>;tag=c\r\nTo: <sip:116111@sip.az>{}\r\n\
             Call-ID: by-tls\r\nCSeq: {number} {method}\r\nContact: <sip:carrier.az;transport=tls>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            self.to,
            body.len()
        );
        self.stream.write_all(text.as_bytes()).unwrap();
        self.stream.flush().unwrap();
    }

    /// The status of the next final answer; its tag is kept.
    fn hears(&mut self) -> u16 {
        let mut text = String::new();
        let mut buffer = [0; 4_096];
        loop {
            let length = self.stream.read(&mut buffer).unwrap();
            assert!(length > 0, "closed: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..length]));
            let answers = text
                .split("SIP/2.0 ")
                .filter(|part| part.contains("\r\n\r\n"));
            let Some(last) = answers.filter(|part| !part.starts_with('1')).last() else {
                continue;
            };
            let tag = last.lines().find(|line| line.starts_with("To:"));
            let tag = tag
                .and_then(|line| line.split_once(";tag="))
                .map(|(_, tag)| tag);
            self.to = tag.map_or_else(String::new, |tag| format!(";tag={tag}"));
            return last[..3].parse().unwrap();
        }
    }
}

#[test]
fn a_trunk_is_known_by_its_certificate_wherever_it_calls_from() {
    let trunk = "[[trunks]]\nname = \"carrier\"\ntls_identity = \"carrier.az\"";
    let server = Setup::new().operator("101").tls().config(trunk).start();
    let authority = server.place.authority();
    let carrier = |name: Option<&str>| Carrier {
        stream: connect(&server, authority, name),
        ear: Ear::open(CALLER, ULAW),
        to: String::new(),
    };
    // Whoever shows nothing, or another name, is a stranger as by any other transport.
    for name in [None, Some("stranger.az")] {
        let mut stranger = carrier(name);
        let body = audio(stranger.ear.port(), &[ULAW]).replace('\n', "\r\n");
        stranger.says("INVITE", 1, &body);
        assert_eq!(stranger.hears(), 407, "{name:?}");
    }
    let mut phone = baresip::Setup::new("101", OPERATOR)
        .over("tls")
        .start(&server);
    phone.goes_on_shift(&server, "101");
    let mut caller = carrier(Some("carrier.az"));
    let body = audio(caller.ear.port(), &[ULAW]).replace('\n', "\r\n");
    caller.says("INVITE", 1, &body);
    assert_eq!(caller.hears(), 200);
    caller.says("ACK", 1, "");
    caller.ear.hears(OPERATOR, SOON);
    phone.heard(CALLER, SOON);
    caller.says("BYE", 2, "");
    assert_eq!(caller.hears(), 200);
    let calls = server.records(1);
    calls[0].ended("hung_up", "caller").with("101");
    assert_eq!(calls[0].text("trunk"), "carrier");
    server.is_drained();
    let greeting = tone_of("az", "greeting");
    assert!(!caller.ear.never_heard(greeting) || !caller.ear.never_heard(OPERATOR));
    // Of its registration, its connection alone is left.
    eventually("no transactions but a registration's", SOON, || {
        (server.count("calls") == 0).then_some(())
    });
}
