//! GoBGP: `gobgpd.toml`.

use super::{Facts, Group, Node, PLACEHOLDER, Range, each, facts::word, when};
use bgp_proto::family::Family;
use std::net::IpAddr;

const FAMILIES: [Family; 2] = [Family::IPV4, Family::IPV6];

pub(super) fn text(facts: &Facts) -> String {
    let sets = each(&facts.groups, |group| {
        each(FAMILIES, |family| {
            prefix_set(group, "in", family, &mut group.accepts(family))
                + &prefix_set(group, "out", family, &mut group.sends(family))
        }) + &peer_set(group)
    });
    let policies = each(&facts.groups, policies);
    let named = |way| {
        let names: Vec<_> = facts.groups.iter().map(|group| format!("\"{}-{way}\"", group.name)).collect();
        names.join(", ")
    };
    let groups = each(&facts.groups, |group| peer_group(facts, group));
    format!(
        "\
# GoBGP hands routes to the kernel only through zebra; add [zebra.config] where this machine forwards packets.
[global.config]
  as = {asn}
  router-id = \"{id}\"
# One address from several nodes, and from several ASes, is balanced over all of them.
[global.use-multiple-paths.config]
  enabled = true
# These rule the sessions of all peers: what your other peers may say needs policies beside ours.
[global.apply-policy.config]
  import-policy-list = [{into}]
  default-import-policy = \"reject-route\"
  export-policy-list = [{out}]
  default-export-policy = \"reject-route\"
{sets}{policies}{groups}",
        asn = facts.asn,
        id = facts.router_id,
        into = named("in"),
        out = named("out"),
    )
}

fn prefix_set(group: &Group, way: &str, family: Family, ranges: &mut dyn Iterator<Item = &Range>) -> String {
    let prefixes = each(ranges, |range| {
        format!(
            "  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = \"{}\"
    masklength-range = \"{}..{}\"
",
            range.prefix, range.shortest, range.longest
        )
    });
    let name = group.filter(family, way);
    when(
        !prefixes.is_empty(),
        format!("\n[[defined-sets.prefix-sets]]\n  prefix-set-name = \"{name}\"\n{prefixes}"),
    )
}

/// Who the group is, for policies.
fn peer_set(group: &Group) -> String {
    let places: Vec<_> = group.addresses().map(|(at, _)| format!("\"{at}\"")).collect();
    format!(
        "
[[defined-sets.neighbor-sets]]
  neighbor-set-name = \"{}\"
  neighbor-info-list = [{}]
",
        group.name,
        places.join(", ")
    )
}

/// What a group may say and is told.
fn policies(group: &Group) -> String {
    let tag = match group.tag() {
        Some(tag) => format!(
            "    [policy-definitions.statements.actions.bgp-actions.set-community]
      options = \"add\"
      [policy-definitions.statements.actions.bgp-actions.set-community.set-community-method]
        communities-list = [\"{tag}\"]
"
        ),
        None => String::new(),
    };
    let name = &group.name;
    let policy = |way: &str, families: Vec<Family>, set: &str| {
        let statements = each(families, |family| statement(name, way, family, set));
        format!("\n[[policy-definitions]]\n  name = \"{name}-{way}\"\n{statements}")
    };
    let accepted = FAMILIES.into_iter().filter(|family| group.accepts(*family).next().is_some());
    let sent = FAMILIES.into_iter().filter(|family| group.sends(*family).next().is_some());
    policy("in", accepted.collect(), &tag) + &policy("out", sent.collect(), "")
}

fn statement(name: &str, way: &str, family: Family, set: &str) -> String {
    let family = word(family);
    format!(
        "  [[policy-definitions.statements]]
    name = \"{name}-{family}-{way}\"
    [policy-definitions.statements.conditions.match-neighbor-set]
      neighbor-set = \"{name}\"
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = \"{name}-{family}-{way}\"
    [policy-definitions.statements.actions]
      route-disposition = \"accept-route\"
{set}"
    )
}

/// The sessions of a group.
fn peer_group(facts: &Facts, group: &Group) -> String {
    let name = &group.name;
    let password = when(group.password.is_some(), format!("    auth-password = \"{PLACEHOLDER}\"\n"));
    let distance = match group.multihop {
        // Pods reach port 179 from their node's address, but only over a hop.
        None => "  [peer-groups.ttl-security.config]\n    enabled = true\n    ttl-min = 255\n".to_owned(),
        Some(hops) => {
            format!("  [peer-groups.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = {hops}\n")
        }
    };
    let restart = when(
        group.graceful_restart,
        "  [peer-groups.graceful-restart.config]\n    enabled = true\n    helper-only = true\n",
    );
    let reflect = when(
        facts.reflects(group),
        format!(
            "  [peer-groups.route-reflector.config]\n    route-reflector-client = true\n    route-reflector-cluster-id = \"{}\"\n",
            facts.router_id
        ),
    );
    let as_override =
        when(group.as_override, "  [peer-groups.as-path-options.config]\n    replace-peer-as = true\n");
    let families = each(&group.families, |family| {
        let restart = when(
            group.graceful_restart,
            "    [peer-groups.afi-safis.mp-graceful-restart.config]\n      enabled = true\n",
        );
        format!(
            "  [[peer-groups.afi-safis]]
    [peer-groups.afi-safis.config]
      afi-safi-name = \"{}-unicast\"
    [peer-groups.afi-safis.prefix-limit.config]
      max-prefixes = {}
{restart}",
            word(*family),
            group.max_prefixes
        )
    });
    let nodes = each(group.addresses(), |(at, node)| peer(name, at, node));
    format!(
        "
[[peer-groups]]
  [peer-groups.config]
    peer-group-name = \"{name}\"
    peer-as = {asn}
{password}  [peer-groups.transport.config]
    passive-mode = true
{distance}{restart}{reflect}{as_override}{families}{nodes}",
        asn = group.asn
    )
}

fn peer(group: &str, at: IpAddr, node: &Node) -> String {
    format!(
        "
[[neighbors]]
  [neighbors.config]
    neighbor-address = \"{at}\"
    peer-group = \"{group}\"
    description = \"{}\"
",
        node.name
    )
}
