//! What one node announces, kept as its cluster changes.

use super::{Line, Session, complaints::Complaints, lines, metrics::Scrape};
use crate::{
    object::{Key, Kind, Name},
    plan::{Facts, Kernel, Plan, Planner},
    report::{Cluster, why},
    snapshot::{Changes, Leaving},
    source::{
        Change, Told,
        manifest::Mistake,
        scope::{self, Scope},
    },
    speak::{Speech, Telling},
    status::{Board, Picture},
    wish::Peer,
};
use bgp_daemon::config;
use ipnet::IpNet;
use k8s_openapi::jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc};

/// What follows from what a source told.
#[derive(Debug, Default)]
pub struct Step {
    /// What the speaker is told.
    pub telling: Telling,
    /// What people are told.
    pub lines: Vec<Line>,
}

/// What one node announces: objects in, what a speaker is told out.
pub struct Announcer {
    cluster: Cluster,
    planner: Planner,
    speech: Speech,
    /// What changed since the last plan.
    changes: Changes,
    /// All that the source knows was told once: before that nothing is announced, for it could be wrong.
    whole: bool,
    /// Scopes of which nothing is known yet.
    awaited: BTreeSet<Scope>,
    /// The pods that are read; `None`: all, whatever a plan stands on.
    read: Option<BTreeSet<Scope>>,
    /// The pods that should be.
    pods: BTreeSet<Scope>,
    complaints: Complaints,
    /// What is written back into the cluster.
    board: Board,
    /// What people are told at the next step.
    lines: Vec<Line>,
}

impl Announcer {
    /// The announcer of a node, that knows of nothing yet.
    pub fn new(node: &Name, facts: &Facts) -> Self {
        Announcer {
            cluster: Cluster::new(facts.clone()),
            planner: Planner::new(node, facts.clone()),
            speech: Speech::new(),
            changes: Changes::default(),
            whole: false,
            awaited: BTreeSet::new(),
            read: None,
            pods: [Scope::PodsHere].into(),
            complaints: Complaints::default(),
            board: Board::new(node),
            lines: Vec::new(),
        }
    }

    /// The same, with routes in the node's kernel.
    pub fn with_kernel(node: &Name, facts: &Facts, kernel: config::Kernel) -> Self {
        let facts = Facts { kernel_routes: true, ..facts.clone() };
        Announcer { speech: Speech::with_kernel(kernel), ..Announcer::new(node, &facts) }
    }

    /// Before it announces anything it waits until something is known of each of these scopes, and of the pods that its
    /// plan stands on.
    pub fn wait_for(&mut self, scopes: BTreeSet<Scope>) {
        self.awaited = scopes;
        self.read = Some(BTreeSet::new());
    }

    /// The pods that its plan stands on.
    pub fn pods(&self) -> &BTreeSet<Scope> {
        &self.pods
    }

