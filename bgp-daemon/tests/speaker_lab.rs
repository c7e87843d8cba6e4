//! Speakers in namespaces: what loopback cannot show.

#![cfg(feature = "speaker")]

use bgp_daemon::{
    config::{Bfd, Config, Distance, Password, Peer, PeerSettings, Remote},
    engine::{self, Shutdown},
    policy::Policy,
    rib::LocalRoute,
    speaker::{Speaker, Start},
};
use bgp_proto::{
    bfd::State,
    family::Family,
    numbers::{Asn, RouterId},
    session::RemoteAs,
};
use lab::{FRR, Lab, Namespace, Need};
use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};
use tokio::runtime::{Builder, Runtime};

const BOUND: Duration = Duration::from_secs(60);

/// Takes and tells everything.
fn settings() -> PeerSettings {
    let mut settings = PeerSettings {
        import: Some(Policy::all()),
        export: Some(Policy::all()),
        ..PeerSettings::new(RemoteAs::External)
    };
    settings.timers.idle_hold = Duration::from_millis(100);
    settings
}

fn config(asn: u32, remote: Remote, settings: PeerSettings) -> Config {
    Config {
        router_id: RouterId::new(asn),
        listen: ["0.0.0.0:179", "[::]:179"].map(|address| address.parse().unwrap()).into(),
        resolve_next_hops: false,
        peers: vec![Peer { remote, group: None, settings }],
        ..Config::new(Asn(asn))
    }
}

fn at(address: &str) -> Remote {
    Remote::Address(address.parse().unwrap(), None)
}

/// A speaker in a namespace. It stays there.
struct Inside {
    runtime: Runtime,
    speaker: Speaker,
}

impl Inside {
    fn start(namespace: &Namespace, config: Config) -> Inside {
        let runtime = Builder::new_current_thread().build().unwrap();
        let speaker = namespace.run(|| Speaker::start(config, Start::default())).unwrap();
        Inside { runtime, speaker }
    }

    fn announce(&self, prefix: &str) {
        let route = LocalRoute::new(prefix.parse().unwrap());
        let source = self.speaker.source("test");
        self.runtime.block_on(source.update(vec![route], vec![])).unwrap();
    }

    fn is_up(&self) -> bool {
        let asked = self.speaker.ask(|engine, _| engine.peers().any(|peer| peer.terms.is_some()));
        self.runtime.block_on(asked).unwrap()
    }

    fn has_path(&self) -> bool {
        let is = |peer: engine::PeerView<'_>| peer.path.is_some_and(|path| path.state == State::Up);
        let asked = self.speaker.ask(move |engine, _| engine.peers().any(is));
        self.runtime.block_on(asked).unwrap()
    }

    /// The next hops of the routes to a prefix.
    fn next_hops(&self, prefix: &str) -> Vec<String> {
        let prefix = prefix.parse().unwrap();
        let asked = self.speaker.ask(move |engine, _| engine.routes(prefix));
        let listed = self.runtime.block_on(asked).unwrap();
        listed.iter().filter_map(|route| route.learned.1).map(|next_hop| next_hop.to_string()).collect()
    }

    fn reload(&self, change: impl FnOnce(&mut Config)) {
        let asked = self.speaker.ask(|engine, _| engine.config().clone());
        let mut config = self.runtime.block_on(asked).unwrap();
        change(&mut config);
        self.runtime.block_on(self.speaker.reload(config)).unwrap();
    }

    /// The reasons for which its sessions ended.
    fn last(&self) -> String {
        let asked = self.speaker.ask(|engine, _| {
            engine.peers().map(|peer| format!("{:?} {:?}", peer.state, peer.last)).collect::<String>()
        });
        self.runtime.block_on(asked).unwrap()
    }
}

