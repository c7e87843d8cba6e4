//! An update group: peers with the same export view. What is still to be said of each prefix and what was said,
//! chained by attributes so that the chain is the packing.

use super::{
    intern::{AttrId, Sets},
    ring::To,
    slab::{self, CHUNK, Index, NONE, Slab},
    table::Table,
    view::{NOBODY, Scratch, View, Views, Wish},
};
use bgp_proto::{
    prefix::{Address, Prefix},
    wire::{
        nlri::Path,
        pack::{self, Announcement},
    },
};
use foldhash::fast::FixedState;
use std::{
    collections::{BTreeMap, VecDeque, btree_map},
    hash::BuildHasher,
};

/// What is said of one prefix. The link holds two flags and, while it is pending, the next slot of its chain.
#[derive(Clone, Copy)]
struct Entry {
    bucket: u32,
    link: u32,
}

/// The members were told of the prefix.
const ADVERTISED: u32 = 1 << 31;
/// Something is still to be said of the prefix: it is in a chain.
const PENDING: u32 = 1 << 30;
const LINK: u32 = PENDING - 1;

impl Entry {
    const IDLE: Entry = Entry { bucket: NONE, link: LINK };

    fn is(self, flag: u32) -> bool {
        self.link & flag != 0
    }
}

/// Routes that are told with the same octets.
#[derive(Clone, Copy)]
struct Bucket {
    wish: Wish,
    /// Entries in this bucket, and one while it is queued.
    refs: u32,
    /// The first slot of the chain to be told.
    head: u32,
}

impl Default for Bucket {
    fn default() -> Self {
        Bucket { wish: Wish::default(), refs: 0, head: LINK }
    }
}

impl slab::Entry for Bucket {
    fn link(&self) -> u32 {
        self.head
    }
    fn set_link(&mut self, link: u32) {
        self.head = link;
    }
}

/// The export state of a group for one family.
#[derive(Clone)]
pub(super) struct Pending<A> {
    /// By slot, in the chunks of the slots' slab; empty where nothing was ever said of a chunk's slots.
    entries: Vec<Box<[Entry]>>,
    buckets: Slab<Bucket>,
    index: Index,
    /// How many buckets there are under each view of the group.
    views: BTreeMap<u16, u32>,
    hasher: FixedState,
    /// The bucket found last: prefixes of one UPDATE ask for the same.
    last: Option<(Wish, u32)>,
    /// The two buckets that were compared last, and whether they are told with the same octets.
    compared: Option<(u32, u32, bool)>,
    /// Buckets with a chain, in the order in which they got one. `NONE` stands for the chain of withdrawals.
    queue: VecDeque<u32>,
    withdrawals: u32,
    /// Prefixes whose new source was told of them before.
    sources: VecDeque<(Prefix<A>, u16)>,
    /// How many prefixes there are to be told of, and how many of them came from each member, which is not told.
    wished: u32,
    wished_but: Vec<u32>,
    /// How many chains were ever queued, and how many of these were told whole.
    pub(super) queued: u64,
    pub(super) told: u64,
    begun: bool,
    /// How many sets could not be told because they do not fit a message.
    pub(super) untold: u64,
}

/// Octets after which a run ends: a few large writes beat many small ones.
const RUN: usize = 32 * 1024;

impl<A: Address> Pending<A> {
    pub(super) fn new(seed: u64) -> Self {
        Pending {
            entries: Vec::new(),
            buckets: Slab::new(),
            index: Index::new(),
            views: BTreeMap::new(),
            hasher: FixedState::with_seed(seed),
            last: None,
            compared: None,
            queue: VecDeque::new(),
            withdrawals: LINK,
            sources: VecDeque::new(),
            wished: 0,
            wished_but: Vec::new(),
            queued: 0,
            told: 0,
            begun: false,
            untold: 0,
        }
    }

    /// Octets of memory held.
    pub(super) fn octets(&self) -> usize {
        self.entries.iter().map(|chunk| chunk.len() * size_of::<Entry>()).sum::<usize>()
            + self.buckets.octets()
            + self.index.octets()
            + self.queue.capacity() * 4
    }

    #[inline]
    fn entry(&self, slot: u32) -> Entry {
        let entry =
            self.entries.get(slot as usize / CHUNK).and_then(|chunk| chunk.get(slot as usize % CHUNK));
        entry.copied().unwrap_or(Entry::IDLE)
    }

    #[inline]
    fn entry_mut(&mut self, slot: u32) -> &mut Entry {
        let chunk = slot as usize / CHUNK;
        if self.entries.get(chunk).is_none_or(|entries| entries.is_empty()) {
            self.begin_chunk(chunk);
        }
        &mut self.entries[chunk][slot as usize % CHUNK]
    }

