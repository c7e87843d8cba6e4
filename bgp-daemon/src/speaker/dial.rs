//! Dialling a peer.

use super::{
    Report,
    connection::{Connection, Order, Stream},
    discover, interfaces, socket,
};
use crate::{
    config::Remote,
    engine::{Dial, Key, Options},
};
use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV6},
    pin::pin,
};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::mpsc,
};

/// The two ends of a connection: ours, and the other.
pub(super) type Ends = (SocketAddr, SocketAddr);

impl Stream for TcpStream {
    type Options = Options;

    fn set(&mut self, options: &Options) {
        if let Err(error) = set(self, options) {
            tracing::error!("the options of a connection cannot be changed, and it stays as it was: {error}");
        }
    }
}

/// Gives a connection its options.
pub(super) fn set(stream: &TcpStream, options: &Options) -> io::Result<()> {
    let peer = stream.peer_addr()?.ip();
    socket::set_distance(stream, peer, options.distance)?;
    socket::set_key(stream, peer.into(), options.password.as_ref())
}

/// Dials, and is the connection from then on.
pub(super) async fn dial(
    key: Key,
    dial: Dial,
    mut orders: mpsc::Receiver<Order<Options>>,
    reports: mpsc::Sender<(Key, Report)>,
) {
    let mut options = None;
    let connected = {
        let mut connecting = pin!(connect(&dial));
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None | Some(Order::Close(_)) => return,
                    Some(Order::Options(changed)) => options = Some(changed),
                    // There is nothing to write to yet.
                    Some(Order::Write(_) | Order::Read) => {}
                },
                connected = &mut connecting => break connected,
            }
        }
    };
    match connected {
        Err(why) => {
            // Nobody listens any more where the speaker has ended.
            let _ = reports.send((key, Report::Failed(why.to_string()))).await;
        }
        Ok((mut stream, ends)) => {
            if let Some(options) = options {
                stream.set(&options);
            }
            if reports.send((key, Report::Connected(ends))).await.is_ok() {
                Connection { key, stream, orders, reports }.run().await;
            }
        }
    }
}

async fn connect(dial: &Dial) -> io::Result<(TcpStream, Ends)> {
    let (remote, interface) = place(dial).await?;
    let Dial { options, from, .. } = dial;
    let socket = socket::dialling(remote, *from, interface, options.distance, options.password.as_ref())?;
    let stream = TcpSocket::from_std_stream(socket.into()).connect(remote).await?;
    let ends = (stream.local_addr()?, stream.peer_addr()?);
    Ok((stream, ends))
}

/// Whom to dial, and through which interface where that counts.
async fn place(dial: &Dial) -> io::Result<(SocketAddr, Option<&str>)> {
    let (address, interface) = match &dial.remote {
        Remote::Address(address, interface) => (*address, interface.as_deref()),
        Remote::Interface(interface) => (discover::find(interface).await?.into(), Some(&**interface)),
    };
    Ok(match (address, interface) {
        (IpAddr::V6(address), Some(interface)) => {
            let scope = interfaces::index(interface)?;
            (SocketAddrV6::new(address, dial.port, 0, scope).into(), Some(interface))
        }
        (address, interface) => (SocketAddr::new(address, dial.port), interface),
    })
}
