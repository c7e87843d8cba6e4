//! A folder of manifests while it changes, on a real file system.

use kube_announcer::source::{Change, Told, folder};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::sync::mpsc::{Receiver, channel};

const BOUND: Duration = Duration::from_secs(20);

fn node(name: &str) -> String {
    format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n---\n")
}

/// A folder and all that is told of it.
struct Watched {
    _root: TempDir,
    path: PathBuf,
    told: Receiver<Told>,
    mistakes: Vec<String>,
}

impl Watched {
    fn new(fill: impl FnOnce(&Path)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("manifests");
        fs::create_dir(&path).unwrap();
        fill(&path);
        let (tell, told) = channel(4);
        folder::watch(&path, tell).unwrap();
        Watched { _root: root, path, told, mistakes: Vec::new() }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path.join(file), text).unwrap();
    }

    /// What is told until the next time to plan.
    async fn next(&mut self) -> Vec<String> {
        let mut changes = Vec::new();
        loop {
            let told = tokio::time::timeout(BOUND, self.told.recv()).await;
            match told.expect("something is told in time").expect("somebody tells") {
                Told::Change(Change::Apply(object)) => changes.push(format!("+{}", object.key().name)),
                Told::Change(Change::Remove(key)) => changes.push(format!("-{}", key.name)),
                Told::Mistakes(mistakes) => {
                    self.mistakes = mistakes.iter().map(ToString::to_string).collect();
                }
                Told::Ignored(_) => {}
                Told::Whole => return changes,
                other => panic!("a folder tells nothing like {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_there_is_told_first_and_then_what_changes() {
    let mut watched = Watched::new(|path| {
        fs::write(path.join("a.yaml"), node("a") + &node("b")).unwrap();
        fs::write(path.join("notes.txt"), "not ours").unwrap();
        fs::write(path.join(".hidden.yaml"), node("hidden")).unwrap();
    });
    assert_eq!(watched.next().await, ["+a", "+b"]);
    watched.write("c.json", r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "c"}}"#);
    assert_eq!(watched.next().await, ["+c"]);
    watched.write("a.yaml", &node("a"));
    assert_eq!(watched.next().await, ["-b"]);
    fs::remove_file(watched.path.join("c.json")).unwrap();
    assert_eq!(watched.next().await, ["-c"]);
}

#[tokio::test]
async fn an_empty_folder_is_whole_at_once() {
    let mut watched = Watched::new(|_| {});
    assert_eq!(watched.next().await, [""; 0]);
}

#[tokio::test]
async fn files_moved_in_and_out_count_like_files_written_and_removed() {
    let mut watched = Watched::new(|_| {});
    watched.next().await;
    let outside = watched.path.with_file_name("a.yaml");
    fs::write(&outside, node("a")).unwrap();
    fs::rename(&outside, watched.path.join("a.yaml")).unwrap();
    assert_eq!(watched.next().await, ["+a"]);
    fs::rename(watched.path.join("a.yaml"), watched.path.join("b.yaml")).unwrap();
    fs::write(&outside, node("c")).unwrap();
    fs::rename(&outside, watched.path.join("c.yaml")).unwrap();
    assert_eq!(watched.next().await, ["+c"], "the object moved with its file");
    fs::rename(watched.path.join("b.yaml"), &outside).unwrap();
    assert_eq!(watched.next().await, ["-a"]);
}

#[tokio::test]
async fn a_file_that_is_being_written_waits_until_it_is_closed() {
    use std::io::Write;
    let mut watched = Watched::new(|path| fs::write(path.join("a.yaml"), node("a") + &node("b")).unwrap());
    watched.next().await;
    let mut file = fs::File::create(watched.path.join("a.yaml")).unwrap();
    file.write_all(node("a").as_bytes()).unwrap();
    // Another file makes the watcher look while this one is half there.
    watched.write("z.yaml", &node("z"));
    assert_eq!(watched.next().await, ["+z"]);
    file.write_all((node("b") + &node("c")).as_bytes()).unwrap();
    drop(file);
    assert_eq!(watched.next().await, ["+c"]);
}

#[tokio::test]
async fn a_mounted_config_map_is_taken_whole_when_its_link_is_swapped() {
    let mut watched = Watched::new(|path| {
        fs::create_dir(path.join("..1")).unwrap();
        fs::write(path.join("..1/a.yaml"), node("a")).unwrap();
        fs::write(path.join("..1/b.yaml"), node("b")).unwrap();
        symlink("..1", path.join("..data")).unwrap();
        symlink("..data/a.yaml", path.join("a.yaml")).unwrap();
        symlink("..data/b.yaml", path.join("b.yaml")).unwrap();
    });
    assert_eq!(watched.next().await, ["+a", "+b"]);
    fs::create_dir(watched.path.join("..2")).unwrap();
    watched.write("..2/a.yaml", &node("a2"));
    watched.write("..2/b.yaml", &node("b"));
    symlink("..2", watched.path.join("..data_tmp")).unwrap();
    fs::rename(watched.path.join("..data_tmp"), watched.path.join("..data")).unwrap();
    assert_eq!(watched.next().await, ["-a", "+a2"]);
}

#[tokio::test]
async fn a_broken_file_is_said_and_what_it_held_stays() {
    let mut watched = Watched::new(|path| fs::write(path.join("a.yaml"), node("a")).unwrap());
    watched.next().await;
    watched.write("a.yaml", "kind: [\n");
    assert_eq!(watched.next().await, [""; 0]);
    assert!(watched.mistakes[0].starts_with("a.yaml:"), "{:?}", watched.mistakes);
    watched.write("a.yaml", &node("a"));
    assert_eq!(watched.next().await, [""; 0]);
    assert_eq!(watched.mistakes, [""; 0]);
}

#[tokio::test]
async fn a_folder_that_is_gone_keeps_what_it_held_and_one_in_its_place_is_read() {
    let mut watched = Watched::new(|path| fs::write(path.join("a.yaml"), node("a") + &node("b")).unwrap());
    watched.next().await;
    fs::remove_dir_all(&watched.path).unwrap();
    assert_eq!(watched.next().await, [""; 0]);
    assert!(watched.mistakes[0].contains("the folder is gone"), "{:?}", watched.mistakes);
    let other = watched.path.with_file_name("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("a.yaml"), node("b") + &node("c")).unwrap();
    fs::rename(&other, &watched.path).unwrap();
    assert_eq!(watched.next().await, ["-a", "+c"]);
    assert_eq!(watched.mistakes, [""; 0]);
    watched.write("d.yaml", &node("d"));
    assert_eq!(watched.next().await, ["+d"]);
}

#[tokio::test]
async fn a_change_behind_a_link_is_found_without_inotify() {
    let mut watched = Watched::new(|path| {
        fs::write(path.with_file_name("real"), node("a")).unwrap();
        symlink("../real", path.join("a.yaml")).unwrap();
    });
    assert_eq!(watched.next().await, ["+a"]);
    fs::write(watched.path.with_file_name("real"), node("b")).unwrap();
    assert_eq!(watched.next().await, ["-a", "+b"]);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_refused() {
    let (tell, _told) = channel(1);
    let refused = folder::watch(Path::new("/no/such/folder"), tell).unwrap_err();
    assert!(refused.to_string().contains("/no/such/folder"), "{refused}");
}

/// Not a bound that a busy machine could break: it prints what it takes, and only a stall fails.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it measures")]
async fn a_change_is_told_within_milliseconds() {
    let mut watched = Watched::new(|path| {
        for file in 0..50 {
            fs::write(path.join(format!("{file}.yaml")), node(&format!("n{file}"))).unwrap();
        }
    });
    watched.next().await;
    let mut took = Vec::new();
    for round in 0..21 {
        let text = node("changed") + &node(&format!("round{round}"));
        let before = Instant::now();
        watched.write("0.yaml", &text);
        watched.next().await;
        took.push(before.elapsed());
    }
    took.sort();
    println!("a written file is told after {:?}, at worst {:?}", took[10], took[20]);
    assert!(took[10] < Duration::from_millis(250), "{took:?}");
}
