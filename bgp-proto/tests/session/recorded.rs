//! Recorded runs: `tests/recorded/*.log` hold what went into a session, line by line, and behind `>` what came out.
//! Some are conversations with real routers. With `BLESS=1` in the environment what comes out now is written down.

use crate::wire::{World, graceful, offer, secs, speaker};
use bgp_proto::{
    family::Family,
    session::{
        Action, Cause, ConnectionId, RemoteAs, Session, Settings,
        record::{Event, Line, Replay},
    },
    wire::{
        frame::{Frame, frame},
        open::{Offer, Open},
        pack,
    },
};
use std::{collections::BTreeMap, fmt::Write, fs, path::PathBuf};

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

/// The head of a log: a sentence, the seed, our OPEN, `passive` where so.
struct Head {
    says: String,
    seed: u64,
    open: Vec<u8>,
    passive: bool,
}

impl Head {
    fn of(says: &str, seed: u64, settings: &Settings) -> Head {
        let mut open = Vec::new();
        settings.offer.encode(&mut open).unwrap();
        Head { says: says.into(), seed, open, passive: settings.passive }
    }

    fn parse(log: &str) -> Head {
        let line = |name: &str| log.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let Ok(Event::Received(_, open)) = format!("received 0 {}", line("open").unwrap()).parse() else {
            panic!("the OPEN of the head")
        };
        let says = line("#").unwrap().into();
        Head {
            says,
            seed: line("seed").unwrap().parse().unwrap(),
            open,
            passive: log.contains("\npassive\n"),
        }
    }

    fn session(&self) -> Session {
        let Frame::Message(raw) = frame(&self.open, None) else { panic!("no OPEN") };
        let offer = Offer::of(&Open::decode(raw).unwrap());
        let mut settings = Settings::new(offer, RemoteAs::Any);
        settings.passive = self.passive;
        Session::new(settings, self.seed).unwrap()
    }

    fn write(&self) -> String {
        let passive = if self.passive { "passive\n" } else { "" };
        format!("# {}\nseed {}\nopen {}\n{passive}", self.says, self.seed, hex(&self.open))
    }
}

/// Plays the lines and writes down what comes out behind each.
fn play(head: &Head, lines: &[Line]) -> String {
    let mut replay = Replay::new(head.session());
    let mut unsent: BTreeMap<ConnectionId, usize> = BTreeMap::new();
    let mut log = head.write();
    for Line { at, event } in lines {
        writeln!(log, "{at} {event}").unwrap();
        let accepted = replay.play(*at, event, |action| {
            writeln!(log, "  > {action}").unwrap();
            if let Action::Close { connection, last, .. } = action {
                writeln!(log, "  > last {connection} {}", hex(&last)).unwrap();
            }
        });
        accepted.into_iter().for_each(|id| writeln!(log, "  > accepted {id}").unwrap());
        if let Event::Sent(id, octets) = event {
            unsent.entry(*id).and_modify(|known| *known = known.saturating_sub(*octets));
        }
        for id in replay.session.connections() {
            let waiting = replay.session.transmit(id);
            let known = unsent.insert(id, waiting.len()).unwrap_or_default();
            if let Some(new @ [_, ..]) = waiting.get(known..) {
                writeln!(log, "  > send {id} {}", hex(new)).unwrap();
            }
        }
    }
    writeln!(log, "  > {}", replay.session.state()).unwrap();
    log
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}

#[test]
fn recorded_runs_play_again_octet_for_octet() {
    let mut played = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let log = fs::read_to_string(&path).unwrap();
        let lines: Vec<Line> = log
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
            .map(|line| line.parse().unwrap())
            .collect();
        let again = play(&Head::parse(&log), &lines);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, again).unwrap();
        } else {
            assert_eq!(again, log, "{}", path.display());
        }
        played += 1;
    }
    assert!(played >= 5, "only {played} logs");
}

/// One side of a run on the virtual wire. What it sends by itself comes out; UPDATEs of its own are not in it.
fn record(name: &str, says: &str, settings: [Settings; 2], happen: impl FnOnce(&mut World)) {
    let head = Head::of(says, 1, &settings[0]);
    let [a, b] = settings;
    let mut world = World::new(a, b);
    happen(&mut world);
    let log = play(&head, &world.hosts[0].lines);
    let path = folder().join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, log).unwrap();
    } else {
        assert_eq!(fs::read_to_string(&path).unwrap(), log, "{}", path.display());
    }
}

#[test]
fn runs_on_the_wire_are_recorded_as_they_are() {
    record("collision.log", "Both dial at once, the peer is higher", [speaker(1), speaker(2)], |world| {
        world.start();
        world.run(secs(100));
        world.event(0, Event::Stop(Cause::Shutdown(Some("enough".into()))));
    });
    let restarting = [graceful(speaker(1), true, 60), graceful(speaker(2), true, 60)];
    record(
        "restart.log",
        "The peer is lost, comes back late and completes one family",
        restarting,
        |world| {
            world.start();
            world.reachable = [false; 2];
            world.cut();
            world.run(secs(150));
            world.reachable = [true; 2];
            assert!(world.run_until(world.now + secs(90), World::both_up));
            world.session(1).send(|_, out| pack::end_of_rib(Family::IPV4, out));
            world.run(secs(60));
        },
    );
    let refused = Settings::new(offer(65001, 7), RemoteAs::Any);
    record("refused.log", "A peer with our own AS and identifier", [refused.clone(), refused], |world| {
        world.event(0, Event::Start);
        world.event(1, Event::Start);
        world.run(secs(30));
    });
}
