//! What an engine asks its shell to do.

use super::{
    bfd::Path,
    event::Event,
    link::{Dial, Key, Options, PeerId},
};
use bytes::Bytes;

/// The most octets that are handed out for a connection and not reported as written.
pub const WINDOW: usize = 256 * 1024;

/// The most writes that are handed out for a connection and not reported as written.
pub const MAX_WRITES: usize = 64;

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Dial; then [`Engine::connected`](super::Engine::connected) or [`Engine::failed`](super::Engine::failed).
    Dial(Key, Dial),
    /// Write these whole messages, behind those before; then [`Engine::wrote`](super::Engine::wrote). At most
    /// [`WINDOW`] octets and [`MAX_WRITES`] writes of a connection wait at a time.
    Write(Key, Bytes),
    /// Write what still waits, then this, as far as the socket takes it without a long wait, then close; or give up
    /// dialling. The engine has forgotten the connection.
    Close(Key, Bytes),
    /// Set these options on the connection, which stays.
    Options(Key, Options),
    /// From now on this is the BFD session of a peer, in place of any other that it has; `None`: it has none.
    Bfd(PeerId, Option<Path>),
    /// Something happened, for the log and for whoever wants to know.
    Event(Event),
}
