//! FortiGate: lines for its CLI.

use super::{Facts, Group, Node, PLACEHOLDER, Range, each, facts::plain_families, when};
use bgp_proto::family::Family;
use std::net::IpAddr;

/// A family, the suffix of its settings, and the word of its addresses.
const FAMILIES: [(Family, &str, &str); 2] = [(Family::IPV4, "", "ip"), (Family::IPV6, "6", "ip6")];

pub(super) fn text(facts: &Facts) -> String {
    let lists = each(FAMILIES, |(family, suffix, _)| {
        let lists = each(&facts.groups, |group| {
            prefix_list(&group.filter(family, "in"), suffix, group.accepts(family))
                + &prefix_list(&group.filter(family, "out"), suffix, group.sends(family))
        });
        when(!lists.is_empty(), format!("config router prefix-list{suffix}\n{lists}end\n"))
    });
    let maps = each(&facts.groups, route_maps);
    let restart =
        when(facts.groups.iter().any(|group| group.graceful_restart), "    set graceful-restart enable\n");
    let relax = when(
        facts.is_from_several_asns(),
        "    # One address from several ASes is balanced over all of them only where AS paths do not count.\n    set bestpath-as-path-ignore enable\n",
    );
    let internal = facts.groups.iter().any(|group| facts.is_internal(group));
    let multipath = when(internal, "    set ibgp-multipath enable\n");
    let peers =
        each(&facts.groups, |group| each(group.addresses(), |(at, node)| peer(facts, group, at, node)));
    format!(
        "\
# FortiOS is not known to check the TTL of BGP, and pods reach port 179 from their node's address: use a password.
{lists}config router route-map
{maps}end
config router bgp
    set as {asn}
    set router-id {id}
    set ebgp-multipath enable
{multipath}{relax}{restart}    config neighbor
{peers}    end
end
",
        asn = facts.asn,
        id = facts.router_id,
    )
}

fn prefix_list<'a>(name: &str, suffix: &str, ranges: impl Iterator<Item = &'a Range>) -> String {
    let rules = each(ranges.enumerate(), |(index, range)| {
        let length = range.prefix.prefix_len();
        let prefix = match range.prefix.addr() {
            IpAddr::V4(address) => format!("{address} {}", range.prefix.netmask()),
            IpAddr::V6(address) => format!("{address}/{length}"),
        };
        let bound = |word: &str, bound: u8| {
            if bound > length { format!("set {word} {bound}") } else { format!("unset {word}") }
        };
        format!(
            "            edit {}
                set prefix{suffix} {prefix}
                {}
                {}
            next
",
            index + 1,
            bound("ge", range.shortest),
            bound("le", range.longest),
        )
    });
    when(
        !rules.is_empty(),
        format!("    edit \"{name}\"\n        config rule\n{rules}        end\n    next\n"),
    )
}

/// What no rule permits is denied.
fn route_maps(group: &Group) -> String {
    let tag = match group.tag() {
        Some(tag) => format!(
            "                set set-community \"{tag}\"\n                set set-community-additive enable\n"
        ),
        None => String::new(),
    };
    let map = |name: &str, word: &str, permits: bool, set: &str| {
        let rule = if permits {
            format!("                set match-{word}-address \"{name}\"\n{set}")
        } else {
            "                set action deny\n".to_owned()
        };
        format!(
            "    edit \"{name}\"
        config rule
            edit 1
{rule}            next
        end
    next
"
        )
    };
    let exchanged = FAMILIES.iter().filter(|(family, ..)| group.families.contains(family));
    each(exchanged, |(family, _, word)| {
        let (accepts, sends) = (group.accepts(*family).next(), group.sends(*family).next());
        map(&group.filter(*family, "in"), word, accepts.is_some(), &tag)
            + &map(&group.filter(*family, "out"), word, sends.is_some(), "")
    })
}

fn peer(facts: &Facts, group: &Group, at: IpAddr, node: &Node) -> String {
    let set = |applies: bool, line: String| when(applies, format!("            set {line}\n"));
    let families = FAMILIES.map(|(family, suffix, _)| {
        let exchanged = plain_families(group, at).any(|one| one == family);
        let switch = if exchanged { "enable" } else { "disable" };
        set(true, format!("activate{suffix} {switch}"))
            + &set(exchanged, format!("route-map-in{suffix} \"{}\"", group.filter(family, "in")))
            + &set(exchanged, format!("route-map-out{suffix} \"{}\"", group.filter(family, "out")))
            + &set(exchanged, format!("maximum-prefix{suffix} {}", group.max_prefixes))
            + &set(exchanged && group.graceful_restart, format!("capability-graceful-restart{suffix} enable"))
            + &set(exchanged && facts.reflects(group), format!("route-reflector-client{suffix} enable"))
            + &set(exchanged && group.as_override, format!("as-override{suffix} enable"))
    });
    let distance = group.multihop.filter(|_| !facts.is_internal(group)).map(|hops| {
        set(true, "ebgp-enforce-multihop enable".to_owned()) + &set(true, format!("ebgp-multihop-ttl {hops}"))
    });
    format!(
        "        edit \"{at}\"
            set description \"{node}\"
            set remote-as {asn}
            set passive enable
{distance}{password}{families}        next
",
        node = node.name,
        asn = group.asn,
        distance = distance.unwrap_or_default(),
        password = set(group.password.is_some(), format!("password {PLACEHOLDER}")),
        families = families.concat(),
    )
}
