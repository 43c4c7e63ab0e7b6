//! Kamailio: a SIP proxy that others wrote, with routes of ours.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::moment::eventually;
use crate::ports::free_port;
use crate::process::Process;
use crate::server::{SOON, Server};

/// How to get it.
const PACKAGE: &str = "apt-get install kamailio kamailio-{outbound,tls,websocket}-modules";

/// What holds for each of our proxies: modules, and requests that go on with something known.
const HEAD: &str = r#"
debug=2
log_stderror=yes
children=1
tcp_children=2
auto_aliases=no
dns=no
rev_dns=no
tcp_accept_no_cl=yes
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "corex.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "htable.so"
loadmodule "xlog.so"
loadmodule "stun.so"
loadmodule "outbound.so"
loadmodule "rr.so"
loadmodule "path.so"
loadmodule "xhttp.so"
loadmodule "websocket.so"
modparam("htable", "htable", "seen=>size=8;autoexpire=60;")
modparam("path", "use_received", 1)
modparam("tm", "fr_timer", 4000)
"#;

/// The beginning of each proxy's logic.
const KNOWN: &str = r#"
request_route {
    if (is_method("OPTIONS") && $rU == $null && uri == myself) {
        sl_send_reply("200", "OK");
        exit;
    }
    route(LOSES);
    if (!mf_process_maxfwd_header("10")) {
        sl_send_reply("483", "Too Many Hops");
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) { t_relay(); }
        exit;
    }
    if (has_totag()) {
        if (loose_route()) {
            t_on_failure("FLOW");
            t_relay();
        } else if (is_method("ACK") && t_check_trans()) {
            t_relay();
        } else if (!is_method("ACK")) {
            sl_send_reply("404", "Not here");
        }
        exit;
    }
    t_check_trans();
    route(FRESH);
    exit;
}
event_route[xhttp:request] {
    set_reply_close();
    set_reply_no_connect();
    if ($hdr(Upgrade) =~ "websocket" && ws_handle_handshake()) { exit; }
    xhttp_reply("404", "Not Found", "", "");
}
# A flow whose phone is gone (RFC 5626 §5.3.1).
failure_route[FLOW] {
    if (t_is_canceled()) { exit; }
    if (t_branch_timeout() || !t_branch_replied()) { t_reply("430", "Flow Failed"); }
}
"#;

