//! Decoding and reading allocates nothing, encoding into a buffer that is large enough neither. Counted, not claimed.

mod common;

use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::{next_hop::NextHop, set::PathAttributes},
    family::Family,
    prefix::Prefix,
    wire::{
        frame::{Frame, frame},
        message::Message,
        nlri::Path,
        open::Open,
        pack::{self, Announcement},
        update::Update,
    },
};
use common::{attr, read};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // No destructor and no lazy initialisation: this never allocates itself.
    COUNT.with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator unchanged.
#[expect(unsafe_code, reason = "an allocator is unsafe by its signature")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often this thread allocated while it did that.
fn allocations<T>(action: impl FnOnce() -> T) -> usize {
    let before = COUNT.with(Cell::get);
    black_box(action());
    COUNT.with(Cell::get) - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| vec![1, 2, 3]), 1);
    assert_eq!(allocations(|| 1 + 1), 0);
}

/// UPDATEs with every attribute, every family, mistakes of every treatment, and End-of-RIB.
fn messages() -> Vec<Vec<u8>> {
    let wide = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let path = [&[2, 3][..], &wide(&[65001, 70000, 65003]), &[1, 2], &wide(&[1, 2])].concat();
    let attributes = [
        attr(0x40, 1, &[0]),
        attr(0x40, 2, &path),
        attr(0x40, 3, &[192, 0, 2, 1]),
        attr(0x80, 4, &[0, 0, 0, 9]),
        attr(0x40, 5, &[0, 0, 0, 100]),
        attr(0x40, 6, &[]),
        attr(0xc0, 7, &[1; 8]),
        attr(0xc0, 8, &[1; 40]),
        attr(0x80, 9, &[1; 4]),
        attr(0x80, 10, &[1; 8]),
        attr(0xc0, 16, &[1; 80]),
        attr(0xc0, 23, &[0, 2, 0, 18, 6, 10, 0, 0, 0, 0, 0, 1, 192, 0, 2, 1, 1, 4, 0, 0, 0, 9]),
        attr(0xc0, 25, &[1; 40]),
        attr(0x80, 26, &[1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 7]),
        // Descending, with a repetition: what is read is sorted.
        attr(0xc0, 32, &[[9; 12], [7; 12], [9; 12], [5; 12]].concat()),
        attr(0xc0, 35, &[0, 0, 0, 1]),
        attr(0xc0, 99, &[1; 300]),
        attr(0xc0, 98, &[1; 30]),
    ];
    let all = attributes.concat();
    let nlri: Vec<u8> = (0..200u8).flat_map(|n| [24, 10, n, 1]).collect();
    let mut messages = vec![common::update(&nlri, &all, &nlri), common::update(&[], &[], &[])];
    for family in Family::KNOWN {
        let (afi, safi) = (family.afi.0 as u8, family.safi.0);
        let next_hop = vec![1; if safi == 128 { 8 } else { 0 } + if afi == 1 { 4 } else { 16 }];
        let item: &[u8] = match safi {
            128 => &[96, 0, 0, 0x11, 0, 0, 0, 1, 0, 0, 0, 2, 10],
            4 => &[32, 0, 0, 0x11, 10],
            _ => &[8, 10],
        };
        let reach = [&[0, afi, safi, next_hop.len() as u8][..], &next_hop, &[0], &item.repeat(50)].concat();
        let unreach = [&[0, afi, safi][..], &item.repeat(50)].concat();
        messages.push(common::update(
            &[],
            &[attr(0x80, 14, &reach), all.clone(), attr(0x90, 15, &unreach)].concat(),
            &[],
        ));
        messages.push(common::update(&[], &attr(0x80, 15, &unreach[..3]), &[]));
    }
    let (discard, withdraw) = (attr(0x80, 4, &[9; 4]), [&all[..], &attr(0xc0, 60, &[]), &[0xc0, 1]].concat());
    messages.push(common::update(&[], &[all.clone(), discard].concat(), &nlri));
    messages.push(common::update(&[], &withdraw, &nlri));
    messages
}

