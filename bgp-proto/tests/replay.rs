//! A replay of MRT files (RFC 6396), plain or gzipped: those named in `BGP_MRT`, with colons between, or those in
//! `../shared/data` beside the workspace. Without any it says so and passes.

mod common;

use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::table::Treatment,
    wire::{
        frame::{Frame, frame},
        message::Message,
    },
};
use std::{
    env, fs,
    io::{Read, Write, stderr},
    path::{Path, PathBuf},
};

const BGP4MP: u16 = 16;
/// The same with microseconds behind the time.
const BGP4MP_ET: u16 = 17;

fn files() -> Vec<PathBuf> {
    if let Some(named) = env::var_os("BGP_MRT") {
        return env::split_paths(&named).collect();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.to_string_lossy().contains(".mrt"));
    found.sort();
    found
}

fn contents(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut plain = Vec::new();
    let mut gzip = flate2::read::MultiGzDecoder::new(&bytes[..]);
    gzip.read_to_end(&mut plain).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    plain
}

/// The first `len` octets and the rest.
fn take(bytes: &[u8], len: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(len)
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, octet| number << 8 | usize::from(*octet))
}

/// The BGP message of a BGP4MP record and how it is to be read. `None`: a record of another kind.
fn message(kind: u16, subtype: u16, body: &[u8]) -> Option<(Agreed, &[u8])> {
    let body = match kind {
        BGP4MP => body,
        BGP4MP_ET => body.get(4..)?,
        _ => return None,
    };
    // MESSAGE, MESSAGE_LOCAL and the same with path identifiers (RFC 8050): AS numbers of two octets; and of four.
    let (four_octet_as, add_path) = match subtype {
        1 | 6 => (false, false),
        4 | 7 => (true, false),
        8 | 10 => (false, true),
        9 | 11 => (true, true),
        _ => return None,
    };
    let (peer, rest) = take(body, if four_octet_as { 4 } else { 2 })?;
    let (local, rest) = take(rest, peer.len())?;
    let (afi, rest) = rest.get(2..).and_then(|rest| take(rest, 2))?;
    let addresses = if number(afi) == 1 { 8 } else { 32 };
    let (_, message) = take(rest, addresses)?;
    let mut agreed = common::agreed(if peer == local { PeerKind::Internal } else { PeerKind::External });
    (agreed.four_octet_as, agreed.extended_message, agreed.aigp) = (four_octet_as, true, true);
    let families: Vec<_> = agreed.families().collect();
    let agreed = agreed.with_families(families.into_iter().map(|mut family| {
        family.receive_add_path = add_path;
        family
    }));
    Some((agreed, message))
}

#[derive(Debug, Default)]
struct Counts {
    messages: usize,
    values: usize,
    discard: usize,
    withdraw: usize,
    faults: usize,
    other_records: usize,
}

/// Replays all records of a file.
fn replay(bytes: &[u8], counts: &mut Counts, wrong: &mut Vec<String>) {
    let mut rest = bytes;
    while let Some((header, after)) = take(rest, 12) {
        let (kind, subtype) = (number(&header[4..6]) as u16, number(&header[6..8]) as u16);
        let Some((body, after)) = take(after, number(&header[8..])) else { break };
        rest = after;
        match message(kind, subtype, body) {
            Some((agreed, bytes)) => {
                counts.messages += 1;
                one(bytes, &agreed, counts)
                    .unwrap_or_else(|said| wrong.push(format!("{said}: {bytes:02x?}")));
            }
            None => counts.other_records += 1,
        }
    }
    if !rest.is_empty() {
        wrong.push(format!("{} octets at the end are no record", rest.len()));
    }
}

fn one(bytes: &[u8], agreed: &Agreed, counts: &mut Counts) -> Result<(), String> {
    let raw = match frame(bytes, Some(agreed)) {
        Frame::Message(raw) => raw,
        other => return Err(format!("{other:?}")),
    };
    // What really was sent may be malformed; what is not must come back.
    if Message::decode(raw, agreed).is_err() {
        counts.faults += 1;
        return Ok(());
    }
    if let Message::Update(update) = common::check::comes_back(raw, agreed)? {
        counts.values += common::read::update(&update).values;
        match update.treatment() {
            Some(Treatment::Discard) => counts.discard += 1,
            Some(Treatment::Withdraw) => counts.withdraw += 1,
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn real_messages_are_read_and_come_back() {
    let files = files();
    if files.is_empty() {
        // Not `println`, which a test that passes swallows.
        writeln!(stderr(), "skipped: no MRT files; name some in BGP_MRT=/a.mrt.gz:/b.mrt").unwrap();
        return;
    }
    for path in files {
        let (mut counts, mut wrong) = (Counts::default(), Vec::new());
        replay(&contents(&path), &mut counts, &mut wrong);
        println!("{}: {counts:?}", path.display());
        assert!(wrong.is_empty(), "{}: {}", path.display(), wrong.join("\n"));
        assert!(counts.messages > 0, "{} holds no BGP message", path.display());
    }
}

/// The reader of MRT itself, on a file made here.
#[test]
fn a_small_file_is_replayed() {
    let update = common::update(&[8, 10], &[], &[]);
    let body = |width: usize, address: usize| {
        [
            vec![1; width],
            vec![2; width],
            vec![0, 0, 0, if address == 4 { 1 } else { 2 }],
            vec![9; 2 * address],
        ]
        .concat()
    };
    let record = |kind: u16, subtype: u16, body: &[u8]| {
        let len = (body.len() as u32).to_be_bytes();
        [&[0, 0, 0, 1][..], &kind.to_be_bytes(), &subtype.to_be_bytes(), &len, body].concat()
    };
    let old = record(16, 1, &[body(2, 4), update.clone()].concat());
    let new = record(17, 4, &[vec![0; 4], body(4, 16), update].concat());
    let file = [old, new, record(13, 1, &[1, 2, 3])].concat();
    let (mut counts, mut wrong) = (Counts::default(), Vec::new());
    replay(&file, &mut counts, &mut wrong);
    assert_eq!((counts.messages, counts.other_records, counts.faults, wrong.len()), (2, 1, 0, 0));
    assert!(counts.values > 0);
    replay(&file[..file.len() - 1], &mut counts, &mut wrong);
    assert_eq!(wrong, ["14 octets at the end are no record"]);
}
