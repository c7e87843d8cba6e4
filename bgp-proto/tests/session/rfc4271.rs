//! RFC 4271 §8.2.2: every state and event of the table next door, given to a real session.

use crate::{
    rfc4271_table::{
        Counter::{Same, Up, Zero},
        In, Row, TABLE,
        Then::{Goes, Never, Stays},
    },
    wire::{offer, secs, speaker},
};
use bgp_proto::{
    session::{Action, Cause, ConnectionId, Reason, Session, SessionState, SessionState as S, Settings},
    time::Time,
    wire::message,
};

/// A session brought into a state, with the connection that is at stake.
struct Bench {
    session: Session,
    now: Time,
    connection: Option<ConnectionId>,
    closed: Vec<(ConnectionId, Reason, Vec<u8>)>,
    dials: Vec<ConnectionId>,
}

fn settings() -> Settings {
    let mut settings = speaker(2);
    settings.remote = bgp_proto::session::RemoteAs::OneOf([65001, 65003].map(bgp_proto::numbers::Asn).into());
    settings
}

fn open(asn: u32, id: u32) -> Vec<u8> {
    let mut out = Vec::new();
    offer(asn, id).encode(&mut out).unwrap();
    out
}

fn raw(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend_from_slice(&(19 + body.len() as u16).to_be_bytes());
    out.push(kind);
    out.extend_from_slice(body);
    out
}

impl Bench {
    fn new(settings: Settings) -> Bench {
        let session = Session::new(settings, 7).unwrap();
        Bench { session, now: Time::from_secs(1), connection: None, closed: Vec::new(), dials: Vec::new() }
    }

    fn drain(&mut self) {
        while let Some(action) = self.session.poll() {
            match action {
                Action::Connect(id) => self.dials.push(id),
                Action::Close { connection, reason, last } => self.closed.push((connection, reason, last)),
                _ => {}
            }
        }
    }

    fn hear(&mut self, connection: ConnectionId, octets: &[u8]) {
        let mut input = octets;
        while let Some(action) = self.session.receive(self.now, connection, &mut input) {
            match action {
                Action::Connect(id) => self.dials.push(id),
                Action::Close { connection, reason, last } => self.closed.push((connection, reason, last)),
                _ => {}
            }
        }
    }

    fn dial(mut self) -> Bench {
        self.session.start(self.now);
        self.drain();
        self.connection = self.dials.first().copied();
        self
    }

    fn connected(mut self) -> Bench {
        self.session.connected(self.now, self.connection.unwrap());
        self
    }

    fn heard(mut self, octets: &[u8]) -> Bench {
        self.hear(self.connection.unwrap(), octets);
        self
    }

    fn into(state: In, event: u8) -> Bench {
        let mut keepalive = Vec::new();
        message::keepalive(&mut keepalive);
        let mut delaying = settings();
        delaying.delay_open = Some(secs(5));
        let mut passive = delaying.clone();
        passive.passive = true;
        match state {
            In::Idle => Bench::idle(event),
            In::Connect => Bench::new(settings()).dial(),
            In::ConnectDelaying => Bench::new(delaying).dial().connected(),
            In::Active => {
                let mut bench = Bench::new(settings()).dial().connected();
                bench.session.closed(bench.now, bench.connection.unwrap());
                bench.connection = None;
                bench
            }
            In::ActiveDelaying => {
                let mut bench = Bench::new(passive).dial();
                bench.connection = bench.session.accept(bench.now);
                bench
            }
            In::OpenSent => Bench::new(settings()).dial().connected(),
            In::OpenConfirm => Bench::new(settings()).dial().connected().heard(&open(65003, 3)),
            In::Established => {
                Bench::new(settings()).dial().connected().heard(&open(65003, 3)).heard(&keepalive)
            }
        }
    }

    /// Idle: never started, or after a failure for the events of automatic starts.
    fn idle(event: u8) -> Bench {
        let mut settings = settings();
        settings.passive = matches!(event, 4 | 5 | 7);
        settings.damp_oscillations = !matches!(event, 3 | 5);
        if !matches!(event, 3 | 5 | 6 | 7 | 13) {
            return Bench::new(settings);
        }
        let mut bench = Bench::new(settings);
        bench.session.start(bench.now);
        bench.drain();
        let connection = match bench.dials.first() {
            Some(dialled) => {
                bench.session.connected(bench.now, *dialled);
                *dialled
            }
            None => bench.session.accept(bench.now).unwrap(),
        };
        bench.hear(connection, &raw(4, &[]));
        bench.drain();
        assert_eq!((bench.session.state(), bench.session.failures()), (S::Idle, 1));
        bench
    }

    fn wait_past_deadline(&mut self) {
        self.now = self.session.deadline().expect("a timer runs");
        self.session.tick(self.now);
    }

    /// Waits until the peer has been silent for too long, keepalives of ours on the way.
    fn wait_for_silence(&mut self) {
        while self.closed.is_empty() {
            self.wait_past_deadline();
            let connection = self.connection.unwrap();
            let waiting = self.session.transmit(connection).len();
            self.session.sent(self.now, connection, waiting);
            self.drain();
        }
    }

