//! A peer's settings together with its group's: what everybody gets fills the rest, and what contradicts itself is found.

use super::{notes::Notes, settings::Given};
use crate::{
    config::{Distance, PeerSettings, Timers, duration::Lasting},
    policy::NextHopChange,
    rib::Limits,
};
use bgp_proto::{
    agreed::PeerKind,
    family::Family,
    numbers::{Asn, HoldTime},
    session::RemoteAs,
};
use std::{net::IpAddr, time::Duration};

/// What counts beside the settings.
#[derive(Clone, Copy)]
pub(super) struct About {
    /// The speaker's AS.
    pub(super) asn: Asn,
    /// The peer's address, of one that has one.
    pub(super) address: Option<IpAddr>,
    /// It is at the other end of a link: by interface, or link-local.
    pub(super) is_on_link: bool,
    /// The speaker listens somewhere.
    pub(super) listens: bool,
}

/// The settings of a peer or a dynamic group, with all mistakes that only show together.
pub(super) fn settings(notes: &mut Notes, own: &Given, group: Option<&Given>, about: About) -> PeerSettings {
    let given = own.clone().or(group.cloned().unwrap_or_default());
    let settings = fill(&given);
    // Where a key stands: with the peer, or with its group.
    let at = |key: &str| {
        let path =
            group.filter(|group| !own.says(key) && group.says(key)).map_or(&own.path, |group| &group.path);
        let key = RENAMED.iter().find(|(of, _)| *of == key).map_or(key, |(_, key)| *key);
        format!("{path}.{key}")
    };
    for (key, rule) in RULES {
        if let Some(message) = rule(&settings, &about) {
            notes.wrong(at(key), message);
        }
    }
    if given.asn.is_none() {
        let message =
            "it is not said which AS the peer is in; add asn = 65001, say, or \"internal\" or \"external\"";
        notes.wrong(at("asn"), message);
    } else if kind(&settings, &about) != Some(PeerKind::Internal) {
        for (key, missing, what) in [
            ("import", settings.import.is_none(), "nothing is accepted from a peer in another AS"),
            ("export", settings.export.is_none(), "a peer in another AS is told nothing"),
        ] {
            if missing {
                let message =
                    format!("{what} without a policy (RFC 8212); add {key} = \"all\" or the name of one");
                notes.warn(at(key), message);
            }
        }
    }
    if let Some(family) = untold(&settings, &about) {
        let message = format!(
            "no address for next hops of {family} is known on a session that is hops away; add own_addresses"
        );
        notes.warn(at("families"), message);
    }
    settings
}

/// Fields that have another name as keys.
const RENAMED: &[(&str, &str)] = &[
    ("distance", "multihop"),
    ("hold", "timers.hold"),
    ("keepalive", "timers.keepalive"),
    ("idle_hold", "timers.idle_hold"),
];

fn fill(given: &Given) -> PeerSettings {
    let usual = PeerSettings::new(given.asn.clone().unwrap_or(RemoteAs::Any));
    let timers = Timers {
        hold: given.hold.unwrap_or(usual.timers.hold),
        min_hold: given.min_hold.unwrap_or(usual.timers.min_hold),
        keepalive: given.keepalive,
        connect_retry: given.connect_retry.unwrap_or(usual.timers.connect_retry),
        idle_hold: given.idle_hold.unwrap_or(usual.timers.idle_hold),
        idle_hold_max: given.idle_hold_max.unwrap_or(usual.timers.idle_hold_max),
    };
    let limits = Limits {
        as_path: given.limit_as_path.unwrap_or(usual.limits.as_path),
        communities: given.limit_communities.unwrap_or(usual.limits.communities),
    };
    PeerSettings {
        description: given.description.clone(),
        local_asn: given.local_asn,
        port: given.port.unwrap_or(usual.port),
        source_address: given.source_address,
        passive: given.passive.unwrap_or(usual.passive),
        distance: given.distance.unwrap_or(usual.distance),
        password: given.password.clone(),
        families: given.families.clone().unwrap_or(usual.families),
        extended_next_hop: given.extended_next_hop.unwrap_or(usual.extended_next_hop),
        receive_add_path: given.add_path.unwrap_or(usual.receive_add_path),
        import: given.import.clone(),
        export: given.export.clone(),
        max_prefixes: given.max_prefixes.unwrap_or(usual.max_prefixes),
        timers,
        next_hop: given.next_hop,
        next_hop_addresses: given.own_addresses.unwrap_or(usual.next_hop_addresses),
        allow_own_asn: given.allow_own_asn.unwrap_or(usual.allow_own_asn),
        first_asn: given.first_asn.unwrap_or(usual.first_asn),
        as_override: given.as_override.unwrap_or(usual.as_override),
        remove_private: given.remove_private_as.unwrap_or(usual.remove_private),
        client: given.route_reflector_client.unwrap_or(usual.client),
        role: given.role,
        strict_role: given.strict_role.unwrap_or(usual.strict_role),
        default_originate: given.default_originate.unwrap_or(usual.default_originate),
        graceful_restart: given.graceful_restart.unwrap_or(usual.graceful_restart),
        bfd: given.bfd.unwrap_or(usual.bfd),
        blackhole: given.blackhole.unwrap_or(usual.blackhole),
        limits,
        discards: given.discard_attributes.unwrap_or(usual.discards),
        shutdown: given.shutdown.clone().unwrap_or(usual.shutdown),
        asn: usual.asn,
    }
}

