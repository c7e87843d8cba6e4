//! How policies as written are read: leaves are texts or whole numbers, and a table is a table.

use super::{RawAsPath, RawCommunities, RawMatch, RawPrepend, RawRule, RawSet, Text, Texts};
use serde::{Deserialize, Deserializer, de};
use std::{fmt, marker::PhantomData};

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Texts::deserialize(deserializer)? {
            Texts::One(text) => Ok(text),
            Texts::Many(_) => Err(de::Error::custom("a list stands where one text or number is expected")),
        }
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Leaf)
    }
}

/// Takes what stands at a leaf. No floating-point number: an AS number written 1.10 without quotes would become 1.1.
struct Leaf;

impl<'de> de::Visitor<'de> for Leaf {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes, a whole number, or a list of them")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Texts, E> {
        Ok(Texts::One(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Texts, E> {
        Ok(Texts::One(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Texts, E> {
        Ok(Texts::One(value.into()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(Texts::Many(texts))
    }
}

/// A table, and nothing else: a derived reader takes a list too, its elements as the fields in their order, and a list
/// of communities would become one for each of `any`, `all` and `none`.
pub(super) trait Table {
    const EXPECTED: &'static str;
}

impl Table for RawRule {
    const EXPECTED: &'static str = "a table of name, match, set and then, like { then = \"accept\" }";
}

impl Table for RawMatch {
    const EXPECTED: &'static str = "a table, like { prefix = \"10.0.0.0/8 le 24\" }";
}

impl Table for RawAsPath {
    const EXPECTED: &'static str =
        "a table of contains, starts, origin, length and pattern, like { pattern = \"65000 * 65010\" }";
}

impl Table for RawCommunities {
    const EXPECTED: &'static str = "a table of any, all and none, like { any = [\"65000:*\"] }";
}

impl Table for RawSet {
    const EXPECTED: &'static str = "a table, like { local_pref = 200 }";
}

impl Table for RawPrepend {
    const EXPECTED: &'static str = "a table of times and asn, like { times = 3 } for our own AS";
}

pub(super) fn table<'de, T: Table + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    OnlyTable::deserialize(deserializer).map(|OnlyTable(table)| table)
}

pub(super) fn some_table<'de, T: Table + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    table(deserializer).map(Some)
}

pub(super) fn tables<'de, T: Table + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let tables = Vec::<OnlyTable<T>>::deserialize(deserializer)?;
    Ok(tables.into_iter().map(|OnlyTable(table)| table).collect())
}

struct OnlyTable<T>(T);

impl<'de, T: Table + Deserialize<'de>> Deserialize<'de> for OnlyTable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Table + Deserialize<'de>> de::Visitor<'de> for Entries<T> {
    type Value = OnlyTable<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, entries: A) -> Result<OnlyTable<T>, A::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(entries)).map(OnlyTable)
    }
}
