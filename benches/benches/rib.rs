//! The RIB by itself: UPDATEs in, UPDATEs out, no sockets. One table at the end. See README.md.

use benches::{
    meter::{Counting, Reading},
    traffic::{Routed, Shape, Traffic},
};
use bgp_daemon::{
    policy::{
        self, Names, Policy,
        raw::{RawMatch, RawPolicies, RawPolicy, RawRule, RawSet},
        standard::import::ImportSide,
    },
    rib::{Export, Proposal, Rib, SenderId, Session, Settings},
};
use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::next_hop::NextHop,
    family::Family,
    numbers::{Asn, RouterId},
    wire::{
        frame::{Frame, frame},
        update::Update,
    },
};
use std::{
    env, fmt,
    net::IpAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A phase runs in a process of its own, so that each finds the memory as a new daemon does.
struct Phase {
    name: &'static str,
    run: fn(u32),
}

const PHASES: [Phase; 5] = [
    Phase { name: "one", run: |routes| one_peer::<u32>("IPv4", routes) },
    Phase { name: "ipv6", run: |routes| one_peer::<u128>("IPv6", routes / 2) },
    Phase { name: "ten", run: |routes| ten_peers(routes / 10) },
    Phase { name: "fan-out", run: |routes| fan_out(routes / 10) },
    Phase { name: "reload", run: reload },
];

/// Octets that are read from a peer before the others are told.
const READ: usize = 256 * 1024;
/// Prefixes that one call of [`Rib::work`] looks at.
const SLICE: u32 = 1024;
const LOCAL: Asn = Asn(65000);

/// A RIB with its peers.
struct Bench {
    rib: Rib,
    agreed: Agreed,
    peers: Vec<SenderId>,
    updates: u64,
    /// The longest call of [`Rib::work`].
    longest: Duration,
    /// Memory before there was anything in the RIB.
    empty: Reading,
}

impl Bench {
    /// A RIB with so many peers that were told that there is nothing. What feeds it is there already.
    fn new(family: Family, peers: u8, ring: Option<usize>) -> Self {
        let agreed = agreed(family);
        let mut settings = Settings::default();
        settings.ring = ring.unwrap_or(settings.ring);
        let empty = Reading::take();
        let mut bench = Bench {
            rib: Rib::new(settings),
            agreed,
            peers: Vec::new(),
            updates: 0,
            longest: Duration::ZERO,
            empty,
        };
        for number in 1..=peers {
            let id = bench.rib.add_peer().expect("a few fit");
            bench.rib.peer_up(id, &session(family, number));
            bench.peers.push(id);
        }
        bench.tell(&bench.peers.clone());
        bench
    }

    /// Learns from a peer, and tells the readers after each [`READ`] octets.
    fn learn(&mut self, from: SenderId, octets: &[u8], readers: &[SenderId]) {
        let (mut rest, mut due) = (octets, octets.len().saturating_sub(READ));
        while let Frame::Message(raw) = frame(rest, Some(&self.agreed)) {
            let update = Update::decode(raw, &self.agreed).expect("what was encoded decodes");
            self.rib.learn(from, &update, 0);
            rest = &rest[raw.len()..];
            if rest.len() <= due {
                due = rest.len().saturating_sub(READ);
                self.tell(readers);
            }
        }
        assert!(rest.is_empty());
    }

    #[expect(clippy::disallowed_methods, reason = "the clock is what this is about")]
    fn work(&mut self) -> bool {
        let start = Instant::now();
        let more = self.rib.work(SLICE);
        self.longest = self.longest.max(start.elapsed());
        more
    }

    /// Tells these peers all there is, and counts what the last peer of all gets.
    fn tell(&mut self, readers: &[SenderId]) {
        while self.work() {}
        for reader in readers {
            let counts = Some(reader) == self.peers.last();
            while let Some(octets) = self.rib.take(*reader) {
                self.updates += if counts { messages(&octets) } else { 0 };
            }
        }
    }

    /// Does something and prints what it took, for each of so many routes.
    fn measure(&mut self, case: &str, routes: u32, work: impl FnOnce(&mut Self)) {
        let (start, updates) = (Reading::take(), self.updates);
        work(self);
        let end = Reading::take();
        let each = |count: u64| count as f64 / f64::from(routes);
        let grown = |of: fn(&Reading) -> u64| (of(&end) as f64 - of(&self.empty) as f64) / f64::from(routes);
        let cells = [
            case.to_owned(),
            routes.to_string(),
            format!("{:.0}", each(end.spent - start.spent)),
            format!("{:.1}", each(self.rib.octets() as u64)),
            format!("{:.1}", grown(|reading| reading.live)),
            format!("{:.1}", grown(|reading| reading.resident)),
            format!("{:.2}", each(end.allocations - start.allocations)),
            (self.updates - updates).to_string(),
            self.rib.attribute_sets().to_string(),
        ];
        println!("{}", cells.join("\t"));
    }
}

fn agreed(family: Family) -> Agreed {
    Agreed::new(PeerKind::External).with_families([FamilyAgreed::plain(family)])
}

fn session(family: Family, number: u8) -> Session {
    let router_id = RouterId::new(number.into()).expect("not zero");
    let address = IpAddr::from([192, 0, 2, number]);
    let ours = RouterId::new(254).expect("not zero");
    let side = ImportSide::new(PeerKind::External, LOCAL, peer_asn(number), ours);
    let own = next_hop(family, 254).address();
    Session::new(agreed(family), side, address, router_id, own).with_policies(Policy::all(), Policy::all())
}

fn next_hop(family: Family, host: u8) -> NextHop {
    match family {
        Family::IPV4 => NextHop::Ipv4([192, 0, 2, host].into()),
        _ => NextHop::Ipv6 { global: [0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()].into(), link_local: None },
    }
}

/// How many messages stand one behind the other.
fn messages(mut octets: &[u8]) -> u64 {
    let mut count = 0;
    while let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, high, low, ..] = octets {
        octets = octets.get(usize::from(u16::from_be_bytes([*high, *low])).max(1)..).unwrap_or_default();
        count += 1;
    }
    count
}

