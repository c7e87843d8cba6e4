//! How many events a session takes in a second; one short table at the end. See README.md.

use benches::measure::measure;
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
use criterion::Criterion;
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

/// Two sessions without a wire between them: one dials the other, until both are up.
fn pair() -> [Session; 2] {
    let (id, now) = (ConnectionId(1), Time::START);
    let new = |asn| Session::new(Settings::new(offer(asn), RemoteAs::Any), 1).expect("a short OPEN");
    let mut sessions = [new(65001), new(65002)];
    let [dialling, accepting] = &mut sessions;
    dialling.start(now);
    dialling.connected(now, id);
    accepting.start(now);
    let accepted = accepting.accept(now).expect("nothing else was accepted");
    for _ in 0..2 {
        carry((dialling, id), (accepting, accepted));
        carry((accepting, accepted), (dialling, id));
    }
    assert!(sessions.iter().all(|session| session.established().is_some()));
    sessions
}

/// What one has to say goes to the other.
fn carry((from, out): (&mut Session, ConnectionId), (to, at): (&mut Session, ConnectionId)) {
    let octets = from.transmit(out).to_vec();
    from.sent(Time::START, out, octets.len());
    receive(to, Time::START, at, &octets);
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    let (id, mut now, each) = (ConnectionId(1), Time::START, MESSAGES as usize);
    let mut lines = Vec::new();
    let mut row = |case: &str, events: usize, run: &mut dyn FnMut()| {
        if let Some(ns) = measure(&mut criterion, "session", case, events, run) {
            lines.push(format!("| {case:<32} | {ns:>8.1} | {:>12.0} |", 1e9 / ns));
        }
    };
    let (mut session, octets) = (established(id), updates());
    let mut alive = Vec::new();
    (0..MESSAGES).for_each(|_| message::keepalive(&mut alive));
    // Each of these restarts the hold timer.
    row("KEEPALIVE received", each, &mut || {
        now = now + Duration::from_millis(1);
        assert_eq!(receive(&mut session, now, id, black_box(&alive)), 0);
    });
    row("UPDATE of one prefix received", each, &mut || {
        now = now + Duration::from_millis(1);
        assert_eq!(receive(&mut session, now, id, black_box(&octets)), octets.len());
    });
    row("tick, nothing due", each, &mut || (0..MESSAGES).for_each(|_| black_box(&mut session).tick(now)));
    // The peer's KEEPALIVE keeps the session up, so that an event is two and a write.
    row("KEEPALIVE sent and one received", 1, &mut || {
        let due = session.deadline().expect("a timer runs");
        receive(&mut session, due, id, alive.get(..19).unwrap_or_default());
        session.tick(due);
        session.sent(due, id, session.transmit(id).len());
        assert_eq!(session.established(), Some(id));
    });
    row("a pair of sessions established", 1, &mut || drop(black_box(pair())));
    println!(
        "\n| {:<32} | {:>8} | {:>12} |\n|{:-<34}|{:->9}:|{:->13}:|",
        "event", "ns", "in a second", "", "", ""
    );
    println!("{}\n", lines.join("\n"));
    criterion.final_summary();
}
