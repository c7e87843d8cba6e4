//! The other side's configuration: what a router needs to take the sessions of our nodes, and nothing more from them
//! than what the manifests allow.
//!
//! A router is told in [`Facts`]; a row of [`ROUTERS`] writes them down in one language. Each file is a template that
//! reads like what it prints. Passwords are never printed: [`PLACEHOLDER`] stands where one belongs.

mod bird;
mod cisco;
mod eos;
mod facts;
mod fortigate;
mod frr;
mod gobgp;
mod iosxe;
mod junos;
#[cfg(test)]
mod tests;

pub use facts::{Facts, Group, Node, Place, Range};

/// Stands where a password belongs.
pub const PLACEHOLDER: &str = "PASSWORD";

/// Begins what stands in place of an interface's name that only the router knows; the node's name ends it.
pub const UNKNOWN_LINK: &str = "LINK-TO-";

/// What is said where the router has to be told of BFD by hand.
const UNTOLD_BFD: &str =
    "the nodes speak BFD; nothing is written here for that, so switch it on for them yourself.";

/// A language that we can write.
pub struct Router {
    /// What the command line calls it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What begins a comment.
    comment: &'static str,
    /// Whether it has peers at the other end of a link, without an address.
    takes_links: bool,
    /// Whether we know how it is told to speak BFD with a group.
    takes_bfd: fn(&Group) -> bool,
    text: fn(&Facts) -> String,
}

/// Every language that we can write.
pub const ROUTERS: [Router; 7] = [
    Router {
        name: "frr",
        title: "FRR",
        comment: "!",
        takes_links: true,
        takes_bfd: |_| true,
        text: frr::text,
    },
    Router {
        name: "bird",
        title: "BIRD 2",
        comment: "#",
        takes_links: true,
        takes_bfd: bird::takes_bfd,
        text: bird::text,
    },
    Router {
        name: "gobgp",
        title: "GoBGP",
        comment: "#",
        takes_links: false,
        takes_bfd: |_| false,
        text: gobgp::text,
    },
    Router {
        name: "fortigate",
        title: "FortiGate",
        comment: "#",
        takes_links: false,
        takes_bfd: |_| false,
        text: fortigate::text,
    },
    Router {
        name: "eos",
        title: "Arista EOS",
        comment: "!",
        takes_links: true,
        takes_bfd: |_| true,
        text: eos::text,
    },
    Router {
        name: "junos",
        title: "Junos",
        comment: "#",
        takes_links: true,
        takes_bfd: |_| true,
        text: junos::text,
    },
    Router {
        name: "iosxe",
        title: "Cisco IOS XE",
        comment: "!",
        takes_links: false,
        takes_bfd: |_| false,
        text: iosxe::text,
    },
];

impl Router {
    /// The language of this name.
    ///
    /// # Errors
    /// A sentence for a person when there is none.
    pub fn named(name: &str) -> Result<&'static Router, String> {
        let names = || ROUTERS.map(|one| one.name).join(", ");
        ROUTERS
            .iter()
            .find(|one| one.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| format!("--for {name}: there is no such router; use one of {}", names()))
    }

    /// The whole configuration of the other side.
    ///
    /// # Errors
    /// All that this router cannot be told, each a sentence for a person.
    pub fn write(&self, facts: &Facts) -> Result<String, Vec<String>> {
        let mut mistakes = facts.mistakes();
        let links = facts.nodes().filter(|node| matches!(node.place, Place::Link(_)) && !self.takes_links);
        mistakes.extend(links.map(|node| {
            let name = &node.name;
            format!("{name}: {} peers only with addresses; give the BgpPeer an `address`", self.title)
        }));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut notes = facts.notes();
        let wanting = facts.groups.iter().filter(|group| group.bfd.is_some() && !(self.takes_bfd)(group));
        notes.extend(wanting.map(|group| format!("{}: {UNTOLD_BFD}", group.name)));
        let notes = each(&notes, |note| format!("{} {note}\n", self.comment));
        Ok(notes + &(self.text)(facts))
    }
}

/// The lines of all of them.
fn each<T>(all: impl IntoIterator<Item = T>, text: impl Fn(T) -> String) -> String {
    all.into_iter().map(text).collect()
}

/// The lines, where they apply.
fn when(applies: bool, text: impl Into<String>) -> String {
    if applies { text.into() } else { String::new() }
}
