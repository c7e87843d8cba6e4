//! Real sockets of real kernels, in namespaces.

use super::*;
use lab::{Lab, Namespace};
use std::{
    fs,
    io::{Read, Write},
    time::Duration,
};

const BOUND: Duration = Duration::from_secs(20);
/// Of us and of the peer, in each family.
const ADDRESSES: [(&str, &str); 2] = [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")];
/// Of somebody behind a router.
const AFAR: [(&str, &str); 2] = [("10.0.0.1", "10.0.1.2"), ("fd00::1", "fd00:1::2")];

/// We, a router, and somebody behind it. The router is a peer, too.
struct World {
    lab: Lab,
    ours: Namespace,
    router: Namespace,
    afar: Namespace,
}

fn world() -> Option<World> {
    let lab = Lab::needing(&[])?;
    let [ours, router, afar] = ["ours", "router", "afar"].map(|name| lab.namespace(name));
    lab.link((&ours, &["10.0.0.1/24", "fd00::1/64"]), (&router, &["10.0.0.2/24", "fd00::2/64"]));
    lab.link((&router, &["10.0.1.1/24", "fd00:1::1/64"]), (&afar, &["10.0.1.2/24", "fd00:1::2/64"]));
    ours.ip("route add 10.0.1.0/24 via 10.0.0.2");
    ours.ip("-6 route add fd00:1::/64 via fd00::2");
    afar.ip("route add 10.0.0.0/24 via 10.0.1.1");
    afar.ip("-6 route add fd00::/64 via fd00:1::1");
    Some(World { lab, ours, router, afar })
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

fn host(address: &str) -> IpNet {
    address.parse::<IpAddr>().unwrap().into()
}

/// How often the kernel of a namespace dropped something for a reason that begins like this.
fn dropped(namespace: &Namespace, reason: &str) -> u64 {
    let counters = namespace.run(|| fs::read_to_string("/proc/thread-self/net/netstat").unwrap());
    let mut lines = counters.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let of_reason = names.split(' ').zip(values.split(' ')).filter(|(name, _)| name.starts_with(reason));
    of_reason.map(|(_, value)| value.parse::<u64>().unwrap()).sum()
}

impl World {
    fn listening(&self, address: &str, keys: &[(IpNet, Option<&Password>)]) -> (Socket, SocketAddr) {
        let address = SocketAddr::new(address.parse().unwrap(), 0);
        let socket = self.ours.run(|| listening(address)).unwrap();
        for (peers, password) in keys {
            set_key(&socket, *peers, *password).unwrap();
        }
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, address)
    }

    fn dial(
        &self,
        from: &Namespace,
        to: SocketAddr,
        distance: Distance,
        password: Option<&Password>,
    ) -> Socket {
        from.run(|| {
            let socket = dialling(to, None, None, distance, password).unwrap();
            let _in_progress = socket.connect(&to.into());
            socket
        })
    }

    /// The accepted connection, or `None` when the kernel dropped something for this reason.
    fn accept(&self, listener: &Socket, reason: &str, before: u64) -> Option<Socket> {
        let what = format!("a connection, or a drop for {reason}");
        self.lab.wait_for(what, BOUND, || {
            let come = listener.accept().ok().map(|(socket, _)| Some(socket));
            come.or_else(|| (self.dropped(reason) > before).then_some(None))
        })
    }

    fn dropped(&self, reason: &str) -> u64 {
        [&self.ours, &self.router, &self.afar].map(|namespace| dropped(namespace, reason)).iter().sum()
    }

    fn connects(&self, listener: &(Socket, SocketAddr), key: Option<&Password>) -> Option<(Socket, Socket)> {
        let before = self.dropped("TCPMD5");
        let dialled = self.dial(&self.router, listener.1, Distance::Adjacent, key);
        let accepted = self.accept(&listener.0, "TCPMD5", before)?;
        Some((accepted, dialled))
    }

    fn passes(&self, from: &mut Socket, to: &mut Socket) {
        self.lab.wait_until("octets to be taken", BOUND, || from.write(b"octets").is_ok());
        let mut read = [0; 6];
        self.lab.wait_until("octets to come", BOUND, || to.read(&mut read).is_ok_and(|read| read == 6));
        assert_eq!(&read, b"octets");
    }
}

#[test]
fn what_is_sent_is_network_control_and_leaves_at_once() {
    let ipv4 = dialling("127.0.0.1:179".parse().unwrap(), None, None, Distance::Adjacent, None).unwrap();
    assert_eq!((ipv4.tos_v4().unwrap(), ipv4.ttl_v4().unwrap()), (0xc0, 255));
    let ipv6 = dialling("[::1]:179".parse().unwrap(), None, None, Distance::Multihop(3), None).unwrap();
    assert_eq!((ipv6.tclass_v6().unwrap(), ipv6.unicast_hops_v6().unwrap()), (0xc0, 3));
    assert!(ipv4.tcp_nodelay().unwrap() && ipv6.tcp_nodelay().unwrap());
}

#[test]
fn only_who_has_the_key_gets_through() {
    let Some(world) = world() else { return };
    let (right, wrong) = (password("right"), password("wrong"));
    for (address, peer) in ADDRESSES {
        let listener = world.listening(address, &[(host(peer), Some(&right))]);
        assert!(world.connects(&listener, Some(&wrong)).is_none(), "{address} took the wrong key");
        assert!(world.connects(&listener, None).is_none(), "{address} took no key");
        let (mut accepted, mut dialled) = world.connects(&listener, Some(&right)).expect("the right key");
        world.passes(&mut dialled, &mut accepted);
        world.passes(&mut accepted, &mut dialled);
    }
}

#[test]
fn a_key_for_a_range_holds_for_all_in_it_but_those_with_one_of_their_own() {
    let Some(world) = world() else { return };
    let (range, own) = (password("range"), password("own"));
    for ((address, peer), net) in ADDRESSES.into_iter().zip(["10.0.0.0/24", "fd00::/64"]) {
        let net: IpNet = net.parse().unwrap();
        let listener = world.listening(address, &[(net, Some(&range))]);
        assert!(world.connects(&listener, None).is_none(), "{net} took no key");
        assert!(world.connects(&listener, Some(&range)).is_some());
        set_key(&listener.0, host(peer), Some(&own)).unwrap();
        assert!(world.connects(&listener, Some(&range)).is_none(), "{peer} has a key of its own");
        assert!(world.connects(&listener, Some(&own)).is_some());
        set_key(&listener.0, host(peer), None).unwrap();
        assert!(world.connects(&listener, Some(&range)).is_some());
        set_key(&listener.0, net, None).unwrap();
        set_key(&listener.0, net, None).expect("a key that is gone can be removed");
        assert!(world.connects(&listener, None).is_some());
    }
}

#[test]
fn keys_are_changed_while_the_connection_stays() {
    let Some(world) = world() else { return };
    let (first, second) = (password("first"), password("second"));
    for (address, peer) in ADDRESSES {
        let listener = world.listening(address, &[(host(peer), Some(&first))]);
        let (mut accepted, mut dialled) = world.connects(&listener, Some(&first)).expect("the right key");
        world.passes(&mut dialled, &mut accepted);
        set_key(&accepted, host(peer), Some(&second)).unwrap();
        let before = world.dropped("TCPMD5");
        dialled.write_all(b"octets").unwrap();
        world.lab.wait_until("the old key to be refused", BOUND, || world.dropped("TCPMD5") > before);
        set_key(&dialled, host(address), Some(&second)).unwrap();
        let mut read = [0; 6];
        world.lab.wait_until("them to come signed anew", BOUND, || accepted.read(&mut read).is_ok());
        world.passes(&mut accepted, &mut dialled);
    }
}

#[test]
fn a_secured_peer_has_to_be_on_the_same_link() {
    let Some(world) = world() else { return };
    for (address, peer) in ADDRESSES {
        let (listener, at) = world.listening(address, &[]);
        let mut dialled = world.dial(&world.router, at, Distance::Secured, None);
        let mut accepted = world.accept(&listener, "TCPMinTTLDrop", u64::MAX).unwrap();
        let peer = peer.parse().unwrap();
        assert!(came_from_adjacent(&accepted, peer).unwrap());
        prepare(&accepted, peer).unwrap();
        set_distance(&accepted, peer, Distance::Secured).unwrap();
        world.passes(&mut dialled, &mut accepted);
        world.passes(&mut accepted, &mut dialled);
    }
}

#[test]
fn who_is_behind_a_router_is_no_secured_peer() {
    let Some(world) = world() else { return };
    for (address, peer) in AFAR {
        let (listener, at) = world.listening(address, &[]);
        let peer = peer.parse().unwrap();
        let mut dialled = world.dial(&world.afar, at, Distance::Adjacent, None);
        let mut accepted = world.accept(&listener, "TCPMinTTLDrop", u64::MAX).unwrap();
        assert!(!came_from_adjacent(&accepted, peer).unwrap());
        set_distance(&accepted, peer, Distance::Multihop(255)).unwrap();
        world.passes(&mut dialled, &mut accepted);
        let before = world.dropped("TCPMinTTLDrop");
        set_distance(&accepted, peer, Distance::Secured).unwrap();
        dialled.write_all(b"octets").unwrap();
        world.lab.wait_until("them to be dropped", BOUND, || world.dropped("TCPMinTTLDrop") > before);

        let before = world.dropped("TCPMinTTLDrop");
        let _dialled = world.dial(&world.afar, at, Distance::Secured, None);
        world.lab.wait_until("our answer to be dropped", BOUND, || world.dropped("TCPMinTTLDrop") > before);
    }
}

#[test]
fn a_dial_goes_only_as_far_as_it_may() {
    let Some(world) = world() else { return };
    for (address, _) in AFAR {
        let (listener, at) = world.listening(address, &[]);
        let near = world.dial(&world.afar, at, Distance::Multihop(1), None);
        let far = world.dial(&world.afar, at, Distance::Multihop(2), None);
        let what = "the router to say that it is too far";
        world.lab.wait_until(what, BOUND, || near.take_error().is_ok_and(|error| error.is_some()));
        assert!(world.accept(&listener, "TCPMinTTLDrop", u64::MAX).is_some());
        world.lab.wait_until("the other to be connected", BOUND, || far.peer_addr().is_ok());
        assert!(listener.accept().is_err(), "the first one came as well");
    }
}

#[test]
fn a_dial_comes_from_the_address_and_the_interface_that_it_should() {
    let Some(world) = world() else { return };
    for ((address, _), from) in ADDRESSES.into_iter().zip(["10.0.1.1", "fd00:1::1"]) {
        let (listener, at) = world.listening(address, &[]);
        let from: IpAddr = from.parse().unwrap();
        let _dialled = world.router.run(|| {
            let socket = dialling(at, Some(from), Some("ours"), Distance::Adjacent, None).unwrap();
            let _in_progress = socket.connect(&at.into());
            socket
        });
        let accepted = world.accept(&listener, "TCPMinTTLDrop", u64::MAX).unwrap();
        assert_eq!(accepted.peer_addr().unwrap().as_socket().unwrap().ip(), from);
    }
}
