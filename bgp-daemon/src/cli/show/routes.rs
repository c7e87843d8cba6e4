//! Routes: a block for each prefix, a line for each route to it.

use super::{
    super::table::{Column, Side, Table, age},
    kernel_words,
};
use bgp_daemon::api::document::{Attributes, Export, Prefix, Route, Why};

const COLUMNS: [Column; 8] = [("", Side::Left); 8];

/// Blocks that are aligned with each other; those to come with those before.
pub(crate) struct Routes {
    table: Table<'static>,
    /// Where prefixes stand between the rows.
    prefixes: Vec<(usize, String)>,
    rows: usize,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Routes { table: Table::plain(&COLUMNS), prefixes: Vec::new(), rows: 0 }
    }

    /// How many rows wait.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// A prefix with its routes.
    pub(crate) fn push(&mut self, prefix: &Prefix) {
        self.prefixes.push((self.rows, prefix.prefix.clone()));
        self.rows += prefix.routes.len();
        prefix.routes.iter().for_each(|route| self.table.push(row(route)));
        if prefix.routes.is_empty() {
            self.rows += 1;
            self.table.push(vec!["  -".to_owned(), "no route".to_owned()]);
        }
    }

    /// What was pushed so far.
    pub(crate) fn take(&mut self) -> String {
        let mut text = String::new();
        let mut prefixes = self.prefixes.drain(..).peekable();
        for (at, line) in self.table.take().lines().enumerate() {
            while let Some((_, prefix)) = prefixes.next_if(|(before, _)| *before == at) {
                text += &prefix;
                text.push('\n');
            }
            text += line;
            text.push('\n');
        }
        self.rows = 0;
        text
    }
}

fn row(route: &Route) -> Vec<String> {
    // Who asks what a peer was told wants to see it as it was told.
    let attributes = route.advertised.as_ref().unwrap_or(&route.attributes);
    let Attributes { next_hop, as_path, local_pref, med, communities, .. } = attributes;
    let mark = match route.standing.as_str() {
        "best" => "*",
        "equal" => "=",
        _ => " ",
    };
    let path = if as_path.is_empty() { String::new() } else { format!("AS {as_path}") };
    let number =
        |name: &str, value: &Option<u32>| value.map(|value| format!("{name} {value}")).unwrap_or_default();
    let communities =
        if communities.is_empty() { String::new() } else { format!("community {}", communities.join(" ")) };
    vec![
        format!("  {mark}"),
        format!("next-hop {}", next_hop.as_deref().unwrap_or("self")),
        path,
        number("local-pref", local_pref),
        number("med", med),
        communities,
        format!("from {}, {}", route.from, age(route.seconds)),
        note(route),
    ]
}

/// Why a route is not selected, and what else is special about it.
fn note(route: &Route) -> String {
    let standing = match (route.standing.as_str(), &route.lost_by, &route.import) {
        ("equal", ..) => "equal cost".to_owned(),
        ("lost", Some(rule), _) => format!("not best: {rule}"),
        ("unreachable", ..) => "its next hop cannot be reached".to_owned(),
        ("rejected", _, Some(why)) if why.starts_with("rejected") => why.clone(),
        ("rejected", _, Some(why)) => format!("rejected: {why}"),
        _ => String::new(),
    };
    match (standing.is_empty(), route.stale) {
        (_, false) => standing,
        (true, true) => "stale".to_owned(),
        (false, true) => format!("{standing}, stale"),
    }
}

const EXPORTS: [Column; 3] = [("PEER", Side::Left), ("TOLD", Side::Left), ("WHY", Side::Left)];

/// What becomes of a prefix, and why.
pub(crate) fn why(why: &Why) -> String {
    let mut rows = Table::plain(&COLUMNS);
    // The reasons stand below each route, in full.
    why.routes.iter().for_each(|route| rows.push(Vec::from_iter(row(route).into_iter().take(7))));
    let mut text = format!("{}\n", why.prefix);
    for (line, route) in rows.take().lines().zip(&why.routes) {
        text += &format!("{line}\n");
        in_words(route).iter().for_each(|reason| text += &format!("       {reason}\n"));
    }
    text += &why.kernel.as_ref().map(|route| format!("  {}\n", kernel_words(route))).unwrap_or_default();
    text + &told(why)
}

