//! What is wrong in a policy as written, in words for the person who wrote it.

use std::fmt;

/// One mistake: where it stands and, as a sentence, the value, what is wrong with it and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where: `policy.from-cluster.rules[0].match.prefix[1]`.
    pub path: String,
    /// The sentence.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for Mistake {}

/// The sentence of a [`Mistake`], made where the value is read; its place is known further out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) String);

impl Wrong {
    /// `"VALUE" PROBLEM; write REMEDY`.
    pub(crate) fn new(value: &str, problem: impl fmt::Display, remedy: impl fmt::Display) -> Self {
        let value: String = value.chars().take(80).flat_map(char::escape_debug).collect();
        Wrong(format!("\"{value}\" {problem}; write {remedy}"))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
