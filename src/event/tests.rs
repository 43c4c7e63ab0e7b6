use super::*;

fn operator() -> OperatorId {
    OperatorId::from("101")
}

fn reason() -> String {
    "because".into()
}

fn message() -> Traced {
    Traced {
        at: Wall(1_795_000_000_000_000),
        received: true,
        side: Side::Operator,
        operator: Some(operator()),
        transport: "udp".into(),
        line: "180 Ringing".into(),
        cseq: "1 INVITE".into(),
        details: vec!["Require: 100rel".into()],
    }
}

/// What happens to a call.
fn of_a_call() -> Vec<What> {
    let queue = || QueueName::from("children");
    vec![
        What::Arrived {
            caller: Some(Pseudonym::from("C-7F3A")),
            dialled: "116111".into(),
            trunk: "azercell".into(),
            plan: "a1b2".into(),
            language: Language::Az,
            direction: Direction::Out,
            operator: Some(operator()),
        },
        What::Answered,
        What::Step {
            path: "welcome".into(),
            reason: reason(),
            shut: Some(Shut::Closed),
        },
        What::Language {
            language: Language::Ru,
        },
        What::Queued { queue: queue() },
        What::Waits { reason: reason() },
        What::LeftQueue {
            queue: queue(),
            reason: reason(),
        },
        What::Ringing {
            operator: operator(),
            reason: reason(),
        },
        What::RingEnded {
            operator: operator(),
            why: RingEnd::Declined { status: 486 },
        },
        What::Connected {
            operator: operator(),
        },
        What::Transfer {
            operator: operator(),
            to: "102".into(),
        },
        What::TransferFailed {
            operator: operator(),
            status: 486,
        },
        What::Parted {
            operator: operator(),
            reason: reason(),
        },
        What::AudioAbsent {
            side: Side::Caller,
            silent_for: Duration::from_secs(20),
        },
        What::AudioReturned { side: Side::Caller },
        What::Media {
            side: Side::Operator,
            quality: Quality::default(),
        },
        What::Ended {
            by: Side::Caller,
            cause: Cause::HungUp,
        },
        What::Messages {
            messages: vec![message()],
            skipped: 0,
        },
    ]
}

/// What happens in a talk of three or more, and on hold.
fn of_talks() -> Vec<What> {
    vec![
        What::Bringing {
            operator: operator(),
            who: "112".into(),
            part: Part::Service,
        },
        What::Joined {
            who: "102".into(),
            part: Part::Operator,
        },
        What::NotJoined {
            who: "112".into(),
            part: Part::Service,
            why: RingEnd::NoAnswer,
        },
        What::LeftTalk {
            who: "caller".into(),
            part: Part::Caller,
            reason: reason(),
        },
        What::Supervising {
            supervisor: "210".into(),
            operator: operator(),
            how: Supervision::Whisper,
        },
        What::Supervised {
            supervisor: "210".into(),
            operator: operator(),
            how: Supervision::Listen,
            began: Wall(1_795_000_000_000_000),
        },
        What::Held {
            side: Side::Operator,
            operator: Some(operator()),
        },
        What::Resumed {
            side: Side::Caller,
            operator: None,
            lasted: Duration::from_secs(20),
            total: Duration::from_secs(30),
        },
    ]
}

/// What happens to who waits, and is called back.
fn of_the_wait() -> Vec<What> {
    let queue = || QueueName::from("children");
    vec![
        What::Estimated {
            queue: queue(),
            estimate: Duration::from_secs(120),
        },
        What::EstimateMet {
            queue: queue(),
            estimate: Duration::from_secs(120),
            came: Duration::from_secs(95),
        },
        What::CallbackAsked {
            callback: CallId(8),
            queue: queue(),
            due: Some(Wall(1_795_000_000_000_000)),
        },
        What::CallbackTaken {
            operator: operator(),
            attempt: 1,
        },
        What::CallbackFailed {
            attempt: 1,
            reason: reason(),
        },
        What::CallbackEnded {
            outcome: Outcome::NotReached,
        },
    ]
}

/// What happens to a recording.
fn of_a_recording() -> Vec<What> {
    vec![What::Recording {
        recording: RecordingId {
            call: CallId(7),
            part: 1,
        },
        change: Change::Begun {
            of: Recorded::Voicemail {
                mailbox: "night".into(),
            },
            caller: Some(Pseudonym::from("C-7F3A")),
            language: Language::Az,
            operator: None,
        },
    }]
}

