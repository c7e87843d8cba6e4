//! What a group or a peer says of how to talk: every leaf by itself, and what stands beside each other in one table.

use super::{
    Files, leaf,
    notes::{Notes, elements},
};
use crate::{
    config::{
        Bfd, Distance, GracefulRestart, MaxPrefixes, Password,
        raw::{Brief, RawBfd, RawBlackhole, RawGracefulRestart, RawMaxPrefixes, RawSettings, Text, Texts},
    },
    policy::{
        NextHopChange, Policies, Policy, Wrong,
        raw::RawPolicies,
        standard::{discard::Discards, import::Blackhole, path::RemovePrivate},
    },
};
use bgp_proto::{
    attr::next_hop::NextHop,
    family::Family,
    numbers::{Asn, HoldTime, Role},
    session::RemoteAs,
};
use std::{collections::BTreeSet, net::IpAddr, path::Path, time::Duration};

/// What is said; the rest is the group's, or what everybody gets.
macro_rules! given {
    ($($field:ident: $of:ty,)*) => {
        #[derive(Clone, Default)]
        pub(super) struct Given {
            /// Where the table stands.
            pub(super) path: String,
            $(pub(super) $field: Option<$of>,)*
        }

        impl Given {
            /// The same, and what another says where this is silent.
            pub(super) fn or(self, other: Given) -> Given {
                Given { path: self.path, $($field: self.$field.or(other.$field)),* }
            }

            /// Whether a key is said here.
            pub(super) fn says(&self, key: &str) -> bool {
                match key {
                    $(stringify!($field) => self.$field.is_some(),)*
                    _ => false,
                }
            }
        }
    };
}

given! {
    description: Box<str>,
    asn: RemoteAs,
    local_asn: Asn,
    port: u16,
    source_address: IpAddr,
    passive: bool,
    distance: Distance,
    password: Password,
    families: Vec<Family>,
    extended_next_hop: bool,
    add_path: bool,
    import: Policy,
    export: Policy,
    max_prefixes: Option<MaxPrefixes>,
    hold: HoldTime,
    min_hold: HoldTime,
    keepalive: Duration,
    connect_retry: Duration,
    idle_hold: Duration,
    idle_hold_max: Duration,
    next_hop: NextHopChange,
    own_addresses: NextHopChange,
    allow_own_asn: u8,
    first_asn: bool,
    as_override: bool,
    remove_private_as: Option<RemovePrivate>,
    route_reflector_client: bool,
    role: Role,
    strict_role: bool,
    default_originate: bool,
    graceful_restart: Option<GracefulRestart>,
    bfd: Option<Bfd>,
    blackhole: Option<Blackhole>,
    limit_as_path: usize,
    limit_communities: usize,
    discard_attributes: Discards,
    shutdown: Option<Box<str>>,
}

/// A leaf of a table, read by a function of its text.
macro_rules! one {
    ($notes:ident, $raw:ident, $path:ident, $($field:ident).+, $parse:expr) => {
        $notes.one(format_args!(concat!("{}", $(".", stringify!($field)),+), $path), $raw.$($field).+.as_ref(), $parse)
    };
}

/// A key of a table, read by a function that knows its place.
macro_rules! whole {
    ($notes:ident, $raw:ident, $path:ident, $field:ident, $parse:expr) => {
        $parse($notes, &format!(concat!("{}.", stringify!($field)), $path), $raw.$field.as_ref())
    };
}

/// Reads the settings of one table after the other.
pub(super) struct Reading<'a> {
    pub(super) notes: Notes,
    pub(super) policies: Policies,
    /// What is configured by name, right or wrong.
    pub(super) named: &'a RawPolicies,
    pub(super) files: Files<'a>,
    /// The policies that somebody uses.
    pub(super) used: BTreeSet<String>,
}

