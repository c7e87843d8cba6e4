//! Which objects are asked for: all of a kind, or only those pods that a node's plan stands on.

use crate::{
    object::{Kind, Name},
    snapshot::Snapshot,
    wish::Source,
};
use std::collections::BTreeSet;

/// Objects that are listed and watched together. No object is in two of those that are read at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All of a kind; of Secrets those of the announcer's namespace.
    All(Kind),
    /// The pods of this node.
    PodsHere,
    /// The pods of a namespace that are not on this node.
    PodsElsewhere(Name),
}

/// More namespaces than these are read as all pods.
const NAMESPACES: usize = 4;

impl Scope {
    /// The kind of its objects.
    pub fn kind(&self) -> Kind {
        match self {
            Scope::All(kind) => *kind,
            Scope::PodsHere | Scope::PodsElsewhere(_) => Kind::Pod,
        }
    }

    /// Whether an object of its kind is in it, as far as is known.
    pub fn covers(&self, snapshot: &Snapshot, node: &str, name: &str) -> bool {
        let here = || snapshot.pod(name).is_some_and(|pod| pod.node.as_deref() == Some(node));
        match self {
            Scope::All(_) => true,
            Scope::PodsHere => here(),
            Scope::PodsElsewhere(namespace) => {
                name.split_once('/').is_some_and(|(of, _)| *of == **namespace) && !here()
            }
        }
    }
}

/// The pods that a node's plan stands on, as the advertisements in force say it.
pub fn pods(snapshot: &Snapshot, node: &str) -> BTreeSet<Scope> {
    let labels = snapshot.node(node).map(|found| &found.tags);
    let mut here = false;
    // Of these namespaces also the pods elsewhere; `None`: of all.
    let mut namespaces = Some(BTreeSet::new());
    for wish in snapshot.advertisements() {
        // Nothing of it is announced here, whatever pods there are.
        if labels.is_some_and(|labels| !snapshot.selects(&wish.node_selector, labels)) {
            continue;
        }
        for source in &wish.sources {
            let elsewhere: &[Name] = match source {
                Source::PodCidrs | Source::Pods(_) => &[],
                // Who else claims a range decides with.
                Source::PodPrefixes(wanted) if wanted.choice.namespaces.is_empty() => {
                    namespaces = None;
                    &[]
                }
                Source::PodPrefixes(wanted) => &wanted.choice.namespaces,
                // One that terminates counts while there is no other.
                Source::TunnelIps(tunnels) => match &tunnels.require {
                    Some(require) => &require.namespaces,
                    None => continue,
                },
                Source::Services(_) | Source::ServiceCidrs(_) | Source::Prefixes(_) => continue,
            };
            here = true;
            namespaces.iter_mut().for_each(|known| known.extend(elsewhere.iter().cloned()));
        }
    }
    match namespaces.filter(|known| known.len() <= NAMESPACES) {
        None => [Scope::All(Kind::Pod)].into(),
        Some(known) => {
            let elsewhere = known.into_iter().map(Scope::PodsElsewhere);
            here.then_some(Scope::PodsHere).into_iter().chain(elsewhere).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::manifest::Manifest;

    /// What is read on a node with the label rack=a, with advertisements of these sources.
    fn read(sources: &[&str]) -> Vec<Scope> {
        let mut text = "apiVersion: v1\nkind: Node\nmetadata: {name: here, labels: {rack: a}}\n".to_owned();
        for (number, spec) in sources.iter().enumerate() {
            text += &format!(
                "---\napiVersion: kube-announcer.io/v1alpha1\nkind: BgpAdvertisement\n\
                 metadata: {{name: n{number}}}\nspec: {{allowedCidrs: [203.0.113.0/24], {spec}}}\n"
            );
        }
        let read = Manifest::read("x.yaml", text.as_bytes());
        assert_eq!((read.objects.len(), read.mistakes), (sources.len() + 1, Vec::new()));
        let mut snapshot = Snapshot::new();
        for (object, _) in read.objects {
            snapshot.apply(&object);
        }
        assert_eq!(snapshot.refused().next(), None);
        pods(&snapshot, "here").into_iter().collect()
    }

    #[test]
    fn only_the_pods_that_a_plan_stands_on_are_read() {
        let tunnels = |namespace: &str| {
            format!(
                "sources: [{{tunnelIps: {{from: Cluster, require: {{namespace: {namespace}, podSelector: {{}}}}}}}}]"
            )
        };
        let elsewhere = |namespace: &str| Scope::PodsElsewhere(namespace.into());
        assert_eq!(read(&["sources: [{services: {}}, {prefixes: [203.0.113.0/24]}]"]), []);
        assert_eq!(read(&["sources: [{podCidrs: {}}, {pods: {}}]"]), [Scope::PodsHere]);
        assert_eq!(read(&[&tunnels("gre")]), [Scope::PodsHere, elsewhere("gre")]);
        assert_eq!(read(&["sources: [{tunnelIps: {from: Local}}]"]), []);
        let of_vpn = "sources: [{podPrefixes: {namespaces: [vpn]}}]";
        assert_eq!(read(&[&tunnels("gre"), of_vpn]), [Scope::PodsHere, elsewhere("gre"), elsewhere("vpn")]);
        assert_eq!(read(&[of_vpn, "sources: [{podPrefixes: {}}]"]), [Scope::All(Kind::Pod)]);
        let many = "sources: [{podPrefixes: {namespaces: [a, b, c, d, e]}}]";
        assert_eq!(read(&[many]), [Scope::All(Kind::Pod)]);
        assert_eq!(read(&["nodeSelector: {matchLabels: {rack: b}}, sources: [{podCidrs: {}}]"]), []);
    }
}
