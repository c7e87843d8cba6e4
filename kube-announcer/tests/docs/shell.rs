//! Blocks of `sh`: each command is known, and what it names of the repository is there. The arguments of our own
//! programs are parsed by tests beside their command lines.

use super::ours;
use lab::docs::{arguments, commands, top};
use std::fs;

/// Programs of others, that a reader has or not: what they do cannot be tried here.
const FOREIGN: &[&str] = &[
    "apt-get",
    "birdc",
    "curl",
    "dpkg",
    "eval",
    "git",
    "gobgp",
    "install",
    "ip",
    "ipvsadm",
    "journalctl",
    "kubectl",
    "nft",
    "nstat",
    "perf",
    "ping",
    "podman",
    "sha256sum",
    "skopeo",
    "sysctl",
    "systemctl",
    "tar",
    "tee",
    "valgrind",
    "vtysh",
];

/// What kubectl is asked to do.
const KUBECTL: &[&str] = &[
    "annotate", "apply", "auth", "create", "delete", "describe", "diff", "drain", "exec", "get", "label",
    "logs", "patch", "rollout", "taint", "uncordon", "version", "wait",
];

/// Where words are files of the repository.
const FOLDERS: &[&str] = &[".ci/", "benches/", "deploy/", "docs/", "examples/", "lab/"];

/// Files that another test runs, line by line, and what that test is.
const RUN: &[(&str, &str)] = &[("examples/nodes/README.md", "kube-announcer/tests/nodes.rs")];

#[test]
fn every_command_is_known_and_what_it_names_is_there() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    let is_run = |file: &str| {
        let test = RUN.iter().find(|(run, _)| *run == file).map(|(_, test)| test);
        // It names the file, or the file's folder.
        let names = |text: String| file.rsplit_once('/').is_some_and(|(folder, _)| text.contains(folder));
        test.is_some_and(|test| names(fs::read_to_string(top().join(test)).unwrap()))
    };
    for block in ours("sh").into_iter().filter(|block| !is_run(&block.file)) {
        for words in commands(&block.text) {
            seen += 1;
            if let Err(why) = known(&words) {
                wrong.push(format!("{block}: {}: {why}", words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 45, "{seen} commands were found");
}

fn known(words: &[String]) -> Result<(), String> {
    let is_file = |word: &&String| FOLDERS.iter().any(|folder| word.starts_with(folder));
    for file in words.iter().filter(is_file) {
        if !top().join(file).exists() {
            return Err(format!("there is no {file}"));
        }
    }
    if ["kube-announcer", "bgp-daemon"].iter().any(|program| arguments(words, program).is_some()) {
        return Ok(());
    }
    let (first, rest) = words.split_first().ok_or("it is empty")?;
    match first.as_str() {
        "cargo" => cargo(rest),
        "bash" => {
            rest.first().filter(|script| top().join(script).exists()).map(drop).ok_or("no such script".into())
        }
        "kubectl" => {
            let verb = rest.iter().find(|word| KUBECTL.contains(&word.as_str()));
            verb.map(drop)
                .ok_or("kubectl knows nothing like this, or it wants a word in this test's table".into())
        }
        program if FOREIGN.contains(&program) || top().join(program).is_file() => Ok(()),
        _ => Err("nobody knows this program; it wants a word in this test's table".into()),
    }
}

/// What cargo is told exists.
fn cargo(words: &[String]) -> Result<(), String> {
    let value = |flag: &str| words.iter().skip_while(|word| *word != flag).nth(1);
    let known = ["bench", "build", "clippy", "doc", "fuzz", "install", "run", "test"];
    let verb = words.iter().find(|word| !word.starts_with('+')).ok_or("cargo does nothing by itself")?;
    if !known.contains(&verb.as_str()) {
        return Err(format!("cargo {verb} is not in this test's table"));
    }
    let package = value("-p");
    if let Some(package) = package
        && !top().join(package).join("Cargo.toml").is_file()
    {
        return Err(format!("there is no package {package}"));
    }
    for (flag, folder) in [("--test", "tests"), ("--bench", "benches"), ("--example", "examples")] {
        let Some(name) = value(flag) else { continue };
        let folder = top().join(package.ok_or("say with -p which package's")?).join(folder);
        let manifest = fs::read_to_string(folder.join("../Cargo.toml")).unwrap_or_default();
        let there = folder.join(format!("{name}.rs")).is_file()
            || folder.join(name).is_dir()
            || manifest.contains(&format!("name = \"{name}\""));
        if !there {
            return Err(format!("there is no {flag} {name}"));
        }
    }
    Ok(())
}

#[test]
fn what_is_not_there_is_found_out() {
    let table = [
        ("cargo run -p no-such-crate -- a", false),
        ("cargo bench -p benches --bench no-such-bench", false),
        ("cargo bench -p benches --bench rib", true),
        ("lab/setup all", true),
        ("deploy/no-such-file", false),
        ("no-such-program", false),
        ("kubectl no-such-verb", false),
        ("bash .ci/run", true),
    ];
    for (command, is_known) in table {
        let words = commands(command).remove(0);
        assert_eq!(known(&words).is_ok(), is_known, "{command}");
    }
}
