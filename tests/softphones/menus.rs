//! Menus, and routes by caller: which way a phone's call goes.

use crate::server::{SOON, Server, Setup, tone_of};
use crate::sipp::Phone;

const CALLER: u32 = 350;

/// The greeting asks for a key; 1, and whoever calls from abroad, goes to a path of its own.
fn house() -> Server {
    let menu = "[[route]]\nfrom = \"abroad\"\ngo = \"legal\"\n\n\
                [path.legal]\nsteps = [{ play = \"long-wait\" }]\n\n\
                [path.welcome]\nsteps = [\n  { menu = \"greeting\", keys = { 1 = \"legal\" }, wait = \"1s\" },";
    Setup::new().plan("[path.welcome]\nsteps = [", menu).start()
}

#[test]
fn a_key_in_a_menu_leads_to_another_path_and_no_key_on() {
    let server = house();
    let mut one = Phone::caller(&server, "0501234567", "116111", CALLER);
    let mut other = Phone::caller(&server, "0551234567", "116111", CALLER);
    for phone in [&one, &other] {
        phone.ear.hears(tone_of("az", "greeting"), SOON);
    }
    one.ear.press(1);
    one.ear.hears(tone_of("az", "long-wait"), SOON);
    one.is_hung_up_on();
    assert!(one.ear.never_heard(tone_of("az", "nobody-now")));
    other.ear.hears(tone_of("az", "nobody-now"), SOON);
    other.is_hung_up_on();
    assert!(other.ear.never_heard(tone_of("az", "long-wait")));
    for call in server.records(2) {
        call.ended("completed", "server");
    }
    server.is_drained();
}

#[test]
fn a_caller_from_abroad_goes_another_way_and_the_number_stays_nowhere() {
    let server = house();
    let mut caller = Phone::caller(&server, "+902125551234", "116111", CALLER);
    caller.ear.hears(tone_of("az", "long-wait"), SOON);
    caller.is_hung_up_on();
    assert!(caller.ear.never_heard(tone_of("az", "greeting")));
    server.records(1)[0].ended("completed", "server");
    server.is_drained();
    server.tells_nobody(&["902125551234", "2125551234"]);
}
