//! Arista EOS.

use super::{
    Facts, Group, Node, PLACEHOLDER, Place, cisco, each,
    facts::{needs_extended_next_hop, word},
    when,
};
use bgp_proto::family::Family;

pub(super) fn text(facts: &Facts) -> String {
    let filters = each(&facts.groups, cisco::filters);
    let relax = when(
        facts.is_from_several_asns(),
        "   ! One address from several ASes is balanced over all of them.\n   bgp bestpath as-path multipath-relax\n",
    );
    let groups = each(&facts.groups, |group| peers(facts, group));
    let families = each([Family::IPV4, Family::IPV6], |family| address_family(facts, family));
    format!(
        "\
!
{filters}router bgp {asn}
   router-id {id}
   no bgp default ipv4-unicast
   maximum-paths 64 ecmp 64
{relax}{groups}{families}!
",
        asn = facts.asn,
        id = facts.router_id,
    )
}

/// The sessions of a group.
fn peers(facts: &Facts, group: &Group) -> String {
    let name = &group.name;
    let password = when(group.password.is_some(), format!("   neighbor {name} password 0 {PLACEHOLDER}\n"));
    let distance = match group.multihop {
        // Pods reach port 179 from their node's address, but only over a hop.
        None => format!("   neighbor {name} ttl maximum-hops 1\n"),
        Some(hops) => when(!facts.is_internal(group), format!("   neighbor {name} ebgp-multihop {hops}\n")),
    };
    let helper = when(group.graceful_restart, format!("   neighbor {name} graceful-restart-helper\n"));
    let bfd = when(group.bfd.is_some(), format!("   neighbor {name} bfd\n"));
    let reflect = when(facts.reflects(group), format!("   neighbor {name} route-reflector-client\n"));
    let as_override = when(group.as_override, format!("   neighbor {name} as-path remote-as replace out\n"));
    let nodes = each(&group.nodes, |node| peer(group, node));
    format!(
        "   neighbor {name} peer group
   neighbor {name} remote-as {asn}
   neighbor {name} transport connection-mode passive
   neighbor {name} maximum-routes {most}
{password}{distance}{helper}{bfd}{reflect}{as_override}{nodes}",
        asn = group.asn,
        most = group.max_prefixes,
    )
}

fn peer(group: &Group, node: &Node) -> String {
    let (of, name) = (&group.name, &node.name);
    match &node.place {
        Place::Address(at) => {
            format!("   neighbor {at} peer group {of}\n   neighbor {at} description {name}\n")
        }
        Place::Link(link) => {
            format!("   ! {name}\n   neighbor interface {link} peer-group {of} remote-as {}\n", group.asn)
        }
    }
}

fn address_family(facts: &Facts, family: Family) -> String {
    let members: Vec<_> = facts.groups.iter().filter(|group| group.families.contains(&family)).collect();
    let groups = each(&members, |group| {
        let name = &group.name;
        let extended = when(
            family == Family::IPV4 && needs_extended_next_hop(group),
            format!("      neighbor {name} next-hop address-family ipv6 originate\n"),
        );
        format!(
            "      neighbor {name} activate
      neighbor {name} route-map {name}-{family}-in in
      neighbor {name} route-map {name}-{family}-out out
{extended}",
            family = word(family),
        )
    });
    when(!members.is_empty(), format!("   !\n   address-family {}\n{groups}", word(family)))
}
