//! The program, on a folder of manifests.

use super::router::within;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStderr, Command},
    sync::watch,
};

/// A folder of manifests, and the socket beside it.
pub(crate) struct Files {
    root: TempDir,
}

impl Files {
    /// A cluster of two nodes, of which the first announces its pod range and two Services to a router at this port.
    pub(crate) fn new(port: u16) -> Self {
        let files = Files { root: tempfile::tempdir().unwrap() };
        fs::create_dir(files.manifests()).unwrap();
        files.write("bgp.yaml", &BGP.replace("PORT", &port.to_string()));
        files.write("nodes.yaml", &(node(1) + &node(2)));
        let services = [("web", "203.0.113.10"), ("api", "203.0.113.20")];
        let text: String = services.map(|(name, ip)| files.service(name, "LoadBalancer", ip)).concat();
        files.write("services.yaml", &(text + "# a remark\n"));
        files.write(
            "slices.yaml",
            &(files.slice("web", "node-1") + &files.slice("api", "node-1") + "# more\n"),
        );
        files
    }

    fn manifests(&self) -> PathBuf {
        self.root.path().join("manifests")
    }

    fn socket(&self) -> PathBuf {
        self.root.path().join("api.sock")
    }

    /// A file is there at once, whole.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let new = self.root.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.manifests().join(name)).unwrap();
    }

    pub(crate) fn change(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.manifests().join(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        self.write(name, &text.replace(from, to));
    }

    pub(crate) fn service(&self, name: &str, kind: &str, address: &str) -> String {
        let ingress = if address.is_empty() { String::new() } else { format!("{{ip: {address}}}") };
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{type: {kind}, externalTrafficPolicy: Local, clusterIP: 10.96.0.{}, ports: [{{port: 80}}]}}\n\
             status: {{loadBalancer: {{ingress: [{ingress}]}}}}\n---\n",
            name.len()
        )
    }

    pub(crate) fn slice(&self, service: &str, node: &str) -> String {
        format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {service}\n  namespace: shop\n  \
             labels: {{kubernetes.io/service-name: {service}}}\naddressType: IPv4\nendpoints:\n  \
             - {{addresses: [10.244.1.1], nodeName: {node}, conditions: {{ready: true}}}} # {service}\n---\n"
        )
    }
}

fn node(number: u8) -> String {
    format!(
        "apiVersion: v1\nkind: Node\nmetadata: {{name: node-{number}}}\n\
         spec: {{podCIDRs: [10.244.{number}.0/24, \"fd00:10:244:{number}::/64\"]}}\n\
         status:\n  addresses:\n  - {{type: InternalIP, address: 192.0.2.1{number}}}\n  \
         - {{type: InternalIP, address: \"2001:db8::1{number}\"}}\n---\n"
    )
}

const BGP: &str = r#"
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: tor}
spec:
  localAsn: 64512
  asn: 65000
  address: 127.0.0.1
  port: PORT
  families: [ipv4, ipv6]
  timers: {connectRetry: 1s}
  gracefulRestart: {restartTime: 120s}
  attributes: {nextHop: internalIP}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: pods}
spec:
  sources: [{podCidrs: {}}]
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: services}
spec:
  allowedCidrs: [203.0.113.0/24]
  sources: [{services: {}}]
  attributes: {communities: ["64512:100"]}
"#;

/// A BgpPeer of all nodes with each other.
pub(crate) fn mesh(port: u16) -> String {
    format!(
        "apiVersion: kube-announcer.io/v1alpha1\nkind: BgpPeer\nmetadata: {{name: mesh}}\n\
         spec: {{localAsn: 64512, asn: internal, nodes: {{selector: {{}}}}, port: {port}}}\n"
    )
}

/// The program as it runs for a node.
pub(crate) struct Announcer {
    child: Child,
    socket: PathBuf,
    logged: watch::Receiver<String>,
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_kube-announcer");

impl Announcer {
    pub(crate) fn start(files: &Files, more: &[&str]) -> Self {
        Announcer::start_as("node-1", files, more)
    }

    pub(crate) fn start_as(node: &str, files: &Files, more: &[&str]) -> Self {
        let manifests = files.manifests();
        let words = ["--node", node, "--manifests", text(&manifests)];
        Announcer::run(files.socket(), &[&words, more].concat())
    }

    pub(crate) fn run(socket: PathBuf, more: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["run", "--socket", text(&socket)])
            .args(more)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (log, logged) = watch::channel(String::new());
        tokio::spawn(follow(child.stderr.take().unwrap(), log));
        Announcer { child, socket, logged }
    }

    /// It has said something in its log.
    pub(crate) async fn logs(&self, what: &str) {
        let mut logged = self.logged.clone();
        let seen = within(what, logged.wait_for(|all| all.contains(what))).await;
        assert!(seen.is_ok(), "it ended before: {}", *self.logged.borrow());
    }

    /// Where it answers, as its log says.
    pub(crate) async fn http(&self) -> String {
        let before = "metrics and health are at http://";
        self.logs(before).await;
        let logged = self.logged.borrow();
        let (_, place) = logged.split_once(before).unwrap();
        place.split('"').next().unwrap().to_owned()
    }

    /// The end of its pod.
    pub(crate) fn end(&self) {
        let id = self.child.id().unwrap();
        kill(Pid::from_raw(id.try_into().unwrap()), Signal::SIGTERM).unwrap();
    }

    pub(crate) async fn ended(mut self) {
        let status = within("its end", self.child.wait()).await.unwrap();
        assert!(status.success(), "{}", *self.logged.borrow());
    }

    /// What the program answers to these words.
    pub(crate) async fn ask(&self, words: &[&str]) -> String {
        let asked = Command::new(PROGRAM).args(words).args(["--socket", text(&self.socket)]).output();
        let output = within("an answer", asked).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

async fn follow(log: ChildStderr, said: watch::Sender<String>) {
    let mut lines = BufReader::new(log).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        said.send_modify(|all| *all += &(line + "\n"));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
