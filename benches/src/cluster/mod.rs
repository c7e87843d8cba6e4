//! A large cluster in a real API server, the announcer of one of its nodes, and a router that notes when it is told of
//! what. See README.md.

pub mod announcer;
pub mod filling;
pub mod objects;
pub mod requests;
pub mod router;
pub mod rows;
pub mod steps;
pub mod world;
pub mod writer;

/// How large it is, and how long is looked at it.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Nodes.
    pub nodes: u32,
    /// Services with an address from a load balancer; every other one is Local.
    pub services: u32,
    /// As many Services have a slice of [`objects::ENDPOINTS`] endpoints, the others one endpoint each.
    pub full: u32,
    /// Local Services with an endpoint on the node that announces.
    pub here: u32,
    /// Starts of the announcer.
    pub starts: u32,
    /// Changes of an endpoint that are waited for at the router.
    pub flips: u32,
    /// Seconds of changes on other nodes.
    pub elsewhere: u32,
    /// Seconds without any change.
    pub idle: u32,
    /// Seconds without an API server.
    pub away: u32,
}

impl Size {
    /// The cluster that others were measured in.
    pub const FULL: Size = Size {
        nodes: 3_000,
        services: 5_000,
        full: 1_000,
        here: 300,
        starts: 5,
        flips: 400,
        elsewhere: 20,
        idle: 60,
        away: 60,
    };
    /// A quick look: whether all of it still works.
    pub const SMALL: Size = Size {
        nodes: 100,
        services: 200,
        full: 40,
        here: 20,
        starts: 1,
        flips: 20,
        elsewhere: 5,
        idle: 10,
        away: 10,
    };

    /// How many prefixes the node announces: Services that are not Local, and those that have an endpoint here.
    #[must_use]
    pub fn prefixes(&self) -> usize {
        (self.services.div_ceil(2) + self.here) as usize
    }
}
