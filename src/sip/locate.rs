//! Finding the servers of a URI: RFC 3263 as a function of questions and answers.
//!
//! [`Search::begin`] says what is to be asked of DNS first; each answer brings further questions until
//! none is open, and then [`Search::targets`] is the list of places to try, in order.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::flow::Transport;
use super::uri::{Host, Uri};

/// No answer of DNS is looked at beyond so many records.
pub const MAX_RECORDS: usize = 16;
/// No more places than these are tried.
pub const MAX_TARGETS: usize = 16;

/// A transport that DNS can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `SIP+D2U`, `_sip._udp`.
    Udp,
    /// `SIP+D2T`, `_sip._tcp`.
    Tcp,
    /// `SIPS+D2T`, `_sips._tcp`.
    Tls,
}

impl Protocol {
    /// The name under which its servers are listed (§4.1).
    fn service(self, domain: &str) -> String {
        let labels = match self {
            Self::Udp => "_sip._udp",
            Self::Tcp => "_sip._tcp",
            Self::Tls => "_sips._tcp",
        };
        format!("{labels}.{domain}")
    }

    /// The service of a NAPTR record (§4.1); case does not count (RFC 3403 §4.1).
    fn of_naptr(service: &str) -> Option<Self> {
        let named = |name: &str| service.eq_ignore_ascii_case(name);
        match () {
            () if named("SIP+D2U") => Some(Self::Udp),
            () if named("SIP+D2T") => Some(Self::Tcp),
            () if named("SIPS+D2T") => Some(Self::Tls),
            () => None,
        }
    }

    /// RFC 3261 §19.1.2.
    fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

impl From<Transport> for Protocol {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Udp,
            Transport::Tcp | Transport::Ws => Self::Tcp,
            Transport::Tls | Transport::Wss => Self::Tls,
        }
    }
}

impl Protocol {
    /// The transport of a flow, where this exchange has it.
    pub fn transport(self) -> Option<Transport> {
        match self {
            Self::Udp => Some(Transport::Udp),
            Self::Tcp => Some(Transport::Tcp),
            Self::Tls => Some(Transport::Tls),
        }
    }
}

/// One question for DNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// NAPTR records of a domain.
    Naptr(String),
    /// SRV records of a service.
    Srv(String),
    /// Addresses of a host, A and AAAA; an address is its own answer.
    Host(String),
}

/// A NAPTR record (RFC 3403 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower ones come first.
    pub order: u16,
    /// Among those of one order, lower ones come first.
    pub preference: u16,
    /// `s`: the replacement is a name for SRV.
    pub flags: String,
    /// `SIP+D2U` and the like.
    pub service: String,
    /// What to ask next.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower ones come first.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// Where the server listens.
    pub port: u16,
    /// The server; `.`: the service is decidedly not offered.
    pub target: String,
}

/// One address of a host, and ours towards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// Where the host is.
    pub remote: IpAddr,
    /// Which of our addresses the system would send from; `None`: it does not tell.
    pub local: Option<IpAddr>,
}

/// What DNS says; empty where it has nothing, or did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Naptr`].
    Naptr(Vec<Naptr>),
    /// To [`Question::Srv`].
    Srv(Vec<Srv>),
    /// To [`Question::Host`].
    Addresses(Vec<Address>),
}

impl Answer {
    /// Nothing, to this question.
    pub fn nothing(question: &Question) -> Self {
        match question {
            Question::Naptr(_) => Self::Naptr(Vec::new()),
            Question::Srv(_) => Self::Srv(Vec::new()),
            Question::Host(_) => Self::Addresses(Vec::new()),
        }
    }
}

/// A place to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// By which transport.
    pub protocol: Protocol,
    /// Where.
    pub remote: SocketAddr,
    /// Which of our addresses leads there, where that is known.
    pub local: Option<IpAddr>,
}

/// A server whose addresses are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    protocol: Protocol,
    host: String,
    port: u16,
}

/// What is open.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// NAPTR was asked.
    Naptr,
    /// SRV was asked of these names, in order of preference.
    Srv(Vec<(Protocol, String)>),
    /// The servers are known; their addresses are being asked.
    Servers,
}

/// The search for one URI's servers.
#[derive(Debug, Clone)]
pub struct Search {
    domain: String,
    secure: bool,
    supported: Vec<Protocol>,
    state: State,
    open: Vec<Question>,
    services: BTreeMap<String, Vec<Srv>>,
    servers: Vec<Server>,
    addresses: BTreeMap<String, Vec<Address>>,
}

