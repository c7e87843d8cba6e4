//! What tests of the program share: daemons on loopback addresses that nobody else uses, and what they are asked.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    net::Ipv4Addr,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        atomic::{AtomicU8, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// The longest that anything may take; a machine that is busy is slow.
const BOUND: Duration = Duration::from_secs(30);

/// A folder and three addresses of a test.
pub(crate) struct World {
    folder: TempDir,
    base: Ipv4Addr,
}

impl World {
    pub(crate) fn new() -> Self {
        static WORLDS: AtomicU8 = AtomicU8::new(0);
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let base = Ipv4Addr::new(127, 64 | (high & 0x3f), low, number.wrapping_mul(4));
        World { folder: tempfile::tempdir().unwrap(), base }
    }

    /// Address 1, 2 or 3.
    pub(crate) fn address(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base.to_bits() + u32::from(number))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A text with `{1}`, `{2}`, `{3}` and `{folder}` filled in.
    pub(crate) fn fill(&self, text: &str) -> String {
        let text = text.replace("{folder}", self.folder.path().to_str().unwrap());
        (1..=3).fold(text, |text, number| {
            text.replace(&format!("{{{number}}}"), &self.address(number).to_string())
        })
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, self.fill(text)).unwrap();
        // Passwords stand in it.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Starts a daemon with this configuration; it is ready when this returns.
    pub(crate) fn start(&self, name: &str, config: &str) -> Daemon {
        self.start_with(name, config, None)
    }

    /// The same, logging these levels.
    pub(crate) fn start_with(&self, name: &str, config: &str, levels: Option<&str>) -> Daemon {
        let file = self.write(&format!("{name}.toml"), config);
        let notify = self.path(&format!("{name}.notify"));
        let _ = fs::remove_file(&notify);
        let socket = UnixDatagram::bind(&notify).unwrap();
        socket.set_read_timeout(Some(BOUND)).unwrap();
        let mut program = program();
        program.arg("run").arg(&file).env("NOTIFY_SOCKET", &notify).current_dir(self.folder.path());
        if let Some(levels) = levels {
            program.args(["--log", levels]);
        }
        let mut child =
            program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let mut daemon = Daemon { child, socket: self.path(&format!("{name}.sock")), notify: socket, log };
        daemon.told("READY=1");
        daemon
    }
}

/// The program.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bgp-daemon"))
}

/// Lines as they come.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    // Room for all that a test has to say, so that nobody waits for a reader who looks elsewhere.
    let (sender, receiver) = sync_channel(100_000);
    thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

/// A running daemon, which ends with its test.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) socket: PathBuf,
    notify: UnixDatagram,
    log: Receiver<String>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    /// Waits until it tells systemd this.
    pub(crate) fn told(&mut self, wanted: &str) {
        let mut octets = [0; 256];
        loop {
            let Ok(length) = self.notify.recv(&mut octets) else {
                panic!("no {wanted}; {}", self.rest_of_log())
            };
            if &octets[..length] == wanted.as_bytes() {
                return;
            }
        }
    }

    fn rest_of_log(&self) -> String {
        self.log.try_iter().map(|line| line + "\n").collect()
    }

    /// Waits until it logs a line with this in it, and returns the line.
    pub(crate) fn logged(&self, wanted: &str) -> String {
        let mut before = String::new();
        loop {
            match self.log.recv_timeout(BOUND) {
                Ok(line) if line.contains(wanted) => return line,
                Ok(line) => before += &(line + "\n"),
                Err(_) => panic!("nothing was logged with {wanted:?} in it, but:\n{before}"),
            }
        }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until it has ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        // The pipe closes with the process.
        while self.log.recv_timeout(BOUND).is_ok() {}
        self.child.wait().unwrap()
    }

    /// What it answers.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Asked {
        ask_at(&self.socket, arguments)
    }

    /// What it prints, where it does what it is asked.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let asked = self.ask(arguments);
        assert_eq!((asked.code, asked.err.as_str()), (0, ""), "{arguments:?}: {}", asked.out);
        asked.out
    }

    /// Looks on until a line holds all of these.
    pub(crate) fn watch(&self, arguments: &[&str], wanted: &[&str]) -> String {
        Watch::new(&self.socket, arguments).until(wanted)
    }

    /// Waits until there is such a route.
    pub(crate) fn has_route(&self, prefix: &str) {
        self.watch(&["show", "routes", prefix, "--watch", "--json"], &["\"standing\":\"best\""]);
    }
}

/// A question to a daemon whose answer does not end.
pub(crate) struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    pub(crate) fn new(socket: &Path, arguments: &[&str]) -> Self {
        let mut program = program();
        program.arg("--socket").arg(socket).args(arguments);
        let mut child =
            program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        Watch { child, lines }
    }

    /// Waits until it ends by itself: the exit code, and what it says on stderr.
    pub(crate) fn end(&mut self) -> (i32, String) {
        while self.lines.recv_timeout(BOUND).is_ok() {}
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code().unwrap_or(-1), err)
    }

    /// Waits for a line that holds all of these.
    pub(crate) fn until(&mut self, wanted: &[&str]) -> String {
        let mut seen = String::new();
        loop {
            match self.lines.recv_timeout(BOUND) {
                Ok(line) if wanted.iter().all(|wanted| line.contains(wanted)) => return line,
                Ok(line) => seen += &(line + "\n"),
                Err(_) => panic!("no line with {wanted:?} came, but:\n{seen}"),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

impl From<Output> for Asked {
    fn from(output: Output) -> Self {
        Asked {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().unwrap_or(-1),
        }
    }
}

/// What the daemon at this socket answers.
pub(crate) fn ask_at(socket: &Path, arguments: &[&str]) -> Asked {
    program().arg("--socket").arg(socket).args(arguments).stdin(Stdio::null()).output().unwrap().into()
}

/// What the program says without a daemon.
pub(crate) fn alone(arguments: &[&str]) -> Asked {
    program().args(arguments).stdin(Stdio::null()).output().unwrap().into()
}
