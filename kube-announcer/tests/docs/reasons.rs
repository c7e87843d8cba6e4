//! The table of all reasons in docs/troubleshooting.md. `REWRITE=1` writes it anew.

use kube_announcer::{
    object::{Key, Kind},
    plan::{Code, Reason, Weight},
};
use lab::docs::top;
use std::{fmt::Write, fs};

const BEGIN: &str = "<!-- reasons: written by a test, see kube-announcer/tests/docs -->\n";
const END: &str = "\n<!-- end of reasons -->";

fn table() -> String {
    let mut text = "\n| code | | what it says |\n|---|---|---|\n".to_owned();
    let object = Key { kind: Kind::Service, name: "OBJECT".into() };
    // None that a sentence has by itself.
    let prefix = "198.18.0.0/15".parse().unwrap();
    let places = [
        (object.to_string(), "OBJECT"),
        ("198.18.0.0/15".to_owned(), "PREFIX"),
        ("IPv4".to_owned(), "FAMILY"),
    ];
    for code in Code::all() {
        let weight = match code.weight() {
            Weight::Plain => "as it should be",
            Weight::Warned => "worth a look",
            Weight::Refused => "to be mended",
        };
        let sentence = Reason::with(code, "VALUE").sentence(&object, "NODE", Some(prefix));
        let sentence = places.iter().fold(sentence, |text, (value, place)| text.replace(value, place));
        // What more there is to say stands right behind the name.
        let sentence = sentence.replace("NODEVALUE", "NODE").replace("FAMILYVALUE", "FAMILY");
        writeln!(text, "| `{code}` | {weight} | {sentence} |").unwrap();
    }
    text
}

#[test]
fn all_reasons_stand_in_the_page_with_what_they_say() {
    let path = top().join("docs/troubleshooting.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page says where the table begins");
    let (found, after) = rest.split_once(END).expect("the page says where the table ends");
    let table = table();
    if std::env::var_os("REWRITE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(table.lines().count() > 40, "{table}");
    let not_in = |lines: &str, other: &str| -> Vec<String> {
        let other: Vec<_> = other.lines().collect();
        lines.lines().filter(|line| !other.contains(line)).map(str::to_owned).collect()
    };
    assert!(
        found == table,
        "REWRITE=1 cargo test -p kube-announcer --test docs writes what is new: {:#?}, and takes out: {:#?}",
        not_in(&table, found),
        not_in(found, &table)
    );
}
