//! What people and programs are shown of plans: a cluster from a folder of manifests, what each node does with it, and
//! why. Every view is a plain value that is printed as text or as JSON.

mod because;
pub mod check;
pub mod node;
pub mod router;
pub mod table;
pub mod why;

use crate::{
    object::{Key, Name},
    plan::{Facts, Planner},
    snapshot::Snapshot,
    source::{
        Change,
        folder::Folder,
        manifest::{Mistake, Unread},
    },
    wish,
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

/// A cluster as a folder of manifests describes it.
pub struct Cluster {
    /// All that can be read of it.
    pub snapshot: Snapshot,
    /// What cannot be read as an object at all.
    pub unreadable: Vec<Mistake>,
    /// Kinds of objects that no plan reads.
    pub ignored: Vec<Unread>,
    /// The file and line of each object.
    places: BTreeMap<Key, (Box<str>, usize)>,
    facts: Facts,
}

/// Stands for a node's default gateway, which only the node knows.
pub const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Cluster {
    /// One of which nothing is known yet, as a node sees it that knows these facts.
    pub fn new(facts: Facts) -> Self {
        Cluster {
            snapshot: Snapshot::new(),
            unreadable: Vec::new(),
            ignored: Vec::new(),
            places: BTreeMap::new(),
            facts,
        }
    }

    /// Reads a folder. Secrets with passwords are looked for in `namespace`.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn read(path: &Path, namespace: &str) -> io::Result<Self> {
        let (folder, outcome) = Folder::read(path)?;
        let mut snapshot = Snapshot::new();
        for object in outcome.changes.into_iter().filter_map(Change::applied) {
            snapshot.apply(&object);
        }
        let mut places = BTreeMap::new();
        for (object, file, line) in folder.objects() {
            places.entry(object.key()).or_insert((file.into(), line));
        }
        let facts =
            Facts { gateways: vec![(GATEWAY, None)], namespace: namespace.into(), ..Facts::default() };
        Ok(Cluster { snapshot, unreadable: folder.mistakes(), ignored: outcome.ignored, places, facts })
    }

    /// The same, where routes are put into the nodes' kernels.
    #[must_use]
    pub fn with_kernel_routes(mut self) -> Self {
        self.facts.kernel_routes = true;
        self
    }

    /// The names of all nodes.
    pub fn nodes(&self) -> Vec<Name> {
        self.snapshot.nodes().map(|(name, _)| name.clone()).collect()
    }

    /// What a node does.
    pub fn planner(&self, node: &str) -> Planner {
        let mut planner = Planner::new(node, self.facts.clone());
        planner.update(&self.snapshot, None);
        planner
    }

    /// `3-endpoints.yaml:12: Service shop/web`, as much of it as is known.
    pub fn place(&self, object: &Key) -> String {
        match self.places.get(object) {
            Some((file, line)) => format!("{file}:{line}: {object}"),
            None => object.to_string(),
        }
    }

    /// A sentence with the place that it is about.
    pub fn placed(&self, object: &Key, sentence: &str) -> String {
        match self.places.get(object) {
            Some((file, line)) if sentence.contains(&object.to_string()) => {
                format!("{file}:{line}: {sentence}")
            }
            _ => format!("{}: {sentence}", self.place(object)),
        }
    }
}

/// Why something is as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Why {
    /// The word for programs.
    pub code: &'static str,
    /// The sentence.
    pub sentence: String,
}

/// What is said with a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attributes {
    /// The next hop; `self`: whatever the session's address is.
    pub next_hop: String,
    /// Communities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub communities: Vec<String>,
    /// Large communities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub large_communities: Vec<String>,
    /// The local preference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_pref: Option<u32>,
    /// The MED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub med: Option<u32>,
    /// How often our AS is put in front of the path once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepend: Option<u8>,
}

impl From<&wish::Attributes> for Attributes {
    fn from(said: &wish::Attributes) -> Self {
        let next_hop = match said.next_hop {
            None | Some(wish::NextHop::Own) => "self".to_owned(),
            Some(wish::NextHop::InternalIp) => "internalIP".to_owned(),
            Some(wish::NextHop::Addresses { ipv4, ipv6 }) => {
                let both = [ipv4.map(IpAddr::from), ipv6.map(IpAddr::from)];
                both.into_iter().flatten().map(|one| one.to_string()).collect::<Vec<_>>().join(",")
            }
        };
        Attributes {
            next_hop,
            communities: said.communities.iter().map(ToString::to_string).collect(),
            large_communities: said.large_communities.iter().map(ToString::to_string).collect(),
            local_pref: said.local_pref,
            med: said.med,
            prepend: said.prepend,
        }
    }
}

impl Attributes {
    /// In words, without the next hop; nothing where nothing is said.
    pub fn words(&self) -> String {
        let mut words = [self.communities.clone(), self.large_communities.clone()].concat();
        words.extend(self.local_pref.map(|value| format!("localPref {value}")));
        words.extend(self.med.map(|value| format!("med {value}")));
        words.extend(self.prepend.map(|value| format!("prepend {value}")));
        words.join(" ")
    }
}

/// Names in a sentence: all of a few, the first of many.
pub fn names<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<_> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