    /// Why the node is about to go, if it is.
    pub fn parting(&self) -> Option<&'static str> {
        let snapshot = &self.cluster.snapshot;
        match snapshot.node(&self.planner.plan().node).map(|node| node.leaving) {
            None if self.whole && !snapshot.is_forbidden(Kind::Node) => Some("its Node object is gone"),
            Some(Some(Leaving::ShuttingDown)) => Some("the node is shutting down"),
            Some(Some(Leaving::Tainted(_))) => Some("the node is about to be taken away"),
            None | Some(None | Some(Leaving::NetworkUnavailable)) => None,
        }
    }

    /// The plan as it is now.
    pub fn plan(&self) -> &Plan {
        self.planner.plan()
    }

    /// The ports of the node that somebody wants asked.
    pub fn probes(&self) -> BTreeSet<u16> {
        self.planner.probes()
    }

    /// The BgpPeers in force.
    pub fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.cluster.snapshot.peers()
    }

    /// Takes in what a source tells. `None`: there is more to come.
    pub fn hear(&mut self, told: Told) -> Option<Step> {
        match told {
            Told::Change(Change::Apply(object)) => {
                self.board.see(&object);
                let changes = self.cluster.snapshot.apply(&object);
                self.changes.extend(changes);
            }
            Told::Change(Change::Remove(key)) => self.remove(&key),
            Told::Gone(scope, key) => {
                // A pod that gets a node is gone from where pods without one are.
                if scope.covers(&self.cluster.snapshot, self.node(), &key.name) {
                    self.remove(&key);
                }
            }
            Told::Refused(mistake) => {
                let changes = self.cluster.snapshot.refuse(mistake);
                self.changes.extend(changes);
            }
            Told::Listed(scope, names) => self.listed(&scope, &names),
            Told::Forbidden(scope) => self.answered(&scope, true),
            Told::Unserved(scope) => self.answered(&scope, false),
            Told::Pods(scopes) => self.reads(scopes),
            Told::Mistakes(mistakes) => self.mistakes(mistakes),
            Told::Ignored(unread) => {
                self.lines
                    .push(Line::plain(format!("{unread} objects are not read: no plan stands on them")));
            }
            Told::Whole => {
                self.look_at_pods();
                return self.is_ready().then(|| self.step());
            }
        }
        None
    }

    fn node(&self) -> &str {
        &self.planner.plan().node
    }

    fn remove(&mut self, key: &Key) {
        self.board.forget(key);
        let changes = self.cluster.snapshot.remove(key);
        self.changes.extend(changes);
    }

    /// What was known of a scope and is not in a new list is gone.
    fn listed(&mut self, scope: &Scope, names: &BTreeSet<Name>) {
        self.answered(scope, false);
        let kind = scope.kind();
        for name in self.cluster.snapshot.names(kind) {
            if !names.contains(&name) && scope.covers(&self.cluster.snapshot, self.node(), &name) {
                self.remove(&Key { kind, name });
            }
        }
    }

    fn answered(&mut self, scope: &Scope, forbidden: bool) {
        self.awaited.remove(scope);
        let changes = self.cluster.snapshot.set_forbidden(scope.kind(), forbidden);
        self.changes.extend(changes);
    }

    /// Pods that nobody tells of any more are not known any more.
    fn reads(&mut self, scopes: BTreeSet<Scope>) {
        let snapshot = &self.cluster.snapshot;
        let unread = |name: &Name| !scopes.iter().any(|scope| scope.covers(snapshot, self.node(), name));
        let unread: Vec<_> = snapshot.names(Kind::Pod).into_iter().filter(unread).collect();
        unread.into_iter().for_each(|name| self.remove(&Key { kind: Kind::Pod, name }));
        if scopes.is_empty() {
            let changes = self.cluster.snapshot.set_forbidden(Kind::Pod, false);
            self.changes.extend(changes);
        }
        self.read = Some(scopes);
    }

    /// The pods that a plan stands on may be others by what has changed.
    fn look_at_pods(&mut self) {
        if self.changes.everything || self.changes.nodes.contains(self.node()) {
            self.pods = scope::pods(&self.cluster.snapshot, self.node());
        }
    }

    /// Whether enough is known for a plan that may withdraw what peers still have of us.
    fn is_ready(&self) -> bool {
        let known = || self.read.as_ref().is_none_or(|read| *read == self.pods);
        self.whole || self.awaited.is_empty() && known()
    }

    fn mistakes(&mut self, mistakes: Vec<Mistake>) {
        self.cluster.unreadable = mistakes;
        self.changes.refusals = true;
    }

    /// What is known of the node beside its cluster is another.
    pub fn set_facts(&mut self, facts: Facts) -> Option<Step> {
        let changes = self.planner.set_facts(facts);
        self.changes.extend(changes);
        self.whole.then(|| self.step())
    }

    /// Plans anew, and says what that changes.
    fn step(&mut self) -> Step {
        let changes = std::mem::take(&mut self.changes);
        let first = !std::mem::replace(&mut self.whole, true);
        let update = self.planner.update(&self.cluster.snapshot, (!first).then_some(&changes));
        self.board.planned(&changes, &update);
        let plan = self.planner.plan();
        let telling = self.speech.follow(plan, (!first).then_some(&update));
        let mut lines = std::mem::take(&mut self.lines);
        lines.extend(if first { lines::first(plan) } else { lines::changed(plan, &update.prefixes) });
        let shown = update.shown || changes.refusals || changes.nodes.contains(self.node());
        if first || shown || !update.is_empty() {
            lines.extend(self.complaints.follow(&self.cluster, plan));
        }
        Step { telling, lines }
    }

    /// Prefixes that stand on a route in the kernel, with that route.
    pub fn placed(&self) -> Vec<(IpNet, Kernel)> {
        self.speech.placed().collect()
    }

    /// Whether some prefix waits for its route in the kernel.
    pub fn is_placing(&self) -> bool {
        self.speech.is_placing()
    }

    /// The kernel was looked at: it has these routes, and not those.
    pub fn looked(&mut self, found: Vec<(IpNet, bool)>) -> Telling {
        self.speech.looked(found)
    }

    /// The number of withdrawals after which routes in the kernel go, if there are any.
    pub fn withdrawal(&mut self) -> Option<u64> {
        self.speech.withdrawal()
    }

    /// Withdrawals up to this number are written.
    pub fn written(&mut self, withdrawal: u64) -> Telling {
        self.speech.written(withdrawal)
    }

    /// Whether what is written back may be another than at the last [`picture`](Self::picture).
    pub fn is_stale(&self) -> bool {
        self.whole && self.board.is_stale()
    }

    /// What should be written back into the cluster, with the sessions as they are seen.
    pub fn picture(&mut self, sessions: &[Session], now: Timestamp) -> Picture {
        self.board.picture(&self.cluster.snapshot, self.planner.plan(), sessions, now)
    }

    /// What metrics tell, with the number of sessions that are up and the age of the plan.
    pub(super) fn scrape(&self, up: usize, age: f64) -> Scrape {
        Scrape::new(&self.cluster, self.planner.plan(), up, age)
    }

    /// Everything about an address.
    pub fn why(&self, asked: IpNet) -> why::Answer {
        why::answer(&self.cluster, &self.planner, asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{folder::Folder, manifest::Manifest};
    use std::path::Path;

    fn texts(step: Step) -> Vec<String> {
        step.lines
            .into_iter()
            .map(|Line { warns, text }| if warns { format!("! {text}") } else { text })
            .collect()
    }

    #[test]
    fn a_change_of_decision_is_one_line_with_its_reason() {
        let mut announcer = Announcer::new(&"node-2".into(), &Facts::default());
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cluster");
        let (_, outcome) = Folder::read(&example).unwrap();
        for change in outcome.changes {
            assert!(announcer.hear(Told::Change(change)).is_none(), "it waits for all of them");
        }
        let step = announcer.hear(Told::Whole).unwrap();
        assert!(step.telling.config.is_some());
        assert_eq!(
            texts(step),
            [
                "8 of 18 prefixes are announced by node-2, to tor",
                "! 192.0.2.99/32 is not announced: 192.0.2.99 of Service play/borrowed is not inside allowedCidrs; \
                 choose another, or allow it (outside-allowed-cidrs)",
            ]
        );

        let slice = Key { kind: Kind::EndpointSlice, name: "shop/web-ipv4".into() };
        announcer.hear(Told::Change(Change::Remove(slice)));
        let step = announcer.hear(Told::Whole).unwrap();
        assert!(step.telling.config.is_none() && step.telling.routes.len() == 1, "{:?}", step.telling);
        let line = "203.0.113.10/32 is not announced: Service shop/web has no usable endpoint of IPv4; it has endpoints \
                    of IPv6 (no-endpoints)";
        assert_eq!(texts(step), [line]);

        let node = Key { kind: Kind::Node, name: "node-2".into() };
        announcer.hear(Told::Change(Change::Remove(node)));
        let last = texts(announcer.hear(Told::Whole).unwrap()).pop();
        let line = "! there is no Node node-2: nothing of it is announced; name a node of the cluster, or write its \
                    manifest";
        assert_eq!(last.as_deref(), Some(line));
    }

    fn apply(announcer: &mut Announcer, text: &str) {
        let read = Manifest::read("x.yaml", text.as_bytes());
        assert_eq!((read.objects.len(), read.mistakes), (1, Vec::new()));
        for (object, _) in read.objects {
            announcer.hear(Told::Change(Change::Apply(Box::new(object))));
        }
    }

    const ELSEWHERE: &str = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-more, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.244.1.10], nodeName: node-1, conditions: {ready: READY}}]
