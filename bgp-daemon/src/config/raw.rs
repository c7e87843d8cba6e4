//! A configuration as people write it. Nothing in here is resolved: every leaf is a text, so that one
//! [`check`](super::check()) finds all mistakes at once.
//!
//! Each table is one row of the macro below, so what is read, what is suggested for a slip and what the reference page
//! must name are the same list.

#[cfg(feature = "toml")]
pub(super) mod read;
#[cfg(all(test, feature = "toml"))]
mod tests;

pub use crate::policy::raw::{RawPolicies, RawPolicy, Text, Texts};

/// A table: its keys, and how one looks. `..` takes over the keys of another table.
macro_rules! tables {
    ($(
        $(#[$meta:meta])*
        $name:ident like $like:literal {
            $($(#[$doc:meta])* $field:ident: $of:ty,)*
            $(.. $inner:ident: $other:ty)?
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $of,)*
            $(/// What it shares with the others of its kind.
            pub $inner: $other,)?
        }

        #[cfg(feature = "toml")]
        impl read::Table for $name {
            const LIKE: &'static str = $like;

            fn keys() -> Vec<&'static str> {
                let keys = vec![$(stringify!($field)),*];
                $(let keys = [keys, <$other as read::Table>::keys()].concat();)?
                keys
            }

            fn field(&mut self, key: &str) -> Option<&mut dyn read::Fill> {
                match key {
                    $(stringify!($field) => Some(&mut self.$field),)*
                    $(_ if !<$other as read::Table>::keys().is_empty() => self.$inner.field(key),)?
                    _ => None,
                }
            }
        }
    )*};
}

/// A value in short, or all of it as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brief<T> {
    /// `max_prefixes = 1000`.
    Short(Text),
    /// `max_prefixes = { limit = 1000, only_warn = true }`.
    Table(T),
}

