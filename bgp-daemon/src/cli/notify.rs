//! Telling systemd how we are: one datagram each (`sd_notify(3)`, without its library).

use std::{
    env,
    ffi::OsString,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

/// Where systemd listens; nowhere if it did not start us.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    socket: Option<OsString>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// As the environment says.
    pub(crate) fn of_environment() -> Self {
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        Supervisor {
            socket: env::var_os("NOTIFY_SOCKET"),
            watchdog: number("WATCHDOG_USEC").filter(|_| is_ours).map(Duration::from_micros),
        }
    }

    /// How often it wants to hear that we are alive: twice in the time that it waits.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog.map(|wait| wait / 2)
    }

    /// Tells it something. That it cannot be told is not worth more than a line: we go on.
    pub(crate) fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        let address = match socket.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            _ => SocketAddr::from_pathname(socket),
        };
        let sent = address.and_then(|address| send(&address, state));
        if let Err(error) = sent {
            tracing::warn!("systemd cannot be told {state:?}: {error}");
        }
    }
}

fn send(address: &SocketAddr, state: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.as_bytes(), address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_one_datagram() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor { socket: Some(path.into()), watchdog: Some(Duration::from_secs(10)) };
        supervisor.tell("READY=1\nSTATUS=3 peers");
        let mut octets = [0; 64];
        let length = socket.recv(&mut octets).unwrap();
        assert_eq!(&octets[..length], b"READY=1\nSTATUS=3 peers");
        assert_eq!(supervisor.watchdog(), Some(Duration::from_secs(5)));
        Supervisor::default().tell("READY=1");
    }
}
