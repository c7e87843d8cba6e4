//! An update group: the export state its members share, and what each of them still has to read.

use super::{
    intern::Sets,
    peers::{Sender, SenderId},
    pending::{Offering, Pending, Said, Telling},
    ring::{Ring, Run},
    session::Export,
    table::{Route, Slot, Table},
    view::{Addresses, Memo, Scratch, View, Views, Wish},
};
use bgp_proto::{
    prefix::{Address, Prefix},
    wire::{
        frame::{Frame, frame},
        nlri::{Nlri, Path},
        pack::{self, Announcement},
        route_refresh::{RefreshKind, RouteRefresh},
        update::Update,
    },
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Prefixes that are told again at a time.
const AGAIN: usize = 2048;
/// Slots that a walk looks at in one step, however few of them are told.
const LOOK: u32 = 16 * 1024;

/// Where a member is with a marker that closes a complete set: End-of-RIB, or the end of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    /// The set is not told yet.
    Owed,
    /// Due when this many chains were told.
    After(u64),
    /// These were told, and it is due when this many were: some prefixes were moved on to them.
    AfterMoved(u64),
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
    end_of_rib: Closing,
    end_of_refresh: Closing,
    /// The mark that begins a refresh is due.
    begins: bool,
    /// Refreshes are marked (RFC 7313).
    enhanced: bool,
}

/// A peer that becomes a member.
#[derive(Clone, Copy)]
pub(super) struct Joining {
    pub(super) member: u16,
    pub(super) address: IpAddr,
    /// Refreshes are marked (RFC 7313).
    pub(super) enhanced: bool,
}

