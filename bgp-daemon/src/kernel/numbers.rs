//! Numbers of the kernel's routing messages (`linux/rtnetlink.h`, `linux/nexthop.h`, `linux/netlink.h`).

pub(super) const ERROR: u16 = 2;
pub(super) const DONE: u16 = 3;

pub(super) const NEW_LINK: u16 = 16;
pub(super) const DELETE_LINK: u16 = 17;
pub(super) const DUMP_LINK: u16 = 18;
pub(super) const NEW_ADDRESS: u16 = 20;
pub(super) const DELETE_ADDRESS: u16 = 21;
pub(super) const DUMP_ADDRESS: u16 = 22;
pub(super) const NEW_ROUTE: u16 = 24;
pub(super) const DELETE_ROUTE: u16 = 25;
pub(super) const DUMP_ROUTE: u16 = 26;
pub(super) const NEW_OBJECT: u16 = 104;
pub(super) const DELETE_OBJECT: u16 = 105;
pub(super) const DUMP_OBJECT: u16 = 106;

/// Flags of a message.
pub(super) mod flag {
    pub(crate) const REQUEST: u16 = 1;
    pub(crate) const ACK: u16 = 4;
    pub(crate) const DUMP_INTERRUPTED: u16 = 0x10;
    pub(crate) const REPLACE: u16 = 0x100;
    pub(crate) const EXCLUSIVE: u16 = 0x200;
    pub(crate) const CREATE: u16 = 0x400;
    pub(crate) const DUMP: u16 = 0x300;
    /// Of an error: only the header of what was refused is told.
    pub(crate) const CAPPED: u16 = 0x100;
    /// Of an error: attributes follow.
    pub(crate) const ATTRIBUTES: u16 = 0x200;
}

/// Attributes of routes.
pub(super) mod route {
    pub(crate) const DST: u16 = 1;
    pub(crate) const DEVICE: u16 = 4;
    pub(crate) const GATEWAY: u16 = 5;
    pub(crate) const METRIC: u16 = 6;
    pub(crate) const SOURCE: u16 = 7;
    pub(crate) const MULTIPATH: u16 = 9;
    pub(crate) const TABLE: u16 = 15;
    pub(crate) const VIA: u16 = 18;
    pub(crate) const OBJECT: u16 = 30;
    /// A flag of what is told: it was found for one destination, and is no route.
    pub(crate) const CLONED: u32 = 0x200;
    /// A flag of a gateway.
    pub(crate) const ONLINK: u8 = 4;
}

/// Types of routes.
pub(super) mod kind {
    pub(crate) const UNICAST: u8 = 1;
    pub(crate) const BLACKHOLE: u8 = 6;
    pub(crate) const UNREACHABLE: u8 = 7;
    pub(crate) const PROHIBIT: u8 = 8;
}

/// Of the number of an attribute: it holds attributes.
pub(super) const NESTED: u16 = 0x8000;

/// Attributes of next hop objects.
pub(super) mod object {
    pub(crate) const ID: u16 = 1;
    pub(crate) const GROUP: u16 = 2;
    pub(crate) const GROUP_TYPE: u16 = 3;
    pub(crate) const BLACKHOLE: u16 = 4;
    pub(crate) const DEVICE: u16 = 5;
    pub(crate) const GATEWAY: u16 = 6;
    pub(crate) const RESILIENT: u16 = 12;
    /// The type of a group whose flows stay where they are.
    pub(crate) const RESILIENT_TYPE: u16 = 1;
}

/// What such a group is made with.
pub(super) mod resilient {
    pub(crate) const BUCKETS: u16 = 1;
    pub(crate) const IDLE: u16 = 2;
    pub(crate) const UNBALANCED: u16 = 3;
}

/// Attributes of links and addresses.
pub(super) const LINK_NAME: u16 = 3;
pub(super) const ADDRESS: u16 = 1;
pub(super) const OWN_ADDRESS: u16 = 2;

/// Flags of links.
pub(super) const LINK_ENABLED: u32 = 1;
pub(super) const LINK_RUNNING: u32 = 0x40;
pub(super) const LINK_CARRIER: u32 = 0x1_0000;

/// The attribute of an error that says why in words.
pub(super) const WHY: u16 = 1;

pub(super) const INET: u8 = 2;
pub(super) const INET_6: u8 = 10;

/// The scope that matches any when a route is removed.
pub(super) const ANY_SCOPE: u8 = 255;

/// Groups of what is told.
pub(super) const GROUPS: [u32; 6] = [
    1,  // links
    5,  // IPv4 addresses
    7,  // IPv4 routes
    9,  // IPv6 addresses
    11, // IPv6 routes
    32, // next hop objects
];
