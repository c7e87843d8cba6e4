//! What a watch says, line by line, and a list, page by page: each object is read by itself, so that one that cannot be
//! read harms no other.

use crate::{
    crd::check::Mistake,
    object::{Key, Kind, Object},
    source::Change,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Something that a watch says.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// An object is there, or is gone.
    Change(Change),
    /// An object is there that cannot be read.
    Refused(Mistake),
    /// A version from which it can go on; `true`: all that was there before has been told.
    Mark(bool),
    /// It cannot go on.
    Failed(Status),
}

/// Why a request failed, as the API server says it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    /// As of HTTP.
    pub(super) code: u16,
    /// For people.
    pub(super) message: String,
    pub(super) details: Details,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Details {
    retry_after_seconds: u64,
}

impl Status {
    /// How many seconds to wait, if it says so.
    pub(super) fn retry_after(&self) -> Option<u64> {
        Some(self.details.retry_after_seconds).filter(|seconds| *seconds > 0)
    }
}

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(default)]
    pub(super) metadata: PageMeta,
    #[serde(borrow, default)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PageMeta {
    pub(super) resource_version: String,
    /// Where the next page begins; empty: this is the last.
    #[serde(rename = "continue")]
    pub(super) next: String,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    what: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// As much of an object as names it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    metadata: HeadMeta,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct HeadMeta {
    name: String,
    namespace: Option<String>,
    resource_version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Marked {
    metadata: Annotated,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotated {
    annotations: Option<BTreeMap<String, String>>,
}

/// The annotation of the mark behind all that was there.
const ALL_TOLD: &str = "k8s.io/initial-events-end";

/// What a line of a watch says, and the version that the kind has then.
pub(super) fn read(kind: Kind, line: &[u8]) -> Result<(Event, Option<String>), String> {
    // Almost every line, and large ones: what is not so is read again, piece by piece.
    if let Some(object) = kind.told(line) {
        return there(kind, object, line);
    }
    let unread = |_: serde_json::Error| format!("this is no event: {}", shown(kind, line));
    let Line { what, object } = serde_json::from_slice(line).map_err(unread)?;
    match what {
        "ADDED" | "MODIFIED" => applied(kind, object.get()),
        "DELETED" => {
            let Head { metadata } = serde_json::from_str(object.get()).map_err(unread)?;
            let key = Key::written(kind, metadata.namespace.as_deref(), &metadata.name);
            Ok((Event::Change(Change::Remove(key)), version(metadata.resource_version)))
        }
        "BOOKMARK" => {
            let Head { metadata } = serde_json::from_str(object.get()).map_err(unread)?;
            let marked: Marked = serde_json::from_str(object.get()).unwrap_or_default();
            let all = marked.metadata.annotations.is_some_and(|said| said.contains_key(ALL_TOLD));
            Ok((Event::Mark(all), version(metadata.resource_version)))
        }
        "ERROR" => Ok((Event::Failed(serde_json::from_str(object.get()).unwrap_or_default()), None)),
        other => Err(format!("nobody knows what {other:?} is: {}", shown(kind, line))),
    }
}

/// What an object says, in a list or a watch.
pub(super) fn applied(kind: Kind, text: &str) -> Result<(Event, Option<String>), String> {
    match kind.parse(text) {
        Ok(object) => there(kind, object, text.as_bytes()),
        Err(wrong) => {
            let head: Head = serde_json::from_str(text)
                .map_err(|_| format!("a {kind} without a name that can be read, at {}", wrong.field))?;
            let HeadMeta { name, namespace, resource_version } = head.metadata;
            let object = Key::written(kind, namespace.as_deref(), &name);
            // A parser quotes what it cannot read.
            let said = if kind == Kind::Secret { "it cannot be read" } else { &wrong.message };
            let message = format!("{said}; write it as `kubectl explain {kind}` says");
            let mistake = Mistake { object, field: wrong.field, message };
            Ok((Event::Refused(mistake), version(resource_version)))
        }
    }
}

/// An object that is there, with its version.
fn there(kind: Kind, object: Object, octets: &[u8]) -> Result<(Event, Option<String>), String> {
    let metadata = object.metadata();
    if metadata.name.as_ref().is_none_or(String::is_empty) {
        return Err(format!("a {kind} without a name: {}", shown(kind, octets)));
    }
    let seen = metadata.resource_version.clone();
    Ok((Event::Change(Change::Apply(Box::new(object))), seen))
}

fn version(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// The beginning of what nobody understands; of Secrets nothing is shown.
fn shown(kind: Kind, octets: &[u8]) -> String {
    if kind == Kind::Secret {
        return "…".to_owned();
    }
    String::from_utf8_lossy(octets).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        match read(Kind::Service, line.as_bytes()) {
            Ok((Event::Change(Change::Apply(object)), version)) => format!("+{} {version:?}", object.key()),
            Ok((Event::Change(Change::Remove(key)), version)) => format!("-{key} {version:?}"),
            Ok((Event::Refused(mistake), version)) => format!("{mistake} {version:?}"),
            Ok((Event::Mark(all), version)) => format!("{all} {version:?}"),
            Ok((Event::Failed(status), _)) => {
                format!("{} {} {:?}", status.code, status.message, status.retry_after())
            }
            Err(text) => format!("!{text}"),
        }
    }

    #[test]
    fn each_line_is_read_by_itself() {
        let cases = [
            (
                r#"{"type":"ADDED","object":{"metadata":{"name":"a","namespace":"n","resourceVersion":"7"}}}"#,
                r#"+Service n/a Some("7")"#,
            ),
            (
                r#"{"type":"DELETED","object":{"metadata":{"name":"a","namespace":"n","resourceVersion":"8"},"spec":5}}"#,
                r#"-Service n/a Some("8")"#,
            ),
            (
                r#"{"type":"MODIFIED","object":{"metadata":{"name":"a","namespace":"n","resourceVersion":"9"},"spec":{"ports":[{"port":80},{"port":"web"}]}}}"#,
                "Service n/a: spec.ports[1].port: invalid type: string \"web\", expected u16 at line 1 column 105; \
                 write it as `kubectl explain Service` says Some(\"9\")",
            ),
            (r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"10"}}}"#, r#"false Some("10")"#),
            (
                r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"11","annotations":{"k8s.io/initial-events-end":"true"}}}}"#,
                r#"true Some("11")"#,
            ),
            (r#"{"type":"ERROR","object":{"code":410,"message":"too old"}}"#, "410 too old None"),
            (
                r#"{"type":"ERROR","object":{"code":429,"message":"later","details":{"retryAfterSeconds":3}}}"#,
                "429 later Some(3)",
            ),
            (
                r#"{"type":"ADDED","object":{"metadata":5}}"#,
                "!a Service without a name that can be read, at metadata",
            ),
            (r#"{"type":"ADDED","object":{}}"#, r#"!a Service without a name: {"type""#),
            (r#"{"type":"OTHER","object":{}}"#, r#"!nobody knows what "OTHER" is"#),
            ("no JSON", "!this is no event: no JSON"),
        ];
        for (line, expected) in cases {
            let said = said(line);
            assert!(said.starts_with(expected), "{said}\n{expected}");
        }
    }
}
