//! The RIB: routes learned and local, the best of each prefix, and what every group of peers is told of them.
//!
//! A [`Rib`] is a plain value with one owner. It is told things (`learn`, `replace`, `peer_up`, `next_hop`, …) and
//! asked for things ([`Rib::take`] yields a peer's next octets). What takes long is a cursor: call [`Rib::work`]
//! until it says that nothing is left, a slice at a time, with other things in between.
//!
//! ```
//! use bgp_daemon::policy::{self, Names, Policy, raw::RawPolicies, standard::import::ImportSide};
//! use bgp_daemon::rib::{LocalRoute, Rib, Session, Settings};
//! use bgp_proto::agreed::{Agreed, PeerKind};
//! use bgp_proto::numbers::{Asn, RouterId};
//! use bgp_proto::wire::{frame::{Frame, frame}, update::Update};
//!
//! let raw: RawPolicies = toml::from_str(r#"
//!     [pods]
//!     rules = [{ match = { prefix = "10.0.0.0/8 le 32" }, set = { med = 50 }, then = "accept" }]
//! "#).unwrap();
//! let pods = policy::check(&raw, &Names::default()).unwrap().find("pods").unwrap().clone();
//!
//! let agreed = Agreed::new(PeerKind::External);
//! let session = |number: u8, export: Policy| {
//!     let (ours, theirs) = (RouterId::new(1).unwrap(), RouterId::new(100 + u32::from(number)).unwrap());
//!     let side = ImportSide::new(agreed.peer_kind, Asn(65000), Asn(65000 + u32::from(number)), ours);
//!     Session::new(agreed, side, [192, 0, 2, number].into(), theirs, [192, 0, 2, 254].into())
//!         .with_policies(Policy::all(), export)
//! };
//! let mut rib = Rib::new(Settings::default());
//! let (first, second) = (rib.add_peer().unwrap(), rib.add_peer().unwrap());
//! rib.peer_up(first, &session(1, Policy::all()));
//! rib.peer_up(second, &session(2, pods));
//!
//! let source = rib.add_source("config").unwrap();
//! for prefix in ["10.1.0.0/16", "198.51.100.0/24"] {
//!     rib.announce(source, &LocalRoute::new(prefix.parse().unwrap()), 0);
//! }
//! while rib.work(10_000) {}
//! let told = rib.take(second).unwrap();
//! let Frame::Message(message) = frame(&told, Some(&agreed)) else { panic!("a whole UPDATE") };
//! let update = Update::decode(message, &agreed).unwrap();
//! assert_eq!(update.attributes().med(), Some(50));
//! assert_eq!(update.announced().map(|path| path.item.to_string()).collect::<Vec<_>>(), ["10.1.0.0/16"]);
//! ```

mod aggregate;
mod chosen;
mod difference;
mod explain;
mod group;
mod half;
mod import;
mod intern;
mod listing;
mod mark;
mod next_hop;
mod peers;
mod pending;
mod recent;
mod ring;
mod select;
mod session;
mod slab;
mod table;
mod view;

use aggregate::Watched;
use bgp_proto::{
    attr::{next_hop::NextHop, set::PathAttributes, table::Treatment},
    family::Family,
    prefix::Prefix,
    wire::{
        nlri::{Nlri, Path},
        update::Update,
    },
};
use bytes::Bytes;
use group::Joining;
use half::{Half, Shared};
use import::Judge;
use intern::{Scope, Sets};
use ipnet::IpNet;
use peers::Sender;
use std::{fmt, net::IpAddr};
use view::View;

pub use aggregate::Aggregate;
pub use chosen::{Chosen, Follow, Hop, Verdict};
pub use difference::{Difference, Proposal, Sample};
pub use explain::Telling;
pub use import::Refused;
pub use listing::{Listed, Place, Standing, Told};
pub use mark::Mark;
pub use peers::{SenderId, SenderKind};
pub use recent::Seen;
pub use select::Settings as Selection;
pub use session::{Export, Import, Limits, Session};

