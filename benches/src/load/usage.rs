//! What processes and all their children have taken: time on a CPU, memory.

use std::{fs, path::Path, time::Duration};

/// The counters of some processes and of all their children, added up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time on a CPU, in user space and in the kernel. Of threads that have ended nothing is known any more.
    pub spent: Duration,
    /// Time ready to run while something else had the CPU.
    pub waited: Duration,
    /// Resident memory, in octets.
    pub resident: u64,
    /// The most of it since [`forget_peaks`].
    pub peak: u64,
}

impl Usage {
    /// Reads the counters. A process that has ended counts nothing.
    pub fn of(processes: &[u32]) -> Self {
        let mut sum = Usage::default();
        for process in tree(processes) {
            sum.add(&format!("/proc/{process}"));
        }
        sum
    }

    fn add(&mut self, process: &str) {
        for task in tasks(process) {
            let schedstat = fs::read_to_string(format!("{task}/schedstat")).unwrap_or_default();
            let mut nanoseconds = schedstat.split_whitespace().filter_map(|word| word.parse().ok());
            self.spent += Duration::from_nanos(nanoseconds.next().unwrap_or_default());
            self.waited += Duration::from_nanos(nanoseconds.next().unwrap_or_default());
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
        let tasks = tasks(&format!("/proc/{process}"));
        let children =
            tasks.iter().map(|task| fs::read_to_string(format!("{task}/children")).unwrap_or_default());
        let children: Vec<u32> = children
            .flat_map(|line| line.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
            .collect();
        all.extend(children);
        at += 1;
    }
    all
}

fn tasks(process: &str) -> Vec<String> {
    let found = fs::read_dir(Path::new(process).join("task")).into_iter().flatten().flatten();
    found.map(|task| task.path().display().to_string()).collect()
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
        let (all, alone) = (Usage::of(&[shell.id()]), Usage::of(&[]));
        drop(shell.stdin.take());
        shell.wait().expect("it ends when its input does");
        assert!(found.is_some());
        assert!(all.spent > Duration::ZERO && all.resident > 0 && all.peak >= all.resident);
        assert_eq!((alone.spent, alone.resident), (Duration::ZERO, 0));
    }
}