impl Search {
    /// Begins the search for `uri` with the transports that this side has; the questions that are open
    /// at first are [`Search::open`]. `None`: the URI has no host, or none of our transports can serve it.
    pub fn begin(uri: &Uri, supported: &[Protocol]) -> Option<Self> {
        let Uri::Sip(sip) = uri else { return None };
        let mut search = Self {
            domain: sip.host.to_string(),
            secure: sip.secure,
            supported: supported.to_vec(),
            state: State::Servers,
            open: Vec::new(),
            services: BTreeMap::new(),
            servers: Vec::new(),
            addresses: BTreeMap::new(),
        };
        // §4: maddr stands for the host.
        let host = uri
            .parameter("maddr")
            .and_then(|text| Host::parse(text).ok());
        let host = host.as_ref().unwrap_or(&sip.host);
        search.domain = match host {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name.trim_end_matches('.').to_owned(),
        };
        let named = match uri.parameter("transport") {
            None => None,
            Some(name) => Some(named_protocol(name, sip.secure)?),
        };
        let numeric = host.address().is_some();
        match named {
            Some(protocol) if !search.has(protocol) => return None,
            // §4.2: a port or an address is final.
            Some(protocol) if numeric || sip.port.is_some() => {
                search.ask_one(protocol, sip.port);
            }
            Some(protocol) => search.ask_services(vec![protocol]),
            // §4.1: without a transport, an address or a port means UDP, or TLS for sips.
            None if numeric || sip.port.is_some() => {
                let protocol = search.fallback()?;
                search.ask_one(protocol, sip.port);
            }
            None => {
                search.state = State::Naptr;
                search.open = vec![Question::Naptr(search.domain.clone())];
            }
        }
        Some(search)
    }

    /// The questions whose answers are missing.
    pub fn open(&self) -> &[Question] {
        &self.open
    }

    /// Takes one answer; returns the questions that it raises. `random` gives numbers for weights.
    pub fn answer(
        &mut self,
        question: &Question,
        answer: Answer,
        random: &mut dyn FnMut() -> u32,
    ) -> Vec<Question> {
        let Some(at) = self.open.iter().position(|open| open == question) else {
            return Vec::new();
        };
        self.open.remove(at);
        let before = self.open.clone();
        match (question, answer) {
            (Question::Naptr(_), Answer::Naptr(records)) => self.read_naptr(records),
            (Question::Srv(name), Answer::Srv(mut records)) => {
                records.truncate(MAX_RECORDS);
                self.services.insert(name.clone(), records);
            }
            (Question::Host(name), Answer::Addresses(mut found)) => {
                found.truncate(MAX_RECORDS);
                self.addresses.insert(name.clone(), found);
            }
            // An answer of another kind answers nothing.
            (Question::Naptr(_), _) => self.read_naptr(Vec::new()),
            (Question::Srv(_) | Question::Host(_), _) => {}
        }
        if let State::Srv(names) = &self.state
            && self.open.is_empty()
        {
            let names = names.clone();
            self.read_services(&names, random);
        }
        let new = self.open.iter().filter(|open| !before.contains(open));
        new.cloned().collect()
    }

    /// The places to try, in order; `None`: questions are open.
    pub fn targets(&self) -> Option<Vec<Target>> {
        if !self.open.is_empty() {
            return None;
        }
        let mut targets: Vec<Target> = Vec::new();
        for server in &self.servers {
            for address in self.addresses.get(&server.host).into_iter().flatten() {
                let target = Target {
                    protocol: server.protocol,
                    remote: SocketAddr::new(address.remote, server.port),
                    local: address.local,
                };
                if !targets.contains(&target) && targets.len() < MAX_TARGETS {
                    targets.push(target);
                }
            }
        }
        Some(targets)
    }

    fn has(&self, protocol: Protocol) -> bool {
        self.supported.contains(&protocol)
    }

    /// What is used where nothing names a transport (§4.1).
    fn fallback(&self) -> Option<Protocol> {
        let protocol = if self.secure {
            Protocol::Tls
        } else {
            Protocol::Udp
        };
        let other = || self.supported.first().copied();
        match self.has(protocol) {
            true => Some(protocol),
            false if self.secure => None,
            false => other(),
        }
    }

    fn ask_one(&mut self, protocol: Protocol, port: Option<u16>) {
        self.servers = vec![Server {
            protocol,
            host: self.domain.clone(),
            port: port.unwrap_or(protocol.default_port()),
        }];
        self.ask_addresses();
    }

    fn ask_services(&mut self, protocols: Vec<Protocol>) {
        let name = |protocol: Protocol| (protocol, protocol.service(&self.domain));
        let names: Vec<_> = protocols.into_iter().map(name).collect();
        self.ask_names(names);
    }

    fn ask_names(&mut self, names: Vec<(Protocol, String)>) {
        self.open = Vec::new();
        for (_, name) in &names {
            let question = Question::Srv(name.clone());
            if !self.open.contains(&question) {
                self.open.push(question);
            }
        }
        self.state = State::Srv(names);
    }

