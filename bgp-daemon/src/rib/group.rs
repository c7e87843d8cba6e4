//! An update group: the export state its members share, and what each of them still has to read.

use super::{
    intern::Sets,
    pending::{Pending, Said, Telling, Wish},
    ring::{Ring, Run},
    table::{Slot, Table},
    view::{Scratch, View},
};
use bgp_proto::{
    prefix::{Address, Prefix},
    wire::{
        frame::{Frame, frame},
        nlri::{Nlri, Path},
        pack::{self, Announcement},
        update::Update,
    },
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// Prefixes that are told again at a time.
const AGAIN: usize = 2048;
/// Slots that a walk looks at in one step, however few of them are told.
const LOOK: u32 = 16 * 1024;

/// Where a member is with its End-of-RIB marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndOfRib {
    /// The first complete set is not told yet.
    Owed,
    /// Due when this many chains were told.
    After(u64),
    Told,
}

/// One peer of a group.
struct Member<A> {
    /// The next run to read.
    cursor: u64,
    /// The next slot to be told again, from before the member joined or asked for a refresh.
    walk: Option<u32>,
    /// Prefixes of runs that fell off the ring before the member read them.
    owed: BTreeSet<Prefix<A>>,
    end_of_rib: EndOfRib,
}

/// A group for one family.
pub(super) struct Group<A> {
    pub(super) view: View,
    pending: Pending<A>,
    ring: Ring,
    members: BTreeMap<u16, Member<A>>,
    scratch: Scratch,
    /// Every slot was offered since the group was made.
    pub(super) evaluated: bool,
    /// UPDATE runs encoded for the group and for single members.
    pub(super) encoded: u64,
    pub(super) encoded_again: u64,
}

/// What a group works on that is not its own.
pub(super) struct Around<'a, A> {
    pub(super) table: &'a Table<A>,
    pub(super) sets: &'a mut Sets,
    /// Slots about which nothing is said any more.
    pub(super) idle: &'a mut Vec<u32>,
    /// Every local source has told its first complete set: End-of-RIB markers may go out.
    pub(super) complete: bool,
}

impl<A: Address> Group<A> {
    pub(super) fn new(view: View, seed: u64, ring: usize) -> Self {
        Group {
            view,
            pending: Pending::new(seed),
            ring: Ring::new(ring),
            members: BTreeMap::new(),
            scratch: Scratch::default(),
            evaluated: false,
            encoded: 0,
            encoded_again: 0,
        }
    }

    pub(super) fn octets(&self) -> usize {
        self.pending.octets()
    }

    pub(super) fn is_idle(&self, slot: u32) -> bool {
        self.pending.is_idle(slot)
    }