tables! {
    /// All of it.
    RawConfig like "asn = 65000" {
        /// Our AS.
        asn: Option<Text>,
        /// Our identifier, written like an IPv4 address.
        router_id: Option<Text>,
        /// Where peers connect to: addresses with ports.
        listen: Option<Texts>,
        /// Our cluster as a route reflector, written like an IPv4 address.
        cluster_id: Option<Text>,
        /// Routes count only while their next hops can be reached.
        resolve_next_hops: Option<Text>,
        /// How routes are compared.
        selection: RawSelection,
        /// Where learned routes are installed.
        kernel: Option<RawKernel>,
        /// Where the speaker can be asked and told.
        api: RawApi,
        /// Policies by name.
        policy: RawPolicies,
        /// Peers that may connect without being configured one by one, and settings that peers share.
        group: Vec<RawGroup>,
        /// Peers.
        peer: Vec<RawPeer>,
        /// Routes of our own.
        route: Vec<RawRoute>,
        /// Routes of our own that are there while a more specific one is.
        aggregate: Vec<RawAggregate>,
        /// Routes of the kernel that are announced as our own.
        redistribute: Vec<RawRedistribute>,
    }

    /// `[selection]`.
    RawSelection like "{ multipath_relax = true }" {
        /// MEDs of routes from different ASes are compared too.
        always_compare_med: Option<Text>,
        /// Multipath takes paths of one length through any AS.
        multipath_relax: Option<Text>,
    }

    /// `[kernel]`.
    RawKernel like "{ table = \"main\" }" {
        /// The table: `main` or a number.
        table: Option<Text>,
        /// The protocol number that our routes carry.
        protocol: Option<Text>,
        /// The metric of our routes.
        metric: Option<Text>,
        /// The most next hops of a route.
        multipath: Option<Text>,
        /// What the machine's own packets carry as their source: an address of one or of each family.
        preferred_source: Option<Texts>,
        /// Whether a default route is installed.
        default_route: Option<Text>,
        /// Ranges in which nothing is installed.
        protected: Option<Texts>,
        /// Ranges of which single addresses are installed even in the networks of links.
        allow_connected: Option<Texts>,
        /// The most routes that are installed.
        max_routes: Option<Text>,
        /// Groups of next hops that keep flows where they are.
        resilient: Option<RawResilient>,
    }

    /// `resilient` of `[kernel]`.
    RawResilient like "{ buckets = 128 }" {
        /// How many parts the flows of a prefix are in.
        buckets: Option<Text>,
        /// How long a part must be idle to move.
        idle_timer: Option<Text>,
        /// After how long of an uneven spread any part moves.
        unbalanced_timer: Option<Text>,
        /// Which prefixes have such groups.
        prefixes: Option<Texts>,
    }

    /// `[api]`.
    RawApi like "{ socket = \"/run/bgp-daemon/api.sock\" }" {
        /// The unix socket for those who may change things.
        socket: Option<Text>,
        /// The unix socket for those who may only look.
        read_only_socket: Option<Text>,
        /// Who may use the first, as the mode of its file.
        socket_mode: Option<Text>,
        /// Who may use the second.
        read_only_socket_mode: Option<Text>,
        /// The address of metrics and health.
        http: Option<Text>,
    }

    /// `[[group]]`.
    RawGroup like "{ name = \"cluster-a\", accept_from = [\"192.0.2.0/24\"] }" {
        /// Its name.
        name: Option<Text>,
        /// Where its peers connect from.
        accept_from: Option<Texts>,
        /// The most of them at a time.
        max_peers: Option<Text>,
        .. settings: RawSettings
    }

    /// `[[peer]]`.
    RawPeer like "{ address = \"192.0.2.1\", asn = 65001 }" {
        /// Its address.
        address: Option<Text>,
        /// The link that it is at the other end of.
        interface: Option<Text>,
        /// The group that says what it does not say itself.
        group: Option<Text>,
        .. settings: RawSettings
    }

    /// What a peer says itself or takes from its group.
    RawSettings like "{ asn = 65001 }" {
        /// What people call it.
        description: Option<Text>,
        /// Its AS: a number, several, `internal`, `external` or `any`.
        asn: Option<Texts>,
        /// Our AS on this session.
        local_asn: Option<Text>,
        /// The port that we dial.
        port: Option<Text>,
        /// The address that we dial from.
        source_address: Option<Text>,
        /// Never dial.
        passive: Option<Text>,
        /// Refuse what did not come from our link (RFC 5082).
        ttl_security: Option<Text>,
        /// How many hops away it may be.
        multihop: Option<Text>,
        /// What TCP segments are signed with (RFC 2385).
        password: Option<Text>,
        /// The file that it stands in.
        password_file: Option<Text>,
        /// `ipv4`, `ipv6`.
        families: Option<Texts>,
        /// Agree to IPv4 routes with IPv6 next hops (RFC 8950).
        extended_next_hop: Option<Text>,
        /// `receive`, or `off`.
        add_path: Option<Text>,
        /// The policy of what comes in.
        import: Option<Text>,
        /// The policy of what goes out.
        export: Option<Text>,
        /// The most prefixes of a family.
        max_prefixes: Option<Brief<RawMaxPrefixes>>,
        /// The times of the session.
        timers: RawTimers,
        /// `self`, `unchanged`, or an address of one or of each family.
        next_hop: Option<Texts>,
        /// Our addresses, for next hops of a family that the session has no address of.
        own_addresses: Option<Texts>,
        /// How often our AS may be in a path.
        allow_own_asn: Option<Text>,
        /// The path must begin with the peer's AS.
        first_asn: Option<Text>,
        /// Our AS is written in place of the peer's.
        as_override: Option<Text>,
        /// `leading`, `all`, `replace`, or `none`.
        remove_private_as: Option<Text>,
        /// We reflect routes for it.
        route_reflector_client: Option<Text>,
        /// Our role (RFC 9234).
        role: Option<Text>,
        /// The peer must say its role.
        strict_role: Option<Text>,
        /// A default route is told in any case.
        default_originate: Option<Text>,
        /// Graceful restart of ours (RFC 4724).
        graceful_restart: Option<Brief<RawGracefulRestart>>,
        /// BFD beside the session (RFC 5882).
        bfd: Option<Brief<RawBfd>>,
        /// What the peer may blackhole.
        blackhole: Option<Brief<RawBlackhole>>,
        /// Routes with more than this are rejected.
        limits: RawLimits,
        /// Attributes that are taken out of what comes in, by name or number.
        discard_attributes: Option<Texts>,
        /// Down on purpose: `true`, or what the other side is told.
        shutdown: Option<Text>,
    }

    /// `timers = { … }`.
    RawTimers like "{ hold = \"90s\" }" {
        /// The hold time.
        hold: Option<Text>,
        /// The shortest hold time that is accepted.
        min_hold: Option<Text>,
        /// How often we say that we are here.
        keepalive: Option<Text>,
        /// How long a dial may take.
        connect_retry: Option<Text>,
        /// How long to wait after the first failure.
        idle_hold: Option<Text>,
        /// The longest wait.
        idle_hold_max: Option<Text>,
    }

    /// `max_prefixes = { … }`.
    RawMaxPrefixes like "{ limit = 1000 }, or the number alone" {
        /// How many.
        limit: Option<Text>,
        /// From how many on it is said.
        warn: Option<Text>,
        /// Only say so.
        only_warn: Option<Text>,
        /// How long the session stays down.
        restart_after: Option<Text>,
    }

    /// `graceful_restart = { … }`.
    RawGracefulRestart like "{ restart_time = \"120s\" }, or true or false" {
        /// How long the peer waits for us.
        restart_time: Option<Text>,
        /// How long stale routes are kept.
        stale_time: Option<Text>,
        /// Whatever ends the session.
        notification: Option<Text>,
    }

    /// `bfd = { … }`.
    RawBfd like "{ interval = \"300ms\", multiplier = 3 }, or true or false" {
        /// How often packets go each way.
        interval: Option<Text>,
        /// How many missing in a row are too many.
        multiplier: Option<Text>,
    }

    /// `blackhole = { … }`.
    RawBlackhole like "{ ipv4 = 32, ipv6 = 128 }, or true or false" {
        /// The shortest IPv4 prefix.
        ipv4: Option<Text>,
        /// The shortest IPv6 prefix.
        ipv6: Option<Text>,
    }

    /// `limits = { … }`.
    RawLimits like "{ as_path = 255, communities = 1000 }" {
        /// ASes in the path.
        as_path: Option<Text>,
        /// Communities of all kinds.
        communities: Option<Text>,
    }

    /// `[[route]]`.
    RawRoute like "{ prefix = \"203.0.113.0/24\" }" {
        /// The prefix.
        prefix: Option<Text>,
        /// `discard`, or an address; ourselves where not said.
        next_hop: Option<Text>,
        .. attributes: RawAttributes
    }

    /// `[[aggregate]]`.
    RawAggregate like "{ prefix = \"198.51.100.0/22\" }" {
        /// The prefix.
        prefix: Option<Text>,
        /// Nobody is told of the more specific prefixes.
        summary_only: Option<Text>,
        .. attributes: RawAttributes
    }

    /// What is said of a route of our own.
    RawAttributes like "{ med = 100 }" {
        /// Communities of all kinds.
        communities: Option<Texts>,
        /// The MED.
        med: Option<Text>,
        /// The local preference.
        local_pref: Option<Text>,
        /// `igp`, `egp` or `incomplete`.
        origin: Option<Text>,
    }

    /// `[[redistribute]]`.
    RawRedistribute like "{ from = \"connected\" }" {
        /// `connected`, `static`, or a protocol number.
        from: Option<Text>,
        /// Which of them, and what is said of them.
        policy: Option<Text>,
    }
}
