//! The prefixes to which something happened lately, for those who watch. Nothing is kept while nobody does.

use super::{Rib, half::Half};
use bgp_proto::prefix::{Address, Prefix};
use ipnet::IpNet;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Weak},
};

/// As many prefixes of each width are kept. Who falls farther behind looks at everything again.
const KEPT: usize = 16 * 1024;

/// How far somebody who watches has seen. Drop it to watch no more.
#[derive(Clone, Debug)]
pub struct Seen {
    _watching: Arc<()>,
    /// How many of each width.
    narrow: u64,
    wide: u64,
}

/// The latest prefixes of one width.
#[derive(Debug)]
pub(super) struct Recent<A> {
    /// Dead once nobody watches any more; `None`: nobody does.
    watched: Option<Weak<()>>,
    prefixes: VecDeque<Prefix<A>>,
    /// How many there ever were.
    count: u64,
}

impl<A: Address> Recent<A> {
    pub(super) fn new() -> Self {
        Recent { watched: None, prefixes: VecDeque::new(), count: 0 }
    }

    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.watched.is_some()
    }

    pub(super) fn note(&mut self, prefix: Prefix<A>) {
        if self.watched.as_ref().is_none_or(|watched| watched.strong_count() == 0) {
            (self.watched, self.prefixes) = (None, VecDeque::new());
            return;
        }
        if self.prefixes.len() == KEPT {
            self.prefixes.pop_front();
        }
        self.prefixes.push_back(prefix);
        self.count += 1;
    }

    /// What came since, and how many there are now. `None`: some of it is not kept any more.
    fn since(&self, seen: u64) -> Option<impl Iterator<Item = &Prefix<A>>> {
        let new = usize::try_from(self.count.checked_sub(seen)?).ok()?;
        let skip = self.prefixes.len().checked_sub(new)?;
        Some(self.prefixes.iter().skip(skip))
    }
}

impl Rib {
    /// Watches from now on.
    pub fn watch(&mut self) -> Seen {
        let known = [&self.v4.recent.watched, &self.v6.recent.watched].into_iter().flatten();
        let watching = known.filter_map(Weak::upgrade).next().unwrap_or_default();
        self.v4.recent.watched = Some(Arc::downgrade(&watching));
        self.v6.recent.watched = Some(Arc::downgrade(&watching));
        Seen { _watching: watching, narrow: self.v4.recent.count, wide: self.v6.recent.count }
    }

    /// The prefixes to which something happened since this was asked last, each once, in order. `None`: these were too
    /// many; look at everything again.
    pub fn changed(&self, seen: &mut Seen) -> Option<BTreeSet<IpNet>> {
        let mut changed = BTreeSet::new();
        let narrow = changes(&self.v4, seen.narrow, &mut changed);
        let wide = changes(&self.v6, seen.wide, &mut changed);
        (seen.narrow, seen.wide) = (self.v4.recent.count, self.v6.recent.count);
        (narrow.is_some() && wide.is_some()).then_some(changed)
    }
}

fn changes<A: Address>(half: &Half<A>, seen: u64, changed: &mut BTreeSet<IpNet>) -> Option<()> {
    let new = half.recent.since(seen)?;
    changed.extend(new.filter_map(|prefix| IpNet::new(prefix.bits().ip(), prefix.len()).ok()));
    Some(())
}
