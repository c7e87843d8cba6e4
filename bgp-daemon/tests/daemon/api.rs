//! The API as docs/api.md has it.

use crate::{pair, world::World};
use bgp_daemon::api::{client::Client, document};
use hyper::Method;
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs};

/// The names of a document's fields as the page has them.
fn documented() -> BTreeMap<String, Vec<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    let page = fs::read_to_string(page).unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current = None;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            current = Some(found.entry(heading.to_owned()).or_default());
        } else if let (Some(fields), Some(row)) = (current.as_mut(), line.strip_prefix("| `")) {
            fields.push(row.split_once('`').unwrap().0.to_owned());
        }
    }
    found
}

fn fields<T: Default + Serialize>() -> Vec<String> {
    let Value::Object(fields) = serde_json::to_value(T::default()).unwrap() else { panic!("no document") };
    let mut names: Vec<_> = fields.into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}

macro_rules! documents {
    ($($name:ident)*) => { [$((stringify!($name), fields::<document::$name>())),*] };
}

#[test]
fn the_page_names_every_field_of_every_document_and_no_other() {
    let mut page = documented();
    let documents = documents![
        Attributes Bfd Comparison Config Counts Difference Done Ended Export Fault From Group Kernel Memory Messages Other Peer
        Policy Prefix Route Rule Sample Status Why
    ];
    for (name, fields) in documents {
        let mut named = page.remove(name).unwrap_or_else(|| panic!("docs/api.md has no {name}"));
        named.sort();
        assert_eq!(named, fields, "{name}");
    }
    assert_eq!(page, BTreeMap::new(), "there are no such documents");
}

#[test]
fn every_path_of_the_page_answers() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    let page = fs::read_to_string(page).unwrap();
    let world = World::new();
    let [edge, _transit] = pair(&world);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(vec![edge.socket.clone()]);
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let paths = rows.filter_map(|(path, rest)| Some((path.split_once(' ')?, rest)));
    let mut seen = 0;
    for ((method, path), rest) in paths {
        seen += 1;
        // These have tests of their own, and what embeds a speaker has paths of its own.
        if matches!(path, "/leave" | "/kernel?watch=true" | "/program/…") {
            continue;
        }
        let path =
            path.replace("&watch=true", "").replace("=X", "=203.0.113.0/24").replace("/X", "/203.0.113.7");
        let path = path.replace("=M", "=exact").replace("=P", "=transit").replace("/P", "/transit");
        let body = rest
            .split_once("body `")
            .and_then(|(_, body)| body.split_once('`'))
            .map(|(body, _)| body.to_owned());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        runtime.block_on(async {
            let answer = client.ask(method, &path, body).await;
            let mut answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
            let text = answer.whole().await.unwrap();
            text.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).for_each(|line| {
                serde_json::from_slice::<Value>(line).unwrap_or_else(|error| panic!("{path}: {error}"));
            });
        });
    }
    assert_eq!(seen, 21);
}

#[test]
fn a_list_is_told_while_it_is_made_and_stops_when_nobody_reads() {
    let world = World::new();
    let [edge, _transit] = pair(&world);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(vec![edge.socket.clone()]);
    runtime.block_on(async {
        let mut watch =
            client.ask(Method::GET, "/routes?watch=true&prefix=192.0.2.0/24", None).await.unwrap();
        let body = |prefix: &str| Some(format!("{{\"prefix\": \"{prefix}\"}}"));
        client.ask(Method::POST, "/announce", body("192.0.2.0/24")).await.unwrap();
        let line = watch.line().await.unwrap().unwrap();
        let seen: document::Prefix = watch.read(&line).unwrap();
        assert_eq!(
            (seen.prefix.as_str(), seen.routes[0].from.owner.as_deref()),
            ("192.0.2.0/24", Some("cli"))
        );
        client.ask(Method::POST, "/withdraw", body("192.0.2.0/24")).await.unwrap();
        let line = watch.line().await.unwrap().unwrap();
        assert_eq!(watch.read::<document::Prefix>(&line).unwrap().routes, []);
    });
}
