//! What a test needs of the machine, and the one line about what is missing.

use std::env;
use std::fs;
use std::io::Write;
use std::panic::Location;
use std::path::Path;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use crate::keeper::HOW;
use crate::programs::{self, Age};
use crate::router::Model;

/// Something that a test cannot do without.
#[derive(Clone, Copy)]
pub enum Need {
    /// Network and process namespaces: root, or root of an own user namespace.
    Namespaces,
    /// Root for real: several users exist.
    Root,
    /// A program of the host.
    Program(&'static str),
    /// A router, all its programs.
    Router(Model),
    /// The API server and etcd.
    Api,
    /// The API server, etcd, controllers, scheduler and fake kubelets.
    ControlPlane,
}

/// The programs of an API server that tests can use.
const API: &[&str] = &["etcd", "kube-apiserver", "kubectl"];
/// What makes it a whole control plane.
const CONTROLLERS: &[&str] = &["kube-controller-manager", "kube-scheduler", "kwok", "kwok-stages.yaml"];

/// Whether the machine has all of this; if not, one line on the terminal says what a test does without.
///
/// # Panics
/// When something is missing and `LAB=required`.
#[must_use]
#[track_caller]
pub fn need(needs: &[Need]) -> bool {
    let Some(missing) = needs.iter().find_map(|need| need.missing().err()) else { return true };
    let thread = std::thread::current();
    let place = Location::caller();
    let test = match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => format!("{}:{}", place.file(), place.line()),
    };
    assert!(env::var("LAB").as_deref() != Ok("required"), "LAB=required, but {test} needs {missing}");
    // Past the capture of a test's output, in one write so that lines of parallel tests do not mix.
    let _ = std::io::stderr().write_all(format!("skipped: {test}: needs {missing}\n").as_bytes());
    false
}

impl Need {
    /// What is missing, and how to get it.
    fn missing(self) -> Result<(), String> {
        match self {
            Self::Namespaces => {
                let make = || unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID);
                let made = std::thread::spawn(make).join().expect("unsharing does not panic");
                made.map_err(|e| format!("namespaces ({e}): {HOW}"))?;
                Self::Program("ip").missing()
            }
            Self::Root => match fs::read_to_string("/proc/self/uid_map") {
                _ if !nix::unistd::geteuid().is_root() => Err("root: run as root".into()),
                Ok(map) if map.split_whitespace().nth(2) != Some("4294967295") => {
                    Err("root for real, not that of a user namespace: run as root".into())
                }
                _ => Ok(()),
            },
            Self::Program(name) => match Age::Host.find(name) {
                Some(_) => Ok(()),
                None => Err(format!("the program {name}: run lab/setup")),
            },
            Self::Router(model) => router(model),
            Self::Api => kube(&[API]),
            Self::ControlPlane => kube(&[API, CONTROLLERS]),
        }
    }
}

fn router(model: Model) -> Result<(), String> {
    if model.kind.changes_user() {
        Need::Root.missing().map_err(|e| format!("{model}, which needs {e}"))?;
    }
    match model.age.root() {
        None => {
            return Err(format!(
                "{model}: run lab/setup, or point LAB_ROUTERS at the root folder of the routers"
            ));
        }
        Some(root) if !root.join("usr").exists() => {
            return Err(format!("{model}: {} is no root folder: run lab/setup", root.display()));
        }
        Some(_) => {}
    }
    let mut missing = model.kind.programs().iter().filter(|program| model.age.find(program).is_none());
    match missing.next() {
        Some(program) => Err(format!("{model}, whose program {program} is missing: run lab/setup")),
        None => Ok(()),
    }
}

fn kube(sets: &[&[&str]]) -> Result<(), String> {
    let Some(folder) = programs::kube() else {
        return Err("a control plane: run lab/setup, or point KUBEBUILDER_ASSETS at its programs".into());
    };
    let mut programs = sets.iter().copied().flatten();
    if let Some(program) = programs.find(|program| !folder.join(program).exists()) {
        return Err(format!("a control plane, but {} has no {program}: run lab/setup", folder.display()));
    }
    Need::Program("openssl").missing()?;
    let server = version(&folder, "kube-apiserver", &["--version"])?;
    let client = version(&folder, "kubectl", &["version", "--client"])?;
    if server == client {
        return Ok(());
    }
    Err(format!(
        "kubectl of the API server's age, but in {} it is {client} and the server {server}: run lab/setup",
        folder.display()
    ))
}

/// Major and minor number, such as `v1.36`.
fn version(folder: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let program = folder.join(program);
    let printed = Command::new(&program).args(arguments).output();
    let printed =
        printed.map_err(|e| format!("{}, which does not run ({e}): run lab/setup", program.display()))?;
    let text = String::from_utf8_lossy(&printed.stdout).into_owned();
    let word = text.split_whitespace().find(|word| word.starts_with("v1."));
    let version = word.map(|word| word.split('.').take(2).collect::<Vec<_>>().join("."));
    version.ok_or_else(|| format!("{}, which tells no version: run lab/setup", program.display()))
}
