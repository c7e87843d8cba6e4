//! A Deployment whose pods are namespaces behind their nodes: they come, go and fail while two clients send.

use crate::{
    kinds::slices,
    world::{BOUND, World},
};
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) const WEB: &str = "203.0.113.10";
const WEB_ROUTE: &str = "203.0.113.10/32";

/// A pod waits until the test, its kubelet, has a way to it, and is there until the test takes that away.
const DEPLOYMENT: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, finalizers: [example.com/kubelet]}
    spec:
      schedulingGates: [{name: example.com/kubelet}]
      containers: [{name: web, image: none}]
";

/// A pod of the Deployment, as far as a kubelet looks at it.
struct Pod {
    name: String,
    /// 0: it has none yet.
    node: usize,
    waits: bool,
    goes: bool,
    is_ready: bool,
}

impl Pod {
    fn read(pod: &Value) -> Pod {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let node = pod["spec"]["nodeName"].as_str().and_then(|node| node.strip_prefix("node-"));
        Pod {
            name: pod["metadata"]["name"].as_str().unwrap().to_owned(),
            node: node.map_or(0, |n| n.parse().unwrap()),
            waits: pod["spec"]["schedulingGates"].is_array(),
            goes: !pod["metadata"]["deletionTimestamp"].is_null(),
            is_ready: conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"),
        }
    }

    fn all(world: &World) -> Vec<Pod> {
        world.list("pods -l app=web").iter().map(Pod::read).collect()
    }

    /// Those that are ready and stay.
    fn ready(world: &World) -> Vec<Pod> {
        Pod::all(world).into_iter().filter(|pod| pod.is_ready && !pod.goes).collect()
    }
}