impl Reading<'_> {
    pub(super) fn settings(&mut self, path: &str, raw: &RawSettings) -> Given {
        let at = |key: &str| format!("{path}.{key}");
        let import = self.policy(&at("import"), raw.import.as_ref(), true);
        let export = self.policy(&at("export"), raw.export.as_ref(), false);
        let password = self.password(path, raw);
        let n = &mut self.notes;
        Given {
            description: one!(n, raw, path, description, |text| leaf::line(text, 255)),
            asn: whole!(n, raw, path, asn, remote_as),
            local_asn: one!(n, raw, path, local_asn, leaf::asn),
            port: one!(n, raw, path, port, port),
            source_address: one!(n, raw, path, source_address, leaf::address),
            passive: one!(n, raw, path, passive, leaf::yes),
            distance: distance(n, path, raw),
            password,
            families: whole!(n, raw, path, families, families),
            extended_next_hop: one!(n, raw, path, extended_next_hop, leaf::yes),
            add_path: one!(n, raw, path, add_path, leaf::add_path),
            import,
            export,
            max_prefixes: whole!(n, raw, path, max_prefixes, max_prefixes),
            hold: one!(n, raw, path, timers.hold, leaf::hold),
            min_hold: one!(n, raw, path, timers.min_hold, leaf::hold),
            keepalive: one!(n, raw, path, timers.keepalive, leaf::at_least_a_second),
            connect_retry: one!(n, raw, path, timers.connect_retry, leaf::at_least_a_second),
            idle_hold: one!(n, raw, path, timers.idle_hold, leaf::lasting),
            idle_hold_max: one!(n, raw, path, timers.idle_hold_max, leaf::at_least_a_second),
            next_hop: whole!(n, raw, path, next_hop, next_hop),
            own_addresses: whole!(n, raw, path, own_addresses, own_addresses),
            allow_own_asn: one!(n, raw, path, allow_own_asn, |text| leaf::octet(text, 0)),
            first_asn: one!(n, raw, path, first_asn, leaf::yes),
            as_override: one!(n, raw, path, as_override, leaf::yes),
            remove_private_as: one!(n, raw, path, remove_private_as, leaf::remove_private),
            route_reflector_client: one!(n, raw, path, route_reflector_client, leaf::yes),
            role: one!(n, raw, path, role, leaf::role),
            strict_role: one!(n, raw, path, strict_role, leaf::yes),
            default_originate: one!(n, raw, path, default_originate, leaf::yes),
            graceful_restart: whole!(n, raw, path, graceful_restart, graceful_restart),
            bfd: whole!(n, raw, path, bfd, bfd),
            blackhole: whole!(n, raw, path, blackhole, blackhole),
            limit_as_path: one!(n, raw, path, limits.as_path, size),
            limit_communities: one!(n, raw, path, limits.communities, size),
            discard_attributes: whole!(n, raw, path, discard_attributes, discards),
            shutdown: one!(n, raw, path, shutdown, leaf::shutdown),
            path: path.into(),
        }
    }

    /// A policy by its name.
    pub(super) fn policy(&mut self, path: &str, name: Option<&Text>, is_import: bool) -> Option<Policy> {
        let Text(name) = name?;
        self.used.insert(name.clone());
        let policy = match self.policies.resolve(path, name) {
            Ok(policy) => policy,
            // It is there, and what is wrong in it is said there.
            Err(_) if self.named.contains_key(name) => Policy::none(),
            Err(mistake) => {
                self.notes.mistakes.push(mistake);
                Policy::none()
            }
        };
        if let Some(rule) = policy.only_for_export().filter(|_| is_import) {
            let rule = rule.number();
            let wrong = Wrong::new(
                name,
                format_args!("sets the next hop self or unchanged in rules[{rule}], which only goes out"),
                "a policy for import, or an address there",
            );
            self.notes.wrong(path, wrong.0);
        }
        Some(policy)
    }

    fn password(&mut self, path: &str, raw: &RawSettings) -> Option<Password> {
        let in_file = format!("{path}.password_file");
        let n = &mut self.notes;
        let written = n.one(format_args!("{path}.password"), raw.password.as_ref(), |text| {
            leaf::password(text, "the password")
        });
        let Some(Text(file)) = &raw.password_file else { return written };
        if raw.password.is_some() {
            n.wrong(in_file, "there is a password beside it; keep one of them");
            return written;
        }
        let secret = match (self.files)(Path::new(file)) {
            Ok(secret) => secret,
            Err(why) => {
                let wrong = Wrong::new(
                    file,
                    format_args!("cannot be read: {why}"),
                    "the path of a file with the password",
                );
                n.wrong(in_file, wrong.0);
                return None;
            }
        };
        let shown: String = file.chars().take(80).flat_map(char::escape_debug).collect();
        if secret.is_open {
            n.warn(&in_file, format!("everybody on this machine can read \"{shown}\"; run chmod 600 on it"));
        }
        // Editors end a file with a line break, which is no part of the password.
        let text = secret.text.trim_end_matches(['\n', '\r']);
        n.keep(&in_file, leaf::password(text, format_args!("the password in \"{shown}\"")))
    }
}

