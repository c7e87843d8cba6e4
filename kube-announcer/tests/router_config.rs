//! The other side's configuration, as the real daemons take it: sessions come up, what is allowed is accepted and
//! marked, and nothing else is.

use bgp_daemon::{
    config::{Bfd, Distance, Password, PeerSettings, Remote},
    policy::Policy,
    rib::LocalRoute,
    speaker::{Speaker, Start},
};
use bgp_proto::{
    attr::community::Community,
    family::Family,
    numbers::{Asn, RouterId},
    session::RemoteAs,
};
use kube_announcer::router_config::{self, Facts, Group, PLACEHOLDER, Place, Router};
use lab::{BIRD, Config, FRR, GOBGP, Lab, Model, Namespace, Need};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const BOUND: Duration = Duration::from_secs(60);

fn group(name: &str, asn: u32, node: (&str, &str)) -> Group {
    let range = |text: &str| text.parse::<ipnet::IpNet>().unwrap().into();
    Group {
        name: name.to_owned(),
        asn: Asn(asn),
        families: vec![Family::IPV4, Family::IPV6],
        multihop: None,
        password: Some("tor-password".to_owned()),
        graceful_restart: true,
        bfd: Some(Bfd::default()),
        accepts: vec![range("203.0.113.0/24"), range("2001:db8:1::/64")],
        sends: Vec::new(),
        as_override: false,
        max_prefixes: 100,
        community: Some(Community(65000 << 16 | asn & 0xff)),
        nodes: vec![router_config::Node {
            name: node.0.to_owned(),
            place: Place::Address(node.1.parse().unwrap()),
        }],
    }
}

/// A speaker of ours in a namespace: it dials, listens nowhere, and announces two prefixes that are allowed and two that
/// are not.
struct Node {
    runtime: Runtime,
    speaker: Speaker,
}

impl Node {
    fn start(namespace: &Namespace, asn: u32, router: Remote, password: bool) -> Node {
        let settings = PeerSettings {
            distance: Distance::Secured,
            bfd: Some(Bfd::default()),
            password: Password::new("s3cret").filter(|_| password),
            export: Some(Policy::all()),
            ..PeerSettings::new(RemoteAs::Fixed(Asn(65000)))
        };
        let config = bgp_daemon::config::Config {
            router_id: RouterId::new(asn),
            peers: vec![bgp_daemon::config::Peer { remote: router, group: None, settings }],
            ..bgp_daemon::config::Config::new(Asn(asn))
        };
        let runtime = Builder::new_current_thread().build().unwrap();
        let speaker = namespace.run(|| Speaker::start(config, Start::default())).unwrap();
        let routes = ["203.0.113.1/32", "2001:db8:1::1/128", "198.51.100.1/32", "2001:db8:2::1/128"];
        let routes = routes.map(|prefix| LocalRoute::new(prefix.parse().unwrap())).to_vec();
        runtime.block_on(speaker.source("test").update(routes, vec![])).unwrap();
        Node { runtime, speaker }
    }

    fn is_up(&self) -> bool {
        let asked = self.speaker.ask(|engine, _| engine.peers().any(|peer| peer.terms.is_some()));
        self.runtime.block_on(asked).unwrap()
    }

    /// How many connections came to nothing.
    fn refused(&self) -> usize {
        let asked = self.speaker.ask(|engine, _| engine.peers().filter(|peer| peer.last.is_some()).count());
        self.runtime.block_on(asked).unwrap()
    }
}

fn at(address: &str) -> Remote {
    Remote::Address(address.parse().unwrap(), None)
}

/// Two clusters, one reached over IPv4 and one over IPv6, that share an address.
fn takes_what_it_is_told(name: &str, model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (tokyo, osaka, router) = (lab.namespace("tokyo"), lab.namespace("osaka"), lab.namespace("router"));
    lab.link(
        (&router, &["10.0.1.1/24", "2001:db8:11::1/64"]),
        (&tokyo, &["10.0.1.2/24", "2001:db8:11::2/64"]),
    );
    lab.link(
        (&router, &["10.0.2.1/24", "2001:db8:12::1/64"]),
        (&osaka, &["10.0.2.2/24", "2001:db8:12::2/64"]),
    );
    let facts = Facts {
        asn: Asn(65000),
        router_id: "10.0.0.1".parse().unwrap(),
        groups: vec![
            group("tokyo", 64513, ("node-1", "10.0.1.2")),
            group("osaka", 64514, ("node-2", "2001:db8:12::2")),
        ],
    };
    let text = Router::named(name).unwrap().write(&facts).unwrap().replace(PLACEHOLDER, "s3cret");
    let config = Config::new(65000, "10.0.0.1").text(&text);
    let router = model.start(&router, &config);
    let _nodes = [
        Node::start(&tokyo, 64513, at("10.0.1.1"), true),
        Node::start(&osaka, 64514, at("2001:db8:12::1"), true),
    ];

    router.wait_established("10.0.1.2");
    router.wait_established("2001:db8:12::2");
    for node in ["10.0.1.2", "2001:db8:12::2"].map(|node| node.parse().unwrap()) {
        // GoBGP of these versions has none.
        lab.wait_until("BFD to be up", BOUND, || name == "gobgp" || router.is_bfd_up(node));
    }
    let expected = [
        ("203.0.113.1/32", 64513, "65000:1"),
        ("203.0.113.1/32", 64514, "65000:2"),
        ("2001:db8:1::1/128", 64513, "65000:1"),
        ("2001:db8:1::1/128", 64514, "65000:2"),
    ];
    let held = || {
        let routes = router.accepted().into_iter();
        let routes = routes.map(|route| (route.prefix.to_string(), route.as_path, route.communities));
        Some(routes.collect::<Vec<_>>()).filter(|routes| routes.len() == expected.len())
    };
    let mut held = lab.wait_for("the allowed routes, and no others", BOUND, held);
    held.sort();
    let mut wanted = expected
        .map(|(prefix, asn, community)| (prefix.to_owned(), vec![asn], vec![community.to_owned()]))
        .to_vec();
    wanted.sort();
    assert_eq!(held, wanted);
}