    /// Makes the event happen.
    fn give(&mut self, state: In, event: u8) {
        let connection = self.connection.unwrap_or(ConnectionId(99));
        let update = raw(2, &[0, 0, 0, 0]);
        match event {
            3 | 5 | 6 | 7 | 13 if state == In::Idle => self.wait_past_deadline(),
            1 | 3..=7 => self.session.start(self.now),
            2 => self.session.stop(self.now, &Cause::Shutdown(None)),
            8 => self.session.reset(self.now, &Cause::ConfigurationChange),
            10 => self.wait_for_silence(),
            9 | 11 | 12 => self.wait_past_deadline(),
            14 | 17 => {
                self.session.accept(self.now);
            }
            16 => self.session.connected(self.now, connection),
            18 => self.session.closed(self.now, connection),
            19 | 20 => self.hear(connection, &open(65003, 3)),
            21 => self.hear(connection, &[0; 19]),
            22 => self.hear(connection, &open(65009, 3)),
            23 => self.collide(),
            24 => self.hear(connection, &raw(3, &[2, 1, 0, 4])),
            25 => self.hear(connection, &raw(3, &[6, 2])),
            26 => self.hear(connection, &raw(4, &[])),
            27 => self.hear(connection, &update),
            28 => self.hear(connection, &raw(2, &[0, 9, 0, 0])),
            other => panic!("no way to give event {other}"),
        }
        self.drain();
    }

    /// The peer's connection beside ours, and the peer has the higher identifier.
    fn collide(&mut self) {
        if let Some(second) = self.session.accept(self.now) {
            self.hear(second, &open(65003, 3));
        }
    }
}

fn check(row: &Row, event: u8) {
    let (state, _, section, then) = row;
    let mut bench = Bench::into(*state, event);
    let (before, counted) = (bench.session.state(), bench.session.failures());
    bench.closed.clear();
    let label = format!("{state:?}, event {event}: {section}");
    match then {
        Never(why) => return never(bench, *state, event, &format!("{label}: {why}")),
        Stays => {
            bench.give(*state, event);
            assert_eq!((bench.session.state(), bench.session.failures()), (before, counted), "{label}");
            let mine = bench.closed.iter().any(|(id, ..)| Some(*id) == bench.connection);
            assert!(!mine, "{label}: {:?}", bench.closed);
        }
        Goes(next, says, counter) => {
            bench.give(*state, event);
            let expected = match counter {
                Same => counted,
                Up => counted + 1,
                Zero => 0,
            };
            assert_eq!((bench.session.state(), bench.session.failures()), (*next, expected), "{label}");
            let said = bench.closed.iter().find(|(id, ..)| Some(*id) == bench.connection);
            let notification = said.and_then(|(_, reason, last)| {
                let said = reason.sent()?;
                let mut octets = Vec::new();
                said.view().encode(&mut octets);
                assert!(last.ends_with(&octets), "{label}: the last octets are the NOTIFICATION");
                Some((said.code.0, said.subcode))
            });
            assert_eq!(notification, *says, "{label}");
            assert_eq!(
                *next == S::Idle && bench.connection.is_some(),
                said.is_some() && *next == S::Idle,
                "{label}"
            );
        }
    }
    assert!(bench.session.deadline().is_none_or(|at| at >= bench.now), "{label}");
}

/// What a careless caller may say nevertheless changes nothing: dials that are none, octets without a connection.
fn never(mut bench: Bench, state: In, event: u8, label: &str) {
    let before = (bench.session.state(), bench.session.failures());
    let alone = bench.connection.is_none() || state == In::Connect;
    match event {
        16 | 18 => bench.give(state, event),
        19..=22 | 24..=28 if alone => bench.give(state, event),
        _ => return,
    }
    assert_eq!(before, (bench.session.state(), bench.session.failures()), "{label}");
}

#[test]
fn every_state_and_event_of_section_8_2_2_does_what_the_text_says() {
    for row in TABLE {
        row.1.iter().for_each(|event| check(row, *event));
    }
}

#[test]
fn the_table_has_each_pair_once() {
    let states = [
        In::Idle,
        In::Connect,
        In::ConnectDelaying,
        In::Active,
        In::ActiveDelaying,
        In::OpenSent,
        In::OpenConfirm,
        In::Established,
    ];
    for state in states {
        for event in 1..=28u8 {
            let rows = TABLE.iter().filter(|row| row.0 == state && row.1.contains(&event)).count();
            assert_eq!(rows, 1, "{state:?}, event {event}");
        }
    }
}

/// §4.2, §8.2.2, §10: what each timer is set to.
#[test]
fn timers_are_set_to_what_the_text_says() {
    let span = |bench: &Bench| bench.session.deadline().unwrap().since(bench.now);
    let within = |what: &str, bench: &Bench, low: u64, high: u64| {
        let span = span(bench);
        assert!(span >= secs(low) && span <= secs(high), "{what}: {span:?}");
    };
    within("ConnectRetryTimer in Connect", &Bench::into(In::Connect, 0), 11, 15);
    within("ConnectRetryTimer in Active", &Bench::into(In::Active, 0), 11, 15);
    assert_eq!(span(&Bench::into(In::ConnectDelaying, 0)), secs(5));
    assert_eq!(span(&Bench::into(In::OpenSent, 0)), secs(240));
    assert_eq!(span(&Bench::into(In::OpenConfirm, 0)), secs(30));
    assert_eq!(Bench::into(In::Established, 0).session.state(), SessionState::Established);
    assert_eq!(span(&Bench::into(In::Established, 0)), secs(30));
}
