//! BFD: whether packets still get to a peer and back, known within a fraction of a second (RFC 5880), as a plain value
//! without I/O. Asynchronous mode only: no echo, no demand mode of our own, no authentication.

pub mod packet;

pub use packet::{Diagnostic, Packet, Refused, State};

use crate::{
    random::{Random, SHORTEST},
    time::Time,
};
use core::{
    fmt,
    num::{NonZeroU8, NonZeroU32},
    time::Duration,
};

/// What a session is configured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Our name for the session. Different ones for all sessions of a speaker, best drawn at random.
    pub discriminator: NonZeroU32,
    /// How often we want to send, and how often we can receive. What happens is the slower of what both sides want.
    pub interval: Duration,
    /// After so many missing packets in a row the path counts as broken.
    pub multiplier: NonZeroU8,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
    /// Why.
    pub diagnostic: Diagnostic,
    /// What the peer gave as its reason, where its packet was ours.
    pub heard: Option<(State, Diagnostic)>,
}

impl Change {
    /// The path broke: what uses it is to look for another. That a peer stops on purpose is no such thing (RFC 5882
    /// §3.2), nor that its BFD begins anew: who has not been through a failure has no diagnostic. And who says that we
    /// said so heard it from us, while we are up; FRR says it whenever it makes its session anew.
    pub fn is_failure(&self) -> bool {
        let calm = [Diagnostic::NONE, Diagnostic::PEER_DOWN, Diagnostic::ADMIN_DOWN];
        let is_calm = |(state, diagnostic)| state == State::AdminDown || calm.contains(&diagnostic);
        self.from == State::Up && self.to == State::Down && !self.heard.is_some_and(is_calm)
    }
}

/// Why: `control detection time expired`, `the peer said AdminDown (administratively down)`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.heard {
            None => self.diagnostic.fmt(f),
            Some((state, diagnostic)) => write!(f, "the peer said {state} ({diagnostic})"),
        }
    }
}

/// While a session is not up nobody sends faster than this (RFC 5880 §6.8.3).
const SLOW: Duration = Duration::from_secs(1);

/// One session with one peer. Packets and time go in; packets, changes of state and one deadline come out.
///
/// After any call that takes `now`: send what [`transmit`](Session::transmit) has until it has nothing, and sleep until
/// [`deadline`](Session::deadline) or until a packet comes. Read sockets dry before a tick that is due: only silence on
/// the wire may break a path.
///
/// ```
/// use bgp_proto::{bfd::{Session, Settings, State}, time::Time};
/// use core::{num::{NonZeroU8, NonZeroU32}, time::Duration};
///
/// let session = |name: u32| {
///     let (discriminator, multiplier) = (NonZeroU32::new(name)?, NonZeroU8::new(3)?);
///     let settings = Settings { discriminator, interval: Duration::from_millis(300), multiplier };
///     Some(Session::new(settings, u64::from(name), Time::START))
/// };
/// let (mut one, mut two) = (session(1).unwrap(), session(2).unwrap());
/// let now = Time::START;
/// for _ in 0..2 {
///     while let Some(packet) = one.transmit(now) {
///         two.receive(now, &packet);
///     }
///     while let Some(packet) = two.transmit(now) {
///         one.receive(now, &packet);
///     }
/// }
/// assert_eq!((one.state(), two.state()), (State::Up, State::Up));
/// // From here on nothing comes.
/// let broken = one.detection_time().map(|span| now + span).unwrap();
/// assert!(one.tick(broken).unwrap().is_failure());
/// ```
#[derive(Clone, Debug)]
pub struct Session {
    settings: Settings,
    state: State,
    diagnostic: Diagnostic,
    remote: Remote,
    /// The pace that holds until the peer has confirmed another.
    pace: Pace,
    /// We wait for the answer to a poll.
    polling: bool,
    /// The peer waits for the answer to one.
    answer: bool,
    /// The longest that the packet which comes next was to wait.
    spacing: Duration,
    transmit_at: Time,
    /// When the last packet came.
    heard_at: Time,
    expires_at: Time,
    random: Random,
}

