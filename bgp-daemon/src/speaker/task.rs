//! The loop around the engine: all that happened goes in, then all that follows goes out.

use super::{
    Error, Forwarder, Report,
    bfd::Paths,
    clock,
    connection::{CHUNKS, Connection, Order},
    dial::{self, Ends},
    discover::Presence,
    hear,
    inputs::{Input, Inputs, Request},
    link::Links,
    listen::{ARRIVALS, Arrival, Bound, Listeners},
    socket,
};
use crate::{
    config::Distance,
    engine::{Action, Change, Changed, Engine, Event, Key, MAX_WRITES, Mark, Options, Shutdown},
};
use bgp_proto::time::Time;
use socket2::SockRef;
use std::{collections::BTreeMap, io, mem, net::SocketAddr, time::Duration};
use tokio::{
    net::TcpStream,
    sync::{broadcast, mpsc, oneshot},
    time::timeout,
};

/// Reports that wait at the most; a connection with one more waits.
const REPORTS: usize = 4096;
/// What one round takes in at the most: reports and requests, and octets that were read.
const ROUND: usize = 256;
const ROUND_OCTETS: usize = 1 << 20;
/// Orders that wait for a connection: the engine hands out no more writes, and changes its options rarely.
const ORDERS: usize = MAX_WRITES + CHUNKS + 16;
/// How long connections that close may take when the speaker ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// The engine and what it talks through.
pub(super) struct Task {
    engine: Engine,
    connections: BTreeMap<Key, mpsc::Sender<Order<Options>>>,
    reports: mpsc::Sender<(Key, Report)>,
    listeners: Listeners,
    links: Links,
    presence: Presence,
    paths: Paths,
    events: broadcast::Sender<Event>,
    /// Who waits until what was said before a mark is on the wire.
    waiting: Vec<(Mark, oneshot::Sender<()>)>,
    /// Our routes go with us.
    leaves: bool,
    /// How many reports were handled.
    taken: usize,
    /// Something is due, once so many reports were.
    tick_after: Option<usize>,
}

/// Lets the sockets be looked at and every task run that has something to do. A task of its own waits for that: the
/// engine's is woken by requests too, and would go on before its turn.
async fn others_turn() {
    let _ = tokio::spawn(tokio::task::yield_now()).await;
}

impl Task {
    /// Inside of the runtime that it will run in.
    pub(super) fn new(
        engine: Engine,
        bound: Vec<Bound>,
        requests: mpsc::Receiver<Request>,
        events: broadcast::Sender<Event>,
        forwarder: Forwarder,
    ) -> Result<(Task, Inputs), Error> {
        let (reports, reported) = mpsc::channel(REPORTS);
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let (paths, seen) = Paths::new();
        let mut task = Task {
            engine,
            connections: BTreeMap::new(),
            reports,
            listeners: Listeners::new(arrivals),
            links: Links::default(),
            presence: Presence::default(),
            paths,
            events,
            waiting: Vec::new(),
            leaves: false,
            taken: 0,
            tick_after: None,
        };
        forwarder.begin(&mut task.engine);
        // The keys first: nobody gets in without.
        task.renew();
        task.listeners.add(bound)?;
        Ok((task, Inputs::new(reported, arrived, requests, forwarder, seen)))
    }

    /// Runs until the engine is shut down.
    pub(super) async fn run(mut self, mut inputs: Inputs) {
        // Whether the connections had their turn since the last round.
        let mut looked = false;
        loop {
            if looked && self.is_due(clock::now()) {
                self.tick_after.get_or_insert(self.taken + inputs.reports.len());
            }
            let drained = self.take(&mut inputs).await;
            let now = clock::now();
            // Only silence on the wire may expire a hold timer: what was read by then is handled first.
            if self.tick_after.is_some_and(|reports| reports <= self.taken) {
                self.tick_after = None;
                self.engine.tick(now);
            }
            let works = self.engine.work(now);
            let more = inputs.forwarder.tell(&mut self.engine, works) || works;
            self.engine.fill(now);
            self.act();
            if self.engine.is_down() {
                return self.end(inputs).await;
            }
            self.answer();
            looked = more || !drained || self.is_due(now);
            if looked {
                others_turn().await;
            } else {
                let input = inputs.next(self.engine.deadline().map(|due| due.since(now))).await;
                self.handle(input, &mut inputs.forwarder).await;
            }
        }
    }

