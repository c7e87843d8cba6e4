//! A speaker as its shell drives it: connections and octets in, connections and octets out.

mod bench_peer;

use bench_peer::{Bench, Other, config, local};
use bgp_daemon::engine::Change;

#[test]
fn what_one_peer_announces_the_others_are_told() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    bench.other(1).announce(&[65001], &["10.0.0.0/8", "10.1.0.0/16"]);
    bench.settle();
    assert_eq!(bench.other(2).heard(), ["+10.1.0.0/16", "+10.0.0.0/8"]);
    assert_eq!(bench.other(2).routes["10.0.0.0/8"], "65000 65001");
    assert_eq!(bench.other(1).routes().len(), 0);
    bench.other(1).withdraw(&["10.1.0.0/16"]);
    bench.settle();
    assert_eq!(bench.other(2).routes(), ["10.0.0.0/8"]);
    bench.cut(1);
    assert_eq!(bench.other(2).routes().len(), 0);
    assert_eq!(bench.events[0], "peer 192.0.2.1 is down: connection lost; waits for the peer to connect");
}

#[test]
fn a_peer_that_comes_up_is_told_all_there_is_and_then_that_this_is_all() {
    let mut bench = Bench::new(config([1]));
    bench.change(Change::new().replace("pods", vec![local("10.0.0.0/24"), local("2001:db8::/64")]));
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    let heard = bench.other(1).heard();
    assert_eq!(heard[1..], ["+10.0.0.0/24", "end of ipv4", "end of ipv6"]);
}
