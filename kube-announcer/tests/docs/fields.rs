//! The tables of fields in docs/peers.md and docs/announcing.md: every field of the schemas has a row, and no other.

use kube_announcer::crd::definitions;
use lab::docs::top;
use serde_json::Value;
use std::{collections::BTreeSet, fs};

/// Fields that a row of another page, or a row for the whole, is about.
const WHOLE: &[&str] = &["nodeSelector", "selector", "podSelector", "attributes", "probe"];

/// The leaves of a schema, by their paths; lists count as what they hold.
fn leaves(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let schema = schema.get("items").filter(|items| items.get("properties").is_some()).unwrap_or(schema);
    let last = path.rsplit('.').next().unwrap_or_default();
    let fields = schema.get("properties").and_then(Value::as_object).filter(|_| !WHOLE.contains(&last));
    match fields {
        Some(fields) if !fields.is_empty() => {
            let path = if path.is_empty() { String::new() } else { format!("{path}.") };
            fields.iter().for_each(|(name, field)| leaves(field, &format!("{path}{name}"), found));
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

fn schema(kind: &str) -> Value {
    let all = definitions().map(|definition| serde_json::to_value(definition).unwrap());
    let found = all.into_iter().find(|definition| definition["spec"]["names"]["kind"] == kind).unwrap();
    found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

/// The first cells of all rows of a page's tables of fields.
fn rows(page: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(top().join(page)).unwrap();
    let mut found = BTreeSet::new();
    let mut on = false;
    for line in text.lines() {
        on = line.starts_with("| field |") || (on && line.starts_with('|'));
        let cell = line.split('|').nth(1).unwrap_or_default().trim();
        if on && cell.starts_with('`') {
            found.insert(cell.trim_matches('`').to_owned());
        }
    }
    found
}

#[test]
fn every_field_of_a_peer_has_a_row() {
    let mut fields = BTreeSet::new();
    leaves(&schema("BgpPeer"), "", &mut fields);
    assert!(fields.len() > 20);
    assert_eq!(rows("docs/peers.md"), fields);
}

#[test]
fn every_field_of_an_advertisement_has_a_row() {
    let mut written = BTreeSet::new();
    leaves(&schema("BgpAdvertisement"), "", &mut written);
    let mut attributes = BTreeSet::new();
    let of_attributes = schema("BgpAdvertisement")["properties"]["attributes"]["properties"].clone();
    let of_attributes = of_attributes.as_object().unwrap();
    attributes.extend(of_attributes.keys().map(|name| format!("attributes.{name}")));
    // A source by itself, and a list of sources, have sections of their own.
    let sources = written.iter().filter_map(|path| path.strip_prefix("sources."));
    let sources: BTreeSet<_> = sources.filter(|path| path.contains('.')).map(str::to_owned).collect();
    let others = written.iter().filter(|path| !path.starts_with("sources.")).cloned();
    let mut fields: BTreeSet<_> = others.chain(sources).chain(attributes).collect();
    fields.insert("sources".to_owned());
    assert!(fields.len() > 30);
    assert_eq!(rows("docs/announcing.md"), fields);
}