fn size(text: &str) -> Result<usize, Wrong> {
    leaf::whole(text, 1, 65535).map(|number| number as usize)
}

fn port(text: &str) -> Result<u16, Wrong> {
    leaf::whole(text, 1, 65535).map(|number| number as u16)
}

fn remote_as(n: &mut Notes, path: &str, texts: Option<&Texts>) -> Option<RemoteAs> {
    if let Some(Texts::One(Text(word))) = texts {
        let remote = match word.as_str() {
            "internal" => RemoteAs::Internal,
            "external" => RemoteAs::External,
            "any" => RemoteAs::Any,
            _ => {
                let number =
                    leaf::asn(word).map_err(|wrong| match word.starts_with(|c: char| c.is_ascii_digit()) {
                        true => wrong,
                        false => Wrong::new(
                            word,
                            "says no AS",
                            "an AS number, a list of them, or one of internal, external and any",
                        ),
                    });
                // What is wrong is not missing.
                n.keep(path, number).map_or(RemoteAs::Any, RemoteAs::Fixed)
            }
        };
        return Some(remote);
    }
    let asns = n.each(path, texts, leaf::asn)?;
    if matches!(texts, Some(Texts::Many(list)) if list.is_empty()) {
        n.wrong(path, "the list is empty, so no peer could come; write the AS numbers, or \"external\"");
    }
    Some(RemoteAs::OneOf(asns))
}

fn distance(n: &mut Notes, path: &str, raw: &RawSettings) -> Option<Distance> {
    let secured = n.one(format_args!("{path}.ttl_security"), raw.ttl_security.as_ref(), leaf::yes);
    let hops = |text: &str| leaf::octet(text, 1);
    let multihop = n.one(format_args!("{path}.multihop"), raw.multihop.as_ref(), hops);
    if secured == Some(true) && multihop.is_some() {
        let message =
            "a peer that is hops away cannot be told from others by its TTL; keep ttl_security or multihop";
        n.wrong(format_args!("{path}.multihop"), message);
    }
    leaf::distance(secured, multihop)
}

fn families(n: &mut Notes, path: &str, texts: Option<&Texts>) -> Option<Vec<Family>> {
    let texts = texts?;
    let mut families = Vec::new();
    for (path, text) in elements(path, texts) {
        match n.one(&path, Some(text), leaf::family) {
            Some(family) if families.contains(&family) => {
                n.wrong(path, format!("\"{family}\" is in the list already; write each family once"));
            }
            family => families.extend(family),
        }
    }
    if matches!(texts, Texts::Many(list) if list.is_empty()) {
        n.wrong(path, "the list is empty, so there is nothing to talk about; write ipv4, ipv6 or both");
    }
    Some(families)
}

fn max_prefixes(
    n: &mut Notes,
    path: &str,
    raw: Option<&Brief<RawMaxPrefixes>>,
) -> Option<Option<MaxPrefixes>> {
    let count = |text: &str| leaf::whole(text, 1, u32::MAX);
    // Four fifths, where it is not said.
    let most =
        |limit: u32| MaxPrefixes { limit, warn: limit - limit / 5, only_warn: false, restart_after: None };
    let table = match raw? {
        Brief::Short(Text(word)) if word == "none" => return Some(None),
        Brief::Short(text) => return Some(Some(most(n.one(path, Some(text), count)?))),
        Brief::Table(table) => table,
    };
    if table.limit.is_none() {
        n.wrong(format_args!("{path}.limit"), "it is not said how many there may be; add limit = 1000, say");
    }
    let limit = n.one(format_args!("{path}.limit"), table.limit.as_ref(), count);
    let up_to = limit.unwrap_or(u32::MAX);
    let warn = n.one(format_args!("{path}.warn"), table.warn.as_ref(), |text| leaf::whole(text, 1, up_to));
    let only_warn =
        n.one(format_args!("{path}.only_warn"), table.only_warn.as_ref(), leaf::yes).unwrap_or(false);
    let again = format!("{path}.restart_after");
    let restart_after = n.one(&again, table.restart_after.as_ref(), leaf::at_least_a_second);
    if only_warn && restart_after.is_some() {
        n.wrong(again, "the session stays up, as only_warn says; leave out one of the two");
    }
    let most = most(limit?);
    Some(Some(MaxPrefixes { warn: warn.unwrap_or(most.warn), only_warn, restart_after, ..most }))
}

