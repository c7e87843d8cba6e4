//! All that an installation in a cluster takes, as YAML for `kubectl apply`: texts, for what is unusual in them wants a
//! comment, with a few places to fill in.

mod settings;

pub use settings::{ApiServer, Image, Namespace};

use crate::crd;
use std::{fmt::Write, num::NonZeroU16};

/// What an installation is to be like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it lives.
    pub namespace: Namespace,
    /// What it runs.
    pub image: Image,
    /// The port of metrics and health, on every node.
    pub metrics_port: NonZeroU16,
    /// Where the API server is, if not where its Service says.
    pub api_server: Option<ApiServer>,
    /// What it does beside announcing.
    pub extras: Vec<Extra>,
}

/// What an announcer may do that takes a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Nodes talk to each other, so each listens.
    Mesh,
    /// Peers are found on a link by router advertisements.
    Unnumbered,
    /// Routes are put into the nodes' kernels.
    KernelRoutes,
}

/// What it costs.
struct Row {
    extra: Extra,
    capability: &'static str,
    why: &'static str,
    /// What `run` is told.
    argument: Option<&'static str>,
}

/// In the order of [`Extra`].
const ROWS: [Row; 3] = [
    Row {
        extra: Extra::Mesh,
        capability: "NET_BIND_SERVICE",
        why: "the nodes of a mesh listen on port 179",
        argument: None,
    },
    Row {
        extra: Extra::Unnumbered,
        capability: "NET_RAW",
        why: "a peer without an address is found by ICMPv6, which is a raw socket",
        argument: None,
    },
    Row {
        extra: Extra::KernelRoutes,
        capability: "NET_ADMIN",
        why: "what peers teach, ranges behind pods and aggregates are routes in the node's kernel",
        argument: Some("--kernel-routes"),
    },
];

impl Extra {
    /// All of them.
    pub const ALL: [Extra; ROWS.len()] = [ROWS[0].extra, ROWS[1].extra, ROWS[2].extra];
}

impl Settings {
    /// The whole of it.
    pub fn manifests(&self) -> Result<String, serde_saphyr::ser::Error> {
        let mut text = self.fill(include_str!("namespace.yaml"));
        for definition in crd::definitions() {
            text += "---\n";
            text += &serde_saphyr::to_string(&definition)?;
        }
        text += &self.fill(include_str!("rights.yaml"));
        text += &self.fill(include_str!("daemonset.yaml"));
        Ok(text)
    }

    fn fill(&self, template: &str) -> String {
        let port = self.metrics_port.to_string();
        let mut text = template
            .replace("@namespace@", &self.namespace.to_string())
            .replace("@image@", &self.image.to_string())
            .replace("@metrics-port@", &port);
        for (place, lines) in [
            ("@user@\n", self.user()),
            ("@arguments@\n", self.arguments()),
            ("@environment@\n", self.environment()),
            ("@capabilities@\n", self.capabilities()),
        ] {
            text = text.replace(place, &lines);
        }
        text
    }

    fn rows(&self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(|row| self.extras.contains(&row.extra))
    }

    fn user(&self) -> String {
        let lines = if self.extras.is_empty() {
            "runAsNonRoot: true\nrunAsUser: 65532\nrunAsGroup: 65532\n"
        } else {
            "# A pod cannot give capabilities to anybody but root: so root, with those below and no other.\n\
             runAsUser: 0\nrunAsGroup: 0\n"
        };
        indented(8, lines)
    }

    fn arguments(&self) -> String {
        let arguments = self.rows().filter_map(|row| row.argument);
        arguments.map(|argument| format!("{:8}- {argument}\n", "")).collect()
    }

    fn environment(&self) -> String {
        let Some(ApiServer { host, port }) = &self.api_server else { return String::new() };
        let lines = format!(
            "# The API server itself, and not its Service: that may be behind what has yet to be announced.\n\
             - name: KUBERNETES_SERVICE_HOST\n  value: \"{host}\"\n\
             - name: KUBERNETES_SERVICE_PORT\n  value: \"{port}\"\n"
        );
        indented(8, &lines)
    }

    fn capabilities(&self) -> String {
        let mut lines = String::new();
        for Row { capability, why, .. } in self.rows() {
            let _ = write!(lines, "# {why}\n- {capability}\n");
        }
        if lines.is_empty() { lines } else { format!("{}{}", indented(12, "add:\n"), indented(12, &lines)) }
    }
}

fn indented(by: usize, lines: &str) -> String {
    lines.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}
