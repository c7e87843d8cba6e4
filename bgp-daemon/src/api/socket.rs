//! Unix sockets that appear whole, take the place of those that a dead process left, and bound who is served at a time.

use axum::serve::Listener;
use std::{
    fmt,
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixStream as Probe,
    },
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixListener, UnixStream, unix::SocketAddr},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// As many connections are served at a time on one socket; the next ones wait.
const SERVED: usize = 64;

/// Why a socket cannot be had.
#[derive(Debug)]
pub struct NoSocket {
    place: String,
    why: String,
}

impl NoSocket {
    pub(super) fn new(place: impl fmt::Display, why: impl fmt::Display) -> Self {
        NoSocket { place: place.to_string(), why: why.to_string() }
    }
}

impl fmt::Display for NoSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.place, self.why)
    }
}

impl std::error::Error for NoSocket {}

/// A unix socket with a name in the file system, which goes with it.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    permits: Arc<Semaphore>,
    _name: Name,
}

/// The name in the file system, and whose it is.
#[derive(Debug)]
struct Name {
    path: PathBuf,
    inode: u64,
}

impl Drop for Name {
    fn drop(&mut self) {
        // Another process may have put its own there.
        if fs::symlink_metadata(&self.path).is_ok_and(|there| there.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Socket {
    /// Listens under this name. Nobody but ourselves gets in until the file has another mode.
    pub(super) fn bind(path: &Path) -> Result<Self, NoSocket> {
        let fault = |why: String| NoSocket::new(path.display(), why);
        let text = |error: io::Error| fault(error.to_string());
        free(path).map_err(fault)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(text)?;
        }
        // Under another name first: nobody gets in before the mode is set.
        let mut new = path.as_os_str().to_owned();
        new.push(format!(".{}", std::process::id()));
        let new = PathBuf::from(new);
        let _ = fs::remove_file(&new);
        let listener = UnixListener::bind(&new).map_err(text)?;
        let placed = fs::set_permissions(&new, Permissions::from_mode(0o600))
            .and_then(|()| fs::rename(&new, path))
            .and_then(|()| fs::symlink_metadata(path));
        match placed {
            Ok(there) => Ok(Socket {
                listener,
                permits: Arc::new(Semaphore::new(SERVED)),
                _name: Name { path: path.into(), inode: there.ino() },
            }),
            Err(error) => {
                let _ = fs::remove_file(&new);
                Err(text(error))
            }
        }
    }
}

/// Whether the name may be taken: nothing is there, or a socket that nobody listens on.
fn free(path: &Path) -> Result<(), String> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !there.file_type().is_socket() {
        return Err("something else has this name; remove it, or use another name".into());
    }
    match Probe::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Ok(_) => Err("another daemon listens there; stop it, or use another name".into()),
        Err(error) => Err(format!("it cannot be found out whether somebody listens there: {error}")),
    }
}

impl Listener for Socket {
    type Io = Served;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Served, SocketAddr) {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return std::future::pending().await;
        };
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => return (Served { stream, _permit: permit }, address),
                // No descriptors are left, most likely: they come back as others end.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that counts among those served.
#[derive(Debug)]
pub(super) struct Served {
    stream: UnixStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Served {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Served {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_nobody_listens_on_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/api.sock");
        let first = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let taken = Socket::bind(&path).unwrap_err().to_string();
        assert!(taken.ends_with("another daemon listens there; stop it, or use another name"), "{taken}");
        // As a process that was killed leaves it.
        let Socket { listener, _name: name, .. } = first;
        drop(listener);
        std::mem::forget(name);
        let second = Socket::bind(&path).unwrap();
        drop(second);
        assert!(!path.exists());
        fs::write(&path, "precious").unwrap();
        let file = Socket::bind(&path).unwrap_err().to_string();
        assert!(file.ends_with("something else has this name; remove it, or use another name"), "{file}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
