use super::{Change, Folder, Outcome};
use crate::object::Object;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A Service whose class tells its versions apart.
fn service(name: &str, class: &str) -> String {
    let class = if class.starts_with('[') { class.to_owned() } else { format!("{class:?}") };
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{loadBalancerClass: {class}}}\n---\n"
    )
}

fn shown(outcome: Outcome) -> Vec<String> {
    outcome.changes.into_iter().map(|change| shown_change(&change)).collect()
}

fn shown_change(change: &Change) -> String {
    match change {
        Change::Apply(object) => format!("+{} {}", object.key().name, class(object)),
        Change::Remove(key) => format!("-{}", key.name),
    }
}

fn class(object: &Object) -> &str {
    let Object::Service(service) = object else { panic!("a Service") };
    service.spec.load_balancer_class.as_deref().unwrap()
}

#[test]
fn what_differs_is_applied_and_what_is_gone_is_removed() {
    let mut folder = Folder::default();
    let mut write = |text: Option<String>| shown(folder.file("a.yaml", text.as_deref().map(str::as_bytes)));
    assert_eq!(write(Some(service("web", "1") + &service("dns", "1"))), ["+default/dns 1", "+default/web 1"]);
    assert_eq!(write(Some(service("web", "1") + &service("dns", "2"))), ["+default/dns 2"]);
    assert_eq!(write(Some(service("dns", "2"))), ["-default/web"]);
    assert_eq!(write(None), ["-default/dns"]);
}

#[test]
fn an_object_in_two_files_counts_as_the_first_has_it_and_that_is_said() {
    let mut folder = Folder::default();
    let mut write = |file: &str, text: Option<&str>| {
        let outcome = shown(folder.file(file, text.map(str::as_bytes)));
        (outcome, folder.mistakes().iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let (first, second) = (service("web", "1"), service("web", "2"));
    assert_eq!(write("b.yaml", Some(&second)).0, ["+default/web 2"]);
    let (told, said) = write("a.yaml", Some(&first));
    assert_eq!(told, ["+default/web 1"]);
    let sentence =
        "b.yaml:1: Service default/web: it stands in a.yaml too, and that one counts; keep one of them";
    assert_eq!(said, [sentence]);
    assert_eq!(write("b.yaml", Some(&service("web", "3"))).0, [""; 0]);
    assert_eq!(write("a.yaml", None), (vec!["+default/web 3".to_owned()], Vec::new()));
}

#[test]
fn a_document_that_is_no_yaml_keeps_what_the_file_held_and_costs_the_others_nothing() {
    let mut folder = Folder::default();
    let text = service("web", "1") + &service("dns", "1");
    folder.file("a.yaml", Some(text.as_bytes()));
    let broken = service("web", "2") + "apiVersion: v1\nkind: [Service\n";
    assert_eq!(shown(folder.file("a.yaml", Some(broken.as_bytes()))), ["+default/web 2"]);
    assert_eq!(folder.mistakes()[0].line, 7, "{:?}", folder.mistakes());
    assert_eq!(shown(folder.file("a.yaml", Some(service("web", "2").as_bytes()))), ["-default/dns"]);
    assert_eq!(folder.mistakes(), []);
}

#[test]
fn an_object_that_cannot_be_read_keeps_its_last_good_version_alone() {
    let mut folder = Folder::default();
    let text = service("web", "1") + &service("dns", "1");
    folder.file("a.yaml", Some(text.as_bytes()));
    let broken = service("web", "[1, 2]");
    assert_eq!(shown(folder.file("a.yaml", Some(broken.as_bytes()))), ["-default/dns"]);
    let said = folder.mistakes()[0].to_string();
    assert!(
        said.starts_with("a.yaml:1: Service default/web: spec.loadBalancerClass: invalid type"),
        "{said}"
    );
    assert_eq!(shown(folder.file("a.yaml", Some(service("web", "1").as_bytes()))), [""; 0]);
}

#[test]
fn a_kind_that_no_plan_reads_is_told_once() {
    let mut folder = Folder::default();
    let text = b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
    let told = folder.file("a.yaml", Some(text)).ignored;
    assert_eq!(told.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Deployment (apps/v1)"]);
    assert_eq!(folder.file("b.yaml", Some(text)).ignored, []);
}

proptest! {
    /// Whatever happens to files: what was told, put together, is what the folder holds when it is read anew.
    #[test]
    fn changes_add_up_to_what_the_files_hold(
        writes in prop::collection::vec((0..3usize, prop::option::of(prop::collection::vec((0..4usize, 0..3usize), 0..4))), 1..20)
    ) {
        let mut folder = Folder::default();
        let mut files: BTreeMap<&str, String> = BTreeMap::new();
        let mut held: BTreeMap<String, String> = BTreeMap::new();
        for (file, services) in writes {
            let name = ["a.yaml", "b.yaml", "c.yaml"][file];
            let text = services.map(|all| all.iter().map(|(name, class)| service(&format!("s{name}"), &format!("c{class}"))).collect::<String>());
            for change in folder.file(name, text.as_deref().map(str::as_bytes)).changes {
                match change {
                    Change::Apply(object) => { held.insert(object.key().name.to_string(), class(&object).to_owned()); }
                    Change::Remove(key) => prop_assert!(held.remove(&*key.name).is_some(), "{key} was not there"),
                }
            }
            match text {
                Some(text) => files.insert(name, text),
                None => files.remove(name),
            };
        }
        let mut anew = Folder::default();
        let mut expected = BTreeMap::new();
        for (name, text) in files {
            for change in anew.file(name, Some(text.as_bytes())).changes {
                if let Change::Apply(object) = change {
                    expected.insert(object.key().name.to_string(), class(&object).to_owned());
                }
            }
        }
        prop_assert_eq!(held, expected);
    }

    /// No file makes it panic.
    #[test]
    fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..200), text in "[-a-z: \\[\\]{}\"'#&*|>\n]{0,80}") {
        for name in ["a.yaml", "a.json"] {
            Folder::default().file(name, Some(&octets));
            Folder::default().file(name, Some(text.as_bytes()));
        }
    }
}
