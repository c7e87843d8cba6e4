//! Real messages from MRT files (RFC 6396): BGP4MP records, their BGP messages as they were on the wire.

use flate2::read::GzDecoder;
use std::{fs, io::Read, path::PathBuf};

/// A message and the width of the AS numbers in it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The message with its header.
    pub bytes: Vec<u8>,
    /// Whether the session's AS numbers had four octets.
    pub four_octet_as: bool,
}

const BGP4MP: u16 = 16;
const BGP4MP_ET: u16 = 17;
const MESSAGE: u16 = 1;
const MESSAGE_AS4: u16 = 4;

/// The files to replay: `BGP_MRT` (names separated by colons), or what lies beside the workspace. `Err` says why
/// there are none.
pub fn files() -> Result<Vec<PathBuf>, String> {
    if let Some(named) = std::env::var_os("BGP_MRT") {
        return Ok(std::env::split_paths(&named).collect());
    }
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let mrt = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        name.ends_with(".mrt") || name.ends_with(".mrt.gz")
    };
    let found = fs::read_dir(beside).into_iter().flatten().flatten().map(|entry| entry.path()).filter(mrt);
    let mut found: Vec<_> = found.collect();
    found.sort();
    if found.is_empty() {
        return Err("no MRT file: name some in BGP_MRT, separated by colons, to replay them".into());
    }
    Ok(found)
}

/// All UPDATEs of a file.
pub fn read(path: &PathBuf) -> Result<Vec<Recorded>, String> {
    let said = |error| format!("{}: {error}", path.display());
    let mut octets = fs::read(path).map_err(said)?;
    if octets.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        GzDecoder::new(octets.as_slice()).read_to_end(&mut plain).map_err(said)?;
        octets = plain;
    }
    let mut rest = octets.as_slice();
    let mut found = Vec::new();
    while let Some((record, after)) = record(rest) {
        found.extend(record);
        rest = after;
    }
    if rest.is_empty() { Ok(found) } else { Err(format!("{}: the last record is cut off", path.display())) }
}

/// The message of the first record, if it is an UPDATE, and what follows.
fn record(octets: &[u8]) -> Option<(Option<Recorded>, &[u8])> {
    let (header, rest) = octets.split_first_chunk::<12>()?;
    let [_, _, _, _, k0, k1, s0, s1, len @ ..] = *header;
    let (body, rest) = rest.split_at_checked(u32::from_be_bytes(len) as usize)?;
    let body = match u16::from_be_bytes([k0, k1]) {
        BGP4MP => Some(body),
        BGP4MP_ET => body.get(4..),
        _ => None,
    };
    let width = match u16::from_be_bytes([s0, s1]) {
        MESSAGE => Some(2),
        MESSAGE_AS4 => Some(4),
        _ => None,
    };
    let message = body.zip(width).and_then(|(body, width)| {
        let (interface_and_family, addresses) = body.get(2 * width..)?.split_first_chunk::<4>()?;
        let address = if interface_and_family[3] == 1 { 4 } else { 16 };
        let bytes = addresses.get(2 * address..)?.to_vec();
        (bytes.get(18) == Some(&2)).then_some(Recorded { bytes, four_octet_as: width == 4 })
    });
    Some((message, rest))
}
