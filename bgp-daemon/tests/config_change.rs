//! What differs between two configurations, and what it costs.

use bgp_daemon::{
    config::{
        Bfd, Config, Distance, GracefulRestart, Group, MaxPrefixes, Password, Peer, PeerSettings, Remote,
        change::{self, Changes, Cost},
    },
    policy::{
        NextHopChange, Policy,
        standard::{discard::Discards, import::Blackhole, path::RemovePrivate},
    },
};
use bgp_proto::{
    attr::table::AttributeCode,
    family::Family,
    numbers::{Asn, HoldTime, Role},
    session::RemoteAs,
};
use std::time::Duration;

type Change = fn(&mut PeerSettings);

/// Each field of the settings changed by itself, and what is said of it.
const FIELDS: &[(Change, &str)] = &[
    (|s| s.description = Some("b".into()), "description none becomes b"),
    (|s| s.asn = RemoteAs::External, "remote AS 65001 becomes an AS other than ours (the session is reset)"),
    (|s| s.local_asn = Some(Asn(65009)), "our AS none becomes 65009 (the session is reset)"),
    (|s| s.port = 1790, "port 179 becomes 1790 (from the next session on)"),
    (
        |s| s.source_address = "192.0.2.9".parse().ok(),
        "source address none becomes 192.0.2.9 (the session is reset)",
    ),
    (|s| s.passive = true, "passive no becomes yes (from the next session on)"),
    (
        |s| s.distance = Distance::Multihop(4),
        "distance adjacent becomes multihop 4 (at once, the session stays)",
    ),
    (|s| s.password = Password::new("secret"), "password none becomes set (at once, the session stays)"),
    (|s| s.families = vec![Family::IPV4], "families ipv4, ipv6 becomes ipv4 (the session is reset)"),
    (|s| s.extended_next_hop = false, "extended next hop yes becomes no (the session is reset)"),
    (|s| s.receive_add_path = true, "ADD-PATH off becomes receive (the session is reset)"),
    (
        |s| s.import = Some(Policy::all()),
        "import policy none becomes all (routes are judged again, the session stays)",
    ),
    (
        |s| s.export = Some(Policy::all()),
        "export policy none becomes all (routes are judged again, the session stays)",
    ),
    (
        |s| {
            let restart_after = Some(Duration::from_secs(300));
            s.max_prefixes = Some(MaxPrefixes { limit: 10, warn: 8, only_warn: false, restart_after });
        },
        "most prefixes none becomes 10, warned of from 8 on, again after 5m (routes are judged again, the session stays)",
    ),
    (|s| s.timers.hold = HoldTime::OFF, "hold time 90s becomes off (from the next session on)"),
    (
        |s| s.timers.min_hold = HoldTime::new(30).unwrap(),
        "shortest hold time off becomes 30s (from the next session on)",
    ),
    (
        |s| s.timers.keepalive = Some(Duration::from_secs(10)),
        "keepalive a third of the hold time becomes 10s (from the next session on)",
    ),
    (
        |s| s.timers.connect_retry = Duration::from_secs(9),
        "connect retry 5s becomes 9s (from the next session on)",
    ),
    (
        |s| s.timers.idle_hold = Duration::from_millis(1500),
        "idle hold 1s becomes 1500ms (from the next session on)",
    ),
    (
        |s| s.timers.idle_hold_max = Duration::from_secs(600),
        "longest idle hold 60s becomes 10m (from the next session on)",
    ),
    (
        |s| s.next_hop = Some(NextHopChange::Own),
        "next hop by rule becomes self (routes are judged again, the session stays)",
    ),
    (
        |s| s.next_hop_addresses = NextHopChange::Addresses { ipv4: "192.0.2.1".parse().ok(), ipv6: None },
        "own addresses none becomes 192.0.2.1 (routes are judged again, the session stays)",
    ),
    (|s| s.allow_own_asn = 2, "own AS allowed 0 becomes 2 (routes are judged again, the session stays)"),
    (|s| s.first_asn = false, "first AS checked yes becomes no (routes are judged again, the session stays)"),
    (|s| s.as_override = true, "AS override no becomes yes (routes are judged again, the session stays)"),
    (
        |s| s.remove_private = Some(RemovePrivate::Replace),
        "private ASes removed none becomes replace (routes are judged again, the session stays)",
    ),
    (|s| s.client = true, "route reflector client no becomes yes (the session is reset)"),
    (|s| s.role = Some(Role::CUSTOMER), "role none becomes customer (the session is reset)"),
    (|s| s.strict_role = true, "strict role no becomes yes (from the next session on)"),
    (
        |s| s.default_originate = true,
        "default route told no becomes yes (routes are judged again, the session stays)",
    ),
    (
        |s| s.graceful_restart = Some(GracefulRestart { notification: false, ..Default::default() }),
        "graceful restart 120s (stale routes 6m) becomes 120s (stale routes 6m, not after a NOTIFICATION) \
         (from the next session on)",
    ),
    (|s| s.bfd = Some(Bfd::default()), "BFD off becomes 300ms × 3 (at once, the session stays)"),
    (
        |s| s.blackhole = Some(Blackhole::HOSTS),
        "blackhole none becomes IPv4 /32 and IPv6 /128 or longer (routes are judged again, the session stays)",
    ),
    (
        |s| s.limits.as_path = 50,
        "limits 255 ASes, 1000 communities becomes 50 ASes, 1000 communities (routes are judged again, the session stays)",
    ),
    (
        |s| s.discards = Discards::new([AttributeCode(40)]).unwrap(),
        "discarded attributes none becomes BGP Prefix-SID (routes are judged again, the session stays)",
    ),
    (|s| s.shutdown = Some("away".into()), "shutdown no becomes \"away\" (at once)"),
];

