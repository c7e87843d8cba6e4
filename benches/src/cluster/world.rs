//! All that is around the announcer: the API server with a cluster in it, and a router.

use super::{
    Size,
    announcer::{Announcer, printed},
    filling,
    objects::{HERE, wishes},
    router::Router,
    writer::Writer,
};
use lab::{ControlPlane, Lab, Namespace};
use std::{fs, net::Ipv4Addr, path::PathBuf, time::Duration};

/// How long our kinds may take to be served.
const BOUND: Duration = Duration::from_secs(60);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 1);
/// Where the announcer finds the API server.
const SERVER: &str = "10.0.1.1";
/// Our own namespace, and our service account in it.
const OURS: &str = "kube-announcer";

/// A filled cluster and a router. Fields are dropped from the top: nobody outlives the lab.
pub struct World {
    /// How large it is.
    pub size: Size,
    /// What the announcer tells.
    pub router: Router,
    /// Who changes the cluster.
    pub writer: Writer,
    /// The API server.
    pub plane: ControlPlane,
    node: Namespace,
    kubeconfig: PathBuf,
    /// What all of it runs in.
    pub lab: Lab,
}

impl World {
    /// Starts the API server, and fills it.
    ///
    /// # Panics
    /// When something of it does not come up.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let lab = Lab::new();
        let [cluster, node, rack] = ["cluster", "node", "rack"].map(|name| lab.namespace(name));
        lab.link((&node, &["10.0.1.2/24"]), (&cluster, &["10.0.1.1/24"]));
        lab.link((&node, &["10.0.2.2/24"]), (&rack, &["10.0.2.1/24"]));
        let router = Router::new(&rack, ROUTER);
        let plane = ControlPlane::api(&lab, &cluster);
        let writer = Writer::new(&cluster, &plane.kubeconfig());
        let kubeconfig = lab.folder().join("kubeconfig");
        let world = World { size, router, writer, plane, node, kubeconfig, lab };
        world.install();
        filling::fill(&world.writer, &size);
        world.let_in();
        world
    }

    /// What `manifests` prints, and what is to be announced.
    fn install(&self) {
        self.plane.apply(&printed("manifests"));
        let kinds = "get bgppeers,bgpadvertisements,bgpnodestates";
        self.lab.wait_until("our kinds to be served", BOUND, || self.plane.kubectl(kinds).is_ok());
        let wishes = wishes(&ROUTER.to_string());
        self.plane.apply(&wishes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n"));
    }

    /// A kubeconfig for the node, with a token as its pod would have it.
    fn let_in(&self) {
        let bound = format!("--bound-object-kind Node --bound-object-name {HERE} --duration 24h");
        let token = self.plane.kubectl(&format!("create token {OURS} -n {OURS} {bound}"));
        let token = token.unwrap_or_else(|why| panic!("{why}"));
        let text = fs::read_to_string(self.plane.kubeconfig_at(SERVER)).expect("the lab wrote it");
        fs::write(&self.kubeconfig, text.replace("admin-token", token.trim()))
            .expect("the lab's folder is ours");
    }

    /// Starts an announcer.
    #[must_use]
    pub fn announcer(&self) -> Announcer {
        let socket = self.lab.folder().join("announcer.sock");
        Announcer::start(&self.node, HERE, &self.kubeconfig, &socket)
    }
}
