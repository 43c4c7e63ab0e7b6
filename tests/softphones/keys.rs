//! Audio under keys: each phone encrypts and decrypts, so that ours is not proven by itself alone.

use crate::baresip::{self, Baresip};
use crate::linphone::Linphone;
use crate::pjsua::{self, Pjsua};
use crate::server::{SOON, Server, Setup};
use crate::sipp::Phone;
use crate::tap::Tap;
use crate::trace::tells_nothing_private;

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;

/// A phone of either make.
trait Softphone {
    fn on_shift(&mut self, server: &Server);
    fn dials(&mut self, server: &Server);
    fn hangs_up(&mut self);
    fn has_heard(&self, tone: u32);
    fn trace(&self) -> String;
}

impl Softphone for Baresip {
    fn on_shift(&mut self, server: &Server) {
        self.goes_on_shift(server, "201");
    }
    fn dials(&mut self, server: &Server) {
        self.is_registered();
        self.command("dial", &format!("sip:116111@{}", server.at("tls")));
    }
    fn hangs_up(&mut self) {
        self.command("hangup", "");
    }
    fn has_heard(&self, tone: u32) {
        self.heard(tone, SOON);
    }
    fn trace(&self) -> String {
        self.process.said()
    }
}

impl Softphone for Pjsua {
    fn on_shift(&mut self, server: &Server) {
        self.goes_on_shift(server, "201");
    }
    fn dials(&mut self, _: &Server) {
        self.is_registered();
        Self::dials(self, "116111");
    }
    fn hangs_up(&mut self) {
        self.process.tell("hangup");
    }
    fn has_heard(&self, tone: u32) {
        self.heard(tone, SOON);
    }
    fn trace(&self) -> String {
        self.process.said()
    }
}

impl Softphone for Linphone {
    fn on_shift(&mut self, server: &Server) {
        self.goes_on_shift(server, "201");
    }
    fn dials(&mut self, server: &Server) {
        self.is_registered();
        Self::dials(self, server, "116111");
    }
    fn hangs_up(&mut self) {
        Self::hangs_up(self);
    }
    fn has_heard(&self, tone: u32) {
        self.heard(tone, SOON);
    }
    fn trace(&self) -> String {
        self.process.said()
    }
}

/// Whoever listens on the way hears the caller's leg, which is in the clear, and of the other nothing.
fn overheard(tap: &Tap, open: u16) {
    tap.hears_streams(4);
    for tone in [CALLER, OPERATOR] {
        let clear = tap.overhears(tone, |from, to| from == open || to == open);
        assert!(clear.contains(&true), "{tone} Hz is not heard in the clear");
        let secret = tap.overhears(tone, |from, to| from != open && to != open);
        assert_eq!(secret.len(), 2, "both directions");
        assert!(!secret.contains(&true), "{tone} Hz is heard under keys");
    }
}

/// The keys of a phone's trace are in no file, in no log and in no ladder.
fn kept(server: &Server, trace: &str) {
    let keys = trace.split("inline:").skip(1);
    let keys: Vec<&str> = keys
        .filter_map(|rest| rest.split(|one: char| !is_base64(one)).next())
        .filter(|key| key.len() > 20)
        .collect();
    assert!(!keys.is_empty(), "no key in the phone's trace:\n{trace}");
    server.tells_nobody(&keys);
    server.tells_nobody(&["inline:"]);
    let (_, calls) = server.run(&["calls", "--json"]);
    let calls: serde_json::Value = serde_json::from_str(&calls).unwrap();
    tells_nothing_private(server, calls[0]["call"].as_str().unwrap(), &keys);
}

fn is_base64(one: char) -> bool {
    one.is_ascii_alphanumeric() || "+/=".contains(one)
}

