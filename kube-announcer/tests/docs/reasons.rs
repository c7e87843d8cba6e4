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
    let prefix = "192.0.2.0/24".parse().unwrap();
    for code in Code::all() {
        let weight = match code.weight() {
            Weight::Plain => "as it should be",
            Weight::Warned => "worth a look",
            Weight::Refused => "to be mended",
        };
        let sentence = Reason::with(code, "VALUE").sentence(&object, "NODE", Some(prefix));
        let sentence = sentence.replace(&object.to_string(), "OBJECT").replace("192.0.2.0/24", "PREFIX");
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
    assert_eq!(found, table, "REWRITE=1 cargo test -p kube-announcer --test docs");
}
