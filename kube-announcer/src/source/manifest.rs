//! A manifest: octets in, objects and mistakes out. YAML or JSON, several documents, lists.
//!
//! A document is read by itself, so a mistake in one costs the others nothing.

use super::defaults;
use crate::object::{Key, Kind, Object};
use serde_json::Value;
use std::{collections::BTreeSet, fmt};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The objects with the lines where they begin, in the order of the file.
    pub objects: Vec<(Object, usize)>,
    /// What cannot be read.
    pub mistakes: Vec<Mistake>,
    /// Kinds of objects that no plan reads.
    pub unread: BTreeSet<Unread>,
}

/// Something in a file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file.
    pub file: Box<str>,
    /// The line; 0: all of it.
    pub line: usize,
    /// The object, where it could be told.
    pub object: Option<Key>,
    /// The value, what is wrong with it and what to do, as a sentence.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mistake { file, line, object, message } = self;
        match line {
            0 => write!(f, "{file}: ")?,
            line => write!(f, "{file}:{line}: ")?,
        }
        if let Some(object) = object {
            write!(f, "{object}: ")?;
        }
        f.write_str(message)
    }
}

impl std::error::Error for Mistake {}

/// A kind of object that no plan reads: `Deployment (apps/v1)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    /// The kind.
    pub kind: Box<str>,
    /// The group and version.
    pub api_version: Box<str>,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, self.api_version)
    }
}

/// The endings of files that are manifests.
pub const ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];

impl Manifest {
    /// Reads a file. Its name is what mistakes call it, and says what it is written in.
    pub fn read(file: &str, octets: &[u8]) -> Self {
        let mut reader = Reader { file, manifest: Manifest::default() };
        match str::from_utf8(octets) {
            Err(error) => {
                let line = 1 + octets[..error.valid_up_to()].iter().filter(|octet| **octet == b'\n').count();
                reader.mistake(line, None, "this is not UTF-8; save the file as UTF-8".to_owned());
            }
            Ok(text) if file.ends_with(".json") => reader.json(text),
            Ok(text) => reader.yaml(text),
        }
        reader.manifest
    }
}

struct Reader<'a> {
    file: &'a str,
    manifest: Manifest,
}

impl Reader<'_> {
    fn mistake(&mut self, line: usize, object: Option<Key>, message: String) {
        self.manifest.mistakes.push(Mistake { file: self.file.into(), line, object, message });
    }

    /// Documents one after the other.
    fn json(&mut self, text: &str) {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        loop {
            let before = &text[..stream.byte_offset()];
            let blank = text[before.len()..].chars().take_while(|c| c.is_whitespace()).filter(|c| *c == '\n');
            let line = 1 + before.matches('\n').count() + blank.count();
            match stream.next() {
                None => return,
                Some(Ok(value)) => self.document(value, line),
                Some(Err(error)) => {
                    let message = format!("{error}; it is no JSON from here on");
                    return self.mistake(error.line(), None, message);
                }
            }
        }
    }

    fn yaml(&mut self, text: &str) {
        for (line, document) in documents(text) {
            // What people may write by hand has bounds that are far away; aliases keep their own.
            let options = serde_saphyr::options! {
                budget: serde_saphyr::budget! { max_events: 50_000_000, max_nodes: 50_000_000 },
            };
            match serde_saphyr::from_str_with_options::<Option<Value>>(document, options) {
                Ok(None) => {}
                Ok(Some(value)) => self.document(value, line),
                Err(error) => {
                    let inside = error.location().map_or(0, |at| at.line().saturating_sub(1));
                    let line = line + usize::try_from(inside).unwrap_or_default();
                    self.mistake(line, None, sentence(&error));
                }
            }
        }
    }

    /// An object, or a list of them.
    fn document(&mut self, mut value: Value, line: usize) {
        let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
            let message = "there is no `apiVersion` and `kind`; each document is one Kubernetes object";
            return self.mistake(line, None, message.to_owned());
        };
        let Some(of_items) = kind.strip_suffix("List") else {
            return self.object(&api_version, &kind, &value, line);
        };
        let Some(Value::Array(items)) = value.get_mut("items").map(Value::take) else {
            return self.mistake(
                line,
                None,
                format!("{kind}: there is no list `items`; write the objects there"),
            );
        };
        for mut item in items {
            // `ServiceList` and its like do not say again what each item is.
            if let (false, Some(fields)) = (of_items.is_empty(), item.as_object_mut()) {
                fields.entry("apiVersion").or_insert_with(|| api_version.clone().into());
                fields.entry("kind").or_insert_with(|| of_items.into());
            }
            self.document(item, line);
        }
    }

    fn object(&mut self, api_version: &str, kind: &str, value: &Value, line: usize) {
        let Some(of) = Kind::of(api_version, kind) else { return self.unread(api_version, kind, line) };
        let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if name.is_empty() {
            let message = format!("{kind}: there is no `metadata.name`; give it one");
            return self.mistake(line, None, message);
        }
        let namespace = value.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default");
        let name = if of.is_namespaced() { format!("{namespace}/{name}") } else { name };
        match of.read(value) {
            Ok(mut object) => {
                defaults::apply(&mut object);
                self.manifest.objects.push((object, line));
            }
            Err(error) => {
                let key = Key { kind: of, name: name.into() };
                self.mistake(line, Some(key), format!("{error}; write it as `kubectl explain {kind}` says"));
            }
        }
    }

    /// Another version of a kind that we read is a mistake; any other kind is somebody else's.
    fn unread(&mut self, api_version: &str, kind: &str, line: usize) {
        let group = |api_version: &str| api_version.split_once('/').map(|(group, _)| group.to_owned());
        let mut ours = Kind::ALL.into_iter();
        match ours.find(|one| one.name() == kind && group(one.api_version()) == group(api_version)) {
            Some(one) => {
                let message =
                    format!("{kind}: apiVersion {api_version} is not known; use {}", one.api_version());
                self.mistake(line, None, message);
            }
            None => {
                self.manifest.unread.insert(Unread { kind: kind.into(), api_version: api_version.into() });
            }
        }
    }
}

