//! Receiving UPDATEs takes nothing from the allocator. A program of its own, for its allocator.
#![expect(unsafe_code, reason = "an allocator that counts is an unsafe trait")]

use bgp_proto::{
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, HoldTime, Origin, RouterId},
    prefix::Prefix,
    session::{Action, ConnectionId, RemoteAs, Session, SessionState, Settings},
    time::Time,
    wire::{message, open::Offer, pack::Announcement},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.with(|taken| taken.set(taken.get() + 1));
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn offer(asn: u32) -> Offer {
    Offer::new(Asn(asn), RouterId::new(asn).unwrap(), HoldTime::new(90).unwrap())
}

fn routes() -> Vec<u8> {
    let attributes = PathAttributes {
        origin: Some(Origin::IGP),
        as_path: AsPathBuf::sequence(&[Asn(65002), Asn(65003)]),
        communities: vec!["65000:1".parse().unwrap()],
        ..PathAttributes::default()
    };
    let mut section = Vec::new();
    attributes.encode(true, &mut section);
    let next_hop = NextHop::Ipv4([192, 0, 2, 1].into());
    let announcement = Announcement { family: Family::IPV4, attributes: &section, next_hop };
    let agreed = bgp_proto::agreed::Agreed::new(bgp_proto::agreed::PeerKind::External);
    let mut out = Vec::new();
    for n in 0..1000u32 {
        let prefix = Prefix::<u32>::new(0x0a00_0000 | n << 8, 24).unwrap();
        announcement.encode(&agreed, [prefix.into()], &mut out).unwrap();
        message::keepalive(&mut out);
    }
    out
}

#[test]
fn receiving_updates_and_keepalives_does_not_allocate() {
    let id = ConnectionId(1);
    let mut session = Session::new(Settings::new(offer(65001), RemoteAs::Any), 1).unwrap();
    session.start(Time::START);
    session.connected(Time::START, id);
    let mut hello = Vec::new();
    offer(65002).encode(&mut hello).unwrap();
    message::keepalive(&mut hello);
    let mut input = hello.as_slice();
    while session.receive(Time::START, id, &mut input).is_some() {}
    assert_eq!(session.state(), SessionState::Established);

    let octets = routes();
    let (mut input, mut updates) = (octets.as_slice(), 0);
    let before = TAKEN.get();
    while let Some(action) = session.receive(Time::from_secs(1), id, &mut input) {
        if let Action::Update(update) = &action {
            updates += update.announced().count();
        }
    }
    session.wrote(Time::from_secs(1), id, 4096);
    let taken = TAKEN.get() - before;
    assert_eq!((updates, taken), (1000, 0));
    drop(vec![1]);
    assert_eq!(TAKEN.get() - before, 1, "the allocator counts");
}
