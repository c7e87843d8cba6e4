//! The shell around a [`Folder`]: inotify wakes it, and it reads what changed.
//!
//! A file is read when nobody is writing it: what was modified waits until it is closed, and what is modified while it
//! is read is read again. A file that is gone counts as gone only at the next look, since editors and tools put a new
//! one in its place. Beside inotify the folder is looked at twice a second, for what inotify does not tell: a folder
//! that is put in place of another, files behind links, file systems of other machines.

use super::{Folder, Outcome, is_manifest, names};
use crate::source::{Told, manifest::Mistake};
use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::sync::mpsc::Sender;

/// How often the folder is looked at, whatever inotify says.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long a file may be gone while another takes its place.
const GRACE: Duration = Duration::from_millis(100);

/// Tells all of a folder, and then what changes in it, from a thread of its own, until nobody listens.
///
/// # Errors
/// The folder cannot be read or watched.
pub fn watch(path: &Path, tell: Sender<Told>) -> io::Result<()> {
    let whole = super::named;
    let inotify = Inotify::init().map_err(|e| whole(path, &e))?;
    let mut watcher = Watcher::new(path, inotify);
    watcher.attach().map_err(|e| whole(path, &e))?;
    std::thread::Builder::new().name("manifests".to_owned()).spawn(move || watcher.run(&tell))?;
    Ok(())
}

struct Watcher {
    path: PathBuf,
    inotify: Inotify,
    /// What is watched: the folder that was at the path, by device and inode.
    watched: Option<(WatchDescriptor, Identity)>,
    folder: Folder,
    /// Files to look at.
    due: BTreeSet<Box<str>>,
    /// Files that somebody began to write.
    writing: BTreeSet<Box<str>>,
    /// Files that are gone, and until when another may take their place.
    gone: BTreeMap<Box<str>, Instant>,
    /// Each file as it was when it was read.
    read: BTreeMap<Box<str>, Version>,
    /// Each file that is another one now, as it was at the last look of the clock's.
    unsettled: BTreeMap<Box<str>, Version>,
    told: Vec<Mistake>,
}

/// Device and inode.
type Identity = (u64, u64);
/// What differs when a file does.
type Version = (Identity, u64, (i64, i64), (i64, i64));

impl Watcher {
    fn new(path: &Path, inotify: Inotify) -> Self {
        Watcher {
            path: path.to_owned(),
            inotify,
            watched: None,
            folder: Folder::default(),
            due: BTreeSet::new(),
            writing: BTreeSet::new(),
            gone: BTreeMap::new(),
            read: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    fn run(mut self, tell: &Sender<Told>) {
        let mut clock = now() + INTERVAL;
        let mut first = true;
        while !tell.is_closed() {
            let mut told = self.look(now());
            if std::mem::take(&mut first) || !told.is_empty() {
                told.push(Told::Whole);
            }
            // Full: whoever plans is behind, and the folder can wait.
            if told.into_iter().any(|one| tell.blocking_send(one).is_err()) {
                return;
            }
            self.wait(clock);
            self.drain();
            if now() >= clock {
                self.compare();
                clock = now() + INTERVAL;
            }
        }
    }

    /// Until there may be something to look at.
    fn wait(&self, clock: Instant) {
        let until = self.gone.values().copied().fold(clock, Instant::min);
        let bound = until.saturating_duration_since(now()).as_millis() + 1;
        let bound = PollTimeout::from(u16::try_from(bound).unwrap_or(u16::MAX));
        // Interrupted: it is asked again in a moment.
        let _ = poll(&mut [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)], bound);
    }

    /// Takes what inotify has to say.
    fn drain(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            let Ok(events) = self.inotify.read_events(&mut buffer) else { return };
            let here =
                |event: &inotify::Event<_>| self.watched.as_ref().is_none_or(|(here, _)| event.wd == *here);
            let told: Vec<_> = events
                .filter(|event| here(event) || event.mask.contains(EventMask::Q_OVERFLOW))
                .map(|event| (event.mask, event.name.map(|name| name.to_string_lossy().into_owned())))
                .collect();
            for (mask, name) in told {
                self.event(mask, name.as_deref());
            }
        }
    }

