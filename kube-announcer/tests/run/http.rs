//! Metrics and health, as a kubelet and Prometheus ask for them.

use super::{
    announcer::{Announcer, Files},
    router::{Router, within},
};
use std::{collections::BTreeMap, fs, path::Path};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const HTTP: [&str; 2] = ["--http", "127.0.0.1:0"];

/// The status and the body.
pub(crate) async fn fetch(place: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(place).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    within("an answer", stream.read_to_string(&mut text)).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// What is answered once it is this.
async fn until(place: &str, path: &str, status: u16, part: &str) {
    let answered = async {
        loop {
            let (now, body) = fetch(place, path).await;
            if now == status && body.contains(part) {
                return;
            }
        }
    };
    within(part, answered).await;
}

/// All series with their values.
async fn metrics(place: &str) -> BTreeMap<String, f64> {
    let (status, text) = fetch(place, "/metrics").await;
    assert_eq!(status, 200, "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut all = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let before = all.insert(name.to_owned(), value.parse().unwrap());
        assert!(before.is_none(), "{name} is there twice");
    }
    all
}

#[tokio::test]
async fn metrics_of_the_plan_and_of_the_speaker_are_on_one_port_and_follow_what_happens() {
    let mut router = Router::new().await;
    let files = Files::new(router.port);
    files.write("more.yaml", &files.service("lost", "LoadBalancer", "198.51.100.1"));
    let announcer = Announcer::start(&files, &HTTP);
    let place = announcer.http().await;
    router.up().await;
    router.whole().await;
    assert_eq!(fetch(&place, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(fetch(&place, "/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(fetch(&place, "/peers").await.0, 404);

    let all = metrics(&place).await;
    let expected = [
        ("kube_announcer_objects{kind=\"Service\"}", 3.0),
        ("kube_announcer_objects{kind=\"BgpPeer\"}", 1.0),
        ("kube_announcer_objects{kind=\"Secret\"}", 0.0),
        ("kube_announcer_prefixes_announced{source=\"podCidrs\"}", 2.0),
        ("kube_announcer_prefixes_announced{source=\"services\"}", 2.0),
        ("kube_announcer_prefixes_withheld{source=\"services\",reason=\"outside-allowed-cidrs\"}", 1.0),
        ("kube_announcer_conflicts", 0.0),
        ("kube_announcer_peers_wanted", 1.0),
        ("kube_announcer_peers_up", 1.0),
        ("bgp_peers{state=\"Established\"}", 1.0),
    ];
    for (name, value) in expected {
        assert_eq!(all.get(name), Some(&value), "{name} in {all:#?}");
    }
    let plans = all["kube_announcer_plan_seconds_count"];
    assert!(plans >= 1.0);
    assert!(!all.keys().any(|name| name.starts_with("kube_announcer_objects_refused")));

    // A mistake, and an endpoint that goes.
    files.change("bgp.yaml", "address: 127.0.0.1", "address: nowhere");
    announcer.logs("BgpPeer tor").await;
    files.change("slices.yaml", "ready: true}} # web", "ready: false}} # web");
    announcer.logs("203.0.113.10/32 is not announced").await;
    let all = metrics(&place).await;
    assert_eq!(all["kube_announcer_objects_refused{kind=\"BgpPeer\"}"], 1.0);
    assert_eq!(all["kube_announcer_prefixes_announced{source=\"services\"}"], 1.0);
    assert_eq!(all["kube_announcer_prefixes_withheld{source=\"services\",reason=\"no-endpoints\"}"], 1.0);
    assert!(all["kube_announcer_plan_seconds_count"] >= plans + 2.0);
}

#[tokio::test]
async fn it_is_ready_without_a_word_from_peers_that_nothing_is_taken_from() {
    let mut router = Router::new().await;
    let files = Files::new(router.port);
    let announcer = Announcer::start(&files, &["--restarting", HTTP[0], HTTP[1]]);
    let place = announcer.http().await;
    // Its peer has not even a session yet, and a rollout does not wait for a router that is dead.
    until(&place, "/readyz", 200, "ok").await;
    assert_eq!(fetch(&place, "/healthz").await.0, 200);
    router.up().await;
    router.whole().await;
    assert_eq!(fetch(&place, "/readyz").await, (200, "ok\n".to_owned()));
}

#[tokio::test]
async fn it_lives_and_is_not_ready_while_it_waits_for_its_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    // Nobody listens at this port of loopback.
    fs::write(&kubeconfig, KUBECONFIG).unwrap();
    let words = ["--node", "node-1", "--kubeconfig", kubeconfig.to_str().unwrap(), HTTP[0], HTTP[1]];
    let announcer = Announcer::run(folder.path().join("api.sock"), &words);
    let place = announcer.http().await;
    until(&place, "/readyz", 503, "there is no plan yet: the API server does not answer").await;
    let (status, body) = fetch(&place, "/healthz").await;
    assert_eq!((status, body.contains("waits for the objects of the cluster")), (200, true), "{body}");
    let all = metrics(&place).await;
    assert_eq!(all.get("kube_announcer_api_away"), Some(&1.0), "{all:?}");
    assert!(!all.contains_key("kube_announcer_peers_wanted"), "nobody knows yet");
    announcer.end();
    announcer.ended().await;
}

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
clusters: [{name: away, cluster: {server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}}]
users: [{name: somebody, user: {token: secret}}]
contexts: [{name: away, context: {cluster: away, user: somebody}}]
current-context: away
";

/// The rows of the tables of docs/metrics.md: names with what they are.
fn documented(docs: &str) -> BTreeMap<&str, &str> {
    let rows = docs.lines().filter(|line| line.starts_with("| `kube_announcer_"));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[1].trim_matches('`'), cells[3])).collect()
}

#[tokio::test]
async fn the_docs_have_every_metric_with_its_meaning_and_ask_for_none_that_is_not_there() {
    let router = Router::new().await;
    let files = Files::new(router.port);
    let announcer = Announcer::start(&files, &HTTP);
    let place = announcer.http().await;
    until(&place, "/readyz", 200, "ok").await;
    let (_, text) = fetch(&place, "/metrics").await;
    let help = text.lines().filter_map(|line| line.strip_prefix("# HELP kube_announcer_"));
    let served: BTreeMap<_, _> = help.map(|line| line.split_once(' ').unwrap()).collect();
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md")).unwrap();
    let documented: BTreeMap<_, _> = documented(&docs)
        .into_iter()
        .map(|(name, meaning)| (name.trim_start_matches("kube_announcer_"), meaning))
        .collect();
    assert_eq!(documented, served);

    let alerts = docs.lines().filter(|line| line.trim_start().starts_with("expr: "));
    let words = alerts.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let asked: Vec<_> =
        words.filter(|word| word.starts_with("kube_announcer_") || word.starts_with("bgp_")).collect();
    assert!(asked.len() >= 3, "{asked:?}");
    for name in asked {
        let base = name.trim_end_matches("_total");
        assert!(text.contains(&format!("# TYPE {base} ")), "an alert asks for {name}");
    }
}
