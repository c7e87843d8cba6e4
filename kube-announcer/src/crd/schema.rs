//! What the API server itself refuses: the schemas of fields, with their CEL rules. Lists and texts are bounded, or the
//! server would not let such rules in.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// The schema of a field, as `#[schemars(schema_with = "…")]` takes it.
type Generator = SchemaGenerator;

fn text(longest: u32, rule: &str, message: &str) -> Value {
    json!({
        "type": "string",
        "maxLength": longest,
        "x-kubernetes-validations": [{ "rule": rule, "message": message }],
    })
}

fn list(items: &Value, most: u32) -> Schema {
    json_schema!({ "type": "array", "maxItems": most, "items": items })
}

fn schema(value: Value) -> Schema {
    Schema::try_from(value).unwrap_or_default()
}

pub(super) fn flag(_: &mut Generator) -> Schema {
    json_schema!({ "type": "boolean" })
}

pub(super) fn name(_: &mut Generator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 253 })
}

pub(super) fn names(_: &mut Generator) -> Schema {
    list(&json!({ "type": "string", "minLength": 1, "maxLength": 253 }), 1000)
}

pub(super) fn local_asn(_: &mut Generator) -> Schema {
    json_schema!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 4294967295u32 })
}

pub(super) fn asn(_: &mut Generator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "anyOf": [{ "type": "integer" }, { "type": "string" }],
        "x-kubernetes-validations": [{
            "rule": "type(self) == int ? self >= 1 && self <= 4294967295 : self in ['internal', 'external']",
            "message": "write 1 to 4294967295, internal or external",
        }],
    })
}

pub(super) fn address(_: &mut Generator) -> Schema {
    // CEL's isIP knows no zones, and an IPv6 link-local address has one.
    let rule = "isIP(self) ? ip(self).isGlobalUnicast() || ip(self).isLoopback() || \
                (ip(self).family() == 4 && ip(self).isLinkLocalUnicast()) \
                : self.matches('^[fF][eE][89abAB][0-9a-fA-F]:[0-9a-fA-F:]*%[^/ :%]{1,15}$') && isIP(self.split('%')[0])";
    schema(text(64, rule, "write a host's address, a link-local one with its interface, like fe80::1%eth1"))
}

pub(super) fn interface(_: &mut Generator) -> Schema {
    schema(text(15, "self.matches('^[^/ :%]+$')", "write the name of an interface, like eth1"))
}

pub(super) fn key(_: &mut Generator) -> Schema {
    schema(text(
        317,
        "self.matches('^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$')",
        "write a key like example.com/tor",
    ))
}

pub(super) fn port(_: &mut Generator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": 65535 })
}

pub(super) fn multihop(_: &mut Generator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": 255 })
}

pub(super) fn number(_: &mut Generator) -> Schema {
    json_schema!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": 4294967295u32 })
}

pub(super) fn prepend(_: &mut Generator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": 32 })
}

pub(super) fn duration(_: &mut Generator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 16, "pattern": "^[0-9]+(ms|s|m|h)$" })
}

pub(super) fn connect_retry(_: &mut Generator) -> Schema {
    let rule = "self.matches('^[0-9]{1,9}(ms|s|m|h)$') && duration(self) >= duration('100ms') && \
                duration(self) <= duration('1h')";
    schema(text(16, rule, "write 100ms to 1h"))
}

/// At most so much, in whole seconds: what a field of a message can hold.
pub(super) fn hold(_: &mut Generator) -> Schema {
    schema(text(
        16,
        "self.matches('^[0-9]{1,9}(s|m|h)$') && (duration(self) == duration('0s') || duration(self) >= duration('3s')) \
         && duration(self) <= duration('65535s')",
        "write 0s (off), or 3s to 65535s",
    ))
}

pub(super) fn restart_time(_: &mut Generator) -> Schema {
    schema(text(
        16,
        "self.matches('^[0-9]{1,9}(s|m|h)$') && duration(self) <= duration('4095s')",
        "write 0s (off) to 4095s",
    ))
}

pub(super) fn bfd_interval(_: &mut Generator) -> Schema {
    let rule = "self.matches('^[0-9]{1,9}(ms|s|m)$') && duration(self) >= duration('10ms') && \
                duration(self) <= duration('60s')";
    schema(text(16, rule, "write 10ms to 60s"))
}

pub(super) fn bfd_multiplier(_: &mut Generator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 2, "maximum": 255 })
}

pub(super) fn families(_: &mut Generator) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "maxItems": 2, "x-kubernetes-list-type": "set",
        "items": { "type": "string", "enum": ["ipv4", "ipv6"] },
    })
}

