//! What the lab promises about itself: it leaves nothing behind, and says what failed and what it lacks.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use lab::{
    BIRD, Config, Daemon, Direction, FRR, Lab, Model, Namespace, Need, OPENBGPD, Packets, Peer, Recorder,
};

const BOUND: Duration = Duration::from_secs(30);

/// One that changes its user, one that forks, one inside the other root.
const LIVELY: [Model; 3] = [FRR.host(), OPENBGPD.host(), BIRD.current()];

fn lively() -> Vec<Need> {
    LIVELY.map(Need::Router).into()
}

#[test]
fn a_panicking_test_leaves_no_process_and_no_namespace() {
    let Some(outside) = Lab::needing(&lively()) else { return };
    let observer = outside.namespace("observer");
    let mut probe = None;
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let lab = Lab::new();
        let (_routers, inside) = start_lively_routers(&lab);
        probe = Some(Probe::attach(&observer, &inside, lab.folder().to_owned()));
        panic!("on purpose");
    }));
    assert!(caught.is_err());
    probe.expect("the routers started").wait_gone(&outside);
}

#[test]
fn a_test_killed_outright_leaves_no_process_and_no_namespace() {
    let Some(outside) = Lab::needing(&lively()) else { return };
    let observer = outside.namespace("observer");
    let mut victim = again("victim_that_waits_to_be_killed").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let ready =
        lines.find_map(|line| line.unwrap().split_once("victim ready ").map(|(_, rest)| rest.to_owned()));
    let ready = ready.expect("the victim says when it is ready");
    let (process, folder) = ready.split_once(' ').unwrap();
    let probe = Probe::attach(&observer, process, folder.into());

    victim.kill().unwrap();

    victim.wait().unwrap();
    probe.wait_gone(&outside);
}

#[test]
#[ignore = "run by a_test_killed_outright_leaves_no_process_and_no_namespace, and killed by it"]
fn victim_that_waits_to_be_killed() {
    if !is_victim() {
        return;
    }
    let lab = Lab::new();
    let (_routers, inside) = start_lively_routers(&lab);
    println!("victim ready {inside} {}", lab.folder().display());
    // Until the test process is killed, or its parent is.
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn a_failed_expectation_shows_what_was_awaited_and_what_the_router_logged_and_holds() {
    let Some(lab) = Lab::needing(&[Need::Router(BIRD.host())]) else { return };
    let alone = lab.namespace("alone");
    let config = Config::new(65001, "10.0.0.1")
        .peer(Peer::new("10.0.0.1", "10.0.0.2", 65002))
        .announce("192.0.2.0/24");
    let _bird = BIRD.host().start(&alone, &config);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        lab.wait_until("what never happens", Duration::from_millis(50), || false);
    }));
    let message = message(caught);
    for shown in
        ["50ms", "what never happens", "peer0: Initializing", "BGP state:          Idle", "192.0.2.0/24"]
    {
        assert!(message.contains(shown), "{shown:?} is not in:\n{message}");
    }
}

#[test]
fn a_router_that_refuses_its_configuration_says_why_at_once() {
    let Some(lab) = Lab::needing(&[Need::Router(BIRD.host())]) else { return };
    let alone = lab.namespace("alone");
    let broken =
        Config::new(65001, "10.0.0.1").peer(Peer::new("10.0.0.1", "10.0.0.2", 65002).password("\"no\" text"));
    let message = message(catch_unwind(AssertUnwindSafe(|| BIRD.host().start(&alone, &broken))).map(drop));
    assert!(message.contains("syntax error"), "{message}");
}

#[test]
fn a_port_that_is_taken_is_named_with_the_remedy() {
    let Some(lab) = Lab::needing(&[Need::Router(BIRD.host())]) else { return };
    let alone = lab.namespace("alone");
    let taken = alone.run(|| std::net::TcpListener::bind("0.0.0.0:1790").unwrap());
    let config = Config::new(65001, "10.0.0.1").port(1790);
    let message = message(catch_unwind(AssertUnwindSafe(|| BIRD.host().start(&alone, &config))).map(drop));
    assert!(message.contains("port 1790 in alone") && message.contains("use Config::port"), "{message}");
    drop(taken);
}