    pub(super) fn has(&self, member: u16) -> bool {
        self.members.contains_key(&member)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    #[inline]
    pub(super) fn offer(&mut self, slot: u32, prefix: Prefix<A>, wish: Option<Wish>, sets: &mut Sets) {
        self.pending.offer(slot, prefix, wish, sets);
    }

    /// Lets a peer in: it will be told everything, then End-of-RIB.
    pub(super) fn join(&mut self, member: u16) {
        // Where nothing was told yet, the runs to come are all there is.
        let walk = self.pending.has_told().then_some(0);
        let (cursor, end_of_rib) = (self.ring.end(), EndOfRib::Owed);
        self.members.insert(member, Member { cursor, walk, owed: BTreeSet::new(), end_of_rib });
    }

    pub(super) fn leave(&mut self, member: u16) {
        self.members.remove(&member);
        self.forget_read();
    }

    /// Lets go of all attribute sets.
    pub(super) fn clear(&mut self, sets: &mut Sets) {
        self.pending.clear(sets);
    }

    /// Tells a member everything again (RFC 2918).
    pub(super) fn refresh(&mut self, member: u16) {
        if let Some(member) = self.members.get_mut(&member) {
            member.walk = Some(0);
        }
    }

    /// The next octets for a member: whole UPDATEs. `None`: it was told all there is.
    pub(super) fn take(&mut self, member: u16, mut around: Around<'_, A>) -> Option<Bytes> {
        loop {
            let mut state = self.members.remove(&member)?;
            let again = self.tell_again(member, &mut state, &mut around);
            let read = again.or_else(|| self.read_ring(member, &mut state));
            let told = read.or_else(|| self.end_of_rib(&mut state, around.complete));
            self.members.insert(member, state);
            if told.is_some() {
                self.forget_read();
                return told;
            }
            self.make_run(&mut around)?;
        }
    }

    fn read_ring(&self, member: u16, state: &mut Member<A>) -> Option<Bytes> {
        loop {
            let run = self.ring.get(state.cursor)?;
            state.cursor += 1;
            if run.to.includes(member) {
                return Some(run.octets.clone());
            }
        }
    }

    /// The marker, once what was pending when the member had caught up is told.
    fn end_of_rib(&mut self, state: &mut Member<A>, complete: bool) -> Option<Bytes> {
        if state.end_of_rib == EndOfRib::Owed && complete && state.walk.is_none() && self.evaluated {
            state.end_of_rib = EndOfRib::After(self.pending.queued);
        }
        match state.end_of_rib {
            EndOfRib::After(queued) if self.pending.told >= queued && state.owed.is_empty() => {
                state.end_of_rib = EndOfRib::Told;
                let mut out = Vec::new();
                pack::end_of_rib(self.view.family(), &mut out);
                Some(out.into())
            }
            _ => None,
        }
    }

    /// Makes one run. `None`: nothing is pending.
    fn make_run(&mut self, around: &mut Around<'_, A>) -> Option<()> {
        let Around { table, sets, idle, .. } = around;
        let with = &mut Telling { table, sets, view: &self.view, scratch: &mut self.scratch, idle };
        let (octets, to) = self.pending.make_run(with)?;
        if octets.is_empty() {
            return Some(());
        }
        self.encoded += 1;
        self.ring.push(Run { octets: octets.into(), to });
        while let Some(run) = self.ring.overflow() {
            self.owe(&run);
        }
        Some(())
    }

    /// A run fell off: members that did not read it will be told of its prefixes as they are by then.
    fn owe(&mut self, run: &Run) {
        let (oldest, view) = (self.ring.first(), &self.view);
        let mut missed: Option<Vec<Prefix<A>>> = None;
        for (member, state) in &mut self.members {
            if state.cursor < oldest {
                state.cursor = oldest;
                if run.to.includes(*member) {
                    state.owed.extend(missed.get_or_insert_with(|| prefixes_of(&run.octets, view)).iter());
                }
            }
        }
    }

    /// Drops runs that every member has read.
    fn forget_read(&mut self) {
        let slowest = self.members.values().map(|member| member.cursor).min();
        self.ring.forget_before(slowest.unwrap_or(self.ring.end()));
    }

    /// Tells a member what it was to be told before it reads on: a part of its walk, or of what it is owed.
    fn tell_again(
        &mut self,
        member: u16,
        state: &mut Member<A>,
        around: &mut Around<'_, A>,
    ) -> Option<Bytes> {
        loop {
            let (mut announced, mut withdrawn) = (Vec::new(), Vec::new());
            let mut tell = |prefix, said| match said {
                Said::Routes { bucket, source } if source != member => announced.push((bucket, prefix)),
                _ => withdrawn.push(prefix),
            };
            if let Some(from) = state.walk {
                state.walk = self.walk(from, around.table, &mut |prefix, said| {
                    // Who begins anew holds nothing that would have to be withdrawn.
                    if matches!(said, Said::Routes { source, .. } if source != member) {
                        tell(prefix, said);
                    }
                });
            } else {
                let table = around.table;
                let said = |prefix: &Prefix<A>| match table.find(table.hash(*prefix), *prefix) {
                    Some(slot) => self.pending.said(slot),
                    None => Some(Said::Nothing),
                };
                let due: Vec<_> =
                    state.owed.iter().filter_map(|p| Some((*p, said(p)?))).take(AGAIN).collect();
                if due.is_empty() {
                    return None;
                }
                for (prefix, said) in due {
                    state.owed.remove(&prefix);
                    tell(prefix, said);
                }
            }
            if !(announced.is_empty() && withdrawn.is_empty()) {
                return Some(self.encode_again(announced, withdrawn, around.sets));
            }
        }
    }

    /// Tells of slots from a cursor on; returns where to go on.
    fn walk(&self, from: u32, table: &Table<A>, tell: &mut impl FnMut(Prefix<A>, Said)) -> Option<u32> {
        let end = table.slots.end();
        let mut told = 0;
        for slot in from..end.min(from + LOOK) {
            let prefix = table.slots.peek(slot).and_then(Slot::prefix);
            if let (Some(prefix), Some(said @ Said::Routes { .. })) = (prefix, self.pending.said(slot)) {
                tell(prefix, said);
                told += 1;
                if told == AGAIN {
                    return Some(slot + 1);
                }
            }
        }
        (from + LOOK < end).then_some(from + LOOK)
    }

    fn encode_again(
        &mut self,
        mut announced: Vec<(u32, Prefix<A>)>,
        withdrawn: Vec<Prefix<A>>,
        sets: &Sets,
    ) -> Bytes {
        self.encoded_again += 1;
        let view = &self.view;
        let mut out = Vec::new();
        pack::withdraw(view.family(), view.agreed(), withdrawn.into_iter().map(Path::from), &mut out);
        announced.sort_by_key(|(bucket, _)| *bucket);
        for chunk in announced.chunk_by(|(a, _), (b, _)| a == b) {
            let (attributes, rule) = self.pending.told_as(chunk[0].0);
            let Some(next_hop) = view.write(sets, attributes, rule, &mut self.scratch) else { continue };
            let announcement =
                Announcement { family: view.family(), attributes: &self.scratch.section, next_hop };
            // What was told once fits: the view is the same.
            let _ = announcement.encode(
                view.agreed(),
                chunk.iter().map(|(_, prefix)| Path::from(*prefix)),
                &mut out,
            );
        }
        out.into()
    }
}

/// The prefixes that a run announces or withdraws.
fn prefixes_of<A: Address>(octets: &[u8], view: &View) -> Vec<Prefix<A>> {
    let mut found = Vec::new();
    let mut rest = octets;
    while let Frame::Message(raw) = frame(rest, Some(view.agreed())) {
        rest = &rest[raw.len()..];
        let Ok(update) = Update::decode(raw, &view.reading()) else { continue };
        let body = update.withdrawn().chain(update.announced());
        found.extend(body.filter_map(|path| of_width(path.item)));
        let parts = [update.reach().map(|reach| reach.nlri), update.unreach().map(|unreach| unreach.nlri)];
        for nlri in parts.into_iter().flatten() {
            match nlri {
                Nlri::Ipv4(items) => found.extend(items.filter_map(|path| of_width(path.item))),
                Nlri::Ipv6(items) => found.extend(items.filter_map(|path| of_width(path.item))),
                _ => {}
            }
        }
    }
    found
}

/// The same prefix, where it is of this width.
fn of_width<A: Address, B: Address>(prefix: Prefix<B>) -> Option<Prefix<A>> {
    Prefix::new(A::parse(prefix.bits().ip())?, prefix.len())
}
