//! Freezing at every octet of a conversation: nothing that either side can see changes.

use crate::wire::{World, graceful, offer, secs, speaker};
use bgp_proto::{
    family::Family,
    session::{
        ConnectionId, RemoteAs, Session, SessionState, Settings,
        freeze::{Frozen, NotFrozen, NotThawed},
    },
    time::Time,
    wire::{
        message, pack,
        route_refresh::{RefreshKind, RouteRefresh},
    },
};
use proptest::prelude::*;
use std::time::Duration;

fn settings() -> Settings {
    let mut settings = graceful(speaker(1), true, 50);
    settings.offer.capabilities.push(bgp_proto::wire::capability::Capability::RouteRefresh.into());
    settings
}

/// All that the peer says, octet for octet.
fn conversation() -> Vec<u8> {
    let mut theirs = graceful(speaker(2), true, 50).offer;
    theirs.capabilities.push(bgp_proto::wire::capability::Capability::RouteRefresh.into());
    let mut said = Vec::new();
    theirs.encode(&mut said).unwrap();
    for _ in 0..3 {
        message::keepalive(&mut said);
        pack::end_of_rib(Family::IPV4, &mut said);
        RouteRefresh { family: Family::IPV6, kind: RefreshKind::REQUEST }.encode(&mut said);
    }
    // A withdrawal of 192.0.2.0/24.
    said.extend_from_slice(&[0xff; 16]);
    said.extend_from_slice(&[0, 27, 2, 0, 4, 24, 192, 0, 2, 0, 0]);
    pack::end_of_rib(Family::IPV6, &mut said);
    // 6/2: the peer goes.
    said.extend_from_slice(&[0xff; 16]);
    said.extend_from_slice(&[0, 21, 3, 6, 2]);
    said
}

/// What the peer and the caller see of a run: each action and each octet, with its time.
type Seen = Vec<(Time, String)>;

/// Half a second per octet, three octets taken from the session per step, and our own UPDATEs on the way. Before each
/// step `hand_over` may put another session in place.
fn run(mut hand_over: impl FnMut(usize, Session, &mut Vec<u8>) -> Session) -> Seen {
    let mut session = Session::new(settings(), 5).unwrap();
    let mut seen = Seen::new();
    session.start(Time::START);
    while session.poll().is_some() {}
    let id = ConnectionId(1);
    session.connected(Time::START, id);
    let mut unread: Vec<u8> = Vec::new();
    for (at, octet) in conversation().into_iter().enumerate() {
        let now = Time::START + Duration::from_millis(500) * u32::try_from(at).unwrap();
        session = hand_over(at, session, &mut unread);
        if session.deadline().is_some_and(|due| due <= now) {
            session.tick(now);
        }
        if at % 40 == 0 {
            session.send(|_, out| pack::end_of_rib(Family::IPV6, out));
        }
        unread.push(octet);
        let mut input = unread.as_slice();
        while let Some(action) = session.receive(now, id, &mut input) {
            seen.push((now, action.to_string()));
        }
        let left = input.len();
        unread.drain(..unread.len() - left);
        let waiting = session.transmit(id);
        let taken = waiting[..waiting.len().min(3)].to_vec();
        session.sent(now, id, taken.len());
        seen.push((now, format!("{taken:02x?} {:?}", session.deadline())));
    }
    seen
}

/// What another process reads is what this one wrote.
#[cfg(feature = "serde")]
fn carried(frozen: &Frozen) -> Frozen {
    serde_json::from_str(&serde_json::to_string(frozen).unwrap()).unwrap()
}

#[cfg(not(feature = "serde"))]
fn carried(frozen: &Frozen) -> Frozen {
    frozen.clone()
}

fn hand_over(session: Session, unread: &mut Vec<u8>) -> Session {
    match session.freeze(unread) {
        Ok(frozen) => {
            let mut frozen = carried(&frozen);
            *unread = core::mem::take(&mut frozen.unread);
            Session::thaw(settings(), frozen).unwrap()
        }
        Err(error) => {
            assert_eq!(error, NotFrozen::NotEstablished);
            assert_ne!(session.state(), SessionState::Established);
            session
        }
    }
}

#[test]
fn a_session_frozen_at_any_octet_goes_on_as_if_nothing_had_happened() {
    let undisturbed = run(|_, session, _| session);
    let text: Vec<_> = undisturbed.iter().map(|(_, line)| line.as_str()).collect();
    assert!(text.iter().any(|line| line.starts_with("established")));
    assert!(text.iter().any(|line| line.starts_with("down") && line.contains("keep ipv4")), "{text:#?}");
    for moment in 0..conversation().len() {
        let seen = run(|at, session, unread| if at == moment { hand_over(session, unread) } else { session });
        assert_eq!(seen, undisturbed, "frozen at octet {moment}");
    }
    let mut handed = 0;
    let seen = run(|_, session, unread| {
        handed += usize::from(session.established().is_some());
        hand_over(session, unread)
    });
    assert_eq!(seen, undisturbed, "frozen at every octet");
    assert!(handed > 200, "{handed}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn frozen_at_any_set_of_octets(moments in proptest::collection::btree_set(0usize..400, 0..40)) {
        let seen = run(|at, session, unread| {
            if moments.contains(&at) { hand_over(session, unread) } else { session }
        });
        prop_assert_eq!(seen, run(|_, session, _| session));
    }
}

fn frozen() -> Frozen {
    let mut found = None;
    run(|_, session, unread| {
        found = session.freeze(unread).ok().or(found.take());
        session
    });
    found.unwrap()
}

#[test]
fn a_frozen_session_of_another_layout_or_of_settings_that_refuse_it_is_not_continued() {
    let old = Frozen { version: 0, ..frozen() };
    assert_eq!(Session::thaw(settings(), old).unwrap_err(), NotThawed::Version(0));
    let mut narrow = settings();
    narrow.remote = RemoteAs::Internal;
    let error = Session::thaw(narrow, frozen()).unwrap_err();
    assert!(error.to_string().contains("Bad Peer AS (2/2)"), "{error}");
    assert_eq!(
        Session::new(Settings::new(offer(1, 1), RemoteAs::Any), 1).unwrap().freeze(&[]).unwrap_err(),
        NotFrozen::NotEstablished
    );
}

#[test]
fn what_is_stale_when_a_session_is_frozen_is_stale_when_it_goes_on() {
    let settings = || graceful(speaker(1), true, 0);
    let mut world = World::new(settings(), graceful(speaker(2), true, 0));
    world.start();
    world.cut();
    assert!(world.run_until(world.now + secs(60), World::both_up));
    let id = world.session(0).established().unwrap();
    let frozen = world.session(0).freeze(&[]).unwrap();
    assert_eq!(
        frozen.stale.iter().map(|stale| stale.family).collect::<Vec<_>>(),
        [Family::IPV4, Family::IPV6]
    );
    let mut session = Session::thaw(settings(), carried(&frozen)).unwrap();
    let mut complete = Vec::new();
    pack::end_of_rib(Family::IPV4, &mut complete);
    let (mut input, mut seen) = (complete.as_slice(), Vec::new());
    while let Some(action) = session.receive(world.now, id, &mut input) {
        seen.push(action.to_string());
    }
    assert_eq!(seen, ["end of ipv4", "drop stale ipv4"]);
}
