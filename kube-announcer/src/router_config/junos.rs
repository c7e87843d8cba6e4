//! Junos: text for `load merge terminal`.

use super::{Facts, Group, Node, PLACEHOLDER, Place, Range, each, facts::needs_extended_next_hop, when};
use bgp_daemon::config::Bfd;
use bgp_proto::family::Family;
use std::net::IpAddr;

/// A family, the word that it has here, and what a packet's hops are called.
const FAMILIES: [(Family, &str, &str); 2] =
    [(Family::IPV4, "inet", "ttl"), (Family::IPV6, "inet6", "hop-limit")];

pub(super) fn text(facts: &Facts) -> String {
    let policies = each(&facts.groups, |group| {
        community(group) + &policy(group, "in", &group.accepts) + &policy(group, "out", &group.sends)
    });
    let lists = each(&facts.groups, |group| {
        when(!group.links().is_empty(), format!("    as-list {} members {};\n", group.name, group.asn))
    });
    let links: Vec<_> = facts.groups.iter().flat_map(Group::links).collect();
    let solicited = when(
        !links.is_empty(),
        format!(
            "    router-advertisement {{\n{}    }}\n",
            each(&links, |link| format!("        interface {link};\n"))
        ),
    );
    let groups = each(&facts.groups, |group| peers(facts, group));
    let guard = guard(facts);
    format!(
        "\
policy-options {{
{policies}{lists}    policy-statement balance {{
        then {{
            load-balance per-packet; # Flow by flow, whatever it is called.
        }}
    }}
}}
routing-options {{
    router-id {id};
    autonomous-system {asn};
    forwarding-table {{
        export balance;
    }}
}}
protocols {{
{solicited}    bgp {{
{groups}    }}
}}
{guard}",
        asn = facts.asn,
        id = facts.router_id,
    )
}

fn community(group: &Group) -> String {
    match group.tag() {
        Some(tag) => format!("    community {} members {tag};\n", group.name),
        None => String::new(),
    }
}

/// What no term accepts is rejected.
fn policy(group: &Group, way: &str, ranges: &[Range]) -> String {
    let tag = when(
        way == "in" && group.community.is_some(),
        format!("                community add {};\n", group.name),
    );
    let there = FAMILIES.iter().filter(|(family, ..)| ranges.iter().any(|range| range.family() == *family));
    let terms = each(there, |(family, word, _)| {
        let filters = each(ranges.iter().filter(|range| range.family() == *family), route_filter);
        format!(
            "        term {word} {{
            from {{
                family {word};
{filters}            }}
            then {{
{tag}                accept;
            }}
        }}
"
        )
    });
    format!("    policy-statement {}-{way} {{\n{terms}        then reject;\n    }}\n", group.name)
}

fn route_filter(range: &Range) -> String {
    let (prefix, length) = (range.prefix, range.prefix.prefix_len());
    let lengths = match (range.shortest, range.longest) {
        (shortest, longest) if shortest == length && longest == length => "exact".to_owned(),
        (shortest, longest) if shortest == length && longest == prefix.max_prefix_len() => {
            "orlonger".to_owned()
        }
        (shortest, longest) => format!("prefix-length-range /{shortest}-/{longest}"),
    };
    format!("                route-filter {prefix} {lengths};\n")
}

