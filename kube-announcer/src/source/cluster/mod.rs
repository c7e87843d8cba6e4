//! Objects of a cluster, as its API server has them: a watch for each scope, and nothing kept of them here.

mod access;
mod ask;
mod backoff;
mod contact;
mod line;
mod lines;
mod watch;

pub use access::Access;
pub use contact::Standing;

use super::{Told, scope::Scope};
use crate::object::{Kind, Name};
use contact::Contact;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::{
    sync::{mpsc, watch as latest},
    task::{AbortHandle, JoinSet},
};
use watch::Watcher;

/// The announcer's namespace where nothing else is said.
pub const NAMESPACE: &str = "kube-announcer";

/// Scopes that have told all for the first time, and were not noticed yet.
const NOTICES: usize = 16;

/// What is asked for whatever is announced.
pub fn always() -> BTreeSet<Scope> {
    Kind::ALL.into_iter().filter(|kind| *kind != Kind::Pod).map(Scope::All).collect()
}

/// Tells all objects of a cluster and every change of them, until nobody listens. Of pods it tells those of `pods`. What
/// comes back says how it is with the API server.
pub fn watch(
    access: &Access,
    node: Name,
    namespace: Name,
    pods: latest::Receiver<BTreeSet<Scope>>,
    tell: mpsc::Sender<Told>,
) -> latest::Receiver<Standing> {
    let contact = Arc::new(Contact::new(access.server()));
    let standing = contact.standing();
    let (notice, noticed) = mpsc::channel(NOTICES);
    let watches = Watches {
        access: access.clone(),
        node,
        namespace,
        contact,
        tell,
        notice,
        tasks: JoinSet::new(),
        running: BTreeMap::new(),
    };
    tokio::spawn(watches.run(pods, noticed));
    standing
}

struct Watches {
    access: Access,
    node: Name,
    namespace: Name,
    contact: Arc<Contact>,
    tell: mpsc::Sender<Told>,
    notice: mpsc::Sender<Scope>,
    tasks: JoinSet<()>,
    /// Whether all of it was told once.
    running: BTreeMap<Scope, (AbortHandle, bool)>,
}

impl Watches {
    async fn run(mut self, mut pods: latest::Receiver<BTreeSet<Scope>>, mut noticed: mpsc::Receiver<Scope>) {
        always().into_iter().for_each(|scope| self.start(scope));
        let mut wanted = BTreeSet::new();
        // So that what is wanted first is seen.
        pods.mark_changed();
        let mut settled = true;
        loop {
            if pods.has_changed().unwrap_or(false) {
                wanted.clone_from(&pods.borrow_and_update());
                wanted.iter().cloned().for_each(|scope| self.start(scope));
                settled = false;
            }
            if !settled && wanted.iter().all(|scope| self.has_told(scope)) {
                settled = true;
                if self.settle(&wanted).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                changed = pods.changed() => match changed {
                    Ok(()) => pods.mark_changed(),
                    Err(_) => return,
                },
                Some(scope) = noticed.recv() => {
                    if let Some((_, told)) = self.running.get_mut(&scope) { *told = true; }
                }
                () = self.tell.closed() => return,
            }
        }
    }

    fn start(&mut self, scope: Scope) {
        if self.running.contains_key(&scope) {
            return;
        }
        let names = (&self.node, &self.namespace);
        let heard = (self.tell.clone(), self.notice.clone());
        let watcher = Watcher::new(&self.access, self.contact.clone(), scope.clone(), names, heard);
        let task = self.tasks.spawn(watcher.run());
        self.running.insert(scope, (task, false));
    }

    fn has_told(&self, scope: &Scope) -> bool {
        self.running.get(scope).is_some_and(|(_, told)| *told)
    }

    /// What is read now is all that is read of pods: what was read before ends, and not sooner.
    async fn settle(&mut self, wanted: &BTreeSet<Scope>) -> Result<(), mpsc::error::SendError<Told>> {
        self.running.retain(|scope, (task, _)| {
            let stays = scope.kind() != Kind::Pod || wanted.contains(scope);
            if !stays {
                task.abort();
            }
            stays
        });
        self.tell.send(Told::Pods(wanted.clone())).await?;
        self.tell.send(Told::Whole).await
    }
}
