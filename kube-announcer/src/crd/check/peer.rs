//! BgpPeer: who it is, where, and how to talk to it.

use super::{Check, leaf};
use crate::{
    crd::{BgpPeerSpec, RawBfd, RawImport, RawTimers, Text},
    wish::{Import, Peer, Place, Timers},
};
use bgp_daemon::{
    config::{Bfd, Distance},
    policy::{self, Names, raw},
};
use bgp_proto::{family::Family, numbers::HoldTime};
use std::{collections::BTreeSet, num::NonZeroU8, time::Duration};

/// The port of BGP.
const PORT: u16 = 179;

const HOLD: Duration = Duration::from_secs(90);
const CONNECT_RETRY: Duration = Duration::from_secs(5);
const RESTART_TIME: Duration = Duration::from_secs(120);

impl Check {
    /// `None` where something that it cannot do without is wrong.
    pub(super) fn peer(&mut self, raw: &BgpPeerSpec) -> Option<Peer> {
        let node_selector = self.selector("spec.nodeSelector", raw.node_selector.as_ref());
        let local_asn = self.needed("spec.localAsn", raw.local_asn.as_ref(), leaf::local_asn);
        let asn = self.needed("spec.asn", raw.asn.as_ref(), leaf::asn);
        let place = self.place(raw);
        let port = self.one("spec.port", raw.port.as_ref(), leaf::number(1..=65535));
        let secret = raw.password_secret_ref.as_ref();
        let password = secret
            .and_then(|secret| self.needed("spec.passwordSecretRef.name", secret.name.as_ref(), leaf::name));
        let restart = raw.graceful_restart.as_ref().and_then(|restart| restart.restart_time.as_ref());
        let restart = self.one("spec.gracefulRestart.restartTime", restart, leaf::restart_time);
        let bfd = raw.bfd.as_ref().map(|bfd| self.bfd(bfd));
        let distance = self.distance(raw);
        let timers = self.timers(raw.timers.as_ref());
        let families = self.families(raw.families.as_deref());
        let import = raw.import.as_ref().map(|import| self.import(import));
        let attributes = self.attributes("spec.attributes", raw.attributes.as_ref());
        // Only now: every mistake has been looked for.
        Some(Peer {
            name: self.object.name.clone(),
            node_selector,
            local_asn: local_asn?,
            asn: asn?,
            place: place?,
            port: port.unwrap_or(PORT),
            password,
            distance,
            timers,
            families,
            bfd,
            restart_time: restart.unwrap_or(Some(RESTART_TIME)),
            import,
            attributes,
        })
    }

    fn place(&mut self, raw: &BgpPeerSpec) -> Option<Place> {
        let address = self.one("spec.address", raw.address.as_ref(), leaf::place);
        let gateway = self.one("spec.gateway", raw.gateway.as_ref(), leaf::flag).unwrap_or(false);
        let interface = self.one("spec.interface", raw.interface.as_ref(), leaf::interface);
        let annotation = raw
            .address_from
            .as_ref()
            .and_then(|from| self.needed("spec.addressFrom.annotation", from.annotation.as_ref(), leaf::key));
        let nodes =
            raw.nodes.as_ref().map(|mesh| self.selector("spec.nodes.selector", mesh.selector.as_ref()));
        let written = [
            raw.address.is_some(),
            gateway,
            raw.interface.is_some(),
            raw.address_from.is_some(),
            raw.nodes.is_some(),
        ];
        if written.iter().filter(|written| **written).count() != 1 {
            let ways = "address, gateway: true, interface, addressFrom and nodes";
            self.wrong(
                "spec",
                format_args!("where the peer is must be said in one way; write one of {ways}"),
            );
            return None;
        }
        let places = [
            address.map(|(address, zone)| Place::Address(address, zone)),
            gateway.then_some(Place::Gateway),
            interface.map(Place::Interface),
            annotation.map(Place::Annotation),
            nodes.map(Place::Nodes),
        ];
        places.into_iter().flatten().next()
    }

