//! The command line, as people and CI jobs use it: on the example cluster, and on folders with mistakes.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

/// Runs the program in the repository's folder.
fn run(words: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Command::new(env!("CARGO_BIN_EXE_kube-announcer")).args(words).current_dir(root).output().unwrap()
}

/// What it prints, with the exit status as the last line.
fn shown(words: &str) -> String {
    let Output { status, stdout, stderr } = run(&words.split_whitespace().collect::<Vec<_>>());
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    format!("$ kube-announcer {words}\n{text}[exit status {}]\n", status.code().unwrap())
}

fn json(words: &str) -> serde_json::Value {
    let Output { stdout, .. } = run(&words.split_whitespace().collect::<Vec<_>>());
    serde_json::from_slice(&stdout).unwrap()
}

#[test]
fn check_shows_what_every_node_would_announce_and_what_is_wrong() {
    insta::assert_snapshot!(shown("check examples/cluster"));
}

#[test]
fn check_of_one_node_shows_every_decision_on_it() {
    insta::assert_snapshot!(shown("check examples/cluster --node node-2"));
}

#[test]
fn why_gives_the_chain_from_object_to_peers() {
    let asked = [
        "203.0.113.10 --node node-1",
        "203.0.113.10 --node node-3",
        "203.0.113.20 --node node-1",
        "203.0.113.30 --node node-3",
        "10.96.0.10 --node node-3",
        "198.51.100.7 --node node-2",
        "198.51.100.8 --node node-3",
        "192.0.2.99 --node node-2",
        "10.244.1.40 --node node-1",
        "10.244.2.40 --node node-2",
        "198.51.100.130 --node node-3",
        "198.18.0.0/24 --node node-3",
        "192.0.2.77",
    ];
    let answers = asked.map(|words| shown(&format!("why {words} --manifests examples/cluster")));
    insta::assert_snapshot!(answers.join("\n"));
}

#[test]
fn routes_and_peers_of_a_node_are_listed() {
    let words =
        ["routes", "peers"].map(|word| shown(&format!("{word} --manifests examples/cluster --node node-1")));
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn the_router_s_configuration_follows_from_the_manifests() {
    insta::assert_snapshot!(shown("router-config --for frr --manifests examples/cluster"));
}

#[test]
fn two_clusters_share_a_router_and_are_told_apart() {
    let words = "router-config --for bird --manifests examples/cluster --community 65000:1 \
                 --manifests examples/cluster --community 65000:2";
    let text = shown(words);
    for part in ["template bgp cluster_tor {", "bgp_community.add((65000,1))", "bgp_community.add((65000,2))"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn what_only_the_router_or_the_operator_knows_is_asked_for_or_marked() {
    let folder = tempfile::tempdir().unwrap();
    let example =
        fs::read_to_string(format!("{}/../examples/cluster/1-nodes.yaml", env!("CARGO_MANIFEST_DIR")));
    fs::write(folder.path().join("nodes.yaml"), example.unwrap()).unwrap();
    let with = |places: &[&str], more: &str| {
        let peers = places.iter().enumerate().map(|(number, place)| {
            format!(
                "apiVersion: kube-announcer.io/v1alpha1\nkind: BgpPeer\nmetadata: {{name: p{number}}}\n\
                 spec: {{localAsn: 64512, {place}}}\n---\n"
            )
        });
        fs::write(folder.path().join("bgp.yaml"), peers.collect::<String>()).unwrap();
        let text = shown(&format!("router-config --for frr --manifests {} {more}", folder.path().display()));
        text.split_once('\n').unwrap().1.to_owned()
    };
    let cases: [(&[&str], &str, &str); 8] = [
        (
            &["asn: 65000, gateway: true"],
            "",
            "peer with their default gateway; add --router with its address",
        ),
        (&["asn: 65000, interface: eth0"], "", "LINK-TO-node-1 interface peer-group p0"),
        (
            &["asn: 65000, interface: eth0"],
            "",
            "put the router's own name of each interface in place of LINK-TO-…",
        ),
        (&["asn: 65000, gateway: true"], "--router 192.0.2.1", "192.0.2.11 peer-group p0"),
        (&["asn: external, address: 192.0.2.1"], "", "do not say the router's AS; add --asn"),
        (&["asn: internal, address: 192.0.2.1"], "", "router bgp 64512"),
        (
            &["asn: 65000, address: 192.0.2.1", "asn: 65000, address: 192.0.2.2"],
            "",
            "know several routers; add --router with one of 192.0.2.1, 192.0.2.2",
        ),
        (
            &["asn: 65000, address: 192.0.2.1"],
            "--router 192.0.2.9",
            "no node peers with it; the manifests know 192.0.2.1",
        ),
    ];
    for (places, more, said) in cases {
        let text = with(places, more);
        assert!(text.contains(said), "{places:?} {more}: {said} is not in\n{text}");
    }
}

#[test]
fn help_teaches() {
    let all = ["--help", "check --help", "why --help", "router-config --help"].map(shown);
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn json_says_the_same_to_programs() {
    let report = json("check examples/cluster --json");
    assert_eq!(report["nodes"], serde_json::json!(["node-1", "node-2", "node-3"]));
    let prefixes = report["prefixes"].as_array().unwrap();
    let web = prefixes.iter().find(|prefix| prefix["prefix"] == "203.0.113.10/32").unwrap();
    assert_eq!(web["shares"][0]["nodes"], serde_json::json!(["node-1", "node-2"]));
    assert_eq!(web["shares"][1]["reason"]["code"], "no-local-endpoint");
    let answers = json("why 203.0.113.10 --manifests examples/cluster --node node-1 --json");
    assert_eq!(answers[0]["prefixes"][0]["told"][0]["attributes"]["nextHop"], "192.0.2.11");
    assert_eq!(json("peers --manifests examples/cluster --node node-1 --json")[0]["asn"], "65000");
    assert!(
        json("routes --manifests examples/cluster --node node-1 --json")[0]["announced"].as_bool().unwrap()
    );
}

#[test]
fn every_mistake_is_shown_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    write(
        "bgp.yaml",
        "apiVersion: kube-announcer.io/v1alpha1\nkind: BgpPeer\nmetadata: {name: tor}\n\
         spec: {localAsn: 64512, asn: 65000, address: 192.0.2.256, timers: {hold: 2s}}\n\
         ---\napiVersion: kube-announcer.io/v1alpha1\nkind: BgpPeer\nmetadata: {name: spine}\n\
         spec: {localAsn: 64512, asn: 65000, address: 192.0.2.2, passwordSecretRef: {name: gone}}\n\
         ---\napiVersion: kube-announcer.io/v1alpha1\nkind: BgpPeer\nmetadata: {name: leaf}\n\
         spec: {localAsn: 64512, asn: 65000, address: 192.0.2.3}\n\
         ---\napiVersion: kube-announcer.io/v1alpha1\nkind: BgpAdvertisement\nmetadata: {name: all}\n\
         spec: {sources: [{services: {}}], attributes: {localPref: 200}}\n",
    );
    write(
        "cluster.yaml",
        "apiVersion: v1\nkind: Node\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\n\
         metadata: {name: web}\nspec: {type: LoadBalancer, ports: [{port: http}]}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: dns}\nspec: {type: LoadBalancer}\n\
         status: {loadBalancer: {ingress: [{ip: 203.0.113.1}, {ip: 203.0.113.999}]}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\nkind: [\n",
    );
    let Output { stdout, .. } = run(&["check", folder.path().to_str().unwrap()]);
    insta::assert_snapshot!(String::from_utf8(stdout).unwrap());
}

#[test]
fn what_may_not_be_meant_is_a_warning_and_no_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    write(
        "bgp.yaml",
        "apiVersion: kube-announcer.io/v1alpha1\nkind: BgpPeer\nmetadata: {name: tor}\n\
         spec: {localAsn: 64512, asn: 65000, address: 192.0.2.1}\n\
         ---\napiVersion: kube-announcer.io/v1alpha1\nkind: BgpAdvertisement\nmetadata: {name: all}\n\
         spec: {allowedCidrs: [203.0.113.0/24], sources: [{services: {from: all}}], attributes: {localPref: 200}}\n",
    );
    let service = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{type: LoadBalancer, ports: [{{port: 80}}]}}\n\
             status: {{loadBalancer: {{ingress: [{{ip: 203.0.113.1}}]}}}}\n---\n"
        )
    };
    write("services.yaml", &(service("one") + &service("other")));
    let check = || {
        let Output { status, stdout, .. } = run(&["check", folder.path().to_str().unwrap()]);
        assert!(status.success());
        String::from_utf8(stdout).unwrap()
    };
    assert!(check().contains("the manifests have no Node"), "{}", check());
    write("nodes.yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: a}\n");
    insta::assert_snapshot!(check());
}