/// What a RIB is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the order of hash tables comes from: the same seed and the same calls give the same octets. A speaker that
    /// talks to strangers draws it at random, or they can choose prefixes whose hashes are alike.
    pub seed: u64,
    /// Next hops have to be resolved ([`Rib::next_hop`]); off in reflectors and collectors.
    pub resolve_next_hops: bool,
    /// How routes are compared.
    pub selection: Selection,
    /// Octets of encoded UPDATEs that a group keeps for its slower members; who falls farther behind is told again
    /// of just what it missed.
    pub ring: usize,
    /// Hold routes that are not accepted too: they can be listed, and a change of policy needs no route refresh.
    pub keep_rejected: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            seed: 0,
            resolve_next_hops: false,
            selection: Selection::default(),
            ring: 4 << 20,
            keep_rejected: true,
        }
    }
}

/// A route of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalRoute {
    /// The prefix; host bits do not count.
    pub prefix: IpNet,
    /// Its attributes.
    pub attributes: PathAttributes,
    /// Its next hop; none: ourselves.
    pub next_hop: Option<NextHop>,
}

impl LocalRoute {
    /// A route to ourselves, with nothing said about it.
    pub fn new(prefix: IpNet) -> Self {
        LocalRoute { prefix, attributes: PathAttributes::default(), next_hop: None }
    }
}

/// Routes, selection, and what each peer is told.
pub struct Rib {
    settings: Settings,
    sets: Sets,
    judge: Judge,
    v4: Half<u32>,
    v6: Half<u128>,
    senders: Vec<Option<Sender>>,
    sessions: Vec<Option<Up>>,
    aggregates: Vec<Watched>,
    follow: Option<Follow>,
    complete: bool,
    /// The latest time that was heard of, in seconds.
    now: u32,
}

/// What is known of a peer while its session is up.
struct Up {
    scope: Scope,
    /// Its groups.
    v4: Option<usize>,
    v6: Option<usize>,
}

/// The largest number of senders: their numbers take two octets, and one of these says "nobody".
const MAX_SENDERS: usize = u16::MAX as usize;

/// There is no room for one more sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySenders;

impl fmt::Display for TooManySenders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MAX_SENDERS} peers and sources are the most a RIB takes; remove one first")
    }
}

impl std::error::Error for TooManySenders {}

/// A RIB's halves with what they share, borrowed apart.
macro_rules! parts {
    ($rib:ident) => {
        (
            &mut $rib.v4,
            &mut $rib.v6,
            &mut Shared {
                sets: &mut $rib.sets,
                senders: &$rib.senders,
                judge: &mut $rib.judge,
                settings: $rib.settings.selection,
                keep_rejected: $rib.settings.keep_rejected,
            },
        )
    };
}

/// Does the same for NLRI of either width; other families are never agreed here.
macro_rules! by_width {
    ($nlri:expr, $v4:expr, $v6:expr, |$half:ident, $items:ident| $body:expr) => {
        match $nlri {
            Nlri::Ipv4($items) => {
                let $half = &mut *$v4;
                $body
            }
            Nlri::Ipv6($items) => {
                let $half = &mut *$v6;
                $body
            }
            _ => {}
        }
    };
}

impl Rib {
    /// An empty RIB.
    pub fn new(settings: Settings) -> Self {
        let seed = settings.seed;
        Rib {
            sets: Sets::new(seed, settings.resolve_next_hops),
            judge: Judge::default(),
            v4: Half::new(seed),
            v6: Half::new(seed),
            senders: Vec::new(),
            sessions: Vec::new(),
            aggregates: Vec::new(),
            follow: None,
            complete: true,
            now: 0,
            settings,
        }
    }

    /// A new peer, without a session yet.
    pub fn add_peer(&mut self) -> Result<SenderId, TooManySenders> {
        self.add(Sender::local(""))
    }

