//! Everything that runs in the demo, and how it is taken down.

use super::{
    Wanted,
    files::{Edit, Files},
    router::{Router, Routes, loopback},
};
use crate::{
    object::Name,
    report::Cluster,
    run::{self, Adjust, Task},
};
use anyhow::{Context, bail};
use bgp_daemon::{
    config::{Config, Remote},
    engine::Shutdown,
};
use bgp_proto::session::RemoteAs;
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// Where announcers look for Secrets, of which the example has none.
const NAMESPACE: &str = "kube-announcer";
/// How often the router is looked at while something happens.
const PULSE: Duration = Duration::from_millis(1);
/// The longest that it takes on a busy machine.
const BOUND: Duration = Duration::from_secs(20);

/// A cluster, its nodes' announcers and a router.
pub(super) struct Stage {
    files: Files,
    pub(super) nodes: Vec<Name>,
    router: Router,
    /// Where a real router is.
    pub(super) real: Option<SocketAddr>,
    tasks: JoinSet<anyhow::Result<()>>,
    end: watch::Sender<bool>,
}

/// How routes followed.
#[derive(Clone, Debug, Default)]
pub(super) struct Followed {
    /// What a node announced or withdrew, and after how long the router had that.
    pub(super) moves: BTreeMap<(IpNet, Name), (bool, Duration)>,
}

impl Stage {
    pub(super) async fn set(wanted: &Wanted) -> anyhow::Result<Self> {
        let files = Files::new()?;
        let mut nodes = Cluster::read(&files.watched(), NAMESPACE)?.nodes();
        let end = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        let router = match wanted.peer {
            None => {
                let (router, listening) = Router::start(&nodes).await?;
                for (node, number) in nodes.iter().zip(1..) {
                    let adjust =
                        move |config: &mut Config| redirect(config, listening, Some(loopback(number)));
                    let task = announcer(&files, node, Box::new(adjust)).await?;
                    tasks.spawn(task.run(ended(&end)));
                }
                router
            }
            Some(real) => {
                let node = wanted.node.as_deref().unwrap_or("node-1");
                nodes.retain(|name| **name == *node);
                let name =
                    nodes.first().with_context(|| format!("--node {node}: the example has no such node"))?;
                let task =
                    announcer(&files, name, Box::new(move |config| redirect(config, real, None))).await?;
                let speaker = task.speaker().clone();
                tasks.spawn(task.run(ended(&end)));
                Router::Real(speaker, name.clone())
            }
        };
        Ok(Stage { files, nodes, router, real: wanted.peer, tasks, end })
    }

    /// The cluster as it is.
    pub(super) fn cluster(&self) -> anyhow::Result<Cluster> {
        Ok(Cluster::read(&self.files.watched(), NAMESPACE)?)
    }

    /// What all nodes together should announce.
    fn expected(&self, folder: &Path) -> anyhow::Result<Routes> {
        let cluster = Cluster::read(folder, NAMESPACE)?;
        let mut routes = Routes::new();
        for node in &self.nodes {
            for (prefix, decision) in &cluster.planner(node).plan().prefixes {
                if decision.outcome.class().is_some() {
                    routes.entry(*prefix).or_default().insert(node.clone());
                }
            }
        }
        Ok(routes)
    }

    /// Waits for the first routes. What keeps a real router's session from coming up is said meanwhile.
    pub(super) async fn begin(&self, say: impl Fn(&str)) -> anyhow::Result<()> {
        let expected = self.expected(&self.files.watched())?;
        if self.real.is_some() {
            self.router.up(say).await?;
        }
        self.follow(&Routes::new(), &expected, || Ok(())).await.map(drop)
    }

    /// Has something happen to the cluster, and looks how the router follows.
    pub(super) async fn happen(&self, edit: &Edit) -> anyhow::Result<Followed> {
        self.files.edit(&self.files.tried(), edit)?;
        let expected = self.expected(&self.files.tried())?;
        let (_, before) = self.router.look().await?;
        self.follow(&before, &expected, || self.files.edit(&self.files.watched(), edit)).await
    }

    async fn follow(
        &self,
        before: &Routes,
        expected: &Routes,
        act: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Followed> {
        let mut followed = Followed::default();
        let (start, _) = self.router.look().await?;
        act()?;
        loop {
            let (now, routes) = self.router.look().await?;
            let after = now.since(start);
            for (key, announced) in moves(before, &routes) {
                followed.moves.entry(key).or_insert((announced, after));
            }
            if routes == *expected {
                return Ok(followed);
            }
            if after > BOUND {
                bail!("the router has not followed within {} seconds", BOUND.as_secs());
            }
            sleep(PULSE).await;
        }
    }

    /// What the router has now.
    pub(super) async fn routes(&self) -> anyhow::Result<Routes> {
        Ok(self.router.look().await?.1)
    }

    /// Everybody leaves, and nothing is left behind.
    pub(super) async fn clear(&mut self) {
        self.end.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(5), ended).await;
    }
}

async fn announcer(files: &Files, node: &Name, adjust: Adjust) -> anyhow::Result<Task> {
    let wanted = run::Wanted {
        objects: run::Objects::Folder(files.watched()),
        node: node.clone(),
        namespace: NAMESPACE.into(),
        socket: None,
        http: None,
        restarting: false,
        kernel: None,
        probe_every: run::PERIOD,
    };
    Task::start(&wanted, Arc::new(|_| Ok(())), adjust).await
}

/// The router is somewhere else than the manifests say.
fn redirect(config: &mut Config, router: SocketAddr, from: Option<IpAddr>) {
    for peer in &mut config.peers {
        peer.remote = Remote::Address(router.ip(), None);
        peer.settings.port = router.port();
        peer.settings.source_address = from;
        peer.settings.asn = RemoteAs::External;
        // It is there already: whoever waits, waits for us.
        peer.settings.timers.connect_retry = Duration::from_secs(2);
    }
}

async fn end_of(mut end: watch::Receiver<bool>) -> Shutdown {
    // The demo is over too when nobody can say so any more.
    let _ = end.wait_for(|end| *end).await;
    Shutdown::Leave(Some("the demo is over".to_owned()))
}

fn ended(end: &watch::Sender<bool>) -> impl Future<Output = Shutdown> + Send + use<> {
    end_of(end.subscribe())
}

/// What came, and what went.
fn moves(before: &Routes, now: &Routes) -> Vec<((IpNet, Name), bool)> {
    let pairs = |routes: &Routes| -> std::collections::BTreeSet<(IpNet, Name)> {
        routes.iter().flat_map(|(prefix, nodes)| nodes.iter().map(|node| (*prefix, node.clone()))).collect()
    };
    let (before, now) = (pairs(before), pairs(now));
    let came = now.difference(&before).map(|pair| (pair.clone(), true));
    came.chain(before.difference(&now).map(|pair| (pair.clone(), false))).collect()
}
