//! RFC 7606 and the RFCs that build on it, a row for each case that names a treatment. What is expected stands beside
//! the section that says so; where an RFC leaves room, the row says which way this crate goes and why.

#[path = "rfc7606/attributes.rs"]
mod attributes;
#[path = "rfc7606/case.rs"]
mod case;
#[path = "rfc7606/choices.rs"]
mod choices;
mod common;
#[path = "rfc7606/flags.rs"]
mod flags;
#[path = "rfc7606/list.rs"]
mod list;
#[path = "rfc7606/nlri.rs"]
mod nlri;
#[path = "rfc7606/old_speakers.rs"]
mod old_speakers;

use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::table::Treatment,
    family::Family,
};
use case::{Carrier, Case};
use common::attr;

#[test]
fn every_mistake_costs_what_the_rfcs_say() {
    let tables: [(&str, Vec<Case>); 6] = [
        ("attributes, §7", attributes::cases()),
        ("flags, §3 (c)", flags::cases()),
        ("the list, §3 and §4", list::cases()),
        ("prefixes, §5", nlri::cases()),
        ("old speakers, RFC 6793", old_speakers::cases()),
        ("written choices", choices::cases()),
    ];
    let mut wrong = Vec::new();
    for (name, cases) in &tables {
        println!("{:5} rows: {name}", cases.len());
        wrong.extend(cases.iter().filter_map(|case| case.verdict().err()));
    }
    let rows: usize = tables.iter().map(|(_, cases)| cases.len()).sum();
    assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows >= 219, "only {rows} rows");
}

/// What the treatments mean to a reader: a dropped attribute is not there, the first of repeated ones is, everything
/// else can be read, and `malformed` tells each mistake.
#[test]
fn what_is_malformed_is_not_there_and_the_rest_is() {
    let agreed = common::agreed(PeerKind::External);
    let parts = [
        case::good(&agreed, Carrier::Body, &[]),
        attr(0x80, 4, &[0, 0, 0, 5]),
        attr(0x80, 4, &[0, 0, 0, 9]),
        attr(0x40, 5, &[0, 0, 1, 0]),
        attr(0x40, 6, &[1]),
        attr(0xc0, 7, &[0; 8]),
        attr(0xc0, 8, &[0, 1]),
        attr(0x80, 10, &[1, 1, 1, 1]),
        attr(0xc0, 32, &[7; 12]),
    ];
    let bytes = common::update(&[24, 10, 0, 0], &parts.concat(), &case::V4);
    let [update] = common::updates(&bytes, &agreed)[..] else { panic!() };
    let attributes = update.attributes();
    assert_eq!(attributes.med(), Some(5));
    assert_eq!(
        (attributes.local_pref(), attributes.atomic_aggregate(), attributes.aggregator()),
        (None, false, None)
    );
    assert_eq!((attributes.communities().len(), attributes.cluster_list().len()), (0, 0));
    assert_eq!(attributes.large_communities().len(), 1);
    assert_eq!(attributes.as_path().unwrap().to_string(), "65001 65002");
    let found: Vec<_> = update.malformed().iter().map(|m| (m.code.0, m.treatment)).collect();
    let (discard, withdraw) = (Treatment::Discard, Treatment::Withdraw);
    assert_eq!(found, [(4, discard), (5, discard), (6, discard), (7, discard), (8, withdraw), (10, discard)]);
    assert_eq!(update.treatment(), Some(withdraw));
    let withdrawn: Vec<_> =
        update.withdrawn().chain(update.announced()).map(|p| p.item.to_string()).collect();
    assert_eq!(withdrawn, ["10.0.0.0/24", "192.0.2.0/24"]);
}

/// A family that was not agreed is told, its End-of-RIB ends nothing, and neither does an empty UPDATE where IPv4
/// unicast was not agreed.
#[test]
fn families_that_were_not_agreed_are_told_and_end_no_rib() {
    let v6 = Agreed::new(PeerKind::External).with_families([FamilyAgreed::plain(Family::IPV6)]);
    let of = |bytes: &[u8]| {
        let [update] = common::updates(bytes, &v6)[..] else { panic!() };
        (update.end_of_rib(), update.unnegotiated().collect::<Vec<_>>())
    };
    assert_eq!(of(&common::update(&[], &[], &[])), (None, vec![Family::IPV4]));
    assert_eq!(of(&common::update(&[], &attr(0x80, 15, &[0, 1, 1]), &[])), (None, vec![Family::IPV4]));
    assert_eq!(of(&common::update(&[], &attr(0x80, 15, &[0, 2, 1]), &[])), (Some(Family::IPV6), vec![]));
    let with_more = [attr(0x40, 1, &[0]), attr(0x80, 15, &[0, 2, 1])].concat();
    assert_eq!(of(&common::update(&[], &with_more, &[])), (None, vec![]));
}
