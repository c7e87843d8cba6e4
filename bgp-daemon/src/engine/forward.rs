//! What whoever forwards packets is told and tells: routes that are chosen, next hops that can be reached, and routes of
//! others that are announced as our own.

use super::{Engine, seconds};
use crate::{
    config::{Config, KernelRoutes, Redistribute},
    policy::{Source, Verdict},
    rib::{Chosen, Follow, LocalRoute},
};
use bgp_proto::{attr::set::PathAttributes, numbers::Origin, prefix::Prefix, time::Time};
use ipnet::IpNet;
use std::net::IpAddr;

/// The owner of the routes that were the kernel's, as policies know it.
fn owner(from: KernelRoutes) -> String {
    format!("kernel/{from}")
}

/// The route that is announced for one of the kernel's, if the policy wants that.
fn announced(net: IpNet, redistribute: &Redistribute, config: &Config) -> Option<LocalRoute> {
    let policy = &redistribute.policy;
    let mut attributes = PathAttributes { origin: Some(Origin::INCOMPLETE), ..PathAttributes::default() };
    let mask = policy.attribute_mask(&attributes, None);
    let source = policy.source_mask(&Source::Local { owner: &owner(redistribute.from) });
    let rule = match net {
        IpNet::V4(net) => policy.decide(&mask, &source, Prefix::from(net)),
        IpNet::V6(net) => policy.decide(&mask, &source, Prefix::from(net)),
    };
    if policy.verdict(rule) != Verdict::Accept {
        return None;
    }
    if let Some(changes) = policy.rule(rule).changes() {
        changes.apply(&mut attributes, config.asn);
    }
    Some(LocalRoute { attributes, ..LocalRoute::new(net) })
}

fn follow(config: &Config) -> Follow {
    let aggregates = config.aggregates.iter().map(|aggregate| aggregate.route.prefix.trunc());
    Follow {
        multipath: config.kernel.as_ref().map_or(1, |kernel| kernel.multipath.into()),
        discards: config.discards.iter().copied().chain(aggregates).collect(),
    }
}

impl Engine {
    /// From now on [`Engine::chosen_routes`] tells what is chosen.
    pub fn forward(&mut self) {
        self.forwards = true;
        self.rib.follow(follow(&self.config));
    }

    /// Tells of up to so many prefixes for which something else is chosen than when they were told of last. False:
    /// there are no more.
    pub fn chosen_routes(&mut self, limit: usize, tell: impl FnMut(Chosen)) -> bool {
        self.rib.chosen(limit, tell)
    }

    /// The next hops that routes began to point to since this was asked last, and those that none points to any more;
    /// [`Engine::next_hop`] answers.
    pub fn changed_next_hops(&mut self) -> Vec<(IpAddr, bool)> {
        self.rib.changed_next_hops().collect()
    }

    /// Routes of others came or went in the kernel.
    pub fn passed(&mut self, now: Time, from: KernelRoutes, come: &[IpNet], gone: &[IpNet]) {
        let known = self.passed.entry(from).or_default();
        known.extend(come);
        for net in gone {
            known.remove(net);
        }
        let Some(redistribute) = self.config.redistribute.iter().find(|one| one.from == from).cloned() else {
            return;
        };
        // Without room for one more source nothing is announced; the configuration leaves some.
        let Ok(source) = self.source(&owner(from)) else { return };
        gone.iter().for_each(|net| self.rib.withdraw(source, *net));
        for net in come {
            match announced(*net, &redistribute, &self.config) {
                Some(route) => self.rib.announce(source, &route, seconds(now)),
                None => self.rib.withdraw(source, *net),
            }
        }
        self.dirty = true;
    }

    /// Another configuration applies.
    pub(super) fn forward_anew(&mut self, now: Time, old: &Config) {
        if self.forwards && follow(old) != follow(&self.config) {
            self.rib.follow(follow(&self.config));
        }
        if old.redistribute == self.config.redistribute {
            return;
        }
        let wanted = self.config.redistribute.clone();
        for (from, nets) in self.passed.clone() {
            let owner = owner(from);
            let Some(source) = self.sources.get(&*owner).copied() else { continue };
            match wanted.iter().find(|one| one.from == from) {
                Some(one) => {
                    let routes: Vec<_> =
                        nets.iter().filter_map(|net| announced(*net, one, &self.config)).collect();
                    self.rib.replace(source, &routes, seconds(now));
                }
                None => {
                    self.rib.remove(source);
                    self.sources.remove(&*owner);
                    self.passed.remove(&from);
                }
            }
        }
    }
}
