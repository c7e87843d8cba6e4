//! TOML → what people wrote, with the line of everything. A slip costs one sentence, and reading goes on behind it.

use super::{super::lines::Lines, Brief, Text, Texts};
use crate::policy::{
    Mistake,
    raw::{RawAsPath, RawCommunities, RawMatch, RawPolicy, RawPrepend, RawRule, RawSet},
};
use std::collections::BTreeMap;
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

/// Something that is read from a value.
pub(crate) trait Fill {
    fn fill(&mut self, reader: &mut Reader<'_>, path: &str, value: &Spanned<DeValue<'_>>);
}

/// Something that is read from a table.
pub(crate) trait Table: Default {
    /// How one looks, for whoever wrote something else.
    const LIKE: &'static str;

    fn keys() -> Vec<&'static str>;

    fn field(&mut self, key: &str) -> Option<&mut dyn Fill>;
}

/// Reads, and remembers what stands where and what is wrong.
pub(crate) struct Reader<'t> {
    text: &'t str,
    /// The keys of the top, which end up in another table when they are written below its header.
    top: Vec<&'static str>,
    pub(crate) lines: Lines,
    pub(crate) mistakes: Vec<Mistake>,
}

/// All that a text says, as far as it can be read.
pub(crate) fn read<T: Table>(text: &str) -> (T, Reader<'_>) {
    let mut reader = Reader { text, top: T::keys(), lines: Lines::new(text), mistakes: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut whole = T::default();
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        // The place is the line alone: a file that cannot be read has no keys yet.
        let path = reader.lines.place(at);
        reader.wrong(&path, format!("this is not TOML: {}; correct this line", error.message()));
    }
    if errors.is_empty() {
        reader.table(&mut whole, "", table.get_ref());
    }
    (whole, reader)
}

impl Reader<'_> {
    fn wrong(&mut self, path: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake { path: path.into(), message: message.into() });
    }

    fn table<T: Table>(&mut self, into: &mut T, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = join(path, key.get_ref());
            match into.field(key.get_ref()) {
                Some(field) => {
                    self.lines.put(&path, value.span().start);
                    field.fill(self, &path, value);
                }
                None => {
                    self.lines.put(&path, key.span().start);
                    let message = self.unknown(key.get_ref(), &T::keys(), path.contains('.'));
                    self.wrong(&path, message);
                }
            }
        }
    }

    /// What to say of a key that there is not.
    fn unknown(&self, key: &str, keys: &[&'static str], is_inside: bool) -> String {
        let shown: String = key.chars().take(80).flat_map(char::escape_debug).collect();
        let known = format!("\"{shown}\" is not a key of this table");
        if let Some((_, instead)) = ELSEWHERE.iter().find(|(other, _)| *other == key.replace('-', "_")) {
            return format!("{known}; {instead}");
        }
        if is_inside && self.top.contains(&key) {
            return format!("{known}; move it to the top of the file, above the first [table]");
        }
        match super::super::lines::nearest(key, keys) {
            Some(near) => format!("{known}; write {near}"),
            None if keys.len() <= 8 => format!("{known}; write one of {}", keys.join(", ")),
            None => format!("{known}; take it out"),
        }
    }

    /// What stands here, for a sentence.
    fn shown(&self, value: &Spanned<DeValue<'_>>) -> String {
        let text = self.text.get(value.span()).unwrap_or_default();
        text.chars().take(80).flat_map(char::escape_debug).collect()
    }

    /// A text, or what is taken for one; none where something else stands.
    fn leaf(&mut self, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        let message = match value.get_ref() {
            DeValue::String(text) => return Some(Text(text.clone().into_owned())),
            DeValue::Integer(number) => return Some(Text(decimal(number))),
            DeValue::Boolean(value) => return Some(value.into()),
            // An AS number written 1.10 would become 1.1.
            DeValue::Float(_) | DeValue::Datetime(_) => {
                let shown = self.shown(value);
                format!("{shown} is neither a text nor a whole number; write it in quotes, \"{shown}\"")
            }
            DeValue::Array(_) => {
                "a list stands where one value is expected; write the value without brackets".into()
            }
            DeValue::Table(_) => "a table stands where one value is expected; write the value alone".into(),
        };
        self.wrong(path, message);
        None
    }

    fn expect_table(&mut self, path: &str, like: &str) {
        self.wrong(path, format!("a table is expected here; write one like {like}"));
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

/// Keys that other speakers' users try first.
const ELSEWHERE: &[(&str, &str)] = &[
    ("remote_as", "write asn"),
    ("peer_as", "write asn"),
    ("peer_asn", "write asn"),
    ("local_as", "write local_asn, or asn at the top of the file"),
    ("ebgp_multihop", "write multihop"),
    ("update_source", "write source_address"),
    ("next_hop_self", "write next_hop = \"self\""),
    ("md5", "write password or password_file"),
    ("auth_password", "write password or password_file"),
    ("max_prefix", "write max_prefixes"),
    ("peer_group", "write group"),
];

/// The number as it counts, whatever base it is written in.
fn decimal(number: &DeInteger<'_>) -> String {
    let value = i128::from_str_radix(number.as_str(), number.radix());
    value.map_or_else(|_| number.as_str().into(), |value| value.to_string())
}

impl<T: Table> Fill for T {
    fn fill(&mut self, reader: &mut Reader<'_>, path: &str, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => reader.table(self, path, table),
            _ => reader.expect_table(path, T::LIKE),
        }
    }
}

impl<T: Table> Fill for Option<T> {
    fn fill(&mut self, reader: &mut Reader<'_>, path: &str, value: &Spanned<DeValue<'_>>) {
        self.get_or_insert_default().fill(reader, path, value);
    }
}

impl<T: Table> Fill for Vec<T> {
    fn fill(&mut self, reader: &mut Reader<'_>, path: &str, value: &Spanned<DeValue<'_>>) {
        let DeValue::Array(list) = value.get_ref() else {
            let header = path.rsplit('.').next().unwrap_or(path);
            let like = T::LIKE;
            let remedy = format!("write [[{header}]] above its keys, or a list of tables like {like}");
            return reader.wrong(path, format!("a list of tables is expected here; {remedy}"));
        };
        for (at, value) in list.iter().enumerate() {
            let path = format!("{path}[{at}]");
            reader.lines.put(&path, value.span().start);
            let mut table = T::default();
            table.fill(reader, &path, value);
            self.push(table);
        }
    }
}

impl<T: Table> Fill for BTreeMap<String, T> {
    fn fill(&mut self, reader: &mut Reader<'_>, path: &str, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(tables) = value.get_ref() else {
            return reader.expect_table(path, &format!("[{path}.NAME]"));
        };
        for (name, value) in tables {
            let path = join(path, name.get_ref());
            reader.lines.put(&path, value.span().start);
            self.entry(name.get_ref().clone().into_owned()).or_default().fill(reader, &path, value);
        }
    }
}

