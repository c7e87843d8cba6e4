//! Asks a port of this machine how it is: one GET, of which only the status is read.

use super::gate::Said;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// The longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// A status stands in the first octets: `HTTP/1.1 200`.
const STATUS: usize = 12;

/// What a port says, at loopback or at one of these addresses: a proxy may listen at the node's address only.
pub(super) async fn ask(addresses: &[IpAddr], port: u16) -> Said {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    for address in loopback.iter().chain(addresses) {
        let answer = timeout(PATIENCE, get(SocketAddr::new(*address, port))).await;
        match answer.map(|status| status.ok().flatten()) {
            Err(_) => return Said::Failed(None),
            Ok(Some(200..300)) => return Said::Well,
            Ok(Some(status @ 500..)) => return Said::Failed(Some(status)),
            // Refused, cut off, or somebody else who knows nothing of it.
            Ok(_) => {}
        }
    }
    Said::Nobody
}

/// The status of an answer; `None`: it is not one of HTTP.
async fn get(place: SocketAddr) -> io::Result<Option<u16>> {
    let mut stream = connect(place).await?;
    let question = format!(
        "GET /healthz HTTP/1.1\r\nHost: {place}\r\nUser-Agent: kube-announcer\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(question.as_bytes()).await?;
    let mut answer = [0; STATUS];
    stream.read_exact(&mut answer).await?;
    Ok(status(&answer))
}

/// From the same address: so it is one of this machine, whatever a Node says, and no other machine is asked.
async fn connect(place: SocketAddr) -> io::Result<TcpStream> {
    let socket = if place.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(place.ip(), 0))?;
    socket.connect(place).await
}

fn status(answer: &[u8]) -> Option<u16> {
    let text = str::from_utf8(answer).ok()?;
    let (version, status) = text.split_once(' ')?;
    version.strip_prefix("HTTP/1.").and(status.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// What is said of a server that answers this, and keeps the connection.
    async fn said_of(answer: &'static str) -> Said {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 13];
            stream.read_exact(&mut asked).await.unwrap();
            assert_eq!(&asked, b"GET /healthz ");
            stream.write_all(answer.as_bytes()).await.unwrap();
            if answer.is_empty() {
                // It never answers: the one who asks ends it.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            said = ask(&[], port) => said,
            () = async { serve.await; std::future::pending().await } => Said::Nobody,
        }
    }

    #[tokio::test]
    async fn a_status_is_what_counts() {
        assert_eq!(said_of("HTTP/1.1 200 OK\r\n\r\n").await, Said::Well);
        assert_eq!(said_of("HTTP/1.0 204 No Content\r\n\r\n").await, Said::Well);
        assert_eq!(said_of("HTTP/1.1 503 Service Unavailable\r\n\r\n").await, Said::Failed(Some(503)));
        assert_eq!(said_of("HTTP/1.1 404 Not Found\r\n\r\n").await, Said::Nobody, "somebody else's port");
        assert_eq!(said_of("SSH-2.0-OpenSSH_9.2\r\n").await, Said::Nobody);
    }

    #[tokio::test]
    async fn silence_is_a_failure_and_a_refusal_is_not() {
        assert_eq!(said_of("").await, Said::Failed(None));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert_eq!(ask(&[], port).await, Said::Nobody);
    }

    #[tokio::test]
    async fn no_other_machine_is_asked() {
        let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
        let error = connect(SocketAddr::new(elsewhere, 10256)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