    /// A new source of routes of our own, which policies know as this owner.
    pub fn add_source(&mut self, owner: &str) -> Result<SenderId, TooManySenders> {
        self.add(Sender::local(owner))
    }

    fn add(&mut self, sender: Sender) -> Result<SenderId, TooManySenders> {
        let free = self.senders.iter().position(Option::is_none).unwrap_or(self.senders.len());
        if free == MAX_SENDERS {
            return Err(TooManySenders);
        }
        if free == self.senders.len() {
            self.senders.push(None);
            self.sessions.push(None);
        }
        self.senders[free] = Some(sender);
        Ok(SenderId(free as u16))
    }

    /// A peer or source is gone for good. Its number is used again once its routes are gone.
    pub fn remove(&mut self, id: SenderId) {
        self.set_aggregates(id, &[]);
        self.peer_down(id, &[]);
        if let Some(Some(sender)) = self.senders.get_mut(usize::from(id.0)) {
            sender.removed = true;
        }
        self.forget_removed();
    }

    /// Lets go of removed senders without routes.
    fn forget_removed(&mut self) {
        let (v4, v6) = (&self.v4, &self.v6);
        for (number, place) in self.senders.iter_mut().enumerate() {
            let id = SenderId(number as u16);
            if place.as_ref().is_some_and(|s| s.removed) && v4.routes_of(id) + v6.routes_of(id) == 0 {
                *place = None;
            }
        }
    }

    /// How many routes came from a peer or source and are held.
    pub fn routes_of(&self, id: SenderId) -> u32 {
        self.v4.routes_of(id) + self.v6.routes_of(id)
    }

    /// How many routes of a family came from a peer or source and are held.
    pub fn held(&self, id: SenderId, family: Family) -> u32 {
        match family {
            Family::IPV4 => self.v4.routes_of(id),
            Family::IPV6 => self.v6.routes_of(id),
            _ => 0,
        }
    }

    /// How many of them were accepted.
    pub fn accepted(&self, id: SenderId, family: Family) -> u32 {
        match family {
            Family::IPV4 => self.v4.accepted_of(id),
            Family::IPV6 => self.v6.accepted_of(id),
            _ => 0,
        }
    }

    /// How many routes of a family a peer is told while its session is up, those included that it has yet to hear of.
    pub fn advertised(&self, id: SenderId, family: Family) -> u32 {
        let Some(Some(up)) = self.sessions.get(usize::from(id.0)) else { return 0 };
        match (family, up.v4, up.v6) {
            (Family::IPV4, Some(group), _) => self.v4.advertised(group, id.0),
            (Family::IPV6, _, Some(group)) => self.v6.advertised(group, id.0),
            _ => 0,
        }
    }

    /// Whether some of the routes that are held do not count any more and only wait for [`Rib::work`].
    pub fn is_sweeping(&self, id: SenderId, family: Family) -> bool {
        match family {
            Family::IPV4 => self.v4.is_sweeping(id),
            Family::IPV6 => self.v6.is_sweeping(id),
            _ => false,
        }
    }

    /// How many more peers and sources can be added.
    pub fn room(&self) -> usize {
        MAX_SENDERS - self.senders.iter().flatten().count()
    }

    /// From now on routes are compared so; all are compared anew, a slice at a time ([`Rib::work`]).
    pub fn set_selection(&mut self, selection: Selection) {
        if self.settings.selection != selection {
            self.settings.selection = selection;
            self.v4.select_all();
            self.v6.select_all();
        }
    }