/// What kubelets do of the Deployment's pods, once: pods that go serve until no router has a route to them, and pods that
/// wait get a node where none is.
fn kubelets(world: &World) {
    let pods = Pod::all(world);
    let mut taken: BTreeSet<usize> = pods.iter().map(|pod| pod.node).collect();
    for pod in &pods {
        if pod.goes {
            let n = char::from_digit(u32::try_from(pod.node).unwrap(), 10).unwrap();
            world.wait(format!("no route to the pod on node {n}, which terminates and serves"), || {
                let held = world.routers.iter().map(|router| World::held(router).remove(WEB_ROUTE));
                held.flatten().all(|nodes| !nodes.contains(n))
            });
            world.no_longer_serve(pod.node, WEB);
            gone(world, &pod.name);
            taken.remove(&pod.node);
        } else if pod.waits
            && let Some(node) = (1..=3).find(|node| !taken.contains(node))
        {
            taken.insert(node);
            world.serve(node, WEB);
            let spec = format!(
                r#"{{"nodeSelector":{{"kubernetes.io/hostname":"node-{node}"}},"schedulingGates":null}}"#
            );
            world.kubectl(&format!(r#"patch pod {} -p {{"spec":{spec}}}"#, pod.name));
        }
    }
}

/// A pod that was told to go is gone.
fn gone(world: &World, pod: &str) {
    let remove = r#"[{"op":"remove","path":"/metadata/finalizers"}]"#;
    world.kubectl(&format!("patch pod {pod} --type=json -p {remove}"));
}

/// Kubelets are at work until two pods are ready, and no other is left.
fn settle(world: &World, what: &str, and: impl Fn() -> bool) {
    let settled = lab::within(2 * BOUND, || {
        kubelets(world);
        (Pod::ready(world).len() == 2 && Pod::all(world).len() == 2 && and()).then_some(())
    });
    settled.unwrap_or_else(|| world.wait(what, || false));
    world.routed(what, &[(WEB_ROUTE, &nodes(world))]);
}

/// The nodes of the pods that are ready.
fn nodes(world: &World) -> String {
    let nodes: BTreeSet<_> = Pod::ready(world).iter().map(|pod| pod.node.to_string()).collect();
    nodes.into_iter().collect()
}

fn set_ready(world: &World, pod: &str, ready: &str) {
    let condition = format!(r#"{{"type":"Ready","status":"{ready}"}}"#);
    let patch = format!(r#"{{"status":{{"conditions":[{condition}]}}}}"#);
    world.kubectl(&format!("patch pod {pod} --subresource=status -p {patch}"));
}

pub(crate) fn pods_come_and_go_under_load(world: &mut World) {
    world.listen(WEB);
    world.cluster.apply(DEPLOYMENT);
    world.give("web", &format!(r#"{{"ip":"{WEB}"}}"#));
    settle(world, "two pods", || true);
    world.reachable(WEB);

    let lost = world.lost("a pod that is unready and serves", WEB, || {
        let pod = Pod::ready(world).remove(0);
        set_ready(world, &pod.name, "False");
        world.routed("one pod", &[(WEB_ROUTE, &nodes(world))]);
        world.no_longer_serve(pod.node, WEB);
        world.serve(pod.node, WEB);
        set_ready(world, &pod.name, "True");
        settle(world, "both pods", || true);
    });
    assert_eq!(lost, [0, 0]);

    let lost = world.lost("a pod that terminates and serves", WEB, || {
        let pod = Pod::ready(world).remove(0);
        world.kubectl(&format!("delete pod {} --wait=false", pod.name));
        settle(world, "another pod in its place", || Pod::all(world).iter().all(|one| one.name != pod.name));
    });
    assert_eq!(lost, [0, 0]);

    let before: Vec<_> = Pod::all(world).into_iter().map(|pod| pod.name).collect();
    let lost = world.lost("a rolling update", WEB, || {
        world.kubectl("rollout restart deployment web");
        settle(world, "pods of the new version", || {
            Pod::all(world).iter().all(|pod| !before.contains(&pod.name))
        });
    });
    assert_eq!(lost, [0, 0]);

    killed(world);
    the_last_pods_serve_while_they_terminate(world);
}

/// Nobody can know before it is written somewhere that the pod is gone. Half of the packets are its own until then.
fn killed(world: &World) {
    let pod = Pod::ready(world).remove(0);
    let lost =
        world.lost("a pod that is killed, until a kubectl that is started then has said so", WEB, || {
            gone(world, &pod.name);
            world.no_longer_serve(pod.node, WEB);
            world.kubectl(&format!("delete pod {} --grace-period=0 --force", pod.name));
            settle(world, "another pod in its place", || {
                Pod::all(world).iter().all(|one| one.name != pod.name)
            });
        });
    assert!(lost.iter().all(|lost| *lost > 0), "what is lost is counted: {lost:?}");
    let lost = world.lost("after that", WEB, || world.routed("both", &[(WEB_ROUTE, &nodes(world))]));
    assert_eq!(lost, [0, 0]);
}

/// Where nobody is ready, those that terminate keep their routes, for as long as they are there.
fn the_last_pods_serve_while_they_terminate(world: &World) {
    let nodes = nodes(world);
    let lost = world.lost("the last pods terminate", WEB, || {
        world.kubectl("scale deployment web --replicas=0");
        world.wait("slices that say so", || {
            let slices = world.list("endpointslices -l kubernetes.io/service-name=web");
            let endpoints: Vec<_> = slices
                .iter()
                .flat_map(|slice| slice["endpoints"].as_array().cloned().unwrap_or_default())
                .collect();
            endpoints.len() == 2 && endpoints.iter().all(|one| one["conditions"]["terminating"] == true)
        });
        // Whoever has heard this has heard that.
        world.cluster.apply(&slices("local", "1"));
        world.routed("the last pods", &[("203.0.113.22/32", "1"), (WEB_ROUTE, &nodes)]);
    });
    assert_eq!(lost, [0, 0]);
    for pod in Pod::all(world) {
        world.no_longer_serve(pod.node, WEB);
        gone(world, &pod.name);
    }
    world.routed("no pods", &[(WEB_ROUTE, "")]);
}