    #[cold]
    fn begin_chunk(&mut self, chunk: usize) {
        if self.entries.len() <= chunk {
            self.entries.resize_with(chunk + 1, Default::default);
        }
        self.entries[chunk] = vec![Entry::IDLE; CHUNK].into_boxed_slice();
    }

    /// A chunk of slots was given back: nothing is said of any of them.
    pub(super) fn give_back(&mut self, chunk: u32) {
        if let Some(entries) = self.entries.get_mut(chunk as usize) {
            *entries = Box::default();
        }
    }

    /// Forgets everything and lets go of the attribute sets.
    pub(super) fn clear(&mut self, sets: &mut Sets) {
        self.held().for_each(|id| sets.release(id));
        (self.entries, self.buckets, self.index) = (Vec::new(), Slab::new(), Index::new());
        (self.last, self.compared) = (None, None);
        (self.queue, self.sources, self.withdrawals) = (VecDeque::new(), VecDeque::new(), LINK);
        self.views.clear();
        (self.wished, self.wished_but) = (0, Vec::new());
    }

    /// The same once more, with its own hold on the attribute sets.
    pub(super) fn copy(&self, sets: &mut Sets) -> Self {
        self.held().for_each(|id| sets.retain(id));
        self.clone()
    }

    /// The attribute sets of all buckets.
    fn held(&self) -> impl Iterator<Item = AttrId> {
        let buckets = (0..self.buckets.end()).filter_map(|id| self.buckets.peek(id));
        buckets.filter(|bucket| bucket.refs > 0).map(|bucket| bucket.wish.attributes)
    }

    /// Whether nothing was said of the slot and nothing is to be: it may be given back.
    pub(super) fn is_idle(&self, slot: u32) -> bool {
        self.entry(slot).link & (ADVERTISED | PENDING) == 0
    }

