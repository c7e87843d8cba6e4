//! Names that many objects share: each held once, as a number, and let go with its last user.

use crate::object::Name;
use std::collections::BTreeMap;

/// The number of a name in [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameId(u32);

impl NameId {
    /// Numbers stay below this, so that two bits are free for others.
    const MOST: u32 = 1 << 30;

    pub(super) fn number(self) -> u32 {
        self.0
    }

    pub(super) fn from_number(number: u32) -> Self {
        NameId(number)
    }
}

/// Names, each once.
#[derive(Debug, Default)]
pub(super) struct Names {
    ids: BTreeMap<Name, NameId>,
    /// By number; a free one has no name.
    held: Vec<Held>,
    free: Vec<NameId>,
}

#[derive(Debug)]
struct Held {
    name: Name,
    users: u32,
}

impl Names {
    /// The number of a name, which has one user more. `None`: there are too many names.
    pub(super) fn take(&mut self, name: &str) -> Option<NameId> {
        if let Some(id) = self.ids.get(name) {
            self.held[id.0 as usize].users += 1;
            return Some(*id);
        }
        let held = Held { name: name.into(), users: 1 };
        let shared = held.name.clone();
        let id = match self.free.pop() {
            Some(id) => {
                self.held[id.0 as usize] = held;
                id
            }
            None => {
                let id = u32::try_from(self.held.len()).ok().filter(|id| *id < NameId::MOST).map(NameId)?;
                self.held.push(held);
                id
            }
        };
        self.ids.insert(shared, id);
        Some(id)
    }

    /// One user less.
    pub(super) fn release(&mut self, id: NameId) {
        let held = &mut self.held[id.0 as usize];
        held.users -= 1;
        if held.users == 0 {
            let name = std::mem::replace(&mut held.name, "".into());
            self.ids.remove(&name);
            self.free.push(id);
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<NameId> {
        self.ids.get(name).copied()
    }

    pub(super) fn name(&self, id: NameId) -> &Name {
        &self.held[id.0 as usize].name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lives_as_long_as_its_users_and_its_number_is_used_again() {
        let mut names = Names::default();
        let first = names.take("a").unwrap();
        assert_eq!(names.take("a"), Some(first));
        names.release(first);
        assert_eq!(names.find("a"), Some(first));
        names.release(first);
        assert_eq!(names.find("a"), None);
        let second = names.take("b").unwrap();
        assert_eq!((second, &**names.name(second)), (first, "b"));
    }
}
