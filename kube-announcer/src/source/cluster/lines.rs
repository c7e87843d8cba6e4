//! The body of an answer as lines, no more of it held at a time than one of them.

use http_body_util::BodyExt;
use kube::client::Body;
use std::time::Duration;
use tokio::time::timeout;

/// A buffer that grew longer than this for one line is given back.
const KEPT: usize = 64 * 1024;
/// No object is as long: etcd takes none of more than 1.5 MiB, and JSON escapes make it longer.
const LONGEST: usize = 16 << 20;

/// A body that is read line by line.
pub(super) struct Lines {
    body: Body,
    octets: Vec<u8>,
    /// What is before was taken.
    taken: usize,
    /// Up to here there is no end of a line.
    searched: usize,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Lines { body, octets: Vec::new(), taken: 0, searched: 0 }
    }

    /// The next line; `None`: that was all. Whoever stops waiting loses nothing.
    pub(super) async fn next(&mut self, silence: Duration) -> Result<Option<&[u8]>, String> {
        while !self.is_ready() {
            if self.octets.len() - self.taken > LONGEST {
                return Err(format!("a line is longer than {LONGEST} octets"));
            }
            match timeout(silence, self.body.frame()).await {
                Err(_) => return Err(format!("nothing was said for {} s", silence.as_secs())),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(error.to_string()),
                Ok(Some(Ok(frame))) => self.add(frame.data_ref().map_or(&[][..], |octets| octets)),
            }
        }
        let line = self.taken..self.searched;
        self.taken = self.searched + 1;
        self.searched = self.taken;
        Ok(self.octets.get(line))
    }

    /// Whether a whole line is there.
    pub(super) fn is_ready(&mut self) -> bool {
        let rest = self.octets.get(self.searched..).unwrap_or_default();
        match memchr::memchr(b'\n', rest) {
            Some(at) => {
                self.searched += at;
                true
            }
            None => {
                self.searched = self.octets.len();
                false
            }
        }
    }

    fn add(&mut self, octets: &[u8]) {
        self.octets.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        if self.octets.is_empty() {
            self.octets.shrink_to(KEPT);
        }
        self.octets.extend_from_slice(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_however_the_octets_do() {
        let mut lines = Lines::new(Body::from(b"one\n\nthree\nhalf".to_vec()));
        let second = Duration::from_secs(1);
        let mut found = Vec::new();
        while let Some(line) = lines.next(second).await.unwrap() {
            found.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert_eq!(found, ["one", "", "three"]);
        let mut lines = Lines::new(Body::empty());
        for part in ["a", "b\nc", "\n"] {
            lines.add(part.as_bytes());
        }
        assert_eq!(lines.next(second).await.unwrap(), Some(&b"ab"[..]));
        assert!(lines.is_ready());
        assert_eq!(lines.next(second).await.unwrap(), Some(&b"c"[..]));
        assert!(!lines.is_ready());
    }
}
