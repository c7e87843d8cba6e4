//! A configuration from a text, and from a file. This is where the disk is read.

use super::{
    Config,
    check::{Checked, Files, Refused, Secret, check},
    lines::{Finding, findings},
    raw::{RawConfig, read},
};
use crate::policy::Mistake;
use std::{
    fmt,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What was read, and what deserves a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// It works, but perhaps not as meant.
    pub warnings: Vec<Finding>,
}

/// Reads a configuration as it stands in a file. `files` reads the files of passwords that it names.
///
/// # Errors
/// All mistakes with their lines, the warnings among them, in the order of the lines.
pub fn read(text: &str, files: Files<'_>) -> Result<Loaded, Vec<Finding>> {
    read_from(text, files, false)
}

/// The same from a file that others can read, or not.
fn read_from(text: &str, files: Files<'_>, is_open: bool) -> Result<Loaded, Vec<Finding>> {
    let (raw, reader) = read::read::<RawConfig>(text);
    let (lines, unread) = (reader.lines, reader.mistakes);
    // What is no TOML has not been read at all, and what is missing in it is not its mistake.
    if unread.iter().any(|mistake| mistake.path.starts_with("line ")) {
        return Err(findings(&lines, unread, Vec::new()));
    }
    let (mut mistakes, mut warnings, config) = match check(&raw, files) {
        Ok(Checked { config, warnings }) => (Vec::new(), warnings, Some(config)),
        Err(Refused { mistakes, warnings }) => (mistakes, warnings, None),
    };
    warnings.extend(password(&raw).filter(|_| is_open));
    // What could not be read is not missing.
    mistakes.retain(|mistake| {
        let inside = |unread: &Mistake| mistake.path.strip_prefix(&*unread.path);
        unread.iter().filter_map(inside).all(|rest| !(rest.is_empty() || rest.starts_with('.')))
    });
    mistakes.extend(unread);
    match config.filter(|_| mistakes.is_empty()) {
        Some(config) => Ok(Loaded { config, warnings: findings(&lines, Vec::new(), warnings) }),
        None => Err(findings(&lines, mistakes, warnings)),
    }
}

/// That the first password of a file can be read by everybody.
fn password(raw: &RawConfig) -> Option<Mistake> {
    let groups = raw.group.iter().enumerate().map(|(at, group)| (format!("group[{at}]"), &group.settings));
    let peers = raw.peer.iter().enumerate().map(|(at, peer)| (format!("peer[{at}]"), &peer.settings));
    let (path, _) = groups.chain(peers).find(|(_, settings)| settings.password.is_some())?;
    let message = "every user of this machine can read the password in this file; take that right away (chmod o-r), \
                   or write password_file";
    Some(Mistake { path: format!("{path}.password"), message: message.into() })
}

/// Why a file gives no configuration.
#[derive(Debug)]
pub enum Failure {
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It has mistakes.
    Mistakes(PathBuf, Vec<Finding>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unreadable(path, error) => {
                write!(
                    f,
                    "{} cannot be read: {error}; write the path of a configuration file",
                    path.display()
                )
            }
            Failure::Mistakes(path, findings) => {
                write!(f, "{}", super::lines::report(&path.display().to_string(), findings))
            }
        }
    }
}

impl std::error::Error for Failure {}

/// Reads a file. The paths in it begin at its folder, where they are not whole.
///
/// # Errors
/// It cannot be read, or has mistakes.
pub fn load(path: &Path) -> Result<Loaded, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::Unreadable(path.into(), error))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let is_open = fs::metadata(path).is_ok_and(|about| is_open(&about));
    read_from(&text, &|file| secret(&folder.join(file)), is_open)
        .map_err(|findings| Failure::Mistakes(path.into(), findings))
}

/// Reads a configuration as it stands in a file of this folder.
///
/// # Errors
/// All mistakes with their lines.
pub fn read_in(text: &str, folder: &Path) -> Result<Loaded, Vec<Finding>> {
    read(text, &|file| secret(&folder.join(file)))
}

/// As large as the file of a password can be with blank lines at its end.
const LARGEST: u64 = 4096;

fn secret(path: &Path) -> Result<Secret, String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(format!("it is not a file of at most {LARGEST} octets"));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok(Secret { text, is_open: is_open(&about) })
}

/// Whether everybody may read it.
fn is_open(about: &Metadata) -> bool {
    about.mode() & 0o004 != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_password_that_everybody_can_read_is_warned_of() {
        let text =
            "asn = 65000\n[[peer]]\naddress = \"192.0.2.1\"\nasn = \"internal\"\npassword = \"secret\"\n";
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let warnings = |mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let warnings = load(file.path()).unwrap().warnings;
            warnings.into_iter().map(|warning| (warning.path, warning.message)).collect::<Vec<_>>()
        };
        assert_eq!(warnings(0o640), []);
        let [(path, message)] = &warnings(0o644)[..] else { panic!("there is one") };
        assert_eq!(path, "peer[0].password");
        assert!(message.starts_with("every user of this machine can read the password"), "{message}");
        fs::write(file.path(), text.replace("password =", "password_file =")).unwrap();
        assert!(load(file.path()).is_err(), "there is no such file");
    }
}
