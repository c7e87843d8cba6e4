//! `repeat CASE TIMES`: one case of ours again and again, for perf and callgrind, whose counts do not depend on what
//! else the machine does. CASE: small, many, mixed, ipv6, mixedipv6, withdrawn, keepalive, open, with `encode-` in front to encode,
//! `owned-` for the owned form; `replay` for the MRT files.

use benches::{
    adapter::{Codec, Encode, Owned, View},
    cases::Case,
    replay,
};
use std::hint::black_box;

fn main() {
    let mut words = std::env::args().skip(1);
    let name = words.next().expect("repeat CASE TIMES");
    let times: u32 = words.next().and_then(|times| times.parse().ok()).expect("TIMES: a number");
    if name == "replay" {
        return replay_all(times);
    }
    let (way, case) = name.split_once('-').unwrap_or(("decode", &name));
    let case = match case {
        "small" => Case::Small,
        "many" => Case::Many,
        "mixed" => Case::Mixed,
        "ipv6" => Case::Ipv6,
        "mixedipv6" => Case::MixedIpv6,
        "withdrawn" => Case::Withdrawn,
        "keepalive" => Case::Keepalive,
        "open" => Case::Open,
        other => panic!("{other} is no case"),
    };
    let message = case.message();
    match way {
        "encode" => {
            let mut encoder = View::new(true).encoder(&message).expect("an UPDATE");
            (0..times).for_each(|_| {
                black_box(black_box(&mut encoder).encode());
            });
        }
        "owned" => repeat::<Owned>(&message, times),
        _ => repeat::<View>(&message, times),
    }
}

#[inline(never)]
fn repeat<C: Codec>(message: &[u8], times: u32) {
    let mut codec = C::new(true);
    (0..times).for_each(|_| {
        black_box(codec.decode(black_box(message)));
    });
}

fn replay_all(times: u32) {
    let messages: Vec<_> = replay::files()
        .and_then(|files| files.iter().map(replay::read).collect::<Result<Vec<_>, _>>())
        .expect("MRT files")
        .concat();
    let (mut narrow, mut wide) = (View::new(false), View::new(true));
    for _ in 0..times {
        for message in &messages {
            let codec = if message.four_octet_as { &mut wide } else { &mut narrow };
            black_box(codec.decode(black_box(&message.bytes)));
        }
    }
    println!("{} UPDATEs", messages.len());
}
