//! The session with one peer: RFC 4271's state machine with its connections, as a plain value without I/O.

pub mod action;
mod calling;
pub mod collision;
mod connection;
mod ending;
pub mod freeze;
pub mod negotiate;
mod opening;
mod receive;
pub mod record;
pub mod settings;
pub mod stale;
pub mod terms;
mod ticking;

pub use action::{Action, Cause, ConnectionId, Reason};
pub use settings::{RemoteAs, Settings};
pub use terms::Terms;

use crate::{
    random::Random,
    time::Time,
    wire::open::{Offer, OpenTooLong},
};
use alloc::{collections::VecDeque, vec::Vec};
use connection::{Connection, State};
use core::fmt;
use stale::Stale;

/// The session with one configured peer. Time, connections and octets go in; octets, [`Action`]s and one deadline
/// come out.
///
/// # Kinds of methods
///
/// * *What someone wants*: [`start`](Session::start), [`stop`](Session::stop), [`reset`](Session::reset),
///   [`hard_reset`](Session::hard_reset), [`restart`](Session::restart).
/// * *What happened*: [`accept`](Session::accept), [`connected`](Session::connected), [`closed`](Session::closed),
///   [`receive`](Session::receive), [`sent`](Session::sent), [`wrote`](Session::wrote), [`tick`](Session::tick).
/// * *What to do*: [`poll`](Session::poll) (and `receive`) give [`Action`]s in the order in which things happened;
///   [`transmit`](Session::transmit) the octets to write; [`deadline`](Session::deadline) when to call `tick`.
/// * *What is*: [`state`](Session::state), [`terms`](Session::terms) and the like.
///
/// # How to drive it
///
/// After any call that takes `now`: take actions from `poll` until there is none, write what `transmit` has for each
/// connection, and sleep until `deadline` or until a socket has something.
///
/// * Octets that arrived go to `receive` in a loop until it returns `None`. It consumes whole messages from the front
///   of the slice; keep the rest and put what arrives next behind it. Actions that were waiting come out of it first,
///   so that one `match` sees everything in order.
/// * Read a socket dry before a `tick` that is due: only silence on the wire may expire the hold timer.
/// * UPDATEs go to [`send`](Session::send), or past the session: when `transmit` is empty, write whole messages made
///   for the agreed [`Terms`] and report with `wrote` what the socket took. Finish a message before writing from
///   `transmit` again. What was reported feeds the keepalive and the send-hold timer.
/// * `now` never goes back. If it does, timers run longer, and nothing else breaks.
///
/// ```
/// use bgp_proto::{
///     numbers::{Asn, HoldTime},
///     session::{Action, RemoteAs, Session, SessionState, Settings},
///     time::Time,
///     wire::open::Offer,
/// };
///
/// let offer = Offer::new(Asn(65001), "192.0.2.1".parse()?, HoldTime::new(90).unwrap());
/// let mut session = Session::new(Settings::new(offer, RemoteAs::External), 1)?;
/// session.start(Time::START);
/// let Some(Action::Connect(id)) = session.poll() else { panic!("nothing to dial") };
/// // The dial succeeded: what is to be written is our OPEN.
/// session.connected(Time::START, id);
/// let octets = session.transmit(id).len();
/// session.sent(Time::START, id, octets);
/// // What the peer sends goes here; it sends nothing, and that has an end.
/// let mut input: &[u8] = &[];
/// assert!(session.receive(Time::START, id, &mut input).is_none());
/// let due = session.deadline().unwrap();
/// session.tick(due);
/// let Some(Action::Close { reason, .. }) = session.poll() else { panic!("still waiting") };
/// assert_eq!(reason.to_string(), "Hold Timer Expired (4/0), sent");
/// assert_eq!(session.state(), SessionState::Idle);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it promises
///
/// * Nothing panics, whatever is called in whatever order with whatever octets; events about connections that the
///   session does not know are ignored.
/// * `receive` does not allocate for an UPDATE or KEEPALIVE, and the hold timer costs one store.
/// * At most two connections, at most one of them established; each ends with exactly one [`Action::Close`], which
///   has its reason.
/// * After `tick(now)` the deadline is later than `now`.
/// * The same calls with the same times and the same seed give the same actions and octets.
#[derive(Clone, Debug)]
pub struct Session {
    settings: Settings,
    /// Our OPEN, encoded.
    open: Vec<u8>,
    phase: Phase,
    connections: Vec<Connection>,
    next_connection: u32,
    /// ConnectRetryCounter: failures in a row.
    failures: u32,
    /// Dials in a row that failed, which RFC 4271 does not count.
    failed_dials: u32,
    stale: Stale,
    random: Random,
    actions: VecDeque<Action<'static>>,
}

/// What the session does as a whole, beside its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Down until started.
    Stopped,
    /// Down, starts by itself (IdleHoldTimer). `damped`: the peer is turned away meanwhile.
    Held { until: Time, damped: bool },
    /// Up or on the way; `retry_at` is ConnectRetryTimer.
    Running { retry_at: Time },
}