/// The phone answers a caller in the clear.
fn answers(server: &Server, phone: &mut dyn Softphone) {
    phone.on_shift(server);
    let tap = Tap::on(server.place.media_ports());
    let mut caller = Phone::caller(server, "0501234567", "116111", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    phone.has_heard(CALLER);
    overheard(&tap, caller.ear.port());
    caller.hangs_up();
    caller.ear.heard_one_stream();
    server.records(1)[0].ended("hung_up", "caller").with("201");
    server.is_drained();
    kept(server, &phone.trace());
}

/// The phone calls an operator in the clear.
fn calls(server: &Server, phone: &mut dyn Softphone) {
    let operator = Phone::operator(server, "202", OPERATOR);
    let tap = Tap::on(server.place.media_ports());
    phone.dials(server);
    operator.answers();
    operator.ear.hears(CALLER, SOON);
    phone.has_heard(OPERATOR);
    overheard(&tap, operator.ear.port());
    phone.hangs_up();
    operator.sipp.receives("BYE", SOON);
    server.records(1)[0].ended("hung_up", "caller").with("202");
    server.is_drained();
    kept(server, &phone.trace());
}

fn house(media: &str) -> Server {
    let setup = Setup::new().tls().operator("201").operator("202");
    setup.media(media).start()
}

/// The same where calls from this machine are those of operators alone.
fn house_of_operators(media: &str) -> Server {
    let carrier = "[[trunks]]\nname = \"carrier\"\nsources = [\"203.0.113.0/24\"]";
    let setup = Setup::new().tls().operator("201").operator("202");
    setup.media(media).config(carrier).start()
}

const MUST: &str = "srtp_required = [\"201\"]";

fn baresip(server: &Server, how: &'static str, tone: u32) -> Baresip {
    let phone = baresip::Setup::new("201", tone).over("tls");
    phone.encrypts(how).start(server)
}

fn pjsua(server: &Server, how: &'static str, tone: u32) -> Pjsua {
    let phone = pjsua::Setup::new("201", tone).over("tls");
    phone.encrypts(how).start(server)
}

fn linphone(server: &Server, must: bool, tone: u32) -> Linphone {
    let more = format!(
        "media_encryption=srtp\nmedia_encryption_mandatory={}\n",
        u8::from(must)
    );
    Linphone::start_with(server, "201", "tls", tone, &more)
}

#[test]
fn baresip_that_may_encrypt_does_over_tls() {
    let server = house("");
    answers(&server, &mut baresip(&server, "srtp", OPERATOR));
}

#[test]
fn baresip_that_must_encrypt_does_over_tls() {
    let server = house(MUST);
    answers(&server, &mut baresip(&server, "srtp-mand", OPERATOR));
}

#[test]
fn pjsua2_that_may_encrypt_does_over_tls() {
    let server = house("");
    answers(&server, &mut pjsua(&server, "optional", OPERATOR));
}

#[test]
fn pjsua2_that_must_encrypt_does_over_tls() {
    let server = house(MUST);
    answers(&server, &mut pjsua(&server, "required", OPERATOR));
}

/// linphone believes the profile: where we leave it the choice, our offer in the plain one is answered in the
/// clear, and its own calls go under keys.
#[test]
fn linphone_that_may_encrypt_does_in_its_own_calls() {
    let server = house_of_operators("");
    calls(&server, &mut linphone(&server, false, CALLER));
}

#[test]
fn linphone_that_must_encrypt_does_over_tls() {
    let server = house(MUST);
    answers(&server, &mut linphone(&server, true, OPERATOR));
}

#[test]
fn baresip_calls_under_keys() {
    let server = house_of_operators(MUST);
    calls(&server, &mut baresip(&server, "srtp-mand", CALLER));
}

#[test]
fn pjsua2_calls_under_keys() {
    let server = house_of_operators(MUST);
    calls(&server, &mut pjsua(&server, "required", CALLER));
}

#[test]
fn linphone_calls_under_keys() {
    let server = house_of_operators(MUST);
    calls(&server, &mut linphone(&server, true, CALLER));
}

#[test]
fn keys_that_one_side_requires_and_the_other_has_not_are_refused() {
    let server = house_of_operators("srtp_required = [\"201\"]\nsrtp_off = [\"202\"]");
    let mut open = baresip(&server, "", CALLER);
    open.dials(&server);
    let closed = open.tells("CALL_CLOSED", SOON);
    assert!(
        closed["param"].as_str().unwrap().contains("488"),
        "{closed}"
    );
    let must = baresip::Setup::new("202", CALLER).over("tls");
    let mut must = must.encrypts("srtp-mand").start(&server);
    must.dials(&server);
    let closed = must.tells("CALL_CLOSED", SOON);
    assert!(
        closed["param"].as_str().unwrap().contains("488"),
        "{closed}"
    );
    // The helpline's call to a phone that has no keys is refused by the phone.
    for call in server.records(2) {
        call.ended("refused", "server");
    }
    server.is_drained();
}

#[test]
fn keys_in_the_clear_are_for_trials_alone() {
    let setup = Setup::new().operator("201").operator("202");
    let server = setup.media("srtp_keys_in_clear = true").start();
    let phone = baresip::Setup::new("201", OPERATOR).encrypts("srtp");
    answers(&server, &mut phone.start(&server));
}
