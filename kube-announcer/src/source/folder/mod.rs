//! A folder of manifests: which objects it holds, and what changes when a file does.

#[cfg(test)]
mod tests;
mod watch;

use super::{
    Change,
    manifest::{ENDINGS, Manifest, Mistake, Unread},
};
use crate::object::{Key, Object};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};
pub use watch::watch;

/// What the files of a folder hold.
///
/// An object that stands in two files counts as the first of them by name has it. What cannot be read keeps its last
/// good version: the object where it could be told which one it is, or all that its file held and does not hold now.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    files: BTreeMap<Box<str>, File>,
    /// In which files an object stands; the first counts.
    holders: BTreeMap<Key, BTreeSet<Box<str>>>,
    ignored: BTreeSet<Unread>,
}

#[derive(Clone, Debug, Default)]
struct File {
    objects: BTreeMap<Key, (Object, usize)>,
    mistakes: Vec<Mistake>,
}

/// What follows from a file's change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What happened to objects.
    pub changes: Vec<Change>,
    /// Kinds that no plan reads, and that were not met before.
    pub ignored: Vec<Unread>,
}

impl Outcome {
    fn add(&mut self, more: Outcome) {
        self.changes.extend(more.changes);
        self.ignored.extend(more.ignored);
    }
}

impl Folder {
    /// All manifests of a folder, read once.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn read(path: &Path) -> io::Result<(Self, Outcome)> {
        let mut folder = Folder::default();
        let mut whole = Outcome::default();
        for name in names(path)? {
            match std::fs::read(path.join(&*name)) {
                Ok(octets) => whole.add(folder.file(&name, Some(&octets))),
                Err(why) => folder.unreadable(&name, &why),
            }
        }
        Ok((folder, whole))
    }

    /// A file holds this now; `None`: it is gone.
    pub fn file(&mut self, name: &str, octets: Option<&[u8]>) -> Outcome {
        let mut ignored = Vec::new();
        let old = self.files.remove(name).unwrap_or_default();
        let mut new = File::default();
        if let Some(octets) = octets {
            let read = Manifest::read(name, octets);
            ignored
                .extend(read.unread.iter().filter(|unread| self.ignored.insert((*unread).clone())).cloned());
            new = File::new(name, read, &old);
        }
        let keys: BTreeSet<Key> = old.objects.keys().chain(new.objects.keys()).cloned().collect();
        let counted: Vec<_> = keys.iter().map(|key| self.holder(key).map(Box::<str>::from)).collect();
        for key in &keys {
            self.hold(key, name, new.objects.contains_key(key));
        }
        if octets.is_some() {
            self.files.insert(name.into(), new);
        }
        let mut changes = Vec::new();
        for (key, counted) in keys.into_iter().zip(counted) {
            let before = match counted {
                Some(file) if *file == *name => old.objects.get(&key),
                file => file.and_then(|file| self.files.get(&file)?.objects.get(&key)),
            };
            let after = self.holder(&key).and_then(|file| self.files.get(file)?.objects.get(&key));
            match (before, after) {
                (Some((before, _)), Some((after, _))) if before == after => {}
                (_, Some((after, _))) => changes.push(Change::Apply(Box::new(after.clone()))),
                (Some(_), None) => changes.push(Change::Remove(key)),
                (None, None) => {}
            }
        }
        Outcome { changes, ignored }
    }

    /// The file whose version of an object counts.
    fn holder(&self, key: &Key) -> Option<&str> {
        self.holders.get(key)?.first().map(|name| &**name)
    }

    fn hold(&mut self, key: &Key, name: &str, holds: bool) {
        let files = self.holders.entry(key.clone()).or_default();
        if holds {
            files.insert(name.into());
        } else {
            files.remove(name);
        }
        if files.is_empty() {
            self.holders.remove(key);
        }
    }

    /// A file is there and cannot be read: what it held stays.
    pub fn unreadable(&mut self, name: &str, why: &io::Error) {
        let message = format!("{why}; make it readable for kube-announcer");
        let mistake = Mistake { file: name.into(), line: 0, object: None, message };
        self.files.entry(name.into()).or_default().mistakes = vec![mistake];
    }

    /// All that cannot be read now, and objects that stand twice.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes: Vec<_> =
            self.files.values().flat_map(|file| file.mistakes.iter().cloned()).collect();
        for (key, files) in self.holders.iter().filter(|(_, files)| files.len() > 1) {
            let first = files.first().map_or("", |first| &**first);
            for name in files.iter().skip(1) {
                let line =
                    self.files.get(name).and_then(|file| file.objects.get(key)).map_or(0, |(_, line)| *line);
                let message = format!("it stands in {first} too, and that one counts; keep one of them");
                mistakes.push(Mistake { file: name.clone(), line, object: Some(key.clone()), message });
            }
        }
        mistakes.sort();
        mistakes
    }

    /// All objects with the files and lines where they stand. One that stands twice is there twice, the one that counts
    /// first.
    pub fn objects(&self) -> impl Iterator<Item = (&Object, &str, usize)> {
        let files = self.files.iter();
        files.flat_map(|(name, file)| file.objects.values().map(|(object, line)| (object, &**name, *line)))
    }

    /// The files that it holds.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(|name| &**name)
    }
}

impl File {
    /// What was read, with what stays of what the file held before.
    fn new(name: &str, read: Manifest, old: &File) -> Self {
        let Manifest { objects: read, mut mistakes, .. } = read;
        let mut objects: BTreeMap<Key, (Object, usize)> = BTreeMap::new();
        for (object, line) in read {
            let key = object.key();
            if let Some((_, first)) = objects.get(&key) {
                let message = format!("it stands in line {first} too, and that one counts; keep one of them");
                mistakes.push(Mistake { file: name.into(), line, object: Some(key), message });
            } else {
                objects.insert(key, (object, line));
            }
        }
        // A mistake that could be anything may be any of them.
        let anything = mistakes.iter().any(|mistake| mistake.object.is_none());
        let broken: BTreeSet<_> = mistakes.iter().filter_map(|mistake| mistake.object.as_ref()).collect();
        for (key, last) in &old.objects {
            if !objects.contains_key(key) && (anything || broken.contains(key)) {
                objects.insert(key.clone(), last.clone());
            }
        }
        File { objects, mistakes }
    }
}

/// The names of the manifests in a folder, sorted. What begins with a dot is somebody's own.
fn names(path: &Path) -> io::Result<BTreeSet<Box<str>>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(path).map_err(|e| named(path, &e))? {
        let name = entry.map_err(|e| named(path, &e))?.file_name();
        if let Some(name) = name.to_str().filter(|name| is_manifest(name))
            && path.join(name).is_file()
        {
            names.insert(name.into());
        }
    }
    Ok(names)
}

fn is_manifest(name: &str) -> bool {
    !name.starts_with('.') && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// An error with the place where it happened.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
