//! BFD: packets octet by octet, the state machine as a table, and two sessions on a wire that loses packets, in virtual
//! time.

#[path = "bfd/wire.rs"]
mod wire;

use bgp_proto::{
    bfd::{Change, Diagnostic, Packet, Refused, Session, State},
    time::Time,
};
use proptest::prelude::*;
use std::time::Duration;
use wire::{Wire, millis, session, settings};

/// RFC 5880 §4.1 by hand: version 1, diagnostic 1, Up with poll and C bit, multiplier 3, 24 octets.
const WHOLE: [u8; 24] = [
    0x21, 0xe8, 3, 24, 0, 0, 0, 7, 0x80, 0, 0, 9, 0, 0x04, 0x93, 0xe0, 0, 0x0f, 0x42, 0x40, 0, 0, 0xc3, 0x50,
];

fn whole() -> Packet {
    Packet {
        diagnostic: Diagnostic::EXPIRED,
        state: State::Up,
        poll: true,
        is_final: false,
        independent: true,
        demand: false,
        multiplier: 3,
        discriminator: 7,
        your_discriminator: 0x8000_0009,
        min_transmit: millis(300),
        min_receive: millis(1000),
        min_echo_receive: millis(50),
    }
}

#[test]
fn a_packet_is_the_octets_of_the_rfc() {
    assert_eq!(Packet::decode(&WHOLE), Ok(whole()));
    assert_eq!(whole().encode(), WHOLE);
    // What stands behind the packet in its datagram is not part of it.
    assert_eq!(Packet::decode(&[&WHOLE[..], &[1, 2, 3]].concat()), Ok(whole()));
}

/// RFC 5880 §6.8.6: what is discarded, an octet at a time.
#[test]
fn what_is_no_packet_is_refused_with_the_reason() {
    let rows: &[(&[(usize, u8)], Refused)] = &[
        (&[(0, 0x01)], Refused::Version),
        (&[(0, 0x41)], Refused::Version),
        (&[(3, 23)], Refused::Length),
        (&[(3, 25)], Refused::Length),
        // An authenticated packet is longer.
        (&[(1, 0xec)], Refused::Length),
        (&[(2, 0)], Refused::Multiplier),
        (&[(1, 0xe9)], Refused::Multipoint),
        (&[(7, 0)], Refused::Discriminator),
        (&[(8, 0), (11, 0)], Refused::Nobody),
        (&[(1, 0xa8), (8, 0), (11, 0)], Refused::Nobody),
    ];
    for (changes, why) in rows {
        let mut octets = WHOLE;
        changes.iter().for_each(|(at, octet)| octets[*at] = *octet);
        assert_eq!(Packet::decode(&octets), Err(*why), "{changes:?}");
    }
    for length in 0..24 {
        assert_eq!(Packet::decode(&WHOLE[..length]), Err(Refused::Length), "{length}");
    }
    let mut signed = [&WHOLE[..], &[1, 3, 0]].concat();
    (signed[1], signed[3]) = (0xec, 27);
    assert_eq!(Packet::decode(&signed), Err(Refused::Authenticated));
    let mut stranger = WHOLE;
    (stranger[1], stranger[8], stranger[11]) = (0x40, 0, 0);
    assert_eq!(Packet::decode(&stranger).map(|packet| packet.your_discriminator), Ok(0));
}

/// A session in this state, and what it has to say gone.
fn in_state(state: State) -> Session {
    let mut session = session(1, 300, 3);
    let heard: &[State] = match state {
        State::AdminDown | State::Down => &[],
        State::Init => &[State::Down],
        State::Up => &[State::Init],
    };
    for heard in heard {
        session.receive(Time::START, &says(*heard, Diagnostic::NONE));
    }
    if state == State::AdminDown {
        session.shut_down(Time::START);
    }
    while session.transmit(Time::START).is_some() {}
    assert_eq!(session.state(), state);
    session
}

