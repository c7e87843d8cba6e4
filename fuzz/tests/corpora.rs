//! The committed corpora run through the bodies of the fuzz targets at every `cargo test -p fuzz`.

use std::{fs, path::Path};

#[test]
fn every_committed_input_is_survived() {
    for (name, target) in fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for path in &files {
            // A panic names the promise that was broken, this line the input.
            println!("{}", path.display());
            target(&fs::read(path).unwrap());
        }
        println!("{name}: {} inputs", files.len());
    }
}
