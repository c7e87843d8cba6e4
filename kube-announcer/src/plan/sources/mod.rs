//! Who claims what: a file per kind of object, each with all that its sources ask before they say yes.

mod node;
mod pods;
mod probes;
mod services;
mod tunnels;

use super::{
    Claim, Code, Kernel, Probed, Reason, Refusal, SourceKind, Verdict,
    here::{Advert, Here, SourceHere},
    stand_in::Standing,
};
use crate::{
    object::{Key, Kind},
    snapshot::{LONGEST_ANNOTATION, Snapshot, Tags},
    wish::{Choice, Source},
};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What one object claims.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    pub(super) claims: Vec<(IpNet, Claim)>,
    /// What stands in it and is no prefix.
    pub(super) refusals: Vec<Refusal>,
}

/// All that an object claims on a node. `every`: also what no source chooses, with that reason.
pub(super) fn claims(snapshot: &Snapshot, here: &Here, object: &Key, every: bool) -> Claimed {
    let mut asking = Asking { snapshot, here, object, every, found: Claimed::default() };
    match object.kind {
        Kind::Service => asking.service(),
        Kind::Pod => asking.pod(),
        Kind::Node => asking.node(),
        Kind::ServiceCidr => asking.service_cidr(),
        Kind::BgpAdvertisement => asking.advertisement(),
        Kind::BgpPeer => asking.peer(),
        Kind::Secret | Kind::EndpointSlice => {}
    }
    asking.found
}

/// One object being asked.
struct Asking<'a> {
    snapshot: &'a Snapshot,
    here: &'a Here,
    object: &'a Key,
    every: bool,
    found: Claimed,
}

/// One source of one advertisement.
#[derive(Clone, Copy)]
struct From<'a> {
    advert: &'a Advert,
    here: &'a SourceHere,
    /// Who else announces; `None` while no probe fails.
    standing: Option<&'a Standing>,
    number: u16,
    source: &'a Source,
}

/// What a claim says beside whose it is.
#[derive(Clone, Copy)]
struct Said {
    kind: SourceKind,
    selected: bool,
    covers: Option<IpAddr>,
    kernel: Option<Kernel>,
    probe: Option<Probed>,
}

impl Said {
    fn of(kind: SourceKind, selected: bool) -> Self {
        Said { kind, selected, covers: None, kernel: None, probe: None }
    }
}

/// The first of these questions that says no.
type Answer = Result<(), Reason>;

impl<'a> Asking<'a> {
    /// The words of a comma list in an annotation, and whether the source chooses the object. `None`: nothing is to be
    /// said of it.
    fn listed<'t>(
        &mut self,
        annotation: &str,
        choice: &Choice,
        tags: &'t Tags,
    ) -> Option<(bool, impl Iterator<Item = &'t str> + use<'a, 't>)> {
        let text = self.snapshot.annotation(tags, annotation)?;
        let chosen = self.snapshot.chooses(choice, &self.object.name, tags);
        if !chosen && !self.every {
            return None;
        }
        if text.len() > LONGEST_ANNOTATION {
            self.refuse(Reason::with(Code::TooLong, annotation));
            return None;
        }
        Some((chosen, text.split(',').map(str::trim).filter(|word| !word.is_empty())))
    }

    /// All sources of all advertisements.
    fn sources(&self) -> impl Iterator<Item = From<'a>> + use<'a> {
        let here = self.here;
        here.advertisements.iter().enumerate().flat_map(|(at, advert)| {
            let standing = here.probes.adverts.get(at);
            let sources = advert.wish.sources.iter().zip(&advert.sources).enumerate();
            sources.map(move |(number, (source, here))| From {
                advert,
                here,
                standing,
                number: number as u16,
                source,
            })
        })
    }

    fn claim(&mut self, from: From<'_>, prefix: IpNet, said: Said, verdict: Result<Verdict, Reason>) {
        let Said { kind, selected, covers, kernel, probe } = said;
        let verdict = verdict.and_then(|verdict| match verdict {
            // A node that discards it is cut off.
            Verdict::Yes if kernel == Some(Kernel::Discard) && prefix.prefix_len() == 0 => {
                Err(Code::DefaultRoute.into())
            }
            // What it would need is asked last.
            Verdict::Yes | Verdict::Last if kernel.is_some() && !self.here.kernel_routes => {
                Err(Code::NeedsKernelRoute.into())
            }
            _ => Ok(verdict),
        });
        let claim = Claim {
            owner: self.object.clone(),
            advertisement: from.advert.wish.name.clone(),
            source: from.number,
            kind,
            covers,
            selected,
            kernel,
            probe,
            verdict: verdict.unwrap_or_else(Verdict::No),
        };
        self.found.claims.push((prefix.trunc(), claim));
    }

    fn refuse(&mut self, reason: Reason) {
        let refusal = Refusal { object: self.object.clone(), reason };
        // Two sources that read the same say the same.
        if !self.found.refusals.contains(&refusal) {
            self.found.refusals.push(refusal);
        }
    }
}

/// A text as it is shown: quoted, and not longer than anybody reads.
fn quoted(text: &str) -> String {
    let text: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    format!("\"{text}\"")
}

/// `allowedCidrs` has all of a prefix. `shown` is what somebody has to look for.
fn allowed(from: From<'_>, prefix: IpNet, shown: impl std::fmt::Display) -> Answer {
    let allowed = &from.advert.wish.allowed;
    if allowed.is_empty() {
        return Err(Code::NoAllowedCidrs.into());
    }
    if allowed.iter().any(|range| range.contains(&prefix)) {
        return Ok(());
    }
    Err(Reason::with(Code::OutsideAllowedCidrs, shown))
}

/// Global or private unicast: what routers forward to.
fn unicast(address: IpAddr) -> Answer {
    let is = match address {
        IpAddr::V4(address) => {
            !matches!(address.octets()[0], 0 | 127 | 224..=255) && !Ipv4Addr::is_link_local(&address)
        }
        IpAddr::V6(address) => {
            let low = address.to_bits() >> 48 == 0 || address.to_ipv4_mapped().is_some();
            !low && !address.is_multicast() && !Ipv6Addr::is_unicast_link_local(&address)
        }
    };
    if is { Ok(()) } else { Err(Code::NotUnicast.into()) }
}

fn closed(reason: Option<&Reason>) -> Answer {
    reason.map_or(Ok(()), |reason| Err(reason.clone()))
}

fn host(address: IpAddr) -> IpNet {
    IpNet::from(address)
}