#[test]
fn sessions_are_signed_and_keys_change_without_a_flap() {
    let Some(lab) = Lab::needing(&[]) else { return };
    let (left, right) = (lab.namespace("left"), lab.namespace("right"));
    lab.link((&left, &["10.0.0.1/24", "fd00::1/64"]), (&right, &["10.0.0.2/24", "fd00::2/64"]));
    for (ours, theirs) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let signed = || PeerSettings { password: Password::new("secret"), ..settings() };
        let one = Inside::start(&left, config(65001, at(theirs), signed()));
        let two = Inside::start(&right, config(65002, at(ours), settings()));
        one.announce("192.0.2.0/24");
        // Whoever is not signed stays out: the kernel does not even answer.
        let tried = || two.last().contains("DialFailed") || two.last().contains("DialTimedOut");
        lab.wait_until("a dial without the key to fail", BOUND, tried);
        assert!(!one.is_up() && !two.is_up());
        let password = |text: &'static str| {
            move |config: &mut Config| {
                config.peers[0].settings.password = Password::new(text);
            }
        };
        two.reload(password("secret"));
        lab.wait_until("the session", BOUND, || one.is_up() && two.is_up());
        one.reload(password("another"));
        two.reload(password("another"));
        one.announce("198.51.100.0/24");
        lab.wait_until("a route signed anew", BOUND, || !two.next_hops("198.51.100.0/24").is_empty());
        let flaps = two.speaker.ask(|engine, _| engine.peers().map(|peer| peer.flaps).sum::<u64>());
        assert_eq!(two.runtime.block_on(flaps).unwrap(), 0);
        for inside in [one, two] {
            inside.runtime.block_on(inside.speaker.shutdown(Shutdown::Leave(None)));
        }
    }
}

#[test]
fn a_secured_peer_comes_up_on_the_link_and_not_from_behind_a_router() {
    let Some(lab) = Lab::needing(&[]) else { return };
    let [left, middle, right] = ["left", "middle", "right"].map(|name| lab.namespace(name));
    lab.link((&left, &["10.0.0.1/24", "fd00::1/64"]), (&middle, &["10.0.0.2/24", "fd00::2/64"]));
    lab.link((&middle, &["10.0.1.1/24", "fd00:1::1/64"]), (&right, &["10.0.1.2/24", "fd00:1::2/64"]));
    left.ip("route add 10.0.1.0/24 via 10.0.0.2");
    left.ip("-6 route add fd00:1::/64 via fd00::2");
    right.ip("route add 10.0.0.0/24 via 10.0.1.1");
    right.ip("-6 route add fd00::/64 via fd00:1::1");
    let with = |distance| PeerSettings { distance, ..settings() };
    for (ours, near, far) in [("10.0.0.1", "10.0.0.2", "10.0.1.2"), ("fd00::1", "fd00::2", "fd00:1::2")] {
        let mut config_of_one = config(65001, at(near), with(Distance::Secured));
        let passive = PeerSettings { passive: true, ..with(Distance::Secured) };
        config_of_one.peers.push(Peer { remote: at(far), group: None, settings: passive });
        let one = Inside::start(&left, config_of_one);
        let two = Inside::start(&middle, config(65002, at(ours), with(Distance::Secured)));
        let three = Inside::start(&right, config(65003, at(ours), with(Distance::Multihop(255))));
        lab.wait_until("the session on the link", BOUND, || one.is_up() && two.is_up());
        let what = "the connection from afar to be closed";
        lab.wait_until(what, BOUND, || one.last().contains("TTL") && !three.is_up());
        one.reload(|config| config.peers[1].settings.distance = Distance::Multihop(2));
        lab.wait_until("the session from afar", BOUND, || three.is_up());
        for inside in [one, two, three] {
            inside.runtime.block_on(inside.speaker.shutdown(Shutdown::Leave(None)));
        }
    }
}

