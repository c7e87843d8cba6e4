//! What is found wrong on the way, and how texts are read so that it is found.

use crate::policy::{
    Mistake, Wrong,
    raw::{Text, Texts},
};
use std::fmt;

/// What is wrong, and what deserves a second look.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<Mistake>,
}

impl Notes {
    pub(super) fn wrong(&mut self, path: impl fmt::Display, message: impl Into<String>) {
        self.mistakes.push(Mistake { path: path.to_string(), message: message.into() });
    }

    pub(super) fn warn(&mut self, path: impl fmt::Display, message: impl Into<String>) {
        self.warnings.push(Mistake { path: path.to_string(), message: message.into() });
    }

    /// What was read; `None` where it is wrong.
    pub(super) fn keep<T>(&mut self, path: impl fmt::Display, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|Wrong(message)| self.wrong(path, message)).ok()
    }

    /// A leaf; `None` too where it is wrong.
    pub(super) fn one<T>(
        &mut self,
        path: impl fmt::Display,
        text: Option<&Text>,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.keep(path, parse(&text?.0))
    }

    /// A list; what is wrong in it is left out.
    pub(super) fn each<T>(
        &mut self,
        path: impl fmt::Display,
        texts: Option<&Texts>,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let elements = elements(path, texts?).into_iter();
        Some(elements.filter_map(|(path, text)| self.one(path, Some(text), &parse)).collect())
    }
}

/// The elements of a list with their paths; a list that is one text has no numbers.
pub(super) fn elements(path: impl fmt::Display, texts: &Texts) -> Vec<(String, &Text)> {
    match texts {
        Texts::One(text) => vec![(path.to_string(), text)],
        Texts::Many(texts) => {
            texts.iter().enumerate().map(|(at, text)| (format!("{path}[{at}]"), text)).collect()
        }
    }
}
