//! What FRR, Arista EOS and Cisco IOS XE write alike: prefix lists and the route maps that ask them.
//!
//! A route map holds one family: what a clause for the other means differs from router to router.

use super::{Group, Range, each};
use bgp_proto::family::Family;

/// What a group may say (`NAME-ipv4-in`) and is told (`NAME-ipv4-out`).
pub(super) fn filters(group: &Group) -> String {
    let tag = match group.tag() {
        Some(tag) => format!(" set community {tag} additive\n"),
        None => String::new(),
    };
    each(&group.families, |family| {
        filter(group, *family, "in", group.accepts(*family), &tag)
            + &filter(group, *family, "out", group.sends(*family), "")
    })
}

fn filter<'a>(
    group: &Group,
    family: Family,
    way: &str,
    ranges: impl Iterator<Item = &'a Range>,
    set: &str,
) -> String {
    let word_of_lists = if family == Family::IPV4 { "ip" } else { "ipv6" };
    let name = group.filter(family, way);
    let list = each(ranges.enumerate(), |(index, range)| {
        let (number, prefix, bounds) = ((index + 1) * 5, range.prefix, bounds(range));
        format!("{word_of_lists} prefix-list {name} seq {number} permit {prefix}{bounds}\n")
    });
    // What no clause permits is denied.
    let map = if list.is_empty() {
        format!("route-map {name} deny 10\n!\n")
    } else {
        format!("route-map {name} permit 10\n match {word_of_lists} address prefix-list {name}\n{set}!\n")
    };
    list + &map
}

/// ` ge 24 le 32`, as much of it as is needed.
fn bounds(range: &Range) -> String {
    let length = range.prefix.prefix_len();
    let at_least = if range.shortest > length { format!(" ge {}", range.shortest) } else { String::new() };
    let at_most = if range.longest > length { format!(" le {}", range.longest) } else { String::new() };
    at_least + &at_most
}