    /// Whether some source is still to hear that a prefix is not told to it any more.
    pub(super) fn has_sources(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Whether any chain was told yet, in whole or in part.
    pub(super) fn has_told(&self) -> bool {
        self.begun
    }

    fn hash(&self, wish: &Wish) -> u32 {
        (self.hasher.hash_one(wish) >> 32) as u32
    }

    #[inline]
    fn bucket_of(&mut self, wish: Wish, sets: &mut Sets) -> u32 {
        if let Some((_, id)) = self.last.filter(|(last, _)| *last == wish) {
            return id;
        }
        let hash = self.hash(&wish);
        let id = match self.index.find(hash, |id| self.buckets.get(id).wish == wish) {
            Some(id) => id,
            None => self.new_bucket(wish, hash, sets),
        };
        self.last = Some((wish, id));
        id
    }

    fn new_bucket(&mut self, wish: Wish, hash: u32, sets: &mut Sets) -> u32 {
        sets.retain(wish.attributes);
        *self.views.entry(wish.view).or_default() += 1;
        let id = self.buckets.insert(Bucket { wish, ..Bucket::default() });
        self.index.insert(hash, id);
        id
    }

    #[inline]
    fn release(&mut self, id: u32, sets: &mut Sets) {
        let bucket = self.buckets.get_mut(id);
        bucket.refs -= 1;
        if bucket.refs == 0 {
            let wish = self.buckets.remove(id).wish;
            let hash = self.hash(&wish);
            self.index.remove(hash, id);
            if let btree_map::Entry::Occupied(mut count) = self.views.entry(wish.view) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
            self.last = self.last.filter(|(_, last)| *last != id);
            self.compared = self.compared.filter(|(a, b, _)| *a != id && *b != id);
            sets.release(wish.attributes);
        }
    }

    /// Takes note of what is to be said of a slot. Nothing is done where that was said already, in the same octets.
    #[inline]
    pub(super) fn offer(
        &mut self,
        slot: u32,
        prefix: Prefix<A>,
        wish: Option<Wish>,
        with: &mut Offering<'_>,
    ) {
        let bucket = wish.map_or(NONE, |wish| self.bucket_of(wish, with.sets));
        let entry = self.entry(slot);
        if entry.bucket == bucket {
            return;
        }
        let told = entry.is(ADVERTISED) && !entry.is(PENDING);
        let silent = told && bucket != NONE && self.are_told_alike(entry.bucket, bucket, with);
        if bucket != NONE {
            self.buckets.get_mut(bucket).refs += 1;
            let source = self.buckets.get(bucket).wish.source;
            let knows =
                entry.is(ADVERTISED) && !(told && self.buckets.get(entry.bucket).wish.source == source);
            if source != NOBODY && knows {
                self.sources.push_back((prefix, source));
            }
        }
        self.count(entry.bucket, bucket);
        self.entry_mut(slot).bucket = bucket;
        if !entry.is(PENDING) && !silent {
            self.chain(slot, bucket);
        }
        // A pending entry stays in the chain it is in: when that is told, it moves on to the chain it belongs to.
        if entry.bucket != NONE {
            self.release(entry.bucket, with.sets);
        }
    }

    /// An entry goes from one bucket to another.
    #[inline]
    fn count(&mut self, old: u32, new: u32) {
        if old != NONE {
            self.wished -= 1;
            let source = usize::from(self.buckets.get(old).wish.source);
            if let Some(but) = self.wished_but.get_mut(source) {
                *but -= 1;
            }
        }
        if new != NONE {
            self.wished += 1;
            let source = self.buckets.get(new).wish.source;
            if source != NOBODY {
                let source = usize::from(source);
                if self.wished_but.len() <= source {
                    self.wished_but.resize(source + 1, 0);
                }
                self.wished_but[source] += 1;
            }
        }
    }

    /// How many prefixes a member is to be told of.
    pub(super) fn wished(&self, member: u16) -> u32 {
        self.wished - self.wished_but.get(usize::from(member)).copied().unwrap_or_default()
    }

    /// Whether whoever was told of a route as in one bucket knows all of the other.
    #[inline]
    fn are_told_alike(&mut self, told: u32, bucket: u32, with: &mut Offering<'_>) -> bool {
        if let Some((_, _, alike)) = self.compared.filter(|(a, b, _)| (*a, *b) == (told, bucket)) {
            return alike;
        }
        let (a, b) = (self.buckets.get(told).wish, self.buckets.get(bucket).wish);
        let all = a.source == b.source || !(with.is_member)(a.source);
        let alike = all && with.views.tell_the_same(&a, &b, with.sets, with.scratch);
        self.compared = Some((told, bucket, alike));
        alike
    }

    /// Puts a slot at the front of the chain of its bucket.
    #[inline]
    fn chain(&mut self, slot: u32, bucket: u32) {
        let head =
            if bucket == NONE { &mut self.withdrawals } else { &mut self.buckets.get_mut(bucket).head };
        let next = std::mem::replace(head, slot);
        let entry = self.entry_mut(slot);
        entry.link = entry.link & ADVERTISED | PENDING | next;
        if next == LINK {
            self.queue.push_back(bucket);
            self.queued += 1;
            if bucket != NONE {
                // A queued bucket stays, even when all its slots went elsewhere meanwhile.
                self.buckets.get_mut(bucket).refs += 1;
            }
        }
    }

    /// Takes the first slot off a chain.
    #[inline]
    fn unchain(&mut self, bucket: u32) -> Option<u32> {
        let head = if bucket == NONE { self.withdrawals } else { self.buckets.get(bucket).head };
        if head == LINK {
            return None;
        }
        let entry = self.entry_mut(head);
        let next = entry.link & LINK;
        entry.link = entry.link & ADVERTISED | LINK;
        if bucket == NONE {
            self.withdrawals = next;
        } else {
            self.buckets.get_mut(bucket).head = next;
        }
        Some(head)
    }

    /// The next slot of a chain that is really to be told so; others are moved to where they belong.
    fn next_of(&mut self, bucket: u32, idle: &mut Vec<u32>) -> Option<u32> {
        loop {
            let slot = self.unchain(bucket)?;
            let entry = self.entry(slot);
            match (entry.bucket == bucket, entry.is(ADVERTISED)) {
                // Announced and withdrawn before anybody heard of it, or withdrawn for good.
                (true, advertised) if bucket == NONE => {
                    self.entry_mut(slot).link = LINK;
                    idle.push(slot);
                    if advertised {
                        return Some(slot);
                    }
                }
                (true, _) => {
                    self.entry_mut(slot).link = ADVERTISED | LINK;
                    return Some(slot);
                }
                (false, _) => self.chain(slot, entry.bucket),
            }
        }
    }

    /// Makes the next run out of what is pending. Slots that have become idle are added to `idle`.
    pub(super) fn make_run(&mut self, with: &mut Telling<'_, A>) -> Option<(Vec<u8>, To)> {
        let mut out = Vec::new();
        self.begun = true;
        if let Some((_, source)) = self.sources.front().copied() {
            self.tell_source(source, with.views.latest(), &mut out);
            return Some((out, To::Only(source)));
        }
        let mut to = None;
        while let Some(bucket) = self.queue.front().copied().filter(|_| out.len() < RUN) {
            let source = if bucket == NONE { NOBODY } else { self.buckets.get(bucket).wish.source };
            if *to.get_or_insert(source) != source {
                break;
            }
            out.reserve(RUN.saturating_sub(out.capacity()));
            self.tell(bucket, with, &mut out);
            if self.head(bucket) == LINK {
                self.queue.pop_front();
                self.told += 1;
                if bucket != NONE {
                    self.release(bucket, with.sets);
                }
            }
        }
        match to? {
            NOBODY => Some((out, To::All)),
            source => Some((out, To::AllBut(source))),
        }
    }

    fn head(&self, bucket: u32) -> u32 {
        if bucket == NONE { self.withdrawals } else { self.buckets.get(bucket).head }
    }

    fn tell_source(&mut self, source: u16, view: &View, out: &mut Vec<u8>) {
        let mut theirs = std::iter::from_fn(|| {
            let (prefix, _) = self.sources.pop_front_if(|(_, to)| *to == source)?;
            Some(Path::from(prefix))
        });
        while out.len() < RUN && pack::withdraw_one(view.family(), view.agreed(), &mut theirs, out) > 0 {}
    }

    /// Appends UPDATEs for a chain until it ends or the run is long enough.
    fn tell(&mut self, bucket: u32, with: &mut Telling<'_, A>, out: &mut Vec<u8>) {
        let (view, table) = (with.views.latest(), with.table);
        let idle = &mut *with.idle;
        if bucket == NONE {
            let mut slots = std::iter::from_fn(|| self.next_of(bucket, idle));
            let mut paths = slots.by_ref().filter_map(|slot| table.slots.get(slot).prefix()).map(Path::from);
            while out.len() < RUN && pack::withdraw_one(view.family(), view.agreed(), &mut paths, out) > 0 {}
            return;
        }
        let wish = self.buckets.get(bucket).wish;
        let Some(next_hop) = with.views.of(wish.view).write(with.sets, &wish, with.scratch) else {
            return self.take_back(bucket, with);
        };
        let announcement =
            Announcement { family: view.family(), attributes: &with.scratch.section, next_hop };
        let mut slots = std::iter::from_fn(|| self.next_of(bucket, idle));
        let mut paths = slots.by_ref().filter_map(|slot| table.slots.get(slot).prefix()).map(Path::from);
        while out.len() < RUN {
            match announcement.encode_one(view.agreed(), &mut paths, out) {
                Ok(0) => return,
                Ok(_) => {}
                Err(_) => return self.take_back(bucket, with),
            }
        }
    }

    /// The routes of a bucket cannot be told to this group: whoever heard of the prefixes hears that they are gone.
    #[cold]
    fn take_back(&mut self, bucket: u32, with: &mut Telling<'_, A>) {
        self.untold += 1;
        while let Some(slot) = self.unchain(bucket) {
            let entry = self.entry(slot);
            if entry.bucket != bucket {
                self.chain(slot, entry.bucket);
                continue;
            }
            self.count(bucket, NONE);
            self.entry_mut(slot).bucket = NONE;
            self.release(bucket, with.sets);
            if entry.is(ADVERTISED) {
                self.chain(slot, NONE);
            } else {
                with.idle.push(slot);
            }
        }
    }

    /// What is said of a slot by now, for a member that has to be told again: `None` while a run about it is still
    /// to come, which will tell every member.
    pub(super) fn said(&self, slot: u32) -> Option<Said> {
        let entry = self.entry(slot);
        if entry.is(PENDING) {
            return None;
        }
        if !entry.is(ADVERTISED) {
            return Some(Said::Nothing);
        }
        let bucket = self.buckets.get(entry.bucket);
        Some(Said::Routes { bucket: entry.bucket, source: bucket.wish.source })
    }

    /// What is wished for the routes of a bucket.
    pub(super) fn wish_of(&self, bucket: u32) -> Wish {
        self.buckets.get(bucket).wish
    }

    /// Whether anything is wished under this view of the group.
    pub(super) fn uses_view(&self, view: u16) -> bool {
        self.views.contains_key(&view)
    }
}

/// What the members of a group were told of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// The routes of this bucket; all but this source.
    Routes {
        bucket: u32,
        source: u16,
    },
}

/// What it takes to make runs.
pub(super) struct Telling<'a, A> {
    pub(super) table: &'a Table<A>,
    pub(super) sets: &'a mut Sets,
    pub(super) views: &'a Views,
    pub(super) scratch: &'a mut Scratch,
    /// Slots about which nothing is said any more.
    pub(super) idle: &'a mut Vec<u32>,
}

/// What it takes to note what is to be said.
pub(super) struct Offering<'a> {
    pub(super) sets: &'a mut Sets,
    pub(super) views: &'a Views,
    pub(super) scratch: &'a mut Scratch,
    pub(super) is_member: &'a dyn Fn(u16) -> bool,
}
