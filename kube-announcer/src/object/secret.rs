//! `Secret`: a peer's password, and nothing else of it. Never shown.

use k8s_openapi::{ByteString, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::Deserialize;
use std::fmt;

/// A Secret, of which only the key `password` is read.
#[derive(Resource, Clone, Debug, Default, PartialEq, Deserialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Secret)]
#[serde(default, rename_all = "camelCase")]
pub struct Secret {
    /// Its name.
    #[serde(deserialize_with = "super::meta::read")]
    pub metadata: ObjectMeta,
    /// As the API server has it.
    pub data: SecretValues,
    /// As people write it; the API server moves it into `data`.
    pub string_data: SecretTexts,
}

impl Secret {
    /// The password's octets; what people wrote counts before what the API server has, as it does there.
    pub fn password(&self) -> Option<&[u8]> {
        let written = self.string_data.password.as_deref().map(str::as_bytes);
        written.or_else(|| self.data.password.as_ref().map(|octets| &octets.0[..]))
    }
}

/// Values in base64.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SecretValues {
    password: Option<ByteString>,
}

/// Values as they are.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SecretTexts {
    password: Option<String>,
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValues(…)")
    }
}

impl fmt::Debug for SecretTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretTexts(…)")
    }
}