/// A running proxy.
pub(crate) struct Kamailio {
    /// Its process.
    pub(crate) process: Process,
    /// Where it hears, by UDP and TCP.
    pub(crate) at: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Kamailio {
    /// Phones come to it, and by this transport through it to the server; what comes from there goes to them.
    pub(crate) fn edge(server: &Server, transport: &str) -> Self {
        Self::edge_at(Self::place(), server, transport)
    }

    /// The same at that place.
    pub(crate) fn edge_at(at: SocketAddr, server: &Server, transport: &str) -> Self {
        Self::start_at(at, server, &edge_route(server, transport))
    }

    /// The same by datagrams, of which it loses the first copy of each.
    pub(crate) fn edge_that_loses(server: &Server) -> Self {
        let fresh = edge_route(server, "udp");
        let routes = format!("{}route[FRESH] {{\n{fresh}\n}}\n", losing());
        Self::start(Self::place(), server, &routes)
    }

    /// A place for one.
    pub(crate) fn place() -> SocketAddr {
        ([127, 0, 0, 1], free_port()).into()
    }

    /// At that place, with a route `FRESH` for what begins anew.
    pub(crate) fn start_at(at: SocketAddr, server: &Server, fresh: &str) -> Self {
        let routes = format!("route[LOSES] {{ return; }}\nroute[FRESH] {{\n{fresh}\n}}\n");
        Self::start(at, server, &routes)
    }

    /// The same, also by TLS at another place: it shows a certificate of `carrier.az`, and wants one.
    pub(crate) fn start_with_tls(
        at: SocketAddr,
        tls: SocketAddr,
        server: &Server,
        fresh: &str,
    ) -> Self {
        let folder = server.place.path();
        let (certificate, key) = server.place.authority().sign(folder, "carrier.az");
        let set = |name: &str, value: &Path| {
            format!("modparam(\"tls\", \"{name}\", \"{}\")\n", value.display())
        };
        let routes = format!(
            "enable_tls=yes\nlisten=tls:{tls}\nloadmodule \"tls.so\"\n{}{}{}\
             modparam(\"tls\", \"tls_method\", \"TLSv1.2+\")\n\
             modparam(\"tls\", \"verify_certificate\", 1)\n\
             modparam(\"tls\", \"require_certificate\", 1)\n\
             route[LOSES] {{ return; }}\nroute[FRESH] {{\n{fresh}\n}}\n",
            set("certificate", &certificate),
            set("private_key", &key),
            set("ca_list", &folder.join("ca.pem")),
        );
        Self::start(at, server, &routes)
    }

    /// Whoever comes to it comes through it to us; it loses the first copy of each message, both ways.
    pub(crate) fn that_loses(server: &Server) -> Self {
        let fresh = format!("record_route(); $du = \"sip:{}\"; t_relay();", server.udp);
        let routes = format!("{}route[FRESH] {{ {fresh} }}\n", losing());
        Self::start(Self::place(), server, &routes)
    }

    fn start(at: SocketAddr, server: &Server, routes: &str) -> Self {
        let folder = tempfile::tempdir_in(server.place.path()).unwrap();
        let config = folder.path().join("kamailio.cfg");
        let text = format!("#!KAMAILIO\nlisten=udp:{at}\nlisten=tcp:{at}\n{HEAD}{KNOWN}{routes}");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("kamailio");
        command
            .args(["-DD", "-E", "-m", "64", "-M", "8", "-f"])
            .arg(&config);
        command.arg("-Y").arg(folder.path());
        let mut proxy = Self {
            process: Process::start_group(PACKAGE, &mut command),
            at,
            _folder: folder,
        };
        proxy.is_ready();
        proxy
    }

    /// Waits until it answers.
    fn is_ready(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let wait = Duration::from_millis(200);
        socket.set_read_timeout(Some(wait)).unwrap();
        let text = format!(
            "OPTIONS sip:{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKready\r\nMax-Forwards: 70\r\n\
             From: <sip:t@t>;tag=t\r\nTo: <sip:{}>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n",
            self.at,
            socket.local_addr().unwrap(),
            self.at
        );
        eventually("Kamailio's answer", SOON, || {
            assert!(self.process.runs(), "{}", self.process.said());
            // Before it hears, nobody takes what is sent.
            socket.send_to(text.as_bytes(), self.at).ok()?;
            let mut buffer = [0; 2_000];
            let length = socket.recv(&mut buffer).ok()?;
            buffer[..length].starts_with(b"SIP/2.0 200").then_some(())
        });
    }
}

/// Routes of an edge proxy.
fn edge_route(server: &Server, transport: &str) -> String {
    let inside = server.at(transport);
    format!(
        r#"
    $var(way) = loose_route();
    if ($var(way) == -2) {{ sl_send_reply("403", "Forbidden"); exit; }}
    if ($var(way) == 2 || ($si == "{ip}" && $sp == {port})) {{
        # By the Path that it wrote itself, with or without a flow in it.
        record_route();
        t_on_failure("FLOW");
        if (!t_relay()) {{ sl_send_reply("430", "Flow Failed"); }}
        exit;
    }}
    if (is_method("REGISTER")) {{ add_path_received(); }} else {{ record_route(); }}
    $du = "sip:{inside};transport={transport}";
    t_relay();
"#,
        ip = inside.ip(),
        port = inside.port()
    )
}

/// Routes that lose what was not seen before.
fn losing() -> String {
    let key = "$ci::$cs::$rm::$ft::$si::$sp";
    let lose = |key: &str, how: &str| {
        format!("if ($sht(seen=>{key}) == $null) {{ $sht(seen=>{key}) = 1; {how}; }}")
    };
    format!(
        "route[LOSES] {{ {} }}\nonreply_route {{ {} }}\n",
        lose(key, "exit"),
        lose(&format!("{key}::$rs"), "drop")
    )
}