/// The sessions of a group.
fn peers(facts: &Facts, group: &Group) -> String {
    let name = &group.name;
    let set = |applies: bool, line: String| when(applies, format!("            {line};\n"));
    let internal = facts.is_internal(group);
    let families =
        each(FAMILIES.iter().filter(|(family, ..)| group.families.contains(family)), |(family, word, _)| {
            let extended = *family == Family::IPV4 && needs_extended_next_hop(group);
            format!(
                "            family {word} {{
                unicast {{
                    accepted-prefix-limit {{
                        maximum {most};
                        teardown 100 idle-timeout 1;
                    }}
{extended}                }}
            }}
",
                most = group.max_prefixes,
                extended = when(extended, "                    extended-nexthop;\n"),
            )
        });
    let lines = [
        set(true, format!("type {}", if internal { "internal" } else { "external" })),
        set(true, "passive".to_owned()),
        set(group.multihop.is_none() && !internal, "ttl 255".to_owned()),
        group
            .multihop
            .map(|ttl| format!("            multihop {{\n                ttl {ttl};\n            }}\n"))
            .unwrap_or_default(),
        set(group.password.is_some(), format!("authentication-key \"{PLACEHOLDER}\"")),
        group.bfd.map(bfd).unwrap_or_default(),
        set(true, format!("import {name}-in")),
        set(true, format!("export {name}-out")),
        set(!internal, format!("peer-as {}", group.asn)),
        set(!group.links().is_empty(), format!("peer-as-list {name}")),
        set(facts.reflects(group), format!("cluster {}", facts.router_id)),
        set(group.as_override, "as-override".to_owned()),
        set(internal, "multipath".to_owned()),
        when(!internal, "            multipath {\n                multiple-as;\n            }\n"),
    ];
    let nodes = each(&group.nodes, peer);
    format!("        group {name} {{\n{}{families}{nodes}        }}\n", lines.concat())
}

fn bfd(Bfd { interval, multiplier }: Bfd) -> String {
    format!(
        "            bfd-liveness-detection {{
                minimum-interval {};
                multiplier {multiplier};
            }}
",
        interval.as_millis()
    )
}

fn peer(node: &Node) -> String {
    let name = &node.name;
    match &node.place {
        Place::Address(at) => {
            format!("            neighbor {at} {{\n                description {name};\n            }}\n")
        }
        Place::Link(link) => format!(
            "            dynamic-neighbor {name} {{
                peer-auto-discovery {{
                    family inet6 {{
                        ipv6-nd;
                    }}
                    interface {link};
                }}
            }}
"
        ),
    }
}

/// Drops what only pretends to be a node.
fn guard(facts: &Facts) -> String {
    let filters = each(FAMILIES, |(family, word, hops)| filter(facts, family, word, hops));
    let applied = each(FAMILIES, |(family, word, _)| {
        when(
            !near(facts, family).is_empty(),
            format!(
                "            family {word} {{\n                filter {{\n                    input-list bgp-from-near-{word};\n                }}\n            }}\n"
            ),
        )
    });
    when(
        !filters.is_empty(),
        format!(
            "\
# What says to be a node and did not come with TTL 255 came over a hop: pods reach port 179 from their node's
# address. Where lo0 has filters already, add these before them.
firewall {{
{filters}}}
interfaces {{
    lo0 {{
        unit 0 {{
{applied}        }}
    }}
}}
"
        ),
    )
}

/// The addresses of nodes on links of the router.
fn near(facts: &Facts, family: Family) -> Vec<IpAddr> {
    let near = facts.groups.iter().filter(|group| group.multihop.is_none());
    near.flat_map(Group::addresses)
        .map(|(at, _)| at)
        .filter(|at| super::facts::family_of(*at) == family)
        .collect()
}

fn filter(facts: &Facts, family: Family, word: &str, hops: &str) -> String {
    let addresses = near(facts, family);
    let sources = each(&addresses, |at| {
        format!("                        {at}/{};\n", if at.is_ipv4() { 32 } else { 128 })
    });
    let protocol = if family == Family::IPV4 { "protocol" } else { "next-header" };
    when(
        !addresses.is_empty(),
        format!(
            "    family {word} {{
        filter bgp-from-near-{word} {{
            term far {{
                from {{
                    source-address {{
{sources}                    }}
                    {protocol} tcp;
                    port bgp;
                    {hops}-except 255;
                }}
                then discard;
            }}
            term rest {{
                then accept;
            }}
        }}
    }}
"
        ),
    )
}
