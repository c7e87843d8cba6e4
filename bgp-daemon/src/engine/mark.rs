//! Whether what was known at some moment is on every wire.

use super::{Engine, Key};
use crate::{peer::Peer, rib};

/// A moment in the life of a speaker: see [`Engine::mark`].
#[derive(Clone, Debug)]
pub struct Mark {
    /// What was put off has to be done first.
    put_off: u64,
    /// From then on: how far the RIB has come.
    rib: Option<rib::Mark>,
    /// Once the RIB has told all of it: how many octets each connection is to have written.
    owed: Option<Vec<(Key, u64)>>,
}

impl Engine {
    /// Marks this moment. [`Engine::is_written`] says when all that follows from what was said before has been taken
    /// by the socket of every peer whose session is up.
    pub fn mark(&self) -> Mark {
        let put_off = self.backlog.moment();
        let rib = self.backlog.is_past(put_off).then(|| self.rib.mark());
        Mark { put_off, rib, owed: None }
    }

    /// Whether everything from before the mark is written. The mark takes note of how far that has come, so ask with
    /// the same one each time.
    pub fn is_written(&self, mark: &mut Mark) -> bool {
        if !self.backlog.is_past(mark.put_off) {
            return false;
        }
        if mark.owed.is_none() {
            if !self.rib.is_told(mark.rib.get_or_insert_with(|| self.rib.mark())) {
                return false;
            }
            mark.owed = Some(self.peers.values().filter_map(handed).collect());
        }
        let Some(owed) = &mut mark.owed else { return false };
        owed.retain(|(key, octets)| self.written(*key).is_some_and(|written| written < *octets));
        owed.is_empty()
    }

    /// Octets that were written to a connection; `None`: it is gone, and owed nothing.
    fn written(&self, key: Key) -> Option<u64> {
        let wires = &self.peers.get(&key.peer)?.wires;
        wires.iter().find(|wire| wire.id == key.connection).map(|wire| wire.written)
    }
}

/// Octets that the established connection of a peer is to write, those included that there was no room for.
fn handed(peer: &Peer) -> Option<(Key, u64)> {
    let up = peer.up.as_ref()?;
    let wire = peer.wires.iter().find(|wire| wire.id == up.connection)?;
    Some((peer.key(wire.id), wire.handed + wire.held.len() as u64))
}
