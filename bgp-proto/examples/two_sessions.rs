//! Two BGP speakers in one thread, without sockets and without a clock: what goes out of one goes into the other.
//!
//! `cargo run -p bgp-proto --example two_sessions`

use bgp_proto::{
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, HoldTime, Origin},
    prefix::Prefix,
    session::{Action, RemoteAs, Session, Settings, Terms},
    time::Time,
    wire::{open::Offer, pack::Announcement},
};

fn speaker(asn: u32, router_id: &str, passive: bool) -> Result<Session, Box<dyn std::error::Error>> {
    let offer = Offer::new(Asn(asn), router_id.parse()?, HoldTime::new(90).ok_or("a hold time")?);
    let mut settings = Settings::new(offer, RemoteAs::External);
    settings.passive = passive;
    Ok(Session::new(settings, u64::from(asn))?)
}

/// 192.0.2.0/24 by way of 198.51.100.1, as one UPDATE.
fn announce(terms: &Terms, out: &mut Vec<u8>) {
    let mut attributes = Vec::new();
    let shared = PathAttributes {
        origin: Some(Origin::IGP),
        as_path: AsPathBuf::sequence(&[Asn(65001)]),
        ..PathAttributes::default()
    };
    shared.encode(terms.agreed.four_octet_as, &mut attributes);
    let next_hop = NextHop::Ipv4([198, 51, 100, 1].into());
    let announcement = Announcement { family: Family::IPV4, attributes: &attributes, next_hop };
    let prefix = Prefix::<u32>::new(0xc000_0200, 24);
    announcement.encode(&terms.agreed, prefix.map(Into::into), out).expect("one prefix fits a message");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut speakers = [speaker(65001, "198.51.100.1", false)?, speaker(65002, "198.51.100.2", true)?];
    // Seconds pass as we say they do.
    for second in 0..30 {
        let now = Time::from_secs(second);
        if second == 0 {
            speakers.iter_mut().for_each(|speaker| speaker.start(now));
        }
        for (me, name) in ["one", "two"].into_iter().enumerate() {
            let [one, two] = &mut speakers;
            let (mine, other) = if me == 0 { (one, two) } else { (two, one) };
            // What the other has to send arrives here; both sides have one connection.
            let (from, to) = (other.connections().next(), mine.connections().next());
            let octets = from.map(|from| other.transmit(from).to_vec()).unwrap_or_default();
            if let (Some(from), Some(to), false) = (from, to, octets.is_empty()) {
                other.sent(now, from, octets.len());
                let mut input = octets.as_slice();
                while let Some(action) = mine.receive(now, to, &mut input) {
                    println!("{second:2}s {name}: {action}");
                    match action {
                        Action::Established { .. } if me == 0 => assert!(mine.send(announce)),
                        Action::Update(update) => {
                            let path = update.attributes().as_path().unwrap_or_default();
                            update.announced().for_each(|route| {
                                println!("{second:2}s {name}: learned {} from AS {path}", route.item);
                            });
                        }
                        _ => {}
                    }
                }
            }
            while let Some(action) = mine.poll() {
                println!("{second:2}s {name}: {action}");
                if let Action::Connect(id) = action {
                    other.accept(now);
                    mine.connected(now, id);
                }
            }
            if mine.deadline().is_some_and(|due| due <= now) {
                mine.tick(now);
            }
        }
    }
    Ok(())
}