/// What happens on the way outside.
fn of_the_way_out() -> Vec<What> {
    vec![
        What::Returned {
            operator: Some(operator()),
        },
        What::GlassBroken {
            operator: operator(),
        },
        What::Renamed {
            former: Pseudonym::from("C-A7F3A"),
            caller: Pseudonym::from("C-B7F3A"),
        },
        What::Refused {
            operator: operator(),
            why: reason(),
        },
        What::Dialling {
            trunk: "delta".into(),
            server: "udp:192.0.2.1:5060".into(),
        },
        What::DialFailed {
            trunk: "delta".into(),
            reason: reason(),
        },
    ]
}

/// What happens to the exchange and its operators.
fn of_the_exchange() -> Vec<What> {
    vec![
        What::Operator {
            operator: operator(),
            state: OperatorState::Free,
            reason: reason(),
        },
        What::Binding {
            operator: operator(),
            contacts: 2,
            reason: reason(),
        },
        What::TurnedAway {
            trunk: "azercell".into(),
            why: Turned::TrunkFull,
            count: 7,
        },
        What::Alarm {
            kind: "no-ack".into(),
            text: reason(),
        },
        What::Banned {
            operator: Some(operator()),
            reason: reason(),
            length: Duration::from_secs(600),
        },
        What::BansLifted { count: 2 },
        What::Listed {
            caller: "C-A1".into(),
            list: "blocked".into(),
            until: Some(Wall(1_795_000_000_000_000)),
        },
        What::Started {
            plan: "a1b2".into(),
        },
        What::Applied {
            plan: "a1b2".into(),
        },
    ]
}

/// One of each kind; a kind that is added must be added above too.
fn one_of_each() -> Vec<What> {
    let all = [
        of_a_call(),
        of_a_recording(),
        of_talks(),
        of_the_wait(),
        of_the_way_out(),
        of_the_exchange(),
    ]
    .concat();
    let kinds: std::collections::BTreeSet<_> = all.iter().map(place).collect();
    assert_eq!(kinds.len(), all.len());
    all
}

/// Its place in the list; the compiler asks for a new kind here.
fn place(what: &What) -> usize {
    match what {
        What::Arrived { .. } => 0,
        What::Bringing { .. } => 37,
        What::Joined { .. } => 30,
        What::NotJoined { .. } => 31,
        What::LeftTalk { .. } => 32,
        What::Supervising { .. } => 33,
        What::Supervised { .. } => 34,
        What::Held { .. } => 35,
        What::Resumed { .. } => 36,
        What::Answered => 1,
        What::Step { .. } => 2,
        What::Language { .. } => 3,
        What::Queued { .. } => 4,
        What::LeftQueue { .. } => 5,
        What::Ringing { .. } => 6,
        What::RingEnded { .. } => 7,
        What::Connected { .. } => 8,
        What::AudioAbsent { .. } => 9,
        What::AudioReturned { .. } => 10,
        What::Media { .. } => 11,
        What::Ended { .. } => 12,
        What::Operator { .. } => 13,
        What::Binding { .. } => 14,
        What::Alarm { .. } => 15,
        What::Started { .. } => 16,
        What::Applied { .. } => 17,
        What::Parted { .. } => 18,
        What::Transfer { .. } => 19,
        What::TransferFailed { .. } => 20,
        What::Messages { .. } => 24,
        What::Dialling { .. } => 21,
        What::DialFailed { .. } => 22,
        What::TurnedAway { .. } => 27,
        What::Refused { .. } => 23,
        What::Banned { .. } => 25,
        What::BansLifted { .. } => 26,
        What::Waits { .. } => 28,
        What::Listed { .. } => 29,
        What::Returned { .. } => 66,
        What::Renamed { .. } => 67,
        What::GlassBroken { .. } => 68,
        What::Recording { .. } => 59,
        What::Estimated { .. } => 60,
        What::EstimateMet { .. } => 61,
        What::CallbackAsked { .. } => 62,
        What::CallbackTaken { .. } => 63,
        What::CallbackFailed { .. } => 64,
        What::CallbackEnded { .. } => 65,
    }
}

/// An alarm had a field `kind`, as the journal's entry has: it was written and never read back.
#[test]
fn each_kind_of_event_survives_the_journal() {
    for what in one_of_each() {
        let event = Event {
            at: Wall(1_795_000_000_000_000),
            call: Some(CallId(7)),
            what,
        };
        let line = serde_json::to_string(&Entry::Event(event.clone())).unwrap();
        assert_eq!(
            serde_json::from_str::<Entry>(&line).unwrap(),
            Entry::Event(event),
            "{line}"
        );
    }
}
