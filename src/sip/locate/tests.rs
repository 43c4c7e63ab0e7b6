//! Tests of the search.

use super::*;

const ALL: [Protocol; 3] = [Protocol::Udp, Protocol::Tcp, Protocol::Tls];
const NO_TLS: [Protocol; 2] = [Protocol::Udp, Protocol::Tcp];

fn begin(uri: &str, supported: &[Protocol]) -> Search {
    Search::begin(&Uri::parse(uri).unwrap(), supported).unwrap()
}

fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Naptr {
    Naptr {
        order,
        preference,
        flags: "s".into(),
        service: service.into(),
        replacement: replacement.into(),
    }
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Srv {
    Srv {
        priority,
        weight,
        port,
        target: target.into(),
    }
}

fn host(name: &str) -> Question {
    Question::Host(name.into())
}

fn at(last: u8) -> Answer {
    Answer::Addresses(vec![Address {
        remote: IpAddr::from([192, 0, 2, last]),
        local: None,
    }])
}

fn places(search: &Search) -> Vec<String> {
    let targets = search.targets().expect("no question is open");
    let show = |target: &Target| format!("{:?} {}", target.protocol, target.remote);
    targets.iter().map(show).collect()
}

fn lot() -> u32 {
    0
}

/// §4.1's example: three NAPTR records, of which we support one and then all.
#[test]
fn naptr_chooses_the_first_transport_that_we_have() {
    let records = vec![
        naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com."),
        naptr(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
        naptr(100, 50, "SIP+D2U", "_sip._udp.example.com."),
    ];
    let ask = Question::Naptr("example.com".into());
    let mut search = begin("sip:user@example.com", &[Protocol::Tcp, Protocol::Udp]);
    assert_eq!(search.open(), std::slice::from_ref(&ask));
    let next = search.answer(&ask, Answer::Naptr(records.clone()), &mut lot);
    assert_eq!(next[0], Question::Srv("_sip._tcp.example.com".into()));
    let mut search = begin("sip:user@example.com", &ALL);
    let next = search.answer(&ask, Answer::Naptr(records.clone()), &mut lot);
    assert_eq!(next[0], Question::Srv("_sips._tcp.example.com".into()));
    // sips takes no other.
    let mut search = begin("sips:user@example.com", &ALL);
    let next = search.answer(&ask, Answer::Naptr(records), &mut lot);
    assert_eq!(next, [Question::Srv("_sips._tcp.example.com".into())]);
}

/// §4.2's example: two servers by priority, each with its address.
#[test]
fn srv_names_servers_by_priority_and_their_ports() {
    let mut search = begin("sip:example.com;transport=tcp", &NO_TLS);
    let ask = Question::Srv("_sip._tcp.example.com".into());
    assert_eq!(search.open(), std::slice::from_ref(&ask));
    let records = vec![
        srv(1, 1, 5080, "server2.example.com."),
        srv(0, 1, 5060, "server1.example.com."),
    ];
    let next = search.answer(&ask, Answer::Srv(records), &mut lot);
    assert_eq!(
        next,
        [host("server1.example.com"), host("server2.example.com")]
    );
    search.answer(&next[1], at(2), &mut lot);
    assert_eq!(search.targets(), None, "one question is open");
    search.answer(&next[0], at(1), &mut lot);
    assert_eq!(
        places(&search),
        ["Tcp 192.0.2.1:5060", "Tcp 192.0.2.2:5080"]
    );
}

#[test]
fn an_address_is_final_and_its_port_and_transport_are_the_defaults() {
    for (uri, place) in [
        ("sip:192.0.2.9", "Udp 192.0.2.9:5060"),
        ("sip:192.0.2.9:5070", "Udp 192.0.2.9:5070"),
        ("sips:192.0.2.9", "Tls 192.0.2.9:5061"),
        ("sip:192.0.2.9;transport=TCP", "Tcp 192.0.2.9:5060"),
        ("sips:192.0.2.9:5070;transport=tcp", "Tls 192.0.2.9:5070"),
        ("sip:a@example.com;maddr=192.0.2.9", "Udp 192.0.2.9:5060"),
    ] {
        let mut search = begin(uri, &ALL);
        assert_eq!(search.open(), [host("192.0.2.9")], "{uri}");
        search.answer(&host("192.0.2.9"), at(9), &mut lot);
        assert_eq!(places(&search), [place], "{uri}");
    }
}

/// §4.1 and §4.2: a port that is named forbids NAPTR and SRV.
#[test]
fn a_port_asks_for_addresses_alone() {
    let mut search = begin("sip:example.com:5090", &ALL);
    assert_eq!(search.open(), [host("example.com")]);
    search.answer(&host("example.com"), at(7), &mut lot);
    assert_eq!(places(&search), ["Udp 192.0.2.7:5090"]);
}

#[test]
fn without_naptr_each_of_our_transports_is_asked_by_srv() {
    let mut search = begin("sip:example.com", &NO_TLS);
    let ask = search.open()[0].clone();
    let next = search.answer(&ask, Answer::nothing(&ask), &mut lot);
    assert_eq!(
        next,
        [
            Question::Srv("_sip._udp.example.com".into()),
            Question::Srv("_sip._tcp.example.com".into())
        ]
    );
    search.answer(&next[0], Answer::nothing(&next[0]), &mut lot);
    let records = vec![srv(0, 0, 5060, "one.example.com")];
    let hosts = search.answer(&next[1], Answer::Srv(records), &mut lot);
    assert_eq!(hosts, [host("one.example.com")]);
}

/// §4.2: no SRV at all: the domain itself, by UDP, at the default port.
#[test]
fn without_srv_the_domain_itself_is_the_server() {
    let mut search = begin("sip:example.com", &NO_TLS);
    for _ in 0..3 {
        for ask in search.open().to_vec() {
            if let Question::Host(_) = ask {
                search.answer(&ask, at(3), &mut lot);
            } else {
                search.answer(&ask, Answer::nothing(&ask), &mut lot);
            }
        }
    }
    assert_eq!(places(&search), ["Udp 192.0.2.3:5060"]);
}

#[test]
fn a_dot_says_that_there_is_no_such_service() {
    let mut search = begin("sip:example.com;transport=udp", &NO_TLS);
    let ask = search.open()[0].clone();
    let next = search.answer(&ask, Answer::Srv(vec![srv(0, 0, 0, ".")]), &mut lot);
    assert!(next.is_empty());
    assert_eq!(search.targets(), Some(Vec::new()));
}

#[test]
fn what_we_cannot_serve_is_no_search() {
    let uri = |text: &str| Uri::parse(text).unwrap();
    assert!(Search::begin(&uri("sips:192.0.2.9"), &NO_TLS).is_none());
    assert!(Search::begin(&uri("sip:a@b;transport=sctp"), &ALL).is_none());
    assert!(Search::begin(&uri("tel:+994501234567"), &ALL).is_none());
}

#[test]
fn a_strangers_flood_of_records_is_cut() {
    let mut search = begin("sip:example.com;transport=udp", &NO_TLS);
    let ask = search.open()[0].clone();
    let many = (0..5_000).map(|n| srv(0, 1, 5060, &format!("h{n}.example.com")));
    let next = search.answer(&ask, Answer::Srv(many.collect()), &mut lot);
    assert_eq!(next.len(), MAX_RECORDS);
    let flood = |_: usize| Address {
        remote: IpAddr::from([192, 0, 2, 1]),
        local: None,
    };
    for ask in next {
        let many = (0..1_000).map(flood).collect();
        search.answer(&ask, Answer::Addresses(many), &mut lot);
    }
    assert_eq!(search.targets().unwrap().len(), 1, "the same place is one");
}

/// RFC 2782: over many drawings each comes first as often as its weight says; weight 0 hardly ever.
#[test]
fn weights_share_the_load() {
    let mut state = 7_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut first = BTreeMap::new();
    for _ in 0..10_000 {
        let records = vec![
            srv(1, 50, 1, "later"),
            srv(0, 75, 1, "big"),
            srv(0, 25, 1, "small"),
            srv(0, 0, 1, "spare"),
        ];
        let order = in_order(records, &mut random);
        assert_eq!(order[3].target, "later");
        *first.entry(order[0].target.clone()).or_insert(0) += 1;
    }
    let share = |name: &str| first.get(name).copied().unwrap_or(0);
    assert!((7_200..=7_700).contains(&share("big")), "{first:?}");
    assert!((2_200..=2_700).contains(&share("small")), "{first:?}");
    assert!((1..=300).contains(&share("spare")), "{first:?}");
    // Small ones are shares all the same.
    let mut heavy = 0;
    for _ in 0..10_000 {
        let order = by_lot(
            vec![(3, "heavy"), (1, "light")],
            |one| (0, one.0),
            &mut random,
        );
        heavy += usize::from(order[0].1 == "heavy");
    }
    assert!((7_300..=7_700).contains(&heavy), "{heavy}");
}

/// §4.1 and §4.2: sips asks for `_sips._tcp` alone, and where there is none, the domain by TLS.
#[test]
fn sips_is_found_by_its_own_service_or_at_its_own_port_and_by_both_families() {
    let mut search = begin("sips:example.com", &ALL);
    let ask = search.open()[0].clone();
    let next = search.answer(&ask, Answer::nothing(&ask), &mut lot);
    assert_eq!(next, [Question::Srv("_sips._tcp.example.com".into())]);
    let mut other = search.clone();
    let records = vec![srv(0, 1, 5071, "edge.example.net.")];
    let hosts = search.answer(&next[0], Answer::Srv(records), &mut lot);
    let address = |text: &str| Address {
        remote: text.parse().unwrap(),
        local: None,
    };
    let both = vec![address("2001:db8::5"), address("192.0.2.5")];
    search.answer(&hosts[0], Answer::Addresses(both), &mut lot);
    assert_eq!(
        places(&search),
        ["Tls [2001:db8::5]:5071", "Tls 192.0.2.5:5071"]
    );
    let hosts = other.answer(&next[0], Answer::nothing(&next[0]), &mut lot);
    other.answer(&hosts[0], at(3), &mut lot);
    assert_eq!(places(&other), ["Tls 192.0.2.3:5061"]);
}
