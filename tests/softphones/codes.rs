//! Feature codes: an operator dials, something changes, and a voice says so.

use crate::baresip;
use crate::server::{SOON, Setup, tone_of};
use crate::sipp::Phone;

#[test]
fn each_code_does_what_it_says() {
    let server = Setup::new()
        .plan("wrap_up = \"2s\"", "wrap_up = \"6s\"")
        .operator("101")
        .start();
    let mut phone = baresip::Setup::new("101", 480).start(&server);
    phone.is_registered();
    // Registering alone takes nobody on shift.
    assert_eq!(server.count("on_shift"), 0);
    for (code, words, state) in [
        ("*10", "logged-out", "logged_out"),
        ("*11", "logged-in", "free"),
        ("*10", "free", "free"),
        ("*13", "paused", "paused"),
        ("*14", "resumed", "free"),
    ] {
        phone.dials_code(code);
        phone.heard(tone_of("az", words), SOON);
        server.operator_is("101", state);
    }
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    caller.ear.hears(480, SOON);
    server.operator_is("101", "talking");
    caller.hangs_up();
    server.operator_is("101", "wrap_up");
    phone.dials_code("*10");
    phone.heard(tone_of("az", "wrap-up"), SOON);
    server.operator_is("101", "free");
    phone.dials_code("*12");
    phone.heard(tone_of("az", "logged-out"), SOON);
    server.operator_is("101", "logged_out");
    assert_eq!(server.count("on_shift"), 0);
    // A code is no call: one record, of the caller.
    server.records(1)[0].ended("hung_up", "caller");
    server.is_drained();
}

#[test]
fn who_goes_while_callers_wait_is_told_so() {
    let server = Setup::new().operator("101").operator("102").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.rings();
    let mut other = baresip::Setup::new("102", 520).by_hand().start(&server);
    other.is_registered();
    other.dials_code("*11");
    other.dials_code("*13");
    other.heard(tone_of("az", "callers-waiting"), SOON);
    caller.hangs_up();
    operator.sipp.succeeds();
    server.records(1)[0].ended("abandoned", "caller");
    server.is_drained();
}
