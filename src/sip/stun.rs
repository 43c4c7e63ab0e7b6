//! Keep-alives of phones by STUN on the port of SIP (RFC 5626 §4.4.2): a Binding request is answered with
//! the address that it came from (RFC 5389 §10.1.2), nothing more.

use std::net::{IpAddr, SocketAddr};

/// RFC 5389 §6.
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];

/// Whether a datagram is of STUN: SIP begins with a letter (RFC 5389 §8).
pub fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && bytes[0] < 4 && bytes[4..8] == MAGIC_COOKIE
}

/// The answer to a Binding request from `remote`; `None`: it is none, or asks for more than a keep-alive
/// does (attributes that must be understood), and silence is right (§7.3.1).
pub fn answer(bytes: &[u8], remote: SocketAddr) -> Option<Vec<u8>> {
    if !is_stun(bytes) || bytes[..2] != BINDING_REQUEST {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
    let mut attributes = bytes.get(HEADER..)?;
    if attributes.len() != length || length % 4 != 0 {
        return None;
    }
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let value = usize::from(u16::from_be_bytes([head[2], head[3]])).next_multiple_of(4);
        // §15: below 0x8000 it must be understood; we understand none.
        if head[0] < 0x80 {
            return None;
        }
        attributes = rest.get(value..)?;
    }
    let key = &bytes[4..HEADER]; // The cookie and the transaction's id.
    let ip = match remote.ip().to_canonical() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let family = if ip.len() == 4 { 1 } else { 2 };
    let mut value = vec![0, family];
    value.extend(
        remote
            .port()
            .to_be_bytes()
            .iter()
            .zip(key)
            .map(|(a, b)| a ^ b),
    );
    value.extend(ip.iter().zip(key).map(|(a, b)| a ^ b));
    let size = u16::try_from(value.len()).ok()?;
    let mut out = BINDING_SUCCESS.to_vec();
    out.extend((size + 4).to_be_bytes());
    out.extend(key);
    out.extend(XOR_MAPPED_ADDRESS);
    out.extend(size.to_be_bytes());
    out.extend(value);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, u8::try_from(attributes.len()).unwrap()];
        bytes.extend(MAGIC_COOKIE);
        bytes.extend([7; 12]);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn whoever_asks_hears_the_own_address() {
        let answer = answer(&request(&[]), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(answer[..4], [1, 1, 0, 12]);
        assert_eq!(answer[4..20], request(&[])[4..20]);
        // The address of RFC 5769 §2.2, by the same cookie.
        let expected = [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        assert_eq!(answer[20..], expected);
        let six = super::answer(&request(&[]), "[2001:db8::1]:5060".parse().unwrap()).unwrap();
        assert_eq!((six.len(), six[25]), (44, 2));
    }

    #[test]
    fn what_is_more_or_less_than_a_keep_alive_gets_nothing() {
        let from = "192.0.2.1:5060".parse().unwrap();
        let software = [0x80, 0x22, 0, 1, b'x', 0, 0, 0];
        assert!(
            answer(&request(&software), from).is_some(),
            "may be passed over"
        );
        assert!(answer(&request(&[0x00, 0x03, 0, 0]), from).is_none());
        assert!(
            answer(&request(&[0x80, 0x22, 0, 8]), from).is_none(),
            "cut short"
        );
        let mut response = request(&[]);
        response[0] = 1;
        assert!(answer(&response, from).is_none());
        assert!(!is_stun(b"OPTIONS sip:a@b SIP/2.0"));
        for length in 0..HEADER {
            assert!(answer(&request(&[])[..length], from).is_none());
        }
    }
}