#[test]
fn two_speakers_find_each_other_at_the_ends_of_a_link() {
    let Some(lab) = Lab::needing(&[]) else { return };
    let (left, right) = (lab.namespace("left"), lab.namespace("right"));
    lab.link((&left, &[]), (&right, &[]));
    let unnumbered = |asn, interface: &str| {
        let mut settings = settings();
        settings.families = vec![Family::IPV4, Family::IPV6];
        settings.bfd = Some(Bfd::default());
        config(asn, Remote::Interface(interface.into()), settings)
    };
    let one = Inside::start(&left, unnumbered(65001, "right"));
    let two = Inside::start(&right, unnumbered(65002, "left"));
    lab.wait_until("the session", BOUND, || one.is_up() && two.is_up());
    one.announce("192.0.2.0/24");
    two.announce("2001:db8::/32");
    lab.wait_until("a route over it", BOUND, || !two.next_hops("192.0.2.0/24").is_empty());
    lab.wait_until("a route over it", BOUND, || !one.next_hops("2001:db8::/32").is_empty());
    assert!(two.next_hops("192.0.2.0/24")[0].starts_with("fe80::"), "RFC 8950");
    lab.wait_until("BFD between link-local addresses", BOUND, || one.has_path() && two.has_path());
    left.ip("link set right down");
    // The hold time is 90 s.
    lab.wait_until("both to miss each other", Duration::from_secs(5), || !one.is_up() && !two.is_up());
    // Cease, Hard Reset: Cease, BFD Down (RFC 9384, RFC 8538).
    assert!(one.last().contains("subcode: 9, data: [6, 10]"), "{}", one.last());
}

#[test]
fn a_speaker_that_only_waits_is_found_at_the_end_of_a_link() {
    let Some(lab) = Lab::needing(&[]) else { return };
    let (left, right) = (lab.namespace("left"), lab.namespace("right"));
    lab.link((&left, &[]), (&right, &[]));
    let waits = PeerSettings { passive: true, ..settings() };
    let one = Inside::start(&left, config(65001, Remote::Interface("right".into()), waits));
    let two = Inside::start(&right, config(65002, Remote::Interface("left".into()), settings()));
    lab.wait_until("the session", BOUND, || one.is_up() && two.is_up());
}

#[test]
fn a_speaker_and_frr_find_each_other_at_the_ends_of_a_link() {
    let Some(lab) = Lab::needing(&[Need::Router(FRR.host())]) else { return };
    let (left, right) = (lab.namespace("left"), lab.namespace("right"));
    lab.link((&left, &[]), (&right, &[]));
    let folder = lab.folder();
    fs::create_dir_all("/run/frr").unwrap();
    // FRR's daemons change to a user of their own.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    let start = |name: &str, text: &str| {
        let file = folder.join(format!("{name}.conf"));
        fs::write(&file, text).unwrap();
        let mut command = Command::new(format!("/usr/lib/frr/{name}"));
        command.arg("-f").arg(file).arg("-i").arg(folder.join(format!("{name}.pid")));
        command.arg("-z").arg(folder.join("zserv")).arg("--vty_socket").arg(folder);
        command.args(["-A", "127.0.0.1", "-P", "0", "--log", "stdout"]);
        right.start(name, command)
    };
    let _zebra = start("zebra", "hostname frr\n");
    lab.wait_until("zebra to be there", BOUND, || folder.join("zserv").exists());
    let _bgpd = start("bgpd", include_str!("routers/unnumbered_frr.conf"));
    let mut unnumbered = settings();
    unnumbered.families = vec![Family::IPV4, Family::IPV6];
    let ours = Inside::start(&left, config(65001, Remote::Interface("right".into()), unnumbered));
    lab.wait_until("the session", BOUND, || ours.is_up());
    ours.announce("192.0.2.0/24");
    lab.wait_until("FRR's routes", BOUND, || {
        !ours.next_hops("198.51.100.0/24").is_empty() && !ours.next_hops("2001:db8::/32").is_empty()
    });
    assert!(ours.next_hops("198.51.100.0/24")[0].starts_with("fe80::"), "RFC 8950");
    let has = |prefix: &str| {
        let mut vtysh = lab::program("vtysh");
        vtysh.arg("--vty_socket").arg(folder).args(["-c", &format!("show bgp ipv4 {prefix} json")]);
        right.output(vtysh).is_ok_and(|shown| shown.contains("\"valid\":true"))
    };
    lab.wait_until("our route in FRR", BOUND, || has("192.0.2.0/24"));
}
