//! A client of the API server with every right: writes the cluster, and changes it.

use crate::load::now;
use http::Request;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use lab::Namespace;
use serde_json::Value;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Requests under way at once.
const AT_ONCE: u32 = 24;
/// The longest that a request may take.
const BOUND: Duration = Duration::from_secs(30);
/// A merge patch: what it names is replaced.
pub const MERGE: &str = "application/merge-patch+json";
/// A JSON patch: it names places inside of lists, too.
pub const STEPS: &str = "application/json-patch+json";

/// A client in a namespace.
pub struct Writer {
    namespace: Namespace,
    runtime: Runtime,
    api: Api,
}

/// What can be asked, also by many at once.
#[derive(Clone)]
pub struct Api(Client);

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// `GET` and the like.
    pub method: &'static str,
    /// Which thing.
    pub path: String,
    /// What kind of body it is.
    pub kind: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    /// Asks for something.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Call { method: "GET", path: path.to_owned(), kind: "application/json", body: Vec::new() }
    }

    /// Makes an object.
    #[must_use]
    pub fn create(path: String, object: &Value) -> Self {
        Call { method: "POST", path, kind: "application/json", body: object.to_string().into() }
    }

    /// Changes an object, in one of two languages.
    #[must_use]
    pub fn patch(path: String, kind: &'static str, patch: &Value) -> Self {
        Call { method: "PATCH", path, kind, body: patch.to_string().into() }
    }
}

impl Api {
    /// Asks, and gives the answer.
    ///
    /// # Errors
    /// The server refuses or is not there.
    pub async fn call(&self, call: &Call) -> Result<String, String> {
        let request = Request::builder().method(call.method).uri(&call.path);
        let request = request.header("content-type", call.kind).body(call.body.clone());
        let asked = self.0.request_text(request.map_err(|e| e.to_string())?);
        let said = timeout(BOUND, asked).await.map_err(|_| format!("no answer in {BOUND:?}"));
        said.and_then(|said| said.map_err(|e| e.to_string()))
            .map_err(|why| format!("{} {}: {why}", call.method, call.path))
    }
}

impl Writer {
    /// A client with the rights that a kubeconfig file gives, in a namespace.
    ///
    /// # Panics
    /// When the file is none.
    #[must_use]
    pub fn new(namespace: &Namespace, kubeconfig: &Path) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let api = namespace.run(|| {
            runtime.block_on(async {
                let file = Kubeconfig::read_from(kubeconfig).expect("the lab wrote it");
                let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
                Api(Client::try_from(config.expect("it is whole")).expect("it makes a client"))
            })
        });
        Writer { namespace: namespace.clone(), runtime, api }
    }

    /// Does something with it, in its namespace.
    pub fn run<T: Send, F: Future<Output = T>>(&self, work: impl FnOnce(Api) -> F + Send) -> T {
        let (runtime, api) = (&self.runtime, self.api.clone());
        self.namespace.run(|| runtime.block_on(work(api)))
    }

    /// Makes one call.
    ///
    /// # Errors
    /// The server refuses or is not there.
    pub fn call(&self, call: &Call) -> Result<String, String> {
        self.run(|api| async move { api.call(call).await })
    }

    /// Makes many calls, several at once; each number up to `count` stands for some that follow each other. With a pace
    /// none is made before its time.
    ///
    /// # Panics
    /// When the server refuses one.
    pub fn all(
        &self,
        count: u32,
        pace: Option<Duration>,
        calls: impl Fn(u32) -> Vec<Call> + Send + Sync + 'static,
    ) {
        let (calls, next) = (Arc::new(calls), Arc::new(AtomicU32::new(0)));
        self.run(|api| async move {
            let (mut tasks, start) = (JoinSet::new(), now());
            for _ in 0..AT_ONCE {
                let (api, calls, next) = (api.clone(), Arc::clone(&calls), Arc::clone(&next));
                tasks.spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Relaxed);
                        if number >= count {
                            return;
                        }
                        if let Some(pace) = pace {
                            sleep((start + pace * number).saturating_sub(now())).await;
                        }
                        for call in calls(number) {
                            api.call(&call).await.unwrap_or_else(|why| panic!("{why}"));
                        }
                    }
                });
            }
            tasks.join_all().await;
        });
    }
}