impl Fill for Option<Text> {
    fn fill(&mut self, reader: &mut Reader<'_>, path: &str, value: &Spanned<DeValue<'_>>) {
        *self = reader.leaf(path, value);
    }
}

impl Fill for Option<String> {
    fn fill(&mut self, reader: &mut Reader<'_>, path: &str, value: &Spanned<DeValue<'_>>) {
        *self = reader.leaf(path, value).map(|Text(text)| text);
    }
}

impl Fill for Option<Texts> {
    fn fill(&mut self, reader: &mut Reader<'_>, path: &str, value: &Spanned<DeValue<'_>>) {
        let DeValue::Array(list) = value.get_ref() else {
            *self = reader.leaf(path, value).map(Texts::One);
            return;
        };
        let mut texts = Vec::new();
        for (at, value) in list.iter().enumerate() {
            let path = format!("{path}[{at}]");
            reader.lines.put(&path, value.span().start);
            texts.extend(reader.leaf(&path, value));
        }
        *self = Some(Texts::Many(texts));
    }
}

impl<T: Table> Fill for Option<Brief<T>> {
    fn fill(&mut self, reader: &mut Reader<'_>, path: &str, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => {
                let mut whole = T::default();
                reader.table(&mut whole, path, table);
                *self = Some(Brief::Table(whole));
            }
            DeValue::Array(_) => reader.expect_table(path, T::LIKE),
            _ => *self = reader.leaf(path, value).map(Brief::Short),
        }
    }
}

/// The tables of policies, which Kubernetes objects hold too. A field that is missing here does not compile.
macro_rules! policies {
    ($($name:ident like $like:literal { $($key:literal $field:ident)* })*) => {$(
        impl Table for $name {
            const LIKE: &'static str = $like;

            fn keys() -> Vec<&'static str> {
                vec![$($key),*]
            }

            fn field(&mut self, key: &str) -> Option<&mut dyn Fill> {
                let $name { $($field),* } = self;
                match key {
                    $($key => Some($field),)*
                    _ => None,
                }
            }
        }
    )*};
}

policies! {
    RawPolicy like "{ rules = [{ then = \"accept\" }] }" { "rules" rules }
    RawRule like "{ match = { prefix = \"10.0.0.0/8 le 24\" }, then = \"accept\" }" {
        "name" name "match" matches "set" set "then" then
    }
    RawMatch like "{ prefix = \"10.0.0.0/8 le 24\" }" {
        "prefix" prefix "family" family "peer" peer "group" group "source" source "as_path" as_path
        "communities" communities "next_hop" next_hop "med" med "local_pref" local_pref "origin" origin
    }
    RawAsPath like "{ pattern = \"65000 * 65010\" }" {
        "contains" contains "starts" starts "origin" origin "length" length "pattern" pattern
    }
    RawCommunities like "{ any = [\"65000:*\"] }" { "any" any "all" all "none" none }
    RawSet like "{ local_pref = 200 }" {
        "local_pref" local_pref "med" med "add_med" add_med "origin" origin "next_hop" next_hop
        "communities" communities "add_communities" add_communities "remove_communities" remove_communities
        "prepend" prepend
    }
    RawPrepend like "{ times = 3 }" { "asn" asn "times" times }
}
