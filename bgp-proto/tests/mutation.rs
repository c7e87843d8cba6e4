//! Any bytes: no panic, and no more work than the bytes are long. Mutations of well-formed messages, bounded and the
//! same at every run; the fuzz targets go on where this stops.

mod common;

use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::set::PathAttributes,
    family::Family,
    wire::{
        frame::{Frame, RawMessage, frame},
        message::Message,
        update::Update,
    },
};
use common::{attr, read, read::Seen};

/// A small generator of numbers, so that every run tries the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

fn agreements() -> Vec<Agreed> {
    let all = |add_path, extended_next_hop| {
        Family::KNOWN
            .iter()
            .copied()
            .chain([Family::new(bgp_proto::numbers::Afi(25), bgp_proto::numbers::Safi(70))])
            .map(move |family| FamilyAgreed {
                receive_add_path: add_path,
                extended_next_hop,
                ..FamilyAgreed::plain(family)
            })
    };
    let mut old = Agreed::new(PeerKind::External);
    old.four_octet_as = false;
    let mut wide = Agreed::new(PeerKind::Internal).with_families(all(false, true));
    (wide.extended_message, wide.aigp) = (true, true);
    vec![wide, Agreed::new(PeerKind::Confederation).with_families(all(true, false)), old]
}

/// Well-formed messages of every type.
fn seeds() -> Vec<Vec<u8>> {
    let common_part = [
        attr(0x40, 1, &[0]),
        attr(0x40, 2, &[2, 2, 0, 0, 0xfd, 0xe9, 0, 1, 0, 0, 1, 1, 0, 0, 0, 9]),
        attr(0x40, 3, &[192, 0, 2, 1]),
        attr(0x80, 4, &[0, 0, 0, 9]),
        attr(0xc0, 7, &[1; 8]),
        attr(0xc0, 8, &[0xff; 8]),
        attr(0xc0, 16, &[0, 2, 0, 1, 0, 0, 0, 1]),
        attr(0xc0, 17, &[2, 1, 0, 1, 0, 0]),
        attr(0xc0, 18, &[1; 8]),
        attr(0xc0, 23, &[0, 8, 0, 14, 1, 12, 0x80, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0]),
        attr(0x80, 26, &[1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 7]),
        attr(0xc0, 32, &[7; 24]),
        attr(0xc0, 99, &[7; 300]),
    ]
    .concat();
    let v6 = [0, 2, 1, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 32, 0x20, 1, 0xd, 0xb8];
    let vpn = [
        0, 1, 128, 12, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 112, 0, 0, 0x11, 0, 0, 0, 1, 0, 0, 0, 2, 10, 0,
        0,
    ];
    let open = [&[4, 0x5b, 0xa0, 0, 90, 1, 1, 1, 1, 32, 2, 30][..], &[1, 4, 0, 1, 0, 1, 2, 0, 6, 0, 9, 1, 3]]
        .concat();
    let open = [&open[..], &[65, 4, 0, 1, 0, 0, 64, 6, 0, 120, 0, 1, 1, 0x80, 70, 0, 75]].concat();
    let extended_open = [&[4, 0, 1, 0, 90, 1, 1, 1, 1, 255, 255, 0, 5, 2, 0, 2, 70, 0][..]].concat();
    vec![
        common::update(&[24, 10, 0, 0, 8, 11], &common_part, &[24, 192, 0, 2, 0, 32, 1, 2, 3, 4]),
        common::update(&[], &[attr(0x90, 14, &v6), common_part.clone()].concat(), &[]),
        common::update(&[], &[common_part, attr(0x80, 14, &vpn), attr(0x80, 15, &vpn[..3])].concat(), &[]),
        common::update(&[], &attr(0x80, 15, &[0, 2, 1]), &[]),
        common::update(&[], &[], &[]),
        common::message(1, &[&open[..], &[1, 3]].concat()),
        common::message(1, &extended_open),
        common::message(3, b"\x06\x02\x05hello"),
        common::message(3, b"\x06\x09\x06\x02\x03bye"),
        common::message(4, &[]),
        common::message(5, &[0, 1, 0, 1]),
    ]
}

