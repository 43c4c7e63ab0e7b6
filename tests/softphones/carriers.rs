//! What carriers bring and get, each at an address of its own: where the dialled number stands, how numbers
//! and codecs are written, what is above a limit, and that nobody outside learns who called us.

use crate::baresip::{self, Baresip};
use crate::ear::{ALAW, Ear, ULAW};
use crate::ports::free_port;
use crate::server::{SOON, Server, Setup};
use crate::sipp::{Phone, Scenario, Sipp, audio};

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;
const CALLEE: u32 = 540;
/// Operators may call mobile numbers.
const OUTGOING: &str = "[[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\n\n[queue.children]";

/// Operator 101's phone, which calls outside.
fn phone(server: &Server) -> Baresip {
    let mut phone = baresip::Setup::new("101", OPERATOR).start(server);
    phone.is_registered();
    phone
}

fn dials(phone: &mut Baresip, server: &Server, number: &str) {
    phone.command("dial", &format!("sip:{number}@{}", server.udp));
}

/// A carrier's server with somebody behind it, who answers when nudged.
fn callee(server: &Server, (address, port): (&'static str, u16)) -> (Sipp, Ear) {
    let ear = Ear::open(CALLEE, ULAW);
    let scenario = Scenario::of(&["operator.xml"]).with("SDP", &audio(ear.port(), &[ULAW, ALAW]));
    let sipp = scenario.at_port(port).at_address(address).run(server);
    (sipp, ear)
}

/// Where each of five carriers writes the number that was dialled.
const PLACES: [(&str, &str, &str, &str); 5] = [
    ("request-uri", "127.0.0.2", "116111", ""),
    ("to", "127.0.0.3", "+994506802280", ""),
    (
        "p-called-party-id",
        "127.0.0.4",
        "+994515802280",
        "P-Called-Party-ID: <sip:0515802280@carrier.example.net>\n",
    ),
    (
        "diversion",
        "127.0.0.5",
        "+994518801180",
        "Diversion: <sip:line@carrier.example.net>;reason=time-of-day\n\
         Diversion: <tel:+994518801180>;reason=unconditional\n",
    ),
    (
        "history-info",
        "127.0.0.6",
        "+994518802280",
        "History-Info: <sip:line@carrier.example.net>;index=1.1\n\
         History-Info: <sip:0518802280@carrier.example.net>;index=1\n",
    ),
];

#[test]
fn each_carrier_writes_the_dialled_number_where_its_trunk_says() {
    let mut config = String::new();
    for (did_from, address, ..) in PLACES {
        config += &format!(
            "[[trunks]]\nname = \"by-{did_from}\"\nsources = [\"{address}\"]\ndid_from = \"{did_from}\"\n"
        );
    }
    let server = Setup::new().config(&config).start();
    let ear = Ear::open(None, ULAW);
    let mut callers = Vec::new();
    for (did_from, address, number, headers) in PLACES {
        let line = if did_from == "request-uri" {
            number
        } else {
            "line-12"
        };
        let sdp = audio(ear.port(), &[ULAW]);
        let mut caller = Scenario::caller("0501234567", line, &sdp)
            .with("HEADERS", headers)
            .at_address(address);
        if did_from == "to" {
            caller = caller.to("sip:0506802280@carrier.example.net;user=phone");
        }
        callers.push(caller.run(&server));
    }
    // Nobody is on shift: each hears so, and is hung up on.
    for caller in &mut callers {
        caller.succeeds();
    }
    let calls = server.records(PLACES.len());
    for (did_from, _, number, _) in PLACES {
        let trunk = format!("by-{did_from}");
        let call = calls
            .iter()
            .find(|call| call.text("trunk") == trunk)
            .unwrap();
        assert_eq!(call.text("dialled"), number, "{did_from}");
        call.ended("completed", "server");
    }
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}

/// A caller whom the server refuses with this.
fn refused(server: &Server, status: &str, address: &'static str) -> Sipp {
    let sdp = audio(free_port(), &[ULAW]);
    let scenario = Scenario::caller_of(&["refused.xml"], "0551234567", "116111", &sdp);
    let mut late = scenario
        .with("STATUS", status)
        .at_address(address)
        .run(server);
    late.succeeds();
    late
}

/// The refusal, with its Retry-After.
fn retry_after(caller: &Sipp, status: &str) -> Option<String> {
    let wire = caller.received(&format!("SIP/2.0 {status}")).remove(0);
    wire.header("Retry-After").map(str::to_owned)
}

#[test]
fn above_its_channels_a_trunk_gets_its_code_and_a_call_for_help_still_goes_out() {
    let port = free_port();
    let config = format!(
        "max_calls = 3\n[[trunks]]\nname = \"full\"\nsources = [\"127.0.0.2\"]\n\
         peer = \"sip:127.0.0.2:{port};transport=udp\"\nmax_calls = 2\nbusy_code = 480\n\
         [[trunks]]\nname = \"other\"\nsources = [\"127.0.0.3\"]"
    );
    let setup = Setup::new().operator("101").operator("102").config(&config);
    let server = setup.plan("[queue.children]", OUTGOING).start();
    let operator = Phone::operator(&server, "102", OPERATOR + 100);
    let mut phone = phone(&server);
    let ear = Ear::open(CALLER, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let mut caller = Scenario::caller("0501234567", "116111", &sdp)
        .at_address("127.0.0.2")
        .run(&server);
    operator.answers();
    ear.hears(OPERATOR + 100, SOON);

    // Its other channel is kept: no second caller gets it, and no ordinary call of ours.
    let late = refused(&server, "480", "127.0.0.2");
    assert_eq!(
        retry_after(&late, "480"),
        None,
        "it is not we who are overloaded"
    );
    server.logs(&["trunk-full", "refused with 480"]);
    dials(&mut phone, &server, "0506802299");
    let closed = phone.tells("CALL_CLOSED", SOON);
    assert!(
        closed["param"].as_str().unwrap().contains("503"),
        "{closed}"
    );

    let (mut help, helper) = callee(&server, ("127.0.0.2", port));
    dials(&mut phone, &server, "112");
    let invite = help.receives("INVITE", SOON);
    assert!(invite.begins("INVITE sip:112@127.0.0.2"));
    helper.speaks_to(invite.audio_port());
    help.nudge();
    helper.hears(OPERATOR, SOON);
    phone.heard(CALLEE, SOON);

    // Our own overload is another matter: that passes, and we say when to try again.
    let third = Ear::open(None, ULAW);
    let sdp = audio(third.port(), &[ULAW]);
    let mut waiting = Scenario::caller("0701234567", "116111", &sdp)
        .at_address("127.0.0.3")
        .run(&server);
    waiting.receives("SIP/2.0 200", SOON);
    server.counts("calls", 3);
    let late = refused(&server, "503", "127.0.0.3");
    assert!(retry_after(&late, "503").is_some());

    for sipp in [&mut waiting, &mut help, &mut caller] {
        sipp.nudge();
        sipp.succeeds();
    }
    let calls = server.records(4);
    let help = calls
        .iter()
        .find(|call| call.text("dialled") == "112")
        .unwrap();
    help.ended("hung_up", "operator").with("101");
    calls[0].ended("hung_up", "caller").with("102");
    server.is_drained();
    server.tells_nobody(&["501234567", "551234567", "506802299"]);
}

#[test]
fn more_calls_a_second_than_agreed_get_the_trunks_code() {
    let config = "[[trunks]]\nname = \"slow\"\nsources = [\"127.0.0.2\"]\ncalls_per_second = 1";
    let server = Setup::new().config(config).start();
    let ear = Ear::open(None, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let flood = Scenario::caller_of(&["burst.xml"], "0501234567", "116111", &sdp);
    let mut flood = flood.at_address("127.0.0.2").times(20).run(&server);
    flood.succeeds();
    let refusals = flood.received("SIP/2.0 486");
    let answers = flood.received("SIP/2.0 200");
    let taken = answers
        .iter()
        .filter(|one| one.header("CSeq") == Some("1 INVITE"));
    // Twenty calls within about a second: one at once, and one a second after.
    assert!(
        (1..=5).contains(&taken.count()) && refusals.len() >= 15,
        "{}",
        refusals.len()
    );
    assert!(
        refusals
            .iter()
            .all(|one| one.header("Retry-After").is_none())
    );
    server.logs(&["trunk-full", "more than 1 calls a second"]);
    server.is_drained();
}

/// How two carriers want to be called: name, address, form of numbers and codecs; and what they then get.
const WISHES: [(&str, &str, &str, &str, &str, &str); 2] = [
    (
        "one",
        "127.0.0.1",
        "national",
        "\"pcmu\", \"pcma\"",
        "0506802299",
        "0 8 ",
    ),
    (
        "two",
        "127.0.0.2",
        "international",
        "\"pcma\"",
        "00994506802299",
        "8 ",
    ),
];

#[test]
fn each_trunk_gets_its_numbers_and_codecs_as_it_wants_them() {
    let mut config = String::new();
    let mut places = Vec::new();
    for (at, (name, address, format, codecs, ..)) in WISHES.iter().enumerate() {
        let port = free_port();
        config += &format!(
            "[[trunks]]\nname = \"{name}\"\npeer = \"sip:{address}:{port}\"\nnumber_format = \"{format}\"\n\
             codecs = [{codecs}]\npriority = {}\nfrom = \"+99412404040{at}\"\n",
            at + 1
        );
        places.push((*address, port));
    }
    let setup = Setup::new().operator("101").config(&config);
    let server = setup.plan("[queue.children]", OUTGOING).start();
    let refusal = Scenario::of(&["unavailable.xml"]).with("STATUS", "503 Service Unavailable");
    let mut one = refusal.at_port(places[0].1).run(&server);
    let ear = Ear::open(CALLEE, ALAW);
    let two = Scenario::of(&["operator.xml"]).with("SDP", &audio(ear.port(), &[ALAW]));
    let mut two = two
        .at_port(places[1].1)
        .at_address(places[1].0)
        .run(&server);
    let mut phone = phone(&server);
    dials(&mut phone, &server, "0506802299");
    let invites = [one.receives("INVITE", SOON), two.receives("INVITE", SOON)];
    for ((at, invite), (_, _, _, _, number, formats)) in invites.iter().enumerate().zip(WISHES) {
        assert!(
            invite.begins(&format!("INVITE sip:{number}@")),
            "{}",
            invite.text
        );
        let offered = invite.text.split("RTP/AVP ").nth(1).unwrap();
        assert!(offered.starts_with(formats), "{offered}");
        let from = invite.header("From").unwrap();
        assert!(from.contains(&format!("<sip:+99412404040{at}@")), "{from}");
    }
    ear.speaks_to(invites[1].audio_port());
    two.nudge();
    ear.hears(OPERATOR, SOON);
    phone.heard(CALLEE, SOON);
    assert_eq!(ear.payload_types(), [ALAW]);
    two.nudge();
    two.succeeds();
    one.succeeds();
    let calls = server.records(1);
    calls[0].ended("hung_up", "operator").with("101");
    assert_eq!(calls[0].text("trunk"), "two");
    server.is_drained();
    server.tells_nobody(&["506802299"]);
}

#[test]
fn nobody_outside_learns_who_called_us() {
    let port = free_port();
    let config = format!(
        "[[trunks]]\nname = \"in\"\nsources = [\"127.0.0.2\"]\n[[trunks]]\nname = \"out\"\n\
         peer = \"sip:127.0.0.3:{port}\"\nfrom = \"+994124040404\""
    );
    // Nobody is on shift, so the psychologist on duty is called at a mobile number.
    let duty = "{ ring = \"+994506802299\", for = \"25s\" },\n  { play = [\"nobody-now\"";
    let server = Setup::new()
        .plan("{ play = [\"nobody-now\"", duty)
        .config(&config)
        .start();
    let (mut duty, helper) = callee(&server, ("127.0.0.3", port));
    let ear = Ear::open(CALLER, ULAW);
    let secrets = "P-Asserted-Identity: \"Leyla\" <sip:+994501234567@carrier.example.net>\n\
                   P-Preferred-Identity: <tel:+994501234567>\nRemote-Party-ID: <sip:501234567@c.az>\n\
                   Diversion: <sip:0501234567@c.az>\nHistory-Info: <sip:0501234567@c.az>;index=1\n\
                   Contact-Params: 0501234567\nSubject: Leyla 0501234567\nUser-to-User: 0501234567\n";
    let sdp = audio(ear.port(), &[ULAW]).replace("s=-", "s=Leyla");
    let mut caller = Scenario::caller("0501234567", "116111", &sdp)
        .with("HEADERS", secrets)
        .at_address("127.0.0.2")
        .run(&server);
    let invite = duty.receives("INVITE", SOON);
    helper.speaks_to(invite.audio_port());
    duty.nudge();
    helper.hears(CALLER, SOON);
    ear.hears(CALLEE, SOON);
    caller.nudge();
    caller.succeeds();
    duty.receives("BYE", SOON);
    duty.succeeds();
    let from = invite.header("From").unwrap();
    assert!(from.starts_with("<sip:+994124040404@"), "{from}");
    let received: Vec<_> = duty
        .messages()
        .into_iter()
        .filter(|wire| !wire.sent)
        .collect();
    assert!(received.len() >= 3, "INVITE, ACK and BYE");
    for wire in received {
        for secret in ["501234567", "Leyla", "127.0.0.2", "sipp-", "C-"] {
            assert!(!wire.text.contains(secret), "{secret} in {}", wire.text);
        }
    }
    server.records(1)[0].ended("hung_up", "caller");
    server.is_drained();
    server.tells_nobody(&["501234567", "Leyla"]);
}
