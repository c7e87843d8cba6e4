//! Choosing objects by their labels.

/// All of its requirements hold; without any it chooses everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(pub Vec<Requirement>);

/// What must hold of one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Its value is one of these.
    In(Box<str>, Vec<Box<str>>),
    /// It is not there, or its value is none of these.
    NotIn(Box<str>, Vec<Box<str>>),
    /// It is there.
    Exists(Box<str>),
    /// It is not.
    Absent(Box<str>),
}

impl Selector {
    /// Whether it chooses everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it chooses an object, of whose labels `value` finds the value.
    pub fn chooses<'l>(&self, value: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => {
                value(key).is_some_and(|found| values.iter().any(|v| **v == *found))
            }
            Requirement::NotIn(key, values) => {
                value(key).is_none_or(|found| !values.iter().any(|v| **v == *found))
            }
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Absent(key) => value(key).is_none(),
        })
    }
}