    /// A peer's session is up: from now on it can be learned from, and it is told everything, then End-of-RIB.
    pub fn peer_up(&mut self, id: SenderId, session: &Session) {
        let number = usize::from(id.0);
        let Some(Some(sender)) = self.senders.get_mut(number) else { return };
        *sender = Sender::peer(session);
        if session.export.default_originate {
            self.sets.need_default();
        }
        let ring = self.settings.ring;
        let joining = Joining { member: id.0, address: session.address, enhanced: session.enhanced_refresh };
        let view = |family| {
            let own = session.agreed.family(family)?;
            Some(View::new(session.written_for(family)?, own, &session.export))
        };
        let (v4, v6) = (view(Family::IPV4), view(Family::IPV6));
        self.v4.peer_up(id);
        self.v6.peer_up(id);
        let v4 = v4.map(|view| self.v4.join(view, joining, ring, &self.sets));
        let v6 = v6.map(|view| self.v6.join(view, joining, ring, &self.sets));
        self.sessions[number] = Some(Up { scope: Scope::of(&session.agreed), v4, v6 });
    }

    /// From now on this applies to a peer's routes: they are judged anew as they were learned, a slice at a time
    /// ([`Rib::work`]). Only what changes by that is told to others. Where [`Settings::keep_rejected`] is off, routes
    /// that the last policy rejected have to be asked for again by a route refresh.
    pub fn set_import(&mut self, id: SenderId, import: Import) {
        let up = self.sessions.get(usize::from(id.0)).is_some_and(Option::is_some);
        if let Some(Some(sender)) = self.senders.get_mut(usize::from(id.0)).filter(|_| up) {
            sender.set_import(import);
            self.v4.set_import(id);
            self.v6.set_import(id);
        }
    }

    /// From now on policies know a peer by another group, and its routes are judged and told by that, a slice at a time
    /// ([`Rib::work`]).
    pub fn set_group(&mut self, id: SenderId, group: Option<&str>) {
        let up = self.sessions.get(usize::from(id.0)).is_some_and(Option::is_some);
        if let Some(Some(sender)) = self.senders.get_mut(usize::from(id.0)).filter(|_| up) {
            sender.set_group(group);
            self.v4.set_import(id);
            self.v6.set_import(id);
            self.v4.offer_all();
            self.v6.offer_all();
        }
    }

    /// From now on this applies to what these peers are told. Of what they were told only the difference is told, a
    /// slice at a time ([`Rib::work`]). Peers that change alike are best given together: they go on sharing what is
    /// encoded.
    pub fn set_exports(&mut self, exports: &[(SenderId, Export)]) {
        if exports.iter().any(|(_, export)| export.default_originate) {
            self.sets.need_default();
        }
        for (member, group) in self.v4.set_exports(exports, &mut self.sets) {
            if let Some(Some(up)) = self.sessions.get_mut(usize::from(member)) {
                up.v4 = Some(group);
            }
        }
        for (member, group) in self.v6.set_exports(exports, &mut self.sets) {
            if let Some(Some(up)) = self.sessions.get_mut(usize::from(member)) {
                up.v6 = Some(group);
            }
        }
    }

    /// A peer's session is down: it is told nothing more. Routes of the families in `keep` are stale from now on and
    /// stay until [`Rib::sweep`] (RFC 4724 §4.2); the others go, a slice at a time ([`Rib::work`]).
    pub fn peer_down(&mut self, id: SenderId, keep: &[Family]) {
        if let Some(up) = self.sessions.get_mut(usize::from(id.0)) {
            *up = None;
        }
        self.v4.leave(id.0, &mut self.sets);
        self.v6.leave(id.0, &mut self.sets);
        self.v4.end_epoch(id, keep.contains(&Family::IPV4));
        self.v6.end_epoch(id, keep.contains(&Family::IPV6));
    }

    /// Drops what is still stale of a peer's routes: its End-of-RIB came, or the time to wait for it is over.
    pub fn sweep(&mut self, id: SenderId, family: Family) {
        match family {
            Family::IPV4 => self.v4.sweep(id),
            Family::IPV6 => self.v6.sweep(id),
            _ => {}
        }
    }