    fn event(&mut self, mask: EventMask, name: Option<&str>) {
        if mask.intersects(EventMask::IGNORED | EventMask::DELETE_SELF | EventMask::MOVE_SELF) {
            // What comes to the same path may have the same inode.
            if let Some((old, _)) = self.watched.take() {
                let _ = self.inotify.watches().remove(old);
            }
            return;
        }
        let Some(name) = name else { return self.compare_all() };
        // The link that a mounted ConfigMap or Secret swaps.
        if name.starts_with("..") {
            return self.compare_all();
        }
        if !is_manifest(name) {
            return;
        }
        if mask.contains(EventMask::MODIFY) {
            self.writing.insert(name.into());
            return;
        }
        let is_link = || fs::symlink_metadata(self.path.join(name)).is_ok_and(|found| found.is_symlink());
        if !mask.contains(EventMask::CREATE) || is_link() {
            self.writing.remove(name);
            self.due.insert(name.into());
        }
    }

    /// What the clock finds: a file that is another one now, and has been the same for an interval.
    fn compare(&mut self) {
        let mut unsettled = BTreeMap::new();
        for (name, version) in self.different() {
            if self.unsettled.get(&name) == Some(&version) {
                self.writing.remove(&name);
                self.due.insert(name);
            } else {
                unsettled.insert(name, version);
            }
        }
        self.unsettled = unsettled;
        self.missing();
    }

    /// What differs, at once.
    fn compare_all(&mut self) {
        let different = self.different();
        self.due.extend(different.into_iter().map(|(name, _)| name));
        self.missing();
    }

    fn different(&self) -> Vec<(Box<str>, Version)> {
        let names = names(&self.path).unwrap_or_default().into_iter();
        let versions = names.filter_map(|name| Some((version(&self.path.join(&*name))?, name)));
        versions
            .filter(|(version, name)| self.read.get(name) != Some(version))
            .map(|(version, name)| (name, version))
            .collect()
    }

    fn missing(&mut self) {
        let path = &self.path;
        let files = self.folder.files().filter(|name| !path.join(name).exists());
        self.due.extend(files.map(Into::into));
    }

    /// Watches what is at the path now, which may be another folder than before.
    fn attach(&mut self) -> io::Result<()> {
        let found = fs::metadata(&self.path)?;
        let identity = (found.dev(), found.ino());
        if self.watched.as_ref().is_some_and(|(_, watched)| *watched == identity) {
            return Ok(());
        }
        let mask = WatchMask::CREATE
            | WatchMask::MODIFY
            | WatchMask::CLOSE_WRITE
            | WatchMask::MOVE
            | WatchMask::DELETE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        let descriptor = self.inotify.watches().add(&self.path, mask)?;
        if let Some((old, _)) = self.watched.replace((descriptor, identity)) {
            // Where the old folder is gone its watch is too.
            let _ = self.inotify.watches().remove(old);
        }
        self.compare_all();
        Ok(())
    }

    /// Reads what is due.
    fn look(&mut self, now: Instant) -> Vec<Told> {
        let mut outcome = Outcome::default();
        let is_there = self.attach().is_ok();
        let mut due = std::mem::take(&mut self.due);
        due.extend(self.gone.iter().filter(|(_, until)| **until <= now).map(|(name, _)| name.clone()));
        if !is_there {
            self.gone.clear();
            due.clear();
        }
        for name in due {
            if let Some(more) = self.look_at(&name, now) {
                outcome.add(more);
            }
        }
        let mut mistakes = self.folder.mistakes();
        if !is_there {
            let message = "the folder is gone, and what it held last stays; bring it back".to_owned();
            let file = self.path.to_string_lossy().into();
            mistakes.push(Mistake { file, line: 0, object: None, message });
        }
        let mut told: Vec<_> = outcome.ignored.into_iter().map(Told::Ignored).collect();
        told.extend(outcome.changes.into_iter().map(Told::Change));
        // While a file may only have moved, its objects stand twice.
        if mistakes != self.told && self.gone.is_empty() {
            self.told.clone_from(&mistakes);
            told.push(Told::Mistakes(mistakes));
        }
        told
    }

