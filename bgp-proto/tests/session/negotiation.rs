//! Negotiation, as a table: what each side says, and what comes of it.

use crate::wire::{graceful, offer, speaker};
use bgp_proto::{
    agreed::{MAX_FAMILIES, PeerKind},
    family::Family,
    numbers::{Afi, Asn, HoldTime, Role, RouterId, Safi},
    session::{
        RemoteAs, Settings, Terms,
        negotiate::negotiate,
        terms::{Refusal, Why},
    },
    wire::{
        capability::{
            AddPathEntry, AddPathMode, Capability, CapabilityBuf, ExtendedNextHopEntry, LongLivedEntry,
            RestartEntry, RestartFlags,
        },
        open::Offer,
    },
};

fn settle(ours: &Settings, theirs: &Offer) -> Result<Terms, Refusal> {
    negotiate(ours, &ours.offer, theirs)
}

/// Code and subcode of the refusal.
fn refused(ours: &Settings, theirs: &Offer) -> (u8, u8) {
    let notification = settle(ours, theirs).expect_err("refused").notification;
    (notification.code.0, notification.subcode)
}

fn with<'a>(mut offer: Offer, capabilities: impl IntoIterator<Item = Capability<'a>>) -> Offer {
    offer.capabilities.extend(capabilities.into_iter().map(CapabilityBuf::from));
    offer
}

/// What the session does without, as people read it.
fn lines(terms: &Terms) -> Vec<String> {
    terms.refused.iter().map(ToString::to_string).collect()
}

#[test]
fn the_peer_as_is_admitted_or_refused_by_each_rule() {
    let rows = [
        (RemoteAs::Fixed(Asn(65002)), 65002, true),
        (RemoteAs::Fixed(Asn(65002)), 65003, false),
        (RemoteAs::Internal, 65001, true),
        (RemoteAs::Internal, 65002, false),
        (RemoteAs::External, 65002, true),
        (RemoteAs::External, 65001, false),
        (RemoteAs::OneOf(vec![Asn(65002), Asn(4_200_000_000)]), 4_200_000_000, true),
        (RemoteAs::OneOf(vec![Asn(65002)]), 65003, false),
        (RemoteAs::Any, 65003, true),
        // RFC 7607, RFC 6793 §9: numbers that are nobody's.
        (RemoteAs::Any, 0, false),
        (RemoteAs::Any, 23456, false),
    ];
    for (remote, asn, admitted) in rows {
        let mut ours = speaker(1);
        ours.remote = remote.clone();
        let theirs = offer(asn, 2);
        match settle(&ours, &theirs) {
            Ok(terms) => assert!(admitted && terms.remote_asn == Asn(asn), "{remote}: {asn}"),
            Err(refusal) => {
                let said = refusal.notification;
                assert_eq!((admitted, said.code.0, said.subcode), (false, 2, 2), "{remote}: {asn}");
            }
        }
    }
}

/// RFC 4271 §6.2, 6286 §2.2.
#[test]
fn an_identifier_like_ours_is_bad_inside_our_as_only() {
    assert_eq!(refused(&speaker(1), &offer(65001, 1)), (2, 3));
    assert!(settle(&speaker(1), &offer(65002, 1)).is_ok());
    assert_eq!(settle(&speaker(1), &offer(65001, 2)).unwrap().agreed.peer_kind, PeerKind::Internal);
}

#[test]
fn members_of_our_confederation_are_neither_internal_nor_external() {
    let mut ours = speaker(1);
    ours.confederation = vec![Asn(65002)];
    let kind = |asn| settle(&ours, &offer(asn, 9)).unwrap().agreed.peer_kind;
    assert_eq!(
        [65001, 65002, 65003].map(kind),
        [PeerKind::Internal, PeerKind::Confederation, PeerKind::External]
    );
}

