//! Operators whose phone is a page in a browser: SIP over WebSocket (RFC 7118). The page rings and shows a
//! pseudonym; it has no sound with us yet, and no caller is lost by that.

use crate::browser::{Browser, Site};
use crate::kamailio::Kamailio;
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
        .websocket("127.0.0.1")
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
    // RFC 7118 §5: by its connection alone it is reached.
    let register = page.tells(1, "sent \"REGISTER");
    assert!(register.contains(".invalid;transport=ws>"), "{register}");
    caller.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567"]);
    let seen = page.said().join("\n");
    assert!(!seen.contains("501234567"), "each message is there: {seen}");
    page.order("unregister");
    page.tells(1, "unregistered");
    server.operator_is("101", "unreachable");
}

#[test]
fn a_browser_by_wss_is_silent_when_the_caller_leaves_and_its_binding_goes_with_its_page() {
    let site = Site::open();
    let server = Setup::new()
        .operator("101")
        .config(&format!("origins = [\"{}\"]", site.origin()))
        .secure_websocket()
        .start();
    // A page of another origin is not let in, whatever it knows.
    let other = Browser::start(&server, "101", "wss");
    other.tells(1, "disconnected");
    assert_eq!(server.count("contacts"), 0);
    drop(other);
    let url = format!("wss://{}", server.at("wss"));
    let page = Browser::start_at(site, &server, "101", &url);
    page.is_registered();
    goes_on_shift(&server, "101");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    page.tells(1, "rung C-");
    caller.ear.hears(HOLD, SOON);
    caller.hangs_up();
    page.tells(1, "failed Canceled");
    server.records(1)[0].ended("abandoned", "caller");
    // The page is loaded anew: the same device, by another flow (RFC 5626 §6).
    page.order("reload");
    page.tells(2, "registered");
    server.counts("contacts", 1);
    server.operator_is("101", "free");
    page.order("leave");
    server.counts("contacts", 0);
    server.operator_is("101", "unreachable");
    server.is_drained();
}

#[test]
fn an_operator_whose_browser_cannot_take_calls_is_set_aside_and_back_with_the_next_shift() {
    // By IPv6, which a browser takes where the page names it.
    let server = Setup::new().operator("101").websocket("[::1]").start();
    let page = Browser::start(&server, "101", "ws6");
    page.is_registered();
    goes_on_shift(&server, "101");
    let mut first = Phone::caller(&server, "0501234567", "116111", CALLER);
    let mut second = Phone::caller(&server, "0501234568", "116111", CALLER);
    for count in [1, 2] {
        page.tells(count, "rung");
        page.order("answer");
        page.tells(count, "failed WebRTC Error");
    }
    server.logs(&["phone-unfit", "101"]);
    server.operator_is("101", "unreachable");
    assert_eq!(server.count("unfit"), 1);
    // Both are still in the line, and nobody rings in vain for them.
    server.counts("waiting", 2);
    first.hangs_up();
    second.hangs_up();
    server.records(2);
    goes_on_shift(&server, "101");
    let mut third = Phone::caller(&server, "0501234569", "116111", CALLER);
    page.tells(3, "rung");
    third.hangs_up();
    server.records(3)[2].ended("abandoned", "caller");
    server.is_drained();
}

#[test]
fn a_browser_at_an_edge_proxy_is_rung_by_its_flow_until_the_page_is_gone() {
    let server = Setup::new().operator("101").start();
    let proxy = Kamailio::edge(&server, "udp");
    let url = format!("ws://{}", proxy.at);
    let page = Browser::start_at(Site::open(), &server, "101", &url);
    page.is_registered();
    goes_on_shift(&server, "101");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    let rung = page.tells(1, "rung C-");
    assert!(!rung.contains("501234567"));
    caller.hangs_up();
    page.tells(1, "failed Canceled");
    server.records(1)[0].ended("abandoned", "caller");
    page.order("leave");
    page.is_gone();
    // Only the proxy can know, and tells when somebody calls (RFC 5626 §5.3.1).
    server.counts("contacts", 1);
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    server.counts("contacts", 0);
    server.operator_is("101", "unreachable");
    caller.ear.hears(HOLD, SOON);
    caller.hangs_up();
    server.records(2)[1].ended("abandoned", "caller");
    server.is_drained();
}
