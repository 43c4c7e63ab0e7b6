//! Operators whose phone is a page in a browser: SIP over WebSocket (RFC 7118). The page rings and shows a
//! pseudonym; it has no sound with us yet, and no caller is lost by that.

use crate::browser::Browser;
use crate::ear::{Ear, ULAW};
use crate::server::{HOLD, SOON, Server, Setup};
use crate::sipp::{Phone, dial_code, talk};

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;

/// The operator is on shift, whose phone is registered.
fn goes_on_shift(server: &Server, operator: &str) {
    dial_code(server, operator, "*11", "logged-in");
    server.is_on_shift(operator);
}

#[test]
fn a_browser_is_rung_by_websocket_and_a_caller_whom_it_cannot_take_goes_to_the_next() {
    let server = Setup::new()
        .operator("101")
        .operator("102")
        .websocket()
        .start();
    let page = Browser::start(&server, "101", "ws");
    page.is_registered();
    server.counts("contacts", 1);
    goes_on_shift(&server, "101");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    let rung = page.tells(1, "rung");
    assert!(rung.starts_with("rung C-"), "a pseudonym is shown: {rung}");
    caller.ear.hears(HOLD, SOON);
    let mut other = Phone::operator(&server, "102", OPERATOR);
    page.order("answer");
    page.tells(1, "failed");
    other.answers();
    talk((&caller.ear, CALLER), (&other.ear, OPERATOR));
    caller.hangs_up();
    other.is_hung_up_on();
    server.records(1)[0].ended("hung_up", "caller").with("102");
    assert_eq!(page.told("rung"), 1);
    caller.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567"]);
    let seen = page.said().join("\n");
    assert!(!seen.contains("501234567"), "each message is there: {seen}");
}
