//! Connection collision (RFC 4271 §6.8, 6286 §2.3, 4724 §5): a peer has up to two connections for a moment, and one
//! must go. A pure function, so that its whole space can be walked.

use crate::{
    numbers::{Asn, RouterId},
    wire::open::Offer,
};

/// Who a speaker is, as collisions compare it.
pub type Identity = (RouterId, Asn);

/// The identity that an OPEN tells. Identifiers compare as unsigned integers, equal ones by AS number (RFC 6286).
pub const fn identity(offer: &Offer) -> Identity {
    (offer.router_id, offer.asn)
}

/// How far the other connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// TCP is not up yet.
    Connecting,
    /// The peer's OPEN has not come: whatever it is that we sent, the peer cannot have established it.
    Opening,
    /// Both OPENs are out and our KEEPALIVE with them: the peer may have established it.
    Confirming,
    /// Established, by a peer of this identity.
    Established(Identity),
}

/// A collision: an OPEN that could be accepted came on one connection while there is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Collision {
    /// Us.
    pub ours: Identity,
    /// Who sent the OPEN.
    pub theirs: Identity,
    /// We dialled the connection on which the OPEN came.
    pub dialled: bool,
    /// That connection came up after the other was established.
    pub later: bool,
    /// We dialled the other connection.
    pub other_dialled: bool,
    /// How far the other connection is.
    pub other: Stage,
    /// The established session has graceful restart.
    pub graceful: bool,
}

/// What becomes of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing collides yet: go on.
    GoOn,
    /// Close the other with 6/7 and go on.
    CloseOther,
    /// The peer restarted: go on, and when its KEEPALIVE comes, close the other without a NOTIFICATION. Not before:
    /// the OPEN may have been on its way when the peer gave this connection up for the other.
    ReplaceOther,
    /// Close this one with 6/7.
    CloseThis,
    /// Leave the choice to the peer, who sees both connections and cannot but make it: whichever it closes is gone.
    Wait,
}

impl Collision {
    /// Of two connections the one that the higher identity dialled stays.
    ///
    /// Both sides must come to the same choice although neither knows what the other has seen. Two cases are ours:
    /// while the peer's OPEN has not come on the other connection, the peer cannot have established it, so choosing
    /// at once is safe. Once our KEEPALIVE went out on the connection that should lose, the peer may have established
    /// it, and then it will refuse the one that should win: then only the peer can choose without losing both.
    pub fn verdict(self) -> Verdict {
        let we_win = self.ours > self.theirs;
        match self.other {
            Stage::Connecting => Verdict::GoOn,
            // The peer dials one connection at a time: its latest is the one it means.
            Stage::Opening | Stage::Confirming if self.dialled == self.other_dialled => Verdict::CloseOther,
            Stage::Opening if self.dialled == we_win => Verdict::CloseOther,
            Stage::Confirming if self.dialled && we_win => Verdict::Wait,
            Stage::Confirming if self.dialled == we_win => Verdict::CloseOther,
            Stage::Opening | Stage::Confirming => Verdict::CloseThis,
            Stage::Established(_) if self.dialled && we_win => Verdict::Wait,
            Stage::Established(known)
                if !self.dialled && self.later && self.graceful && known == self.theirs =>
            {
                Verdict::ReplaceOther
            }
            Stage::Established(_) => Verdict::CloseThis,
        }
    }
}