#[test]
fn what_is_missing_is_one_line_on_the_terminal() {
    let Output { status, stdout, stderr } =
        again("victim_that_lacks_a_program").env_remove("LAB").output().unwrap();
    let all = String::from_utf8([stdout, stderr].concat()).unwrap();
    let skipped: Vec<_> = all.lines().filter(|line| line.contains("skipped:")).collect();
    let line = "skipped: victim_that_lacks_a_program: needs the program no-such-program: run lab/setup";
    // libtest may have begun a line of its own.
    assert!(status.success() && skipped.len() == 1 && skipped[0].ends_with(line), "{all}");
}

#[test]
fn what_is_missing_fails_where_the_lab_is_required() {
    let Output { status, stdout, .. } =
        again("victim_that_lacks_a_program").env("LAB", "required").output().unwrap();
    let all = String::from_utf8(stdout).unwrap();
    let line =
        "LAB=required, but victim_that_lacks_a_program needs the program no-such-program: run lab/setup";
    assert!(!status.success() && all.contains(line), "{all}");
}

#[test]
fn a_half_installed_lab_names_what_is_missing_and_the_remedy() {
    if !lab::need(&[Need::Program("openssl")]) {
        return;
    }
    let folder = std::env::temp_dir().join(format!("half-a-lab-{}", std::process::id()));
    for program in ["usr/sbin/bird", "etcd"] {
        let file = folder.join(program);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    let says = |variable: &str, victim: &str| {
        let output = again(victim).env_remove("LAB").env(variable, &folder).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let said = says("LAB_ROUTERS", "victim_that_needs_routers");
    assert!(said.contains("needs today's BIRD, whose program birdc is missing: run lab/setup"), "{said}");
    let said = says("KUBEBUILDER_ASSETS", "victim_that_needs_a_control_plane");
    assert!(said.contains("has no kube-apiserver: run lab/setup"), "{said}");

    script(&folder.join("kube-apiserver"), "echo Kubernetes v1.36.3");
    script(&folder.join("kubectl"), "echo Client Version: v1.20.1");
    let said = says("KUBEBUILDER_ASSETS", "victim_that_needs_a_control_plane");
    assert!(said.contains("it is v1.20 and the server v1.36: run lab/setup"), "{said}");
    fs::remove_dir_all(folder).unwrap();
}

fn script(file: &Path, line: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(file, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
#[ignore = "run by a_half_installed_lab_names_what_is_missing_and_the_remedy"]
fn victim_that_needs_routers() {
    assert!(!is_victim() || !lab::need(&[Need::Router(BIRD.current())]));
}

#[test]
#[ignore = "run by a_half_installed_lab_names_what_is_missing_and_the_remedy"]
fn victim_that_needs_a_control_plane() {
    assert!(!is_victim() || !lab::need(&[Need::Api]));
}

#[test]
#[ignore = "run by the tests about what is missing"]
fn victim_that_lacks_a_program() {
    assert!(!is_victim() || !lab::need(&[Need::Program("sh"), Need::Program("no-such-program")]));
}

#[test]
fn packets_lost_in_a_cut_are_counted_and_the_gap_is_found() {
    let Some(lab) = Lab::needing(&[Need::Program("nft")]) else { return };
    let (left, right) = (lab.namespace("left"), lab.namespace("right"));
    lab.link((&left, &["10.0.0.1/24"]), (&right, &["10.0.0.2/24"]));
    let stream = Packets { count: 200, interval: Duration::from_millis(2) };
    let whole = stream.flow(&left, &right, "10.0.0.2", || {});
    assert_eq!((whole.sent, whole.received, whole.lost, whole.longest_gap), (200, 200, 0, 0));

    // The number of a packet is what follows its UDP header: numbers 50 to 79 and 90 are cut out.
    let mut cut = lab::program("nft");
    cut.arg("add table ip cut; add chain ip cut in { type filter hook prerouting priority 0; }; \
             add rule ip cut in ip protocol udp @th,64,32 50-79 drop; add rule ip cut in ip protocol udp @th,64,32 90 drop");
    right.output(cut).unwrap();
    let holed = stream.flow(&left, &right, "10.0.0.2", || {});
    assert_eq!((holed.sent, holed.received, holed.lost, holed.longest_gap), (200, 169, 31, 30));
}

#[test]
fn a_program_of_ours_runs_in_a_namespace_and_its_output_can_be_awaited() {
    let Some(lab) = Lab::needing(&[]) else { return };
    let somewhere = lab.namespace("somewhere");
    somewhere.ip("addr add 10.9.9.9/32 dev lo");
    let mut command = Command::new("sh");
    command.args(["-c", "ip -brief addr show lo; sleep 1000"]);
    let program: Daemon = somewhere.start("ours", command);
    program.wait_log("10.9.9.9/32", BOUND);
    let heard = somewhere.run(|| std::net::TcpListener::bind("10.9.9.9:80").is_ok());
    assert!(heard && program.is_running());
    program.stop(BOUND);
}

#[test]
fn a_recorder_between_two_routers_keeps_every_message_of_both() {
    let Some(lab) = Lab::needing(&[Need::Router(BIRD.host())]) else { return };
    let (west, relay, east) = (lab.namespace("west"), lab.namespace("relay"), lab.namespace("east"));
    lab.link((&west, &["10.0.1.1/24"]), (&relay, &["10.0.1.2/24"]));
    lab.link((&relay, &["10.0.2.1/24"]), (&east, &["10.0.2.2/24"]));
    let listens = Config::new(65002, "10.0.2.2").peer(Peer::new("10.0.2.2", "10.0.2.1", 65001).passive());
    let connects = Config::new(65001, "10.0.1.1").peer(Peer::new("10.0.1.1", "10.0.1.2", 65002));

    let mut recorder =
        Recorder::start(&relay, "10.0.1.2:179".parse().unwrap(), "10.0.2.2:179".parse().unwrap());
    let _listens = BIRD.host().start(&east, &listens);
    let connects = BIRD.host().start(&west, &connects);
    connects.wait_established("10.0.1.2");

    let kinds = |recorder: &mut Recorder, from: Direction| -> Vec<u8> {
        recorder
            .messages()
            .iter()
            .filter(|(direction, _)| *direction == from)
            .map(|(_, bytes)| bytes[18])
            .collect()
    };
    for from in [Direction::FromActive, Direction::FromPassive] {
        lab.wait_until("OPEN, KEEPALIVE and End-of-RIB", BOUND, || {
            kinds(&mut recorder, from).starts_with(&[1, 4, 2])
        });
    }
}

/// Routers in one namespace that are hard to end, and the process id of one of them.
fn start_lively_routers(lab: &Lab) -> (Vec<lab::Router>, String) {
    let inside = lab.namespace("inside");
    let start = |(index, model): (usize, &Model)| {
        let port = 1790 + u16::try_from(index).unwrap();
        model.start(&inside, &Config::new(65001, "10.0.0.1").port(port))
    };
    let routers: Vec<_> = LIVELY.iter().enumerate().map(start).collect();
    let process = routers[0].daemon().id().to_string();
    (routers, process)
}

/// A cable into the namespace of a process: the kernel removes our end when that namespace is no more.
struct Probe<'a> {
    observer: &'a Namespace,
    net: PathBuf,
    folder: PathBuf,
}

impl<'a> Probe<'a> {
    fn attach(observer: &'a Namespace, process: &str, folder: PathBuf) -> Self {
        let net = PathBuf::from(format!("/proc/{process}/ns/net"));
        observer.ip(&format!("link add probe type veth peer name probed netns {}", net.display()));
        let probe = Self { observer, net: fs::read_link(net).unwrap(), folder };
        assert!(processes_in(&probe.net) >= 6 && probe.folder.exists() && probe.sees_namespace());
        probe
    }

    fn sees_namespace(&self) -> bool {
        let mut command = lab::program("ip");
        command.args(["link", "show", "probe"]);
        self.observer.output(command).is_ok()
    }

    fn wait_gone(&self, lab: &Lab) {
        lab.wait_until("the last process to end", BOUND, || processes_in(&self.net) == 0);
        lab.wait_until("the namespace to end", BOUND, || !self.sees_namespace());
        lab.wait_until("the folder to be removed", BOUND, || !self.folder.exists());
    }
}

/// How many processes have this network namespace.
fn processes_in(net: &Path) -> usize {
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    all.filter(|process| fs::read_link(process.path().join("ns/net")).is_ok_and(|one| one == net)).count()
}

/// This test program again, for one test that is otherwise ignored.
fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", test, "--test-threads=2"])
        .env("RUST_BACKTRACE", "0")
        .env("LAB_VICTIM", "1");
    if test.contains("waits") {
        command.arg("--nocapture").stdin(Stdio::piped());
    }
    command
}

/// Whether [`again`] runs it, not somebody who runs all ignored tests.
fn is_victim() -> bool {
    std::env::var_os("LAB_VICTIM").is_some()
}

fn message(caught: std::thread::Result<()>) -> String {
    let panic = caught.expect_err("it panics");
    panic.downcast_ref::<String>().cloned().expect("the message is formatted")
}