    /// §4.1: the records of the lowest order that we support, by preference. Others of one order stay as
    /// later choices: the order is the domain's wish, and a server that does not answer has no say.
    fn read_naptr(&mut self, mut records: Vec<Naptr>) {
        records.truncate(MAX_RECORDS);
        records.sort_by_key(|record| (record.order, record.preference));
        let mut names = Vec::new();
        for record in records {
            let Some(protocol) = Protocol::of_naptr(&record.service) else {
                continue;
            };
            let fits = record.flags.eq_ignore_ascii_case("s") && self.has(protocol);
            let secure = protocol == Protocol::Tls || !self.secure;
            if fits && secure {
                let name = record.replacement.trim_end_matches('.').to_owned();
                names.push((protocol, name));
            }
        }
        if !names.is_empty() {
            return self.ask_names(names);
        }
        // No NAPTR: SRV for each transport that we have (§4.1).
        let all = [Protocol::Tls, Protocol::Tcp, Protocol::Udp];
        let fits = |protocol: &Protocol| {
            // A sip URI is not made secure by itself where there is another way.
            self.has(*protocol) && (*protocol == Protocol::Tls) == self.secure
        };
        let mut usable: Vec<_> = all.into_iter().filter(fits).collect();
        // UDP is what every trunk speaks; the others follow it.
        usable.sort();
        self.ask_services(usable);
    }

    /// All SRV answers are in: servers in order, or the domain itself where there are none (§4.2).
    fn read_services(&mut self, names: &[(Protocol, String)], random: &mut dyn FnMut() -> u32) {
        let mut refused = false;
        let mut servers = Vec::new();
        for (protocol, name) in names {
            let records = self.services.get(name).cloned().unwrap_or_default();
            // RFC 2782: a lone "." says that there is no such service.
            refused |= records
                .iter()
                .any(|record| matches!(record.target.as_str(), "." | ""));
            for record in in_order(records, random) {
                let host = record.target.trim_end_matches('.').to_owned();
                if !host.is_empty() {
                    servers.push(Server {
                        protocol: *protocol,
                        host,
                        port: record.port,
                    });
                }
            }
        }
        servers.truncate(MAX_RECORDS);
        self.servers = servers;
        if !self.servers.is_empty() {
            return self.ask_addresses();
        }
        self.state = State::Servers;
        if refused {
            return;
        }
        let protocol = match names {
            [(protocol, _)] => Some(*protocol),
            _ => self.fallback(),
        };
        if let Some(protocol) = protocol {
            self.ask_one(protocol, None);
        }
    }

    fn ask_addresses(&mut self) {
        self.state = State::Servers;
        self.open = Vec::new();
        for server in &self.servers {
            let question = Question::Host(server.host.clone());
            if !self.open.contains(&question) {
                self.open.push(question);
            }
        }
    }
}

/// `;transport=` of a URI; `sips` with TCP is TLS (RFC 3261 §26.2.2).
fn named_protocol(name: &str, secure: bool) -> Option<Protocol> {
    let named = |one: &str| name.eq_ignore_ascii_case(one);
    match () {
        () if named("tls") => Some(Protocol::Tls),
        () if named("tcp") && secure => Some(Protocol::Tls),
        () if named("tcp") => Some(Protocol::Tcp),
        () if named("udp") && !secure => Some(Protocol::Udp),
        () => None,
    }
}

/// Servers by priority, and within one by the lottery of RFC 2782 over their weights.
pub fn in_order(records: Vec<Srv>, random: &mut dyn FnMut() -> u32) -> Vec<Srv> {
    let key = |record: &Srv| (record.priority, record.weight);
    by_lot(records, key, random)
}

/// Orders anything with a priority and a weight: lower priorities first; within one, whoever the lot
/// falls to, as often as its weight says (RFC 2782, "Weight").
pub fn by_lot<T>(
    mut all: Vec<T>,
    key: impl Fn(&T) -> (u16, u16),
    random: &mut dyn FnMut() -> u32,
) -> Vec<T> {
    // Weight 0 first within a priority: it has a small chance alone.
    all.sort_by_key(|one| key(one));
    let mut ordered = Vec::with_capacity(all.len());
    while let Some(first) = all.first() {
        let priority = key(first).0;
        let same = all.iter().take_while(|one| key(one).0 == priority);
        let total: u64 = same.map(|one| u64::from(key(one).1)).sum();
        // RFC 2782 draws from 0 to the sum, so that the lightest gets one lot more than its weight: where
        // weights are small, far too many. That lot is for those of weight 0 alone, and a small one.
        let (scale, least) = if key(first).1 == 0 { (16, 0) } else { (1, 1) };
        let lots = total * scale + 1 - least;
        let lot = least + u64::from(random()) % lots;
        let mut sum = 0;
        let mut chosen = 0;
        for (at, one) in all.iter().enumerate() {
            if key(one).0 != priority {
                break;
            }
            chosen = at;
            sum += u64::from(key(one).1) * scale;
            if sum >= lot {
                break;
            }
        }
        ordered.push(all.remove(chosen));
    }
    ordered
}

#[cfg(test)]
mod tests {
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
}
