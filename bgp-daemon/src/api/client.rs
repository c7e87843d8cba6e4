//! Asking a daemon over its unix socket, as the program does it.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fmt, io,
    path::{Path, PathBuf},
};
use tokio::net::UnixStream;

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// Nobody listens on the socket.
    NotRunning(PathBuf),
    /// We may not use the socket.
    NotPermitted(PathBuf),
    /// The daemon says no, and why.
    Refused(StatusCode, String),
    /// The conversation broke.
    Broken(PathBuf, String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotRunning(socket) => write!(
                f,
                "no daemon listens on {}; start one with `bgp-daemon run FILE` and [api] in that file, or say where it listens with --socket",
                socket.display()
            ),
            Error::NotPermitted(socket) => write!(
                f,
                "you may not use {}; become a user or group that owns it, or ask its read-only socket with --socket",
                socket.display()
            ),
            Error::Refused(_, sentence) => f.write_str(sentence),
            Error::Broken(socket, why) => {
                write!(f, "the daemon on {} does not answer as expected: {why}", socket.display())
            }
        }
    }
}

impl std::error::Error for Error {}

/// What the API says where it says no.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// The most octets of one line or one whole answer that are taken.
const LONGEST: usize = 16 << 20;

/// Knows where a daemon listens.
#[derive(Clone, Debug)]
pub struct Client {
    sockets: Vec<PathBuf>,
}

impl Client {
    /// Asks on the first of these sockets that may be used.
    pub fn new(sockets: Vec<PathBuf>) -> Self {
        Client { sockets }
    }

    /// Asks; `body` is JSON or text as the path wants it.
    ///
    /// # Errors
    /// There is no daemon, or it says no.
    pub async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Result<Answer, Error> {
        let (stream, socket) = self.connect().await?;
        let broken = |why: &dyn fmt::Display| Error::Broken(socket.clone(), why.to_string());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "bgp-daemon")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|error| broken(&error))?;
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = response.status();
        let mut answer = Answer { socket, body: response.into_body(), rest: BytesMut::new(), ended: false };
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.whole().await?;
        let sentence = serde_json::from_slice(&text)
            .map(|refusal: Refusal| refusal.error)
            .unwrap_or_else(|_| format!("the daemon says {status}"));
        Err(Error::Refused(status, sentence))
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// There is no daemon, or it has no such document.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let mut answer = self.ask(Method::GET, path, None).await?;
        let json = answer.whole().await?;
        answer.read(&json)
    }

    /// Has something done.
    ///
    /// # Errors
    /// There is no daemon, or it says no.
    pub async fn post(&self, path: &str, body: String) -> Result<(), Error> {
        self.ask(Method::POST, path, Some(body)).await?.whole().await.map(|_| ())
    }

    async fn connect(&self) -> Result<(UnixStream, PathBuf), Error> {
        let mut first = None;
        for socket in &self.sockets {
            match UnixStream::connect(socket).await {
                Ok(stream) => return Ok((stream, socket.clone())),
                Err(error) => first = first.or(Some(Self::refused(socket, &error))),
            }
        }
        Err(first.unwrap_or_else(|| Error::NotRunning(PathBuf::new())))
    }

    fn refused(socket: &Path, error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Error::NotRunning(socket.into()),
            io::ErrorKind::PermissionDenied => Error::NotPermitted(socket.into()),
            _ => Error::Broken(socket.into(), error.to_string()),
        }
    }
}

/// What the daemon says, as it comes.
#[derive(Debug)]
pub struct Answer {
    socket: PathBuf,
    body: Incoming,
    rest: BytesMut,
    ended: bool,
}

impl Answer {
    fn broken(&self, why: &dyn fmt::Display) -> Error {
        Error::Broken(self.socket.clone(), why.to_string())
    }

    /// Takes some more octets in. False: there are no more.
    async fn more(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        if self.rest.len() > LONGEST {
            return Err(self.broken(&"a line has no end"));
        }
        match self.body.frame().await {
            None => self.ended = true,
            Some(Err(error)) => return Err(self.broken(&error)),
            Some(Ok(frame)) => {
                if let Ok(octets) = frame.into_data() {
                    self.rest.extend_from_slice(&octets);
                }
            }
        }
        Ok(!self.ended)
    }

    /// All of it.
    ///
    /// # Errors
    /// The conversation broke.
    pub async fn whole(&mut self) -> Result<Bytes, Error> {
        while self.more().await? {}
        Ok(self.rest.split().freeze())
    }

    /// The next line of a list. `None`: that is all.
    ///
    /// # Errors
    /// The conversation broke, or the list ends with what went wrong.
    pub async fn line(&mut self) -> Result<Option<Bytes>, Error> {
        let mut from = 0;
        loop {
            if let Some(at) = self.rest[from..].iter().position(|octet| *octet == b'\n') {
                let line = self.rest.split_to(from + at + 1).freeze();
                if line.starts_with(b"{\"error\":") {
                    let refusal: Refusal = self.read(&line)?;
                    return Err(Error::Refused(StatusCode::INTERNAL_SERVER_ERROR, refusal.error));
                }
                return Ok(Some(line.slice(..line.len() - 1)));
            }
            from = self.rest.len();
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// Whether a whole line is here already.
    pub fn has_line(&self) -> bool {
        self.rest.contains(&b'\n')
    }

    /// A document from its JSON.
    ///
    /// # Errors
    /// It is another document than the one expected.
    pub fn read<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(json).map_err(|error| self.broken(&error))
    }
}

/// A text as a part of a path or a query.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for octet in text.bytes() {
        match octet {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b':' => {
                escaped.push(char::from(octet));
            }
            _ => escaped += &format!("%{octet:02X}"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_an_address_is_escaped() {
        assert_eq!(escape("10.0.0.0/8 a&b=c%é"), "10.0.0.0%2F8%20a%26b%3Dc%25%C3%A9");
        assert_eq!(escape("fe80::1%eth0"), "fe80::1%25eth0");
    }
}
