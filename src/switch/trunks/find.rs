//! Where a trunk's servers are, for what we ask of it outside calls (RFC 3263).

use std::collections::VecDeque;
use std::net::IpAddr;

use rand_chacha::rand_core::RngCore;

use super::lines::Errand;
use super::settings::Trunk;
use crate::ids::TrunkName;
use crate::rtp::codec::Codec;
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::flow::Flow;
use crate::sip::headers::NameAddr;
use crate::sip::locate::{Answer, Question, Search};
use crate::sip::message::{Headers, Method, Name, Request};
use crate::sip::uri::Uri;
use crate::switch::input::{Output, Route};
use crate::switch::pbx::Switch;
use crate::time::Now;

impl Switch {
    /// Looks for a trunk's servers, and then does the errand.
    pub(super) fn find_then(&mut self, at: usize, errand: Errand, now: Now) {
        let Some(line) = self.lines.lines.get_mut(at) else {
            return;
        };
        if !line.errands.contains(&errand) {
            line.errands.push(errand);
        }
        if line.search.is_some() {
            return;
        }
        let uri = self.settings.trunks.get(at).and_then(Trunk::uri);
        let supported = self.protocols();
        let Some(search) = uri.and_then(|uri| Search::begin(&uri, &supported)) else {
            return self.found_servers(at, now);
        };
        let questions = search.open().to_vec();
        if let Some(line) = self.lines.lines.get_mut(at) {
            line.search = Some(search);
        }
        for question in questions {
            self.ask_servers(at, question, now);
        }
    }

    fn ask_servers(&mut self, at: usize, question: Question, now: Now) {
        if let Some(answer) = self.answer_itself(&question) {
            return self.servers_answer(at, &question, answer, now);
        }
        self.last_question += 1;
        let number = self.last_question;
        self.lines.resolving.insert(number, (at, question.clone()));
        self.outputs.push_back(Output::Resolve {
            question: number,
            ask: question,
        });
    }

    /// DNS answered; `false`: not to a question of this kind.
    pub(in crate::switch) fn trunk_resolved(
        &mut self,
        number: u64,
        answer: &Answer,
        now: Now,
    ) -> bool {
        let Some((at, question)) = self.lines.resolving.remove(&number) else {
            return false;
        };
        self.servers_answer(at, &question, answer.clone(), now);
        true
    }

    fn servers_answer(&mut self, at: usize, question: &Question, answer: Answer, now: Now) {
        let mut lots: VecDeque<u32> = (0..64).map(|_| self.random.next_u32()).collect();
        let mut random = || lots.pop_front().unwrap_or_default();
        let Some(line) = self.lines.lines.get_mut(at) else {
            return;
        };
        let Some(search) = &mut line.search else {
            return;
        };
        let further = search.answer(question, answer, &mut random);
        if let Some(targets) = search.targets() {
            let targets = self.within_reach(targets);
            let Some(line) = self.lines.lines.get_mut(at) else {
                return;
            };
            line.search = None;
            // While DNS is silent those of the last time are good.
            if !targets.is_empty() {
                line.targets = targets;
            }
            let trunk = self.settings.trunks.get(at);
            if let Some(trunk) = trunk.map(|trunk| trunk.name.clone()) {
                self.tell_servers(&trunk);
            }
            return self.found_servers(at, now);
        }
        for question in further {
            self.ask_servers(at, question, now);
        }
    }

    /// The shell shall know them, wherever DNS leads.
    pub(in crate::switch) fn tell_servers(&mut self, trunk: &TrunkName) {
        let lines = self.settings.trunks.iter().zip(&self.lines.lines);
        let line = lines.filter(|(one, _)| one.name == *trunk);
        let line = line.flat_map(|(_, line)| &line.targets);
        let called = self.last_targets.get(trunk).into_iter().flatten();
        let servers = line.chain(called).map(|target| target.remote.ip());
        let servers = servers.collect();
        self.outputs.push_back(Output::Servers {
            trunk: trunk.clone(),
            servers,
        });
    }

    /// Whether a trunk's servers were found there, for its calls or for ours.
    pub(in crate::switch) fn is_server_of_trunk(&self, ip: IpAddr) -> bool {
        let lines = self.lines.lines.iter().flat_map(|line| &line.targets);
        let mut all = lines.chain(self.last_targets.values().flatten());
        all.any(|target| target.remote.ip() == ip)
    }

    fn found_servers(&mut self, at: usize, now: Now) {
        let Some(line) = self.lines.lines.get_mut(at) else {
            return;
        };
        for errand in std::mem::take(&mut line.errands) {
            match errand {
                Errand::Register => self.send_register(at, now),
                Errand::Qualify => self.send_options(at, now),
            }
        }
    }

    /// The way to one of a trunk's servers: after each failure to the next.
    pub(super) fn way_to_trunk(&mut self, at: usize, failures: u32) -> Option<Flow> {
        let targets = &self.lines.lines.get(at)?.targets;
        let count = targets.len().max(1);
        let target = targets.get(failures as usize % count)?;
        let route = Route {
            remote: target.remote,
            local: target.local,
        };
        let flow = self.flow_to(route, target.protocol.transport()?)?;
        let trunk = self.settings.trunks.get(at).cloned();
        trunk.inspect(|trunk| self.expect_at(trunk, flow));
        Some(flow)
    }

    /// Route values of requests to a trunk: what its registrar said (RFC 3608 §5), else its proxy.
    pub(in crate::switch) fn routes_to(&self, trunk: &Trunk) -> Vec<String> {
        let all = self.lines.with(&self.settings.trunks);
        let mut all = all.filter(|(one, _)| one.name == trunk.name);
        let line = all.next().map(|(_, line)| &line.registration.service_route);
        match line {
            Some(routes) if !routes.is_empty() => routes.clone(),
            _ => trunk.proxy_route().into_iter().collect(),
        }
    }

    /// Where requests to a trunk go first: the topmost route, or its peer.
    pub(in crate::switch) fn first_hop(&self, trunk: &Trunk) -> Option<Uri> {
        let routes = self.routes_to(trunk);
        let first = routes.first().and_then(|route| NameAddr::parse(route).ok());
        let peer = trunk.uri()?;
        Some(first.map_or(peer, |route| route.uri))
    }

    /// What we talk by on a leg; empty: what the peer prefers.
    pub(in crate::switch) fn codecs_of(
        &self,
        flow: Flow,
        trunk: Option<&TrunkName>,
        is_phone: bool,
    ) -> Vec<Codec> {
        if is_phone {
            return Vec::new();
        }
        let name = trunk.cloned().or_else(|| self.trunk_behind(flow));
        let trunk = name.and_then(|name| self.settings.trunk(&name));
        trunk.map(|trunk| trunk.codecs.clone()).unwrap_or_default()
    }

    /// A request to a trunk outside any dialog, complete but for Via and what its method wants.
    pub(super) fn request_to_trunk(
        &self,
        method: Method,
        uri: Uri,
        routes: Vec<String>,
        (who, to): (&str, &str),
        (call_id, tag, cseq): (&str, &str, u32),
    ) -> Request {
        let mut headers = Headers::with_capacity(12);
        headers.push(Name::MaxForwards, MAX_FORWARDS.to_string());
        for route in routes {
            headers.push(Name::Route, route);
        }
        headers.push(Name::From, format!("<{who}>;tag={tag}"));
        headers.push(Name::To, format!("<{to}>"));
        headers.push(Name::CallId, call_id.to_owned());
        headers.push(Name::CSeq, format!("{cseq} {}", method.as_str()));
        Request {
            method,
            uri,
            headers,
            body: Vec::new(),
        }
    }
}
