//! FRR: `frr.conf`, or the lines for `vtysh`.

use super::{
    Facts, Group, Node, PLACEHOLDER, Place, cisco, each,
    facts::{needs_extended_next_hop, word},
    when,
};
use bgp_daemon::config::Bfd;
use bgp_proto::family::Family;

pub(super) fn text(facts: &Facts) -> String {
    let filters = each(&facts.groups, cisco::filters);
    let relax = when(
        facts.is_from_several_asns(),
        " ! One address from several ASes is balanced over all of them.\n bgp bestpath as-path multipath-relax\n",
    );
    let groups = each(&facts.groups, |group| peers(facts, group));
    let families = each([Family::IPV4, Family::IPV6], |family| address_family(facts, family));
    format!(
        "\
!
{filters}router bgp {asn}
 bgp router-id {id}
 no bgp default ipv4-unicast
{relax}{groups}{families}exit
",
        asn = facts.asn,
        id = facts.router_id,
    )
}

/// The sessions of a group.
fn peers(facts: &Facts, group: &Group) -> String {
    let name = &group.name;
    let password = when(group.password.is_some(), format!(" neighbor {name} password {PLACEHOLDER}\n"));
    let distance = match group.multihop {
        // Pods reach port 179 from their node's address, but only over a hop.
        None => format!(" neighbor {name} ttl-security hops 1\n"),
        Some(hops) => when(!facts.is_internal(group), format!(" neighbor {name} ebgp-multihop {hops}\n")),
    };
    let helper = when(group.graceful_restart, format!(" neighbor {name} graceful-restart-helper\n"));
    // FRR takes no less than 50 ms, and the slower side counts.
    let bfd = group.bfd.map(|Bfd { interval, multiplier }| {
        let millis = interval.as_millis().max(50);
        format!(" neighbor {name} bfd {multiplier} {millis} {millis}\n")
    });
    let bfd = bfd.unwrap_or_default();
    let extended =
        when(needs_extended_next_hop(group), format!(" neighbor {name} capability extended-nexthop\n"));
    let nodes = each(&group.nodes, |node| peer(name, node));
    format!(
        " neighbor {name} peer-group
 neighbor {name} remote-as {asn}
 neighbor {name} passive
{password}{distance}{helper}{bfd}{extended}{nodes}",
        asn = group.asn,
    )
}

fn peer(group: &str, node: &Node) -> String {
    let name = &node.name;
    match &node.place {
        Place::Address(address) => {
            format!(" neighbor {address} peer-group {group}\n neighbor {address} description {name}\n")
        }
        Place::Link(link) => {
            format!(" neighbor {link} interface peer-group {group}\n neighbor {link} description {name}\n")
        }
    }
}

fn address_family(facts: &Facts, family: Family) -> String {
    let members: Vec<_> = facts.groups.iter().filter(|group| group.families.contains(&family)).collect();
    let internal = members.iter().any(|group| facts.is_internal(group));
    let external = members.iter().any(|group| !facts.is_internal(group));
    let groups = each(&members, |group| {
        let name = &group.name;
        let reflect = when(facts.reflects(group), format!("  neighbor {name} route-reflector-client\n"));
        let as_override = when(group.as_override, format!("  neighbor {name} as-override\n"));
        format!(
            "  neighbor {name} activate
  neighbor {name} route-map {name}-{family}-in in
  neighbor {name} route-map {name}-{family}-out out
  neighbor {name} maximum-prefix {most} restart 1
{reflect}{as_override}",
            family = word(family),
            most = group.max_prefixes,
        )
    });
    let paths = when(external, "  maximum-paths 64\n") + &when(internal, "  maximum-paths ibgp 64\n");
    when(
        !members.is_empty(),
        format!(" !\n address-family {} unicast\n{groups}{paths} exit-address-family\n", word(family)),
    )
}
