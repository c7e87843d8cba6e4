//! Records what real routers say to each other, byte for byte, for the codec's tests.
//!
//! `cargo run -p lab --example capture [FOLDER]`, as root. Each router, the host's and today's, speaks through a relay
//! with today's BIRD. One file per router and case: what made it in comments, then one line per BGP message, `>` from
//! the router, `<` from BIRD.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::{
    Announcement, BIRD, Config, Direction, Family, KINDS, Lab, Model, Need, OPENBGPD, Peer, Recorder, Router,
    within,
};

const BOUND: Duration = Duration::from_secs(30);
/// How long a router may take for something that not all of them do.
const PERHAPS: Duration = Duration::from_secs(3);
const ROUTER: u32 = 4_200_000_001;
const BIRD_AS: u32 = 65002;

/// One conversation.
struct Case {
    name: &'static str,
    /// The family of the session's addresses.
    over: Family,
    families: &'static [Family],
    /// What else both sides are told about their peer.
    told: fn(Peer) -> Peer,
    /// What only BIRD is told.
    bird_told: fn(Peer) -> Peer,
    can: fn(Model) -> bool,
}

const CASES: [Case; 6] = [
    Case {
        name: "ipv4",
        over: Family::Ipv4,
        families: &[Family::Ipv4],
        told: |peer| peer.graceful_restart(20),
        bird_told: |peer| peer,
        can: |_| true,
    },
    Case {
        name: "ipv6",
        over: Family::Ipv6,
        families: &[Family::Ipv6],
        told: |peer| peer.graceful_restart(20),
        bird_told: |peer| peer,
        can: |_| true,
    },
    Case {
        name: "both-families",
        over: Family::Ipv6,
        families: &[Family::Ipv4, Family::Ipv6],
        told: |peer| peer,
        bird_told: |peer| peer,
        can: |_| true,
    },
    Case {
        name: "add-path",
        over: Family::Ipv4,
        families: &[Family::Ipv4],
        told: Peer::add_path,
        bird_told: |peer| peer,
        can: |_| true,
    },
    Case {
        name: "extended-next-hop",
        over: Family::Ipv6,
        families: &[Family::Ipv4],
        told: Peer::extended_next_hop,
        bird_told: |peer| peer,
        can: |model| model != OPENBGPD.host(),
    },
    Case {
        name: "two-octet-as",
        over: Family::Ipv4,
        families: &[Family::Ipv4],
        told: |peer| peer,
        bird_told: Peer::two_octet_as,
        can: |_| true,
    },
];

