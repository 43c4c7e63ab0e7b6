//! IPv6: callers and phones on it, and calls between the two families. pjsua2 as PyPI has it is built without.

use crate::baresip::{self, Baresip};
use crate::linphone::Linphone;
use crate::server::{SOON, Server, Setup};
use crate::sipp::Phone;

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;

/// The caller hears the operator and is heard, and hangs up; nothing is left.
fn talks(server: &Server, mut caller: Phone, heard: impl FnOnce(), calls: usize) {
    caller.ear.hears(OPERATOR, SOON);
    heard();
    caller.hangs_up();
    let records = server.records(calls);
    records[calls - 1].ended("hung_up", "caller").with("201");
    caller.ear.heard_one_stream();
    server.operator_is("201", "free");
    server.is_drained();
}

/// baresip by IPv6 answers a caller by IPv6, and one by IPv4.
fn baresip_by(transport: &'static str, tcp: bool) {
    let server = Setup::new().operator("201").tls().six().start();
    let phone = baresip::Setup::new("201", OPERATOR).by_six(transport, &server);
    let mut phone = phone.start(&server);
    phone.goes_on_shift(&server, "201");
    let caller = Phone::caller_by_six(&server, "116111", CALLER, tcp);
    let offer = caller.sipp.receives("SIP/2.0 200", SOON).text;
    assert!(offer.contains("c=IN IP6 ::1"), "{offer}");
    talks(&server, caller, || phone.heard(CALLER, SOON), 1);
    let caller = Phone::caller(&server, "0501234567", "116111", CALLER + 190);
    let offer = caller.sipp.receives("SIP/2.0 200", SOON).text;
    assert!(offer.contains("c=IN IP4 127.0.0.1"), "{offer}");
    talks(&server, caller, || phone.heard(CALLER + 190, SOON), 2);
    server.tells_nobody(&["501234567"]);
}

#[test]
fn baresip_by_udp_and_ipv6_talks_with_both_families() {
    baresip_by("udp", false);
}

#[test]
fn baresip_by_tcp_and_ipv6_talks_with_both_families() {
    baresip_by("tcp", true);
}

#[test]
fn baresip_by_tls_and_ipv6_talks_with_both_families() {
    baresip_by("tls", true);
}

/// A phone by IPv4 answers a caller by IPv6.
#[test]
fn a_phone_by_ipv4_talks_with_a_caller_by_ipv6() {
    let server = Setup::new().operator("201").six().start();
    let mut phone = Phone::operator(&server, "201", OPERATOR);
    let mut caller = Phone::caller_by_six(&server, "0506802280", CALLER, false);
    phone.answers();
    caller.ear.hears(OPERATOR, SOON);
    phone.ear.hears(CALLER, SOON);
    phone.hangs_up();
    caller.is_hung_up_on();
    server.records(1)[0]
        .ended("hung_up", "operator")
        .with("201");
    caller.ear.heard_one_stream();
    phone.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn linphone_answers_by_ipv6() {
    let server = Setup::new().operator("201").six().start();
    let mut phone = Linphone::start(&server, "201", "udp6", OPERATOR);
    phone.goes_on_shift(&server, "201");
    let caller = Phone::caller_by_six(&server, "116111", CALLER, false);
    talks(&server, caller, || phone.heard(CALLER, SOON), 1);
}

fn dials(phone: &mut Baresip, place: &str) {
    phone.command("dial", &format!("sip:116111@{place}"));
}

#[test]
fn each_phone_calls_by_ipv6_as_a_caller_would() {
    let setup = ["201", "202", "203"]
        .into_iter()
        .fold(Setup::new(), Setup::operator);
    let server = setup.six().start();
    let mut baresip = baresip::Setup::new("202", CALLER)
        .by_six("udp", &server)
        .start(&server);
    let mut linphone = Linphone::start(&server, "203", "tcp6", CALLER - 100);
    baresip.is_registered();
    linphone.is_registered();
    let mut operator = baresip::Setup::new("201", OPERATOR).start(&server);
    operator.goes_on_shift(&server, "201");

    dials(&mut baresip, &server.at("udp6").to_string());
    baresip.heard(OPERATOR, SOON);
    operator.heard(CALLER, SOON);
    baresip.command("hangup", "");
    server.records(1)[0].ended("hung_up", "caller").with("201");
    server.operator_is("201", "free");

    linphone.dials(&server, "116111");
    linphone.heard(OPERATOR, SOON);
    operator.heard(CALLER - 100, SOON);
    linphone.hangs_up();
    server.records(2)[1].ended("hung_up", "caller").with("201");
    server.is_drained();
}
