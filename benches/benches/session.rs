//! How many events a session takes in a second: `cargo bench -p benches --bench session`.

use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, HoldTime, Origin, RouterId},
    prefix::Prefix,
    session::{Action, ConnectionId, RemoteAs, Session, Settings},
    time::Time,
    wire::{message, open::Offer, pack::Announcement},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{hint::black_box, time::Duration};

const MESSAGES: u32 = 1000;

fn offer(asn: u32) -> Offer {
    let hold_time = HoldTime::new(90).expect("a hold time");
    Offer::new(Asn(asn), RouterId::new(asn).expect("not zero"), hold_time)
}

fn established(id: ConnectionId) -> Session {
    let mut session = Session::new(Settings::new(offer(65001), RemoteAs::Any), 1).expect("a short OPEN");
    session.start(Time::START);
    session.connected(Time::START, id);
    let mut hello = Vec::new();
    offer(65002).encode(&mut hello).expect("a short OPEN");
    message::keepalive(&mut hello);
    let mut input = hello.as_slice();
    while session.receive(Time::START, id, &mut input).is_some() {}
    assert_eq!(session.established(), Some(id));
    session
}

/// UPDATEs of one prefix each, which is the most events for the octets.
fn updates() -> Vec<u8> {
    let shared = PathAttributes {
        origin: Some(Origin::IGP),
        as_path: AsPathBuf::sequence(&[Asn(65002), Asn(65003), Asn(65004)]),
        ..PathAttributes::default()
    };
    let (mut attributes, mut out) = (Vec::new(), Vec::new());
    shared.encode(true, &mut attributes);
    let next_hop = NextHop::Ipv4([192, 0, 2, 1].into());
    let announcement = Announcement { family: Family::IPV4, attributes: &attributes, next_hop };
    for n in 0..MESSAGES {
        let prefix = Prefix::<u32>::new(0x0a00_0000 | n << 8, 24).expect("a prefix");
        announcement
            .encode(&Agreed::new(PeerKind::External), [prefix.into()], &mut out)
            .expect("one prefix fits");
    }
    out
}

fn receive(session: &mut Session, now: Time, id: ConnectionId, mut input: &[u8]) -> usize {
    let mut octets = 0;
    while let Some(action) = session.receive(now, id, &mut input) {
        if let Action::Update(update) = &action {
            octets += black_box(update).octets().len();
        }
    }
    octets
}

fn events(criterion: &mut Criterion) {
    let (id, now) = (ConnectionId(1), Time::from_secs(1));
    let mut group = criterion.benchmark_group("session");
    group.throughput(Throughput::Elements(u64::from(MESSAGES))).measurement_time(Duration::from_secs(2));
    let (mut session, octets) = (established(id), updates());
    group.bench_function("UPDATEs received", |bencher| {
        bencher.iter(|| assert_eq!(receive(&mut session, now, id, black_box(&octets)), octets.len()));
    });
    let mut alive = Vec::new();
    (0..MESSAGES).for_each(|_| message::keepalive(&mut alive));
    group.bench_function("KEEPALIVEs received", |bencher| {
        bencher.iter(|| receive(&mut session, now, id, black_box(&alive)));
    });
    // Each tick is due, and writes a KEEPALIVE that the socket takes.
    group.bench_function("keepalive timers expired", |bencher| {
        bencher.iter_batched(
            || session.clone(),
            |mut session| {
                for _ in 0..MESSAGES {
                    let due = session.deadline().expect("a timer runs");
                    receive(&mut session, due, id, alive.get(..19).unwrap_or_default());
                    session.tick(due);
                    session.sent(due, id, session.transmit(id).len());
                }
                assert_eq!(session.established(), Some(id));
                session
            },
            criterion::BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);
