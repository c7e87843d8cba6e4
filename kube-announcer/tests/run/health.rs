//! What a node asks about itself: a server on loopback that says how it is, over real HTTP.

use super::router::within;
use std::net::Ipv4Addr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Well,
    Broken,
    /// As a proxy that ends: it hangs up without a word.
    Gone,
}

/// The server.
pub(crate) struct Health {
    pub(crate) port: u16,
    mode: watch::Sender<Mode>,
    /// How it answered, as often as it was asked.
    answered: watch::Receiver<Vec<Mode>>,
    task: AbortHandle,
}

impl Drop for Health {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Health {
    pub(crate) async fn new(mode: Mode) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, now) = watch::channel(mode);
        let (tell, answered) = watch::channel(Vec::new());
        let serve = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mode = *now.borrow();
                if answer(stream, mode).await.is_ok() {
                    tell.send_modify(|all: &mut Vec<Mode>| all.push(mode));
                }
            }
        };
        Health { port, mode, answered, task: tokio::spawn(serve).abort_handle() }
    }

    /// From now on it answers so; waits until it has, as often as said.
    pub(crate) async fn is(&self, mode: Mode, times: usize) {
        let before = self.answered.borrow().len();
        self.mode.send_replace(mode);
        let mut answered = self.answered.clone();
        let enough = |all: &Vec<Mode>| all[before..].iter().filter(|one| **one == mode).count() >= times;
        within("the node to ask", answered.wait_for(enough)).await.unwrap();
    }
}

async fn answer(mut stream: TcpStream, mode: Mode) -> std::io::Result<()> {
    let mut asked = [0; 13];
    stream.read_exact(&mut asked).await?;
    assert_eq!(&asked, b"GET /healthz ");
    let status = match mode {
        Mode::Well => "200 OK",
        Mode::Broken => "503 Service Unavailable",
        Mode::Gone => return Ok(()),
    };
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await
}