fn says(state: State, diagnostic: Diagnostic) -> Packet {
    let your_discriminator = if state > State::Down { 1 } else { 0 };
    Packet { state, diagnostic, your_discriminator, discriminator: 2, poll: false, ..whole() }
}

/// RFC 5880 §6.8.6, the state machine: ours, what the peer says, what becomes of ours.
#[test]
fn the_state_machine_is_the_one_of_the_rfc() {
    use State::{AdminDown, Down, Init, Up};
    let rows = [
        (AdminDown, [AdminDown, AdminDown, AdminDown, AdminDown]),
        (Down, [Down, Init, Up, Down]),
        (Init, [Down, Init, Up, Up]),
        (Up, [Down, Down, Up, Up]),
    ];
    for (own, leads) in rows {
        for (heard, leads) in State::ALL.into_iter().zip(leads) {
            let mut session = in_state(own);
            let change = session.receive(Time::START, &says(heard, Diagnostic::NONE));
            assert_eq!(session.state(), leads, "{own} hears {heard}");
            assert_eq!(change.map(|change| (change.from, change.to)), (own != leads).then_some((own, leads)));
            // A change is told at once, and tells why.
            let said = session.transmit(Time::START).map(|packet| (packet.state, packet.diagnostic));
            let why = if leads == Down { Diagnostic::PEER_DOWN } else { Diagnostic::NONE };
            assert_eq!(said, (own != leads).then_some((leads, why)), "{own} hears {heard}");
        }
    }
}

/// RFC 5882 §3.2, and what else is no broken path.
#[test]
fn only_a_broken_path_is_a_failure() {
    let rows = [
        (State::Down, Diagnostic::EXPIRED, true),
        (State::Down, Diagnostic::PATH_DOWN, true),
        (State::Down, Diagnostic::NONE, false),
        (State::Down, Diagnostic::PEER_DOWN, false),
        (State::Down, Diagnostic::ADMIN_DOWN, false),
        (State::AdminDown, Diagnostic::ADMIN_DOWN, false),
        (State::AdminDown, Diagnostic::EXPIRED, false),
    ];
    for (state, diagnostic, is_failure) in rows {
        let change = in_state(State::Up).receive(Time::START, &says(state, diagnostic)).unwrap();
        assert_eq!((change.to, change.is_failure()), (State::Down, is_failure), "{state}, {diagnostic}");
    }
    let expires = |state: State| {
        let mut session = in_state(state);
        let due = Time::START + session.detection_time().unwrap();
        assert_eq!(session.tick(Time::from_nanos(due.nanos() - 1)), None);
        session.tick(due).map(|change| (change.diagnostic, change.is_failure()))
    };
    assert_eq!(expires(State::Up), Some((Diagnostic::EXPIRED, true)));
    assert_eq!(Change { heard: None, ..lost() }.to_string(), "control detection time expired");
    assert_eq!(lost().to_string(), "the peer said AdminDown (administratively down)");
    // Who was not up has no path to lose.
    assert_eq!(expires(State::Init), Some((Diagnostic::EXPIRED, false)));
}

fn lost() -> Change {
    let heard = Some((State::AdminDown, Diagnostic::ADMIN_DOWN));
    Change { from: State::Up, to: State::Down, diagnostic: Diagnostic::EXPIRED, heard }
}

#[test]
fn what_is_for_another_session_changes_nothing() {
    let mut session = in_state(State::Up);
    let packet = Packet { your_discriminator: 77, ..says(State::Down, Diagnostic::EXPIRED) };
    assert_eq!(session.receive(Time::START, &packet), None);
    assert_eq!(session.state(), State::Up);
}