    fn distance(&mut self, raw: &BgpPeerSpec) -> Distance {
        let secured = self.one("spec.ttlSecurity", raw.ttl_security.as_ref(), leaf::flag).unwrap_or(false);
        let hops = self.one("spec.multihop", raw.multihop.as_ref(), leaf::number(1..=255));
        match hops {
            Some(_) if secured => {
                self.wrong(
                    "spec.ttlSecurity",
                    "is for a peer on a link of ours, and multihop for one farther away; write one of them",
                );
                Distance::Secured
            }
            Some(hops) => Distance::Multihop(hops),
            None if secured => Distance::Secured,
            None => Distance::Adjacent,
        }
    }

    fn timers(&mut self, raw: Option<&RawTimers>) -> Timers {
        let nothing = RawTimers::default();
        let raw = raw.unwrap_or(&nothing);
        let hold = self.one("spec.timers.hold", raw.hold.as_ref(), leaf::hold);
        let keepalive = self.one("spec.timers.keepalive", raw.keepalive.as_ref(), leaf::duration);
        let retry = self.one("spec.timers.connectRetry", raw.connect_retry.as_ref(), leaf::connect_retry);
        let hold = hold.unwrap_or(HoldTime::new(HOLD.as_secs() as u16).unwrap_or(HoldTime::OFF));
        let third = Duration::from_secs(u64::from(hold.seconds())) / 3;
        if let (Some(text), true) =
            (&raw.keepalive, keepalive.is_some_and(|often| often > third || often.is_zero()))
        {
            let message =
                format!("\"{text}\" is not allowed; write at most {}s, a third of hold", third.as_secs());
            self.wrong("spec.timers.keepalive", message);
        }
        Timers { hold, keepalive, connect_retry: retry.unwrap_or(CONNECT_RETRY) }
    }

    fn bfd(&mut self, raw: &RawBfd) -> Bfd {
        let usual = Bfd::default();
        let interval = self.one("spec.bfd.interval", raw.interval.as_ref(), leaf::bfd_interval);
        let multiplier = self.one("spec.bfd.multiplier", raw.multiplier.as_ref(), leaf::number(2..=255));
        Bfd {
            interval: interval.unwrap_or(usual.interval),
            multiplier: multiplier.and_then(NonZeroU8::new).unwrap_or(usual.multiplier),
        }
    }

    fn families(&mut self, raw: Option<&[Text]>) -> Vec<Family> {
        let Some(texts) = raw else { return vec![Family::IPV4, Family::IPV6] };
        if texts.is_empty() {
            self.wrong("spec.families", "is empty, so nothing could be announced; write ipv4, ipv6 or both");
        }
        let families: BTreeSet<_> = self.each("spec.families", texts, leaf::family).into_iter().collect();
        families.into_iter().collect()
    }

    fn import(&mut self, raw: &RawImport) -> Import {
        let accept: Vec<String> = raw.accept.iter().map(ToString::to_string).collect();
        for (at, entry) in accept.iter().enumerate() {
            // A policy knows best what it takes.
            let matches =
                raw::RawMatch { prefix: Some([entry].into_iter().collect()), ..raw::RawMatch::default() };
            let rule = raw::RawRule { matches, then: Some("accept".into()), ..raw::RawRule::default() };
            let policies = [("import".to_owned(), raw::RawPolicy { rules: vec![rule] })].into();
            if let Err(mistakes) = policy::check(&policies, &Names::default()) {
                let field = format!("spec.import.accept[{at}]");
                mistakes.iter().for_each(|mistake| self.wrong(&field, &mistake.message));
            }
        }
        let flag = |check: &mut Self, name: &str, text: Option<&Text>| {
            check.one(&format!("spec.import.{name}"), text, leaf::flag).unwrap_or(false)
        };
        Import {
            accept,
            pod_routes: flag(self, "podRoutes", raw.pod_routes.as_ref()),
            allow_own_asn: flag(self, "allowOwnAsn", raw.allow_own_asn.as_ref()),
            max_prefixes: self.one(
                "spec.import.maxPrefixes",
                raw.max_prefixes.as_ref(),
                leaf::number(0..=i64::from(u32::MAX)),
            ),
        }
    }
}
