//! Sessions of other implementations, captured in the lab: what they sent is read without complaint and comes back
//! octet for octet. A file holds `#` comments and a whole message to a line, `> ` or `< ` and hex.

mod common;

use bgp_proto::{
    agreed::{Agreed, PeerKind},
    numbers::MessageType,
    wire::{
        frame::{Frame, frame},
        message::Message,
        open::Offer,
        update::Update,
    },
};
use common::negotiate::{self, Side};
use std::{
    fs,
    io::{Write, stderr},
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

/// One captured conversation as it goes on.
#[derive(Default)]
struct Conversation {
    sides: [Option<Side>; 2],
    messages: usize,
    routes: usize,
}

impl Conversation {
    /// Reads one line. `Err` says what is wrong with it.
    fn line(&mut self, line: &str) -> Result<(), String> {
        let (from, hex) = match line.split_at_checked(2) {
            Some(("> ", hex)) => (0, hex),
            Some(("< ", hex)) => (1, hex),
            _ => return Err("a line begins with \"> \", \"< \" or \"#\"".to_owned()),
        };
        let bytes = octets(hex).ok_or("that is no hex")?;
        let agreed = match (&self.sides[from], &self.sides[1 - from]) {
            (Some(sender), Some(receiver)) => negotiate::agreed(sender, receiver),
            _ => Agreed::new(PeerKind::External),
        };
        let raw = match frame(&bytes, Some(&agreed)) {
            Frame::Message(raw) if raw.len() == bytes.len() => raw,
            other => return Err(format!("not one whole message: {other:?}")),
        };
        if raw.kind == MessageType::UPDATE && self.sides.iter().any(Option::is_none) {
            return Err("an UPDATE before both OPENs".to_owned());
        }
        match common::check::comes_back(raw, &agreed)? {
            Message::Open(open) => self.sides[from] = Some(Side::of(&Offer::of(&open))),
            Message::Update(update) => self.update(&update)?,
            _ => {}
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
    for (nth, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#')) {
        if let Err(said) = conversation.line(line) {
            wrong.push(format!("{name}:{}: {said}", nth + 1));
        }
    }
    if conversation.sides.iter().any(Option::is_none) {
        wrong.push(format!("{name}: it does not hold both OPENs"));
    }
    if wrong.is_empty() { Ok(conversation) } else { Err(wrong) }
}

#[test]
fn everything_that_others_sent_is_read_and_comes_back() {
    if !folder().is_dir() {
        // Not `println`, which a test that passes swallows.
        writeln!(stderr(), "skipped: there are no captures in {}", folder().display()).unwrap();
        return;
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "hex"));
    files.sort();
    assert!(!files.is_empty(), "{} holds no .hex file", folder().display());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match conversation(&name, &fs::read_to_string(&path).unwrap()) {
            Ok(found) => println!("{name}: {} messages, {} values", found.messages, found.routes),
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
    let early = conversation("early", &format!("> {open}\n> {}", update(0))).err().unwrap();
    assert_eq!(early, ["early:2: an UPDATE before both OPENs", "early: it does not hold both OPENs"]);
}
