use super::*;

fn octets(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    hex.chunks(2).map(pair).collect()
}

const MASTER: &str = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6";

fn keys(suite: Suite) -> Keys {
    let secret: Vec<u8> = (1..=suite.secret_length() as u8).collect();
    Keys::new(suite, &secret, 0).unwrap()
}

fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, 8];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(160_u32.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend((0..160).map(|at| at as u8));
    bytes
}

fn sealed(sealer: &mut Sealer, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + MAX_TAG, 0);
    let length = sealer.rtp(&mut buffer, plain.len()).unwrap();
    buffer.truncate(length);
    buffer
}

#[test]
fn the_keystream_is_that_of_rfc_3711_b2() {
    let cipher = Cipher::new(&octets("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let mut counter = [0; 16];
    counter.copy_from_slice(&octets("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"));
    let mut stream = vec![0; 16 * 0xff02];
    cipher.apply(counter, &mut stream);
    assert_eq!(
        stream[..48],
        octets(
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"
        )
    );
    assert_eq!(
        stream[16 * 0xfeff..16 * 0xff02],
        octets(
            "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44"
        )
    );
}

#[test]
fn keys_are_derived_as_in_rfc_3711_b3() {
    let keys = Keys::new(Suite::Aes128Tag80, &octets(MASTER), 0).unwrap();
    let derived = Derived::new(&keys, RTP).unwrap();
    assert_eq!(
        derived.salt.to_vec(),
        octets("30CBBC08863D8C85D49DB34A9AE1")
    );
    let Cipher::Short(_) = derived.cipher else {
        panic!("a key of 16 octets")
    };
    // The derived keys show in what they do.
    let right = Cipher::new(&octets("C61E7A93744F39EE10734AFE3FF7A087")).unwrap();
    let (mut one, mut other) = ([0; 64], [0; 64]);
    derived.cipher.apply([7; 16], &mut one);
    right.apply([7; 16], &mut other);
    assert_eq!(one, other);
    let auth = octets("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
    let right = <Hmac<Sha1> as Mac>::new_from_slice(&auth).unwrap();
    let right = right.chain_update(b"abc").finalize().into_bytes();
    assert_eq!(derived.tag(b"abc", &[]), <[u8; 20]>::from(right));
}

#[test]
fn long_keys_are_derived_as_in_rfc_6188_7_2() {
    let secret = octets(
        "F0F04914B513F2763A1B1FA130F10E29 98F6F6E43E4309D1E622A0E332B9F1B6 3B04803DE51EE7C96423AB5B78D2",
    );
    let keys = Keys::new(Suite::Aes256Tag80, &secret, 0).unwrap();
    let derived = Derived::new(&keys, RTP).unwrap();
    assert_eq!(
        derived.salt.to_vec(),
        octets("FA31791685CA444A9E07C6C64E93")
    );
    let right = octets("5BA1064E30EC51613CAD926C5A28EF73 1EC7FB397F70A960653CAF06554CD8C4");
    let right = Cipher::new(&right).unwrap();
    let (mut one, mut other) = ([0; 64], [0; 64]);
    derived.cipher.apply([7; 16], &mut one);
    right.apply([7; 16], &mut other);
    assert_eq!(one, other);
}

#[test]
fn what_is_sealed_is_opened_in_every_suite() {
    for suite in Suite::ALL {
        let keys = keys(suite);
        let (mut sealer, mut opener) = (Sealer::new(&keys).unwrap(), Opener::new(&keys).unwrap());
        let plain = packet(7, 1);
        let mut bytes = sealed(&mut sealer, &plain);
        assert_eq!(bytes.len(), plain.len() + suite.tag());
        assert_eq!(bytes[..12], plain[..12], "the header stays in the clear");
        assert_ne!(bytes[12..28], plain[12..28]);
        assert_eq!(opener.rtp(&mut bytes), Some(&*plain));

        let report = [0x80, 201, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4];
        let mut bytes = report.to_vec();
        sealer.rtcp(&mut bytes).unwrap();
        assert_eq!(bytes.len(), report.len() + INDEX + RTCP_TAG);
        assert_eq!(opener.rtcp(&mut bytes), Some(report.as_slice()));
    }
}

#[test]
fn no_octet_can_be_changed_and_no_packet_repeated() {
    let keys = keys(Suite::Aes128Tag80);
    let (mut sealer, mut opener) = (Sealer::new(&keys).unwrap(), Opener::new(&keys).unwrap());
    let bytes = sealed(&mut sealer, &packet(7, 1));
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 1;
        assert_eq!(opener.rtp(&mut forged), None, "octet {at}");
        assert_eq!(opener.rtp(&mut bytes[..at].to_vec()), None, "cut at {at}");
    }
    assert!(opener.rtp(&mut bytes.clone()).is_some());
    assert_eq!(opener.rtp(&mut bytes.clone()), None, "replayed");

    let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
    sealer.rtcp(&mut report).unwrap();
    for at in 0..report.len() {
        let mut forged = report.clone();
        forged[at] ^= 1;
        assert_eq!(opener.rtcp(&mut forged), None, "octet {at}");
    }
    assert!(opener.rtcp(&mut report.clone()).is_some());
    assert_eq!(opener.rtcp(&mut report), None, "replayed");
}

#[test]
fn numbers_roll_over_in_disorder_and_with_loss() {
    let keys = keys(Suite::Aes128Tag32);
    let (mut sealer, mut opener) = (Sealer::new(&keys).unwrap(), Opener::new(&keys).unwrap());
    let mut sent: Vec<Vec<u8>> = (0..400_u32)
        .map(|number| sealed(&mut sealer, &packet(7, (65_400 + number * 3) as u16)))
        .collect();
    sent.swap(44, 47);
    sent.remove(60);
    for (at, bytes) in sent.iter().enumerate() {
        assert!(opener.rtp(&mut bytes.clone()).is_some(), "packet {at}");
    }
    // Sealed in disorder at the roll-over, as when somebody else's stream is passed on.
    let (mut sealer, mut opener) = (Sealer::new(&keys).unwrap(), Opener::new(&keys).unwrap());
    for sequence in [65_534, 0, 65_535, 1] {
        let mut bytes = sealed(&mut sealer, &packet(7, sequence));
        assert!(opener.rtp(&mut bytes).is_some(), "{sequence}");
    }
}

#[test]
fn who_missed_the_roll_over_of_a_stream_hears_it() {
    let keys = keys(Suite::Aes128Tag80);
    let (mut sealer, mut opener) = (Sealer::new(&keys).unwrap(), Opener::new(&keys).unwrap());
    for sequence in [65_530, 65_535, 0] {
        sealed(&mut sealer, &packet(7, sequence));
    }
    let mut bytes = sealed(&mut sealer, &packet(7, 1));
    assert!(opener.rtp(&mut bytes).is_some());
}

#[test]
fn a_forged_stream_takes_no_place_and_an_old_packet_none_of_the_window() {
    let keys = keys(Suite::Aes128Tag80);
    let (mut sealer, mut opener) = (Sealer::new(&keys).unwrap(), Opener::new(&keys).unwrap());
    for ssrc in 100..200 {
        let mut forged = packet(ssrc, 1);
        assert_eq!(opener.rtp(&mut forged), None);
    }
    assert!(opener.streams.is_empty());
    let old = sealed(&mut sealer, &packet(7, 1));
    for sequence in 2..100 {
        let mut bytes = sealed(&mut sealer, &packet(7, sequence));
        assert!(opener.rtp(&mut bytes).is_some());
    }
    assert_eq!(opener.rtp(&mut old.clone()), None, "below the window");
}

#[test]
fn a_master_key_with_a_name_is_passed_over() {
    let keys = keys(Suite::Aes128Tag80);
    let named = Keys::new(keys.suite, keys.secret(), 4).unwrap();
    let mut opener = Opener::new(&named).unwrap();
    let mut sealer = Sealer::new(&keys).unwrap();
    let plain = packet(7, 1);
    let bytes = sealed(&mut sealer, &plain);
    let (body, tag) = bytes.split_at(bytes.len() - 10);
    let mut bytes = [body, &[0, 0, 0, 1], tag].concat();
    assert_eq!(opener.rtp(&mut bytes), Some(&*plain));
}

#[test]
fn keys_are_not_shown() {
    let keys = keys(Suite::Aes128Tag80);
    let shown = format!("{keys:?} {:?} {:?}", Sealer::new(&keys), Opener::new(&keys));
    assert!(
        shown.contains("[private]") && !shown.contains("1, 2, 3"),
        "{shown}"
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(mut bytes: Vec<u8>) {
        let mut opener = Opener::new(&keys(Suite::Aes256Tag32)).unwrap();
        proptest::prop_assert!(opener.rtp(&mut bytes).is_none());
        proptest::prop_assert!(opener.rtcp(&mut bytes).is_none());
    }
}
