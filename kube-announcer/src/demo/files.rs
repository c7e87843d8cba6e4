//! The manifests of the example cluster in a folder of their own, which goes with the demo.

use anyhow::Context;
use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The manifests as they stand in `examples/cluster`.
const MANIFESTS: [(&str, &str); 5] = [
    ("1-nodes.yaml", include_str!("../../../examples/cluster/1-nodes.yaml")),
    ("2-services.yaml", include_str!("../../../examples/cluster/2-services.yaml")),
    ("3-endpoints.yaml", include_str!("../../../examples/cluster/3-endpoints.yaml")),
    ("4-pods.yaml", include_str!("../../../examples/cluster/4-pods.yaml")),
    ("5-bgp.yaml", include_str!("../../../examples/cluster/5-bgp.yaml")),
];

/// What somebody does to a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edit {
    pub(super) file: &'static str,
    /// What stands there, and what comes in its place.
    pub(super) texts: &'static [(&'static str, &'static str)],
}

/// A folder that announcers watch, and another one, where the next edit is tried before.
#[derive(Debug)]
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new() -> anyhow::Result<Self> {
        let root = std::env::temp_dir().join(format!("kube-announcer-demo-{}", std::process::id()));
        let make = |path: &Path| {
            let made = fs::DirBuilder::new().mode(0o700).create(path);
            made.with_context(|| format!("{} cannot be made", path.display()))
        };
        make(&root)?;
        let files = Files(root);
        for folder in [files.watched(), files.tried()] {
            make(&folder)?;
            for (name, text) in MANIFESTS {
                fs::write(folder.join(name), text)?;
            }
        }
        Ok(files)
    }

    /// What announcers watch.
    pub(super) fn watched(&self) -> PathBuf {
        self.0.join("cluster")
    }

    /// What comes next.
    pub(super) fn tried(&self) -> PathBuf {
        self.0.join("next")
    }

    /// Edits the manifests in one of the folders, each file at once.
    pub(super) fn edit(&self, folder: &Path, edit: &Edit) -> anyhow::Result<()> {
        let path = folder.join(edit.file);
        let mut text = fs::read_to_string(&path)?;
        for (from, to) in edit.texts {
            anyhow::ensure!(text.contains(from), "{} does not hold {from:?}", edit.file);
            text = text.replacen(from, to, 1);
        }
        let new = self.0.join(edit.file);
        fs::write(&new, text)?;
        fs::rename(new, path).map_err(Into::into)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Whoever removed it before has done it for us.
        let _ = fs::remove_dir_all(&self.0);
    }
}