/// A node that nobody knows an address of.
fn finds_the_other_end_of_a_link(name: &str, model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (node, router) = (lab.namespace("node"), lab.namespace("router"));
    lab.link((&router, &[]), (&node, &[]));
    let mut group = group("link", 64512, ("node-1", "192.0.2.1"));
    group.nodes[0].place = Place::Link("node".to_owned());
    group.password = None;
    let facts = Facts { asn: Asn(65000), router_id: "10.0.0.1".parse().unwrap(), groups: vec![group] };
    let text = Router::named(name).unwrap().write(&facts).unwrap();
    let router = model.start(&router, &Config::new(65000, "10.0.0.1").text(&text));
    let node = Node::start(&node, 64512, Remote::Interface("router".into()), false);

    lab.wait_until("the session", BOUND, || node.is_up());
    assert_eq!(node.refused(), 0, "the other end had not heard of us when it was dialled");
    let held = || Some(router.accepted()).filter(|routes| routes.len() == 2);
    let held = lab.wait_for("the allowed routes, and no others", BOUND, held);
    assert!(held.iter().all(|route| route.as_path == [64512]), "{held:?}");
}

/// Nodes in the router's own AS, nodes some hops away, and a node at the other end of a link, each alone.
fn takes_every_line(name: &str, model: Model, links: bool) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let range = |text: &str| text.parse::<ipnet::IpNet>().unwrap().into();
    let told = Group { sends: vec![range("10.0.0.0/8")], ..group("pods", 65000, ("node-1", "10.0.1.2")) };
    let far = Group {
        multihop: Some(4),
        as_override: true,
        accepts: Vec::new(),
        sends: vec![range("10.0.0.0/8")],
        community: None,
        ..group("far", 4_200_000_000, ("node-1", "10.0.1.2"))
    };
    let mut link = group("link", 64512, ("node-1", "10.0.1.2"));
    link.nodes[0].place = Place::Link("nodes".to_owned());
    for group in [told, far].into_iter().chain(links.then_some(link)) {
        let (router, nodes) = (lab.namespace("router"), lab.namespace("nodes"));
        lab.link((&router, &["10.0.1.1/24"]), (&nodes, &["10.0.1.2/24"]));
        let facts = Facts { asn: Asn(65000), router_id: "10.0.0.1".parse().unwrap(), groups: vec![group] };
        let text = Router::named(name).unwrap().write(&facts).unwrap();
        let router = model.start(&router, &Config::new(65000, "10.0.0.1").text(&text));
        let log = router.daemon().log();
        let complains = log
            .lines()
            .find(|line| ["No such command", "rror", "nvalid"].iter().any(|word| line.contains(word)));
        assert_eq!(complains, None, "{text}\n{log}");
    }
}

macro_rules! routers {
    ($($name:ident: $check:ident($($argument:expr),*);)*) => {
        $(#[test] fn $name() { $check($($argument),*); })*
    };
}

routers! {
    frr_takes_what_it_is_told: takes_what_it_is_told("frr", FRR.current());
    bird_takes_what_it_is_told: takes_what_it_is_told("bird", BIRD.current());
    gobgp_takes_what_it_is_told: takes_what_it_is_told("gobgp", GOBGP.current());
    old_frr_takes_what_it_is_told: takes_what_it_is_told("frr", FRR.host());
    old_bird_takes_what_it_is_told: takes_what_it_is_told("bird", BIRD.host());
    old_gobgp_takes_what_it_is_told: takes_what_it_is_told("gobgp", GOBGP.host());
    frr_finds_the_other_end_of_a_link: finds_the_other_end_of_a_link("frr", FRR.current());
    bird_finds_the_other_end_of_a_link: finds_the_other_end_of_a_link("bird", BIRD.current());
    frr_takes_every_line: takes_every_line("frr", FRR.current(), true);
    bird_takes_every_line: takes_every_line("bird", BIRD.current(), true);
    gobgp_takes_every_line: takes_every_line("gobgp", GOBGP.current(), false);
}
