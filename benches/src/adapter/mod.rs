//! One file per crate, all of the same shape.

mod bgpkit;
mod netgauze;
mod ours;
mod routecore;
mod rustbgpd;
mod zettabgp;

pub use bgpkit::Bgpkit;
pub use netgauze::Netgauze;
pub use ours::{Owned, SplitOnly, View};
pub use routecore::Routecore;
pub use rustbgpd::Rustbgpd;
pub use zettabgp::Zettabgp;

/// A codec for the sessions of one width of AS numbers.
pub trait Codec {
    /// The name of the crate or of the way to use it.
    const NAME: &'static str;
    /// Whether it reads everything, so that its sum must be everybody's sum.
    const READS_EVERYTHING: bool = true;
    /// What a reader of its column must know.
    const NOTE: Option<&'static str> = None;
    /// See [`Encode`].
    type Encoder: Encode;

    /// Ready to decode messages of such a session.
    fn new(four_octet_as: bool) -> Self;

    /// Decodes a message, reads everything in it back and sums it. `None`: it is a fault to this codec.
    fn decode(&mut self, message: &[u8]) -> Option<u64>;

    /// An encoder of what this UPDATE says, everything prepared but the encoding itself. `None`: cannot encode it.
    fn encoder(&self, message: &[u8]) -> Option<Self::Encoder>;
}

/// Encodes one message again and again, into the same memory where the crate can.
pub trait Encode {
    /// The message.
    fn encode(&mut self) -> &[u8];
}

/// The encoder of a codec that has none.
#[derive(Debug)]
pub enum Never {}

impl Encode for Never {
    fn encode(&mut self) -> &[u8] {
        match *self {}
    }
}
