//! The same as `announce` with tokio, and it dials again when the session ends.
//!
//! `cargo run -p bgp-proto --example announce_tokio -- 192.0.2.1:179 65001 192.0.2.2 203.0.113.0/24`

#[path = "shared/route.rs"]
mod route;

use bgp_proto::session::{Action, ConnectionId, Session};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    route::report(&run().await)
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let wish = route::Wish::of_arguments("announce_tokio")?;
    let now = route::clock();
    let mut session = Session::new(wish.settings(), u64::from(std::process::id()))?;
    let mut socket: Option<(ConnectionId, TcpStream)> = None;
    let (mut buffer, mut unread) = (vec![0; 65536], Vec::new());
    session.start(now());
    loop {
        let (id, mut input) = (socket.as_ref().map_or(ConnectionId(0), |known| known.0), unread.as_slice());
        while let Some(action) = session.receive(now(), id, &mut input) {
            println!("{action}");
            match (action, &socket) {
                (Action::Connect(id), _) => match TcpStream::connect(wish.router).await {
                    Ok(stream) => {
                        session.connected(now(), id);
                        socket = Some((id, stream));
                    }
                    Err(_) => session.closed(now(), id),
                },
                (Action::Close { last, .. }, Some((_, stream))) => {
                    let _ = stream.try_write(&last);
                    socket = None;
                }
                (Action::Established { .. }, Some((_, stream))) => {
                    let local = stream.local_addr()?;
                    session.send(|terms, out| wish.encode(local, terms, out));
                }
                _ => {}
            }
        }
        unread = input.to_vec();
        let wait = tokio::time::sleep(session.deadline().map_or(Duration::MAX, |due| due - now()));
        let Some((id, stream)) = &mut socket else {
            wait.await;
            session.tick(now());
            continue;
        };
        let (mut reader, mut writer) = stream.split();
        let octets = session.transmit(*id);
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(octets @ 1..) => unread.extend_from_slice(&buffer[..octets]),
                _ => session.closed(now(), *id),
            },
            written = writer.write(octets), if !octets.is_empty() => match written {
                Ok(octets) => session.sent(now(), *id, octets),
                Err(_) => session.closed(now(), *id),
            },
            () = wait => session.tick(now()),
        }
    }
}
