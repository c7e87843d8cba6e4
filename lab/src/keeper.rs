//! The keeper: first process of a lab's own process namespace. It waits for its standard input to end, which the kernel
//! sees to however the test process dies; then it kills whatever the lab started and removes the lab's folders.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sched::{CloneFlags, setns, unshare};

use crate::programs::Age;

/// Says "ready", waits for the end of input, ends every process of this namespace, removes the folders it was given.
const SCRIPT: &str = "echo; read -r _; kill -9 -1; rm -rf \"$@\"";

/// See the module.
pub(crate) struct Keeper {
    process: Child,
    processes: File,
    /// A new folder of the host, and the folder of the same name below the current routers' root.
    folders: [PathBuf; 2],
}

impl Keeper {
    /// Makes the folders and the process namespace.
    pub(crate) fn start() -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("lab-")
            .tempdir()
            .map_err(|e| format!("no folder for the lab in {}: {e}", std::env::temp_dir().display()))?
            .keep();
        open_to_all(&folder)?;
        let name = folder.file_name().unwrap_or_default();
        let inside = Age::Current.root().map_or_else(|| folder.clone(), |root| root.join("tmp").join(name));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "lab-keeper"]).arg(&folder).arg(&inside).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = std::thread::scope(|scope| {
            // The flag holds for this thread's next child only: it becomes the first process of the new namespace.
            let spawned = scope.spawn(move || {
                unshare(CloneFlags::CLONE_NEWPID)
                    .map_err(|e| format!("no process namespace ({e}): {HOW}"))?;
                command.spawn().map_err(|e| format!("/bin/sh does not start: {e}"))
            });
            spawned.join().expect("spawning does not panic")
        })?;
        let ready = process.stdout.as_mut().map(|out| out.read_exact(&mut [0]));
        let processes = File::open(format!("/proc/{}/ns/pid", process.id()));
        match (ready, processes) {
            (Some(Ok(())), Ok(processes)) => Ok(Self { process, processes, folders: [folder, inside] }),
            (_, processes) => Err(format!("the lab's keeper does not start: {:?}", processes.err())),
        }
    }

    /// Makes the calling thread's next children processes of the lab. The thread must end soon: it cannot start threads.
    pub(crate) fn adopt_children(&self) {
        setns(&self.processes, CloneFlags::CLONE_NEWPID)
            .expect("the keeper holds its process namespace open");
    }

    /// The host's folder of the lab.
    pub(crate) fn own_folder(&self) -> &Path {
        &self.folders[0]
    }

    /// A new folder for one daemon: where it is for us, and where the daemon sees it.
    pub(crate) fn folder(&self, age: Age, name: &str) -> Result<(PathBuf, PathBuf), String> {
        let base = &self.folders[usize::from(age == Age::Current)];
        let ours = base.join(name);
        fs::create_dir_all(base)
            .and_then(|()| fs::create_dir(&ours))
            .map_err(|e| format!("{}: {e}", ours.display()))?;
        open_to_all(base)?;
        let theirs = match age {
            Age::Host => ours.clone(),
            Age::Current => Path::new("/tmp").join(base.file_name().unwrap_or_default()).join(name),
        };
        Ok((ours, theirs))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// How to get what namespaces need.
pub(crate) const HOW: &str = "run as root, or inside `unshare -rn`";

/// Daemons that drop their privileges must still reach their own folder.
fn open_to_all(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder, mode).map_err(|e| format!("{}: {e}", folder.display()))
}
