//! What `deploy/image` lays out: an OCI image layout in which every digest and size is right, the same each time.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const TEXT: &str = "#!/bin/sh\necho stands for the program\n";

fn image(words: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/image");
    Command::new(script).args(words).env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap()
}

/// What a program of this machine prints.
fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

struct Layout(PathBuf);

impl Layout {
    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.join(name)).unwrap()).unwrap()
    }

    /// The file that a descriptor is of, which is as long as that says and has that digest.
    fn blob(&self, descriptor: &Value, kind: &str) -> PathBuf {
        assert_eq!(descriptor["mediaType"], format!("application/vnd.oci.image.{kind}"));
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let path = self.0.join("blobs/sha256").join(digest);
        assert_eq!(descriptor["size"], fs::metadata(&path).unwrap().len());
        assert!(said("sha256sum", &[text(&path)]).starts_with(digest), "{}", path.display());
        path
    }

    fn parsed(&self, descriptor: &Value, kind: &str) -> Value {
        serde_json::from_slice(&fs::read(self.blob(descriptor, kind)).unwrap()).unwrap()
    }
}

/// Lays out an image of something that stands for the program.
fn laid_out(folder: &Path, name: &str) -> Layout {
    let program = folder.join(format!("{name}-program"));
    fs::write(&program, TEXT).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o600)).unwrap();
    let place = folder.join(name);
    let Output { status, stdout, stderr } = image(&["layout", text(&program), text(&place)]);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let printed = String::from_utf8(stdout).unwrap();
    assert!(printed.contains(&format!("{} octets\n", TEXT.len())), "{printed}");
    Layout(place.join("layout"))
}

#[test]
fn every_digest_of_the_layout_is_right_and_nothing_else_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let layout = laid_out(folder.path(), "image");
    assert_eq!(layout.json("oci-layout")["imageLayoutVersion"], "1.0.0");
    let index = layout.json("index.json");
    assert_eq!(index["schemaVersion"], 2);
    let [image] = index["manifests"].as_array().unwrap().as_slice() else { panic!("{index}") };
    assert_eq!(image["annotations"]["org.opencontainers.image.ref.name"], env!("CARGO_PKG_VERSION"));
    let manifest = layout.parsed(image, "manifest.v1+json");
    let config = layout.parsed(&manifest["config"], "config.v1+json");
    assert_eq!(image["platform"]["architecture"], config["architecture"]);
    assert_eq!(config["config"]["Entrypoint"][0], "/usr/bin/kube-announcer");
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    let [layer] = manifest["layers"].as_array().unwrap().as_slice() else { panic!("{manifest}") };
    let packed = layout.blob(layer, "layer.v1.tar+gzip");
    let blobs: BTreeSet<_> =
        fs::read_dir(layout.0.join("blobs/sha256")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(blobs.len(), 3, "{blobs:?}");

    // What it unpacks to has the digest that the configuration says, and belongs to root.
    let unpacked = folder.path().join("layer.tar");
    fs::write(&unpacked, Command::new("gzip").args(["-dc", text(&packed)]).output().unwrap().stdout).unwrap();
    let digest = said("sha256sum", &[text(&unpacked)]);
    assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", digest.split(' ').next().unwrap()));
    let listed = said("tar", &["--utc", "--full-time", "--numeric-owner", "-tvf", text(&unpacked)]);
    let files: Vec<_> =
        listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let program = format!("-rwxr-xr-x 0/0 {} 2023-11-14 22:13:20 usr/bin/kube-announcer", TEXT.len());
    assert!(files.contains(&program), "{files:#?}");
    assert!(files.iter().all(|file| file.contains(" 0/0 ")), "{files:#?}");
    assert!(files.iter().any(|file| file.ends_with("LICENSE-MIT")), "{files:#?}");
}

#[test]
fn the_same_program_gives_the_same_image_wherever_it_is_laid_out() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["here", "there"].map(|name| laid_out(folder.path(), name));
    assert_eq!(first.json("index.json"), second.json("index.json"));
    let file = |layout: &Layout| {
        let folder = layout.0.parent().unwrap();
        let mut files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        fs::read(files.find(|path| path.extension().is_some_and(|end| end == "tar")).unwrap()).unwrap()
    };
    assert!(file(&first) == file(&second), "the packed images differ");
}

#[test]
fn what_is_asked_wrongly_is_answered_with_how_to_ask() {
    let wrong = image(&["layout", "one"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("usage: deploy/image"));
}
