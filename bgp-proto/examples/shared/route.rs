//! What both `announce` examples say: one prefix, from the command line.

#[path = "clock.rs"]
mod clock;

pub(crate) use clock::clock;

use bgp_proto::{
    agreed::PeerKind,
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, HoldTime, Origin, RouterId},
    prefix::Prefix,
    session::{RemoteAs, Settings, Terms},
    wire::{
        capability::Capability,
        open::Offer,
        pack::{self, Announcement},
    },
};
use std::net::SocketAddr;

/// What went wrong, for a person, and the exit status that says so.
pub(crate) fn report(result: &Result<(), Box<dyn std::error::Error>>) -> std::process::ExitCode {
    if let Err(error) = result {
        eprintln!("{error}");
    }
    std::process::ExitCode::from(u8::from(result.is_err()))
}

/// What the command line asks for.
pub(crate) struct Wish {
    /// Whom to tell.
    pub(crate) router: SocketAddr,
    asn: Asn,
    router_id: RouterId,
    prefix: Prefix<u32>,
}

impl Wish {
    /// `NAME ROUTER:PORT LOCAL-AS ROUTER-ID PREFIX`.
    pub(crate) fn of_arguments(name: &str) -> Result<Wish, Box<dyn std::error::Error>> {
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let [router, asn, router_id, prefix] = arguments.as_slice() else {
            return Err(format!("usage: {name} ROUTER:PORT LOCAL-AS ROUTER-ID PREFIX").into());
        };
        let router = router.parse().map_err(|_| format!("{router}: write the router as 192.0.2.1:179"))?;
        let (asn, router_id, prefix) = (asn.parse()?, router_id.parse()?, prefix.parse()?);
        Ok(Wish { router, asn, router_id, prefix })
    }

    /// A session that dials and talks to whatever AS answers.
    pub(crate) fn settings(&self) -> Settings {
        let hold_time = HoldTime::new(90).unwrap_or(HoldTime::OFF);
        let mut offer = Offer::new(self.asn, self.router_id, hold_time);
        // Implied by RFC 4760 where no family is said, and yet some routers want to hear it.
        offer.capabilities.push(Capability::Multiprotocol(Family::IPV4).into());
        Settings::new(offer, RemoteAs::Any)
    }

    /// Appends the UPDATE and the End-of-RIB.
    pub(crate) fn encode(&self, local: SocketAddr, terms: &Terms, out: &mut Vec<u8>) {
        let SocketAddr::V4(local) = local else {
            return eprintln!("an IPv4 prefix needs an IPv4 next hop: dial the router's IPv4 address");
        };
        let internal = terms.agreed.peer_kind == PeerKind::Internal;
        let shared = PathAttributes {
            origin: Some(Origin::IGP),
            as_path: if internal { AsPathBuf::default() } else { AsPathBuf::sequence(&[self.asn]) },
            local_pref: internal.then_some(100),
            ..PathAttributes::default()
        };
        let mut attributes = Vec::new();
        shared.encode(terms.agreed.four_octet_as, &mut attributes);
        let next_hop = NextHop::Ipv4(*local.ip());
        let announcement = Announcement { family: Family::IPV4, attributes: &attributes, next_hop };
        if let Err(error) = announcement.encode(&terms.agreed, [self.prefix.into()], out) {
            eprintln!("{error}");
        }
        pack::end_of_rib(Family::IPV4, out);
    }
}
