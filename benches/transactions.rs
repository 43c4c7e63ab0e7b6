//! The transaction layer, and a REGISTER through the whole switch.
//! `cargo bench --bench transactions`

use std::net::SocketAddr;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use qaynar::sip::flow::{Flow, Transport};
use qaynar::sip::transaction::key::{MergeKey, OldFacts, ServerKey, TopVia};
use qaynar::sip::transaction::layer::{Incoming, Kind, Layer, Outgoing, Received};
use qaynar::time::Instant;

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: SocketAddr::from(([127, 0, 0, 1], 5060)),
        remote: SocketAddr::from(([127, 0, 0, 1], 5070)),
        connection: None,
    }
}

fn incoming(branch: &str, method: &str) -> Incoming {
    let old = OldFacts {
        request_uri: "sip:116111@127.0.0.1",
        call_id: branch,
        from_tag: Some("a"),
        to_tag: None,
        cseq: 1,
    };
    let top = TopVia {
        branch: Some(branch),
        sent_by: "127.0.0.1:5070",
        whole: "SIP/2.0/UDP 127.0.0.1:5070",
    };
    Incoming {
        key: ServerKey::new(top, method, old),
        merge: MergeKey::new(method, old),
        kind: Kind::of(method),
    }
}

/// A layer in which `live` INVITEs of others wait for their answers.
fn busy(live: usize) -> Layer {
    let mut layer = Layer::default();
    for number in 0..live {
        let invite = incoming(&format!("z9hG4bKbusy{number}"), "INVITE");
        layer.receive_request(invite, flow(), Instant(0));
    }
    while layer.poll().is_some() {}
    layer
}

fn served(criterion: &mut Criterion) {
    for live in [0, 10_000] {
        let mut layer = busy(live);
        let mut number = 0_u64;
        let name = format!("serve an OPTIONS beside {live} INVITEs");
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| {
                number += 1;
                let now = Instant(number * 100_000);
                let request = incoming(&format!("z9hG4bK{number}"), "OPTIONS");
                if let Received::New { id, .. } = layer.receive_request(request, flow(), now) {
                    let _ = layer.respond(id, 200, b"SIP/2.0 200 OK\r\n\r\n"[..].into(), now);
                }
                layer.handle_timeout(now);
                while layer.poll().is_some() {}
            });
        });
    }
}

fn asked(criterion: &mut Criterion) {
    criterion.bench_function("start, retransmit and give up a BYE", |bencher| {
        bencher.iter_batched_ref(
            Layer::default,
            |layer| {
                let bye = Outgoing {
                    branch: "z9hG4bKbye",
                    method: "BYE",
                    bytes: b"BYE sip:a@b SIP/2.0\r\n\r\n"[..].into(),
                    flow: flow(),
                };
                let _ = layer.start(bye, Instant(0));
                while let Some(due) = layer.next_timeout() {
                    layer.handle_timeout(due + Duration::ZERO);
                    while layer.poll().is_some() {}
                }
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, served, asked);
criterion_main!(benches);