fn peer_asn(number: u8) -> Asn {
    Asn(65000 + u32::from(number))
}

fn shape(family: Family, routes: u32, peer: u8) -> Shape {
    let (peer, next_hop) = (peer_asn(peer), next_hop(family, peer));
    Shape { routes, seed: 1, peer, next_hop }
}

/// What a peer sends, and what it sends to take that back. The traffic itself is kept too: memory that was freed
/// before the RIB began would hide what the RIB takes.
struct Fed<A> {
    _traffic: Traffic<A>,
    announced: Vec<u8>,
    withdrawn: Vec<u8>,
}

impl<A: Routed> Fed<A> {
    fn new(routes: u32, peer: u8) -> Self {
        let agreed = agreed(A::FAMILY);
        let traffic = Traffic::<A>::new(&shape(A::FAMILY, routes, peer));
        let (announced, withdrawn) = (traffic.announcements(&agreed), traffic.withdrawals(&agreed));
        Fed { _traffic: traffic, announced, withdrawn }
    }
}

/// All routes from one peer to one other, and away, and the same again.
fn one_peer<A: Routed>(family: &str, routes: u32) {
    let fed = Fed::<A>::new(routes, 1);
    let mut bench = Bench::new(A::FAMILY, 2, None);
    let (peers, from) = (bench.peers.clone(), bench.peers[0]);
    for again in ["", " again"] {
        let cases = [("announced", &fed.announced), ("withdrawn", &fed.withdrawn)];
        for (what, octets) in cases {
            let case = format!("1 peer to 1, {family}: {what}{again}");
            bench.measure(&case, routes, |bench| bench.learn(from, octets, &peers));
        }
    }
}

/// The same prefixes from ten peers, told to another one; then the ten go.
fn ten_peers(prefixes: u32) {
    let fed: Vec<_> = (1..=10).map(|peer| Fed::<u32>::new(prefixes, peer)).collect();
    let mut bench = Bench::new(Family::IPV4, 11, None);
    let peers = bench.peers.clone();
    let (_, from) = peers.split_last().expect("eleven");
    bench.measure("10 peers, the same prefixes: announced", prefixes * 10, |bench| {
        from.iter().zip(&fed).for_each(|(from, fed)| bench.learn(*from, &fed.announced, &peers));
    });
    bench.measure("... and all ten gone", prefixes * 10, |bench| {
        from.iter().for_each(|peer| bench.rib.peer_down(*peer, &[]));
        bench.tell(&peers);
    });
}

/// One peer's routes to twenty others, then with one of these that reads nothing until the end.
fn fan_out(routes: u32) {
    let fed = Fed::<u32>::new(routes, 1);
    let mut alone = 0;
    let cases = [
        ("1 peer to 1", 1, 1, None),
        ("1 peer to 20", 20, 20, None),
        ("... one stalled", 20, 19, None),
        ("... one stalled, ring of 256 KiB", 20, 19, Some(256 * 1024)),
    ];
    for (case, members, reading, ring) in cases {
        let mut bench = Bench::new(Family::IPV4, members + 1, ring);
        let peers = bench.peers.clone();
        bench.measure(case, routes, |bench| {
            bench.learn(peers[0], &fed.announced, &peers[..=reading]);
            bench.tell(&peers);
        });
        let (runs, again) = bench.rib.encoded();
        if members == 1 {
            alone = runs;
        }
        println!(
            "{NOTE}{case}: {runs} runs encoded and {again} again for the stalled one; for one member alone {alone}"
        );
    }
}

