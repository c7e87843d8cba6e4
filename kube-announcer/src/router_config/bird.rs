//! BIRD 2: `bird.conf`.

use super::{
    Facts, Group, Node, PLACEHOLDER, Place, Range, each,
    facts::{needs_extended_next_hop, word},
    when,
};
use bgp_daemon::config::Bfd;
use bgp_proto::{attr::community::Community, family::Family};

pub(super) fn text(facts: &Facts) -> String {
    let exchanged = [Family::IPV4, Family::IPV6]
        .into_iter()
        .filter(|family| facts.groups.iter().any(|group| group.families.contains(family)));
    let kernels = each(exchanged, kernel);
    let bfd =
        when(facts.groups.iter().any(|group| group.bfd.is_some() && takes_bfd(group)), "protocol bfd {}\n");
    let groups = each(&facts.groups, |group| filters(group) + &template(facts, group));
    let links: Vec<_> = facts.groups.iter().flat_map(Group::links).collect();
    let advertised = when(
        !links.is_empty(),
        format!(
            "\n# Nodes at the other end of a link find the router by this. It offers them no route.\nprotocol radv {{\n{}}}\n",
            each(&links, |link| format!(
                "  interface \"{link}\" {{ default lifetime 0; max ra interval 10; }};\n"
            ))
        ),
    );
    format!(
        "\
router id {id};

# Leave out what your configuration has already: there is one `device`, and one `kernel` for a family.
protocol device {{}}
{bfd}{kernels}{advertised}{groups}",
        id = facts.router_id,
    )
}

/// Routes go into the kernel, over all nodes that are equally near: `merge paths` does not ask for equal ASes.
fn kernel(family: Family) -> String {
    format!(
        "\
protocol kernel kernel_{family} {{
  {family} {{ import none; export where source = RTS_BGP; }};
  merge paths on limit 64;
}}
",
        family = word(family)
    )
}

/// What a group may say and is told, family by family.
fn filters(group: &Group) -> String {
    let name = symbol(&group.name);
    let tag = match group.community {
        Some(Community(value)) => format!(" bgp_community.add(({},{}));", value >> 16, value & 0xffff),
        None => String::new(),
    };
    let strip = when(group.as_override, format!(" bgp_path.delete({});", group.asn));
    each(&group.families, |family| {
        let accepts = clause(&mut group.accepts(*family), &tag);
        let sends = clause(&mut group.sends(*family), &strip);
        let family = word(*family);
        format!(
            "\nfilter {name}_{family}_in {{\n{accepts}  reject;\n}}\nfilter {name}_{family}_out {{\n{sends}  reject;\n}}\n"
        )
    })
}

fn clause(ranges: &mut dyn Iterator<Item = &Range>, set: &str) -> String {
    let ranges: Vec<_> =
        ranges.map(|range| format!("{}{{{},{}}}", range.prefix, range.shortest, range.longest)).collect();
    when(!ranges.is_empty(), format!("  if net ~ [ {} ] then {{{set} accept; }}\n", ranges.join(", ")))
}

/// Over hops it wants its own address too, which only the router knows.
pub(super) fn takes_bfd(group: &Group) -> bool {
    group.multihop.is_none()
}

/// The sessions of a group.
fn template(facts: &Facts, group: &Group) -> String {
    let name = symbol(&group.name);
    let password = when(group.password.is_some(), format!("  password \"{PLACEHOLDER}\";\n"));
    let distance = match group.multihop {
        // Pods reach port 179 from their node's address, but only over a hop.
        None => "  direct;\n  ttl security on;\n".to_owned(),
        Some(hops) => format!("  multihop {hops};\n"),
    };
    let restart = when(group.graceful_restart, "  graceful restart aware;\n");
    let bfd = group.bfd.filter(|_| takes_bfd(group)).map(|Bfd { interval, multiplier }| {
        format!("  bfd {{ interval {} ms; multiplier {multiplier}; }};\n", interval.as_millis())
    });
    let bfd = bfd.unwrap_or_default();
    let reflect = when(facts.reflects(group), "  rr client;\n");
    let channels = each(&group.families, |family| {
        let extended =
            when(*family == Family::IPV4 && needs_extended_next_hop(group), "    extended next hop on;\n");
        format!(
            "  {family} {{
    import filter {name}_{family}_in;
    import limit {most} action restart;
    export filter {name}_{family}_out;
{extended}  }};
",
            family = word(*family),
            most = group.max_prefixes,
        )
    });
    let nodes = each(&group.nodes, |node| peer(group, node));
    format!(
        "
template bgp {name} {{
  local as {asn};
  passive on;
{distance}{password}{restart}{bfd}{reflect}{channels}}}
{nodes}",
        asn = facts.asn,
    )
}

fn peer(group: &Group, node: &Node) -> String {
    let (of, name, asn) = (symbol(&group.name), symbol(&node.name), group.asn);
    match &node.place {
        Place::Address(address) => {
            format!("protocol bgp {of}_{name} from {of} {{ neighbor {address} as {asn}; }}\n")
        }
        Place::Link(link) => format!(
            "protocol bgp {of}_{name} from {of} {{ neighbor range fe80::/10 as {asn}; interface \"{link}\"; }}\n"
        ),
    }
}

/// A name as BIRD takes it.
fn symbol(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
