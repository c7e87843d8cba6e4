//! The node's TCP sockets, as `/proc` lists them, and whose they are.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

/// A TCP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) state: State,
    inode: String,
}

/// What a socket does, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Listens,
    Established,
}

/// All of them under this root folder.
pub(super) fn read(root: &Path) -> Vec<Socket> {
    let files =
        ["proc/net/tcp", "proc/net/tcp6"].map(|file| fs::read_to_string(root.join(file)).unwrap_or_default());
    files.iter().flat_map(|text| text.lines().skip(1)).filter_map(socket).collect()
}

fn socket(line: &str) -> Option<Socket> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [_, local, remote, state, ..] = words[..] else { return None };
    let state = match state {
        "01" => State::Established,
        "0A" => State::Listens,
        _ => return None,
    };
    Some(Socket {
        local: address(local)?,
        remote: address(remote)?,
        state,
        inode: (*words.get(9)?).to_owned(),
    })
}

/// `0B0200C0:00B3`: words of four octets as the machine has them in memory, and a port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let words = address.as_bytes().chunks_exact(8).map(|word| {
        let word = u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?;
        Some(word.to_ne_bytes())
    });
    let octets = words.collect::<Option<Vec<_>>>()?.concat();
    let address = match (<[u8; 4]>::try_from(&*octets), <[u8; 16]>::try_from(&*octets)) {
        (Ok(octets), _) => IpAddr::from(Ipv4Addr::from(octets)),
        (_, Ok(octets)) => IpAddr::from(Ipv6Addr::from(octets)).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}

impl Socket {
    /// `bird (812)`: the process that has it, if it can be seen from here.
    pub(super) fn owner(&self, root: &Path) -> String {
        let link = format!("socket:[{}]", self.inode);
        let processes = fs::read_dir(root.join("proc")).into_iter().flatten().flatten();
        for process in processes {
            let id = process.file_name().to_string_lossy().into_owned();
            if !id.bytes().all(|c| c.is_ascii_digit()) {
                continue;
            }
            let files = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
            let mut links = files.filter_map(|file| fs::read_link(file.path()).ok());
            if links.any(|found| found.as_os_str() == link.as_str()) {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                return format!("{} ({id})", name.trim());
            }
        }
        "a process that cannot be seen from here".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_are_read() {
        let cases = [
            ("0100007F:00B3", "127.0.0.1:179"),
            ("B80D0120000000000000000001000000:01BB", "[2001:db8::1]:443"),
            ("0000000000000000FFFF00000100007F:00B3", "127.0.0.1:179"),
        ];
        // As a little-endian machine lists them.
        if cfg!(target_endian = "little") {
            for (text, expected) in cases {
                assert_eq!(address(text), expected.parse().ok(), "{text}");
            }
        }
        for broken in ["", "0100007F", "01:00B3", "0100007G:00B3", "0100007F:G"] {
            assert_eq!(address(broken), None, "{broken}");
        }
    }
}
