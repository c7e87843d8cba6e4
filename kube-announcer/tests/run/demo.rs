//! The demo, as somebody sees it who pipes it somewhere.

use super::router::{Router, within};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

fn demo(folder: &Path, words: &[&str]) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_kube-announcer"));
    // Its manifests lie here, and are to be gone when it ends.
    demo.arg("demo").args(words).env("TMPDIR", folder).stdout(Stdio::piped()).kill_on_drop(true);
    demo
}

/// Nobody measures the same time twice, and the program lies elsewhere on each machine.
fn without_times(text: &str) -> String {
    let text = text.replace(env!("CARGO_BIN_EXE_kube-announcer"), "kube-announcer");
    let line = |line: &str| match line.split_once(" ms") {
        Some((number, rest)) if number.trim().parse::<f64>().is_ok() => format!("   N.N ms{rest}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn the_demo_ends_by_itself_with_what_the_router_has() {
    let folder = tempfile::tempdir().unwrap();
    let output = within("the end of the demo", demo(folder.path(), &[]).output()).await.unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let asked = "$ kube-announcer why 203.0.113.10 --manifests examples/cluster --node node-1\n  \
                 203.0.113.10/32 is announced on node-1.\n";
    assert!(text.replace(env!("CARGO_BIN_EXE_kube-announcer"), "kube-announcer").contains(asked), "{text}");
    let last = text.split_once("\nWhat the router has now\n").expect("it has a last screen").1;
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("demo_last_screen", without_times(last));
    });
    assert!(is_empty(folder.path()), "it leaves something behind");
}

#[tokio::test]
async fn one_node_is_played_against_a_real_router() {
    let folder = tempfile::tempdir().unwrap();
    let mut router = Router::new().await;
    let address = format!("127.0.0.1:{}", router.port);
    let playing = demo(folder.path(), &["--peer", &address, "--node", "node-2"]).spawn().unwrap();
    router.up().await;
    router.whole().await;
    assert_eq!(router.routes["203.0.113.10/32"], "192.0.2.12 64512:100");
    while !router.routes.contains_key("198.51.100.9/32") {
        router.next().await;
    }
    let read = async { while router.next_or_end().await.is_some() {} };
    let (output, ()) = tokio::join!(within("the end of the demo", playing.wait_with_output()), read);
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(text.contains("\nWhat the router was sent\n"), "{text}");
}

#[tokio::test]
async fn ctrl_c_ends_it_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody answers there.
    let mut playing: Child = demo(folder.path(), &["--peer", "127.0.0.1:1"]).spawn().unwrap();
    let mut lines = BufReader::new(playing.stdout.take().unwrap()).lines();
    let shown = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("No session yet: ") {
                return;
            }
        }
        panic!("it does not say what keeps the session from coming up");
    };
    within("what keeps the session from coming up", shown).await;
    kill(Pid::from_raw(playing.id().unwrap().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert!(within("its end", playing.wait()).await.unwrap().success());
    assert!(is_empty(folder.path()));
}
