//! What can be written behind `bgp-daemon`, and the help that teaches it.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;
use std::{net::IpAddr, path::PathBuf};

const OVERVIEW: &str = "\
Examples:
  bgp-daemon check bgp.toml               say what is wrong in a configuration
  bgp-daemon run bgp.toml                 run a speaker; SIGHUP reads the file again, SIGTERM is a restart
  bgp-daemon show peers                   every peer, its state, and how many routes it sent and was told
  bgp-daemon show routes 203.0.113.0/24   the routes to a prefix, the best marked with *
  bgp-daemon why 203.0.113.7              what happens to that address, and by which rules
  bgp-daemon leave                        say goodbye to all peers, and end

Exit codes:
  0  done
  1  it could not be done, and why is said
  2  the arguments are not right
  3  the configuration has mistakes
  4  no daemon can be reached: it does not run, or its socket may not be used
  5  there is no such peer, prefix or policy, or more than one answers to the name";

const RUN: &str = "\
Signals:
  SIGHUP             read FILE again and change only what differs; with mistakes everything stays as it is
  SIGTERM, SIGINT    restart: close connections so that peers with graceful restart keep our routes;
                     a second one ends at once

Examples:
  bgp-daemon run /etc/bgp-daemon/bgp.toml
  bgp-daemon run bgp.toml --log debug
  bgp-daemon run bgp.toml --log info,bgp_daemon::speaker=trace";

const CHECK: &str = "\
Examples:
  bgp-daemon check bgp.toml                     every mistake with its line
  bgp-daemon check bgp.toml --against-running   what a reload would change: peers, and the routes that each is told";

const SHOW: &str = "\
Examples:
  bgp-daemon show peers
  bgp-daemon show routes --from 192.0.2.1
  bgp-daemon show peers --json
  bgp-daemon show peers --watch";

const ROUTES: &str = "\
Marks: * selected, = as good as the selected one, nothing: not selected, and why not.

Examples:
  bgp-daemon show routes                              all of them
  bgp-daemon show routes 203.0.113.0/24               those to this prefix
  bgp-daemon show routes 203.0.113.0/24 --longer      to it and to more specific ones
  bgp-daemon show routes 203.0.113.7 --covering       to every prefix that holds the address
  bgp-daemon show routes --from 192.0.2.1             learned from a peer
  bgp-daemon show routes --to 192.0.2.1               told to a peer, as it is written for it
  bgp-daemon show routes 203.0.113.0/24 --watch       and what changes from now on";

const PEER: &str = "\
PEER is its address, its interface, or its description.

Examples:
  bgp-daemon show peer 192.0.2.1
  bgp-daemon show peer 192.0.2.1 --faults    the last messages that were not as they should be, octet for octet";

const WHY: &str = "\
Examples:
  bgp-daemon why 203.0.113.7
  bgp-daemon why 203.0.113.0/24";

const RESET: &str = "\
Examples:
  bgp-daemon reset 192.0.2.1               end the session; it comes back by itself
  bgp-daemon reset 192.0.2.1 --soft in     ask the peer for all its routes again
  bgp-daemon reset 192.0.2.1 --soft out    tell the peer all its routes again
  bgp-daemon reset all --soft in";

const SHUTDOWN: &str = "\
Examples:
  bgp-daemon shutdown 192.0.2.1 --reason \"fibre work until 06:00\"
  bgp-daemon start 192.0.2.1";

const ANNOUNCE: &str = "\
Examples:
  bgp-daemon announce 203.0.113.0/24
  bgp-daemon announce 203.0.113.128/25 --next-hop 192.0.2.9 --community 65000:1 --med 10
  bgp-daemon withdraw 203.0.113.0/24
  bgp-daemon show routes --from local:cli    what was announced so";

const LEAVE: &str = "\
Examples:
  bgp-daemon leave
  bgp-daemon leave --reason \"moving to another rack\"";

const LOG: &str = "\
Examples:
  bgp-daemon log debug
  bgp-daemon log info,bgp_daemon::speaker=trace
  bgp-daemon log info
  bgp-daemon log on --peer 192.0.2.1      every message from and to that peer, decoded, a line each
  bgp-daemon log off --peer 192.0.2.1";

const COMPLETIONS: &str = "\
Examples:
  bgp-daemon completions bash > /etc/bash_completion.d/bgp-daemon
  bgp-daemon completions zsh > ~/.zfunc/_bgp-daemon";