/// What the peer last said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remote {
    discriminator: u32,
    state: State,
    diagnostic: Diagnostic,
    independent: bool,
    demand: bool,
    multiplier: u8,
    min_transmit: Duration,
    min_receive: Duration,
}

impl Remote {
    /// RFC 5880 §6.8.1.
    const UNKNOWN: Remote = Remote {
        discriminator: 0,
        state: State::Down,
        diagnostic: Diagnostic::NONE,
        independent: false,
        demand: false,
        multiplier: 0,
        min_transmit: Duration::ZERO,
        min_receive: Duration::from_micros(1),
    };
}

/// How fast we want to send, and be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    transmit: Duration,
    receive: Duration,
}

/// Where a state leads when the peer is in another (RFC 5880 §6.8.6).
fn next(own: State, heard: State) -> State {
    match (own, heard) {
        (State::AdminDown, _) => State::AdminDown,
        (_, State::AdminDown) | (State::Down, State::Up) | (State::Up, State::Down) => State::Down,
        (State::Down | State::Init, State::Down) => State::Init,
        (State::Down | State::Init | State::Up, State::Init) | (State::Init | State::Up, State::Up) => {
            State::Up
        }
    }
}

impl Session {
    /// A session that begins to look for its peer. Its first packet is due at once; sessions of one speaker need
    /// different seeds, which spread their packets.
    pub fn new(settings: Settings, seed: u64, now: Time) -> Session {
        let mut session = Session {
            settings,
            state: State::Down,
            diagnostic: Diagnostic::NONE,
            remote: Remote::UNKNOWN,
            pace: Pace { transmit: SLOW, receive: settings.interval },
            polling: false,
            answer: false,
            spacing: Duration::MAX,
            transmit_at: now,
            heard_at: now,
            expires_at: Time::NEVER,
            random: Random(seed),
        };
        session.pace = session.wanted();
        session
    }

    /// Goes on with another interval and multiplier, and the same discriminator. A session that is up stays up: the
    /// peer is asked to confirm the new pace first.
    pub fn set_pace(&mut self, now: Time, interval: Duration, multiplier: NonZeroU8) {
        (self.settings.interval, self.settings.multiplier) = (interval, multiplier);
        let wanted = self.wanted();
        if self.state == State::Up {
            // RFC 5880 §6.8.3: until then we send no slower, and wait no shorter.
            let Pace { transmit, receive } = self.pace;
            self.pace =
                Pace { transmit: transmit.min(wanted.transmit), receive: receive.max(wanted.receive) };
            self.polling = true;
            self.transmit_at = now;
            // The peer sends slower from when it hears of it, whether or not its answer gets here.
            self.expire();
        } else {
            self.pace = wanted;
        }
    }

    /// What we want in the state that we are in.
    fn wanted(&self) -> Pace {
        let interval = self.settings.interval;
        let transmit = if self.state == State::Up { interval } else { interval.max(SLOW) };
        Pace { transmit, receive: interval }
    }

    /// A packet came from the peer. `Some`: the state is another one.
    pub fn receive(&mut self, now: Time, packet: &Packet) -> Option<Change> {
        let is_ours = packet.your_discriminator == self.settings.discriminator.get();
        if self.state == State::AdminDown || packet.your_discriminator != 0 && !is_ours {
            return None;
        }
        self.remote = Remote {
            discriminator: packet.discriminator,
            state: packet.state,
            diagnostic: packet.diagnostic,
            independent: packet.independent,
            demand: packet.demand,
            multiplier: packet.multiplier,
            min_transmit: packet.min_transmit,
            min_receive: packet.min_receive,
        };
        if packet.is_final && self.polling {
            (self.polling, self.pace) = (false, self.wanted());
        }
        self.answer |= packet.poll;
        let to = next(self.state, packet.state);
        let diagnostic = if to == State::Down { Diagnostic::PEER_DOWN } else { Diagnostic::NONE };
        let heard = Some((packet.state, packet.diagnostic));
        let change = self.enter(now, to, diagnostic, heard);
        self.heard_at = now;
        self.expire();
        self.hasten(now);
        change
    }

    fn expire(&mut self) {
        self.expires_at = self.detection_time().map_or(Time::NEVER, |span| self.heard_at + span);
    }