";

    #[test]
    fn only_what_shows_something_else_is_looked_at_again() {
        let mut announcer = Announcer::new(&"node-2".into(), &Facts::default());
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cluster");
        let (_, outcome) = Folder::read(&example).unwrap();
        for change in outcome.changes {
            announcer.hear(Told::Change(change));
        }
        let mut step = |objects: &str| {
            for object in objects.split("---").filter(|object| !object.trim().is_empty()) {
                apply(&mut announcer, object);
            }
            announcer.hear(Told::Whole);
            let stale = announcer.is_stale();
            announcer.picture(&[], Timestamp::UNIX_EPOCH);
            stale
        };
        assert!(step(""), "the first plan");
        assert!(!step(&ELSEWHERE.replace("READY", "true")), "another endpoint on another node");
        assert!(!step(&ELSEWHERE.replace("READY", "false")));
        let gone = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: NAME, namespace: shop, labels: \
                    {kubernetes.io/service-name: web}}\naddressType: IPv4\n";
        assert!(step(&gone.replace("NAME", "web-ipv4")), "the last endpoint of a Service");
    }

    fn known(announcer: &Announcer, kind: Kind) -> Vec<String> {
        announcer.cluster.snapshot.names(kind).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn it_waits_for_every_scope_and_what_a_new_list_does_not_have_is_gone() {
        let mut announcer = Announcer::new(&"here".into(), &Facts::default());
        let (nodes, services) = (Scope::All(Kind::Node), Scope::All(Kind::Service));
        announcer.wait_for([nodes.clone(), services.clone()].into());
        apply(&mut announcer, "{apiVersion: v1, kind: Node, metadata: {name: here}}");
        apply(&mut announcer, "{apiVersion: v1, kind: Service, metadata: {name: a}}");
        announcer.hear(Told::Listed(nodes.clone(), ["here".into()].into()));
        assert!(announcer.hear(Told::Whole).is_none(), "nobody knows of Services yet");
        announcer.hear(Told::Forbidden(services.clone()));
        assert!(announcer.hear(Told::Whole).is_some());
        assert!(announcer.cluster.snapshot.is_forbidden(Kind::Service) && announcer.parting().is_none());

        apply(&mut announcer, "{apiVersion: v1, kind: Service, metadata: {name: b}}");
        announcer.hear(Told::Listed(services, ["default/b".into()].into()));
        assert!(!announcer.cluster.snapshot.is_forbidden(Kind::Service));
        assert_eq!(known(&announcer, Kind::Service), ["default/b"]);
        announcer.hear(Told::Listed(nodes, BTreeSet::new()));
        assert_eq!(announcer.parting(), Some("its Node object is gone"));
    }

    #[test]
    fn a_pod_that_comes_here_is_gone_from_elsewhere_and_stays() {
        let mut announcer = Announcer::new(&"here".into(), &Facts::default());
        let elsewhere = Scope::PodsElsewhere("default".into());
        let pod = |name: &str, node: &str| {
            format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{nodeName: {node}}}}}")
        };
        let gone = |name: &str| Key { kind: Kind::Pod, name: format!("default/{name}").into() };
        apply(&mut announcer, &pod("a", "here"));
        apply(&mut announcer, &pod("b", "there"));
        announcer.hear(Told::Gone(elsewhere.clone(), gone("a")));
        assert_eq!(known(&announcer, Kind::Pod), ["default/a", "default/b"]);
        announcer.hear(Told::Listed(Scope::PodsHere, ["default/a".into()].into()));
        assert_eq!(known(&announcer, Kind::Pod), ["default/a", "default/b"], "the other is of another scope");
        announcer.hear(Told::Pods([Scope::PodsHere].into()));
        assert_eq!(known(&announcer, Kind::Pod), ["default/a"]);
        announcer.hear(Told::Gone(Scope::PodsHere, gone("a")));
        assert_eq!(known(&announcer, Kind::Pod), [""; 0]);
    }
}
