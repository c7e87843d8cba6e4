//! Packets of many flows to an address that several namespaces have: which of them took each packet in, one by one.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeBounds;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};

use crate::namespace::Namespace;
use crate::wait::{now, pause, within};

/// The stream: numbered UDP packets at an even pace, of one flow after the other.
pub struct Flows {
    /// How many flows. Packet `n` is one of flow `n` modulo this.
    pub flows: u16,
    /// How long one packet follows the other.
    pub interval: Duration,
}

/// What became of each packet.
#[derive(Clone, Debug)]
pub struct Trace {
    flows: u16,
    /// By number: which receiver took it.
    taken: Vec<Option<usize>>,
}

/// How far the stream is.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    count: &'a AtomicU32,
    interval: Duration,
}

/// How long the last packets may be under way.
const LINGER: Duration = Duration::from_millis(300);
/// How much slower than wanted a busy machine may send.
const SLOWNESS: u32 = 20;
/// What a receiver may leave unread for a while: it is this test that is late then, and not the network.
const BUFFER: usize = 8 << 20;

impl Sent<'_> {
    /// The number that the next packet gets.
    pub fn number(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until so many more were sent.
    ///
    /// # Panics
    /// When that takes far longer than it should.
    #[track_caller]
    pub fn more(&self, packets: u32) {
        let until = self.number() + packets;
        let bound = self.interval * packets * SLOWNESS + Duration::from_secs(5);
        let sent = within(bound, || (self.number() >= until).then_some(()));
        assert!(sent.is_some(), "{} packets of {until} were sent within {bound:?}", self.number());
    }
}

impl Flows {
    /// Sends packets from one namespace to an address that all of the others have, for as long as `meanwhile` runs, here.
    ///
    /// # Panics
    /// When the address is not one of a receiving namespace.
    pub fn stream(
        &self,
        from: &Namespace,
        to: &[&Namespace],
        address: &str,
        meanwhile: impl FnOnce(Sent<'_>),
    ) -> Trace {
        let address: IpAddr = address.parse().unwrap_or_else(|_| panic!("{address:?} is no address"));
        let mut target = SocketAddr::from((address, 0));
        let any: IpAddr = if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let bind = |namespace: &Namespace, local: SocketAddr| {
            let opened = namespace.run(|| UdpSocket::bind(local));
            opened.unwrap_or_else(|e| panic!("{local} in {}: {e}", namespace.name()))
        };
        let mut receivers = Vec::new();
        for namespace in to {
            let receiver = bind(namespace, target);
            // The first one chooses the port: another stream may be under way.
            target = receiver.local_addr().expect("a bound socket has an address");
            setsockopt(&receiver, RcvBufForce, &BUFFER).expect("root of a namespace may have a buffer");
            receivers.push(receiver);
        }
        let senders: Vec<_> = (0..self.flows).map(|_| bind(from, (any, 0).into())).collect();
        let (over, arrived, count) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU32::new(0));
        let numbers = std::thread::scope(|scope| {
            let end = &arrived;
            let counting: Vec<_> =
                receivers.iter().map(|socket| scope.spawn(move || receive(socket, end))).collect();
            let sending = scope.spawn(|| self.send(&senders, target, &count, &over));
            let ends = (Done(&over), Done(&arrived));
            meanwhile(Sent { count: &count, interval: self.interval });
            drop(ends.0);
            sending.join().expect("sending does not panic");
            drop(ends.1);
            let joined = counting.into_iter().map(|one| one.join().expect("counting does not panic"));
            joined.collect::<Vec<_>>()
        });
        let mut taken = vec![None; count.into_inner() as usize];
        for (at, numbers) in numbers.into_iter().enumerate() {
            for number in numbers {
                if let Some(place) = taken.get_mut(number as usize) {
                    *place = Some(at);
                }
            }
        }
        Trace { flows: self.flows, taken }
    }

    /// A packet that finds no route is lost, and the stream goes on.
    fn send(&self, sockets: &[UdpSocket], target: SocketAddr, count: &AtomicU32, over: &AtomicBool) {
        let start = now();
        for (number, socket) in (0..).zip(sockets.iter().cycle()) {
            if over.load(Ordering::Acquire) {
                return;
            }
            pause((self.interval * number).saturating_sub(now() - start));
            let _ = socket.send_to(&number.to_be_bytes(), target);
            count.store(number + 1, Ordering::Release);
        }
    }
}

fn receive(socket: &UdpSocket, over: &AtomicBool) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut buffer = [0; 4];
    socket.set_read_timeout(Some(LINGER)).expect("a timeout other than zero is allowed");
    // A packet that is still under way when the sender ends gets one more LINGER.
    let mut last_chance = false;
    while !last_chance {
        last_chance = over.load(Ordering::Acquire);
        while socket.recv(&mut buffer).is_ok() {
            numbers.push(u32::from_be_bytes(buffer));
        }
    }
    numbers
}

/// It is over, however that came.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Trace {
    /// How many packets were sent.
    pub fn sent(&self) -> u32 {
        u32::try_from(self.taken.len()).unwrap_or(u32::MAX)
    }

    /// The numbers of the packets that nobody took.
    pub fn lost(&self) -> Vec<u32> {
        (0..).zip(&self.taken).filter(|(_, taken)| taken.is_none()).map(|(number, _)| number).collect()
    }

    /// How many packets each of so many receivers took, of those with these numbers.
    pub fn shares(&self, receivers: usize, numbers: impl RangeBounds<u32>) -> Vec<usize> {
        let of = |receiver| (0..).zip(&self.taken).filter(move |(_, taken)| **taken == Some(receiver));
        let count = |receiver| of(receiver).filter(|(number, _)| numbers.contains(number)).count();
        (0..receivers).map(count).collect()
    }

    /// Who took the packets of each flow, of those with these numbers.
    pub fn by_flow(&self, numbers: impl RangeBounds<u32>) -> Vec<BTreeSet<usize>> {
        let mut all = vec![BTreeSet::new(); self.flows.into()];
        for (number, taken) in (0..).zip(&self.taken) {
            if let Some(receiver) = taken
                && numbers.contains(&number)
            {
                all[number as usize % usize::from(self.flows)].insert(*receiver);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_tells_of_each_packet() {
        let trace = Trace { flows: 2, taken: vec![Some(0), Some(1), None, Some(1), Some(1)] };
        assert_eq!((trace.sent(), trace.lost()), (5, vec![2]));
        assert_eq!(trace.shares(2, ..), [1, 3]);
        assert_eq!(trace.shares(2, 1..4), [0, 2]);
        assert_eq!(trace.by_flow(..), [BTreeSet::from([0, 1]), BTreeSet::from([1])]);
        assert_eq!(trace.by_flow(3..), [BTreeSet::from([1]), BTreeSet::from([1])]);
    }
}
