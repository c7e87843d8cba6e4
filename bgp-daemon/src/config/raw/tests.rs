//! The reference page and the reader know the same keys.

use super::{
    RawAggregate, RawApi, RawBfd, RawBlackhole, RawConfig, RawGracefulRestart, RawGroup, RawKernel,
    RawLimits, RawMaxPrefixes, RawPeer, RawPolicy, RawRedistribute, RawRoute, RawSelection, RawSettings,
    RawTimers, read::Table,
};
use crate::config::{Finding, read as read_config};
use crate::policy::raw::{RawAsPath, RawCommunities, RawMatch, RawPrepend, RawRule, RawSet};

const PAGE: &str = include_str!("../../../../docs/bgp-daemon.md");

/// The section of each table, and its keys; a peer's and a group's settings have a section of their own.
fn sections() -> [(&'static str, Vec<&'static str>); 23] {
    let own = |keys: Vec<&'static str>| {
        let shared = RawSettings::keys();
        keys.into_iter().filter(|key| !shared.contains(key)).collect()
    };
    [
        ("The top", RawConfig::keys()),
        ("Selection", RawSelection::keys()),
        ("Kernel", RawKernel::keys()),
        ("API", RawApi::keys()),
        ("Peers", own(RawPeer::keys())),
        ("Groups", own(RawGroup::keys())),
        ("Settings", RawSettings::keys()),
        ("Timers", RawTimers::keys()),
        ("Most prefixes", RawMaxPrefixes::keys()),
        ("Graceful restart", RawGracefulRestart::keys()),
        ("BFD", RawBfd::keys()),
        ("Blackhole", RawBlackhole::keys()),
        ("Limits", RawLimits::keys()),
        ("Routes", RawRoute::keys()),
        ("Aggregates", RawAggregate::keys()),
        ("Redistribution", RawRedistribute::keys()),
        ("Policies", RawPolicy::keys()),
        ("Rules", RawRule::keys()),
        ("Matches", RawMatch::keys()),
        ("AS paths", RawAsPath::keys()),
        ("Communities", RawCommunities::keys()),
        ("Changes", RawSet::keys()),
        ("Prepending", RawPrepend::keys()),
    ]
}

#[test]
fn the_reference_page_has_every_key_and_no_other() {
    for (title, keys) in sections() {
        let heading = format!("\n### {title}\n");
        let (_, section) = PAGE.split_once(&heading).unwrap_or_else(|| panic!("no section {title}"));
        let section = section.split("\n#").next().unwrap_or_default();
        let written: Vec<_> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
            .map(|(key, _)| key)
            .collect();
        assert_eq!(written, keys, "{title}");
    }
}

#[test]
fn every_key_has_its_field() {
    fn check<T: Table>() {
        let mut table = T::default();
        for key in T::keys() {
            assert!(table.field(key).is_some(), "{key}");
        }
    }
    check::<RawConfig>();
    check::<RawPeer>();
    check::<RawGroup>();
    check::<RawRoute>();
    check::<RawAggregate>();
    check::<RawRule>();
}

/// Tables by how their keys are written, with the keys that take any text.
fn openings() -> Vec<(&'static str, Vec<&'static str>, &'static [&'static str])> {
    vec![
        ("", RawConfig::keys(), &[]),
        ("selection.", RawSelection::keys(), &[]),
        ("kernel.", RawKernel::keys(), &[]),
        ("api.", RawApi::keys(), &[]),
        ("[[group]]\n", RawGroup::keys(), &["name", "description", "password", "shutdown"]),
        ("[[peer]]\n", RawPeer::keys(), &["interface", "description", "password", "shutdown"]),
        ("[[peer]]\ntimers.", RawTimers::keys(), &[]),
        ("[[peer]]\nmax_prefixes.", RawMaxPrefixes::keys(), &[]),
        ("[[peer]]\ngraceful_restart.", RawGracefulRestart::keys(), &[]),
        ("[[peer]]\nblackhole.", RawBlackhole::keys(), &[]),
        ("[[peer]]\nlimits.", RawLimits::keys(), &[]),
        ("[[route]]\n", RawRoute::keys(), &[]),
        ("[[aggregate]]\n", RawAggregate::keys(), &[]),
        ("[[redistribute]]\n", RawRedistribute::keys(), &[]),
        ("policy.p.", RawPolicy::keys(), &[]),
        ("[[policy.p.rules]]\n", RawRule::keys(), &["name"]),
        ("[[policy.p.rules]]\nmatch.", RawMatch::keys(), &[]),
        ("[[policy.p.rules]]\nmatch.as_path.", RawAsPath::keys(), &[]),
        ("[[policy.p.rules]]\nmatch.communities.", RawCommunities::keys(), &[]),
        ("[[policy.p.rules]]\nset.", RawSet::keys(), &[]),
        ("[[policy.p.rules]]\nset.prepend.", RawPrepend::keys(), &[]),
    ]
}

#[test]
fn no_key_is_read_and_then_forgotten() {
    for (opening, keys, free) in openings() {
        for key in keys.iter().filter(|key| !free.contains(key)) {
            let text = format!("{opening}{key} = \"~\"");
            let line = text.matches('\n').count() + 1;
            let found = read_config(&text, &|_| Err("there is none".into())).expect_err("~ means nothing");
            let of_key = |finding: &&Finding| finding.line == line && finding.path.ends_with(key);
            let finding = found.iter().find(of_key).unwrap_or_else(|| panic!("{text}: {found:?}"));
            assert!(
                finding.message.contains('~') || finding.message.contains("is expected here"),
                "{finding:?}"
            );
        }
    }
}
