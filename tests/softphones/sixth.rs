//! Calls by IPv6.

use crate::pjsua;
use crate::server::{SOON, Setup};
use crate::sipp::Phone;

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;

/// A caller of the trunk by SIPp and an operator's pjsua2, both on `::1`, by this transport.
fn by_ipv6(transport: &'static str) {
    let server = Setup::new()
        .operator("101")
        .listen("\"udp://[::1]:0\", \"tcp://[::1]:0\"")
        .start();
    let mut phone = pjsua::Setup::new("101", OPERATOR)
        .over(transport)
        .start(&server);
    phone.goes_on_shift(&server, "101");
    let mut caller = Phone::caller_over(&server, transport, CALLER);
    caller.ear.hears(OPERATOR, SOON);
    phone.heard(CALLER, SOON);
    let answer = caller.sipp.receives("SIP/2.0 200", SOON);
    assert!(answer.text.contains("c=IN IP6 ::1"), "{}", answer.text);
    assert!(
        answer.header("Contact").unwrap().contains("@[::1]:"),
        "{}",
        answer.text
    );
    caller.hangs_up();
    let calls = server.records(1);
    calls[0].ended("hung_up", "caller").with("101");
    caller.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn a_call_by_ipv6_and_udp() {
    by_ipv6("udp");
}

#[test]
fn a_call_by_ipv6_and_tcp() {
    by_ipv6("tcp");
}
