//! A steady stream of packets from one namespace to another, and the count of what arrived.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::namespace::Namespace;
use crate::wait::{now, pause};

/// The stream: numbered UDP packets at an even pace.
pub struct Packets {
    /// How many.
    pub count: u32,
    /// How long one follows the other.
    pub interval: Duration,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Packets that the kernel took from the sender; what it refused is lost as well.
    pub sent: u32,
    /// Different packets that arrived.
    pub received: u32,
    /// Packets that did not arrive.
    pub lost: u32,
    /// The longest run of packets lost in a row.
    pub longest_gap: u32,
    /// How long the stream took.
    pub took: Duration,
}

/// How long the last packets may be under way.
const LINGER: Duration = Duration::from_millis(300);

impl Packets {
    /// Sends them from one namespace to an address of another and counts them there. Meanwhile, here, `meanwhile` runs.
    ///
    /// # Panics
    /// When the address is not one of the receiving namespace.
    pub fn flow(&self, from: &Namespace, to: &Namespace, address: &str, meanwhile: impl FnOnce()) -> Tally {
        let address: IpAddr =
            address.parse().unwrap_or_else(|_| panic!("{address:?}: use an address of {}", to.name()));
        let bind = |namespace: &Namespace, local: SocketAddr| {
            let opened = namespace.run(|| UdpSocket::bind(local));
            opened.unwrap_or_else(|e| panic!("{local} in {}: {e}", namespace.name()))
        };
        let any: IpAddr = if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let receiver = bind(to, (address, 0).into());
        let sender = bind(from, (any, 0).into());
        let target = receiver.local_addr().expect("a bound socket has an address");
        let over = AtomicBool::new(false);
        let start = now();
        let done = Done(&over);
        std::thread::scope(|scope| {
            let counting = scope.spawn(|| self.receive(&receiver, &over));
            let sending = scope.spawn(|| self.send(&sender, target));
            let done = done;
            meanwhile();
            let sent = sending.join().expect("sending does not panic");
            let took = now() - start;
            drop(done);
            let arrived = counting.join().expect("counting does not panic");
            Tally { sent, took, ..tally(&arrived) }
        })
    }

    /// A packet that finds no route is lost, and the stream goes on.
    fn send(&self, socket: &UdpSocket, target: SocketAddr) -> u32 {
        let start = now();
        let mut sent = 0;
        for number in 0..self.count {
            pause((self.interval * number).saturating_sub(now() - start));
            sent += u32::from(socket.send_to(&number.to_be_bytes(), target).is_ok());
        }
        sent
    }

    fn receive(&self, socket: &UdpSocket, over: &AtomicBool) -> Vec<bool> {
        let mut arrived = vec![false; self.count as usize];
        let mut buffer = [0; 4];
        socket.set_read_timeout(Some(LINGER)).expect("a timeout other than zero is allowed");
        // A packet that is still under way when the sender ends gets one more LINGER.
        let mut last_chance = false;
        while arrived.contains(&false) && !last_chance {
            last_chance = over.load(Ordering::Acquire);
            while socket.recv(&mut buffer).is_ok() {
                if let Some(place) = arrived.get_mut(u32::from_be_bytes(buffer) as usize) {
                    *place = true;
                }
            }
        }
        arrived
    }
}

/// Nothing more is sent, however that came.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn tally(arrived: &[bool]) -> Tally {
    let count = |wanted: bool| {
        u32::try_from(arrived.iter().filter(|one| **one == wanted).count()).unwrap_or(u32::MAX)
    };
    let longest = arrived.split(|one| *one).map(<[bool]>::len).max().unwrap_or_default();
    let longest_gap = u32::try_from(longest).unwrap_or(u32::MAX);
    Tally { sent: 0, received: count(true), lost: count(false), longest_gap, took: Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_run_of_lost_packets() {
        let tally = tally(&[true, false, false, true, false]);
        assert_eq!((tally.received, tally.lost, tally.longest_gap), (2, 3, 2));
    }
}