/// RFC 5880 §6.8.3, §6.8.4: a second between packets until both are up, then the slower of what both want.
#[test]
fn both_agree_on_the_slower_pace() {
    let mut wire = Wire::new([(300, 3), (100, 5)], millis(5));
    wire.run(millis(5000), |_| true);
    assert_eq!(wire.states(), [State::Up, State::Up]);
    let spans = wire.ends.each_ref().map(|end| (end.transmit_interval(), end.detection_time()));
    assert_eq!(spans, [(Some(millis(300)), Some(millis(1500))), (Some(millis(300)), Some(millis(900)))]);
    let sent = wire.sent;
    wire.run(millis(30_000), |_| true);
    // Each packet comes after three quarters to all of the interval.
    let each = [0, 1].map(|end| wire.sent[end] - sent[end]);
    assert!(each.iter().all(|packets| (100..=134).contains(packets)), "{each:?}");
    assert_eq!(wire.failures, [0, 0]);
}

#[test]
fn who_looks_for_a_peer_that_is_not_there_says_so_once_a_second() {
    let mut wire = Wire::new([(50, 3), (50, 3)], millis(1));
    wire.run(millis(60_000), |_| false);
    assert!(wire.sent.iter().all(|sent| (60..=81).contains(sent)), "{:?}", wire.sent);
    assert_eq!(wire.states(), [State::Down, State::Down]);
}

#[test]
fn a_poll_is_answered_at_once_and_with_the_final_bit() {
    let mut session = in_state(State::Up);
    let poll = Packet { poll: true, ..says(State::Up, Diagnostic::NONE) };
    session.receive(Time::START, &poll);
    let answer = session.transmit(Time::START).unwrap();
    assert!(answer.is_final && !answer.poll);
    assert_eq!(session.transmit(Time::START), None);
}

/// RFC 5880 §6.8.3: what we send stays as fast, and what we wait for as slow, until the peer has confirmed.
#[test]
fn another_pace_is_confirmed_before_it_counts() {
    let mut wire = Wire::new([(300, 3), (300, 3)], millis(5));
    wire.run(millis(5000), |_| true);
    for (interval, meanwhile, detection) in [(1000, 300, 3000), (100, 300, 900)] {
        let now = wire.now;
        wire.ends[0].set_pace(now, millis(interval), settings(1, 300, 3).multiplier);
        let polls = wire.ends[0].transmit(now).unwrap();
        assert!(polls.poll && polls.min_transmit == millis(interval));
        assert_eq!(wire.ends[0].transmit_interval(), Some(millis(meanwhile)));
        wire.run(millis(5000), |_| true);
        let wanted = millis(interval.max(300));
        assert_eq!(wire.ends[0].transmit_interval(), Some(wanted));
        assert_eq!(wire.ends[0].detection_time(), Some(millis(detection)));
        assert_eq!(wire.ends[1].detection_time(), Some(wanted * 3));
    }
    assert_eq!((wire.states(), wire.failures), ([State::Up, State::Up], [0, 0]));
}

/// The peer is slower from when it hears of it, and its answer may be lost.
#[test]
fn a_slower_pace_is_waited_for_at_once() {
    let mut session = in_state(State::Up);
    assert_eq!(session.detection_time(), Some(millis(900)));
    session.set_pace(Time::START, millis(1000), settings(1, 1, 3).multiplier);
    assert_eq!(session.tick(Time::START + millis(2999)), None);
    assert!(session.tick(Time::START + millis(3000)).is_some());
}

/// RFC 5880 §6.8.7: a peer may want no packets; what asks it something still goes out.
#[test]
fn a_peer_that_wants_no_packets_gets_none() {
    let rows = [
        Packet { min_receive: Duration::ZERO, ..says(State::Up, Diagnostic::NONE) },
        Packet { demand: true, is_final: true, ..says(State::Up, Diagnostic::NONE) },
    ];
    for packet in rows {
        let mut session = in_state(State::Up);
        session.receive(Time::START, &packet);
        session.transmit(Time::from_secs(2));
        assert_eq!(session.transmit_interval(), None, "{packet:?}");
        assert_eq!(session.transmit(Time::from_secs(100)), None, "{packet:?}");
    }
}