#[test]
fn the_exit_status_tells_ci_how_it_went() {
    let status = |words: &[&str]| run(words).status.code().unwrap();
    assert_eq!(status(&["check", "examples/cluster"]), 1, "it holds a mistake on purpose");
    assert_eq!(status(&["check", "examples/cluster", "--node", "node-1"]), 1);
    assert_eq!(status(&["check", "/no/such/folder"]), 2);
    assert_eq!(
        status(&["why", "203.0.113.10", "--manifests", "examples/cluster", "--node", "no-such-node"]),
        2
    );
    let folder = tempfile::tempdir().unwrap();
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: a}\n";
    fs::write(folder.path().join("a.yaml"), node).unwrap();
    assert_eq!(status(&["check", folder.path().to_str().unwrap()]), 0);
    assert_eq!(status(&["check", "--host", "--root", "/no/such/root"]), 0);
}

#[test]
fn a_kubeconfig_without_an_authority_is_refused_only_where_one_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let first_line = |cluster: &str| {
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}], \
             clusters: [{{name: a, cluster: {{{cluster}}}}}], users: [{{name: a, user: {{token: t}}}}]}}"
        );
        fs::write(&kubeconfig, text).unwrap();
        let mut announcer = Command::new(env!("CARGO_BIN_EXE_kube-announcer"))
            .args(["run", "--node", "node-1", "--socket"])
            .arg(folder.path().join("api.sock"))
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .env("SSL_CERT_FILE", folder.path().join("none"))
            .env("SSL_CERT_DIR", folder.path().join("none"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(announcer.stderr.take().unwrap()).read_line(&mut line).unwrap();
        announcer.kill().unwrap();
        announcer.wait().unwrap();
        line
    };
    let refused = first_line("server: 'https://127.0.0.1:1'");
    assert!(
        refused.contains("write the cluster's (certificate-authority or certificate-authority-data)"),
        "{refused}"
    );
    for cluster in
        ["server: 'http://127.0.0.1:1'", "server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true"]
    {
        let started = first_line(cluster);
        assert!(started.contains("is away: "), "{cluster}: {started}");
    }
}