/// Flips, sets, inserts, deletes, splices and counts wrongly, a few times over.
fn mutate(numbers: &mut Numbers, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        match numbers.below(7) {
            0 => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes[at] = [0, 1, 0x0f, 0x10, 0x7f, 0x80, 0xfe, 0xff][numbers.below(8)],
            2 => bytes.insert(at, numbers.below(256) as u8),
            3 if bytes.len() > 20 => drop(bytes.remove(at)),
            4 if bytes.len() > 20 => bytes.truncate(19 + numbers.below(bytes.len() - 19)),
            5 => {
                let other = &others[numbers.below(others.len())];
                let (from, to) = (numbers.below(other.len()), numbers.below(other.len()));
                let piece = other[from.min(to)..from.max(to)].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
}

/// Frames, decodes, reads and writes again whatever is there. What decodes must come back as it was.
fn exercise(bytes: &[u8], agreed: &Agreed) -> Option<Seen> {
    let Frame::Message(raw) = frame(bytes, Some(agreed)) else { return None };
    let message = Message::decode(raw, agreed).map_err(|fault| fault.notification(bytes).to_string()).ok()?;
    let seen = read::message(&message, agreed);
    let mut again = Vec::new();
    message.encode(&mut again);
    if !matches!(message, Message::RouteRefresh(_)) {
        assert_eq!(again, raw.bytes());
    }
    if let Message::Update(update) = message {
        let pieces: usize = update.attributes().shared().map(<[u8]>::len).sum();
        assert!(pieces <= update.attributes().octets().len());
        let mut owned = PathAttributes::default();
        owned.read(update.attributes());
        owned.mark_partial();
        for four_octet_as in [true, false] {
            owned.encode(four_octet_as, &mut again);
        }
    }
    Some(seen)
}

#[test]
fn mutated_messages_never_panic_and_what_decodes_comes_back() {
    let (seeds, mut numbers) = (seeds(), Numbers(0x0123_4567_89ab_cdef));
    let agreements = agreements();
    let mut decoded = 0;
    for round in 0..12_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        mutate(&mut numbers, &mut bytes, &seeds);
        // Half of them keep a right header, so that the body is what is looked at.
        if round % 2 == 0 && bytes.len() >= 19 {
            bytes[..16].fill(0xff);
            let len = u16::try_from(bytes.len()).unwrap();
            bytes[16..18].copy_from_slice(&len.to_be_bytes());
        }
        let agreed = &agreements[round % agreements.len()];
        decoded += usize::from(exercise(&bytes, agreed).is_some());
    }
    assert!(decoded > 1_000, "only {decoded} of the mutations still decode: they test nothing");
}

#[test]
fn every_truncation_and_every_single_octet_of_every_seed_is_survived() {
    let agreements = agreements();
    for seed in seeds() {
        for len in 0..=seed.len() {
            let mut bytes = seed[..len].to_vec();
            exercise(&bytes, &agreements[0]);
            if len >= 19 {
                bytes[16..18].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
                for agreed in &agreements {
                    exercise(&bytes, agreed);
                }
            }
        }
        for at in 16..seed.len() {
            for value in [0, 1, 2, 4, 8, 14, 15, 16, 23, 32, 64, 99, 127, 128, 254, 255] {
                let mut bytes = seed.clone();
                bytes[at] = value;
                exercise(&bytes, &agreements[usize::from(value) % agreements.len()]);
            }
        }
    }
}

/// A stream of arbitrary cuts frames the same messages as the whole.
#[test]
fn a_stream_cut_anywhere_frames_the_same_messages() {
    let agreed = &agreements()[0];
    let stream = seeds().concat();
    let whole: Vec<usize> = common::framed(&stream, agreed).iter().map(RawMessage::len).collect();
    for have in 0..=stream.len() {
        let (mut rest, mut lens) = (&stream[..have], Vec::new());
        let needed = loop {
            match frame(rest, Some(agreed)) {
                Frame::Message(raw) => {
                    lens.push(raw.len());
                    rest = &rest[raw.len()..];
                }
                Frame::More(needed) => break needed,
                Frame::Fault(fault) => panic!("{fault} after {have}"),
            }
        };
        assert_eq!(lens[..], whole[..lens.len()]);
        assert!(needed > 0 && rest.len() + needed <= whole.get(lens.len()).copied().unwrap_or(19));
    }
}

/// What is costly of a message, and its attributes in about so many octets.
type Costly = (&'static str, fn(usize) -> Vec<u8>);

/// Messages made to be expensive, at half of a size and at all of it: what is read grows no faster than the octets.
#[test]
fn the_work_grows_with_the_octets_and_no_faster() {
    let mut agreed = agreements().remove(0);
    let rows: [Costly; 8] = [
        ("attributes of one octet", |octets| attr(0xc0, 99, &[1]).repeat(octets / 4)),
        ("attributes of none, of a hundred codes", |octets| {
            (0..octets / 3).flat_map(|n| attr(0xc0, 100 + (n % 100) as u8, &[])).collect()
        }),
        ("an AS_PATH of segments of one", |octets| attr(0x40, 2, &[2, 1, 0, 0, 0, 1].repeat(octets / 6))),
        ("an AS_PATH of one AS over and over", |octets| {
            attr(0x40, 2, &[&[2, 255][..], &[1; 1020]].concat().repeat(octets / 1022))
        }),
        ("communities", |octets| attr(0xc0, 8, &vec![1; octets / 4 * 4])),
        ("large communities in descending order", |octets| {
            let one = |n: usize| [0, 0, (n >> 8) as u8, n as u8, 0, 0, 0, 0, 0, 0, 0, 0];
            attr(0xc0, 32, &(0..octets / 12).rev().flat_map(one).collect::<Vec<_>>())
        }),
        ("tunnels", |octets| attr(0xc0, 23, &[0, 2, 0, 2, 9, 0].repeat(octets / 6))),
        ("prefixes of no octets", |octets| {
            let head = [0, 2, 1, 16, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0];
            attr(0x80, 14, &[&head[..], &vec![0; octets]].concat())
        }),
    ];
    for four_octet_as in [true, false] {
        agreed.four_octet_as = four_octet_as;
        for (what, make) in rows {
            let values = |octets: usize| {
                let bytes = common::update(&[], &make(octets), &[]);
                let Frame::Message(raw) = frame(&bytes, Some(&agreed)) else {
                    panic!("{what}: {}", bytes.len())
                };
                let update = Update::decode(raw, &agreed).ok()?;
                let mut owned = PathAttributes::default();
                owned.read(update.attributes());
                owned.encode(four_octet_as, &mut Vec::new());
                Some(read::update(&update).values)
            };
            let (half, whole) = (values(32_000), values(64_000));
            // In the narrow width some are malformed, and with no prefixes beside them that ends the session.
            assert!(whole.is_some() || !four_octet_as, "{what}");
            if let (Some(half), Some(whole)) = (half, whole) {
                assert!(whole <= 2 * half + 2_100, "{what}: {half} values in half, {whole} in all");
            }
            assert!(whole.unwrap_or_default() <= 8 * 65_536, "{what}: {whole:?} values in 65,536 octets");
        }
    }
}