    /// A peer begins to send all routes of a family again (RFC 7313). They stay as good as they are; should it begin
    /// once more before it ends, only what comes after that counts as sent again.
    pub fn refresh_begins(&mut self, id: SenderId, family: Family) {
        let Some(Some(_)) = self.sessions.get(usize::from(id.0)) else { return };
        match family {
            Family::IPV4 => self.v4.refresh_begins(id),
            Family::IPV6 => self.v6.refresh_begins(id),
            _ => {}
        }
    }

    /// A peer has sent all routes of a family again, and withdraws by that what it did not send: that goes, a slice at
    /// a time ([`Rib::work`]). Nothing happens where no refresh began on this session. For a peer that never ends,
    /// call it when the time to wait is over.
    pub fn refresh_ends(&mut self, id: SenderId, family: Family) {
        match family {
            Family::IPV4 => self.v4.refresh_ends(id),
            Family::IPV6 => self.v6.refresh_ends(id),
            _ => {}
        }
    }

    /// Takes over an UPDATE. `now` is in seconds.
    pub fn learn(&mut self, id: SenderId, update: &Update<'_>, now: u32) {
        let Some(Some(up)) = self.sessions.get(usize::from(id.0)) else { return };
        let scope = up.scope;
        self.now = now;
        let (v4, v6, shared) = parts!(self);
        v4.withdraw(id, update.withdrawn(), shared);
        if let Some(unreach) = update.unreach() {
            by_width!(unreach.nlri, v4, v6, |half, items| half.withdraw(id, items, shared));
        }
        let body = (!update.announced().is_empty())
            .then(|| (Nlri::Ipv4(update.announced()), update.attributes().next_hop().map(NextHop::Ipv4)));
        for (nlri, next_hop) in
            body.into_iter().chain(update.reach().map(|reach| (reach.nlri, reach.next_hop)))
        {
            if update.treatment() == Some(Treatment::Withdraw) {
                by_width!(nlri, v4, v6, |half, items| half.withdraw(id, items, shared));
                continue;
            }
            let learned = shared.sets.learn(update.attributes(), next_hop, scope);
            let with = half::Learned { sender: id, learned, since: now };
            by_width!(nlri, v4, v6, |half, items| half.learn(with, items, shared));
            shared.sets.release(learned);
        }
        shared.judge.let_go(shared.sets);
    }

    /// Announces a route of our own, in place of the one that this source had to the same prefix.
    pub fn announce(&mut self, id: SenderId, route: &LocalRoute, now: u32) {
        self.now = now;
        let (v4, v6, shared) = parts!(self);
        let learned = shared.sets.intern(&route.attributes, route.next_hop);
        let with = half::Learned { sender: id, learned, since: now };
        match route.prefix {
            IpNet::V4(net) => v4.learn(with, std::iter::once(Path::from(Prefix::from(net))), shared),
            IpNet::V6(net) => v6.learn(with, std::iter::once(Path::from(Prefix::from(net))), shared),
        }
        shared.sets.release(learned);
    }

    /// Withdraws a route of our own.
    pub fn withdraw(&mut self, id: SenderId, prefix: IpNet) {
        let (v4, v6, shared) = parts!(self);
        match prefix {
            IpNet::V4(net) => v4.withdraw(id, std::iter::once(Path::from(Prefix::from(net))), shared),
            IpNet::V6(net) => v6.withdraw(id, std::iter::once(Path::from(Prefix::from(net))), shared),
        }
    }

