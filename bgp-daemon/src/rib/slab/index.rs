//! Hash → id. Entries keep their hash and stand in its order with gaps between them, so that a probe reads one cache
//! line or two, a miss ends early, and growing copies a part from front to back without asking anybody for hashes.

/// How many parts there are: each grows by itself, so that growing never takes long.
const PARTS: usize = 256;
/// No entry. No id of a slab is as high.
const EMPTY: u64 = u64::MAX;

/// Entries whose hashes begin with the same octet.
#[derive(Clone, Default)]
struct Part {
    /// Each at its home or behind entries before it; a few more places than homes, for the last ones.
    places: Vec<u64>,
    homes: u32,
    len: u32,
}

/// Where an id with a hash belongs, until the index changes.
pub(crate) struct Place {
    hash: u32,
    at: usize,
}

/// Finds ids by 32-bit hashes.
#[derive(Clone)]
pub(crate) struct Index {
    parts: Vec<Part>,
}

#[inline]
fn entry(hash: u32, id: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(id)
}

impl Index {
    pub(crate) fn new() -> Self {
        Index { parts: (0..PARTS).map(|_| Part::default()).collect() }
    }

    /// Octets of memory held.
    pub(crate) fn octets(&self) -> usize {
        let places: usize = self.parts.iter().map(|part| part.places.capacity()).sum();
        places * size_of::<u64>() + PARTS * size_of::<Part>()
    }

    #[inline]
    fn part(&self, hash: u32) -> &Part {
        &self.parts[(hash >> 24) as usize]
    }

    /// Reads where an id with this hash would be, for whoever looks several up: the CPU waits for all of them at once.
    #[inline]
    pub(crate) fn touch(&self, hash: u32) -> u64 {
        let part = self.part(hash);
        part.places.get(part.home(hash)).copied().unwrap_or(EMPTY)
    }

    /// The first id with this hash that is the right one.
    #[inline]
    pub(crate) fn find(&self, hash: u32, mut right: impl FnMut(u32) -> bool) -> Option<u32> {
        let part = self.part(hash);
        let mut at = part.place(entry(hash, 0));
        loop {
            let place = *part.places.get(at)?;
            if place == EMPTY || (place >> 32) as u32 != hash {
                return None;
            }
            if right(place as u32) {
                return Some(place as u32);
            }
            at += 1;
        }
    }

    /// The first id with this hash that is the right one, or the place to insert it at.
    #[inline]
    pub(crate) fn find_or_place(
        &mut self,
        hash: u32,
        mut right: impl FnMut(u32) -> bool,
    ) -> Result<u32, Place> {
        let part = &mut self.parts[(hash >> 24) as usize];
        if u64::from(part.len) * 100 >= u64::from(part.homes) * FULL {
            part.resize(part.homes + part.homes / 3 + 8);
        }
        let mut at = part.place(entry(hash, 0));
        while let Some(place) = part.places.get(at).filter(|place| **place != EMPTY)
            && (place >> 32) as u32 == hash
        {
            if right(*place as u32) {
                return Ok(*place as u32);
            }
            at += 1;
        }
        Err(Place { hash, at })
    }

    /// Adds an id at the place just found.
    #[inline]
    pub(crate) fn insert_at(&mut self, Place { hash, at }: Place, id: u32) {
        self.parts[(hash >> 24) as usize].insert(at, entry(hash, id));
    }

    /// Adds an id.
    pub(crate) fn insert(&mut self, hash: u32, id: u32) {
        if let Err(place) = self.find_or_place(hash, |_| false) {
            self.insert_at(place, id);
        }
    }

    /// Takes an id out, if it is there.
    #[inline]
    pub(crate) fn remove(&mut self, hash: u32, id: u32) {
        let part = &mut self.parts[(hash >> 24) as usize];
        part.remove(entry(hash, id));
        // What is refilled pays for a few growths.
        if part.homes > 64 && part.len * 4 < part.homes {
            part.resize(part.len + part.len / 2 + 8);
        }
    }
}

