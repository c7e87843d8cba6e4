//! Cisco IOS XE.

use super::{
    Facts, Group, PLACEHOLDER, cisco, each,
    facts::{plain_families, word},
    when,
};
use bgp_proto::family::Family;

pub(super) fn text(facts: &Facts) -> String {
    let filters = each(&facts.groups, cisco::filters);
    let templates = each(&facts.groups, |group| templates(facts, group));
    let restart = when(facts.groups.iter().any(|group| group.graceful_restart), " bgp graceful-restart\n");
    let relax = when(
        facts.is_from_several_asns(),
        " ! One address from several ASes is balanced over all of them.\n bgp bestpath as-path multipath-relax\n",
    );
    let groups = each(&facts.groups, peers);
    let families = each([Family::IPV4, Family::IPV6], |family| address_family(facts, family));
    format!(
        "\
!
ip bgp-community new-format
!
{filters}router bgp {asn}
{templates} bgp router-id {id}
 bgp log-neighbor-changes
{restart} no bgp default ipv4-unicast
{relax}{groups}{families}!
",
        asn = facts.asn,
        id = facts.router_id,
    )
}

/// Templates, because a peer group cannot hold peers of both families.
fn templates(facts: &Facts, group: &Group) -> String {
    let name = &group.name;
    let password = when(group.password.is_some(), format!("  password {PLACEHOLDER}\n"));
    let distance = match (group.multihop, facts.is_internal(group)) {
        // It checks the TTL only of sessions with other ASes.
        (_, true) => String::new(),
        // Pods reach port 179 from their node's address, but only over a hop.
        (None, false) => "  ttl-security hops 1\n".to_owned(),
        (Some(hops), false) => format!("  ebgp-multihop {hops}\n"),
    };
    let reflect = when(facts.reflects(group), "  route-reflector-client\n");
    let as_override = when(group.as_override, "  as-override\n");
    let policies = each(&group.families, |family| {
        format!(
            " template peer-policy {name}-{family}
  route-map {name}-{family}-in in
  route-map {name}-{family}-out out
  maximum-prefix {most} restart 1
{reflect}{as_override} exit-peer-policy
 !
",
            family = word(*family),
            most = group.max_prefixes,
        )
    });
    format!(
        "{policies} template peer-session {name}
  remote-as {asn}
  transport connection-mode passive
{password}{distance} exit-peer-session
 !
",
        asn = group.asn,
    )
}

/// The sessions of a group.
fn peers(group: &Group) -> String {
    each(group.addresses(), |(at, node)| {
        format!(
            " neighbor {at} inherit peer-session {}\n neighbor {at} description {}\n",
            group.name, node.name
        )
    })
}

fn address_family(facts: &Facts, family: Family) -> String {
    let members = facts.groups.iter().flat_map(|group| group.addresses().map(move |(at, _)| (group, at)));
    let members: Vec<_> =
        members.filter(|(group, at)| plain_families(group, *at).any(|one| one == family)).collect();
    let peers = each(&members, |(group, at)| {
        let (name, family) = (&group.name, word(family));
        format!("  neighbor {at} activate\n  neighbor {at} inherit peer-policy {name}-{family}\n")
    });
    let internal = members.iter().any(|(group, _)| facts.is_internal(group));
    let external = members.iter().any(|(group, _)| !facts.is_internal(group));
    let paths = when(external, "  maximum-paths 32\n") + &when(internal, "  maximum-paths ibgp 32\n");
    when(
        !members.is_empty(),
        format!(" !\n address-family {}\n{peers}{paths} exit-address-family\n", word(family)),
    )
}