/// What a YAML parser says, in one line, without the place that we say ourselves.
fn sentence(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let said = first.split(" at line ").next().unwrap_or(first).trim_end_matches(':');
    format!("{said}; it is no YAML until that is mended")
}

/// The documents of a stream with their first lines. `---` at the margin is a boundary wherever it stands.
fn documents(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut begin, mut first, mut at) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let end = at + line.len();
        let word = line.trim_end();
        let is_boundary =
            word == "---" || word.starts_with("--- ") || word.starts_with("---\t") || word == "...";
        if is_boundary {
            documents.push((first, &text[begin..at]));
            // What follows on the same line belongs to the next document.
            (begin, first) = (at + 3, index + 1);
        }
        at = end;
    }
    documents.push((first, &text[begin..]));
    documents.retain(|(_, document)| !is_blank(document));
    for (line, document) in &mut documents {
        *line += document.lines().take_while(|line| is_blank(line)).count();
        let blank: usize =
            document.split_inclusive('\n').take_while(|line| is_blank(line)).map(str::len).sum();
        *document = &document[blank..];
    }
    documents
}

/// Nothing but comments and directives.
fn is_blank(text: &str) -> bool {
    text.lines().all(|line| matches!(line.trim_start().bytes().next(), None | Some(b'#' | b'%')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(file: &str, text: &str) -> Vec<String> {
        Manifest::read(file, text.as_bytes()).mistakes.iter().map(ToString::to_string).collect()
    }

    fn keys(file: &str, text: &str) -> Vec<String> {
        let manifest = Manifest::read(file, text.as_bytes());
        assert_eq!(manifest.mistakes, [], "{text}");
        manifest.objects.iter().map(|(object, line)| format!("{} {line}", object.key())).collect()
    }

    #[test]
    fn several_documents_are_read_each_with_its_line() {
        let text = "# a comment\n---\n# another\n\napiVersion: v1\nkind: Node\nmetadata: {name: a}\n\
                    --- # the next\n{apiVersion: v1, kind: Service, metadata: {name: b, namespace: c}}\n...\n---\n\n";
        assert_eq!(keys("x.yaml", text), ["Node a 5", "Service c/b 9"]);
        assert_eq!(keys("x.yml", ""), [""; 0]);
        let json = "{\"apiVersion\": \"v1\", \"kind\": \"Node\",\n\"metadata\": {\"name\": \"a\"}}\n\n\
                    {\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"b\"}}\n";
        assert_eq!(keys("x.json", json), ["Node a 1", "Pod default/b 4"]);
    }

    #[test]
    fn lists_are_read_item_by_item() {
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node, metadata: {name: a}}\n\
                    - {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: b}}]}\n";
        assert_eq!(keys("x.yaml", list), ["Node a 1", "Pod default/b 1"]);
        let typed = "{\"apiVersion\": \"discovery.k8s.io/v1\", \"kind\": \"EndpointSliceList\", \
                     \"items\": [{\"metadata\": {\"name\": \"a\"}}]}";
        assert_eq!(keys("x.json", typed), ["EndpointSlice default/a 1"]);
        assert_eq!(
            said("x.yaml", "apiVersion: v1\nkind: List\n"),
            ["x.yaml:1: List: there is no list `items`; write the objects there"]
        );
    }

    #[test]
    fn the_api_server_s_defaults_are_there() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n\
                    spec: {type: LoadBalancer, clusterIP: 10.96.0.1, ports: [{port: 80}]}\n\
                    status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}\n\
                    ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: b}\n\
                    addressType: IPv4\nendpoints: [{conditions: {ready: false}}, {}]\n\
                    ---\napiVersion: v1\nkind: Pod\nmetadata: {name: c}\nstatus: {podIPs: [{ip: 10.0.0.1}]}\n";
        let manifest = Manifest::read("x.yaml", text.as_bytes());
        let [(Object::Service(service), _), (Object::EndpointSlice(slice), _), (Object::Pod(pod), _)] =
            &manifest.objects[..]
        else {
            panic!("{manifest:?}")
        };
        assert_eq!(service.spec.cluster_ips, ["10.96.0.1"]);
        assert_eq!(service.spec.external_traffic_policy.as_deref(), Some("Cluster"));
        assert_eq!(service.spec.internal_traffic_policy.as_deref(), Some("Cluster"));
        assert_eq!(service.spec.ports[0].protocol.as_deref(), Some("TCP"));
        assert_eq!(service.status.load_balancer.ingress[0].ip_mode.as_deref(), Some("VIP"));
        assert_eq!(service.metadata.namespace.as_deref(), Some("default"));
        let conditions: Vec<_> = slice.endpoints.iter().flatten().map(|one| one.conditions).collect();
        assert_eq!((conditions[0].ready, conditions[0].serving), (Some(false), Some(false)));
        assert_eq!((conditions[1].ready, conditions[1].terminating), (Some(true), Some(false)));
        assert_eq!(pod.status.pod_ip.as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn every_mistake_names_file_line_and_remedy() {
        let cases = [
            ("apiVersion: v1\nkind: Node\nmetadata:\n  name: a\n bad: [\n", "x.yaml:5: "),
            (
                "a: 1\n",
                "x.yaml:1: there is no `apiVersion` and `kind`; each document is one Kubernetes object",
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {}\n",
                "x.yaml:1: Pod: there is no `metadata.name`; give it one",
            ),
            (
                "\n---\napiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: a}\n",
                "x.yaml:3: EndpointSlice: apiVersion discovery.k8s.io/v1beta1 is not known; use discovery.k8s.io/v1",
            ),
            (
                "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: web}]}\n",
                "x.yaml:1: Service default/a: spec.ports[0].port: invalid type: string \"web\", expected u16; write it as `kubectl explain Service` says",
            ),
            (
                "apiVersion: kube-announcer.io/v1alpha1\nkind: BgpPeer\nmetadata: {name: tor}\nspec: {adress: 192.0.2.1}\n",
                "x.yaml:1: BgpPeer tor: spec.adress: unknown field `adress`",
            ),
        ];
        for (text, expected) in cases {
            let said = said("x.yaml", text);
            assert!(said.len() == 1 && said[0].starts_with(expected), "{said:?}\n{expected}");
        }
        let half = Manifest::read("x.json", b"{\"apiVersion\": \"v1\",\n\"kind\": ");
        assert_eq!(half.mistakes[0].line, 2, "{half:?}");
        let latin = Manifest::read("x.yaml", b"a: b\nc: \xe9\n");
        assert_eq!(latin.mistakes[0].to_string(), "x.yaml:2: this is not UTF-8; save the file as UTF-8");
    }

    #[test]
    fn what_other_programs_call_their_objects_is_ignored() {
        let text = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n";
        let manifest = Manifest::read("x.yaml", text.as_bytes());
        assert_eq!((manifest.objects.len(), manifest.mistakes.len(), manifest.unread.len()), (0, 0, 1));
    }
}
