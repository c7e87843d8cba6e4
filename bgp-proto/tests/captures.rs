//! Sessions of other implementations, captured in the lab: what they sent is read without complaint and comes back
//! octet for octet. A file holds `#` comments and a whole message to a line, `> ` or `< ` and hex; the two directions were
//! recorded side by side, so only the order within one of them says anything.

mod common;

use bgp_proto::{
    numbers::MessageType,
    wire::{
        frame::{Frame, frame},
        message::Message,
        open::{Offer, Open},
        update::Update,
    },
};
use common::negotiate::{self, Side};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok();
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(pair).collect())?
}

/// What some really send although they should not: the file's name begins with, and ends with; what is said of such a
/// message; and what it is.
const REALLY_WRONG: [(&str, &str, &str, &str); 3] = [
    (
        "gobgp-",
        "both-families.hex",
        "[Malformed { code: AttributeCode(14) MP_REACH_NLRI, treatment: Withdraw",
        "IPv4 prefixes with IPv6 next hops, which only GoBGP offered (RFC 8950 §4, RFC 7606 §7.11)",
    ),
    (
        "openbgpd-7.7",
        "both-families.hex",
        "[Malformed { code: AttributeCode(3) NEXT_HOP, treatment: Withdraw",
        "a next hop of 127.0.0.1 (RFC 4271 §6.3)",
    ),
    (
        "exabgp-4.2.21",
        "both-families.hex",
        "[Malformed { code: AttributeCode(3) NEXT_HOP, treatment: Withdraw",
        "prefixes in the body without a NEXT_HOP (RFC 7606 §3 (d))",
    ),
];

/// One captured conversation.
#[derive(Default)]
struct Conversation {
    sides: [Option<Side>; 2],
    messages: usize,
    routes: usize,
    really_wrong: usize,
}

/// The direction of a line, and its octets.
fn line(line: &str) -> Result<(usize, Vec<u8>), String> {
    let (from, hex) = match line.split_at_checked(2) {
        Some(("> ", hex)) => (0, hex),
        Some(("< ", hex)) => (1, hex),
        _ => return Err("a line begins with \"> \", \"< \" or \"#\"".to_owned()),
    };
    Ok((from, octets(hex).ok_or("that is no hex")?))
}

impl Conversation {
    /// Takes note of an OPEN, the first of each direction.
    fn meet(&mut self, from: usize, bytes: &[u8]) {
        let Frame::Message(raw) = frame(bytes, None) else { return };
        if let (MessageType::OPEN, Ok(open), None) = (raw.kind, Open::decode(raw), &self.sides[from]) {
            self.sides[from] = Some(Side::of(&Offer::of(&open)));
        }
    }

    /// Reads one message. `Err` says what is wrong with it.
    fn message(&mut self, from: usize, bytes: &[u8]) -> Result<(), String> {
        let [Some(sender), Some(receiver)] = [&self.sides[from], &self.sides[1 - from]] else {
            return Err("one of the OPENs is missing".to_owned());
        };
        let agreed = negotiate::agreed(sender, receiver);
        let raw = match frame(bytes, Some(&agreed)) {
            Frame::Message(raw) if raw.len() == bytes.len() => raw,
            other => return Err(format!("not one whole message: {other:?}")),
        };
        if let Message::Update(update) = common::check::comes_back(raw, &agreed)? {
            self.update(&update)?;
        }
        self.messages += 1;
        Ok(())
    }

    fn update(&mut self, update: &Update<'_>) -> Result<(), String> {
        if update.treatment().is_some() || update.unnegotiated().count() > 0 {
            let families: Vec<_> = update.unnegotiated().collect();
            return Err(format!("{:?}, {families:?} not agreed", update.malformed()));
        }
        self.routes += common::read::update(update).values;
        Ok(())
    }
}

/// Reads a whole file; `Err` lists the lines that are wrong.
fn conversation(name: &str, text: &str) -> Result<Conversation, Vec<String>> {
    let (mut conversation, mut wrong) = (Conversation::default(), Vec::new());
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let known = |said: &str| {
        REALLY_WRONG.iter().any(|(begin, end, what, _)| {
            name.starts_with(begin) && name.ends_with(end) && said.starts_with(what)
        })
    };
    for (from, bytes) in lines.clone().filter_map(|(_, text)| line(text).ok()) {
        conversation.meet(from, &bytes);
    }
    for (nth, text) in lines {
        let read = line(text).and_then(|(from, bytes)| conversation.message(from, &bytes));
        match read {
            Err(said) if known(&said) => conversation.really_wrong += 1,
            Err(said) => wrong.push(format!("{name}:{}: {said}", nth + 1)),
            Ok(()) => {}
        }
    }
    if conversation.messages == 0 {
        wrong.push(format!("{name}: it holds no message that can be read"));
    }
    if wrong.is_empty() { Ok(conversation) } else { Err(wrong) }
}

#[test]
fn everything_that_others_sent_is_read_and_comes_back() {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "hex"));
    files.sort();
    assert!(!files.is_empty(), "{} holds no .hex file", folder().display());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match conversation(&name, &fs::read_to_string(&path).unwrap()) {
            Ok(found) => {
                println!("{name}: {} messages, {} values", found.messages, found.routes);
                // An exception that nothing needs any more is to go.
                let excused = REALLY_WRONG
                    .iter()
                    .find(|(begin, end, ..)| name.starts_with(begin) && name.ends_with(end));
                assert_eq!(excused.is_some(), found.really_wrong > 0, "{name}: {excused:?}");
            }
            Err(said) => wrong.extend(said),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The reader of captures itself: a small conversation is read, and each way to be wrong is said.
#[test]
fn a_capture_that_is_wrong_is_told_by_its_line() {
    let hex = |bytes: &[u8]| bytes.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let open =
        hex(&common::message(1, &[4, 0xfd, 0xe9, 0, 90, 1, 1, 1, 1, 8, 2, 6, 65, 4, 0, 0, 0xfd, 0xe9]));
    let update = |code: u8| {
        let attributes = [
            common::attr(0x40, 1, &[code]),
            common::attr(0x40, 2, &[2, 1, 0, 0, 0xfd, 0xe9]),
            common::attr(0x40, 3, &[192, 0, 2, 1]),
        ];
        hex(&common::update(&[], &attributes.concat(), &[8, 10]))
    };
    let good = format!("# two speakers\n> {open}\n< {open}\n\n> {}\n", update(0));
    assert!(conversation("good", &good).is_ok_and(|found| found.messages == 3 && found.routes > 5));
    for (line, said) in [
        (format!("> {}", update(9)), "bad:6: [Malformed"),
        (update(0), "bad:6: a line begins with"),
        ("> ff0".to_owned(), "bad:6: that is no hex"),
        ("> zz".to_owned(), "bad:6: that is no hex"),
        (format!("< {}00", update(0)), "bad:6: not one whole message"),
        ("> ffff".to_owned(), "bad:6: not one whole message"),
    ] {
        let wrong = conversation("bad", &format!("{good}{line}\n")).err().unwrap();
        assert!(wrong[0].starts_with(said), "{wrong:?}");
    }
    // The directions were recorded side by side: an UPDATE may stand in front of the other side's OPEN.
    let side_by_side = format!("> {open}\n> {}\n< {open}\n", update(0));
    assert!(conversation("side by side", &side_by_side).is_ok_and(|found| found.messages == 3));
    let alone = conversation("alone", &format!("> {open}")).err().unwrap();
    assert_eq!(
        alone,
        ["alone:1: one of the OPENs is missing", "alone: it holds no message that can be read"]
    );
}
