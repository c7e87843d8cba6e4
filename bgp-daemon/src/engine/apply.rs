//! A new configuration: for each peer the smallest thing that does it.

use super::{
    Action, Change, Configured, Engine, NotDone, PeerId,
    compare::{Ground, Rules, note_rules},
    seconds,
    source::CONFIG,
};
use crate::{
    config::{Config, PeerSettings, Remote, change},
    peer::{
        KeptDown, Peer,
        offer::{self, Us},
    },
};
use bgp_proto::{session::Cause, time::Time};
use std::{fmt, mem};

/// What a new configuration did to a peer, the most that it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Its session goes on; some of what changed counts from the next one on.
    Noted,
    /// Its session goes on, and routes are judged or told by other rules.
    Routes,
    /// Its session is ended, and comes up again.
    Reset,
    /// It is shut down.
    ShutDown,
    /// It is started.
    Started,
    /// It is new.
    Added,
    /// It is no more.
    Removed,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Effect::Noted => "session goes on",
            Effect::Routes => "session goes on, routes are judged anew",
            Effect::Reset => "session is reset",
            Effect::ShutDown => "shut down",
            Effect::Started => "started",
            Effect::Added => "added",
            Effect::Removed => "removed",
        })
    }
}

/// What a change did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The peers that were concerned.
    pub peers: Vec<(Remote, Effect)>,
    /// `resolve_next_hops` or the kernel is another: that counts from the next start on.
    pub needs_start: bool,
}

/// Whether something differs that only a new start applies.
fn needs_start(old: &Config, new: &Config) -> bool {
    old.resolve_next_hops != new.resolve_next_hops || old.kernel != new.kernel
}

impl Engine {
    /// Makes a change: all of it, or nothing.
    pub fn change(&mut self, now: Time, change: Change) -> Result<Changed, NotDone> {
        if let Some(config) = &change.config {
            self.check(config, change.routes.len())?;
        }
        self.prepare_sources(&change)?;
        let changed = change.config.map(|config| self.apply(now, *config)).unwrap_or_default();
        for (owner, routes) in change.routes {
            self.change_routes(now, &owner, routes);
        }
        Ok(changed)
    }

    /// Whether a configuration can be applied, and so many more sources made.
    fn check(&self, config: &Config, sources: usize) -> Result<(), NotDone> {
        let us = Us {
            asn: config.asn,
            router_id: config.router_id.unwrap_or(self.start.router_id),
            restarting: true,
            forwarding: true,
        };
        // The configuration has two sources of its own.
        let mut fresh = sources + 2;
        for peer in &config.peers {
            let mut out = Vec::new();
            let offer = offer::settings(us, &peer.remote, &peer.settings, false).offer;
            offer.encode(&mut out).map_err(|error| NotDone::OpenTooLong(peer.remote.clone(), error))?;
            fresh += usize::from(!self.by_remote.contains_key(&peer.remote));
        }
        if fresh > self.rib.room() { Err(crate::rib::TooManySenders.into()) } else { Ok(()) }
    }

    /// Applies a configuration that was checked.
    fn apply(&mut self, now: Time, config: Config) -> Changed {
        let old_id = self.router_id();
        let old = mem::replace(&mut self.config, config);
        // Peers are changed one by one by methods that look at `self`: this is the one copy that takes.
        let new = self.config.clone();
        let grounds = [Ground::new(&old, old_id), Ground::new(&new, self.router_id())];
        let mut changed = Changed { needs_start: needs_start(&old, &new), ..Changed::default() };
        self.remove_peers(now, &grounds[1], &mut changed);
        let mut rules = Rules::default();
        let known: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in known {
            let effect = self.change_peer(now, id, &grounds, &mut rules);
            if let (Some(effect), Some(peer)) = (effect, self.peers.get(&id)) {
                changed.peers.push((peer.remote.clone(), effect));
            }
            self.settle(now, id);
        }
        for (id, import) in rules.imports {
            self.rib.set_import(id, import);
        }
        self.rib.set_exports(&rules.exports);
        self.add_peers(now, &new, &mut changed);
        self.apply_routes(now, &old, &new);
        self.rib.set_selection(new.selection);
        self.forward_anew(now, &old);
        self.dirty = true;
        changed
    }

    /// Takes out who is not configured any more, and who is not accepted any more.
    fn remove_peers(&mut self, now: Time, new: &Ground<'_>, changed: &mut Changed) {
        let gone = self.peers.values().filter(|peer| new.wanted(peer).is_none());
        let gone: Vec<_> = gone.map(|peer| peer.id).collect();
        for id in gone {
            if let Some(peer) = self.peers.get_mut(&id) {
                // From here on it is there for as long as it is connected.
                peer.dynamic = true;
                (peer.kept_down, peer.start_at) = (None, Time::NEVER);
                peer.session.stop(now, &Cause::Deconfigured);
                changed.peers.push((peer.remote.clone(), Effect::Removed));
                self.settle(now, id);
                self.forget(now, id);
            }
        }
    }

