//! What is to be done about one route: a pure function of what is wanted and what there is.

use super::{Buckets, Gateway};
use ipnet::IpNet;

/// Packets to a prefix go one way of several; see `ways`.
pub type WayId = u32;

/// What the kernel holds of ours for a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// Nothing.
    Nothing,
    /// A route that goes this way.
    Way(WayId),
    /// A route that is not as we would have put it.
    Other,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is as it should be.
    Keep,
    /// Put a route where none of ours is.
    Add(WayId),
    /// Put a route in place of ours.
    Replace(WayId),
    /// Take ours away.
    Remove,
}

/// What brings what is installed to what is desired.
pub fn plan(desired: Option<WayId>, installed: Installed) -> Step {
    match (desired, installed) {
        (None, Installed::Nothing) => Step::Keep,
        (None, _) => Step::Remove,
        (Some(way), Installed::Nothing) => Step::Add(way),
        (Some(way), Installed::Way(is)) if way == is => Step::Keep,
        (Some(way), _) => Step::Replace(way),
    }
}

/// One message to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Make a next hop object of one way out.
    Object {
        /// Its number.
        id: u32,
        /// The way out.
        gateway: Gateway,
    },
    /// Make a group, or put other members into it.
    Group {
        /// Its number.
        id: u32,
        /// Members with their weights.
        members: Vec<(u32, u16)>,
        /// How it keeps flows where they are, if it does.
        buckets: Option<Buckets>,
        /// It is there already.
        replaces: bool,
    },
    /// Take an object or a group away.
    DropObject {
        /// Its number.
        id: u32,
    },
    /// Put a route.
    Route {
        /// To this prefix.
        net: IpNet,
        /// That goes this way.
        way: WayId,
        /// In place of ours, if that is there.
        replaces: bool,
        /// What was installed before.
        before: Installed,
    },
    /// Take a route of ours away.
    DropRoute {
        /// To this prefix.
        net: IpNet,
        /// What was installed before.
        before: Installed,
    },
    /// Take a route of ours away that has another metric than ours have now.
    DropStray {
        /// To this prefix.
        net: IpNet,
        /// Its metric.
        metric: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_of_desired_and_installed_has_its_step() {
        use Installed::{Nothing, Other, Way};
        for (desired, installed, step) in [
            (None, Nothing, Step::Keep),
            (None, Way(1), Step::Remove),
            (None, Other, Step::Remove),
            (Some(1), Nothing, Step::Add(1)),
            (Some(1), Way(1), Step::Keep),
            (Some(1), Way(2), Step::Replace(1)),
            (Some(1), Other, Step::Replace(1)),
        ] {
            assert_eq!(plan(desired, installed), step);
        }
    }
}
