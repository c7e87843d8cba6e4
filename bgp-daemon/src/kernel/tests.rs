//! The thread by itself in a real kernel, told what is chosen as the engine would tell it.

use super::{
    Kernel, Page, Settings, Told, start,
    task::{Ends, Task},
};
use crate::{
    config,
    rib::{Chosen, Hop, Verdict},
};
use lab::{Lab, Namespace};
use socket2::SockRef;
use std::{fmt::Write, time::Duration};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot, watch},
};

const BOUND: Duration = Duration::from_secs(20);

/// A machine with two links: eth `n` is 10.0.n.1 and 2001:db8:n::1.
struct Machine {
    lab: Lab,
    node: Namespace,
    _others: [Namespace; 2],
    runtime: Runtime,
}

fn hop(address: &str, weight: u16) -> Hop {
    Hop { address: address.parse().unwrap(), interface: None, weight }
}

fn chosen(prefix: &str, hops: &[(&str, u16)]) -> Chosen {
    let hops: Vec<_> = hops.iter().map(|(address, weight)| hop(address, *weight)).collect();
    let verdict = if hops.is_empty() { Verdict::Nothing } else { Verdict::Hops(hops.into()) };
    Chosen { prefix: prefix.parse().unwrap(), verdict }
}

impl Machine {
    fn new() -> Option<Machine> {
        let lab = Lab::needing(&[])?;
        let node = lab.namespace("node");
        let others = ["e1", "e2"].map(|name| lab.namespace(name));
        for (n, other) in others.iter().enumerate().map(|(at, other)| (at + 1, other)) {
            let ours = [format!("10.0.{n}.1/24"), format!("2001:db8:{n}::1/64")];
            let theirs = [format!("10.0.{n}.2/24"), format!("2001:db8:{n}::2/64")];
            let both = [&ours, &theirs].map(|of| of.each_ref().map(String::as_str));
            lab.link((&node, &both[0]), (other, &both[1]));
        }
        Some(Machine { lab, node, _others: others, runtime: Runtime::new().unwrap() })
    }

    fn settings(objects: bool) -> Settings {
        let install = Some(config::Kernel::default());
        Settings { install, redistribute: Vec::new(), patience: Duration::ZERO, objects }
    }

    fn start(&self, objects: bool) -> Kernel {
        self.node.run(|| start(&Self::settings(objects))).unwrap()
    }

    /// The same, while this happens between its first look and the moment when it listens. It has little room for what
    /// it is told meanwhile.
    fn start_deaf(&self, meanwhile: impl FnOnce()) -> Kernel {
        let (told, inbox) = mpsc::channel(16);
        let (out, news) = mpsc::channel(64);
        let (moves, moved) = watch::channel(0);
        let (asked, questions) = mpsc::channel(16);
        let (mut task, watch) = self
            .node
            .run(|| Task::new(&Self::settings(true), Ends { told: inbox, news: out, questions, moves }))
            .unwrap();
        let has_adopted = task.begin().unwrap();
        SockRef::from(&watch).set_recv_buffer_size(1).unwrap();
        meanwhile();
        self.runtime.spawn(async move { task.run(watch).await.unwrap() });
        Kernel { told, news, asked, moved, has_adopted }
    }

    /// How many messages were lost to sockets of the node.
    fn overruns(&self) -> u64 {
        let table = self.node.run(|| std::fs::read_to_string("/proc/thread-self/net/netlink")).unwrap();
        let drops = table.lines().skip(1).map(|line| line.split_whitespace().nth(8).unwrap());
        drops.map(|drops| drops.parse::<u64>().unwrap()).sum()
    }

    fn tell(&self, kernel: &Kernel, told: Told) {
        assert!(self.runtime.block_on(kernel.told.send(told)).is_ok());
    }

    fn page(&self, kernel: &Kernel) -> Page {
        let (answer, answered) = oneshot::channel();
        self.runtime.block_on(async {
            kernel.asked.send((super::Wanted::Behind(None, 1000), answer)).await.unwrap_or_else(|_| panic!());
            answered.await.unwrap()
        })
    }

    fn end(&self, kernel: Kernel) {
        let Kernel { told, mut news, .. } = kernel;
        drop(told);
        self.runtime.block_on(async { while news.recv().await.is_some() {} });
    }

    fn shown(&self) -> String {
        ["-4", "-6"].map(|width| self.node.ip(&format!("{width} route show proto 179"))).concat()
    }

    #[track_caller]
    fn wait_shown(&self, parts: &[&str], without: &[&str]) {
        let holds = || {
            let shown = self.shown();
            parts.iter().all(|part| shown.contains(part)) && without.iter().all(|part| !shown.contains(part))
        };
        self.lab.wait_until(format!("{parts:?} and not {without:?} in {}", self.shown()), BOUND, holds);
    }
}

