//! The cluster, written into an API server.

use super::{
    Size,
    objects::{self, NAMESPACE, NAMESPACES, NODE, Place, SERVICE, SLICE},
    writer::{Call, MERGE, Writer},
};
use crate::load::now;
use serde_json::{Value, json};

/// One kind after the other.
struct Part {
    place: Place,
    count: fn(&Size) -> u32,
    object: fn(&Size, u32) -> Value,
}

const PARTS: [Part; 4] = [
    Part { place: NAMESPACE, count: |_| NAMESPACES, object: objects::namespace },
    Part { place: NODE, count: |size| size.nodes, object: |size, number| objects::node(size, number + 1) },
    Part { place: SERVICE, count: |size| size.services, object: objects::service },
    Part { place: SLICE, count: |size| size.services, object: objects::slice },
];

/// Writes everything, and says on the terminal how far it is.
///
/// # Panics
/// When the server refuses an object.
pub fn fill(writer: &Writer, size: &Size) {
    for Part { place, count, object } in PARTS {
        let (size, count, start) = (*size, count(size), now());
        writer.all(count, None, move |number| calls(&size, place, object, number));
        let took = now().saturating_sub(start).as_secs_f64();
        eprintln!("{count} {} written in {took:.1} s", place.plural);
    }
}

fn calls(size: &Size, place: Place, object: fn(&Size, u32) -> Value, number: u32) -> Vec<Call> {
    let object = object(size, number);
    let mut calls = vec![Call::create(place.all(&object), &object)];
    // A Node that is new keeps the status that it comes with.
    if place.status && place.plural != NODE.plural {
        let status = json!({ "status": object["status"] });
        calls.push(Call::patch(format!("{}/status", place.one(&object)), MERGE, &status));
    }
    calls
}