/// Why a route is accepted or not, and what that changed.
fn in_words(route: &Route) -> Vec<String> {
    let accepted = match (&route.import, &route.from.owner) {
        (Some(reason), _) => reason.clone(),
        (None, _) => "a route of our own".to_owned(),
    };
    let next_hop = match (&route.attributes.next_hop, route.cost) {
        (Some(address), Some(cost)) => Some(format!("next hop {address} can be reached at cost {cost}")),
        (Some(address), None) if route.standing == "unreachable" => {
            Some(format!("there is no way to next hop {address}"))
        }
        _ => None,
    };
    let selected = match route.standing.as_str() {
        "best" => Some("selected".to_owned()),
        "equal" => Some("as good as the selected one up to the tie-breakers".to_owned()),
        "lost" => route.lost_by.as_ref().map(|rule| format!("not selected: {rule}")),
        _ => None,
    };
    [Some(accepted), next_hop, selected].into_iter().flatten().collect()
}

fn told(why: &Why) -> String {
    if !why.routes.iter().any(|route| route.standing == "best") {
        return "  no route is selected, so nobody is told of it\n".to_owned();
    }
    if why.exports.is_empty() {
        return "  no peer is there to be told of it\n".to_owned();
    }
    let mut table = Table::new(&EXPORTS);
    for Export { peer, told, export } in &why.exports {
        let told = match told {
            None => "no".to_owned(),
            Some(Attributes { as_path, next_hop, .. }) => {
                let next_hop = next_hop.as_deref().unwrap_or("self");
                if as_path.is_empty() {
                    format!("next-hop {next_hop}")
                } else {
                    format!("next-hop {next_hop}, AS {as_path}")
                }
            }
        };
        table.push(vec![peer.clone(), told, export.clone()]);
    }
    table.take().lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgp_daemon::api::document::From;

    fn route(standing: &str, next_hop: &str, path: &str) -> Route {
        let attributes = Attributes {
            next_hop: Some(next_hop.into()),
            as_path: path.into(),
            local_pref: Some(200),
            ..Attributes::default()
        };
        let from = From { peer: Some(next_hop.into()), group: Some("cluster-a".into()), owner: None };
        Route { standing: standing.into(), attributes, from, seconds: 180, ..Route::default() }
    }

    #[test]
    fn blocks_are_aligned_with_each_other() {
        let mut best = route("best", "192.0.2.11", "64512");
        best.attributes.communities.push("65000:1".into());
        let mut lost = route("lost", "192.0.2.13", "64512 64512");
        lost.lost_by = Some("longer AS path".into());
        let first = vec![best, route("equal", "192.0.2.12", "64512"), lost];
        let mut routes = Routes::new();
        routes.push(&Prefix { prefix: "10.244.1.0/24".into(), routes: first });
        routes.push(&Prefix {
            prefix: "10.244.2.0/24".into(),
            routes: vec![route("best", "192.0.2.9", "64512")],
        });
        routes.push(&Prefix { prefix: "10.244.3.0/24".into(), routes: vec![] });
        let expected = "\
10.244.1.0/24
  *  next-hop 192.0.2.11  AS 64512        local-pref 200  community 65000:1  from cluster-a/192.0.2.11, 3m
  =  next-hop 192.0.2.12  AS 64512        local-pref 200                     from cluster-a/192.0.2.12, 3m  equal cost
     next-hop 192.0.2.13  AS 64512 64512  local-pref 200                     from cluster-a/192.0.2.13, 3m  not best: longer AS path
10.244.2.0/24
  *  next-hop 192.0.2.9   AS 64512        local-pref 200                     from cluster-a/192.0.2.9, 3m
10.244.3.0/24
  -  no route
";
        assert_eq!(routes.take(), expected);
    }
}