/// A group for one family.
pub(super) struct Group<A> {
    views: Views,
    pending: Pending<A>,
    ring: Ring,
    members: BTreeMap<u16, Member<A>>,
    /// How many members have the ring's oldest run to read next.
    slowest: usize,
    addresses: Addresses,
    memo: Memo,
    scratch: Scratch,
    /// Every slot was offered since the group was made.
    evaluated: bool,
    /// Which of all groups ever made it is.
    pub(super) serial: u64,
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
            views: Views::new(view),
            pending: Pending::new(seed),
            ring: Ring::new(ring),
            members: BTreeMap::new(),
            slowest: 0,
            addresses: Addresses::new(),
            memo: Memo::default(),
            scratch: Scratch::default(),
            evaluated: false,
            serial: 0,
            encoded: 0,
            encoded_again: 0,
        }
    }

    pub(super) fn octets(&self) -> usize {
        self.pending.octets() + self.ring.octets()
    }

    pub(super) fn is_idle(&self, slot: u32) -> bool {
        self.pending.is_idle(slot)
    }

    /// A chunk of slots was given back.
    pub(super) fn give_back(&mut self, chunk: u32) {
        self.pending.give_back(chunk);
    }

    pub(super) fn has(&self, member: u16) -> bool {
        self.members.contains_key(&member)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How the members are told.
    pub(super) fn view(&self) -> &View {
        self.views.latest()
    }

    pub(super) fn untold(&self) -> u64 {
        self.pending.untold
    }

    /// How many routes a member is told, what is still to be said included.
    pub(super) fn advertised(&self, member: u16) -> u32 {
        self.pending.wished(member)
    }

    /// The members that were told of a slot's route, as it is to be told.
    pub(super) fn told(&self, slot: u32) -> Vec<SenderId> {
        let Some(Said::Routes { source: but, .. }) = self.pending.said(slot) else { return Vec::new() };
        self.members.keys().filter(|member| **member != but).map(|member| SenderId(*member)).collect()
    }

    /// Every slot was offered under the latest view.
    pub(super) fn evaluated(&mut self) {
        self.evaluated = true;
        self.views.forget_unused(|view| self.pending.uses_view(view));
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn members(&self) -> impl Iterator<Item = u16> {
        self.members.keys().copied()
    }

    /// Whether routes may lead to one of these members.
    pub(super) fn is_pointed_to(&self, members: &[u16], sets: &Sets) -> bool {
        let theirs = self.addresses.iter().filter(|(_, member)| members.contains(member));
        theirs.map(|(address, _)| address).any(|address| sets.next_hops.is_known(*address))
    }

    /// The members by their addresses.
    pub(super) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The views that members get by these changes where they are other ones, each with its members.
    pub(super) fn views_of(&self, exports: &[(SenderId, Export)]) -> Vec<(View, Vec<u16>)> {
        let mut views: Vec<(View, Vec<u16>)> = Vec::new();
        for (SenderId(member), export) in exports.iter().filter(|(id, _)| self.has(id.0)) {
            let view = self.view().with_export(export);
            match views.iter_mut().find(|(known, _)| *known == view) {
                _ if view == *self.view() => {}
                Some((_, members)) => members.push(*member),
                None => views.push((view, vec![*member])),
            }
        }
        views
    }

    /// Gives all members another view. What they were told stays until every slot is offered again, and of that only
    /// what is told with other octets is told.
    pub(super) fn set_view(&mut self, view: View) {
        self.views.push(view);
        self.forget();
    }

    /// Takes members out into a group of their own with another view, along with all that they were told.
    pub(super) fn split(&mut self, members: &[u16], view: View, sets: &mut Sets) -> Self {
        let theirs = |member: &u16| members.contains(member);
        let mut apart = Group {
            views: self.views.clone(),
            pending: self.pending.copy(sets),
            ring: self.ring.clone(),
            members: self.members.extract_if(.., |member, _| theirs(member)).collect(),
            slowest: 0,
            addresses: self.addresses.extract_if(.., |_, member| theirs(member)).collect(),
            memo: Memo::default(),
            scratch: Scratch::default(),
            evaluated: self.evaluated,
            serial: 0,
            encoded: 0,
            encoded_again: 0,
        };
        apart.set_view(view);
        self.forget();
        self.forget_read();
        apart.forget_read();
        apart
    }

    /// What was found out about senders and members may not hold any more.
    pub(super) fn forget(&mut self) {
        self.memo.forget();
    }

    /// Takes note of what the members are to be told of a prefix: its selected route and who sent that.
    #[inline]
    pub(super) fn offer(
        &mut self,
        slot: u32,
        prefix: Prefix<A>,
        route: Option<(&Route, &Sender)>,
        sets: &mut Sets,
    ) {
        let latest = self.views.latest();
        let wish = match latest.originated(prefix, sets) {
            Some(wish) => Some(Wish { view: self.views.number(), ..wish }),
            None => route.and_then(|(route, sender)| self.wish(prefix, route, sender, sets)),
        };
        let is_member = &|member| self.members.contains_key(&member);
        let with = &mut Offering { sets, views: &self.views, scratch: &mut self.scratch, is_member };
        self.pending.offer(slot, prefix, wish, with);
    }

    #[inline]
    fn wish(&mut self, prefix: Prefix<A>, route: &Route, sender: &Sender, sets: &Sets) -> Option<Wish> {
        let memo = (sets, &mut self.memo);
        let wish = self.views.latest().wish(route, prefix, sender, &self.addresses, memo)?;
        let number = route.sender.0;
        let source = if self.has(number) { number } else { wish.source };
        Some(Wish { source, view: self.views.number(), ..wish })
    }

    /// Lets a peer in: it will be told everything, then End-of-RIB.
    pub(super) fn join(&mut self, Joining { member, address, enhanced }: Joining) {
        let state = Member {
            cursor: self.ring.end(),
            // Where nothing was told yet, the runs to come are all there is.
            walk: self.pending.has_told().then_some(0),
            owed: BTreeSet::new(),
            end_of_rib: Closing::Owed,
            end_of_refresh: Closing::Told,
            begins: false,
            enhanced,
        };
        self.slowest += usize::from(state.cursor == self.ring.first());
        self.members.insert(member, state);
        self.addresses.insert(address, member);
        self.forget();
    }

    pub(super) fn leave(&mut self, member: u16) {
        self.members.remove(&member);
        self.addresses.retain(|_, owner| *owner != member);
        self.forget();
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
            // RFC 7313 §4: not before the End-of-RIB.
            if member.enhanced && member.end_of_rib == Closing::Told {
                (member.begins, member.end_of_refresh) = (true, Closing::Owed);
            }
        }
    }

    /// The next octets for a member: whole UPDATEs. `None`: it was told all there is.
    pub(super) fn take(&mut self, member: u16, mut around: Around<'_, A>) -> Option<Bytes> {
        loop {
            let mut state = self.members.remove(&member)?;
            let before = state.cursor;
            let begin = std::mem::take(&mut state.begins).then(|| self.mark(RefreshKind::BEGIN));
            let again = begin.or_else(|| self.tell_again(member, &mut state, &mut around));
            let read = again.or_else(|| self.read_ring(member, &mut state));
            let told = read.or_else(|| self.close(&mut state, around.complete));
            let moved = state.cursor != before;
            self.members.insert(member, state);
            if moved && before == self.ring.first() {
                self.slowest -= 1;
                if self.slowest == 0 {
                    self.forget_read();
                }
            }
            if told.is_some() {
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

    fn mark(&self, kind: RefreshKind) -> Bytes {
        let mut out = Vec::new();
        RouteRefresh { family: self.view().family(), kind }.encode(&mut out);
        out.into()
    }

    /// The marker that is due, once what was pending when the member had caught up is told.
    fn close(&self, state: &mut Member<A>, complete: bool) -> Option<Bytes> {
        let evaluated = complete && self.evaluated && state.walk.is_none();
        if self.is_closed(&mut state.end_of_rib, evaluated, state.owed.is_empty()) {
            let mut out = Vec::new();
            pack::end_of_rib(self.view().family(), &mut out);
            return Some(out.into());
        }
        let walked = state.walk.is_none();
        self.is_closed(&mut state.end_of_refresh, walked, state.owed.is_empty())
            .then(|| self.mark(RefreshKind::END))
    }

    /// Whether the marker goes out now.
    fn is_closed(&self, closing: &mut Closing, through: bool, paid: bool) -> bool {
        let Pending { queued, told, .. } = self.pending;
        if *closing == Closing::Owed && through {
            *closing = Closing::After(queued);
        }
        // What had gone to another chain meanwhile was moved there when the first one was told.
        if matches!(*closing, Closing::After(first) if told >= first) {
            *closing = Closing::AfterMoved(queued);
        }
        let closed = matches!(*closing, Closing::AfterMoved(last) if paid && told >= last);
        if closed {
            *closing = Closing::Told;
        }
        closed
    }

    /// How many chains were queued so far: what a mark waits for.
    pub(super) fn queued(&self) -> u64 {
        self.pending.queued
    }

    /// The number of the next run, once so many chains are told.
    pub(super) fn told_to(&self, queued: u64) -> Option<u64> {
        (self.pending.told >= queued && !self.pending.has_sources()).then(|| self.ring.end())
    }

    /// Whether every member has taken the runs up to this one, and is owed nothing of what came before.
    pub(super) fn have_taken(&self, run: u64) -> bool {
        self.members
            .values()
            .all(|member| member.cursor >= run && member.owed.is_empty() && member.walk.is_none())
    }

    /// Makes one run. `None`: nothing is pending.
    fn make_run(&mut self, around: &mut Around<'_, A>) -> Option<()> {
        let Around { table, sets, idle, .. } = around;
        let with = &mut Telling { table, sets, views: &self.views, scratch: &mut self.scratch, idle };
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
        let (oldest, view) = (self.ring.first(), self.views.latest());
        let mut missed: Option<Vec<Prefix<A>>> = None;
        for (member, state) in &mut self.members {
            if state.cursor < oldest {
                state.cursor = oldest;
                if run.to.includes(*member) {
                    state.owed.extend(missed.get_or_insert_with(|| prefixes_of(&run.octets, view)).iter());
                }
            }
        }
        self.count_slowest();
    }

    fn count_slowest(&mut self) {
        let oldest = self.ring.first();
        self.slowest = self.members.values().filter(|member| member.cursor == oldest).count();
    }

    /// Drops runs that every member has read.
    fn forget_read(&mut self) {
        let slowest = self.members.values().map(|member| member.cursor).min();
        self.ring.forget_before(slowest.unwrap_or(self.ring.end()));
        self.count_slowest();
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
        let view = self.views.latest();
        let mut out = Vec::new();
        pack::withdraw(view.family(), view.agreed(), withdrawn.into_iter().map(Path::from), &mut out);
        announced.sort_by_key(|(bucket, _)| *bucket);
        for chunk in announced.chunk_by(|(a, _), (b, _)| a == b) {
            let wish = self.pending.wish_of(chunk[0].0);
            let Some(next_hop) = self.views.of(wish.view).write(sets, &wish, &mut self.scratch) else {
                continue;
            };
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
