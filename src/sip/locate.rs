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
mod tests;
