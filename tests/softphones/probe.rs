//! `qaynar trunk test`: a carrier that is well, and each that is not, with what is said of it.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection};

use crate::dns::Zone;
use crate::ear::{Ear, ULAW};
use crate::moment::eventually;
use crate::ports::free_port;
use crate::server::{Place, SOON, Setup};
use crate::sipp::{Scenario, Sipp, audio};

const PASSWORD: &str = "open-sesame-7";

/// A trunk to this peer that registers; the rest of the configuration follows.
fn trunk(peer: &str, password: &str) -> String {
    format!(
        "[[trunks]]\nname = \"carrier\"\npeer = \"{peer}\"\nregister = true\nuser = \"helpline\"\n\
         password = \"{password}\"\nfrom = \"+994124040404\"\n"
    )
}

/// A carrier that answers OPTIONS and REGISTER, and does this with an INVITE.
fn carrier(place: &Place, port: u16, parts: &[&str], words: &[(&str, &str)]) -> Sipp {
    let mut all = vec!["asked.xml"];
    all.extend(parts);
    all.push("asked_end.xml");
    let mut scenario = Scenario::of(&all)
        .with("USER", "helpline")
        .with("PASSWORD", PASSWORD);
    for (word, value) in words {
        scenario = scenario.with(word, value);
    }
    scenario.times(100).at_port(port).waits(place)
}

/// `qaynar trunk test carrier …`: whether all is well, and the steps.
fn test(place: &Place, arguments: &[&str]) -> (bool, Vec<Value>) {
    let mut all = vec!["trunk", "test", "carrier", "--format", "json"];
    all.extend(arguments);
    let output = place.command(&all).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let steps = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{errors}"));
    assert!(!text.contains(PASSWORD) && !errors.contains(PASSWORD));
    (output.status.success(), steps)
}

/// The first step of a name: whether it is well, and what is said.
fn step(steps: &[Value], name: &str) -> (Option<bool>, String) {
    let step = steps.iter().find(|step| step["step"] == name);
    let step = step.unwrap_or_else(|| panic!("no {name}: {steps:?}"));
    (
        step["good"].as_bool(),
        step["text"].as_str().unwrap().into(),
    )
}

/// It is wrong, and these words say how.
fn is_wrong(steps: &[Value], name: &str, words: &str) {
    let (good, text) = step(steps, name);
    assert_eq!(good, Some(false), "{text}");
    assert!(text.contains(words), "{text}");
}

#[test]
fn a_carrier_that_is_well_is_said_to_be_also_beside_a_running_server() {
    let port = free_port();
    let config = trunk(&format!("sip:127.0.0.1:{port}"), PASSWORD);
    let place = Setup::new().config(&config).lay_out();
    let nobody = [("STATUS", "404 Not Found")];
    let sipp = carrier(&place, port, &["unavailable.xml"], &nobody);
    let (well, steps) = test(&place, &[]);
    assert!(well, "{steps:?}");
    for (name, words) in [
        ("dns", "udp 127.0.0.1"),
        ("transport", "open"),
        ("options", "405"),
        ("digest", "accepted"),
        ("call", "as it should be"),
    ] {
        let (good, text) = step(&steps, name);
        assert_eq!(good, Some(true), "{name}: {text}");
        assert!(text.contains(words), "{name}: {text}");
    }
    let invite = sipp.receives("INVITE", SOON);
    assert!(
        invite.begins("INVITE sip:+9990000000@127.0.0.1"),
        "{}",
        invite.text
    );
    assert!(invite.header("From").unwrap().contains("+994124040404@"));
    assert_eq!(sipp.received("ACK").len(), 1);

    let server = place.start();
    let registered = || server.status()["trunks"][0]["registered"] == "yes";
    eventually("the server's own registration", SOON, || {
        registered().then_some(())
    });
    let before = sipp.received("REGISTER").len();
    assert!(test(&server.place, &[]).0);
    assert!(registered());
    // It asked, and changed nothing (RFC 3261 §10.2.3).
    for wire in sipp.received("REGISTER").split_off(before) {
        assert_eq!(wire.header("Contact"), None, "{}", wire.text);
    }
    server.is_drained();
}

