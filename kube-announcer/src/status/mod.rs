//! What a node's announcer writes back into its cluster: how the node is doing, what became of BgpPeers and
//! BgpAdvertisements, and Events about what nobody can announce.
//!
//! A [`Board`] looks at what the announcer knows and draws a [`Picture`] of what should be written; a [`Desk`] says which
//! of it is written next, and when; a [`Writer`] owns the client and writes. The newest picture replaces the one before,
//! so nothing queues, and nothing that is announced waits for any of it.

mod board;
mod conditions;
mod desk;
mod election;
mod kept;
mod notes;
mod pace;
mod state;
mod write;
mod writer;

pub use board::Board;
pub use conditions::Judgement;
pub use desk::{Desk, Outcome, Write};
pub use notes::Note;
pub use pace::Failure;
pub use writer::Writer;

use crate::{crd::NodeState, object::Key};
use std::{collections::BTreeMap, sync::Arc};

/// What should be written now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The UID of the own Node; without a Node there is nothing that could own how it is doing.
    pub owner: Option<Arc<str>>,
    /// How the node is doing.
    pub state: NodeState,
    /// Objects of ours that say something else than they should.
    pub conditions: BTreeMap<Key, Judgement>,
    /// What Events are to say, each under a number that is the same on all nodes.
    pub notes: BTreeMap<u64, Note>,
}

/// A text that nobody has to scroll through: so many octets at the most.
fn bounded(text: &str, longest: usize) -> String {
    const MORE: &str = "…";
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(longest.saturating_sub(MORE.len()));
    format!("{}{MORE}", text.get(..end).unwrap_or_default())
}
