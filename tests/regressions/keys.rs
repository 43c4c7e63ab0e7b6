//! Audio under keys (RFC 4568): who gets it, who is refused, and who may see the keys.

use std::time::Duration;

use qaynar::media::{Command, Crypto};
use qaynar::sdp::Srtp;
use qaynar::sip::message::Method;
use qaynar::switch::settings::Settings;

use crate::house::{CARRIER, House, PLAYS, RINGS, SDP, settings};

const KEYED: &str = "v=0\no=- 1 1 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\n\
                     m=audio 4000 RTP/SAVP 8\n\
                     a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\n";
const REKEYED: &str = "v=0\no=- 1 2 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\n\
                       m=audio 4000 RTP/SAVP 8\n\
                       a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA\n";

/// Keys may be seen by others; the trunk and all phones want this.
fn wanting(srtp: Srtp, keys_in_clear: bool) -> Settings {
    let mut settings = settings();
    for trunk in &mut settings.trunks {
        trunk.srtp = srtp;
    }
    settings.srtp.phones = srtp;
    settings.srtp.keys_in_clear = keys_in_clear;
    settings
}

impl House {
    /// The keys of the last configured stream.
    fn crypto(&self) -> Option<Crypto> {
        let stream = self.media.iter().rev().find_map(|command| match command {
            Command::Configure { stream, .. } => Some(stream),
            _ => None,
        });
        stream.expect("a stream was negotiated").crypto.clone()
    }
}

#[test]
fn a_caller_with_keys_gets_a_key_of_ours_and_a_new_one_when_it_changes_its_own() {
    let mut house = House::with_settings(PLAYS, wanting(Srtp::Optional, true));
    let (mut caller, response) = house.call("", KEYED);
    assert_eq!(response.status, 200);
    let body = String::from_utf8(response.body).unwrap();
    assert!(body.contains("RTP/SAVP 8\r\n"), "{body}");
    assert!(
        body.contains("a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:"),
        "{body}"
    );
    assert!(!body.contains("inline:AAECAwQF"), "the key is our own");
    house.receive(CARRIER, &caller.ack(1, ""));
    let first = house.crypto().unwrap();

    let hold = caller.next("INVITE", "", KEYED);
    house.receive(CARRIER, &hold);
    assert_eq!(house.response().status, 200);
    house.receive(CARRIER, &caller.ack(2, ""));
    assert_eq!(house.crypto(), Some(first.clone()), "nothing changed");

    let rekey = caller.next("INVITE", "", REKEYED);
    house.receive(CARRIER, &rekey);
    assert_eq!(house.response().status, 200);
    house.receive(CARRIER, &caller.ack(3, ""));
    let second = house.crypto().unwrap();
    assert_ne!(first.theirs, second.theirs);
    assert_ne!(first.ours, second.ours);

    // Back to the clear, where that is not allowed, changes nothing.
    let shown = format!("{:?} {:?}", house.media, house.events);
    assert!(shown.contains("[private]"), "{shown}");
    let secret = format!("{:?}", second.ours.secret());
    assert!(!shown.contains(&secret), "a key is shown");
}

#[test]
fn where_keys_are_required_a_call_in_the_clear_gets_488() {
    let mut house = House::with_settings(PLAYS, wanting(Srtp::Required, true));
    let (_, response) = house.call("", SDP);
    assert_eq!(response.status, 488);
    let mut house = House::with_settings(PLAYS, wanting(Srtp::Required, true));
    let (mut caller, response) = house.call("", KEYED);
    assert_eq!(response.status, 200);
    house.receive(CARRIER, &caller.ack(1, ""));
    let downgrade = caller.next("INVITE", "", SDP);
    house.receive(CARRIER, &downgrade);
    assert_eq!(house.response().status, 488, "and the call goes on");
    assert_eq!(house.switch.counts().calls, 1);
}

#[test]
fn keys_are_not_taken_where_others_can_read_them() {
    for wish in [Srtp::Optional, Srtp::Required] {
        let mut house = House::with_settings(PLAYS, wanting(wish, false));
        let (_, response) = house.call("", KEYED);
        assert_eq!(response.status, 488);
    }
    let mut house = House::with_settings(PLAYS, wanting(Srtp::Optional, false));
    let (_, response) = house.call("", SDP);
    assert_eq!(response.status, 200);
    assert_eq!(house.crypto(), None);
}

#[test]
fn phones_are_offered_keys_as_a_choice_or_as_a_must() {
    for (wish, line) in [
        (Srtp::Optional, " RTP/AVP 8 0 101\r\n"),
        (Srtp::Required, " RTP/SAVP 8 0 101\r\n"),
    ] {
        let mut wanted = wanting(Srtp::Optional, true);
        wanted.srtp.phones = wish;
        let mut house = House::with_settings(RINGS, wanted).with_phone();
        house.standing_call("");
        let invite = house.request(Method::Invite);
        let body = String::from_utf8(invite.body.clone()).unwrap();
        assert!(body.contains(line), "{body}");
        assert_eq!(
            body.matches("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:")
                .count(),
            1
        );
        let agreed = format!(
            "{SDP}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\n"
        );
        house.reply(&invite, 200, "", &agreed);
        house.request(Method::Ack);
        assert!(house.crypto().is_some());
        assert_eq!(house.switch.counts().talking, 1);
    }
}

#[test]
fn an_operator_whose_audio_must_be_encrypted_is_not_rung_in_the_clear() {
    let mut house = House::with_settings(RINGS, {
        let mut wanted = wanting(Srtp::Optional, false);
        wanted.srtp.required.insert("101".into());
        wanted
    })
    .with_phone();
    house.standing_call("");
    house.wait(Duration::from_secs(1));
    assert!(!house.sent().contains(&"INVITE".to_owned()));
    let shown = format!("{:?}", house.events);
    assert!(shown.contains("srtp-without-tls"), "{shown}");
}
