//! `metadata`: of all that the API server says of an object, what is read. Who wrote which field is most of it, and
//! nobody asks.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Read {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

/// Reads an object's metadata without what nobody reads.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let read = Option::<Read>::deserialize(deserializer)?.unwrap_or_default();
    Ok(ObjectMeta {
        name: read.name,
        namespace: read.namespace,
        uid: read.uid,
        resource_version: read.resource_version,
        generation: read.generation,
        creation_timestamp: read.creation_timestamp,
        deletion_timestamp: read.deletion_timestamp,
        labels: read.labels,
        annotations: read.annotations,
        ..ObjectMeta::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::object::{Kind, Object};
    use serde_json::json;

    #[test]
    fn what_nobody_reads_is_left_out_and_may_be_anything() {
        let metadata = json!({
            "name": "a", "namespace": "n", "uid": "u", "generation": 7, "labels": { "app": "web" },
            "annotations": { "cmd.nu/tunnel": "192.0.2.1" }, "creationTimestamp": "2026-01-01T00:00:00Z",
            "deletionTimestamp": null, "managedFields": [{ "manager": 5 }], "ownerReferences": "nobody's",
        });
        let read = Kind::Service.read(&json!({ "metadata": metadata })).unwrap();
        let Object::Service(service) = &read else { panic!("{read:?}") };
        let metadata = &service.metadata;
        assert_eq!(
            (
                metadata.name.as_deref(),
                metadata.namespace.as_deref(),
                metadata.uid.as_deref(),
                metadata.generation
            ),
            (Some("a"), Some("n"), Some("u"), Some(7))
        );
        assert_eq!(metadata.labels.as_ref().unwrap()["app"], "web");
        assert_eq!(metadata.annotations.as_ref().unwrap()["cmd.nu/tunnel"], "192.0.2.1");
        assert!(metadata.creation_timestamp.is_some() && metadata.deletion_timestamp.is_none());
        assert_eq!((&metadata.managed_fields, &metadata.owner_references), (&None, &None));
        assert!(Kind::Node.read(&json!({ "metadata": { "name": 5 } })).is_err());
    }
}
