//! Audio under keys: baresip encrypts and decrypts, so that ours is not proven by itself alone.

use crate::baresip::Setup as Phone;
use crate::server::{SOON, Setup};
use crate::sipp;
use crate::trace::tells_nothing_private;

/// An operator whose phone encrypts so, and a caller in the clear.
fn talks(encryption: &'static str, server: Setup) {
    let server = server.operator("101").start();
    let mut phone = Phone::new("101", 480).encrypts(encryption).start(&server);
    phone.goes_on_shift(&server, "101");
    let mut caller = sipp::Phone::caller(&server, "0501234567", "116111", 350);
    caller.ear.hears(480, SOON);
    phone.heard(350, SOON);
    caller.hangs_up();
    phone.tells("CALL_CLOSED", SOON);
    caller.ear.heard_one_stream();
    let call = server.records(1)[0]
        .ended("hung_up", "caller")
        .with("101")
        .text("call")
        .to_owned();
    server.is_drained();
    tells_nothing_private(&server, &call, &[]);
    let said = phone.process.said();
    assert!(
        said.contains("audio: SRTP"),
        "the phone did not encrypt:\n{said}"
    );
    // No key is in the log or in any file.
    server.tells_nobody(&["inline:"]);
}

#[test]
fn a_phone_that_may_encrypt_does_and_talks_with_a_caller_in_the_clear() {
    talks("srtp", Setup::new().media("srtp_keys_in_clear = true"));
}

#[test]
fn a_phone_that_must_encrypt_talks_with_a_caller_in_the_clear() {
    let must = Setup::new().media("srtp_keys_in_clear = true\nsrtp_required = [\"101\"]");
    talks("srtp-mand", must);
}
