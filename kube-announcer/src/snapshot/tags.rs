//! Labels and annotations, as far as a plan can ask for them.

use super::names::{NameId, Names};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Labels and annotations of an object. Only its [`Snapshot`](super::Snapshot) can read them.
#[derive(Debug, Default, PartialEq)]
pub struct Tags {
    labels: Box<[(NameId, NameId)]>,
    /// Which are asked for is said in other objects, so all are kept that could be.
    annotations: Box<[(NameId, Box<str>)]>,
}

/// The longest value of an annotation that is kept whole: hundreds of addresses. Of a longer one so much is kept that
/// its length shows.
pub const LONGEST_ANNOTATION: usize = 4096;

/// Beginnings of annotations that hold no address, and much else.
const NOISE: [&str; 8] = [
    "kubectl.kubernetes.io/",
    "deployment.kubernetes.io/",
    "kubernetes.io/config",
    "csi.volume.kubernetes.io/",
    "volumes.kubernetes.io/",
    "node.alpha.kubernetes.io/",
    "k8s.v1.cni.cncf.io/",
    "endpoints.kubernetes.io/",
];

impl Tags {
    pub(super) fn take(names: &mut Names, metadata: &ObjectMeta) -> Self {
        let labels = metadata.labels.iter().flatten();
        let labels = labels.filter_map(|(key, value)| Some((names.take(key)?, names.take(value)?))).collect();
        let annotations = metadata.annotations.iter().flatten();
        let kept = annotations.filter(|(key, _)| !NOISE.iter().any(|noise| key.starts_with(noise)));
        let annotations = kept.filter_map(|(key, value)| {
            let end = value.floor_char_boundary(LONGEST_ANNOTATION + 4);
            Some((names.take(key)?, value[..end].into()))
        });
        Tags { labels, annotations: annotations.collect() }
    }

    pub(super) fn release(&self, names: &mut Names) {
        for (key, value) in &self.labels {
            names.release(*key);
            names.release(*value);
        }
        self.annotations.iter().for_each(|(key, _)| names.release(*key));
    }

    pub(super) fn label<'n>(&self, names: &'n Names, key: &str) -> Option<&'n str> {
        let key = names.find(key)?;
        self.labels.iter().find(|(found, _)| *found == key).map(|(_, value)| &**names.name(*value))
    }

    pub(super) fn annotation(&self, names: &Names, key: &str) -> Option<&str> {
        let key = names.find(key)?;
        self.annotations.iter().find(|(found, _)| *found == key).map(|(_, value)| &**value)
    }
}