fn next_hop(n: &mut Notes, path: &str, texts: Option<&Texts>) -> Option<NextHopChange> {
    match texts? {
        Texts::One(Text(word)) if word == "self" => Some(NextHopChange::Own),
        Texts::One(Text(word)) if word == "unchanged" => Some(NextHopChange::Unchanged),
        _ => addresses(n, path, texts, leaf::next_hop),
    }
}

fn own_addresses(n: &mut Notes, path: &str, texts: Option<&Texts>) -> Option<NextHopChange> {
    addresses(n, path, texts, leaf::own_address)
}

/// An address of one family or of each.
pub(super) fn addresses(
    n: &mut Notes,
    path: &str,
    texts: Option<&Texts>,
    parse: fn(&str) -> Result<NextHop, Wrong>,
) -> Option<NextHopChange> {
    let list = n.each(path, texts, parse)?;
    let (mut ipv4, mut ipv6) = (None, None);
    let several = list.iter().any(|hop| match hop {
        NextHop::Ipv4(address) => ipv4.replace(*address).is_some(),
        NextHop::Ipv6 { global, .. } => ipv6.replace(*global).is_some(),
    });
    if several {
        n.wrong(
            path,
            "there are two addresses of one family; write one IPv4 and one IPv6 address at the most",
        );
    }
    if matches!(texts, Some(Texts::Many(list)) if list.is_empty()) {
        n.wrong(path, "the list is empty; write an address of a family, or one of each, or leave it out");
    }
    Some(NextHopChange::Addresses { ipv4, ipv6 })
}

fn graceful_restart(
    n: &mut Notes,
    path: &str,
    raw: Option<&Brief<RawGracefulRestart>>,
) -> Option<Option<GracefulRestart>> {
    let usual = GracefulRestart::default();
    match raw? {
        Brief::Short(text) => n.one(path, Some(text), leaf::yes).map(|yes| yes.then_some(usual)),
        Brief::Table(table) => {
            let [restart, stale, notification] =
                ["restart_time", "stale_time", "notification"].map(|key| format!("{path}.{key}"));
            Some(Some(GracefulRestart {
                restart_time: n
                    .one(restart, table.restart_time.as_ref(), leaf::restart_time)
                    .unwrap_or(usual.restart_time),
                stale_time: n
                    .one(stale, table.stale_time.as_ref(), leaf::at_least_a_second)
                    .unwrap_or(usual.stale_time),
                notification: n
                    .one(notification, table.notification.as_ref(), leaf::yes)
                    .unwrap_or(usual.notification),
            }))
        }
    }
}

fn bfd(n: &mut Notes, path: &str, raw: Option<&Brief<RawBfd>>) -> Option<Option<Bfd>> {
    let usual = Bfd::default();
    let RawBfd { interval, multiplier } = match raw? {
        Brief::Short(text) => return n.one(path, Some(text), leaf::yes).map(|yes| yes.then_some(usual)),
        Brief::Table(table) => table,
    };
    let interval = n.one(format_args!("{path}.interval"), interval.as_ref(), leaf::bfd_interval);
    let multiplier = n.one(format_args!("{path}.multiplier"), multiplier.as_ref(), leaf::bfd_multiplier);
    Some(Some(Bfd {
        interval: interval.unwrap_or(usual.interval),
        multiplier: multiplier.unwrap_or(usual.multiplier),
    }))
}

fn blackhole(n: &mut Notes, path: &str, raw: Option<&Brief<RawBlackhole>>) -> Option<Option<Blackhole>> {
    let mut length = |key: &str, text: Option<&Text>, most: u8| {
        let fits = |text: &str| leaf::whole(text, 0, most.into()).map(|length| length as u8);
        n.one(format_args!("{path}.{key}"), text, fits).unwrap_or(most)
    };
    match raw? {
        Brief::Short(text) => n.one(path, Some(text), leaf::yes).map(|yes| yes.then_some(Blackhole::HOSTS)),
        Brief::Table(RawBlackhole { ipv4, ipv6 }) => Some(Some(Blackhole {
            ipv4: length("ipv4", ipv4.as_ref(), 32),
            ipv6: length("ipv6", ipv6.as_ref(), 128),
        })),
    }
}

fn discards(n: &mut Notes, path: &str, texts: Option<&Texts>) -> Option<Discards> {
    let codes = n.each(path, texts, |text| {
        let code = leaf::attribute(text)?;
        Discards::new([code]).map_err(|cannot| Wrong(cannot.to_string()))?;
        Ok(code)
    })?;
    // Each was taken by itself.
    Discards::new(codes).ok()
}