/// The states of RFC 4271 §8.2.2; of two connections the one that is further tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(missing_docs, reason = "the RFC's names say it")]
pub enum SessionState {
    Idle,
    Connect,
    Active,
    OpenSent,
    OpenConfirm,
    Established,
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SessionState::Idle => "Idle",
            SessionState::Connect => "Connect",
            SessionState::Active => "Active",
            SessionState::OpenSent => "OpenSent",
            SessionState::OpenConfirm => "OpenConfirm",
            SessionState::Established => "Established",
        })
    }
}

impl Session {
    /// A session that waits to be started. Sessions of one speaker need different seeds: the seed spreads their
    /// timers. `Err` when the offer does not fit an OPEN.
    pub fn new(settings: Settings, seed: u64) -> Result<Session, OpenTooLong> {
        let mut open = Vec::new();
        settings.offer.encode(&mut open)?;
        Ok(Session {
            settings,
            open,
            phase: Phase::Stopped,
            connections: Vec::with_capacity(2),
            next_connection: 1,
            failures: 0,
            failed_dials: 0,
            stale: Stale::default(),
            random: Random(seed),
            actions: VecDeque::new(),
        })
    }

    /// Says something else in OPENs from now on; a session that is up goes on with what it said.
    pub fn set_offer(&mut self, offer: Offer) -> Result<(), OpenTooLong> {
        let mut open = Vec::new();
        offer.encode(&mut open)?;
        (self.settings.offer, self.open) = (offer, open);
        Ok(())
    }

    /// Changes what it is configured with. A session that is up, or on its way, goes on with what was said.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), OpenTooLong> {
        let mut open = Vec::new();
        settings.offer.encode(&mut open)?;
        (self.settings, self.open) = (settings, open);
        Ok(())
    }

    /// What it is configured with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The state.
    pub fn state(&self) -> SessionState {
        let of = |connection: &Connection| match (&connection.state, connection.dialled) {
            (State::Connecting, _) | (State::Delaying { .. }, true) => SessionState::Connect,
            (State::Delaying { .. }, false) => SessionState::Active,
            (State::OpenSent { .. } | State::Waiting { .. }, _) => SessionState::OpenSent,
            (State::OpenConfirm { .. }, _) => SessionState::OpenConfirm,
            (State::Established { .. }, _) => SessionState::Established,
        };
        let alone = match self.phase {
            Phase::Running { .. } => SessionState::Active,
            Phase::Stopped | Phase::Held { .. } => SessionState::Idle,
        };
        self.connections.iter().map(of).max().unwrap_or(alone)
    }

    /// How often in a row the session failed (ConnectRetryCounter).
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The connection that is established.
    pub fn established(&self) -> Option<ConnectionId> {
        self.live().map(|connection| connection.id)
    }

    /// What was agreed, while established.
    pub fn terms(&self) -> Option<&Terms> {
        self.live()?.opened().map(|opened| &opened.terms)
    }

    /// The peer's OPEN, while established.
    pub fn peer_offer(&self) -> Option<&Offer> {
        self.live()?.opened().map(|opened| &opened.theirs)
    }

    /// The connections there are, dialled ones that are not up yet included.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.connections.iter().map(|connection| connection.id)
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Action<'static>> {
        self.actions.pop_front()
    }

    /// The octets to write to a connection next; empty for one that is not there.
    pub fn transmit(&self, connection: ConnectionId) -> &[u8] {
        let known = self.connections.iter().find(|known| known.id == connection);
        known.map(|known| known.out.unsent()).unwrap_or_default()
    }

    /// When to [`tick`](Session::tick); `None`: only other events matter.
    pub fn deadline(&self) -> Option<Time> {
        let phase = match self.phase {
            Phase::Stopped => Time::NEVER,
            Phase::Held { until, .. } => until,
            Phase::Running { retry_at } => retry_at,
        };
        let connections = self.connections.iter().map(Connection::deadline);
        connections.fold(phase.min(self.stale.deadline()), Time::min).due()
    }

    /// Appends whole messages for the peer, made for these terms. `false`, and `write` is not called, unless
    /// established. They wait in [`transmit`](Session::transmit): mind how much is there already.
    pub fn send(&mut self, write: impl FnOnce(&Terms, &mut Vec<u8>)) -> bool {
        let live = self.connections.iter_mut().find(|connection| connection.is_established());
        let Some(Connection { out, state: State::Established { opened, .. }, .. }) = live else {
            return false;
        };
        write(&opened.terms, out.end());
        true
    }

    fn live(&self) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.is_established())
    }

    fn index(&self, id: ConnectionId) -> Option<usize> {
        self.connections.iter().position(|connection| connection.id == id)
    }

    fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|connection| connection.id == id)
    }

    fn other(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.id != id)
    }
}
