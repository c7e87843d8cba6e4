//! Routes in the kernel as the API shows them.

use serde::{Deserialize, Serialize};

/// A route of ours in the kernel, or kept out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The prefix.
    pub prefix: String,
    /// `installed`: the kernel holds and uses it; `shadowed`: it prefers somebody else's; `kept`: from before the start,
    /// and goes unless somebody announces it; `held`: not as it should be; `waiting`: about to be installed;
    /// `gone`: there is no such route any more (only while watching).
    pub state: String,
    /// Whether the kernel holds it.
    pub installed: bool,
    /// Where packets go: `via 192.0.2.1 dev eth0`, with weights where these differ, or `discard`.
    pub gateways: Vec<String>,
    /// Why it is not as it should be, or whose route the kernel prefers.
    pub note: Option<String>,
}

#[cfg(feature = "kernel")]
impl From<&crate::kernel::Row> for Kernel {
    fn from(row: &crate::kernel::Row) -> Self {
        Kernel {
            prefix: row.prefix.to_string(),
            state: row.state.to_string(),
            installed: row.is_installed,
            gateways: row.gateways.clone(),
            note: row.note.clone(),
        }
    }
}
