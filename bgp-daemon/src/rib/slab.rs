//! A slab in chunks: ids stay, nothing is ever moved, and a chunk whose entries are all gone is given back.

mod index;

pub(crate) use index::Index;

const SHIFT: u32 = 12;
/// Entries of a chunk: an id's chunk is the id divided by this.
pub(crate) const CHUNK: usize = 1 << SHIFT;

/// No entry. Every id of a slab is below it.
pub(crate) const NONE: u32 = u32::MAX;

/// An entry that can hold the id of the next free one while it is free itself.
pub(crate) trait Entry: Default {
    fn link(&self) -> u32;
    fn set_link(&mut self, link: u32);
}

#[derive(Clone)]
struct Chunk<T> {
    /// Empty, or as many as were ever used since it was last given back.
    entries: Vec<T>,
    live: u32,
    free: u32,
}

/// Entries under ids that are reused.
#[derive(Clone)]
pub(crate) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// Chunks with room, the one to use next last.
    open: Vec<u32>,
    len: usize,
}

impl<T: Entry> Slab<T> {
    pub(crate) fn new() -> Self {
        Slab { chunks: Vec::new(), open: Vec::new(), len: 0 }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// One past the highest id that may be in use: where a cursor ends.
    pub(crate) fn end(&self) -> u32 {
        (self.chunks.len() << SHIFT) as u32
    }

    /// Octets of memory held.
    pub(crate) fn octets(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.entries.capacity() * size_of::<T>()).sum()
    }

    #[inline]
    pub(crate) fn insert(&mut self, entry: T) -> u32 {
        let number = match self.open.last() {
            Some(number) => *number,
            None => {
                self.chunks.push(Chunk { entries: Vec::new(), live: 0, free: NONE });
                let number = (self.chunks.len() - 1) as u32;
                self.open.push(number);
                number
            }
        };
        let chunk = &mut self.chunks[number as usize];
        chunk.live += 1;
        self.len += 1;
        let at = if chunk.free == NONE {
            if chunk.entries.capacity() == 0 {
                chunk.entries.reserve_exact(CHUNK);
            }
            chunk.entries.push(entry);
            chunk.entries.len() as u32 - 1
        } else {
            let at = chunk.free;
            chunk.free = chunk.entries[at as usize].link();
            chunk.entries[at as usize] = entry;
            at
        };
        if chunk.live as usize == CHUNK {
            self.open.pop();
        }
        number << SHIFT | at
    }

    #[inline]
    pub(crate) fn remove(&mut self, id: u32) -> T {
        let (number, at) = (id >> SHIFT, id as usize & (CHUNK - 1));
        let chunk = &mut self.chunks[number as usize];
        let entry = std::mem::take(&mut chunk.entries[at]);
        chunk.entries[at].set_link(chunk.free);
        chunk.free = at as u32;
        if chunk.live as usize == CHUNK {
            self.open.push(number);
        }
        chunk.live -= 1;
        self.len -= 1;
        if chunk.live == 0 {
            (chunk.entries, chunk.free) = (Vec::new(), NONE);
        }
        entry
    }

    /// Whether the chunk of an id that was removed holds nothing any more and was given back.
    #[inline]
    pub(crate) fn is_given_back(&self, id: u32) -> bool {
        self.chunks[(id >> SHIFT) as usize].live == 0
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> &T {
        &self.chunks[(id >> SHIFT) as usize].entries[id as usize & (CHUNK - 1)]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> &mut T {
        &mut self.chunks[(id >> SHIFT) as usize].entries[id as usize & (CHUNK - 1)]
    }

    /// The entry at a cursor's place: free ones are there as their defaults, places never used are not.
    #[inline]
    pub(crate) fn peek(&self, id: u32) -> Option<&T> {
        self.chunks.get((id >> SHIFT) as usize)?.entries.get(id as usize & (CHUNK - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Debug, PartialEq)]
    struct Number(u32);

    impl Entry for Number {
        fn link(&self) -> u32 {
            self.0
        }
        fn set_link(&mut self, link: u32) {
            self.0 = link;
        }
    }

    #[test]
    fn ids_are_reused_and_whole_chunks_given_back() {
        let mut slab = Slab::new();
        let ids: Vec<u32> = (0..10_000).map(|n| slab.insert(Number(n))).collect();
        assert!(ids.iter().zip(0..).all(|(id, n)| slab.get(*id) == &Number(n)));
        let full = slab.octets();
        for id in &ids[1..] {
            slab.remove(*id);
        }
        assert_eq!((slab.len(), slab.get(ids[0])), (1, &Number(0)));
        assert_eq!(slab.octets() * 3, full);
        let again: Vec<u32> = (0..9_999).map(|n| slab.insert(Number(n))).collect();
        assert!(again.iter().zip(0..).all(|(id, n)| slab.get(*id) == &Number(n)));
        assert_eq!((slab.octets(), slab.end()), (full, 3 << SHIFT));
    }
}
