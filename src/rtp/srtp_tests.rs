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
        let tag = suite.tag().max(RTCP_TAG);
        assert_eq!(bytes.len(), report.len() + INDEX + tag);
        assert_eq!(opener.rtcp(&mut bytes), Some(report.as_slice()));
    }
}

#[test]
fn no_octet_can_be_changed_and_no_packet_repeated() {
    cannot_be_changed(Suite::Aes128Tag80);
    cannot_be_changed(Suite::Aead128);
}

fn cannot_be_changed(suite: Suite) {
    let keys = keys(suite);
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

const GIVEN_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const GIVEN_SALT: &str = "517569642070726f2071756f";
const PLAIN_RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 \
                         69736120 696e2070 61727465 73207472 6573";
const PLAIN_RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 \
                          deadbeef deadbeef deadbeef deadbeef deadbeef";

/// Both ends under derived keys that are given, as those of the vectors of RFC 7714 are.
fn given(suite: Suite) -> (Sealer, Opener) {
    let keys = keys(suite);
    let key = octets(GIVEN_KEY);
    let gcm = Gcm::new(&key[..suite.key_length()], &octets(GIVEN_SALT));
    let (mut sealer, mut opener) = (Sealer::new(&keys).unwrap(), Opener::new(&keys).unwrap());
    for derived in [
        &mut sealer.rtp,
        &mut sealer.rtcp,
        &mut opener.rtp,
        &mut opener.rtcp,
    ] {
        derived.gcm.clone_from(&gcm);
    }
    (sealer, opener)
}

#[test]
fn rtp_is_that_of_rfc_7714_16() {
    for (suite, wanted) in [
        (
            Suite::Aead128,
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a \
             51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        ),
        (
            Suite::Aead256,
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 \
             76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        ),
    ] {
        let (mut sealer, mut opener) = given(suite);
        let mut bytes = sealed(&mut sealer, &octets(PLAIN_RTP));
        assert_eq!(bytes, octets(wanted), "{suite:?}");
        let mut changed = bytes.clone();
        changed[1] ^= 1;
        assert!(opener.rtp(&mut changed).is_none(), "the header counts too");
        assert_eq!(opener.rtp(&mut bytes).unwrap(), octets(PLAIN_RTP));
        assert!(opener.rtp(&mut octets(wanted)).is_none(), "a copy");
    }
}

#[test]
fn rtcp_is_that_of_rfc_7714_17() {
    let encrypted = [
        (
            Suite::Aead128,
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda \
             4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        ),
        (
            Suite::Aead256,
            "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be \
             8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        ),
    ];
    for (suite, wanted) in encrypted {
        let (mut sealer, mut opener) = given(suite);
        sealer.reports = 0x5d3;
        let mut packet = octets(PLAIN_RTCP);
        sealer.rtcp(&mut packet).unwrap();
        assert_eq!(packet, octets(wanted), "{suite:?}");
        assert_eq!(opener.rtcp(&mut packet).unwrap(), octets(PLAIN_RTCP));
        assert!(opener.rtcp(&mut octets(wanted)).is_none(), "a copy");
    }
    let tagged = [
        (Suite::Aead128, "841dd968 3dd78ec9 2ae58790 125f62b3"),
        (Suite::Aead256, "91db4afb feee5a97 8fab4393 ed2615fe"),
    ];
    for (suite, tag) in tagged {
        let (_, mut opener) = given(suite);
        let mut packet = octets(&format!("{PLAIN_RTCP} {tag} 000005d4"));
        assert_eq!(opener.rtcp(&mut packet).unwrap(), octets(PLAIN_RTCP));
    }
}
