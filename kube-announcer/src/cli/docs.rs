//! What the docs say to type is what the program takes.

use super::Cli;
use clap::{Parser, error::ErrorKind};

/// A value in place of a word that stands for one.
fn filled(word: &str) -> String {
    match word {
        "ADDRESS" => "192.0.2.1".to_owned(),
        "…" => String::new(),
        _ => word.to_owned(),
    }
}

#[test]
fn every_command_of_the_docs_is_one_that_the_program_takes() {
    let calls = lab::docs::calls("kube-announcer");
    assert!(calls.len() > 50, "{} commands were found", calls.len());
    let mut wrong = Vec::new();
    for (place, words) in calls {
        let words = words.iter().map(|word| filled(word)).filter(|word| !word.is_empty());
        let words: Vec<_> = ["kube-announcer".to_owned()].into_iter().chain(words).collect();
        // In a sentence `kube-announcer check` alone may stand for all that it can do.
        let alone = words.len() == 2;
        let may = |kind| match kind {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
            ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => alone,
            _ => false,
        };
        if let Err(error) = Cli::try_parse_from(&words)
            && !may(error.kind())
        {
            wrong.push(format!("{place}: {}: {error}", words.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
