//! What the docs say to type is what the program takes.

use super::arguments::Arguments;
use clap::{Parser, error::ErrorKind};

#[test]
fn every_command_of_the_docs_is_one_that_the_program_takes() {
    let calls = lab::docs::calls("bgp-daemon");
    assert!(calls.len() > 15, "{} commands were found", calls.len());
    let mut wrong = Vec::new();
    for (place, words) in calls {
        let words: Vec<_> = ["bgp-daemon".to_owned()].into_iter().chain(words).collect();
        // In a sentence `bgp-daemon run` alone may stand for all that it can do.
        let alone = words.len() == 2;
        let may = |kind| match kind {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
            ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => alone,
            _ => false,
        };
        if let Err(error) = Arguments::try_parse_from(&words)
            && !may(error.kind())
        {
            wrong.push(format!("{place}: {}: {error}", words.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
