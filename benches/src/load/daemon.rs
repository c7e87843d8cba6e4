//! The daemons that can be under test: a row each. All run with everything imported and everything exported, as the
//! files in `benches/routers` say.

use lab::{BIRD, Daemon, FRR, Lab, Namespace, Need};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long a helper may take to be there.
const BOUND: Duration = Duration::from_secs(20);

/// A daemon that can be under test.
#[derive(Clone, Copy)]
pub struct Model {
    /// What it is called on the command line and in the table.
    pub name: &'static str,
    /// What the machine must have for it.
    need: fn() -> bool,
    version: fn() -> String,
    start: fn(&Lab, &Namespace, &Path) -> Vec<Daemon>,
}

/// All of them; the first is what the others are compared with.
pub const MODELS: [Model; 3] = [
    Model {
        name: "bird",
        need: || lab::need(&[Need::Router(BIRD.host())]),
        version: || BIRD.host().version(),
        start: bird,
    },
    Model {
        name: "frr",
        need: || lab::need(&[Need::Router(FRR.host())]),
        version: || FRR.host().version(),
        start: frr,
    },
    Model { name: "bgp-daemon", need: build, version: || env!("CARGO_PKG_VERSION").to_owned(), start: ours },
];

/// Those that put routes into the kernel, with one peer.
pub const FORWARDING: [Model; 2] = [
    Model {
        start: |_, namespace, folder| {
            bird_with(namespace, folder, include_str!("../../routers/bird-kernel.conf"))
        },
        ..MODELS[0]
    },
    Model {
        start: |_, namespace, folder| {
            ours_with(namespace, folder, include_str!("../../routers/bgp-daemon-kernel.toml"))
        },
        ..MODELS[2]
    },
];

/// Ours with the same peer and nowhere to put routes: what that takes less is what the kernel's routes take.
pub const FORWARDING_NOTHING: Model = Model {
    start: |_, namespace, folder| {
        let text = include_str!("../../routers/bgp-daemon-kernel.toml").replace("[kernel]\n", "");
        ours_with(namespace, folder, &text)
    },
    ..MODELS[2]
};

impl Model {
    /// Whether it can be started here; if not, a line on the terminal says why.
    #[must_use]
    pub fn is_there(&self) -> bool {
        (self.need)()
    }

    /// Its name with its version.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {}", self.name, (self.version)())
    }

    /// Starts it in a namespace, with all its processes.
    #[must_use]
    pub fn start(&self, lab: &Lab, namespace: &Namespace) -> Vec<Daemon> {
        let folder = lab.folder().join("under-test");
        fs::create_dir(&folder).expect("the lab's folder can be written");
        // FRR's daemons change to a user of their own.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("it is ours");
        (self.start)(lab, namespace, &folder)
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    file
}

fn bird(_: &Lab, namespace: &Namespace, folder: &Path) -> Vec<Daemon> {
    bird_with(namespace, folder, include_str!("../../routers/bird.conf"))
}

fn bird_with(namespace: &Namespace, folder: &Path, text: &str) -> Vec<Daemon> {
    let mut command = lab::program("bird");
    command.arg("-f").arg("-c").arg(write(folder, "bird.conf", text));
    command.arg("-s").arg(folder.join("ctl")).arg("-P").arg(folder.join("pid"));
    vec![namespace.start("bird", command)]
}

/// bgpd tells zebra no routes (`-n`): nothing goes into the kernel.
fn frr(lab: &Lab, namespace: &Namespace, folder: &Path) -> Vec<Daemon> {
    fs::create_dir_all("/run/frr").expect("FRR keeps its things there");
    let command = |name: &str, text: &str| {
        let mut command = Command::new(format!("/usr/lib/frr/{name}"));
        command.arg("-f").arg(write(folder, &format!("{name}.conf"), text));
        command.arg("-i").arg(folder.join(format!("{name}.pid")));
        command.arg("-z").arg(folder.join("zserv")).arg("--vty_socket").arg(folder);
        command.args(["-A", "127.0.0.1", "-P", "0", "--log", "stdout"]);
        command
    };
    let zebra = namespace.start("zebra", command("zebra", include_str!("../../routers/zebra.conf")));
    lab.wait_until("zebra to be there", BOUND, || folder.join("zserv").exists());
    let mut bgpd = command("bgpd", include_str!("../../routers/bgpd.conf"));
    bgpd.arg("-n");
    vec![namespace.start("bgpd", bgpd), zebra]
}

fn ours(_: &Lab, namespace: &Namespace, folder: &Path) -> Vec<Daemon> {
    ours_with(namespace, folder, include_str!("../../routers/bgp-daemon.toml"))
}

fn ours_with(namespace: &Namespace, folder: &Path, text: &str) -> Vec<Daemon> {
    let mut command = Command::new(binary());
    command.arg("run").arg(write(folder, "bgp-daemon.toml", text));
    vec![namespace.start("bgp-daemon", command)]
}

/// The program that is under test as ours: `BGP_DAEMON`, or what [`build`] makes.
fn binary() -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/bgp-daemon");
    env::var_os("BGP_DAEMON").map_or_else(built, PathBuf::from)
}

/// A bench is built without the programs of other crates.
fn build() -> bool {
    if env::var_os("BGP_DAEMON").is_some() {
        return true;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--profile", "bench", "-p", "bgp-daemon", "--bin", "bgp-daemon"]);
    cargo.args(["--target-dir", concat!(env!("CARGO_MANIFEST_DIR"), "/../target")]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().is_ok_and(|status| status.success())
}
