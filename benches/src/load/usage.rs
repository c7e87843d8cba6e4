//! What processes and all their children have taken: time on a CPU, memory.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The counters of some processes and of all their children at one moment.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// By thread: time on a CPU, and time ready to run while something else had it.
    threads: BTreeMap<PathBuf, [Duration; 2]>,
    /// Resident memory, in octets.
    pub resident: u64,
    /// The most of it since [`forget_peaks`].
    pub peak: u64,
}

impl Usage {
    /// Reads the counters. A process that has ended counts nothing.
    pub fn of(processes: &[u32]) -> Self {
        let mut usage = Usage::default();
        for process in tree(processes) {
            usage.add(&format!("/proc/{process}"));
        }
        usage
    }

    /// Time on a CPU since an earlier moment, in user space and in the kernel. What a thread spent that has ended since
    /// is not known.
    pub fn spent_since(&self, before: &Usage) -> Duration {
        self.since(before, |[spent, _]| spent)
    }

    /// The same, and time ready to run while something else had the CPU.
    pub fn busy_since(&self, before: &Usage) -> Duration {
        self.since(before, |[spent, waited]| spent + waited)
    }

    fn since(&self, before: &Usage, of: fn([Duration; 2]) -> Duration) -> Duration {
        let known = |thread| before.threads.get(thread).copied().unwrap_or_default();
        self.threads.iter().map(|(thread, counted)| of(*counted).saturating_sub(of(known(thread)))).sum()
    }

    fn add(&mut self, process: &str) {
        for thread in threads(process) {
            let schedstat = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
            let mut nanoseconds = schedstat.split_whitespace().filter_map(|word| word.parse().ok());
            let mut next = || Duration::from_nanos(nanoseconds.next().unwrap_or_default());
            self.threads.insert(thread, [next(), next()]);
        }
        let status = fs::read_to_string(format!("{process}/status")).unwrap_or_default();
        self.resident += kibibytes(&status, "VmRSS:") * 1024;
        self.peak += kibibytes(&status, "VmHWM:") * 1024;
    }
}

/// From now on the peak is what it is now.
pub fn forget_peaks(processes: &[u32]) {
    for process in tree(processes) {
        fs::write(format!("/proc/{process}/clear_refs"), "5")
            .expect("the peak of one's own process can be reset");
    }
}

/// The processes, their children, and so on.
fn tree(processes: &[u32]) -> Vec<u32> {
    let mut all = processes.to_vec();
    let mut at = 0;
    while let Some(process) = all.get(at) {
        for thread in threads(&format!("/proc/{process}")) {
            let children = fs::read_to_string(thread.join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        at += 1;
    }
    all
}

fn threads(process: &str) -> Vec<PathBuf> {
    let found = fs::read_dir(Path::new(process).join("task")).into_iter().flatten().flatten();
    found.map(|thread| thread.path()).collect()
}

fn kibibytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_is_counted_with_the_children_of_its_children() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sh -c 'cat; :'; :"]).stdin(Stdio::piped());
        let mut shell = shell.spawn().expect("there is a shell");
        let found = lab::within(Duration::from_secs(10), || (tree(&[shell.id()]).len() == 3).then_some(()));
        let (all, nobody) = (Usage::of(&[shell.id()]), Usage::of(&[]));
        drop(shell.stdin.take());
        shell.wait().expect("it ends when its input does");
        assert!(found.is_some());
        assert!(all.spent_since(&nobody) > Duration::ZERO && all.resident > 0 && all.peak >= all.resident);
        assert_eq!((all.busy_since(&all), nobody.busy_since(&all)), (Duration::ZERO, Duration::ZERO));
    }
}
