//! Which number was dialled, where the request line does not tell (`did_from`).

use super::settings::DidFrom;
use crate::sip::headers::NameAddr;
use crate::sip::message::{Name, Request};
use crate::sip::uri::Uri;
use crate::switch::arrive::number_of;

/// No carrier diverts a call more often.
const MAX_ENTRIES: usize = 32;

/// Where the carrier says that the call was dialled to; the request line where it does not say.
pub(in crate::switch) fn dialled_uri(request: &Request, from: DidFrom) -> Uri {
    let headers = &request.headers;
    let named = |name: &str| headers.all(Name::from(name)).take(MAX_ENTRIES);
    let read = |text: &str| NameAddr::parse(text).ok();
    let uri = match from {
        DidFrom::RequestUri => None,
        DidFrom::To => headers.to().ok().map(|to| to.uri),
        DidFrom::PCalledPartyId => named("P-Called-Party-ID")
            .find_map(|text| read(&text))
            .map(|who| who.uri),
        // RFC 5806 §3: each diversion is added on top, so that the last value is the first one dialled.
        DidFrom::Diversion => named("Diversion")
            .filter_map(|text| read(&text))
            .map(|who| who.uri)
            .filter(|uri| number_of(uri).is_some())
            .last(),
        DidFrom::HistoryInfo => {
            let entries = named("History-Info").filter_map(|text| read(&text));
            // What privacy took away (RFC 7044 §10.1.2) is no number.
            let entries = entries.filter(|entry| number_of(&entry.uri).is_some());
            entries.min_by_key(index).map(|entry| entry.uri)
        }
    };
    uri.filter(|uri| uri.user().is_some_and(|user| !user.is_empty()))
        .unwrap_or_else(|| request.uri.clone())
}

/// RFC 7044 §5.1: `1.2.1` is the first branch of the second one of the first target.
fn index(entry: &NameAddr) -> Vec<u32> {
    let text = entry.parameter("index").unwrap_or_default();
    text.split('.')
        .map(|part| part.parse().unwrap_or(u32::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;
    use crate::sip::parse::parse_datagram;

    fn user(from: DidFrom, lines: &str) -> String {
        let text = format!(
            "INVITE sip:line7@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\n\
             From: <sip:0501234567@c.az>;tag=1\r\nTo: <sip:0125550000@c.az>\r\nCall-ID: 1\r\n\
             CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:c@198.51.100.7>\r\n{lines}\r\n"
        );
        let Ok(Message::Request(request)) = parse_datagram(text.as_bytes()) else {
            panic!("{text}");
        };
        dialled_uri(&request, from).user().unwrap()
    }

    #[test]
    fn the_dialled_number_is_read_where_the_carrier_writes_it() {
        let party = "P-Called-Party-ID: <sip:116111@c.az>\r\n";
        assert_eq!(user(DidFrom::RequestUri, party), "line7");
        assert_eq!(user(DidFrom::To, party), "0125550000");
        assert_eq!(user(DidFrom::PCalledPartyId, party), "116111");
    }

    #[test]
    fn of_several_diversions_the_first_made_is_the_dialled_number() {
        let lines = "Diversion: \"desk\" <sip:0125551111@c.az>;reason=no-answer;counter=1\r\n\
                     Diversion: <tel:+994506802280>;reason=unconditional\r\n";
        assert_eq!(user(DidFrom::Diversion, lines), "+994506802280");
        let one = "Diversion: <sip:0125551111@c.az>;reason=user-busy, <sip:116111@c.az>;reason=time-of-day\r\n";
        assert_eq!(user(DidFrom::Diversion, one), "116111");
    }

    #[test]
    fn of_a_history_the_lowest_index_is_the_dialled_number() {
        let lines = "History-Info: <sip:line7@192.0.2.1>;index=1.1.1;mp=1.1, \
                     <sip:0125551111@c.az?Reason=SIP%3Bcause%3D302>;index=1.1\r\n\
                     History-Info: <sip:anonymous@anonymous.invalid>;index=0, <sip:116111@c.az>;index=1\r\n";
        assert_eq!(user(DidFrom::HistoryInfo, lines), "116111");
        let ten = "History-Info: <sip:0125551111@c.az>;index=1.10, <sip:116111@c.az>;index=1.2\r\n";
        assert_eq!(
            user(DidFrom::HistoryInfo, ten),
            "116111",
            "numbers, not letters"
        );
    }

    #[test]
    fn where_nothing_is_said_the_request_line_holds() {
        for from in [
            DidFrom::PCalledPartyId,
            DidFrom::Diversion,
            DidFrom::HistoryInfo,
        ] {
            assert_eq!(user(from, "Diversion: <\r\nHistory-Info: ;;\r\n"), "line7");
        }
    }
}
