//! Objects of a cluster, with only the fields that a plan reads. They are read as they come, from the API server or a
//! file, and live no longer than it takes a [`Snapshot`](crate::snapshot::Snapshot) to take what it needs.

mod endpoint_slice;
mod meta;
mod node;
mod pod;
mod secret;
mod service;
mod service_cidr;

pub use endpoint_slice::{Conditions, Endpoint, EndpointSlice, SERVICE_NAME};
pub use node::{Condition, Node, NodeAddress, NodeSpec, NodeStatus, Taint};
pub use pod::{Pod, PodIp, PodSpec, PodStatus};
pub use secret::{Secret, SecretTexts, SecretValues};
pub use service::{Ingress, LoadBalancer, Service, ServicePort, ServiceSpec, ServiceStatus};
pub use service_cidr::{ServiceCidr, ServiceCidrSpec};

use crate::crd::{BgpAdvertisement, BgpPeer};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::{fmt, sync::Arc};

/// Kinds of objects, in the order in which they are best read: what others refer to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A node.
    Node,
    /// A password.
    Secret,
    /// Whom to talk to.
    BgpPeer,
    /// What to announce.
    BgpAdvertisement,
    /// Ranges of ClusterIPs.
    ServiceCidr,
    /// A Service.
    Service,
    /// Endpoints of a Service.
    EndpointSlice,
    /// A pod.
    Pod,
}

/// What there is to know of a kind.
struct Row {
    kind: Kind,
    name: &'static str,
    api_version: &'static str,
    /// As a URL of the API server has it.
    plural: &'static str,
    namespaced: bool,
    read: fn(&Value) -> Result<Object, Unreadable>,
    parse: fn(&str) -> Result<Object, Unreadable>,
    told: fn(&[u8]) -> Option<Object>,
}

/// A row for a type, by what makes an [`Object`] of it.
macro_rules! row {
    ($kind:ident, $name:literal, $api_version:expr, $plural:literal, $namespaced:literal, $object:expr) => {
        Row {
            kind: Kind::$kind,
            name: $name,
            api_version: $api_version,
            plural: $plural,
            namespaced: $namespaced,
            read: |value| read(value).map($object),
            parse: |text| parse(text).map($object),
            told: |line| told(line).map($object),
        }
    };
}

/// What of an object cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where: `spec.ports[1].port`.
    pub field: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field != "." {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    placed(serde_json::from_str(text), || {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text))
    })
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Unreadable> {
    placed(T::deserialize(value), || serde_path_to_error::deserialize(value))
}

/// Where a mistake is costs time to know: only what has one is read again for it.
fn placed<T>(
    read: Result<T, serde_json::Error>,
    again: impl FnOnce() -> Result<T, serde_path_to_error::Error<serde_json::Error>>,
) -> Result<T, Unreadable> {
    read.map_err(|error| match again() {
        Err(found) => Unreadable { field: found.path().to_string(), message: found.inner().to_string() },
        Ok(_) => Unreadable { field: ".".into(), message: error.to_string() },
    })
}

/// A line of a watch, with its object.
#[derive(Deserialize)]
struct Line<T> {
    #[serde(rename = "type")]
    what: What,
    object: T,
}

/// What happened to an object that is there.
#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum What {
    Added,
    Modified,
}

fn told<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let Line { what: What::Added | What::Modified, object } = serde_json::from_slice(line).ok()?;
    Some(object)
}

const CORE: &str = "v1";
const OURS: &str = "kube-announcer.io/v1alpha1";

/// In the order of [`Kind`].
const ROWS: [Row; 8] = [
    row!(Node, "Node", CORE, "nodes", false, Object::Node),
    row!(Secret, "Secret", CORE, "secrets", true, Object::Secret),
    row!(BgpPeer, "BgpPeer", OURS, "bgppeers", false, |o| Object::BgpPeer(Box::new(o))),
    row!(BgpAdvertisement, "BgpAdvertisement", OURS, "bgpadvertisements", false, |o| {
        Object::BgpAdvertisement(Box::new(o))
    }),
    row!(ServiceCidr, "ServiceCIDR", "networking.k8s.io/v1", "servicecidrs", false, Object::ServiceCidr),
    row!(Service, "Service", CORE, "services", true, Object::Service),
    row!(
        EndpointSlice,
        "EndpointSlice",
        "discovery.k8s.io/v1",
        "endpointslices",
        true,
        Object::EndpointSlice
    ),
    row!(Pod, "Pod", CORE, "pods", true, Object::Pod),
];

