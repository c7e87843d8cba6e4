//! The example cluster, which the demo and the README show.

use kube_announcer::{crd::check, object::Object, source::folder::Folder};
use std::path::Path;

#[test]
fn the_example_cluster_is_read_without_a_mistake() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cluster");
    let (folder, outcome) = Folder::read(&path).unwrap();
    assert_eq!(folder.mistakes(), []);
    assert_eq!(outcome.ignored, []);
    assert!(outcome.changes.len() > 30, "{}", outcome.changes.len());
    for object in outcome.changes.into_iter().filter_map(kube_announcer::source::Change::applied) {
        match object {
            Object::BgpPeer(peer) => drop(check::peer(&peer).unwrap()),
            Object::BgpAdvertisement(advertisement) => drop(check::advertisement(&advertisement).unwrap()),
            _ => {}
        }
    }
}
