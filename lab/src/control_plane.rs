//! A real Kubernetes control plane in a network namespace, so that its fixed ports never meet another's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::daemon::Daemon;
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::programs::{self, Age};

/// How long it may take to come up, and an object to appear.
const BOUND: Duration = Duration::from_secs(90);
const API_PORT: u16 = 6443;
const ETCD_OPTIONS: &str = "--unsafe-no-fsync
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380
    --initial-cluster default=http://127.0.0.1:2380";
const API_OPTIONS: &str = "--etcd-servers http://127.0.0.1:2379
    --bind-address 0.0.0.0 --advertise-address 127.0.0.1 --secure-port 6443
    --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range 10.96.0.0/16,fd00:10:96::/112
    --authorization-mode RBAC --endpoint-reconciler-type none";
/// What service accounts of our own namespace ask for, a line as each request begins.
const AUDIT_POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted, ResponseComplete, Panic]
rules:
- {level: Metadata, userGroups: [\"system:serviceaccounts:kube-announcer\"]}
- {level: None}
";
const CONTROLLER_OPTIONS: &str = "--allocate-node-cidrs --cluster-cidr 10.64.0.0/12,fd00:10:64::/48
    --leader-elect=false --use-service-account-credentials --bind-address 127.0.0.1";

/// Who may ask: everything, and nothing but what a test allows.
const TOKENS: &str = "admin-token,admin,1,\"system:masters\"\nannouncer-token,announcer,2\n";

/// A running control plane. Fields are dropped from the top: the API server goes before its etcd.
pub struct ControlPlane {
    controllers: Vec<Daemon>,
    /// `None`: it is stopped.
    api: Option<Daemon>,
    etcd: Daemon,
    namespace: Namespace,
    folder: PathBuf,
}

impl ControlPlane {
    /// etcd and the API server: the test writes every object itself. About 3 s and 310 MB.
    ///
    /// # Panics
    /// When it does not come up, with what its programs logged.
    #[must_use]
    #[track_caller]
    pub fn api(lab: &Lab, namespace: &Namespace) -> Self {
        let (folder, _) = namespace.core.keeper.folder(Age::Host, "kube").unwrap_or_else(|e| panic!("{e}"));
        let key = folder.join("sa.key");
        write(&folder, "tokens.csv", TOKENS);
        write(&folder, "audit.yaml", AUDIT_POLICY);
        write(&folder, "kubeconfig", &kubeconfig("127.0.0.1", "admin"));
        let mut openssl = programs::program("openssl");
        openssl.args(["genrsa", "-out"]).arg(&key).arg("2048");
        namespace.output(openssl).unwrap_or_else(|e| panic!("{e}"));

        let mut etcd = program("etcd", ETCD_OPTIONS);
        etcd.arg("--data-dir").arg(folder.join("etcd"));
        let etcd = namespace.start("etcd", etcd);
        let api = Some(start_api(namespace, &folder));
        let made = Self { controllers: Vec::new(), api, etcd, namespace: namespace.clone(), folder };
        made.wait_ready(lab);
        made
    }

    /// The API server with the real controllers and scheduler, and fake kubelets: nodes get pod CIDRs, pods become
    /// ready, their endpoint slices follow. About 700 MB.
    ///
    /// # Panics
    /// When it does not come up, with what its programs logged.
    #[must_use]
    #[track_caller]
    pub fn whole(lab: &Lab, namespace: &Namespace) -> Self {
        let mut made = Self::api(lab, namespace);
        let config = made.kubeconfig();
        let key = made.folder.join("sa.key");
        let stages = programs::kube().unwrap_or_default().join("kwok-stages.yaml");
        let certs = made.folder.join("certs");
        let mut controllers = program("kube-controller-manager", CONTROLLER_OPTIONS);
        controllers.arg("--service-account-private-key-file").arg(key).arg("--cert-dir").arg(&certs);
        let mut scheduler = program("kube-scheduler", "--leader-elect=false --bind-address 127.0.0.1");
        scheduler.arg("--cert-dir").arg(&certs);
        let mut kwok = program("kwok", "--manage-all-nodes=true --node-lease-duration-seconds 40");
        kwok.arg("--config").arg(stages);
        for (name, mut command) in
            [("kube-controller-manager", controllers), ("kube-scheduler", scheduler), ("kwok", kwok)]
        {
            command.arg("--kubeconfig").arg(&config);
            made.controllers.push(namespace.start(name, command));
        }
        lab.wait_until("the controllers to be at work", BOUND, || {
            made.kubectl("get serviceaccount default").is_ok()
        });
        made
    }

    /// Kills the API server, as a machine that fails does. What it knows is in its etcd.
    pub fn stop_api(&mut self) {
        self.api = None;
    }

    /// Starts it again, and does not wait for it.
    pub fn start_api(&mut self) {
        self.api = Some(start_api(&self.namespace, &self.folder));
    }

    /// Waits for the API server.
    ///
    /// # Panics
    /// When it does not come up, with what its programs logged.
    #[track_caller]
    pub fn wait_ready(&self, lab: &Lab) {
        lab.wait_until("the API server to be ready", BOUND, || {
            assert!(
                self.api.as_ref().is_some_and(Daemon::is_running) && self.etcd.is_running(),
                "a program of the control plane has ended"
            );
            self.kubectl("get --raw /readyz").is_ok()
        });
    }

    /// The file that tells clients in its namespace how to reach it, with every right.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The same for clients elsewhere, who reach it at an address of its namespace.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn kubeconfig_at(&self, address: &str) -> PathBuf {
        write(&self.folder, &format!("kubeconfig-{address}"), &kubeconfig(address, "admin"))
    }

    /// The same for the user `announcer`, who may do nothing but what objects of RBAC allow.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn kubeconfig_of_announcer(&self, address: &str) -> PathBuf {
        write(&self.folder, &format!("announcer-{address}"), &kubeconfig(address, "announcer"))
    }

    /// What the service accounts of the namespace `kube-announcer` asked for so far, each request as the API server
    /// writes it into its audit log.
    ///
    /// # Panics
    /// When the log cannot be read.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.folder.join("audit.log")).unwrap_or_default();
        // The last line may be on its way.
        let (whole, _) = log.rsplit_once('\n').unwrap_or_default();
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
            .collect()
    }

    /// `kubectl` with these words.
    ///
    /// # Errors
    /// When it does not succeed: what it said.
    pub fn kubectl(&self, words: &str) -> Result<String, String> {
        self.namespace.output(self.kubectl_command(words))
    }

    /// `kubectl -o json` with these words.
    ///
    /// # Errors
    /// When it does not succeed, or prints no JSON.
    pub fn json(&self, words: &str) -> Result<Value, String> {
        let printed = self.kubectl(&format!("{words} -o json"))?;
        serde_json::from_str(&printed).map_err(|e| format!("kubectl {words} printed no JSON ({e})"))
    }

    /// Writes objects, given as YAML or JSON.
    ///
    /// # Panics
    /// When the API server refuses one of them.
    #[track_caller]
    pub fn apply(&self, objects: &str) {
        let file = write(&self.folder, "apply.yaml", objects);
        let mut command = self.kubectl_command("apply --server-side --filename");
        command.arg(file);
        self.namespace.output(command).unwrap_or_else(|e| panic!("{e}"));
    }

    fn kubectl_command(&self, words: &str) -> Command {
        let mut command = program("kubectl", words);
        command.env("KUBECONFIG", self.kubeconfig()).env("HOME", &self.folder);
        command
    }
}

/// One of the control plane's programs, with words as arguments.
fn program(name: &str, words: &str) -> Command {
    let mut command = Command::new(programs::kube().unwrap_or_default().join(name));
    command.args(words.split_whitespace());
    command
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    file
}

fn start_api(namespace: &Namespace, folder: &Path) -> Daemon {
    let mut api = program("kube-apiserver", API_OPTIONS);
    for (option, file) in [
        ("--cert-dir", "certs"),
        ("--service-account-signing-key-file", "sa.key"),
        ("--service-account-key-file", "sa.key"),
        ("--token-auth-file", "tokens.csv"),
        ("--audit-policy-file", "audit.yaml"),
        ("--audit-log-path", "audit.log"),
    ] {
        api.arg(option).arg(folder.join(file));
    }
    namespace.start("kube-apiserver", api)
}

fn kubeconfig(server: &str, user: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
clusters: [{{name: lab, cluster: {{server: \"https://{server}:{API_PORT}\", insecure-skip-tls-verify: true}}}}]
users: [{{name: {user}, user: {{token: {user}-token}}}}]
contexts: [{{name: lab, context: {{cluster: lab, user: {user}}}}}]
current-context: lab
"
    )
}