#[test]
fn without_next_hop_objects_each_route_names_its_gateways_and_all_else_is_the_same() {
    let Some(machine) = Machine::new() else { return };
    let kernel = machine.start(false);
    let routes = || {
        vec![
            chosen("203.0.113.0/24", &[("10.0.1.2", 1)]),
            chosen("198.51.100.0/24", &[("10.0.1.2", 1), ("10.0.2.2", 3)]),
            chosen("192.0.2.0/24", &[("2001:db8:1::2", 1)]),
            chosen("2001:db8:f::/48", &[("2001:db8:1::2", 1), ("2001:db8:2::2", 1)]),
        ]
    };
    machine.tell(&kernel, Told::Chosen(routes()));
    let parts = [
        "203.0.113.0/24 via 10.0.1.2 dev e1 metric 179",
        "nexthop via 10.0.1.2 dev e1 weight 1",
        "nexthop via 10.0.2.2 dev e2 weight 3",
        "192.0.2.0/24 via inet6 2001:db8:1::2 dev e1",
        "nexthop via 2001:db8:1::2 dev e1 weight 1",
        "nexthop via 2001:db8:2::2 dev e2 weight 1",
    ];
    machine.wait_shown(&parts, &["nhid"]);
    assert_eq!(machine.page(&kernel).totals.installed, 4);
    assert!(kernel.moved.has_changed().unwrap(), "who waits for a route is to look again");
    // Somebody else's hand, and a link that goes and comes.
    machine.node.ip("route del 198.51.100.0/24");
    machine.wait_shown(&parts, &[]);
    machine.node.ip("link set e2 down");
    machine.wait_shown(&["198.51.100.0/24 via 10.0.1.2 dev e1"], &["10.0.2.2", "2001:db8:2::2"]);
    machine.node.ip("link set e2 up");
    machine.node.ip("addr replace 2001:db8:2::1/64 dev e2 nodad");
    machine.wait_shown(&parts, &[]);
    // A start finds what the last one left, and changes nothing.
    let before = machine.shown();
    machine.end(kernel);
    let again = machine.start(false);
    assert!(again.has_adopted);
    machine.tell(&again, Told::Chosen(routes()));
    machine.tell(&again, Told::Complete);
    machine.lab.wait_until("all to be settled", BOUND, || {
        let page = machine.page(&again);
        page.is_settled && page.rows.iter().all(|row| row.state == super::State::Installed)
    });
    assert_eq!(machine.shown(), before);
    machine.tell(&again, Told::Chosen(vec![chosen("203.0.113.0/24", &[])]));
    machine.wait_shown(&[], &["203.0.113.0/24"]);
    machine.tell(&again, Told::Leave);
    machine.lab.wait_until("nothing of ours", BOUND, || machine.shown().is_empty());
}

#[test]
fn with_next_hop_objects_from_one_start_to_the_next_and_without_them_again() {
    let Some(machine) = Machine::new() else { return };
    let routes = || vec![chosen("203.0.113.0/24", &[("10.0.1.2", 1), ("10.0.2.2", 1)])];
    for objects in [true, false, true, true] {
        let kernel = machine.start(objects);
        machine.tell(&kernel, Told::Chosen(routes()));
        machine.tell(&kernel, Told::Complete);
        let (with, without) = if objects { ("nhid", "nothing") } else { ("203.0.113.0/24", "nhid") };
        machine.wait_shown(&[with, "via 10.0.1.2 dev e1", "via 10.0.2.2 dev e2"], &[without]);
        machine.lab.wait_until("one group and its members at the most", BOUND, || {
            machine.node.ip("nexthop show proto 179").lines().count() == if objects { 3 } else { 0 }
        });
        machine.end(kernel);
    }
}

#[test]
fn what_was_missed_because_another_program_changed_too_much_at_once_is_found_out() {
    let Some(machine) = Machine::new() else { return };
    machine.node.ip("route add 172.16.0.0/16 via 10.0.1.2");
    let routes =
        || vec![chosen("203.0.113.0/24", &[("172.16.9.9", 1)]), chosen("192.0.2.0/25", &[("10.0.2.2", 1)])];
    let begin = |kernel: &Kernel| {
        machine.tell(kernel, Told::NextHops(vec![("172.16.9.9".parse().unwrap(), true)]));
        machine.tell(kernel, Told::Chosen(routes()));
    };
    let first = machine.start(true);
    begin(&first);
    machine.wait_shown(&["203.0.113.0/24", "via 10.0.1.2 dev e1", "192.0.2.0/25"], &[]);
    machine.end(first);

    let mut burst = String::new();
    (0..2000)
        .for_each(|n| writeln!(burst, "route add 198.18.{}.{}/32 via 10.0.1.2", n / 250, n % 250).unwrap());
    burst += "route del 192.0.2.0/25 proto 179\nroute replace 172.16.0.0/16 via 10.0.2.2\n";
    let batch = machine.lab.folder().join("burst");
    std::fs::write(&batch, burst).unwrap();
    assert_eq!(machine.overruns(), 0);
    let second = machine.start_deaf(|| {
        machine.node.ip(&format!("-batch {}", batch.display()));
    });
    assert!(second.has_adopted && machine.overruns() > 1000, "{}", machine.overruns());
    begin(&second);
    machine.wait_shown(&["203.0.113.0/24", "192.0.2.0/25", "via 10.0.2.2 dev e2"], &["via 10.0.1.2"]);
    machine.end(second);
}
