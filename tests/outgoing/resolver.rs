//! What DNS answers to the switch.

use qaynar::sip::locate::{Address, Answer, Naptr, Question, Srv};
use qaynar::switch::Input;

use crate::desk::Desk;

pub(crate) fn addresses(last: u8) -> Answer {
    Answer::Addresses(vec![Address {
        remote: [198, 51, 100, last].into(),
        local: None,
    }])
}

pub(crate) fn srv(priority: u16, target: &str) -> Srv {
    Srv {
        priority,
        weight: 1,
        port: 5060,
        target: target.into(),
    }
}

pub(crate) fn resolve(desk: &mut Desk, wanted: Question, answer: Answer) {
    let at = desk.questions.iter().position(|(_, ask)| *ask == wanted);
    let at = at.unwrap_or_else(|| panic!("{wanted:?} is not asked: {:?}", desk.questions));
    let (question, _) = desk.questions.remove(at);
    desk.input(Input::Resolved { question, answer });
}

/// Two servers by NAPTR and SRV, the second one as a reserve.
pub(crate) fn resolve_all(desk: &mut Desk) {
    let naptr = Naptr {
        order: 10,
        preference: 10,
        flags: "s".into(),
        service: "SIP+D2U".into(),
        replacement: "_sip._udp.sip.example.net.".into(),
    };
    resolve(
        desk,
        Question::Naptr("sip.example.net".into()),
        Answer::Naptr(vec![naptr]),
    );
    resolve(
        desk,
        Question::Srv("_sip._udp.sip.example.net".into()),
        Answer::Srv(vec![srv(20, "b.example.net."), srv(10, "a.example.net.")]),
    );
    resolve(desk, Question::Host("b.example.net".into()), addresses(8));
    resolve(desk, Question::Host("a.example.net".into()), addresses(7));
}
