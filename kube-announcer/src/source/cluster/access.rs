//! How the API server is reached: from a pod by its service account, from elsewhere by a kubeconfig.

use anyhow::{Context, anyhow, bail};
use hyper_util::{
    client::legacy::{Client as Transport, connect::HttpConnector},
    rt::TokioExecutor,
};
use k8s_openapi::api::apps::v1::DaemonSet;
use kube::{
    Api, Client, Config,
    client::{Body, ConfigExt},
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{fmt, path::Path, time::Duration};
use tokio::time::timeout;
use tower::{BoxError, ServiceBuilder};

/// How long a connection may take: whoever dials again after that is back soon after the server is.
const DIAL: Duration = Duration::from_secs(1);
/// A connection on which nothing is said is asked whether it lives: then, and as often, before it counts as dead.
const IDLE: Duration = Duration::from_secs(5);
const ASKED_EVERY: Duration = Duration::from_secs(2);
const ASKED: u32 = 3;
/// What is sent and not acknowledged for as long ends a connection.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// As much of an answer is held at a time: each watch has a connection of its own.
const HELD: usize = 64 * 1024;

/// How long the end waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a pod is told of its API server.
const SERVER: &str = "KUBERNETES_SERVICE_HOST";

/// A way to the API server.
#[derive(Clone)]
pub struct Access {
    client: Client,
    server: Box<str>,
    namespace: Box<str>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access({})", self.server)
    }
}

impl Access {
    /// As a kubeconfig says.
    ///
    /// # Errors
    /// The file cannot be read, or says something that cannot be used.
    pub async fn kubeconfig(file: &Path) -> anyhow::Result<Self> {
        let said = || format!("--kubeconfig {}", file.display());
        let kubeconfig = Kubeconfig::read_from(file).with_context(said)?;
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.with_context(said)?;
        Access::new(config).with_context(said)
    }

    /// As a pod is told.
    ///
    /// # Errors
    /// This is no pod, or one without a service account's token.
    pub fn in_cluster() -> anyhow::Result<Self> {
        if std::env::var_os(SERVER).is_none() {
            bail!(
                "nothing says where the cluster is, and this is no pod of one ({SERVER} is not set); \
                 use --kubeconfig FILE, or --manifests DIR for a folder of manifests"
            );
        }
        let config = Config::incluster().context(
            "this pod cannot use its service account; let the pod have its token \
             (automountServiceAccountToken: true)",
        )?;
        Access::new(config)
    }

    fn new(mut config: Config) -> anyhow::Result<Self> {
        if let Some(proxy) = &config.proxy_url {
            bail!("the proxy {proxy} cannot be used; reach the API server directly (proxy-url, HTTPS_PROXY)");
        }
        // Whoever is told to come again later decides that himself.
        config.default_retry = false;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(DIAL));
        tcp.set_keepalive(Some(IDLE));
        tcp.set_keepalive_interval(Some(ASKED_EVERY));
        tcp.set_keepalive_retries(Some(ASKED));
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        if config.root_cert.is_none() && !has_to_prove(&config) {
            config.root_cert = Some(Vec::new());
        }
        let tls = config.rustls_https_connector_with_connector(tcp).map_err(|error| match config.root_cert {
            Some(_) => error.into(),
            None => anyhow!(
                "no certificate-authority is written there, and this machine knows no authorities of its own; \
                 write the cluster's (certificate-authority or certificate-authority-data), or install \
                 ca-certificates"
            ),
        })?;
        let mut transport = Transport::builder(TokioExecutor::new());
        transport.http1_max_buf_size(HELD);
        let transport = transport.build::<_, Body>(tls);
        let service = ServiceBuilder::new()
            .layer(config.base_uri_layer())
            .option_layer(config.auth_layer()?)
            .layer(config.extra_headers_layer()?)
            .map_err(BoxError::from)
            .service(transport);
        let client = Client::new(service, config.default_namespace.clone());
        let server = config.cluster_url.to_string().trim_end_matches('/').into();
        Ok(Access { client, server, namespace: config.default_namespace.into() })
    }

    /// A client for whoever asks something else of the same server.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The server's address, for people.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The namespace that it names: a pod's own.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether a DaemonSet is gone, or about to be. Not where the server does not say so at once.
    pub async fn is_leaving(&self, namespace: &str, daemonset: &str) -> bool {
        let of: Api<DaemonSet> = Api::namespaced(self.client(), namespace);
        match timeout(PATIENCE, of.get_metadata_opt(daemonset)).await {
            Ok(Ok(found)) => found.is_none_or(|found| found.metadata.deletion_timestamp.is_some()),
            Ok(Err(error)) => {
                tracing::warn!("DaemonSet {namespace}/{daemonset}: {error}; this counts as a restart");
                false
            }
            Err(_) => false,
        }
    }
}

/// Whether the server has to show a certificate: else it does not matter what authorities this machine knows.
fn has_to_prove(config: &Config) -> bool {
    config.cluster_url.scheme_str() != Some("http") && !config.accept_invalid_certs
}