#[test]
fn a_number_that_is_named_rings_for_a_moment_and_never_an_emergency() {
    let port = free_port();
    let config = trunk(&format!("sip:127.0.0.1:{port}"), PASSWORD);
    let place = Setup::new().config(&config).lay_out();
    let ear = Ear::open(None, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let sipp = carrier(&place, port, &["operator.xml"], &[("SDP", &sdp)]);
    let (well, steps) = test(&place, &["--call", "050 680 22 99"]);
    assert!(well, "{steps:?}");
    let (_, text) = step(&steps, "call");
    assert!(text.contains("rang (180)"), "{text}");
    assert!(
        sipp.receives("INVITE", SOON)
            .begins("INVITE sip:+994506802299@")
    );
    let cancel = sipp.receives("CANCEL", SOON);
    assert_eq!(cancel.header("CSeq"), Some("1 CANCEL"));
    sipp.receives("ACK", SOON);
    let arguments = ["trunk", "test", "carrier", "--call", "112"];
    let output = place.command(&arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && errors.contains("emergencies"),
        "{errors}"
    );
    assert_eq!(sipp.received("INVITE").len(), 1);
}

#[test]
fn who_answers_the_test_is_hung_up_on() {
    let port = free_port();
    let config = trunk(&format!("sip:127.0.0.1:{port}"), PASSWORD);
    let place = Setup::new().config(&config).lay_out();
    let ear = Ear::open(None, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let sipp = carrier(&place, port, &["machine.xml"], &[("SDP", &sdp)]);
    let (well, steps) = test(&place, &["--call", "0506802299"]);
    assert!(
        well && step(&steps, "call").1.contains("hung up"),
        "{steps:?}"
    );
    sipp.receives("ACK", SOON);
    sipp.receives("BYE sip:phone@", SOON);
}

#[test]
fn a_wrong_password_and_a_call_that_is_forbidden_are_told() {
    let port = free_port();
    let config = trunk(&format!("sip:127.0.0.1:{port}"), "mistyped");
    let place = Setup::new().config(&config).lay_out();
    let forbidden = [("STATUS", "403 Forbidden")];
    let _sipp = carrier(&place, port, &["unavailable.xml"], &forbidden);
    let (well, steps) = test(&place, &[]);
    assert!(!well);
    assert_eq!(step(&steps, "options").0, Some(true));
    is_wrong(&steps, "digest", "user and password are refused (403)");
    is_wrong(&steps, "call", "403: it forbids the call");
    let output = place
        .command(&["trunk", "test", "carrier"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("digest     WRONG"), "{text}");
}

#[test]
fn silence_and_a_name_that_dns_does_not_know_are_told() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let peer = format!("sip:127.0.0.1:{}", silent.local_addr().unwrap().port());
    let dns = Zone::default().serve();
    let config = format!(
        "[dns]\nservers = [\"127.0.0.1:{}\"]\n{}",
        dns.port,
        trunk("sip:nowhere.example.net", PASSWORD)
    );
    let lost = Setup::new().config(&config).lay_out();
    let (well, steps) = test(&lost, &[]);
    assert!(!well);
    is_wrong(&steps, "dns", "no server of sip:nowhere.example.net");
    assert_eq!(steps.len(), 1);
    // Without REGISTER, which would be one more silence.
    let config = format!("[[trunks]]\nname = \"carrier\"\npeer = \"{peer}\"");
    let place = Setup::new().config(&config).lay_out();
    let (well, steps) = test(&place, &[]);
    assert!(!well);
    is_wrong(&steps, "options", "whether our address");
    is_wrong(&steps, "call", "no answer to INVITE");
}

/// A port where one handshake after the other is tried with this certificate.
fn shows(place: &Place, name: &str, times: usize) -> (u16, JoinHandle<()>) {
    let (certificate, key) = place.authority().sign(place.path(), name);
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        for _ in 0..times {
            let (mut socket, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(Arc::new(config.clone())).unwrap();
            // The peer breaks off, and says why.
            while connection.is_handshaking() && connection.complete_io(&mut socket).is_ok() {}
        }
    });
    (port, thread)
}

#[test]
fn a_certificate_of_another_name_is_told() {
    let dns = Zone::default().host("sip.carrier.az", "127.0.0.1").serve();
    let mut place = Setup::new().tls().lay_out();
    let (port, thread) = shows(&place, "other.az", 1);
    let config = format!(
        "[dns]\nservers = [\"127.0.0.1:{}\"]\n{}",
        dns.port,
        trunk(&format!("sips:sip.carrier.az:{port}"), PASSWORD)
    );
    place.configure(&config);
    let (well, steps) = test(&place, &[]);
    assert!(!well);
    is_wrong(&steps, "transport", "not for sip.carrier.az");
    let (good, text) = step(&steps, "call");
    assert_eq!(good, None, "{text}");
    thread.join().unwrap();
}
