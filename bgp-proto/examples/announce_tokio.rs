//! The same as `announce` with tokio: reading, writing and time go on at once.
//!
//! `cargo run -p bgp-proto --example announce_tokio -- 192.0.2.1:179 65001 192.0.2.2 203.0.113.0/24`

#[path = "shared/route.rs"]
mod route;

use bgp_proto::session::{Action, Session};
use std::time::Duration;
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    route::report(&run().await)
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let wish = route::Wish::of_arguments("announce_tokio")?;
    let now = route::clock();
    let mut session = Session::new(wish.settings(), u64::from(std::process::id()))?;
    session.start(now());
    let Some(Action::Connect(id)) = session.poll() else { return Err("nothing to dial".into()) };
    let refused = |error| format!("{}: {error}; does a BGP speaker listen there?", wish.router);
    let mut stream = TcpStream::connect(wish.router).await.map_err(refused)?;
    session.connected(now(), id);
    let (mut buffer, mut unread) = (vec![0; 65536], Vec::new());
    loop {
        let mut input = unread.as_slice();
        while let Some(action) = session.receive(now(), id, &mut input) {
            println!("{action}");
            if let Action::Established { .. } = action {
                let local = stream.local_addr()?;
                session.send(|terms, out| wish.encode(local, terms, out));
            } else if let Action::Close { last, reason, .. } = action {
                stream.write_all(&last).await?;
                return Err(reason.to_string().into());
            }
        }
        unread = input.to_vec();
        let wait = session.deadline().map_or(Duration::MAX, |due| due - now());
        let (mut reader, mut writer) = stream.split();
        let octets = session.transmit(id);
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(octets @ 1..) => unread.extend_from_slice(&buffer[..octets]),
                _ => session.closed(now(), id),
            },
            written = writer.write(octets), if !octets.is_empty() => session.sent(now(), id, written?),
            () = tokio::time::sleep(wait) => session.tick(now()),
        }
    }
}
