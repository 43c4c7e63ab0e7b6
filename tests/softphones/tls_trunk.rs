//! A carrier by TLS, found by NAPTR and SRV: who it is, its certificate says, and who we are, ours.

use crate::dns::{Dns, Zone};
use crate::ear::{Ear, ULAW};
use crate::ports::free_port;
use crate::server::{SOON, Server, Setup};
use crate::sipp::{Scenario, audio};
use crate::{baresip, pjsua};

const OPERATOR: u32 = 480;
const CARRIER: u32 = 350;
const NUMBER: &str = "0506802299";
const OUTGOING: &str = "[[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\n\n[queue.children]";

/// The carrier's zone: TLS before UDP, and a host whose name is not the carrier's.
fn zone(tls: u16, udp: u16) -> Dns {
    let (secure, plain) = ("_sips._tcp.carrier.az", "_sip._udp.carrier.az");
    Zone::default()
        .naptr("carrier.az", 10, "SIPS+D2T", secure)
        .naptr("carrier.az", 20, "SIP+D2U", plain)
        .srv(secure, (10, 5), ("edge-1.hosting.az", tls))
        .srv(plain, (10, 5), ("edge-1.hosting.az", udp))
        .host("edge-1.hosting.az", "127.0.0.1")
        .serve()
}

/// A server with that carrier.
fn house(dns: &Dns) -> Server {
    let mut place = Setup::new()
        .operator("101")
        .tls()
        .plan("[queue.children]", OUTGOING)
        .lay_out();
    place.configure(&format!(
        "[dns]\nservers = [\"127.0.0.1:{}\"]\n[[trunks]]\nname = \"carrier\"\npeer = \"sip:carrier.az\"\n\
         tls_identity = \"carrier.az\"\nfrom = \"+994124040404\"\n",
        dns.port
    ));
    place.start()
}

#[test]
fn a_carrier_by_tls_is_found_by_dns_and_each_proves_who_it_is() {
    let (tls, udp) = (free_port(), free_port());
    let dns = zone(tls, udp);
    let server = house(&dns);
    // A carrier that takes nobody without a certificate of our authority.
    let mut carrier = pjsua::Setup::carrier("carrier.az", CARRIER, tls).start(&server);
    let mut phone = baresip::Setup::new("101", OPERATOR).start(&server);
    phone.goes_on_shift(&server, "101");
    phone.command("dial", &format!("sip:{NUMBER}@{}", server.udp));
    carrier.process.says("incoming", SOON);
    let line = carrier.process.says("wire INVITE", SOON);
    assert!(
        line.contains("INVITE sip:+994506802299@carrier.az"),
        "{line}"
    );
    let via = carrier.process.says("wire Via:", SOON);
    assert!(via.contains("SIP/2.0/TLS"), "{via}");
    carrier.heard(OPERATOR, SOON);
    phone.heard(CARRIER, SOON);
    carrier.process.tell("hangup");
    let calls = server.records(1);
    calls[0].ended("hung_up", "operator").with("101");
    assert_eq!(calls[0].text("trunk"), "carrier");
    server.operator_is("101", "free");

    // The other way: from a port of its own, known by its certificate alone.
    carrier.dials("116111");
    server.counts("talking", 1);
    carrier.process.tell("hangup");
    let calls = server.records(2);
    calls[1].ended("hung_up", "caller").with("101");
    assert_eq!(calls[1].text("trunk"), "carrier");
    assert_eq!(calls[1].text("direction"), "in");
    server.is_drained();
    server.tells_nobody(&["506802299", "501234567"]);
}

#[test]
fn a_server_with_a_strangers_certificate_is_not_spoken_to_and_the_next_is_tried() {
    let (tls, udp) = (free_port(), free_port());
    let dns = zone(tls, udp);
    let server = house(&dns);
    let stranger = pjsua::Setup::carrier("stranger.az", CARRIER, tls).start(&server);
    let ear = Ear::open(CARRIER + 190, ULAW);
    let next = Scenario::of(&["operator.xml"]).with("SDP", &audio(ear.port(), &[ULAW]));
    let mut next = next.at_port(udp).run(&server);
    let mut phone = baresip::Setup::new("101", OPERATOR).start(&server);
    phone.is_registered();
    phone.command("dial", &format!("sip:{NUMBER}@{}", server.udp));
    let invite = next.receives("INVITE", SOON);
    ear.speaks_to(invite.audio_port());
    next.nudge();
    ear.hears(OPERATOR, SOON);
    phone.heard(CARRIER + 190, SOON);
    next.nudge();
    next.succeeds();
    assert!(!stranger.process.said().contains("incoming"));
    server.records(1)[0]
        .ended("hung_up", "operator")
        .with("101");
    server.is_drained();
}
