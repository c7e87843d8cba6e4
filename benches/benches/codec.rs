//! Each case through each codec; one table at the end. See README.md.

use benches::{
    adapter::{Bgpkit, Codec, Encode, Netgauze, Owned, Routecore, Rustbgpd, SplitOnly, View, Zettabgp},
    cases::Case,
    measure::measure,
    replay::{self, Recorded},
    table::Table,
};
use criterion::Criterion;
use std::{
    hint::black_box,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// Runs the same lines for every codec, ours first.
macro_rules! each {
    ($codec:ident => $body:expr) => {{
        {
            type $codec = View;
            $body
        }
        {
            type $codec = Owned;
            $body
        }
        {
            type $codec = SplitOnly;
            $body
        }
        {
            type $codec = Netgauze;
            $body
        }
        {
            type $codec = Zettabgp;
            $body
        }
        {
            type $codec = Routecore;
            $body
        }
        {
            type $codec = Bgpkit;
            $body
        }
        {
            type $codec = Rustbgpd;
            $body
        }
    }};
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .without_plots()
        .configure_from_args();
    let mut table = Table::default();
    for case in Case::ALL {
        let message = case.message();
        let expected = View::new(true).decode(&message).expect("we decode what we encode");
        each!(C => decode::<C>(&mut criterion, &mut table, case, &message, expected));
    }
    match replay_messages() {
        Ok((messages, notes)) => {
            notes.into_iter().for_each(|note| table.note(note));
            each!(C => replay_with::<C>(&mut criterion, &mut table, &messages));
        }
        Err(why) => table.note(format!("no replay: {why}")),
    }
    for case in Case::ENCODED {
        let message = case.message();
        each!(C => encode::<C>(&mut criterion, &mut table, case, &message));
    }
    each!(C => C::NOTE.into_iter().for_each(|note| table.note(format!("{}: {note}", C::NAME))));
    println!("{table}");
    criterion.final_summary();
}

fn decode<C: Codec>(criterion: &mut Criterion, table: &mut Table, case: Case, message: &[u8], expected: u64) {
    let row = format!("decode: {}", case.name());
    let mut codec = C::new(true);
    let sum = codec.decode(message);
    if C::READS_EVERYTHING && sum.is_some() {
        assert_eq!(sum, Some(expected), "{} reads other values from: {}", C::NAME, case.name());
    }
    let took = sum
        .and_then(|_| measure(criterion, &row, C::NAME, 1, || black_box(codec.decode(black_box(message)))));
    table.enter(&row, C::NAME, took);
}

fn encode<C: Codec>(criterion: &mut Criterion, table: &mut Table, case: Case, message: &[u8]) {
    let row = format!("encode: {}", case.name());
    let took = C::new(true).encoder(message).and_then(|mut encoder| {
        let mut reader = View::new(true);
        let wanted = reader.decode(message);
        if reader.decode(encoder.encode()) != wanted {
            assert_ne!(C::NAME, View::NAME, "our own octets say something else: {}", case.name());
            table.note(format!(
                "{}: some of its encoded messages say something else than it was given",
                C::NAME
            ));
        }
        measure(criterion, &row, C::NAME, 1, || {
            black_box(black_box(&mut encoder).encode());
        })
    });
    table.enter(&row, C::NAME, took);
}

/// All messages of the replay, one after the other; the time is per message.
fn replay_with<C: Codec>(criterion: &mut Criterion, table: &mut Table, messages: &[Recorded]) {
    let (mut narrow, mut wide) = (C::new(false), C::new(true));
    let row = format!("decode: {} real UPDATEs", messages.len());
    let took = measure(criterion, &row, C::NAME, messages.len(), || {
        messages.iter().fold(0, |sum: u64, message| {
            let codec = if message.four_octet_as { &mut wide } else { &mut narrow };
            sum.wrapping_add(codec.decode(black_box(&message.bytes)).unwrap_or_default())
        })
    });
    table.enter(&row, C::NAME, took);
}

/// The UPDATEs that all codecs read alike, and lines about the others.
fn replay_messages() -> Result<(Vec<Recorded>, Vec<String>), String> {
    let mut messages = Vec::new();
    for path in replay::files()? {
        messages.extend(replay::read(&path)?);
    }
    let all = messages.len();
    let mut notes = Vec::new();
    let expected: Vec<_> = messages.iter().map(sum_of::<View>).collect();
    let mut wanted: Vec<_> = expected.iter().map(Option::is_some).collect();
    let faults = wanted.iter().filter(|decoded| !**decoded).count();
    if faults > 0 {
        notes.push(format!("replay: bgp-proto takes {faults} of {all} UPDATEs for faults; left out for all"));
    }
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    each!(C => if C::READS_EVERYTHING {
        let mut differs = 0;
        for ((message, expected), wanted) in messages.iter().zip(&expected).zip(&mut wanted) {
            if expected.is_some() && sum_of::<C>(message) != *expected {
                differs += 1;
                *wanted = false;
            }
        }
        if differs > 0 {
            notes.push(format!("replay: {} reads {differs} of {all} UPDATEs otherwise than bgp-proto or not at all; left out for all", C::NAME));
        }
    });
    std::panic::set_hook(silent);
    let mut wanted = wanted.into_iter();
    messages.retain(|_| wanted.next() == Some(true));
    Ok((messages, notes))
}

/// The sum of one message; a panic counts as a fault.
fn sum_of<C: Codec>(message: &Recorded) -> Option<u64> {
    catch_unwind(AssertUnwindSafe(|| C::new(message.four_octet_as).decode(&message.bytes))).ok().flatten()
}