    fn add_peers(&mut self, now: Time, new: &Config, changed: &mut Changed) {
        for peer in &new.peers {
            if self.by_remote.contains_key(&peer.remote) {
                continue;
            }
            let from = Configured { settings: &peer.settings, group: peer.group.as_deref(), dynamic: false };
            let Ok(id) = self.add_peer(now, peer.remote.clone(), from) else { continue };
            changed.peers.push((peer.remote.clone(), Effect::Added));
            if let Some(added) = self.peers.get_mut(&id) {
                match &peer.settings.shutdown {
                    Some(text) => added.kept_down = Some(KeptDown::Configured(text.clone())),
                    None if self.going_down => {}
                    None => added.session.start(now),
                }
                self.settle(now, id);
            }
        }
    }

    /// Gives a peer its new settings. `None`: they are the old ones.
    fn change_peer(
        &mut self,
        now: Time,
        id: PeerId,
        [before, after]: &[Ground<'_>; 2],
        rules: &mut Rules,
    ) -> Option<Effect> {
        let peer = self.peers.get_mut(&id)?;
        let (new, group) = after.wanted(peer)?;
        let ours = |ground: &Ground<'_>| (ground.config.asn, ground.router_id);
        let is_other = ours(before) != ours(after) || change::resets(&peer.settings, new);
        let mut effect = note_rules(rules, peer, before, (after, new)).then_some(Effect::Routes);
        let mut note = |what| effect = effect.max(Some(what));
        let old = mem::replace(&mut peer.settings, new.clone());
        if peer.group.as_deref() != group {
            note(Effect::Routes);
            peer.group = group.map(Into::into);
            self.rib.set_group(peer.sender, group);
        }
        if old != peer.settings {
            note(Effect::Noted);
        }
        if (&old.password, old.distance) != (&peer.settings.password, peer.settings.distance) {
            let there = peer.wires.iter().filter(|wire| wire.link.is_some());
            self.actions.extend(there.map(|wire| Action::Options(peer.key(wire.id), peer.options())));
        }
        if old.max_prefixes != peer.settings.max_prefixes {
            self.recount.insert(id);
            if count_anew(now, peer) {
                note(Effect::Started);
            }
        }
        self.renew_offer(id);
        let peer = self.peers.get_mut(&id)?;
        if is_other {
            peer.session.hard_reset(now, &Cause::ConfigurationChange);
            note(Effect::Reset);
        } else if peer.up.is_none() && is_dialled_otherwise(&old, &peer.settings) {
            peer.session.reset(now, &Cause::ConfigurationChange);
        }
        if old.shutdown != peer.settings.shutdown {
            note(shut_down_or_start(now, peer, self.going_down));
        }
        effect
    }

    /// From its next OPEN on a peer is told what is configured now.
    pub(super) fn renew_offer(&mut self, id: PeerId) {
        let (asn, router_id) = (self.config.asn, self.router_id());
        let (again, kept) = (self.restarting, self.start.restarting);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let us = Us { asn, router_id, restarting: again && !peer.was_up, forwarding: kept || peer.was_up };
        let settings = offer::settings(us, &peer.remote, &peer.settings, peer.dynamic);
        // It fits: what is configured was checked.
        let _ = peer.session.set_settings(settings);
    }

    fn apply_routes(&mut self, now: Time, old: &Config, new: &Config) {
        if old.routes != new.routes
            && let Ok(id) = self.source(CONFIG)
        {
            self.rib.replace(id, &new.routes, seconds(now));
        }
        if old.aggregates != new.aggregates {
            let known = self.aggregates.or_else(|| self.rib.add_source(CONFIG).ok());
            self.aggregates = known;
            if let Some(id) = known {
                self.rib.set_aggregates(id, &new.aggregates);
            }
        }
    }
}

/// Whether a dial that is under way or waited for is not what is wanted any more.
fn is_dialled_otherwise(old: &PeerSettings, new: &PeerSettings) -> bool {
    (old.port, old.passive) != (new.port, new.passive)
}

/// Another limit counts for a peer: what was said of the old one is forgotten. Whether it is started by that.
fn count_anew(now: Time, peer: &mut Peer) -> bool {
    if let Some(up) = &mut peer.up {
        (up.warned, up.exceeded) = (Vec::new(), Vec::new());
    }
    let stopped = matches!(peer.kept_down, Some(KeptDown::Prefixes(..)));
    if stopped {
        (peer.kept_down, peer.start_at) = (None, Time::NEVER);
        peer.session.start(now);
    }
    stopped
}

fn shut_down_or_start(now: Time, peer: &mut Peer, going_down: bool) -> Effect {
    match peer.settings.shutdown.clone() {
        Some(text) => {
            let said = (!text.is_empty()).then(|| text.to_string());
            peer.kept_down = Some(KeptDown::Configured(text));
            peer.start_at = Time::NEVER;
            peer.session.stop(now, &Cause::Shutdown(said));
            Effect::ShutDown
        }
        None => {
            peer.kept_down = None;
            if !going_down {
                peer.session.start(now);
            }
            Effect::Started
        }
    }
}
