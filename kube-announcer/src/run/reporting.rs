//! When what is written back into the cluster is looked at again: sessions came up or went down, or objects changed.

use super::{Announcer, live::Seen};
use crate::{object::Name, status::Writer};
use bgp_daemon::{
    engine::{Event, Shutdown},
    speaker::{Events, Heard, Speaker},
};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// It is looked at as often, at the most.
const LOOK: Duration = Duration::from_secs(1);

/// Looks, and has a [`Writer`] write.
pub(super) struct Reporting {
    writer: Writer,
    events: Events,
    turns: Interval,
    /// A session is another than at the last look.
    stale: bool,
}

impl Reporting {
    /// Begins to write for a node.
    pub(super) fn start(client: Client, node: &Name, speaker: &Speaker) -> Self {
        let mut turns = interval(LOOK);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Reporting { writer: Writer::start(client, node), events: speaker.events(), turns, stale: true }
    }

    /// Waits until there is something to look at: forever where nothing is written. It can be given up at any time.
    pub(super) async fn due(this: &mut Option<Reporting>, objects: bool) {
        let Some(this) = this else { return std::future::pending().await };
        while !this.stale && !objects {
            this.stale = match this.events.next().await {
                Some(Heard::Event(event)) => is_telling(&event),
                Some(Heard::Missed(_)) => true,
                None => return std::future::pending().await,
            };
        }
        this.turns.tick().await;
    }

    /// Looks at everything.
    pub(super) async fn look(this: &mut Option<Reporting>, announcer: &mut Announcer, speaker: &Speaker) {
        let Some(this) = this else { return };
        // A speaker that has ended says so by itself.
        let Ok(seen) = speaker.ask(|engine, now| Seen::look(engine, now, &[])).await else { return };
        this.stale = false;
        this.writer.show(announcer.picture(seen.sessions(), Timestamp::now()));
    }

    /// Writes no more.
    pub(super) async fn end(self, how: &Shutdown) {
        match how {
            Shutdown::Restart => self.writer.end().await,
            Shutdown::Leave(_) => self.writer.leave().await,
        }
    }
}

fn is_telling(event: &Event) -> bool {
    matches!(event, Event::Up(..) | Event::Down { .. } | Event::NotUp { .. })
}