    fn is_due(&self, now: Time) -> bool {
        self.engine.deadline().is_some_and(|due| due <= now)
    }

    /// Takes in what waits, as much as there is room for in a round. Whether that was all.
    async fn take(&mut self, inputs: &mut Inputs) -> bool {
        let (mut left, mut octets) = (ROUND, ROUND_OCTETS);
        while let Some(input) = inputs.waiting() {
            octets = octets.saturating_sub(self.handle(input, &mut inputs.forwarder).await);
            left -= 1;
            if left == 0 || octets == 0 {
                return false;
            }
        }
        true
    }

    /// Takes note of what happened. Returns how many octets that was.
    async fn handle(&mut self, input: Input, forwarder: &mut Forwarder) -> usize {
        let now = clock::now();
        match input {
            Input::Due => {}
            Input::News(news) => hear(&mut self.engine, now, news),
            Input::Arrival(arrival) => self.accept(now, arrival),
            Input::Paths(seen) => seen.iter().for_each(|(peer, seen)| self.engine.path(now, *peer, seen)),
            Input::Report(key, report) => return self.reported(now, key, report),
            Input::Request(None) => self.engine.shutdown(now, &Shutdown::Restart),
            Input::Request(Some(request)) => {
                self.obey(now, request).await;
                forwarder.renew(self.engine.config());
            }
        }
        0
    }

    fn reported(&mut self, now: Time, key: Key, report: Report) -> usize {
        self.taken += 1;
        match report {
            Report::Connected(ends) => {
                let link = self.links.between(now, ends);
                self.engine.connected(now, key, link);
            }
            Report::Failed(why) => self.engine.failed(now, key, &why),
            Report::Wrote(octets) => self.engine.wrote(now, key, octets),
            Report::Closed(why) => {
                self.connections.remove(&key);
                self.engine.closed(now, key, why.as_deref());
            }
            Report::Received(octets) => {
                let count = octets.len();
                self.engine.receive(now, key, octets);
                self.order(key, Order::Read);
                return count;
            }
        }
        0
    }

    fn accept(&mut self, now: Time, Arrival { stream, ends }: Arrival) {
        let link = self.links.between(now, ends);
        // Who is turned away is told nothing; the engine says it in an event.
        let Ok((key, options)) = self.engine.accepted(now, link) else { return };
        match ready(&stream, ends, &options) {
            Ok(()) => {
                let (orders, inbox) = mpsc::channel(ORDERS);
                self.connections.insert(key, orders);
                let connection = Connection { key, stream, orders: inbox, reports: self.reports.clone() };
                tokio::spawn(connection.run());
            }
            Err(why) => self.engine.closed(now, key, Some(&why.to_string())),
        }
    }

    async fn obey(&mut self, now: Time, request: Request) {
        // Who asked may be gone by now: that is no reason not to do it.
        match request {
            Request::Engine(what) => what(&mut self.engine, now),
            Request::Change(change, answer) => {
                let _ = answer.send(self.change(now, *change).await);
            }
            Request::Written(answer) => self.waiting.push((self.engine.mark(), answer)),
            Request::Listening(answer) => {
                let _ = answer.send(self.listeners.addresses());
            }
            Request::Shutdown(how) => {
                self.leaves = matches!(how, Shutdown::Leave(_));
                self.engine.shutdown(now, &how);
            }
        }
    }

