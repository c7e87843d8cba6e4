//! The examples that people copy: each can be used as it is, and means what its comments say.

#![cfg(feature = "toml")]

use bgp_daemon::config::{self, Config, Distance, Loaded, Remote, Secret, change::Changes};
use bgp_proto::{numbers::Asn, session::RemoteAs};
use std::{fs, path::Path};

const EXAMPLES: &[(&str, &str)] = &[
    ("home.toml", "AS 64513, 1 peer, 1 policy, 3 routes of our own, listening nowhere"),
    ("reflector.toml", "AS 65000, 1 peer, 1 group, listening on 0.0.0.0:179 and [::]:179"),
    ("start.toml", "AS 64512, 0 peers, listening on 0.0.0.0:179 and [::]:179"),
    (
        "tor.toml",
        "AS 65010, 2 peers, 2 groups, 3 policies, 1 aggregate, listening on 0.0.0.0:179 and [::]:179",
    ),
    ("two-routers/left.toml", "AS 65001, 1 peer, 2 routes of our own, listening on 127.0.0.1:1790"),
    (
        "two-routers/right.toml",
        "AS 65002, 1 peer, 2 policies, 1 route of our own, listening on 127.0.0.2:1790",
    ),
];

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    fs::read_to_string(path).expect("the example is there")
}

fn read(name: &str, text: &str) -> Loaded {
    let secret = |_: &Path| Ok(Secret { text: "secret".into(), is_open: false });
    config::read(text, &secret).unwrap_or_else(|found| panic!("{}", config::report(name, &found)))
}

fn example(name: &str) -> Config {
    let Loaded { config, warnings } = read(name, &text(name));
    assert!(warnings.is_empty(), "{}", config::report(name, &warnings));
    config
}

#[test]
fn every_example_is_read_without_a_warning() {
    for (name, summary) in EXAMPLES {
        assert_eq!(example(name).summary().to_string(), *summary, "{name}");
    }
}

/// What stands behind `#` there is to be had by taking that away.
#[test]
fn the_file_to_begin_with_is_also_right_with_everything_switched_on() {
    let whole: String = text("start.toml")
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let Loaded { config, warnings } = read("start.toml", &whole);
    assert!(warnings.is_empty(), "{}", config::report("start.toml", &warnings));
    assert!(config.kernel.is_some() && config.api.http.is_some());
    assert_eq!((config.peers.len(), config.routes.len()), (1, 1));
}

#[test]
fn no_example_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut found = Vec::new();
    for folder in [folder.clone(), folder.join("two-routers")] {
        let entries = fs::read_dir(&folder).expect("the folder is there").map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| path.extension().is_some_and(|of| of == "toml")));
    }
    assert_eq!(found.len(), EXAMPLES.len(), "{found:?}");
}

#[test]
fn the_two_routers_know_each_other() {
    let (left, right) = (example("two-routers/left.toml"), example("two-routers/right.toml"));
    for (one, other) in [(&left, &right), (&right, &left)] {
        let [peer] = &*one.peers else { panic!("one peer") };
        let Remote::Address(address, None) = peer.remote else { panic!("an address") };
        assert_eq!(other.listen, [(address, peer.settings.port).into()]);
        assert_eq!(peer.settings.asn, RemoteAs::Fixed(other.asn));
        assert_eq!(peer.settings.source_address, Some(one.listen[0].ip()));
    }
}

#[test]
fn peers_take_from_their_group_what_they_do_not_say() {
    let tor = example("tor.toml");
    let spine = &tor.peers[0];
    assert_eq!(spine.remote, Remote::Interface("swp1".into()));
    assert_eq!(spine.group.as_deref(), Some("spines"));
    assert_eq!(spine.settings.asn, RemoteAs::External);
    assert_eq!(spine.settings.description.as_deref(), Some("spine 1"));
    assert_eq!(spine.settings.export.as_ref().map(bgp_daemon::policy::Policy::name), Some("to-spines"));
    let nodes = &tor.groups[0];
    assert_eq!((nodes.max_peers, nodes.settings.distance), (256, Distance::Secured));
    assert_eq!(nodes.settings.asn, RemoteAs::Fixed(Asn(64512)));
    assert_eq!(nodes.settings.timers.hold.seconds(), 9);
}

#[test]
fn reading_twice_gives_the_same_and_a_change_of_a_file_is_told() {
    for (name, _) in EXAMPLES {
        assert!(Changes::between(&example(name), &example(name)).is_empty(), "{name}");
    }
    let changed = text("tor.toml").replace("hold = \"9s\"", "hold = \"30s\"").replace("swp2", "swp3");
    let changed = read("tor.toml", &changed).config;
    let expected = "\
        group nodes: hold time 9s becomes 30s (from the next session on)\n\
        peer swp2 is removed\n\
        peer swp3 is added\n";
    assert_eq!(Changes::between(&example("tor.toml"), &changed).to_string(), expected);
}

#[test]
fn a_file_is_loaded_with_the_passwords_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c.toml");
    let text =
        "asn = 65000\n[[peer]]\naddress = \"192.0.2.1\"\nasn = \"internal\"\npassword_file = \"a.key\"\n";
    fs::write(&file, text).expect("it can be written");
    let failure = config::load(&file).expect_err("there is no a.key").to_string();
    assert!(failure.ends_with(
        "c.toml:5: peer[0].password_file: \"a.key\" cannot be read: No such file or directory (os error 2); \
         write the path of a file with the password\n"
    ));
    fs::write(folder.path().join("a.key"), "secret\n").expect("it can be written");
    let loaded = config::load(&file).expect("all is there");
    let password = loaded.config.peers[0].settings.password.as_ref().expect("there is one");
    assert_eq!(password.octets(), b"secret");
    let missing = config::load(&folder.path().join("d.toml")).expect_err("there is none").to_string();
    assert!(missing.contains("d.toml cannot be read: No such file or directory"), "{missing}");
}

#[test]
fn the_examples_in_the_reference_are_configurations() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/bgp-daemon.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let blocks: Vec<_> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        let whole = if block.starts_with("asn") { block.to_owned() } else { format!("asn = 65000\n{block}") };
        assert_eq!(read("docs", &whole).config.asn, Asn(65000));
    }
}
