//! What a program asked the API server for, by the server's own audit log.

use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// Requests, by verb and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests(BTreeMap<String, usize>);

impl Requests {
    /// Lines of an audit log.
    #[must_use]
    pub fn count(lines: &[Value]) -> Self {
        let mut counted = Requests::default();
        for line in lines {
            *counted.0.entry(name(line)).or_default() += 1;
        }
        counted
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }
}

/// `watch endpointslices`, `patch bgpnodestates/status`, `get /version`.
fn name(line: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let about = &line["objectRef"];
    let mut thing = text(&about["resource"]);
    if thing.is_empty() {
        thing = text(&line["requestURI"]);
    }
    if let Some(part) = about["subresource"].as_str() {
        thing = format!("{thing}/{part}");
    }
    // A watch that begins with a list is both.
    let streams = text(&line["requestURI"]).contains("sendInitialEvents=true");
    format!("{}{} {thing}", if streams { "list+" } else { "" }, text(&line["verb"]))
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(name, times)| match times {
            1 => name.clone(),
            times => format!("{times}× {name}"),
        });
        f.write_str(&shown.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_are_counted_by_verb_and_kind() {
        let line = |verb: &str, resource: &str, uri: &str| json!({ "verb": verb, "objectRef": { "resource": resource }, "requestURI": uri });
        let lines = [
            line("watch", "nodes", "/api/v1/nodes?watch=1&sendInitialEvents=true"),
            line("watch", "pods", "/api/v1/pods?watch=1"),
            line("watch", "pods", "/api/v1/pods?watch=1"),
            json!({ "verb": "get", "requestURI": "/version" }),
        ];
        let counted = Requests::count(&lines);
        assert_eq!(counted.total(), 4);
        assert_eq!(counted.to_string(), "get /version, list+watch nodes, 2× watch pods");
    }
}
