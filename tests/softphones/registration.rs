//! Phones come, prove who they are, and go.

use crate::linphone::Linphone;
use crate::server::{SOON, Setup};
use crate::{baresip, pjsua};

#[test]
fn an_operator_has_many_phones_over_udp_and_tcp_and_each_signs_off() {
    let server = Setup::new().operator("101").start();
    let mut baresips = [
        baresip::Setup::new("101", 480).start(&server),
        baresip::Setup::new("101", 480).over_tcp().start(&server),
    ];
    let mut pjsuas = [
        pjsua::Setup::new("101", 480).start(&server),
        pjsua::Setup::new("101", 480).over_tcp().start(&server),
    ];
    let mut linphones = ["udp", "tcp"].map(|way| Linphone::start(&server, "101", way, 480));
    baresips
        .iter_mut()
        .for_each(baresip::Baresip::is_registered);
    pjsuas.iter_mut().for_each(pjsua::Pjsua::is_registered);
    linphones.iter_mut().for_each(Linphone::is_registered);
    server.counts("contacts", 6);

    // A refresh is the same contact.
    let from = pjsuas[0].process.lines();
    pjsuas[0].process.tell("register");
    pjsuas[0]
        .process
        .says_after(from, "registration 200 300", SOON);
    server.counts("contacts", 6);

    for phone in &mut baresips {
        phone.command("quit", "");
    }
    server.counts("contacts", 4);
    for phone in &mut pjsuas {
        phone.process.tell("quit");
    }
    server.counts("contacts", 2);
    for phone in &mut linphones {
        phone.process.tell("quit");
    }
    server.counts("contacts", 0);
}

/// It was asked again after it had given its proof.
fn is_refused(phone: &mut baresip::Baresip) {
    let first = phone.process.says_after(0, "Authorization: Digest", SOON).0;
    phone.process.says_after(first, "401 Unauthorized", SOON);
}

#[test]
fn a_wrong_password_is_refused() {
    let server = Setup::new().operator("101").start();
    // An unknown operator is not told apart from a wrong password.
    for (operator, password) in [("101", "guessed-it-1"), ("999", "secret-999-99")] {
        let phone = baresip::Setup::new(operator, 480).password(password);
        is_refused(&mut phone.start(&server));
        assert_eq!(server.count("contacts"), 0);
    }
}

#[test]
fn phones_that_know_sha_256_prove_themselves_by_it() {
    let setup = Setup::new().config("digest = [\"sha-256\"]");
    let server = setup.operator("101").operator("102").start();
    let mut linphone = Linphone::start(&server, "101", "udp", 480);
    let mut pjsua = pjsua::Setup::new("102", 480).start(&server);
    linphone.is_registered();
    pjsua.is_registered();
    linphone.process.says("algorithm=SHA-256", SOON);
    server.counts("contacts", 2);
}