#[test]
fn the_shorter_hold_time_counts_and_a_third_of_it_is_the_keepalive_interval() {
    let hold = |seconds| HoldTime::new(seconds).unwrap();
    let mut theirs = offer(65002, 2);
    theirs.hold_time = hold(30);
    let terms = settle(&speaker(1), &theirs).unwrap();
    assert_eq!((terms.hold().as_secs(), terms.keepalive().as_secs()), (30, 10));
    theirs.hold_time = HoldTime::OFF;
    let terms = settle(&speaker(1), &theirs).unwrap();
    assert_eq!((terms.hold(), terms.keepalive()), (std::time::Duration::MAX, std::time::Duration::MAX));
    let mut ours = speaker(1);
    ours.min_hold_time = hold(20);
    assert_eq!(refused(&ours, &theirs), (2, 6));
    theirs.hold_time = hold(19);
    assert_eq!(refused(&ours, &theirs), (2, 6));
    theirs.hold_time = hold(20);
    assert!(settle(&ours, &theirs).is_ok());
}

/// RFC 9234 §4.2, table 2.
#[test]
fn roles_must_be_counterparts() {
    let all = [Role::PROVIDER, Role::CUSTOMER, Role::ROUTE_SERVER, Role::ROUTE_SERVER_CLIENT, Role::PEER];
    let allowed = [
        (Role::PROVIDER, Role::CUSTOMER),
        (Role::CUSTOMER, Role::PROVIDER),
        (Role::ROUTE_SERVER, Role::ROUTE_SERVER_CLIENT),
        (Role::ROUTE_SERVER_CLIENT, Role::ROUTE_SERVER),
        (Role::PEER, Role::PEER),
    ];
    for our in all {
        for their in all.into_iter().chain([Role(99)]) {
            let mut ours = speaker(1);
            ours.offer = with(ours.offer, [Capability::Role(our)]);
            let theirs = with(offer(65002, 2), [Capability::Role(their)]);
            match settle(&ours, &theirs) {
                Ok(terms) => {
                    assert!(allowed.contains(&(our, their)), "{our} {their}");
                    assert_eq!(terms.peer_role, Some(their));
                }
                Err(Refusal { notification: said, .. }) => {
                    assert!(!allowed.contains(&(our, their)), "{our} {their}");
                    assert_eq!((said.code.0, said.subcode), (2, 11));
                }
            }
        }
    }
}

#[test]
fn a_role_is_demanded_only_in_strict_mode_said_once_and_only_outside() {
    let mut ours = speaker(1);
    ours.offer = with(ours.offer, [Capability::Role(Role::PROVIDER)]);
    assert_eq!(settle(&ours, &offer(65002, 2)).unwrap().peer_role, None);
    ours.strict_role = true;
    assert_eq!(refused(&ours, &offer(65002, 2)), (2, 11));
    let both = [Role::CUSTOMER, Role::PEER].map(Capability::Role);
    assert_eq!(refused(&ours, &with(offer(65002, 2), both)), (2, 11));
    let twice = [Role::CUSTOMER, Role::CUSTOMER].map(Capability::Role);
    assert!(settle(&ours, &with(offer(65002, 2), twice)).is_ok());
    assert!(settle(&ours, &offer(65001, 2)).is_ok(), "internal peers have no roles");
}

/// RFC 5492 §5: the data is what is missing, as an OPEN would say it.
#[test]
fn a_required_capability_that_is_missing_is_named_in_the_refusal() {
    let mut ours = speaker(1);
    ours.offer = with(ours.offer, [Family::IPV4, Family::IPV6].map(Capability::Multiprotocol));
    ours.required =
        [Capability::Multiprotocol(Family::IPV6), Capability::RouteRefresh].map(CapabilityBuf::from).into();
    let theirs = with(offer(65002, 2), [Capability::Multiprotocol(Family::IPV4)]);
    let said = settle(&ours, &theirs).unwrap_err();
    assert_eq!(said.notification.data, [1, 4, 0, 2, 0, 1, 2, 0]);
    assert_eq!(
        said.to_string(),
        "OPEN Message Error, Unsupported Capability (2/7): the peer does not offer ipv6, route refresh"
    );
    let theirs = with(offer(65002, 2), [Capability::Multiprotocol(Family::IPV6), Capability::RouteRefresh]);
    assert!(settle(&ours, &theirs).is_ok());
}