    async fn change(&mut self, now: Time, change: Change) -> Result<Changed, Error> {
        let listen = change.listen().map(<[SocketAddr]>::to_vec);
        let before = self.engine.config().listen.clone();
        if let Some(listen) = &listen {
            self.listeners.listen(listen).await?;
        }
        match self.engine.change(now, change) {
            Ok(changed) => {
                self.renew();
                Ok(changed)
            }
            Err(error) => {
                if listen.is_some() {
                    self.listeners.listen(&before).await?;
                }
                Err(error.into())
            }
        }
    }

    /// Lets those connect, and be found, who are configured.
    fn renew(&mut self) {
        let keys = self.engine.keys().into_iter().map(|(peers, _, password)| (peers, password));
        self.listeners.set_keys(keys);
        self.presence.renew(&self.engine.awaited_on());
        self.paths.listen(self.engine.config().listen.iter().map(SocketAddr::ip));
    }

    /// Does what the engine asks for.
    fn act(&mut self) {
        while let Some(action) = self.engine.poll() {
            match action {
                Action::Write(key, octets) => self.order(key, Order::Write(octets)),
                Action::Options(key, options) => self.order(key, Order::Options(options)),
                Action::Close(key, last) => {
                    self.order(key, Order::Close(last));
                    self.connections.remove(&key);
                }
                Action::Dial(key, dial) => {
                    let (orders, inbox) = mpsc::channel(ORDERS);
                    self.connections.insert(key, orders);
                    tokio::spawn(dial::dial(key, dial, inbox, self.reports.clone()));
                }
                Action::Bfd(peer, path) => self.paths.want(peer, path),
                Action::Event(event) => self.say(event),
            }
        }
    }

    /// A connection that has ended, or is so far behind as the engine never lets it be, is told nothing: it reports its
    /// end.
    fn order(&mut self, key: Key, order: Order<Options>) {
        if let Some(orders) = self.connections.get(&key)
            && orders.try_send(order).is_err()
        {
            self.connections.remove(&key);
        }
    }

    fn say(&self, event: Event) {
        match &event {
            // Only for the log: they would push out what whoever subscribed waits for.
            Event::Message { .. } => return tracing::info!("{event}"),
            Event::Down { .. } | Event::NotUp { .. } | Event::TurnedAway { .. } => tracing::warn!("{event}"),
            Event::PathDown { .. } => tracing::warn!("{event}"),
            _ => tracing::info!("{event}"),
        }
        // It is no error that nobody listens.
        let _ = self.events.send(event);
    }

    fn answer(&mut self) {
        let engine = &self.engine;
        for (_, answer) in self.waiting.extract_if(.., |(mark, _)| engine.is_written(mark)) {
            let _ = answer.send(());
        }
    }

    /// Lets connections say their last words. Who waits for the end finds the ports free.
    async fn end(mut self, inputs: Inputs) {
        let Inputs { mut reports, arrivals, requests, forwarder, paths: seen, .. } = inputs;
        let leaves = self.leaves;
        self.listeners.close_all().await;
        let paths = mem::replace(&mut self.paths, Paths::new().0);
        drop((self, arrivals));
        // The last connection to end closes the channel.
        let _ = timeout(FAREWELL, async { while reports.recv().await.is_some() {} }).await;
        // After the connections: whoever keeps our routes for a restart is to see one.
        paths.end(seen).await;
        forwarder.end(leaves).await;
        // Now whoever waits for the end hears of it.
        drop(requests);
    }
}

/// Gives an accepted connection its options, if it comes from where it may.
fn ready(stream: &TcpStream, (_, remote): Ends, options: &Options) -> io::Result<()> {
    if options.distance == Distance::Secured && !socket::came_from_adjacent(stream, remote.ip())? {
        let why =
            "it came from farther away than the link (its TTL was not 255), and the peer is a secured one";
        return Err(io::Error::other(why));
    }
    socket::prepare(&SockRef::from(stream), remote.ip())?;
    dial::set(stream, options)
}
