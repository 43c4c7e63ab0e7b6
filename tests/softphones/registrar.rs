//! A carrier with which we register: SIPp asks for a proof, for a longer time and for a way of its own, is
//! asked again before its grant ends, and is told when we leave. Calls go in and out meanwhile.

use crate::baresip::{self, Baresip};
use crate::ear::{ALAW, Ear, ULAW};
use crate::moment::eventually;
use crate::ports::free_port;
use crate::server::{SOON, Server, Setup};
use crate::sipp::{Scenario, Sipp, audio};

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;
const PASSWORD: &str = "open-sesame-7";
/// Where the carrier's calls come from and go to; its registrar is at 127.0.0.1.
const CORE: &str = "127.0.0.2";

/// The registrar, its core's port, and a server that registers there.
fn registered() -> (Sipp, u16, Server) {
    let (registrar, core) = (free_port(), free_port());
    let config = format!(
        "[[trunks]]\nname = \"carrier\"\npeer = \"sip:127.0.0.1:{registrar};transport=udp\"\n\
         register = true\nuser = \"helpline\"\npassword = \"{PASSWORD}\"\nexpires = \"60s\"\n\
         did_from = \"to\"\nfrom = \"+994124040404\""
    );
    let outgoing = "[[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\n\n[queue.children]";
    let place = Setup::new()
        .operator("101")
        .plan("[queue.children]", outgoing)
        .config(&config)
        .lay_out();
    let sipp = Scenario::of(&["registrar.xml"])
        .with("NONCE", "84a4cc6f30821")
        .with("USER", "helpline")
        .with("PASSWORD", PASSWORD)
        .with("SHORT", "10")
        .with("ROUTE", &format!("{CORE}:{core}"))
        .at_port(registrar)
        .waits(&place);
    (sipp, core, place.start())
}

/// What `qaynar trunk list` says of our registration, once it is this.
fn is_registered(server: &Server, wanted: &str) {
    eventually(&format!("a trunk {wanted}"), SOON, || {
        (server.status()["trunks"][0]["registered"] == wanted).then_some(())
    });
}

/// The times that the REGISTERs with a proof asked for, repetitions left out.
fn asked(registrar: &Sipp) -> Vec<String> {
    let mut all = Vec::new();
    for wire in registrar.received("REGISTER") {
        let (cseq, expires) = (wire.header("CSeq"), wire.header("Expires"));
        let one = (cseq.unwrap().to_owned(), expires.unwrap().to_owned());
        if wire.header("Authorization").is_some() && !all.contains(&one) {
            all.push(one);
        }
    }
    all.into_iter().map(|(_, expires)| expires).collect()
}

/// A call from an address that no setting names, to the Contact that nobody else was told.
fn comes_in(server: &Server, phone: &Baresip, line: &str) {
    let ear = Ear::open(CALLER, ULAW);
    let sdp = audio(ear.port(), &[ULAW, ALAW]);
    let mut caller = Scenario::caller("0501234567", line, &sdp)
        .to("sip:116111@carrier.example.net")
        .at_address(CORE)
        .run(server);
    ear.hears(OPERATOR, SOON);
    phone.heard(CALLER, SOON);
    caller.nudge();
    caller.succeeds();
    let calls = server.records(1);
    calls[0].ended("hung_up", "caller").with("101");
    assert_eq!(calls[0].text("trunk"), "carrier");
    assert_eq!(calls[0].text("dialled"), "116111");
    ear.heard_one_stream();
    server.operator_is("101", "free");
}

/// A call by the Service-Route, with the number at the registrar's domain.
fn goes_out(server: &Server, phone: &mut Baresip, core: u16) {
    let ear = Ear::open(CALLER + 190, ULAW);
    let callee = Scenario::of(&["operator.xml"]).with("SDP", &audio(ear.port(), &[ULAW]));
    let mut callee = callee.at_port(core).at_address(CORE).run(server);
    phone.command("dial", &format!("sip:0506802299@{}", server.udp));
    let invite = callee.receives("INVITE", SOON);
    let route = invite.header("Route").unwrap();
    assert_eq!(route, format!("<sip:{CORE}:{core};lr>"));
    assert!(invite.begins("INVITE sip:+994506802299@127.0.0.1:"));
    assert!(invite.header("From").unwrap().contains("+994124040404@"));
    ear.speaks_to(invite.audio_port());
    callee.nudge();
    ear.hears(OPERATOR, SOON);
    phone.heard(CALLER + 190, SOON);
    callee.nudge();
    callee.succeeds();
    let calls = server.records(2);
    calls[1].ended("hung_up", "operator").with("101");
    assert_eq!(calls[1].text("trunk"), "carrier");
    assert_eq!(calls[1].text("direction"), "out");
    server.is_drained();
    server.tells_nobody(&["501234567", "506802299", PASSWORD]);
}

#[test]
fn calls_go_in_and_out_over_a_trunk_that_we_register_with() {
    let (mut registrar, core, mut server) = registered();
    is_registered(&server, "yes");
    assert_eq!(
        asked(&registrar)[..2],
        ["60", "90"],
        "423 says for how long"
    );
    let last = registrar.received("REGISTER").pop().unwrap();
    let contact = last.header("Contact").unwrap();
    let line = contact.split(['<', '>']).nth(1).unwrap().to_owned();
    let mut phone = baresip::Setup::new("101", OPERATOR).start(&server);
    phone.goes_on_shift(&server, "101");
    comes_in(&server, &phone, &line);
    goes_out(&server, &mut phone, core);

    // The short grant was refreshed before its end; at the last, the carrier is told that we leave.
    eventually("the refresh", SOON, || {
        (asked(&registrar).len() >= 3).then_some(())
    });
    server.process.signal("TERM");
    registrar.succeeds();
    assert!(server.process.ends(SOON).success());
    assert_eq!(asked(&registrar), ["60", "90", "90", "0"]);
    let registers = registrar.received("REGISTER");
    let call_id = registers[0].header("Call-ID");
    let mut before = 0;
    for wire in &registers {
        assert_eq!(wire.header("Call-ID"), call_id, "{}", wire.text);
        let contact = wire.header("Contact").unwrap();
        assert!(contact.contains(&line), "{}", wire.text);
        assert!(wire.header("Route").is_none(), "RFC 3608 §5");
        let cseq = wire.header("CSeq").unwrap().split(' ').next();
        let number: u32 = cseq.unwrap().parse().unwrap();
        assert!(number >= before, "{}", wire.text);
        before = number;
    }
}

#[test]
fn a_wrong_password_is_told_with_what_to_ask_the_carrier() {
    let registrar = free_port();
    let config = format!(
        "[[trunks]]\nname = \"carrier\"\npeer = \"sip:127.0.0.1:{registrar}\"\nregister = true\n\
         user = \"helpline\"\npassword = \"mistyped\""
    );
    let place = Setup::new().config(&config).lay_out();
    let mut sipp = Scenario::of(&["registrar.xml"])
        .with("NONCE", "84a4cc6f30821")
        .with("USER", "helpline")
        .with("PASSWORD", PASSWORD)
        .with("SHORT", "10")
        .with("ROUTE", CORE)
        .at_port(registrar)
        .waits(&place);
    let server = place.start();
    sipp.succeeds();
    server.logs(&[
        "trunk-unregistered",
        "user and password (403)",
        "qaynar trunk test carrier",
    ]);
    is_registered(&server, "no");
    let (well, said) = server.run(&["trunk", "list"]);
    assert!(well && said.contains("NOT registered"), "{said}");
    server.tells_nobody(&["mistyped"]);
}