#[test]
fn families_are_those_of_both_and_none_said_means_ipv4() {
    let families = |terms: &Terms| terms.agreed.families().map(|f| f.family).collect::<Vec<_>>();
    let terms = settle(&speaker(1), &offer(65002, 2)).unwrap();
    assert_eq!(families(&terms), [Family::IPV4]);
    let mut ours = speaker(1);
    ours.offer = with(ours.offer, [Family::IPV6, Family::IPV4].map(Capability::Multiprotocol));
    let theirs =
        with(offer(65002, 2), [Family::IPV4, Family::IPV4_VPN, Family::IPV4].map(Capability::Multiprotocol));
    let terms = settle(&ours, &theirs).unwrap();
    assert_eq!(families(&terms), [Family::IPV4]);
    assert_eq!(lines(&terms), ["ipv6: the peer did not offer it", "ipv4-vpn: only the peer offered it"]);
    let theirs = with(offer(65002, 2), [Capability::Multiprotocol(Family::IPV4_VPN)]);
    assert_eq!(refused(&ours, &theirs), (2, 7), "nothing in common");
}

#[test]
fn more_families_than_a_session_carries_are_said_to_be_left_out() {
    let many = (0..20).map(|n| Capability::Multiprotocol(Family::new(Afi(1), Safi(n))));
    let mut ours = speaker(1);
    ours.offer = with(ours.offer, many.clone());
    let terms = settle(&ours, &with(offer(65002, 2), many)).unwrap();
    assert_eq!(terms.agreed.families().count(), MAX_FAMILIES);
    assert_eq!(terms.refused.iter().filter(|refused| refused.why == Why::TooMany).count(), 4);
}

/// RFC 7911 §4.
#[test]
fn add_path_needs_a_receiver_and_a_sender() {
    let add_path = |mode| CapabilityBuf::add_path(&[AddPathEntry { family: Family::IPV4, mode }]);
    let (receive, send, both) = (AddPathMode::RECEIVE, AddPathMode::SEND, AddPathMode::BOTH);
    for (our, their, receives, sends) in [
        (both, both, true, true),
        (receive, send, true, false),
        (send, receive, false, true),
        (both, send, true, false),
        (both, receive, false, true),
        (receive, receive, false, false),
        (send, send, false, false),
        (both, AddPathMode(9), false, false),
    ] {
        let mut ours = speaker(1);
        ours.offer.capabilities.push(add_path(our));
        let mut theirs = offer(65002, 2);
        theirs.capabilities.push(add_path(their));
        let terms = settle(&ours, &theirs).unwrap();
        let agreed = terms.agreed.family(Family::IPV4).unwrap();
        assert_eq!((agreed.receive_add_path, agreed.send_add_path), (receives, sends), "{our} {their}");
        assert_eq!(terms.refused.is_empty(), receives || sends, "{our} {their}");
    }
    let mut ours = speaker(1);
    ours.offer.capabilities.push(add_path(both));
    let terms = settle(&ours, &offer(65002, 2)).unwrap();
    assert_eq!(lines(&terms), ["ADD-PATH for ipv4: the peer did not offer it"]);
}

#[test]
fn widths_and_refreshes_need_both_sides() {
    let all = [Capability::ExtendedMessage, Capability::RouteRefresh, Capability::EnhancedRouteRefresh];
    let next_hop = ExtendedNextHopEntry { family: Family::IPV4, next_hop: Afi::IPV6 };
    let extended = CapabilityBuf::extended_next_hop(&[next_hop]);
    for (we, they) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut ours = speaker(1);
        let mut theirs = offer(65002, 2);
        ours.offer.four_octet_as = we;
        theirs.four_octet_as = they;
        if we {
            ours.offer = with(ours.offer, all);
            ours.offer.capabilities.push(extended.clone());
        }
        if they {
            theirs = with(theirs, all);
            theirs.capabilities.push(extended.clone());
        }
        let terms = settle(&ours, &theirs).unwrap();
        let both = we && they;
        assert_eq!(terms.agreed.four_octet_as, both);
        assert_eq!(terms.agreed.extended_message, both);
        assert_eq!((terms.route_refresh, terms.enhanced_route_refresh), (both, both));
        assert_eq!(terms.agreed.family(Family::IPV4).unwrap().extended_next_hop, both);
        assert_eq!(lines(&terms).len(), if we == they { 0 } else { 5 });
    }
}

