//! What happens to a speaker, from wherever it comes.

use super::{Error, Forwarder, News, Report, bfd::Seen, listen::Arrival};
use crate::engine::{Change, Changed, Engine, Key, Shutdown};
use bgp_proto::time::Time;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};

/// Something to be done with the engine, between two rounds.
pub(super) type Turn = Box<dyn FnOnce(&mut Engine, Time) + Send>;

/// What somebody asks for.
pub(super) enum Request {
    Engine(Turn),
    Change(Box<Change>, oneshot::Sender<Result<Changed, Error>>),
    /// Say when all that was changed before is on the wire.
    Written(oneshot::Sender<()>),
    Listening(oneshot::Sender<Vec<SocketAddr>>),
    Shutdown(Shutdown),
}

/// One thing that happened.
pub(super) enum Input {
    Report(Key, Report),
    Arrival(Arrival),
    /// `None`: nobody is left to ask for anything.
    Request(Option<Request>),
    /// The kernel's routes are another matter by now.
    News(News),
    /// How paths to peers are by now.
    Paths(Seen),
    /// The deadline is there.
    Due,
}

/// Where what happens comes from.
pub(super) struct Inputs {
    pub(super) reports: mpsc::Receiver<(Key, Report)>,
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) forwarder: Forwarder,
    pub(super) paths: watch::Receiver<Seen>,
    /// Whether reports are looked at first: by turns, so that neither they nor others wait for ever.
    reports_first: bool,
}

impl Inputs {
    pub(super) fn new(
        reports: mpsc::Receiver<(Key, Report)>,
        arrivals: mpsc::Receiver<Arrival>,
        requests: mpsc::Receiver<Request>,
        forwarder: Forwarder,
        paths: watch::Receiver<Seen>,
    ) -> Self {
        Inputs { reports, arrivals, requests, forwarder, paths, reports_first: false }
    }

    /// What waits already.
    pub(super) fn waiting(&mut self) -> Option<Input> {
        // A broken path first: what else there is may take a while.
        if self.paths.has_changed().unwrap_or(false) {
            return Some(Input::Paths(self.paths.borrow_and_update().clone()));
        }
        self.reports_first = !self.reports_first;
        if self.reports_first {
            self.report().or_else(|| self.other())
        } else {
            self.other().or_else(|| self.report())
        }
    }

    fn report(&mut self) -> Option<Input> {
        self.reports.try_recv().ok().map(|(key, report)| Input::Report(key, report))
    }

    fn other(&mut self) -> Option<Input> {
        let request = self.requests.try_recv().ok().map(|request| Input::Request(Some(request)));
        let request = request.or_else(|| self.forwarder.waiting().map(Input::News));
        request.or_else(|| self.arrivals.try_recv().ok().map(Input::Arrival))
    }

    /// What happens next, or that so much time has passed.
    pub(super) async fn next(&mut self, bound: Option<Duration>) -> Input {
        let due = async {
            match bound {
                Some(bound) => sleep(bound).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            request = self.requests.recv() => Input::Request(request),
            Some(arrival) = self.arrivals.recv() => Input::Arrival(arrival),
            Some((key, report)) = self.reports.recv() => Input::Report(key, report),
            Ok(()) = self.paths.changed() => Input::Paths(self.paths.borrow_and_update().clone()),
            news = self.forwarder.next() => news.map_or(Input::Due, Input::News),
            () = due => Input::Due,
        }
    }
}
