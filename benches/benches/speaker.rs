//! Whole daemons over real TCP: ours beside BIRD and FRR. One table at the end. See README.md.

use benches::load::{
    busy::endure,
    daemon::{MODELS, Model},
    report::Report,
    scenario::{SCENARIOS, Scenario},
};
use std::{env, process::ExitCode};

/// The name of what is done last: short hold times on a busy machine.
const BUSY: &str = "busy";

/// What was asked for on the command line.
struct Asked {
    routes: u32,
    repeat: u32,
    scenarios: Vec<Scenario>,
    busy: bool,
    models: Vec<Model>,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Self {
        let (mut routes, mut repeat, mut only, mut daemons) = (1_000_000, 3, Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            // What cargo says to every bench.
            if word == "--bench" {
                continue;
            }
            let value = words.next().unwrap_or_else(|| panic!("{word} wants a word behind it"));
            let number = || value.parse().unwrap_or_else(|_| panic!("{word} wants a number, not {value:?}"));
            match word.as_str() {
                "--routes" => routes = number(),
                "--repeat" => repeat = number(),
                "--only" => only.push(value),
                "--daemon" => daemons.push(value),
                _ => panic!("{word:?}: use --routes, --repeat, --only and --daemon"),
            }
        }
        let is_named =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|known| known == name);
        let asked = Asked {
            routes,
            repeat,
            scenarios: SCENARIOS.into_iter().filter(|scenario| is_named(&only, scenario.name)).collect(),
            busy: is_named(&only, BUSY),
            models: MODELS.into_iter().filter(|model| is_named(&daemons, model.name)).collect(),
        };
        let names = SCENARIOS.map(|scenario| scenario.name);
        assert!(asked.busy || !asked.scenarios.is_empty(), "scenarios are {names:?} and {BUSY:?}");
        assert!(!asked.models.is_empty(), "daemons are {:?}", MODELS.map(|model| model.name));
        asked
    }
}

fn main() -> ExitCode {
    let asked = Asked::read(env::args().skip(1));
    if !lab::need(&[lab::Need::Root]) {
        return ExitCode::SUCCESS;
    }
    let models: Vec<_> = asked.models.iter().filter(|model| model.is_there()).collect();
    let mut report = Report::new(models.iter().map(|model| model.title()).collect());
    for scenario in &asked.scenarios {
        let feed = scenario.feed(asked.routes);
        for round in 1..=asked.repeat {
            // One daemon after the other: what else the machine does is felt by all of them.
            for (column, model) in models.iter().enumerate() {
                eprintln!("{}, round {round}: {}", scenario.name, model.name);
                feed.run(model).iter().for_each(|outcome| report.enter(column, outcome));
            }
        }
    }
    if asked.busy {
        for (column, model) in models.iter().enumerate() {
            eprintln!("{BUSY}: {}", model.name);
            report.endured(column, &endure(model, asked.routes / 10));
        }
    }
    print!("{report}");
    if report.is_alike() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
