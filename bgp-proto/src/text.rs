//! Text forms: what a parse error says, and serde by way of `Display` and `FromStr`.

use alloc::string::String;
use core::fmt;

/// A text that is not what it should be: which thing, the value, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    thing: &'static str,
    value: String,
    remedy: &'static str,
}

impl ParseError {
    pub(crate) fn new(thing: &'static str, value: &str, remedy: &'static str) -> Self {
        let value = value.chars().take(80).flat_map(char::escape_debug).collect();
        ParseError { thing, value, remedy }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not {}; write {}", self.value, self.thing, self.remedy)
    }
}

impl core::error::Error for ParseError {}

/// Makes a type travel through serde as its text form.
macro_rules! serde_as_text {
    ($($name:ty),* $(,)?) => {$(
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = alloc::string::String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
pub(crate) use serde_as_text;
