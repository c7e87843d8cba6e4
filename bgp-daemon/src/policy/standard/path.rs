//! Changes of an AS path that depend on its ASes: private ones removed, the peer's own overridden, a confederation's
//! segments taken off or put in front.

use bgp_proto::{
    attr::as_path::{AsPathBuf, Segment, SegmentKind},
    numbers::Asn,
};

/// Which private ASes (RFC 6996) disappear from the path on the way to an external peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemovePrivate {
    /// Those in front of the first public one.
    Leading,
    /// All.
    All,
    /// All, and our own AS stands in their place, so that the path keeps its length.
    Replace,
}

fn rebuild(path: &mut AsPathBuf, mut put: impl FnMut(&mut AsPathBuf, Segment<'_>)) {
    let mut built = AsPathBuf::default();
    path.view().segments().for_each(|segment| put(&mut built, segment));
    *path = built;
}

/// Removes private ASes. `own` replaces them; the AS of the peer itself, `peer`, always stays: without it the peer would
/// not see a loop.
pub fn remove_private(path: &mut AsPathBuf, mode: RemovePrivate, own: Asn, peer: Asn) {
    let hidden = |asn: Asn| asn.is_private() && asn != peer;
    if !path.view().asns().any(hidden) {
        return;
    }
    let mut leading = true;
    rebuild(path, |built, segment| {
        let seen = |asn: Asn| {
            leading &= hidden(asn);
            match mode {
                RemovePrivate::Leading if leading => None,
                RemovePrivate::All if hidden(asn) => None,
                RemovePrivate::Replace if hidden(asn) => Some(own),
                _ => Some(asn),
            }
        };
        built.push(segment.kind, segment.asns().filter_map(seen));
    });
}

/// Puts our AS wherever the peer's stands, so that the peer does not take the route for a loop (`as_override`).
pub fn override_asn(path: &mut AsPathBuf, peer: Asn, own: Asn) {
    if path.view().asns().any(|asn| asn == peer) {
        let ours = |asn: Asn| if asn == peer { own } else { asn };
        rebuild(path, |built, segment| built.push(segment.kind, segment.asns().map(ours)));
    }
}

fn is_confederation(kind: SegmentKind) -> bool {
    matches!(kind, SegmentKind::CONFED_SEQUENCE | SegmentKind::CONFED_SET)
}

/// Takes the confederation's segments off (RFC 5065 §4.1 c).
pub fn leave_confederation(path: &mut AsPathBuf) {
    if path.view().segments().any(|segment| is_confederation(segment.kind)) {
        rebuild(path, |built, segment| {
            if !is_confederation(segment.kind) {
                built.push(segment.kind, segment.asns());
            }
        });
    }
}

/// Puts our member AS in front, in the confederation's sequence (RFC 5065 §4.1 b).
pub fn prepend_member(path: &mut AsPathBuf, own: Asn) {
    let leads = |segment: &Segment<'_>| segment.kind == SegmentKind::CONFED_SEQUENCE && segment.count() < 255;
    let joins = path.view().segments().next().is_some_and(|segment| leads(&segment));
    let mut built = AsPathBuf::default();
    if !joins {
        built.push(SegmentKind::CONFED_SEQUENCE, [own].into_iter());
    }
    for (nth, segment) in path.view().segments().enumerate() {
        let front = [own].into_iter().filter(|_| joins && nth == 0);
        built.push(segment.kind, front.chain(segment.asns()));
    }
    *path = built;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(path: &str, change: impl FnOnce(&mut AsPathBuf)) -> String {
        let mut path = path.parse().unwrap();
        change(&mut path);
        path.to_string()
    }

    #[test]
    fn private_ases_are_removed_but_never_the_peers_own() {
        let (own, peer) = (Asn(1000), Asn(65010));
        let rows = [
            ("64512 64513 1 64514 2", "1 64514 2", "1 2", "1000 1000 1 1000 2"),
            ("64512 4200000000", "", "", "1000 1000"),
            ("64512 65010 64513", "65010 64513", "65010", "1000 65010 1000"),
            ("1 2", "1 2", "1 2", "1 2"),
            ("64512 {64513,5} 64514", "{5} 64514", "{5}", "1000 {1000,5} 1000"),
            ("64512 {64513} 5", "5", "5", "1000 {1000} 5"),
            ("", "", "", ""),
        ];
        for (path, leading, all, replace) in rows {
            let with = |mode| changed(path, |path| remove_private(path, mode, own, peer));
            assert_eq!(with(RemovePrivate::Leading), leading, "leading of {path}");
            assert_eq!(with(RemovePrivate::All), all, "all of {path}");
            assert_eq!(with(RemovePrivate::Replace), replace, "replace in {path}");
        }
    }

    #[test]
    fn the_peers_as_is_overridden_everywhere() {
        let rows = [("2 3 2 {2,4}", "1 3 1 {1,4}"), ("3 4", "3 4"), ("", "")];
        for (path, expected) in rows {
            assert_eq!(changed(path, |path| override_asn(path, Asn(2), Asn(1))), expected);
        }
    }

    #[test]
    fn confederation_segments_come_and_go() {
        let rows =
            [("(65001 65002) 1 2", "1 2"), ("[65001] {1} 2", "{1} 2"), ("1 2", "1 2"), ("(65001)", "")];
        for (path, expected) in rows {
            assert_eq!(changed(path, leave_confederation), expected);
        }
        let rows = [("", "(9)"), ("1 2", "(9) 1 2"), ("(8) 1", "(9 8) 1"), ("[8] 1", "(9) [8] 1")];
        for (path, expected) in rows {
            assert_eq!(changed(path, |path| prepend_member(path, Asn(9))), expected);
        }
        let full = format!("({})", vec!["8"; 255].join(" "));
        assert_eq!(changed(&full, |path| prepend_member(path, Asn(9))), format!("(9) {full}"));
    }
}
