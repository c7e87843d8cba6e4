//! The receiving side of graceful restart: whose routes are kept while the peer is away, and until when
//! (RFC 4724 §4.2, RFC 9494 §4.3).

use super::{
    action::Action,
    terms::{Restart, Terms},
};
use crate::{family::Family, time::Time};
use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

/// A family that has stale routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StaleFamily {
    /// The family.
    pub family: Family,
    /// When something changes for it.
    pub until: Time,
    /// What it waits for.
    pub phase: StalePhase,
}

/// What a family with stale routes waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StalePhase {
    /// The peer to come back; if it does not, the routes stay so long as last resort.
    Away {
        /// How long; zero: they go.
        long_lived: Duration,
    },
    /// The peer to come back, or these routes to go: it is away for long.
    LongLived,
    /// The End-of-RIB of a peer that is back.
    Back,
}

/// All families with stale routes.
#[derive(Clone, Debug, Default)]
pub(super) struct Stale {
    pub(super) families: Vec<StaleFamily>,
}

type Actions = VecDeque<Action<'static>>;

impl Stale {
    /// The session went down; `restart` where the peer may be restarting. Returns the families to keep.
    pub(super) fn down(
        &mut self,
        now: Time,
        restart: Option<&Restart>,
        actions: &mut Actions,
    ) -> Vec<Family> {
        let kept = |family| {
            let long_lived = restart?.long_lived.iter().find(|entry| entry.family == family);
            let listed = restart?.families.iter().any(|entry| entry.family == family);
            let long_lived = long_lived.map_or(0, |entry| entry.stale_time);
            // RFC 9494 §4.2: a family of that capability alone has no restart time.
            let away = if listed { restart?.time } else { Duration::ZERO };
            (listed || long_lived > 0).then_some((away, Duration::from_secs(u64::from(long_lived))))
        };
        // RFC 4724 §4.2: what was stale already goes at a second restart; RFC 9494 keeps it until its own time is up.
        self.families.retain(|stale| {
            let stays = stale.phase == StalePhase::LongLived && kept(stale.family).is_some();
            if !stays {
                actions.push_back(Action::DropStale(stale.family));
            }
            stays
        });
        let families = restart.into_iter().flat_map(|restart| {
            let listed = restart.families.iter().map(|entry| entry.family);
            listed.chain(restart.long_lived.iter().map(|entry| entry.family))
        });
        let mut keep: Vec<Family> = Vec::new();
        for family in families {
            let Some((away, long_lived)) = kept(family).filter(|_| !keep.contains(&family)) else { continue };
            keep.push(family);
            if self.families.iter().all(|stale| stale.family != family) {
                let phase = StalePhase::Away { long_lived };
                self.families.push(StaleFamily { family, until: now + away, phase });
            }
        }
        keep
    }

    /// After [`Stale::down`] was told: what a peer without restart time leaves is long-lived at once, and so is what
    /// it announced since it was last away.
    pub(super) fn settle(&mut self, now: Time, actions: &mut Actions) {
        let again = self.families.iter().filter(|stale| stale.phase == StalePhase::LongLived);
        actions.extend(again.map(|stale| Action::LongLivedStale(stale.family)));
        self.tick(now, actions);
    }

    /// The peer is back: stale routes stay only where it kept forwarding.
    pub(super) fn up(&mut self, now: Time, terms: &Terms, patience: Duration, actions: &mut Actions) {
        let forwards = |stale: &StaleFamily| {
            let Some(restart) = &terms.restart else { return false };
            let short = restart.families.iter().any(|e| e.family == stale.family && e.forwarding);
            let long = restart.long_lived.iter().any(|e| e.family == stale.family && e.forwarding);
            if stale.phase == StalePhase::LongLived { long } else { short || long }
        };
        self.families.retain_mut(|stale| {
            let stays = forwards(stale);
            match stale.phase {
                _ if !stays => actions.push_back(Action::DropStale(stale.family)),
                StalePhase::LongLived => {}
                _ => (stale.phase, stale.until) = (StalePhase::Back, now + patience),
            }
            stays
        });
    }

    /// The peer has said all of a family.
    pub(super) fn complete(&mut self, family: Family, actions: &mut Actions) {
        if self.families.iter().any(|stale| stale.family == family) {
            self.families.retain(|stale| stale.family != family);
            actions.push_back(Action::DropStale(family));
        }
    }

    pub(super) fn deadline(&self) -> Time {
        self.families.iter().map(|stale| stale.until).min().unwrap_or(Time::NEVER)
    }

    pub(super) fn tick(&mut self, now: Time, actions: &mut Actions) {
        self.families.retain_mut(|stale| {
            if stale.until > now {
                return true;
            }
            match stale.phase {
                StalePhase::Away { long_lived } if !long_lived.is_zero() => {
                    (stale.phase, stale.until) = (StalePhase::LongLived, now + long_lived);
                    actions.push_back(Action::LongLivedStale(stale.family));
                    true
                }
                _ => {
                    actions.push_back(Action::DropStale(stale.family));
                    false
                }
            }
        });
    }
}
