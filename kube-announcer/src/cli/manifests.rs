//! `manifests`: all that an installation takes.

use super::print;
use clap::Args;
use kube_announcer::manifests::{ApiServer, Extra, Image, Namespace, Settings};
use std::{num::NonZeroU16, process::ExitCode};

const IMAGE: &str = concat!("kube-announcer:", env!("CARGO_PKG_VERSION"));

/// Print the whole installation for `kubectl apply -f -`: namespace, kinds, rights, and a pod on every node
///
/// Nothing in it has a privilege that announcing does not take; comments say why what is unusual is there.
#[derive(Args)]
#[command(after_help = AFTER)]
pub(super) struct Arguments {
    /// The namespace that it lives in, and where Secrets with passwords are
    #[arg(long, value_name = "NAME", default_value = "kube-announcer")]
    namespace: Namespace,
    /// The image, by the name under which your nodes get it
    #[arg(long, value_name = "IMAGE", default_value = IMAGE)]
    image: Image,
    /// The port for metrics and health, on every node
    #[arg(long, value_name = "PORT", default_value = "9479")]
    metrics_port: NonZeroU16,
    /// The API server itself, where its Service cannot be relied on (no kube-proxy before we announce)
    #[arg(long, value_name = "HOST[:PORT]")]
    api_server: Option<ApiServer>,
    /// For BgpPeers with `nodes`: listen on port 179, as root with NET_BIND_SERVICE
    #[arg(long)]
    mesh: bool,
    /// For BgpPeers with `interface`: find the other end of a link, as root with NET_RAW
    #[arg(long)]
    unnumbered: bool,
    /// For `import`, `podPrefixes`, `serviceCidrs` and `aggregate`: put routes into the kernel, as root with NET_ADMIN
    #[arg(long)]
    kernel_routes: bool,
}

const AFTER: &str = "\
Examples:
  kube-announcer manifests --image registry.example.com/kube-announcer:0.1.0 | kubectl apply -f -
  kube-announcer manifests | kubectl diff -f -               what an upgrade would change
  kubectl -n kube-announcer delete daemonset kube-announcer --cascade=foreground     routes go first,
  kube-announcer manifests | kubectl delete -f -                                     and then everything";

impl Arguments {
    fn settings(self) -> Settings {
        let extras = [
            (self.mesh, Extra::Mesh),
            (self.unnumbered, Extra::Unnumbered),
            (self.kernel_routes, Extra::KernelRoutes),
        ];
        Settings {
            namespace: self.namespace,
            image: self.image,
            metrics_port: self.metrics_port,
            api_server: self.api_server,
            extras: extras.into_iter().filter(|(wanted, _)| *wanted).map(|(_, extra)| extra).collect(),
        }
    }
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    print(&arguments.settings().manifests()?);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use clap::Parser as _;
    use kube_announcer::manifests::{Extra, Settings};
    use serde_json::Value;

    /// What the pods are started with.
    fn arguments(settings: &Settings) -> Vec<String> {
        let text = settings.manifests().unwrap();
        let (_, daemonset) = text.split_once("kind: DaemonSet").unwrap();
        let daemonset: Value = serde_saphyr::from_str(&format!("kind: DaemonSet{daemonset}")).unwrap();
        let arguments = &daemonset["spec"]["template"]["spec"]["containers"][0]["args"];
        arguments.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_pods_are_started_with_words_that_the_program_knows() {
        let settings = |extras| Settings {
            namespace: "a".parse().unwrap(),
            image: "a".parse().unwrap(),
            metrics_port: 9479.try_into().unwrap(),
            api_server: None,
            extras,
        };
        for extras in [vec![], Extra::ALL.to_vec()] {
            let words = arguments(&settings(extras));
            assert_eq!(words[0], "run");
            let parsed = Cli::try_parse_from([vec!["kube-announcer".to_owned()], words].concat());
            assert!(parsed.is_ok(), "{}", parsed.err().unwrap());
        }
    }
}
