//! What is asked of the API server, and what its answers mean.

use super::{Access, line::Status};
use crate::{
    object::{Kind, Name},
    source::{Told, scope::Scope},
};
use http::{Request, Response, StatusCode, header::ACCEPT, header::RETRY_AFTER};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use std::time::Duration;
use tokio::{sync::mpsc::error::SendError, time::timeout};

/// How long an answer may take to begin.
const ANSWER: Duration = Duration::from_secs(10);
/// How long one that is read as a whole may take.
const WHOLE: Duration = Duration::from_secs(60);
/// The longest of those.
const LONGEST: usize = 64 << 20;

/// How a watch ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// As watches do: it goes on where it was.
    Over,
    /// It cannot go on where it was.
    Expired,
    /// This server lists page by page.
    NoStream,
    /// Nobody allowed it.
    Forbidden(String),
    /// The server does not know the kind.
    Unserved,
    /// The server answers with something else; perhaps it says when to come again.
    Refused(String, Option<Duration>),
    /// Nobody listens.
    Unheard,
}

impl From<SendError<Told>> for Ended {
    fn from(_: SendError<Told>) -> Self {
        Ended::Unheard
    }
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        let after = status.retry_after().map(Duration::from_secs);
        let Status { code, message, .. } = status;
        match code {
            403 => Ended::Forbidden(message),
            404 => Ended::Unserved,
            410 => Ended::Expired,
            _ => Ended::Refused(format!("{code} {message}"), after),
        }
    }
}

/// The path of a scope's objects, with what chooses them.
pub(super) fn path(scope: &Scope, node: &Name, namespace: &Name) -> String {
    let kind = scope.kind();
    let root = if kind.api_version() == "v1" { "/api/" } else { "/apis/" };
    let of = match scope {
        Scope::All(Kind::Secret) => Some(namespace),
        Scope::PodsElsewhere(namespace) => Some(namespace),
        Scope::All(_) | Scope::PodsHere => None,
    };
    let of = of.map_or(String::new(), |name| format!("namespaces/{}/", encoded(name)));
    let chosen = match scope {
        Scope::All(_) => String::new(),
        Scope::PodsHere => format!("fieldSelector=spec.nodeName%3D{}&", encoded(node)),
        Scope::PodsElsewhere(_) => format!("fieldSelector=spec.nodeName%21%3D{}&", encoded(node)),
    };
    format!("{root}{}/{of}{}?{chosen}", kind.api_version(), kind.plural())
}

/// As URLs have what is not theirs.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(octet));
            }
            _ => encoded.push_str(&format!("%{octet:02X}")),
        }
    }
    encoded
}

/// Asks. What comes back is an answer whatever it says.
///
/// # Errors
/// There is none: why.
pub(super) async fn ask(access: &Access, url: &str) -> Result<Response<Body>, String> {
    let request = Request::get(url).header(ACCEPT, "application/json").body(Body::empty());
    let request = request.map_err(|error| error.to_string())?;
    match timeout(ANSWER, access.client().send(request)).await {
        Err(_) => Err(format!("it did not answer for {} s", ANSWER.as_secs())),
        Ok(Err(error)) => Err(innermost(&error)),
        Ok(Ok(answer)) => Ok(answer),
    }
}

/// The body of an answer that is what was asked for.
///
/// # Errors
/// It is something else.
pub(super) async fn sound(answer: Response<Body>) -> Result<Body, Ended> {
    if answer.status() == StatusCode::OK {
        return Ok(answer.into_body());
    }
    let code = answer.status().as_u16();
    let header = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = whole(answer.into_body()).await.unwrap_or_default();
    let said: Status = serde_json::from_slice(&body).unwrap_or_default();
    let message = if said.message.is_empty() {
        String::from_utf8_lossy(&body).trim().into()
    } else {
        said.message.clone()
    };
    match Ended::from(Status { code, message, ..said }) {
        Ended::Refused(why, after) => Err(Ended::Refused(why, after.or(header.map(Duration::from_secs)))),
        ended => Err(ended),
    }
}

/// A body that is read as a whole.
pub(super) async fn whole(body: Body) -> Result<Vec<u8>, Ended> {
    let refused = |why: String| Ended::Refused(why, None);
    match timeout(WHOLE, Limited::new(body, LONGEST).collect()).await {
        Err(_) => Err(refused(format!("an answer was not whole after {} s", WHOLE.as_secs()))),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Ok(Ok(read)) => Ok(read.to_bytes().into()),
    }
}

/// What is at the bottom of an error: `Connection refused`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_has_its_own_path() {
        let (node, namespace) = (Name::from("node-1"), Name::from("mine"));
        let cases = [
            (Scope::All(Kind::Node), "/api/v1/nodes?"),
            (Scope::All(Kind::Secret), "/api/v1/namespaces/mine/secrets?"),
            (Scope::All(Kind::EndpointSlice), "/apis/discovery.k8s.io/v1/endpointslices?"),
            (Scope::All(Kind::BgpPeer), "/apis/kube-announcer.io/v1alpha1/bgppeers?"),
            (Scope::All(Kind::Pod), "/api/v1/pods?"),
            (Scope::PodsHere, "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&"),
            (
                Scope::PodsElsewhere("vpn".into()),
                "/api/v1/namespaces/vpn/pods?fieldSelector=spec.nodeName%21%3Dnode-1&",
            ),
        ];
        for (scope, expected) in cases {
            assert_eq!(path(&scope, &node, &namespace), expected);
        }
        assert_eq!(encoded("a/b?é"), "a%2Fb%3F%C3%A9");
    }
}
