//! Where programs are: the host's, those of the root folder with the current routers, the control plane's.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of two generations of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// What the host's distribution installs: some years old.
    Host,
    /// Today's, from the root folder that `lab/setup` fills.
    Current,
}

impl Age {
    /// The root folder in which programs of this age live.
    pub(crate) fn root(self) -> Option<PathBuf> {
        match self {
            Self::Host => Some(PathBuf::from("/")),
            Self::Current => folder("LAB_ROUTERS", "routers"),
        }
    }

    /// The path of `program`, as seen from inside this age's root folder. Names that two routers share are given absolute.
    pub(crate) fn find(self, program: &str) -> Option<PathBuf> {
        let root = self.root()?;
        if let Some(absolute) = program.strip_prefix('/') {
            return root.join(absolute).exists().then(|| PathBuf::from(program));
        }
        let inside = |folder: &Path| folder.strip_prefix("/").unwrap_or(folder).join(program);
        search_path()
            .into_iter()
            .find(|folder| root.join(inside(folder)).exists())
            .map(|folder| folder.join(program))
    }

    /// A command that runs `program` of this age; the caller has checked that it exists.
    pub(crate) fn command(self, program: &str) -> Command {
        let found = self.find(program).unwrap_or_else(|| PathBuf::from(program));
        match self.root() {
            Some(root) if self == Self::Current => {
                let mut command = Command::new(Self::Host.find("chroot").unwrap_or_else(|| "chroot".into()));
                command
                    .arg(root)
                    .arg(found)
                    .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
                command
            }
            _ => Command::new(found),
        }
    }
}

/// A command of the host, also one that an ordinary user's `PATH` lacks, such as `nft`.
#[must_use]
pub fn program(name: &str) -> Command {
    Age::Host.command(name)
}

/// The folder with the control plane's programs.
pub(crate) fn kube() -> Option<PathBuf> {
    folder("KUBEBUILDER_ASSETS", "kube")
}

/// The folder that `variable` names, or else `name` in the lab's cache, when it exists.
fn folder(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(told) = env::var_os(variable).filter(|told| !told.is_empty()) {
        return Some(PathBuf::from(told));
    }
    let cache = match env::var_os("LAB_CACHE") {
        Some(told) => PathBuf::from(told),
        None => env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?
            .join("bgp-lab"),
    };
    Some(cache.join(name)).filter(|folder| folder.exists())
}

/// `PATH`, and the folders of daemons that an ordinary user's `PATH` lacks.
fn search_path() -> Vec<PathBuf> {
    let own = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = env::split_paths(&own).filter(|folder| folder.is_absolute()).collect();
    folders.extend(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from));
    folders
}
