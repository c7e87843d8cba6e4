//! Where a node's announcer hears of objects, and what only their source can say of how it ends.

use super::{Announcer, Step, Wanted, metrics::Plans};
use crate::{
    object::Name,
    source::{
        Told,
        cluster::{self, Access, Standing},
        folder,
        scope::Scope,
    },
};
use anyhow::Context;
use bgp_daemon::engine::Shutdown;
use std::{collections::BTreeSet, path::PathBuf};
use tokio::sync::{mpsc, watch};

/// What a source has told and nobody has taken in; when it is full the source waits.
const TOLD: usize = 64;

/// Where a cluster's objects come from.
#[derive(Clone, Debug)]
pub enum Objects {
    /// A folder with manifests.
    Folder(PathBuf),
    /// Its API server.
    Cluster {
        /// The way to it.
        access: Access,
        /// The DaemonSet that this is a pod of: when it is deleted, this node leaves.
        daemonset: Option<Name>,
    },
}

/// A source that tells.
pub(super) struct Hearing {
    told: mpsc::Receiver<Told>,
    cluster: Option<Cluster>,
    /// How long it took to plan.
    pub(super) plans: Plans,
}

struct Cluster {
    pods: watch::Sender<BTreeSet<Scope>>,
    standing: watch::Receiver<Standing>,
    access: Access,
    namespace: Name,
    daemonset: Option<Name>,
}

impl Hearing {
    pub(super) fn start(wanted: &Wanted, announcer: &mut Announcer, plans: Plans) -> anyhow::Result<Self> {
        let (tell, told) = mpsc::channel(TOLD);
        let cluster = match &wanted.objects {
            Objects::Folder(path) => {
                folder::watch(path, tell).context("--manifests")?;
                None
            }
            Objects::Cluster { access, daemonset } => {
                announcer.wait_for(cluster::always());
                let pods = watch::Sender::new(announcer.pods().clone());
                let (node, namespace) = (wanted.node.clone(), wanted.namespace.clone());
                let standing = cluster::watch(access, node, namespace.clone(), pods.subscribe(), tell);
                Some(Cluster {
                    pods,
                    standing,
                    access: access.clone(),
                    namespace,
                    daemonset: daemonset.clone(),
                })
            }
        };
        Ok(Hearing { told, cluster, plans })
    }

    /// How it is with the API server, where objects come from one.
    pub(super) fn standing(&self) -> Option<watch::Receiver<Standing>> {
        self.cluster.as_ref().map(|cluster| cluster.standing.clone())
    }

    /// Takes in what is told next, and all that waits behind it. `None`: there is more to come.
    ///
    /// # Errors
    /// Nobody tells anything any more.
    pub(super) async fn next(&mut self, announcer: &mut Announcer) -> anyhow::Result<Option<Step>> {
        let mut told = self.told.recv().await.context("nobody tells of objects any more")?;
        let (mut whole, mut listed) = (false, false);
        loop {
            listed |= matches!(told, Told::Listed(..));
            match told {
                Told::Whole => whole = true,
                told => drop(announcer.hear(told)),
            }
            // Files that change together are told together, and what comes after them may be the half of others.
            if whole && self.cluster.is_none() {
                break;
            }
            match self.told.try_recv() {
                Ok(more) => told = more,
                Err(_) => break,
            }
        }
        let step = if whole { self.plans.measure(|| announcer.hear(Told::Whole)) } else { None };
        if let Some(cluster) = &self.cluster {
            cluster.pods.send_if_modified(|pods| {
                let others = pods != announcer.pods();
                pods.clone_from(announcer.pods());
                others
            });
        }
        if listed {
            super::trim::give_back();
        }
        Ok(step)
    }

    /// Why this end is not one before a beginning, if it is not.
    pub(super) async fn parting(&self, announcer: &Announcer) -> Option<Shutdown> {
        let cluster = self.cluster.as_ref()?;
        let why = match (announcer.parting(), &cluster.daemonset) {
            (Some(why), _) => why,
            (None, Some(name)) if cluster.access.is_leaving(&cluster.namespace, name).await => {
                "the announcer is being removed from the cluster"
            }
            _ => return None,
        };
        tracing::info!("{why}");
        Some(Shutdown::Leave(Some(why.to_owned())))
    }
}
