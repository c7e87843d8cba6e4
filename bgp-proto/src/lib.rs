//! BGP-4 for Rust: a zero-copy wire codec with RFC 7606 error treatment, and the session as a machine without I/O.
//!
//! No I/O, no clock, no threads, no logging, no `unsafe`; `no_std` with `alloc`. No input can make it panic.
//!
//! # Decode
//!
//! [`frame`](wire::frame::frame) finds where a message ends, [`Message::decode`](wire::message::Message::decode)
//! validates it once and hands out a view: iterators and accessors over the octets that cannot fail any more.
//!
//! ```
//! # use bgp_proto::{agreed::{Agreed, PeerKind}, wire::{frame::{frame, Frame}, message::Message}};
//! # fn read(input: &[u8]) -> Result<(), bgp_proto::fault::Fault> {
//! let agreed = Agreed::new(PeerKind::External);
//! if let Frame::Message(raw) = frame(input, Some(&agreed))
//!     && let Message::Update(update) = Message::decode(raw, &agreed)?
//! {
//!     for path in update.announced() {
//!         println!("{} via AS path {}", path.item, update.attributes().as_path().unwrap_or_default());
//!     }
//! }
//! # Ok(())
//! # }
//! # read(&[255; 4]).unwrap();
//! ```
//!
//! What a message means depends on what the two OPENs settled: [`Agreed`](agreed::Agreed), one plain value. Nothing
//! is guessed from the octets.
//!
//! # Build
//!
//! ```
//! use bgp_proto::{agreed::{Agreed, PeerKind}, attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes}};
//! use bgp_proto::{family::Family, numbers::{Asn, Origin}, prefix::Prefix, wire::{nlri::Path, pack::Announcement}};
//!
//! let attributes = PathAttributes {
//!     origin: Some(Origin::IGP),
//!     as_path: AsPathBuf::sequence(&[Asn(65000)]),
//!     communities: vec!["65000:1".parse()?, "no-export".parse()?],
//!     ..PathAttributes::default()
//! };
//! let (mut section, mut out) = (Vec::new(), Vec::new());
//! attributes.encode(true, &mut section);
//! let next_hop = NextHop::Ipv4([192, 0, 2, 1].into());
//! let paths = ["203.0.113.0/24".parse::<Prefix<u32>>()?, "198.51.100.0/24".parse()?].map(Path::from);
//! let announcement = Announcement { family: Family::IPV4, attributes: &section, next_hop };
//! let messages = announcement.encode(&Agreed::new(PeerKind::External), paths, &mut out)?;
//! assert_eq!((messages, out.len()), (1, 62));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Mistakes of the other side
//!
//! What ends a session is a [`Fault`](fault::Fault): `Copy`, with code, subcode and data of the NOTIFICATION that it
//! becomes. Everything less is part of the decoded UPDATE (RFC 7606): [`Update::treatment`] says what the message
//! costs, [`Update::malformed`] which attributes are to blame; prefixes stay readable where they are to be withdrawn.
//!
//! # The session
//!
//! A [`Session`](session::Session) is RFC 4271's state machine with its connections, collisions, negotiation, timers and
//! NOTIFICATIONs. Time and octets go in; octets, actions and one deadline come out. The caller owns the sockets:
//!
//! ```
//! use bgp_proto::{numbers::{Asn, HoldTime}, time::Time, wire::open::Offer};
//! use bgp_proto::session::{Action, RemoteAs, Session, SessionState, Settings};
//!
//! let speaker = |asn: u32, router_id: &str, passive: bool| -> Result<Session, Box<dyn std::error::Error>> {
//!     let offer = Offer::new(Asn(asn), router_id.parse()?, HoldTime::new(90).ok_or("no hold time")?);
//!     let mut settings = Settings::new(offer, RemoteAs::External);
//!     settings.passive = passive;
//!     Ok(Session::new(settings, u64::from(asn))?)
//! };
//! // What one has to send is what the other receives: here a slice, elsewhere a socket.
//! fn carry(now: Time, from: &mut Session, to: &mut Session) {
//!     let (out, into) = (from.connections().next(), to.connections().next());
//!     if let (Some(out), Some(into)) = (out, into) {
//!         let octets = from.transmit(out).to_vec();
//!         from.sent(now, out, octets.len());
//!         let mut input = octets.as_slice();
//!         while let Some(action) = to.receive(now, into, &mut input) {
//!             println!("{action}");
//!         }
//!     }
//! }
//! let (mut one, mut two) = (speaker(65001, "192.0.2.1", false)?, speaker(65002, "192.0.2.2", true)?);
//! let now = Time::START;
//! one.start(now);
//! two.start(now);
//! let Some(Action::Connect(dialled)) = one.poll() else { return Err("it dials".into()) };
//! two.accept(now);
//! one.connected(now, dialled);
//! for _ in 0..2 {
//!     carry(now, &mut one, &mut two);
//!     carry(now, &mut two, &mut one);
//! }
//! assert_eq!((one.state(), two.state()), (SessionState::Established, SessionState::Established));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/` has the same over sockets: with `std::net` and with tokio, in about fifty lines each, and a route collector.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | how to drive a session, and what it promises | [`session::Session`] |
//! | messages | [`wire`]: a file each |
//! | attributes and what a mistake in one costs | [`attr`], the rows of [`attr::table`] |
//! | whether a path still carries packets: BFD | [`bfd::Session`] |
//! | prefixes, families, numbers | [`prefix`], [`family`], [`numbers`] |
//!
//! Feature `serde` (off): all owned types; prefixes, communities and paths travel as text.
//!
//! [`Update::treatment`]: wire::update::Update::treatment
//! [`Update::malformed`]: wire::update::Update::malformed

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing))]

extern crate alloc;

pub mod agreed;
pub mod attr;
pub mod bfd;
pub mod family;
pub mod fault;
pub mod numbers;
pub mod prefix;
mod random;
pub mod session;
pub mod text;
pub mod time;
pub mod wire;