/// A BGP speaker for Linux, and how to see and steer one that runs.
#[derive(Debug, Parser)]
#[command(name = "bgp-daemon", version, after_help = OVERVIEW, infer_subcommands = true)]
pub(crate) struct Arguments {
    /// The socket of the daemon to ask; else /run/bgp-daemon/api.sock, or read.sock there if only that may be used
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Print JSON, for programs: a document, or one a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Run a speaker with a configuration file
    #[command(after_help = RUN)]
    Run {
        /// The configuration
        file: PathBuf,
        /// What is logged to stderr: error, warn, info, debug, trace, or a level by module
        #[arg(long, default_value = "info", value_name = "LEVEL")]
        log: String,
    },
    /// Say what is wrong in a configuration file
    #[command(after_help = CHECK)]
    Check {
        /// The configuration
        file: PathBuf,
        /// Also ask the running daemon what a reload with this file would change
        #[arg(long)]
        against_running: bool,
    },
    /// Show what the daemon knows
    #[command(after_help = SHOW)]
    Show {
        #[command(subcommand)]
        what: Show,
        /// Stay, and print what changes
        #[arg(long, global = true)]
        watch: bool,
    },
    /// Say what becomes of an address or a prefix, and why
    #[command(after_help = WHY)]
    Why {
        /// 203.0.113.7 or 203.0.113.0/24
        #[arg(value_name = "PREFIX|ADDRESS", value_parser = prefix)]
        prefix: IpNet,
    },
    /// End a session so that it begins anew, or exchange routes again without that
    #[command(after_help = RESET)]
    Reset {
        /// Its address, interface or description; `all` for every peer
        peer: String,
        /// Keep the session: ask for all routes again (in), or tell them again (out)
        #[arg(long, value_name = "DIRECTION")]
        soft: Option<Direction>,
    },
    /// Take a session down until it is started again
    #[command(after_help = SHUTDOWN)]
    Shutdown {
        /// Its address, interface or description
        peer: String,
        /// What the other side's operator is told
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Start a session that was shut down
    #[command(after_help = SHUTDOWN)]
    Start {
        /// Its address, interface or description
        peer: String,
    },
    /// Announce a prefix until it is withdrawn or the daemon ends
    #[command(after_help = ANNOUNCE)]
    Announce(Announce),
    /// Withdraw a prefix that was announced so
    #[command(after_help = ANNOUNCE)]
    Withdraw {
        /// The prefix
        prefix: IpNet,
    },
    /// Tell all peers that we leave, wait until they know, and end the daemon
    #[command(after_help = LEAVE)]
    Leave {
        /// What the other sides' operators are told
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Change what the daemon logs
    #[command(after_help = LOG)]
    Log {
        /// error, warn, info, debug, trace, or a level by module; with --peer: on, or off
        level: String,
        /// The peer whose messages are logged, or not, by its address, interface or description; `all` for every peer
        #[arg(long)]
        peer: Option<String>,
    },
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Show {
    /// Every peer with its state
    Peers,
    /// One peer with everything that is known of it
    #[command(after_help = PEER)]
    Peer {
        /// Its address, interface or description
        peer: String,
        /// Only the last messages that were not as they should be
        #[arg(long)]
        faults: bool,
    },
    /// Routes, with what became of each
    #[command(after_help = ROUTES)]
    Routes(Routes),
    /// Routes in the kernel, and those that are kept out of it, with the reason
    Kernel,
    /// Policies, their rules, and who uses them
    Policies,
    /// Groups of peers that may connect without being configured one by one
    Groups,
    /// How much there is, and the memory it takes
    Memory,
    /// The configuration that is in force
    Config,
}

/// Which routes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Routes {
    /// Only to this prefix; an address stands for its own /32 or /128
    #[arg(value_parser = prefix)]
    pub(crate) prefix: Option<IpNet>,
    /// And to more specific prefixes
    #[arg(long, requires = "prefix", conflicts_with = "covering")]
    pub(crate) longer: bool,
    /// And to less specific prefixes, which hold it
    #[arg(long, requires = "prefix")]
    pub(crate) covering: bool,
    /// Only learned from this peer, or `local`, or `local:OWNER`
    #[arg(long, value_name = "PEER")]
    pub(crate) from: Option<String>,
    /// Only told to this peer, with the attributes as it was told
    #[arg(long, value_name = "PEER")]
    pub(crate) to: Option<String>,
}

/// A route to announce.
#[derive(Args, Clone, Debug)]
pub(crate) struct Announce {
    /// The prefix
    pub(crate) prefix: IpNet,
    /// Where packets are to go; the daemon's own address if not said
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) next_hop: Option<IpAddr>,
    /// 65000:1, no-export, 65000:1:2 or rt:65000:1; may be said more than once
    #[arg(long, value_name = "COMMUNITY")]
    pub(crate) community: Vec<String>,
    /// The multi-exit discriminator
    #[arg(long)]
    pub(crate) med: Option<u32>,
    /// The local preference
    #[arg(long)]
    pub(crate) local_pref: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// Ask the peer for its routes again
    In,
    /// Tell the peer our routes again
    Out,
}

/// A prefix, or an address as the longest of prefixes.
fn prefix(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
    text.parse()
        .ok()
        .or_else(address)
        .ok_or_else(|| "write a prefix like 203.0.113.0/24, or an address".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_address_is_the_longest_prefix() {
        assert_eq!(prefix("203.0.113.7"), Ok("203.0.113.7/32".parse().unwrap()));
        assert_eq!(prefix("2001:db8::/32"), Ok("2001:db8::/32".parse().unwrap()));
        assert!(prefix("203.0.113").is_err());
    }
}
