//! A leaf as written: read whatever it is, so that one check finds everything that is wrong.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::{borrow::Cow, fmt};

/// A text, a whole number, or true or false.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Text {
    /// `tor`.
    Word(String),
    /// `65000`.
    Number(i64),
    /// `true`.
    Flag(bool),
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text::Word(word) => f.pad(word),
            Text::Number(number) => number.fmt(f),
            Text::Flag(flag) => flag.fmt(f),
        }
    }
}

impl From<&str> for Text {
    fn from(word: &str) -> Self {
        Text::Word(word.into())
    }
}

impl From<u32> for Text {
    fn from(number: u32) -> Self {
        Text::Number(number.into())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Leaf)
    }
}

struct Leaf;

impl de::Visitor<'_> for Leaf {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number, true or false")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Text, E> {
        Ok(Text::Word(word.into()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text::Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
        // What is too large for a number is too large for any field: as a text it is refused by its value.
        Ok(i64::try_from(number).map_or_else(|_| Text::Word(number.to_string()), Text::Number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text, E> {
        Ok(Text::Word(number.to_string()))
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Text, E> {
        Ok(Text::Flag(flag))
    }
}

/// Fields say more: see `schema`.
impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }

    fn inline_schema() -> bool {
        true
    }
}