fn main() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bgp-proto/tests/captures");
    let folder = std::env::args_os().nth(1).map_or(ours, PathBuf::from);
    fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for model in KINDS.into_iter().flat_map(|kind| [kind.host(), kind.current()]) {
        for case in CASES.iter().filter(|case| (case.can)(model)) {
            let name =
                format!("{}-{}-{}.hex", model.kind().name(), model.version(), case.name).to_lowercase();
            let Some(lab) = Lab::needing(&[Need::Router(model), Need::Router(BIRD.current())]) else {
                return;
            };
            let text = record(&lab, model, case);
            println!("{name}: {} bytes", text.len());
            fs::write(folder.join(&name), text).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

/// The whole conversation: routes both ways, one withdrawn, everything asked for again, the end announced.
fn record(lab: &Lab, model: Model, case: &Case) -> String {
    let [router_at, relay_left, relay_right, bird_at] = match case.over {
        Family::Ipv4 => ["10.0.1.1", "10.0.1.2", "10.0.2.1", "10.0.2.2"],
        Family::Ipv6 => ["2001:db8:1::1", "2001:db8:1::2", "2001:db8:2::1", "2001:db8:2::2"],
    };
    let (west, relay, east) = (lab.namespace("west"), lab.namespace("relay"), lab.namespace("east"));
    lab.link((&west, &["10.0.1.1/24", "2001:db8:1::1/64"]), (&relay, &["10.0.1.2/24", "2001:db8:1::2/64"]));
    lab.link((&relay, &["10.0.2.1/24", "2001:db8:2::1/64"]), (&east, &["10.0.2.2/24", "2001:db8:2::2/64"]));
    let socket = |address: &str| (address.parse::<std::net::IpAddr>().expect("a constant"), 179).into();
    let mut recorder = Recorder::start(&relay, socket(relay_left), socket(bird_at));

    let peer =
        |local, address, asn| (case.told)(Peer::new(local, address, asn).families(case.families).multihop(4));
    let mut config = Config::new(ROUTER, "10.0.1.1").peer(peer(router_at, relay_left, BIRD_AS));
    let to_router = (case.bird_told)(peer(bird_at, relay_right, ROUTER).passive());
    let mut bird_config = Config::new(BIRD_AS, "10.0.2.2").peer(to_router);
    for family in case.families {
        config = config.announce(announced(*family, 20));
        bird_config = bird_config.announce(announced(*family, 4).split_off(2));
    }
    let bird = BIRD.current().start(&east, &bird_config);
    let router = model.start(&west, &config);
    let mut notes = String::new();
    converse(lab, case, (&router, relay_left), (&bird, relay_right), &mut recorder, &mut notes);

    let versions =
        format!("{} {} (>) with BIRD {} (<)", model.kind().name(), model.version(), BIRD.current().version());
    let mut text = format!("# {versions}: {}\n{notes}", case.name);
    for (who, written) in [(">", router.written()), ("<", bird.written())] {
        text.extend(written.lines().map(|line| format!("# {who} {line}\n")));
    }
    for (direction, message) in recorder.messages() {
        text.push(if *direction == Direction::FromActive { '>' } else { '<' });
        text.push(' ');
        for byte in message {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

fn converse(
    lab: &Lab,
    case: &Case,
    (router, relay_left): (&Router, &str),
    (bird, relay_right): (&Router, &str),
    recorder: &mut Recorder,
    notes: &mut String,
) {
    let seen = |recorder: &mut Recorder, from: Direction, kind: u8| {
        recorder
            .messages()
            .iter()
            .filter(|(direction, message)| *direction == from && message[18] == kind)
            .count()
    };
    router.wait_established(relay_left);
    bird.wait_established(relay_right);
    for family in case.families {
        let exchanged = within(PERHAPS * 3, || {
            let first = announced(*family, 1)[0].prefix;
            let third = announced(*family, 3)[2].prefix;
            let there = bird.routes().iter().any(|route| route.prefix == first);
            let here = router.routes().iter().any(|route| route.prefix == third);
            (there && here).then_some(())
        });
        if exchanged.is_none() {
            let _ = writeln!(notes, "# note: {family:?} routes were not exchanged");
        }
        router.withdraw(&announced(*family, 1)[0].prefix.to_string());
    }
    lab.wait_until("the withdrawals", BOUND, || {
        let gone = case.families.iter().map(|family| announced(*family, 1)[0].prefix);
        let held = bird.routes();
        gone.into_iter().all(|prefix| held.iter().all(|route| route.prefix != prefix))
    });
    match router.refresh(relay_left.parse().expect("a constant")) {
        Ok(()) => lab.wait_until("ROUTE-REFRESH", BOUND, || seen(recorder, Direction::FromActive, 5) > 0),
        Err(why) => drop(writeln!(notes, "# note: {why}")),
    }
    let _ = bird.refresh(relay_right.parse().expect("a constant"));
    lab.wait_until("BIRD's ROUTE-REFRESH", BOUND, || seen(recorder, Direction::FromPassive, 5) > 0);
    let ended = router.shut_down(relay_left.parse().expect("a constant"), "closed for maintenance");
    ended.unwrap_or_else(|e| panic!("{e}"));
    if within(PERHAPS * 3, || (seen(recorder, Direction::FromActive, 3) > 0).then_some(())).is_none() {
        notes.push_str("# note: it was shut down and sent no NOTIFICATION\n");
    }
}

/// Prefixes of which some have every attribute that the lab has words for.
fn announced(family: Family, count: u8) -> Vec<Announcement> {
    let prefix = |index: u8| match family {
        Family::Ipv4 => format!("100.{index}.{}.0/{}", 16 * (index % 16), 20 + index % 5),
        Family::Ipv6 => format!("2001:db8:{:x}::/{}", 0x1000 + 16 * u16::from(index), 44 + index % 5),
    };
    let plain = |index| Announcement::new(&prefix(index));
    let coloured = |index: u8| Announcement {
        communities: vec!["65001:100".into(), format!("65001:{}", 200 + u32::from(index))],
        large_communities: vec!["4200000001:1:4294967295".into()],
        route_targets: vec!["65001:7".into()],
        med: Some(50),
        ..plain(index)
    };
    (0..count).map(|index| if index % 8 == 3 { coloured(index) } else { plain(index) }).collect()
}
