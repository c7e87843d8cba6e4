//! How a world is put together: speakers, cables, and what is configured.

use super::{Cable, Node, Over, Rule, World, secs};
use bgp_daemon::{
    config::{Config, Kernel, Peer, PeerSettings},
    policy::{self, Names, Policy, raw::RawPolicies},
};
use bgp_proto::{
    numbers::{Asn, HoldTime, RouterId},
    session::RemoteAs,
};

/// Takes and tells everything; times are short, so that little happens while nothing does.
pub(crate) fn open_settings(asn: u32) -> PeerSettings {
    let mut settings = PeerSettings::new(RemoteAs::Fixed(Asn(asn)));
    settings.import = Some(Policy::all());
    settings.export = Some(Policy::all());
    settings.timers.hold = HoldTime::new(30).unwrap();
    settings.timers.idle_hold_max = secs(8);
    settings
}

/// The policy with these rules, as they stand between `[` and `]`.
pub(crate) fn policy(rules: &str) -> Policy {
    let raw: RawPolicies = toml::from_str(&format!("test.rules = [{}]", rules.replace('\n', " "))).unwrap();
    policy::check(&raw, &Names::default()).unwrap().find("test").unwrap().clone()
}

impl World {
    /// One more speaker of this AS; its identifier is its number, counted from 1.
    pub(crate) fn node(&mut self, asn: u32) -> usize {
        let number = self.nodes.len() as u32 + 1;
        let config = Config {
            resolve_next_hops: false,
            router_id: RouterId::new(number),
            kernel: Some(Kernel::default()),
            ..Config::new(Asn(asn))
        };
        self.nodes.push(Node::new(config, self.random.next()));
        self.nodes.len() - 1
    }

    /// A cable with a session of both sides' over it.
    pub(crate) fn cable(&mut self, a: usize, b: usize) -> usize {
        self.cable_over(Over::Ipv4, a, b)
    }

    pub(crate) fn cable_over(&mut self, over: Over, a: usize, b: usize) -> usize {
        let number = self.plug(over, a, b);
        for side in [0, 1] {
            let cable = &self.cables[number];
            let (node, other) = (cable.ends[side], cable.ends[1 - side]);
            let settings = open_settings(self.nodes[other].config.asn.0);
            let remote = cable.remote(side);
            self.nodes[node].config.peers.push(Peer { remote, group: None, settings });
        }
        number
    }

    /// A cable of which nobody is configured to make any use.
    pub(crate) fn plug(&mut self, over: Over, a: usize, b: usize) -> usize {
        let number = self.cables.len();
        let cable = Cable::new(number, over, [a, b]);
        for (side, node) in [(0, a), (1, b)] {
            self.places.insert((node, cable.remote(side)), (number, side));
        }
        self.cables.push(cable);
        number
    }

    /// The configured settings of a node for the peer at the other end of a cable.
    pub(crate) fn settings(&mut self, node: usize, cable: usize) -> &mut PeerSettings {
        let remote = self.cables[cable].remote(self.cables[cable].side_of(node));
        let peers = &mut self.nodes[node].config.peers;
        &mut peers.iter_mut().find(|peer| peer.remote == remote).unwrap().settings
    }

    /// The same on both sides.
    pub(crate) fn settings_of(&mut self, cable: usize, change: impl Fn(&mut PeerSettings)) {
        for node in self.cables[cable].ends {
            change(self.settings(node, cable));
        }
    }

    /// What a node accepts or tells over a cable from its next start or reload on.
    pub(crate) fn set_rule(&mut self, node: usize, cable: usize, is_export: bool, rule: Rule) {
        let policy = Some(rule.policy());
        let settings = self.settings(node, cable);
        *(if is_export { &mut settings.export } else { &mut settings.import }) = policy;
        self.nodes[node].rules.insert((cable, is_export), rule);
    }

    pub(crate) fn rule(&self, node: usize, cable: usize, is_export: bool) -> &Rule {
        self.nodes[node].rules.get(&(cable, is_export)).unwrap_or(&Rule::All)
    }

    /// Whether the other end of a cable is a reflection client of a node.
    pub(crate) fn is_client(&self, node: usize, cable: usize) -> bool {
        let remote = self.cables[cable].remote(self.cables[cable].side_of(node));
        self.nodes[node].config.peers.iter().any(|peer| peer.remote == remote && peer.settings.client)
    }
}