pub(super) fn cidrs(_: &mut Generator) -> Schema {
    let rule = "isCIDR(self) && cidr(self) == cidr(self).masked()";
    list(&text(49, rule, "write a range without host bits, like 203.0.113.0/24"), 256)
}

pub(super) fn accept(_: &mut Generator) -> Schema {
    let shape = "self.matches('^[0-9a-fA-F.:]+/[0-9]{1,3}( ge [0-9]{1,3})?( le [0-9]{1,3})?$') && \
                 isCIDR(self.split(' ')[0]) && cidr(self.split(' ')[0]) == cidr(self.split(' ')[0]).masked()";
    // Words two and four are lengths, and none is shorter than the one before it.
    let lengths = "!isCIDR(self.split(' ')[0]) || (size(self.split(' ')) < 3 || (\
                   int(self.split(' ')[2]) >= cidr(self.split(' ')[0]).prefixLength() && \
                   int(self.split(' ')[2]) <= (cidr(self.split(' ')[0]).ip().family() == 4 ? 32 : 128))) && \
                   (size(self.split(' ')) < 5 || (int(self.split(' ')[4]) >= int(self.split(' ')[2]) && \
                   int(self.split(' ')[4]) <= (cidr(self.split(' ')[0]).ip().family() == 4 ? 32 : 128)))";
    let rules = json!([
        { "rule": shape, "message": "write a prefix without host bits, and lengths, like 10.0.0.0/8 ge 16 le 24" },
        { "rule": lengths, "message": "write lengths that some prefix can have" },
    ]);
    list(&json!({ "type": "string", "maxLength": 64, "x-kubernetes-validations": rules }), 64)
}

pub(super) fn communities(_: &mut Generator) -> Schema {
    let rule = "self in ['graceful-shutdown', 'accept-own', 'llgr-stale', 'no-llgr', 'blackhole', 'no-export', \
                'no-advertise', 'no-export-subconfed', 'no-peer'] || \
                (self.matches('^[0-9]{1,5}:[0-9]{1,5}$') && self.split(':').all(n, int(n) <= 65535))";
    list(&text(40, rule, "write 65000:1, or a name like no-export"), 64)
}

pub(super) fn large_communities(_: &mut Generator) -> Schema {
    let rule = "self.matches('^[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10}$') && self.split(':').all(n, int(n) <= 4294967295)";
    list(&text(32, rule, "write three numbers, like 64512:1:2"), 64)
}

pub(super) fn next_hop(_: &mut Generator) -> Schema {
    let rule = "self in ['self', 'internalIP'] || (self.split(',').all(a, isIP(a.trim()) && \
                ip(a.trim()).isGlobalUnicast()) && [4, 6].all(f, self.split(',').filter(a, isIP(a.trim()) && \
                ip(a.trim()).family() == f).size() <= 1))";
    let message = "write self, internalIP, an address, or one of each family with a comma between";
    schema(text(128, rule, message))
}

pub(super) fn address_kinds(_: &mut Generator) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "maxItems": 3, "x-kubernetes-list-type": "set",
        "items": { "type": "string", "enum": ["ClusterIP", "ExternalIP", "LoadBalancerIP"] },
    })
}

pub(super) fn services_from(_: &mut Generator) -> Schema {
    json_schema!({ "type": "string", "enum": ["policy", "endpoints", "all"] })
}

pub(super) fn tunnels_from(_: &mut Generator) -> Schema {
    json_schema!({ "type": "string", "enum": ["Local", "Cluster"] })
}

pub(super) fn when_no_endpoints(_: &mut Generator) -> Schema {
    json_schema!({ "type": "string", "enum": ["withdraw", "keep"] })
}

pub(super) fn length<const SHORTEST: u8, const LONGEST: u8>(_: &mut Generator) -> Schema {
    json_schema!({ "type": "integer", "minimum": SHORTEST, "maximum": LONGEST })
}

pub(super) fn taints(_: &mut Generator) -> Schema {
    let rule = "self.matches('^[^=: ]+(=[^=: ]*)?(:(NoSchedule|PreferNoSchedule|NoExecute))?$')";
    list(&text(400, rule, "write a taint's key, key=value or key:effect"), 64)
}

pub(super) fn operator(_: &mut Generator) -> Schema {
    json_schema!({ "type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"] })
}

/// Objects that refuse what they do not know say so with `additionalProperties`, which the API server does not take
/// beside `properties`: it drops unknown fields by itself, with a warning.
pub(super) fn open(schema: &mut Schema) {
    schema.remove("additionalProperties");
}
