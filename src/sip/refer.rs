//! Whom a REFER names (RFC 3515 §2.1), and which dialog a new one shall take the place of (RFC 3891).

use super::dialog::DialogId;
use super::fault::Fault;
use super::headers::NameAddr;
use super::message::{Headers, Name};
use super::uri::{Uri, unescape};

/// A Replaces header (RFC 3891 §6.1), tags as the one sees them who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// The Call-ID.
    pub call_id: String,
    /// The tag of whoever is asked.
    pub to_tag: String,
    /// The tag of the other end.
    pub from_tag: String,
    /// Only if the dialog is not confirmed yet.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value.
    ///
    /// # Errors
    /// Without a Call-ID and both tags.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let bad = |what| Fault::BadHeader {
            name: Name::Replaces,
            what,
        };
        let mut parts = text.split(';').map(str::trim);
        let call_id = parts.next().filter(|id| !id.is_empty());
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), value.trim()),
                None => (part, ""),
            };
            let tag = || Some(value.to_owned()).filter(|tag| !tag.is_empty());
            match name.to_ascii_lowercase().as_str() {
                "to-tag" if to_tag.is_none() => to_tag = tag(),
                "from-tag" if from_tag.is_none() => from_tag = tag(),
                "to-tag" | "from-tag" => return Err(bad("a tag is there twice")),
                "early-only" => early_only = true,
                _ => {}
            }
        }
        let (Some(call_id), Some(to_tag), Some(from_tag)) = (call_id, to_tag, from_tag) else {
            return Err(bad("Call-ID or a tag is missing"));
        };
        Ok(Self {
            call_id: call_id.to_owned(),
            to_tag,
            from_tag,
            early_only,
        })
    }

    /// The header of a request; `None`: it has none.
    ///
    /// # Errors
    /// More than one (§4), or an unreadable one.
    pub fn of(headers: &Headers) -> Result<Option<Self>, Fault> {
        let mut fields = headers.fields(&Name::Replaces);
        let first = fields.next().map(String::from_utf8_lossy);
        if fields.next().is_some() {
            return Err(Fault::BadHeader {
                name: Name::Replaces,
                what: "more than one",
            });
        }
        first.map(|text| Self::parse(&text)).transpose()
    }

    /// The dialog as whoever is asked knows it (§3).
    pub fn dialog(&self) -> DialogId {
        DialogId {
            call_id: self.call_id.clone(),
            local_tag: self.to_tag.clone(),
            remote_tag: self.from_tag.clone(),
        }
    }
}

/// A Refer-To header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTo {
    /// Whom to call.
    pub uri: Uri,
    /// Whose dialog to take the place of.
    pub replaces: Option<Replaces>,
    /// By which method; INVITE where none is named.
    pub method: String,
}

impl ReferTo {
    /// The header of a REFER.
    ///
    /// # Errors
    /// Not exactly one (RFC 3515 §2.4.2), or an unreadable one.
    pub fn of(headers: &Headers) -> Result<Self, Fault> {
        let bad = |what| Fault::BadHeader {
            name: Name::ReferTo,
            what,
        };
        let mut values = headers.all(Name::ReferTo);
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(bad("exactly one is wanted"));
        };
        let uri = NameAddr::parse(&value).map_err(|_| bad("the address"))?.uri;
        let method = uri.parameter("method").unwrap_or("INVITE").to_owned();
        let inside = match &uri {
            Uri::Sip(sip) => sip.headers.as_deref().unwrap_or_default(),
            _ => "",
        };
        let mut replaces = None;
        for pair in inside.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name.eq_ignore_ascii_case("Replaces") {
                replaces = Some(Replaces::parse(&unescape(value))?);
            }
        }
        Ok(Self {
            uri,
            replaces,
            method,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refer_to(value: &str) -> Result<ReferTo, Fault> {
        let mut headers = Headers::default();
        headers.push(Name::ReferTo, value);
        ReferTo::of(&headers)
    }

    #[test]
    fn the_dialog_to_replace_is_read_out_of_an_escaped_header() {
        let read = refer_to(
            "\"B\" <sip:102@h:5070;transport=udp?Replaces=c1%40h%3Bto-tag%3Dt%3Bfrom-tag%3Df&Require=replaces>",
        );
        let replaces = read.unwrap().replaces.unwrap();
        assert_eq!(
            replaces.dialog(),
            DialogId {
                call_id: "c1@h".into(),
                local_tag: "t".into(),
                remote_tag: "f".into(),
            }
        );
        assert!(!replaces.early_only);
    }

    #[test]
    fn what_names_nobody_or_two_is_refused() {
        for value in ["", "<sip:", "<sip:a@h>, <sip:b@h>", "<sip:a@h?Replaces=x>"] {
            assert!(refer_to(value).is_err(), "{value}");
        }
        assert!(ReferTo::of(&Headers::default()).is_err());
        let plain = refer_to("sip:102@h").unwrap();
        assert_eq!((plain.method.as_str(), plain.replaces), ("INVITE", None));
        for value in [
            "c",
            "c;to-tag=1",
            "c;to-tag=1;from-tag=",
            "c;to-tag=1;to-tag=2;from-tag=3",
        ] {
            assert!(Replaces::parse(value).is_err(), "{value}");
        }
        assert!(
            Replaces::parse("c; to-tag=1 ;from-tag=2;early-only")
                .unwrap()
                .early_only
        );
    }
}