fn from_65001() -> PeerSettings {
    PeerSettings::new(RemoteAs::Fixed(Asn(65001)))
}

#[test]
fn each_setting_is_one_difference_with_its_cost() {
    assert_eq!(change::settings(&from_65001(), &from_65001()), []);
    for (change, expected) in FIELDS {
        let mut settings = from_65001();
        change(&mut settings);
        let found = change::settings(&from_65001(), &settings);
        assert_eq!(change::resets(&from_65001(), &settings), expected.ends_with("(the session is reset)"));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [*expected]);
    }
}

/// A new field is a compile error here until it has its row: the number of rows above is that of the fields below.
#[test]
fn no_setting_is_left_out() {
    let PeerSettings {
        description: _,
        asn: _,
        local_asn: _,
        port: _,
        source_address: _,
        passive: _,
        distance: _,
        password: _,
        families: _,
        extended_next_hop: _,
        receive_add_path: _,
        import: _,
        export: _,
        max_prefixes: _,
        timers: _,
        next_hop: _,
        next_hop_addresses: _,
        allow_own_asn: _,
        first_asn: _,
        as_override: _,
        remove_private: _,
        client: _,
        role: _,
        strict_role: _,
        default_originate: _,
        graceful_restart: _,
        bfd: _,
        blackhole: _,
        limits: _,
        discards: _,
        shutdown: _,
    } = from_65001();
    // 31 fields, of which the timers are six.
    assert_eq!(FIELDS.len(), 36);
}

fn peer(address: &str) -> Peer {
    let remote = Remote::Address(address.parse().unwrap(), None);
    Peer { remote, group: None, settings: from_65001() }
}

#[test]
fn a_change_of_a_config_is_told_in_lines() {
    let mut from = Config::new(Asn(65000));
    from.peers = vec![peer("192.0.2.1"), peer("192.0.2.2"), peer("192.0.2.3")];
    let mut to = from.clone();
    assert!(Changes::between(&from, &to).is_empty());
    to.asn = Asn(65010);
    to.listen = vec!["0.0.0.0:179".parse().unwrap()];
    to.peers.remove(1);
    to.peers.push(peer("192.0.2.4"));
    to.peers[0].group = Some("a".into());
    to.peers[0].settings.timers.hold = HoldTime::new(30).unwrap();
    let settings = from_65001();
    to.groups.push(Group { name: "a".into(), accept_from: Vec::new(), max_peers: 1, settings });
    let changes = Changes::between(&from, &to);
    let expected = "\
        AS 65000 becomes 65010 (every session is reset)\n\
        listening on none becomes 0.0.0.0:179\n\
        group a is added\n\
        peer 192.0.2.1: group none becomes a (routes are judged again, the session stays)\n\
        peer 192.0.2.1: hold time 90s becomes 30s (from the next session on)\n\
        peer 192.0.2.2 is removed\n\
        peer 192.0.2.4 is added\n";
    assert_eq!(changes.to_string(), expected);
    let first = &changes.peers[&to.peers[0].remote];
    assert!(first.costs(Cost::Routes) && first.costs(Cost::NextSession) && !first.costs(Cost::Reset));
}

#[test]
fn what_cannot_be_shown_is_said_to_change() {
    let with = |password| PeerSettings { password: Password::new(password), ..from_65001() };
    let found = change::settings(&with("old"), &with("new"));
    assert_eq!(found[0].to_string(), "password set changes (at once, the session stays)");
}