#[test]
fn who_stops_on_purpose_says_so_and_breaks_no_path() {
    let mut wire = Wire::new([(300, 3), (300, 3)], millis(5));
    wire.run(millis(5000), |_| true);
    let now = wire.now;
    wire.ends[0].shut_down(now);
    wire.run(millis(3000), |_| true);
    assert_eq!((wire.states(), wire.failures), ([State::AdminDown, State::Down], [0, 0]));
}

proptest! {
    #[test]
    fn any_octets_are_survived_and_what_is_read_is_written(
        mut octets in proptest::collection::vec(any::<u8>(), 0..64),
        alike in any::<bool>(),
    ) {
        if let (true, [first, _, multiplier, length, ..]) = (alike, octets.as_mut_slice()) {
            (*first, *multiplier, *length) = (0x20 | *first & 0x1f, *multiplier | 1, 24);
        }
        if let Ok(packet) = Packet::decode(&octets) {
            // A packet may say that it is longer; ours are not.
            octets[3] = 24;
            prop_assert_eq!(&packet.encode()[..], &octets[..24]);
        }
    }

    /// Nothing panics, and a session always knows when it is next due.
    #[test]
    fn any_packets_in_any_order_are_survived(
        seed in any::<u64>(),
        interval in prop_oneof![Just(0), Just(u64::MAX), 10u64..5000],
        multiplier in 1u8..,
        events in proptest::collection::vec((any::<[u8; 24]>(), 0u8..6, 0u64..5000), 0..60),
    ) {
        let mut session = session(seed as u32 | 1, interval, multiplier);
        let mut now = Time::START;
        for (mut octets, what, later) in events {
            now = now + millis(later);
            (octets[0], octets[3]) = (0x20 | octets[0] & 0x1f, 24);
            octets[1] &= !0x05;
            if what < 4 {
                octets[8..12].copy_from_slice(&(seed as u32 | 1).to_be_bytes());
            }
            match (what, Packet::decode(&octets)) {
                (4, _) => session.set_pace(now, millis(later), settings(1, 1, multiplier).multiplier),
                (_, Ok(packet)) => drop(session.receive(now, &packet)),
                (_, Err(_)) => {}
            }
            session.tick(now);
            for _ in 0..2 {
                session.transmit(now);
            }
            prop_assert!(session.transmit(now).is_none());
            prop_assert!(session.deadline() > now);
        }
    }

    /// Two sessions come up over a wire that loses packets, stay up while it never loses too many in a row, and both
    /// know within the detection time when it is cut.
    #[test]
    fn a_path_is_found_broken_when_it_is_and_only_then(
        intervals in (10u64..1500, 10u64..1500),
        multipliers in (3u8..8, 3u8..8),
        losses in proptest::collection::vec(any::<bool>(), 1..200),
        paces in proptest::collection::vec((0usize..2, 10u64..1500), 0..4),
    ) {
        let ends = [(intervals.0, multipliers.0), (intervals.1, multipliers.1)];
        let mut wire = Wire::new(ends, millis(2));
        let mut at = 0;
        // The multiplier that counts is the sender's, and so many in a row would be too many.
        let mut lost = [0u8; 2];
        let mut carries = |from: usize| {
            at += 1;
            let is_lost = losses[at % losses.len()] && lost[from] + 2 < ends[from].1;
            lost[from] = if is_lost { lost[from] + 1 } else { 0 };
            !is_lost
        };
        wire.run(millis(60_000), &mut carries);
        prop_assert_eq!(wire.states(), [State::Up, State::Up]);
        for (end, interval) in paces {
            let (now, multiplier) = (wire.now, settings(1, 1, ends[end].1).multiplier);
            wire.ends[end].set_pace(now, millis(interval), multiplier);
            wire.run(millis(20_000), &mut carries);
        }
        prop_assert_eq!((wire.states(), wire.failures), ([State::Up, State::Up], [0, 0]));
        let longest = wire.ends.iter().filter_map(Session::detection_time).max().unwrap();
        // What is under way still arrives.
        wire.run(longest + millis(2), |_| false);
        prop_assert_eq!(wire.failures, [1, 1]);
    }
}