    /// Makes these the routes of a source, all of them: what is not among them goes, what is the same stays untouched.
    pub fn replace<'r>(&mut self, id: SenderId, routes: impl IntoIterator<Item = &'r LocalRoute>, now: u32) {
        self.v4.end_epoch(id, true);
        self.v6.end_epoch(id, true);
        routes.into_iter().for_each(|route| self.announce(id, route, now));
        self.v4.sweep(id);
        self.v6.sweep(id);
    }

    /// Whether the first complete set of routes of our own is known: until it is, no End-of-RIB marker goes out.
    pub fn set_complete(&mut self, complete: bool) {
        self.complete = complete;
    }

    /// What it costs to get to a next hop; `None`: there is no way, or it is of no interest any more. Ignored for an
    /// address that is not among [`Rib::next_hops`].
    pub fn next_hop(&mut self, address: IpAddr, cost: Option<u32>) {
        if let Some(next_hop) = self.sets.next_hops.set_cost(address, cost) {
            self.v4.resolve(next_hop);
            self.v6.resolve(next_hop);
        }
    }

    /// The next hops that routes began to point to since this was asked last, and those that none points to any more.
    pub fn changed_next_hops(&mut self) -> impl Iterator<Item = (IpAddr, bool)> {
        self.sets.next_hops.changed()
    }

    /// The next hops that want resolving: those that routes point to, and those that were resolved.
    pub fn next_hops(&self) -> impl Iterator<Item = IpAddr> {
        self.sets.next_hops.addresses()
    }

    /// Tells a peer a family again from the beginning (RFC 2918).
    pub fn refresh(&mut self, id: SenderId, family: Family) {
        let Some(Some(up)) = self.sessions.get(usize::from(id.0)) else { return };
        match (family, up.v4, up.v6) {
            (Family::IPV4, Some(group), _) => self.v4.refresh(group, id.0),
            (Family::IPV6, _, Some(group)) => self.v6.refresh(group, id.0),
            _ => {}
        }
    }

    /// The next octets to write to a peer: whole UPDATEs. `None`: it was told all there is.
    pub fn take(&mut self, id: SenderId) -> Option<Bytes> {
        let up = self.sessions.get(usize::from(id.0))?.as_ref()?;
        let (v4, v6) = (up.v4, up.v6);
        let told = v4.and_then(|group| self.v4.take(group, id.0, &mut self.sets, self.complete));
        told.or_else(|| v6.and_then(|group| self.v6.take(group, id.0, &mut self.sets, self.complete)))
    }

    /// Does a slice of what takes long: about `slots` prefixes of each width. False: nothing is left to do.
    pub fn work(&mut self, slots: u32) -> bool {
        let (v4, v6, shared) = parts!(self);
        let any = v4.work(slots, shared) | v6.work(slots, shared);
        shared.judge.let_go(shared.sets);
        let any = any | self.settle_aggregate();
        if !any && self.senders.iter().flatten().any(|sender| sender.removed) {
            self.forget_removed();
        }
        any
    }

    /// How many runs of UPDATEs were encoded: for whole groups, and again for single members that had missed some.
    pub fn encoded(&self) -> (u64, u64) {
        let of = |(a, b): (u64, u64), (c, d): (u64, u64)| (a + c, b + d);
        of(self.v4.encoded(), self.v6.encoded())
    }

    /// How many runs were ever encoded, by groups that are gone too.
    pub fn runs(&self) -> u64 {
        self.v4.runs() + self.v6.runs()
    }

    /// How many attribute sets could not be told to a group of peers, because they leave no room for a prefix in the
    /// messages that these take. Whoever had heard of the routes was told that they are gone.
    pub fn untold(&self) -> u64 {
        self.v4.untold() + self.v6.untold()
    }

    /// Octets of memory held by tables, attribute sets and runs that somebody has yet to read, the allocator's own not
    /// counted.
    pub fn octets(&self) -> usize {
        self.v4.octets() + self.v6.octets() + self.sets.octets()
    }

    /// How many prefixes there are.
    pub fn prefix_count(&self) -> usize {
        self.v4.table.slots.len() + self.v6.table.slots.len()
    }

    /// How many routes are held, of all senders.
    pub fn route_count(&self) -> usize {
        self.v4.table.routes.len() + self.v6.table.routes.len()
    }

    /// How many different attribute sets there are.
    pub fn attribute_sets(&self) -> usize {
        self.sets.len()
    }
}