/// One peer's routes told to twenty others, whose policy then changes in one rule: shown before it is made, made, and
/// taken back.
fn reload(routes: u32) {
    let fed = Fed::<u32>::new(routes, 1);
    let mut bench = Bench::new(Family::IPV4, 21, None);
    let peers = bench.peers.clone();
    bench.learn(peers[0], &fed.announced, &peers);
    let exports = |policy: &Policy| {
        let export = |number| Export { policy: policy.clone(), ..session(Family::IPV4, number).export };
        peers[1..].iter().copied().zip((2..).map(export)).collect::<Vec<_>>()
    };
    let tenth = exports(&tenth());
    bench.measure("20 members' policy changes: shown", routes, |bench| {
        let mut proposal = Proposal::new(Vec::new(), tenth.clone(), 0);
        while bench.rib.compare(&mut proposal, SLICE) {}
        let changed: Vec<_> = proposal.differences().values().map(|found| found.changed.count).collect();
        assert!(changed.len() == 20 && changed.iter().all(|count| *count == changed[0]));
        println!("{NOTE}the change of policy changes {} of {routes} routes for each of 20", changed[0]);
    });
    for (case, exports) in [("... made", tenth), ("... taken back", exports(&Policy::all()))] {
        bench.longest = Duration::ZERO;
        bench.measure(case, routes, |bench| {
            bench.rib.set_exports(&exports);
            bench.tell(&peers);
        });
        let mut cells = ["-"; COLUMNS.len()].map(str::to_owned);
        (cells[0], cells[2]) =
            (format!("{case}: longest call of work"), bench.longest.as_nanos().to_string());
        println!("{}", cells.join("\t"));
    }
}

/// A policy that changes the routes to about a tenth of the IPv4 addresses that are in use.
fn tenth() -> Policy {
    let matches = RawMatch {
        prefix: Some(["128.0.0.0/4 le 32", "144.0.0.0/6 le 32", "148.0.0.0/7 le 32"].into_iter().collect()),
        ..RawMatch::default()
    };
    let then = Some("accept".into());
    let set = RawSet { med: Some(50.into()), ..RawSet::default() };
    let rules = vec![
        RawRule { matches, set, then: then.clone(), ..RawRule::default() },
        RawRule { then, ..RawRule::default() },
    ];
    let raw = RawPolicies::from([("tenth".to_owned(), RawPolicy { rules })]);
    let policies = policy::check(&raw, &Names::default()).expect("it is well written");
    policies.find("tenth").expect("it was checked").clone()
}

/// A line that goes below the table.
const NOTE: &str = "* ";

/// What was asked for on the command line.
struct Asked {
    routes: u32,
    repeat: u32,
    only: Option<String>,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Self {
        let mut asked = Asked { routes: 1_000_000, repeat: 3, only: None };
        let number = |words: &mut dyn Iterator<Item = String>, name| {
            let number = words.next().and_then(|word| word.parse().ok());
            number.unwrap_or_else(|| panic!("{name} wants a number"))
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--routes" => asked.routes = number(&mut words, "--routes"),
                "--repeat" => asked.repeat = number(&mut words, "--repeat"),
                // What cargo says to every bench.
                "--bench" => {}
                phase => asked.only = Some(phase.to_owned()),
            }
        }
        asked
    }
}

fn main() {
    let asked = Asked::read(env::args().skip(1));
    let phases = PHASES.iter().filter(|phase| asked.only.as_ref().is_none_or(|only| only == phase.name));
    let phases: Vec<_> = phases.collect();
    assert!(!phases.is_empty(), "phases are {:?}", PHASES.map(|phase| phase.name));
    if asked.repeat == 0 {
        return phases.iter().for_each(|phase| (phase.run)(asked.routes));
    }
    let mut table = Table::default();
    for phase in phases {
        for _ in 0..asked.repeat {
            let routes = asked.routes.to_string();
            let mut child = Command::new(env::current_exe().expect("this program has a path"));
            child.args([phase.name, "--repeat", "0", "--routes", &routes]).stderr(Stdio::inherit());
            let output = child.output().expect("this program runs");
            assert!(output.status.success(), "phase {} ended with {}", phase.name, output.status);
            String::from_utf8_lossy(&output.stdout).lines().for_each(|line| table.enter(line));
        }
    }
    print!("{table}");
}

/// The fastest of each case's lines, in the order in which the cases first came.
#[derive(Default)]
struct Table {
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

const COLUMNS: [&str; 9] =
    ["case", "routes", "ns", "tables", "heap", "RSS", "allocations", "UPDATEs out", "sets"];

impl Table {
    fn enter(&mut self, line: &str) {
        if line.starts_with(NOTE) {
            if !self.notes.iter().any(|note| note == line) {
                self.notes.push(line.to_owned());
            }
            return;
        }
        let row: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let nanoseconds = |row: &[String]| row[2].parse().unwrap_or(u64::MAX);
        match self.rows.iter_mut().find(|known| known[0] == row[0]) {
            Some(known) if nanoseconds(known) <= nanoseconds(&row) => {}
            Some(known) => *known = row,
            None => self.rows.push(row),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nPer route: ns, octets (by the RIB's own count, allocated, resident), allocations.\n")?;
        write!(f, "| {:<40} |", COLUMNS[0])?;
        COLUMNS[1..].iter().try_for_each(|column| write!(f, " {column:>11} |"))?;
        write!(f, "\n|{:-<42}|", "")?;
        COLUMNS[1..].iter().try_for_each(|_| write!(f, "{:->12}:|", ""))?;
        for row in &self.rows {
            write!(f, "\n| {:<40} |", row[0])?;
            row[1..].iter().try_for_each(|cell| write!(f, " {cell:>11} |"))?;
        }
        writeln!(f, "\n")?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
