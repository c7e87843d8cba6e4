//! What people may choose of an installation: checked once, so that it can stand in any text.

use std::{fmt, net::IpAddr, str::FromStr};

/// The name of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(String);

/// What a kubelet fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(String);

/// Where the API server itself is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiServer {
    /// Its address or name.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// A DNS label: RFC 1123 §2.1.
fn is_label(text: &str) -> bool {
    let edge = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_alphanumeric);
    let octets = text.as_bytes();
    let inside = octets.iter().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    (1..=63).contains(&text.len()) && inside && edge(octets.first()) && edge(octets.last())
}

impl FromStr for Namespace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fine = is_label(text);
        let wrong = || {
            format!(
                "{text:?} is no name for a namespace; use up to 63 of a-z, 0-9 and -, which is neither first nor last"
            )
        };
        fine.then(|| Namespace(text.to_owned())).ok_or_else(wrong)
    }
}

impl FromStr for Image {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
        let fine = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(allowed);
        let wrong =
            || format!("{text:?} is no image; write one like registry.example.com/kube-announcer:0.1.0");
        fine.then(|| Image(text.to_owned())).ok_or_else(wrong)
    }
}

impl FromStr for ApiServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no API server; write one like api.example.com:6443, 192.0.2.1 or [2001:db8::1]:6443"
            )
        };
        let (host, port) = match (text.parse::<IpAddr>(), text.rsplit_once(':')) {
            (Err(_), Some((host, port))) => (host, port.parse().map_err(|_| wrong())?),
            _ => (text, 443),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let fine = bare.parse::<IpAddr>().is_ok() || (bare == host && host.split('.').all(is_label));
        (fine && port > 0).then(|| ApiServer { host: bare.to_owned(), port }).ok_or_else(wrong)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_break_out_of_a_manifest_is_refused_with_what_to_write() {
        for good in ["kube-announcer", "a", "0"] {
            assert_eq!(good.parse::<Namespace>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        let long = "a".repeat(64);
        for bad in ["", "-a", "a-", "A", "a.b", "a'b", "a\nb", &long] {
            let refused = bad.parse::<Namespace>().unwrap_err();
            assert!(refused.contains("use up to 63 of a-z"), "{refused}");
        }
        for good in ["kube-announcer:0.1.0", "registry.example.com:5000/a/b@sha256:00", "localhost/x"] {
            assert_eq!(good.parse::<Image>().map(|image| image.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "a\"", ":a", "a\nb", "@namespace@"] {
            let refused = bad.parse::<Image>().unwrap_err();
            assert!(refused.contains("write one like"), "{refused}");
        }
    }

    #[test]
    fn an_api_server_is_an_address_or_a_name_with_or_without_a_port() {
        let table = [
            ("192.0.2.1", "192.0.2.1", 443),
            ("192.0.2.1:6443", "192.0.2.1", 6443),
            ("2001:db8::1", "2001:db8::1", 443),
            ("[2001:db8::1]:6443", "2001:db8::1", 6443),
            ("api.example.com", "api.example.com", 443),
            ("api.example.com:6443", "api.example.com", 6443),
        ];
        for (text, host, port) in table {
            assert_eq!(text.parse(), Ok(ApiServer { host: host.to_owned(), port }));
        }
        for bad in
            ["", ":6443", "a b", "https://192.0.2.1", "192.0.2.1:0", "192.0.2.1:x", "[a]:1", "[2001:db8::1"]
        {
            assert!(bad.parse::<ApiServer>().unwrap_err().contains("write one like"), "{bad}");
        }
    }
}