/// Of a hundred homes, how many entries there are at the most.
const FULL: u64 = 80;
/// Places that are compared together.
const WINDOW: usize = 4;

impl Part {
    /// Where an entry stands unless others are in its way. It grows with the hash.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash << 8) * u64::from(self.homes)) >> 32) as usize
    }

    /// The place of an entry, or the one before which it belongs.
    #[inline]
    fn place(&self, entry: u64) -> usize {
        let mut at = self.home((entry >> 32) as u32);
        // Behind a gap all are greater, so counting takes no branches.
        while let Some(window) = self.places.get(at..).and_then(<[u64]>::first_chunk::<WINDOW>) {
            let less = window.iter().filter(|place| **place < entry).count();
            at += less;
            if less < WINDOW {
                return at;
            }
        }
        while self.places.get(at).is_some_and(|place| *place < entry) {
            at += 1;
        }
        at
    }

    /// Puts an entry at a place; those there move down.
    #[inline]
    fn insert(&mut self, at: usize, entry: u64) {
        self.len += 1;
        let mut carried = entry;
        for place in &mut self.places[at..] {
            carried = std::mem::replace(place, carried);
            if carried == EMPTY {
                return;
            }
        }
        self.places.push(carried);
    }

    #[inline]
    fn remove(&mut self, entry: u64) {
        let mut at = self.place(entry & !u64::from(u32::MAX));
        while self.places.get(at) != Some(&entry) {
            if self.places.get(at).is_none_or(|place| *place == EMPTY || place >> 32 != entry >> 32) {
                return;
            }
            at += 1;
        }
        self.len -= 1;
        // Those behind it that are not at home move up.
        let mut gap = at;
        while let Some(next) = self.places.get(gap + 1).copied()
            && next != EMPTY
            && self.home((next >> 32) as u32) <= gap
        {
            self.places[gap] = next;
            gap += 1;
        }
        self.places[gap] = EMPTY;
    }

    #[cold]
    fn resize(&mut self, homes: u32) {
        self.homes = homes;
        let old = std::mem::take(&mut self.places);
        let mut places = vec![EMPTY; homes as usize + SPARE];
        let (mut free, mut last) = (0, Vec::new());
        for entry in old {
            // Gaps are copied too, to where the next entry overwrites them: that takes no branches.
            let home = if entry == EMPTY { free } else { self.home((entry >> 32) as u32).max(free) };
            match places.get_mut(home) {
                Some(place) => *place = entry,
                None => last.extend((entry != EMPTY).then_some(entry)),
            }
            free = home + usize::from(entry != EMPTY);
        }
        places.append(&mut last);
        self.places = places;
    }
}

/// Places behind the last home.
const SPARE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Hashes of which many are the same and many close to each other.
    fn hash(id: u32) -> u32 {
        match id % 4 {
            0 => u32::MAX,
            1 => (id / 64) << 8,
            _ => id.wrapping_mul(0x9e37_79b1),
        }
    }

    #[test]
    fn what_was_inserted_is_found_until_it_is_removed() {
        let (mut index, mut model) = (Index::new(), BTreeSet::new());
        for round in 0..60_000u32 {
            let id = round.wrapping_mul(7919) % 10_007;
            if model.remove(&id) {
                index.remove(hash(id), id);
            } else {
                index.insert(hash(id), id);
                model.insert(id);
            }
            let asked = round.wrapping_mul(31) % 10_007;
            let found = index.find(hash(asked), |id| id == asked);
            assert_eq!(found, model.contains(&asked).then_some(asked));
        }
        let found = |id: &u32| index.find(hash(*id), |found| found == *id) == Some(*id);
        assert!(model.iter().all(found) && !model.is_empty());
    }

    #[test]
    fn memory_goes_back() {
        let mut index = Index::new();
        let empty = index.octets();
        (0..100_000).for_each(|id| index.insert(hash(id | 3), id));
        assert!(index.octets() - empty < 100_000 * 16, "{} octets", index.octets());
        (0..100_000).for_each(|id| index.remove(hash(id | 3), id));
        assert!(index.octets() - empty < 256 * 1024, "{} octets", index.octets());
    }
}