    /// Reads a file, unless somebody is writing it.
    fn look_at(&mut self, name: &str, now: Instant) -> Option<Outcome> {
        let path = self.path.join(name);
        if self.writing.contains(name) || path.is_dir() {
            return None;
        }
        let version = version(&path);
        let octets = fs::read(&path);
        // Whoever began to write before it was read has told inotify so by now.
        self.drain();
        if self.writing.contains(name) {
            return None;
        }
        if let Some(version) = version {
            self.read.insert(name.into(), version);
        }
        match octets {
            Ok(octets) => {
                self.gone.remove(name);
                Some(self.folder.file(name, Some(&octets)))
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                if *self.gone.entry(name.into()).or_insert(now + GRACE) > now {
                    return None;
                }
                self.gone.remove(name);
                self.read.remove(name);
                Some(self.folder.file(name, None))
            }
            Err(why) => {
                self.folder.unreadable(name, &why);
                None
            }
        }
    }
}

/// The clock, which only says how long a file has been gone.
#[expect(clippy::disallowed_methods, reason = "the folder's one clock")]
fn now() -> Instant {
    Instant::now()
}

fn version(path: &Path) -> Option<Version> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let (modified, changed) = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
    Some(((found.dev(), found.ino()), found.size(), modified, changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Change;

    fn node(name: &str) -> String {
        format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n---\n")
    }

    fn look(watcher: &mut Watcher, now: Instant) -> Vec<String> {
        watcher.drain();
        let told = watcher.look(now).into_iter();
        let changes = told.filter_map(|told| match told {
            Told::Change(Change::Apply(object)) => Some(format!("+{}", object.key().name)),
            Told::Change(Change::Remove(key)) => Some(format!("-{}", key.name)),
            _ => None,
        });
        changes.collect()
    }

    #[test]
    fn a_file_in_whose_place_another_comes_in_time_removes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.yaml");
        fs::write(&file, node("a") + &node("b")).unwrap();
        let mut watcher = Watcher::new(root.path(), Inotify::init().unwrap());
        let start = now();
        assert_eq!(look(&mut watcher, start), ["+a", "+b"]);

        fs::rename(&file, root.path().join("a.yaml~")).unwrap();
        assert_eq!(look(&mut watcher, start), [""; 0]);
        fs::write(&file, node("a")).unwrap();
        assert_eq!(look(&mut watcher, start + GRACE / 2), ["-b"]);
        assert_eq!(look(&mut watcher, start + 2 * GRACE), [""; 0]);

        fs::remove_file(&file).unwrap();
        assert_eq!(look(&mut watcher, start + 3 * GRACE), [""; 0]);
        assert_eq!(look(&mut watcher, start + 4 * GRACE), ["-a"]);
    }

    #[test]
    fn what_was_written_before_inotify_was_asked_is_read_once_it_stands_still() {
        use std::io::Write;
        let root = tempfile::tempdir().unwrap();
        let mut watcher = Watcher::new(root.path(), Inotify::init().unwrap());
        look(&mut watcher, now());
        // It stays open, as the file of a program that logs.
        let mut file = fs::File::create(root.path().join("a.yaml")).unwrap();
        file.write_all(node("a").as_bytes()).unwrap();
        assert_eq!(look(&mut watcher, now()), [""; 0]);
        watcher.compare();
        assert_eq!(look(&mut watcher, now()), [""; 0], "it may go on");
        watcher.compare();
        assert_eq!(look(&mut watcher, now()), ["+a"]);
    }
}
