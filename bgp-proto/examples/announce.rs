//! A blocking speaker: dials a router and announces one IPv4 prefix to it, with its own address as the next hop.
//! Ends when the session does.
//!
//! `cargo run -p bgp-proto --example announce -- 192.0.2.1:179 65001 192.0.2.2 203.0.113.0/24`

#[path = "shared/route.rs"]
mod route;

use bgp_proto::session::{Action, Session};
use std::io::{ErrorKind, Read, Write};
use std::{net::TcpStream, time::Duration};

fn main() -> std::process::ExitCode {
    route::report(&run())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let wish = route::Wish::of_arguments("announce")?;
    let now = route::clock();
    let mut session = Session::new(wish.settings(), u64::from(std::process::id()))?;
    session.start(now());
    let Some(Action::Connect(id)) = session.poll() else { return Err("nothing to dial".into()) };
    let refused = |error| format!("{}: {error}; does a BGP speaker listen there?", wish.router);
    let mut stream = TcpStream::connect(wish.router).map_err(refused)?;
    session.connected(now(), id);
    let (mut buffer, mut unread) = ([0; 65536], Vec::new());
    loop {
        let mut input = unread.as_slice();
        while let Some(action) = session.receive(now(), id, &mut input) {
            println!("{action}");
            match action {
                Action::Established { .. } => {
                    let local = stream.local_addr()?;
                    session.send(|terms, out| wish.encode(local, terms, out));
                }
                Action::Close { last, reason, .. } => {
                    stream.write_all(&last)?;
                    return Err(reason.to_string().into());
                }
                _ => {}
            }
        }
        unread = input.to_vec();
        let octets = session.transmit(id).len();
        stream.write_all(session.transmit(id))?;
        session.sent(now(), id, octets);
        let wait = session.deadline().map(|due| (due - now()).max(Duration::from_millis(1)));
        stream.set_read_timeout(wait)?;
        match stream.read(&mut buffer) {
            Ok(octets @ 1..) => unread.extend_from_slice(&buffer[..octets]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => session.tick(now()),
            Ok(0) | Err(_) => session.closed(now(), id),
        }
    }
}