/// Inside or outside of our AS, where the configuration says it.
fn kind(settings: &PeerSettings, about: &About) -> Option<PeerKind> {
    let own = settings.local_asn.unwrap_or(about.asn);
    let by_number = |asn: &Asn| if *asn == own { PeerKind::Internal } else { PeerKind::External };
    match &settings.asn {
        RemoteAs::Fixed(asn) => Some(by_number(asn)),
        RemoteAs::Internal => Some(PeerKind::Internal),
        RemoteAs::External => Some(PeerKind::External),
        RemoteAs::OneOf(asns) => {
            let first = by_number(asns.first()?);
            asns.iter().all(|asn| by_number(asn) == first).then_some(first)
        }
        _ => None,
    }
}

/// A family that certainly cannot be announced: the other end of a session over hops need not reach our interfaces'
/// addresses, so none of them is taken for a next hop unasked.
fn untold(settings: &PeerSettings, about: &About) -> Option<Family> {
    let Distance::Multihop(_) = settings.distance else { return None };
    let is_ipv4 = about.address?.is_ipv4();
    let known = |for_ipv4: bool| {
        let configured = [Some(settings.next_hop_addresses), settings.next_hop];
        configured.into_iter().flatten().any(|change| change.address(for_ipv4).is_some())
    };
    let session = |family: Family| match family == Family::IPV4 {
        true => is_ipv4 || settings.extended_next_hop,
        false => !is_ipv4,
    };
    let silent = |family: &&Family| !session(**family) && !known(**family == Family::IPV4);
    settings.families.iter().find(silent).copied()
}

type Rule = fn(&PeerSettings, &About) -> Option<String>;

fn internal_only_if(set: bool, settings: &PeerSettings, about: &About, message: &str) -> Option<String> {
    (set && kind(settings, about) == Some(PeerKind::Internal)).then(|| message.into())
}

/// What does not go together: the key that it is said of, and what is said.
const RULES: &[(&str, Rule)] = &[
    ("as_override", |s, about| {
        let message = "the peer is in our own AS, where paths stay as they are; leave it out";
        internal_only_if(s.as_override, s, about, message)
    }),
    ("remove_private_as", |s, about| {
        let message = "the peer is in our own AS, where paths stay as they are; leave it out";
        internal_only_if(s.remove_private.is_some(), s, about, message)
    }),
    ("role", |s, about| {
        let message = "the peer is in our own AS, and roles are for peers in others (RFC 9234); leave it out";
        internal_only_if(s.role.is_some(), s, about, message)
    }),
    ("strict_role", |s, _| {
        let message = "without a role of ours none can be asked of the peer; add role, or leave it out";
        (s.strict_role && s.role.is_none()).then(|| message.into())
    }),
    ("route_reflector_client", |s, about| {
        let message = "the peer is in another AS, and routes are reflected inside of ours only; leave it out";
        (s.client && kind(s, about) == Some(PeerKind::External)).then(|| message.into())
    }),
    ("local_asn", |s, about| {
        let message = || format!("{} is our AS everywhere; leave it out", about.asn);
        (s.local_asn == Some(about.asn)).then(message)
    }),
    ("distance", |s, about| {
        let message = "the peer is at the other end of a link, so no hops are between; leave it out";
        (about.is_on_link && matches!(s.distance, Distance::Multihop(_))).then(|| message.into())
    }),
    ("source_address", |s, about| {
        let (source, address) = (s.source_address?, about.address?);
        if source == address {
            return Some(format!("{source} is the peer's address too; write one of this machine's"));
        }
        let family = |address: IpAddr| if address.is_ipv4() { "IPv4" } else { "IPv6" };
        (source.is_ipv4() != address.is_ipv4()).then(|| {
            format!("{source} cannot dial {address}; write an {} address of this machine", family(address))
        })
    }),
    ("hold", |s, _| {
        let Timers { hold, min_hold, .. } = s.timers;
        (min_hold > hold || hold == HoldTime::OFF && min_hold != HoldTime::OFF)
            .then(|| format!("{hold} is less than min_hold, {min_hold}; write at least \"{min_hold}\""))
    }),
    ("keepalive", |s, _| {
        let third = Duration::from_millis(u64::from(s.timers.hold.seconds()) * 1000 / 3);
        let (often, third) = (Lasting(s.timers.keepalive?), Lasting(third));
        if s.timers.hold == HoldTime::OFF {
            return Some("without a hold time there are no keepalives; leave it out".into());
        }
        (often > third).then(|| {
            format!(
                "\"{often}\" is more than a third of the hold time, {}; write at most \"{third}\"",
                s.timers.hold
            )
        })
    }),
    ("idle_hold", |s, _| {
        let Timers { idle_hold, idle_hold_max, .. } = s.timers;
        let (first, most) = (Lasting(idle_hold), Lasting(idle_hold_max));
        (first > most)
            .then(|| format!("\"{first}\" is more than idle_hold_max, \"{most}\"; make that longer"))
    }),
    ("passive", |s, about| {
        let message =
            "nobody listens for the peer, as listen is empty, and nobody dials it; leave out one of the two";
        (s.passive && !about.listens).then(|| message.into())
    }),
    ("own_addresses", |s, _| {
        let unused = matches!((s.next_hop_addresses, s.families.as_slice()),
            (NextHopChange::Addresses { ipv4: None, ipv6: Some(_) }, [Family::IPV4]) if !s.extended_next_hop);
        let message = "an IPv6 address cannot be the next hop of IPv4 routes without extended_next_hop; write an IPv4 address";
        unused.then(|| message.into())
    }),
];