#[test]
fn aigp_is_for_internal_peers_unless_said_otherwise() {
    let aigp = |set, asn| {
        let mut ours = speaker(1);
        ours.aigp = set;
        settle(&ours, &offer(asn, 9)).unwrap().agreed.aigp
    };
    assert_eq!([aigp(None, 65001), aigp(None, 65002)], [true, false]);
    assert_eq!([aigp(Some(false), 65001), aigp(Some(true), 65002)], [false, true]);
}

/// RFC 4724 §3, 8538 §2, 9494 §3.
#[test]
fn graceful_restart_takes_the_peers_last_word_for_agreed_families() {
    let ours = graceful(speaker(1), true, 100);
    let flags = |time, notification| RestartFlags { restarting: true, notification, time };
    let entry = |family, forwarding| RestartEntry { family, forwarding };
    let mut theirs = with(offer(65002, 2), [Family::IPV4, Family::IPV4_VPN].map(Capability::Multiprotocol));
    theirs.capabilities.push(CapabilityBuf::graceful_restart(flags(1, false), &[entry(Family::IPV6, true)]));
    let last = [entry(Family::IPV4, true), entry(Family::IPV4_VPN, true), entry(Family::IPV4, false)];
    theirs.capabilities.push(CapabilityBuf::graceful_restart(flags(77, true), &last));
    let long = |family| LongLivedEntry { family, forwarding: false, stale_time: 0xff_ffff };
    theirs
        .capabilities
        .push(CapabilityBuf::long_lived_graceful_restart(&[long(Family::IPV4), long(Family::IPV6)]));
    let terms = settle(&ours, &theirs).unwrap();
    let restart = terms.restart.clone().unwrap();
    assert!(restart.restarting && restart.notification);
    assert_eq!((restart.time.as_secs(), restart.families), (77, vec![entry(Family::IPV4, true)]));
    assert_eq!(restart.long_lived, [long(Family::IPV4)]);
    assert!(lines(&terms).contains(&"graceful restart for ipv4-vpn: the family is not agreed".into()));
}

/// RFC 9494 §3: without graceful restart the long-lived capability means nothing.
#[test]
fn long_lived_alone_is_refused() {
    let mut theirs = offer(65002, 2);
    let entry = LongLivedEntry { family: Family::IPV4, forwarding: true, stale_time: 100 };
    theirs.capabilities.push(CapabilityBuf::long_lived_graceful_restart(&[entry]));
    let terms = settle(&graceful(speaker(1), true, 100), &theirs).unwrap();
    assert_eq!(terms.restart, None);
    assert!(
        lines(&terms).contains(&"long-lived graceful restart: graceful restart is not agreed".into()),
        "{:?}",
        lines(&terms)
    );
    assert_eq!(RouterId::new(2), Some(terms.router_id));
}

#[test]
fn a_refusal_names_the_values_that_do_not_fit() {
    let why = |change: fn(&mut Settings), theirs: Offer| {
        let mut ours = speaker(1);
        change(&mut ours);
        settle(&ours, &theirs).unwrap_err().why
    };
    assert_eq!(
        why(|ours| ours.remote = RemoteAs::Fixed(Asn(65009)), offer(65002, 2)),
        "the peer is in AS 65002, and AS 65009 is wanted"
    );
    assert_eq!(why(|_| {}, offer(65001, 1)), "the peer has our router id 0.0.0.1; give one of both another");
    assert_eq!(
        why(|ours| ours.min_hold_time = HoldTime::new(100).unwrap(), offer(65002, 2)),
        "the peer proposes a hold time of 90s, and at least 100s is wanted"
    );
    let peer = |ours: &mut Settings| ours.offer.capabilities.push(Capability::Role(Role::PEER).into());
    assert_eq!(
        why(peer, with(offer(65002, 2), [Capability::Role(Role::CUSTOMER)])),
        "our role is peer and the peer's customer"
    );
}