fn agreed() -> Agreed {
    let mut agreed = common::agreed(PeerKind::Internal);
    (agreed.extended_message, agreed.aigp) = (true, true);
    agreed
}

#[test]
fn decoding_and_reading_everything_allocates_nothing() {
    let agreed = agreed();
    for bytes in messages() {
        let mut values = 0;
        let count = allocations(|| {
            let Frame::Message(raw) = frame(&bytes, Some(&agreed)) else { return };
            let Ok(Message::Update(update)) = Message::decode(raw, &agreed) else { return };
            values = read::update(&update).values;
        });
        assert!(values > 0, "nothing was read of {bytes:02x?}");
        assert_eq!(count, 0, "{bytes:02x?}");
    }
}

#[test]
fn a_fault_allocates_nothing() {
    let agreed = agreed();
    let bytes = common::update(&[], &attr(0x40, 1, &[9]), &[]);
    let count = allocations(|| {
        let Frame::Message(raw) = frame(&bytes, Some(&agreed)) else { return None };
        let fault = Update::decode(raw, &agreed).err()?;
        Some(fault.notification(&bytes).data.len())
    });
    assert_eq!(count, 0);
}

#[test]
fn an_open_is_read_without_allocating() {
    let tail = [&[22, 2, 20][..], &[1, 4, 0, 1, 0, 1, 65, 4, 0, 0, 0, 1, 69, 4, 0, 1, 1, 3, 70, 0]].concat();
    let bytes = common::message(1, &[&[4, 0, 1, 0, 90, 1, 1, 1, 1][..], &tail].concat());
    let mut found = 0;
    let count = allocations(|| {
        let Frame::Message(raw) = frame(&bytes, None) else { return };
        found = Open::decode(raw).map_or(0, |open| open.capabilities().count());
    });
    assert_eq!((count, found), (0, 4));
}

/// Memory that was used before suffices for the same again, and for less.
#[test]
fn reading_into_a_value_that_was_used_before_allocates_nothing() {
    let agreed = agreed();
    for bytes in messages() {
        let [update] = common::updates(&bytes, &agreed)[..] else { panic!() };
        let mut owned = PathAttributes::default();
        // Opaque values change places when they are put in order: each buffer grows at most once for each place.
        for _ in 0..4 {
            owned.read(update.attributes());
        }
        assert_eq!(allocations(|| owned.read(update.attributes())), 0, "{owned:?}");
    }
}

#[test]
fn encoding_into_a_buffer_that_is_large_enough_allocates_nothing() {
    let mut agreed = agreed();
    for four_octet_as in [true, false] {
        agreed.four_octet_as = four_octet_as;
        let first = messages().remove(0);
        let [update] = common::updates(&first, &self::agreed())[..] else { panic!() };
        let mut owned = PathAttributes::default();
        owned.read(update.attributes());
        let (mut section, mut out) = (Vec::with_capacity(65_535), Vec::with_capacity(200_000));
        let v4 = (0..3000u32).map(|n| Path::from(Prefix::new(n << 8, 24).unwrap()));
        let v6 = (0..3000u128).map(|n| Path::from(Prefix::new(n << 64, 64).unwrap()));
        let count = allocations(|| {
            owned.encode(four_octet_as, &mut section);
            let v4_hop = NextHop::Ipv4([192, 0, 2, 1].into());
            let v6_hop = NextHop::Ipv4([192, 0, 2, 1].into());
            for (family, next_hop) in [(Family::IPV4, v4_hop), (Family::IPV6, v6_hop)] {
                let announcement = Announcement { family, attributes: &section, next_hop };
                match family {
                    Family::IPV4 => announcement.encode(&agreed, v4.clone(), &mut out),
                    _ => announcement.encode(&agreed, v6.clone(), &mut out),
                }
                .unwrap();
            }
            pack::withdraw(Family::IPV4, &agreed, v4.clone(), &mut out);
            pack::withdraw(Family::IPV6, &agreed, v6.clone(), &mut out);
            pack::end_of_rib(Family::IPV6, &mut out);
            update.encode(&mut out);
        });
        assert_eq!((count, out.is_empty()), (0, false));
    }
}
