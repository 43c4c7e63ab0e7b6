//! Flows that phones keep to us, through edge proxies and without (RFC 5626), and their keep-alives.

use std::net::UdpSocket;

use crate::kamailio::Kamailio;
use crate::server::{SOON, Server, Setup};
use crate::sipp::Phone;
use crate::{baresip, pjsua};

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;

/// A caller hears the operator, is heard, and hangs up; it is the `count`th call.
fn is_served(server: &Server, count: usize, heard: impl FnOnce()) {
    let mut caller = Phone::caller(server, "0501234567", "116111", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    heard();
    caller.hangs_up();
    let calls = server.records(count);
    calls[count - 1].ended("hung_up", "caller").with("101");
    caller.ear.heard_one_stream();
    server.operator_is("101", "free");
}

#[test]
fn a_phone_is_reached_by_its_other_flow_where_the_proxy_of_the_first_lost_its() {
    let server = Setup::new().operator("101").start();
    let proxy = Kamailio::edge(&server, "udp");
    let flow = |number| {
        let phone = pjsua::Setup::new("101", OPERATOR).over_tcp().flow(number);
        let mut phone = phone.through(proxy.at).start(&server);
        phone.is_registered();
        phone
    };
    let mut first = flow(1);
    first.dials_code("*11");
    server.operator_is("101", "free");
    let mut second = flow(2);
    server.counts("contacts", 2);
    // One device: it rings once, by the flow that was made last.
    is_served(&server, 1, || second.heard(CALLER, SOON));
    assert!(!first.process.said().contains("incoming"));
    // Its connection to the proxy is gone, which tells us so by 430 (§5.3.1).
    second.process.kill();
    is_served(&server, 2, || first.heard(CALLER, SOON));
    server.counts("contacts", 1);
    server.logs(&["binding", "the flow failed"]);
    server.is_drained();
}

#[test]
fn a_phone_with_two_edge_proxies_is_reached_by_the_other_when_one_is_gone() {
    let server = Setup::new().operator("101").start();
    let mut proxies = [0; 2].map(|_| Some(Kamailio::edge(&server, "tcp")));
    let places = [0, 1].map(|number| proxies[number].as_ref().unwrap().at);
    let phone = baresip::Setup::new("101", OPERATOR).over_tcp();
    let mut phone = phone.through_all(&places).start(&server);
    server.counts("contacts", 2);
    phone.goes_on_shift(&server, "101");
    is_served(&server, 1, || phone.heard(CALLER, SOON));
    let said = phone.process.said();
    for wanted in ["+sip.instance", "reg-id=1", "reg-id=2", "Require: outbound"] {
        assert!(said.contains(wanted), "{wanted}");
    }
    // Whichever it was rung by: that proxy is gone, and the next ring comes by the other one.
    let way = |port: u16| format!("-> 127.0.0.1:{port}\nSIP/2.0 180 Ringing");
    let used = |place: &std::net::SocketAddr| said.contains(&way(place.port()));
    let rung: Vec<bool> = places.iter().map(used).collect();
    assert_eq!(
        rung.iter().filter(|used| **used).count(),
        1,
        "one ring: {rung:?}"
    );
    let gone = usize::from(rung[1]);
    proxies[gone] = None;
    is_served(&server, 2, || ());
    let other = places[1 - gone].port();
    assert!(phone.process.said().contains(&way(other)));
    server.is_drained();
}

#[test]
fn keep_alives_by_stun_are_answered_on_the_port_of_sip() {
    let server = Setup::new().operator("101").start();
    let mut phone = pjsua::Setup::new("101", OPERATOR).start(&server);
    phone.is_registered();
    phone.process.tell(&format!("stun {}", server.udp));
    let told = phone.process.says("stun 0", SOON);
    assert!(told.contains("stun 0"), "{told}");
    // From a phone's own port, between its messages (RFC 5626 §4.4.2; RFC 5389 §15.2).
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.udp).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let cookie = [0x21, 0x12, 0xa4, 0x42];
    let id = *b"keep-alive-1";
    let ask = [&[0, 1, 0, 0][..], &cookie, &id].concat();
    for _ in 0..3 {
        socket.send(&ask).unwrap();
        let mut answer = [0; 100];
        let length = socket.recv(&mut answer).unwrap();
        let port = socket.local_addr().unwrap().port() ^ 0x2112;
        let [high, low] = port.to_be_bytes();
        let place = [0, 1, high, low, 127 ^ 0x21, 0x12, 0xa4, 1 ^ 0x42];
        let whole = [&[1, 1, 0, 12][..], &cookie, &id, &[0, 0x20, 0, 8], &place].concat();
        assert_eq!(answer[..length], whole);
    }
    server.is_drained();
}