impl Kind {
    /// All of them, in the order in which they are best read.
    pub const ALL: [Kind; 8] = {
        let mut all = [Kind::Node; 8];
        let mut at = 0;
        while at < 8 {
            all[at] = ROWS[at].kind;
            at += 1;
        }
        all
    };

    /// The kind that a manifest means. `None`: one that no plan reads.
    pub fn of(api_version: &str, kind: &str) -> Option<Kind> {
        ROWS.iter().find(|row| row.name == kind && row.api_version == api_version).map(|row| row.kind)
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// As manifests write it: `ServiceCIDR`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// As manifests write it: `networking.k8s.io/v1`.
    pub fn api_version(self) -> &'static str {
        self.row().api_version
    }

    /// As a URL of the API server has it: `servicecidrs`.
    pub fn plural(self) -> &'static str {
        self.row().plural
    }

    /// Whether its objects are in a namespace.
    pub fn is_namespaced(self) -> bool {
        self.row().namespaced
    }

    /// Reads an object of this kind, as the API server or a file has it.
    ///
    /// # Errors
    /// A field has another type than its kind says, or one of ours is not known.
    pub fn read(self, value: &Value) -> Result<Object, Unreadable> {
        (self.row().read)(value)
    }

    /// The same from its text, as the API server writes it.
    ///
    /// # Errors
    /// As [`Kind::read`], with the place.
    pub fn parse(self, text: &str) -> Result<Object, Unreadable> {
        (self.row().parse)(text)
    }

    /// The object that is there by a line of a watch, in one pass over its octets. `None`: it says something else, or
    /// not what this kind says.
    pub fn told(self, line: &[u8]) -> Option<Object> {
        (self.row().told)(line)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An object of any kind that a plan reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A node.
    Node(Node),
    /// A password.
    Secret(Secret),
    /// Whom to talk to.
    BgpPeer(Box<BgpPeer>),
    /// What to announce.
    BgpAdvertisement(Box<BgpAdvertisement>),
    /// Ranges of ClusterIPs.
    ServiceCidr(ServiceCidr),
    /// A Service.
    Service(Service),
    /// Endpoints of a Service.
    EndpointSlice(EndpointSlice),
    /// A pod.
    Pod(Pod),
}

impl Object {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Object::Node(_) => Kind::Node,
            Object::Secret(_) => Kind::Secret,
            Object::BgpPeer(_) => Kind::BgpPeer,
            Object::BgpAdvertisement(_) => Kind::BgpAdvertisement,
            Object::ServiceCidr(_) => Kind::ServiceCidr,
            Object::Service(_) => Kind::Service,
            Object::EndpointSlice(_) => Kind::EndpointSlice,
            Object::Pod(_) => Kind::Pod,
        }
    }

    /// Its name, labels and the like.
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Object::Node(object) => object.meta(),
            Object::Secret(object) => object.meta(),
            Object::BgpPeer(object) => object.meta(),
            Object::BgpAdvertisement(object) => object.meta(),
            Object::ServiceCidr(object) => object.meta(),
            Object::Service(object) => object.meta(),
            Object::EndpointSlice(object) => object.meta(),
            Object::Pod(object) => object.meta(),
        }
    }

    /// What it is called.
    pub fn key(&self) -> Key {
        Key::of(self.kind(), self.metadata())
    }
}

/// What an object is called: `Service default/web`, `Node node-1`. No two objects at a time have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind.
    pub kind: Kind,
    /// The name, with the namespace and a slash before it where the kind has one.
    pub name: Name,
}

/// A name that is shared, not copied: `default/web`, `node-1`.
pub type Name = Arc<str>;

impl Key {
    /// An object's name as its metadata has it. A namespace that is not said is `default`, as it is to kubectl.
    pub fn of(kind: Kind, metadata: &ObjectMeta) -> Key {
        let name = metadata.name.as_deref().unwrap_or_default();
        Key::written(kind, metadata.namespace.as_deref(), name)
    }

    /// The same from its parts, where the whole cannot be read.
    pub fn written(kind: Kind, namespace: Option<&str>, name: &str) -> Key {
        if kind.is_namespaced() {
            let namespace = namespace.unwrap_or("default");
            return Key { kind, name: format!("{namespace}/{name}").into() };
        }
        Key { kind, name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}