    /// Time has passed. `Some`: too much of it without a packet.
    pub fn tick(&mut self, now: Time) -> Option<Change> {
        if self.expires_at > now {
            return None;
        }
        (self.expires_at, self.remote) = (Time::NEVER, Remote::UNKNOWN);
        let change = match self.state {
            State::Init | State::Up => self.enter(now, State::Down, Diagnostic::EXPIRED, None),
            State::AdminDown | State::Down => None,
        };
        self.hasten(now);
        change
    }

    /// Says that it stops on purpose, in every packet from now on. It does not come back from that.
    pub fn shut_down(&mut self, now: Time) -> Option<Change> {
        self.expires_at = Time::NEVER;
        self.enter(now, State::AdminDown, Diagnostic::ADMIN_DOWN, None)
    }

    fn enter(
        &mut self,
        now: Time,
        to: State,
        diagnostic: Diagnostic,
        heard: Option<(State, Diagnostic)>,
    ) -> Option<Change> {
        let from = self.state;
        if from == to {
            return None;
        }
        (self.state, self.diagnostic) = (to, diagnostic);
        // RFC 5880 §6.5: only who is up has a pace that both know.
        self.polling = to == State::Up && self.wanted() != self.pace;
        self.pace = self.wanted();
        // §6.8.7: a change is told at once.
        self.transmit_at = now;
        Some(Change { from, to, diagnostic, heard })
    }

    /// A packet goes out earlier where the pace is faster by now.
    fn hasten(&mut self, now: Time) {
        let interval = self.transmit_interval().unwrap_or(Duration::MAX);
        if interval < self.spacing {
            self.spacing = interval;
            self.transmit_at = self.transmit_at.min(now + self.jitter(interval));
        }
    }

    /// RFC 5880 §6.8.7: up to a quarter less; where one missing packet is too many, never the whole.
    fn jitter(&mut self, interval: Duration) -> Duration {
        let interval = interval.max(SHORTEST);
        if self.settings.multiplier.get() == 1 {
            return self.random.less(interval - interval / 10, interval / 20 * 3);
        }
        self.random.jitter(interval)
    }

    /// The next packet to send now.
    pub fn transmit(&mut self, now: Time) -> Option<Packet> {
        if core::mem::take(&mut self.answer) {
            return Some(Packet { is_final: true, ..self.packet() });
        }
        if self.transmit_at > now {
            return None;
        }
        let interval = self.transmit_interval();
        self.spacing = interval.unwrap_or(Duration::MAX);
        self.transmit_at = interval.map_or(Time::NEVER, |interval| now + self.jitter(interval));
        Some(Packet { poll: self.polling, ..self.packet() })
    }

    fn packet(&self) -> Packet {
        let wanted = self.wanted();
        Packet {
            diagnostic: self.diagnostic,
            state: self.state,
            poll: false,
            is_final: false,
            independent: false,
            demand: false,
            multiplier: self.settings.multiplier.get(),
            discriminator: self.settings.discriminator.get(),
            your_discriminator: self.remote.discriminator,
            min_transmit: wanted.transmit,
            min_receive: wanted.receive,
            min_echo_receive: Duration::ZERO,
        }
    }

    /// When to call [`tick`](Session::tick) and [`transmit`](Session::transmit).
    pub fn deadline(&self) -> Time {
        self.transmit_at.min(self.expires_at)
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the peer's BFD does not share the fate of its control plane.
    pub fn is_independent(&self) -> bool {
        self.remote.independent
    }

    /// The longest that we wait between two packets; `None`: the peer wants none.
    pub fn transmit_interval(&self) -> Option<Duration> {
        let Remote { min_receive, demand, state, .. } = self.remote;
        let both_up = self.state == State::Up && state == State::Up;
        let is_unwanted = min_receive.is_zero() || demand && both_up && !self.polling;
        (!is_unwanted).then(|| self.pace.transmit.max(min_receive))
    }

    /// How long nothing may come; `None`: nothing came yet.
    pub fn detection_time(&self) -> Option<Duration> {
        let Remote { discriminator, multiplier, min_transmit, .. } = self.remote;
        let slower = self.pace.receive.max(min_transmit);
        (discriminator != 0).then(|| slower.saturating_mul(multiplier.into()))
    }
}
