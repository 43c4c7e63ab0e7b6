//! The requests that the transaction layer makes itself out of an INVITE that we sent: the ACK of a
//! failure (RFC 3261 §17.1.1.3) and the CANCEL (§9.1).
//!
//! Both repeat lines of the INVITE, so they are cut from its bytes. Those are our own writer's: one
//! header a line, full names, no folding, one Via.

use std::sync::Arc;

use super::invite_client::Reason;

/// The ACK of a failure response with the To value `to`.
pub(super) fn acknowledge(invite: &[u8], to: &str) -> Arc<[u8]> {
    derive(invite, "ACK", Some(to), None)
}

/// The CANCEL of the INVITE; its To has no tag, as the INVITE's had none (a re-INVITE's tag is kept).
pub(super) fn cancel(invite: &[u8], reason: Reason) -> Arc<[u8]> {
    derive(invite, "CANCEL", None, reason)
}

fn derive(invite: &[u8], method: &str, to: Option<&str>, reason: Reason) -> Arc<[u8]> {
    let text = String::from_utf8_lossy(invite);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap_or_default();
    let uri = start.split(' ').nth(1).unwrap_or_default();
    let mut made = format!("{method} {uri} SIP/2.0\r\n");
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let name = name.trim();
        if ["Via", "Route", "From", "Call-ID"]
            .iter()
            .any(|copied| name.eq_ignore_ascii_case(copied))
        {
            push(&mut made, name, value);
        } else if name.eq_ignore_ascii_case("To") {
            push(&mut made, name, to.unwrap_or(value));
        } else if name.eq_ignore_ascii_case("CSeq") {
            let number = value.split_ascii_whitespace().next().unwrap_or_default();
            push(&mut made, name, &format!("{number} {method}"));
        }
    }
    if let Some(reason) = reason {
        push(&mut made, "Reason", reason);
    }
    push(&mut made, "Max-Forwards", "70");
    push(&mut made, "Content-Length", "0");
    made.push_str("\r\n");
    Arc::from(made.into_bytes())
}

fn push(made: &mut String, name: &str, value: &str) {
    made.push_str(name);
    made.push_str(": ");
    // A line break inside a value would begin a header of the peer's choosing.
    made.extend(
        value
            .trim()
            .chars()
            .filter(|letter| *letter != '\r' && *letter != '\n'),
    );
    made.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:101@192.0.2.7:5070;ob SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;rport\r\n\
        Max-Forwards: 70\r\nRoute: <sip:192.0.2.3;lr>\r\nRoute: <sip:192.0.2.4;lr>\r\n\
        From: <sip:116111@example.test>;tag=f\r\nTo: <sip:101@example.test>\r\n\
        Call-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:192.0.2.1>\r\n\
        Content-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0";

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn the_ack_of_a_failure_repeats_the_invite_and_takes_the_to_of_the_response() {
        let ack = text(&acknowledge(INVITE, "<sip:101@example.test>;tag=t"));
        let expected = "ACK sip:101@192.0.2.7:5070;ob SIP/2.0\r\n\
            Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;rport\r\n\
            Route: <sip:192.0.2.3;lr>\r\nRoute: <sip:192.0.2.4;lr>\r\n\
            From: <sip:116111@example.test>;tag=f\r\nTo: <sip:101@example.test>;tag=t\r\n\
            Call-ID: c1\r\nCSeq: 7 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(ack, expected);
    }

    #[test]
    fn the_cancel_repeats_branch_call_id_to_and_cseq_number() {
        let cancel = text(&cancel(INVITE, None));
        assert!(cancel.starts_with("CANCEL sip:101@192.0.2.7:5070;ob SIP/2.0\r\n"));
        assert!(cancel.contains("branch=z9hG4bKa"));
        assert!(cancel.contains("To: <sip:101@example.test>\r\n"));
        assert!(cancel.contains("CSeq: 7 CANCEL\r\n"));
    }

    #[test]
    fn a_to_value_cannot_smuggle_a_header_in() {
        let ack = text(&acknowledge(INVITE, "<sip:101@h>\r\nContact: <sip:evil>"));
        assert!(!ack.contains("\r\nContact"));
    }

    #[test]
    fn bytes_that_are_no_invite_make_no_panic() {
        acknowledge(b"", "");
        cancel(b"\xff\r\n:\r\nCSeq:\r\n\r\n", None);
    }
}
