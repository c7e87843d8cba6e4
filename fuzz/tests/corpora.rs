//! The committed corpora run through the bodies of the fuzz targets at every `cargo test -p fuzz`.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn inputs(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

#[test]
fn every_committed_input_is_survived() {
    for (name, target) in fuzz::TARGETS {
        let files = inputs(name);
        for path in &files {
            // A panic names the promise that was broken, this line the input.
            println!("{}", path.display());
            target(&fs::read(path).unwrap());
        }
        println!("{name}: {} inputs", files.len());
    }
}

/// Inputs that end at the first OPEN would all be survived.
#[test]
fn the_inputs_of_the_session_lead_to_every_action_and_reason() {
    let mut seen = String::new();
    for path in inputs("session") {
        seen.extend(fuzz::conversation(&fs::read(path).unwrap()));
    }
    let actions = [
        "Connect(",
        "Close {",
        "Established {",
        "Down {",
        "Update(",
        "RouteRefresh(",
        "EndOfRib(",
        "DropStale(",
        "LongLivedStale(",
    ];
    let reasons = [
        "Sent(",
        "Refused(",
        "Received(",
        "Lost",
        "DialFailed",
        "DialTimedOut",
        "NotNeeded",
        "Replaced",
        "Restarting",
    ];
    let missed: Vec<_> = actions
        .map(|action| format!(" {action}"))
        .into_iter()
        .chain(reasons.map(|reason| format!("reason: {reason}")))
        .filter(|what| !seen.contains(what))
        .collect();
    assert!(missed.is_empty(), "no input leads to {missed:?}");
}
