//! The shell around a [`Desk`]: it waits for the next picture and for the next deadline, and owns the client.

use super::{Desk, Outcome, Picture, write};
use crate::object::Name;
use bgp_proto::time::Time;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use std::time::Duration;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

/// How long somebody who leaves waits until nothing of him stands there.
const FAREWELL: Duration = Duration::from_secs(3);

/// Writes what is shown to it, in a task of its own.
pub struct Writer {
    pictures: watch::Sender<Option<Picture>>,
    task: JoinHandle<Closing>,
}

/// What is needed to take away what stands there.
struct Closing {
    client: Client,
    node: Name,
}

impl Writer {
    /// Begins to write for a node.
    pub fn start(client: Client, node: &Name) -> Self {
        let (pictures, shown) = watch::channel(None);
        let task = tokio::spawn(run(client, node.clone(), shown));
        Writer { pictures, task }
    }

    /// This should be written, and nothing that was shown before.
    pub fn show(&self, picture: Picture) {
        self.pictures.send_replace(Some(picture));
    }

    /// Writes no more. What stands there stays: the node's announcer comes back.
    pub async fn end(self) {
        drop(self.pictures);
        self.task.abort();
        // It was cut short, or ended by itself.
        let _ = self.task.await;
    }

    /// Writes no more, and takes away how the node is doing: it announces nothing any more.
    pub async fn leave(self) {
        drop(self.pictures);
        let farewell = async {
            // A write that is on its way would make again what is taken away.
            let Ok(Closing { client, node }) = self.task.await else { return };
            if let Outcome::Failed(failure) = write::forget(&client, &node).await {
                tracing::warn!(
                    "the BgpNodeState of {node} stays: {}; delete it when the node announces no more",
                    failure.sentence
                );
            }
        };
        if timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("the API server does not answer in time, so this node's BgpNodeState stays");
        }
    }
}

async fn run(client: Client, node: Name, mut shown: watch::Receiver<Option<Picture>>) -> Closing {
    let clock = Clock::new();
    let mut desk = Desk::new(&node);
    loop {
        tokio::select! {
            changed = shown.changed() => {
                if changed.is_err() {
                    return Closing { client, node };
                }
                if let Some(picture) = shown.borrow_and_update().clone() {
                    desk.want(picture, clock.now());
                }
            }
            () = clock.until(desk.due()) => {
                let Some(next) = desk.next(clock.now()) else { continue };
                let outcome = write::write(&client, next, Timestamp::now()).await;
                if let Some(line) = desk.done(&outcome, clock.now()) {
                    line.log();
                }
            }
        }
    }
}

/// The writer's one clock.
struct Clock(Instant);

#[expect(clippy::disallowed_methods, reason = "the writer's one clock")]
impl Clock {
    fn new() -> Self {
        Clock(Instant::now())
    }

    fn now(&self) -> Time {
        Time::START + Instant::now().duration_since(self.0)
    }

    async fn until(&self, due: Time) {
        match due.due() {
            Some(due) => sleep_until(self.0 + due.since(Time::START)).await,
            None => std::future::pending().await,
        }
    }
}
