//! Routes in the node's kernel: where they are put, and `kernel`, what became of them.

use super::running::Socket;
use bgp_daemon::{
    config::{
        self, Kernel,
        raw::{self, RawConfig},
    },
    policy::Mistake,
};
use clap::Args;
use std::process::ExitCode;

/// Where routes go in the node's kernel, and the mark that they carry there.
#[derive(Args)]
pub(super) struct Flags {
    /// Put routes into this node's kernel: what import takes, the way to podPrefixes, and what aggregates drop
    ///
    /// It needs the capability NET_ADMIN. Only routes and next hops with our own protocol are ever touched.
    #[arg(long)]
    kernel_routes: bool,
    /// The table that they are put into: main, or a number
    #[arg(long, value_name = "TABLE", default_value = "main", requires = "kernel_routes")]
    kernel_table: String,
    /// The protocol that they carry: our mark on them
    #[arg(long, value_name = "NUMBER", default_value = "179", requires = "kernel_routes")]
    kernel_protocol: String,
    /// Their metric; of several routes to one prefix the kernel takes the one with the lowest
    #[arg(long, value_name = "NUMBER", default_value = "179", requires = "kernel_routes")]
    kernel_metric: String,
}

impl Flags {
    /// What they say; `None`: nothing is put into the kernel.
    pub(super) fn kernel(&self) -> anyhow::Result<Option<Kernel>> {
        if !self.kernel_routes {
            return Ok(None);
        }
        let kernel = raw::RawKernel {
            table: Some((&self.kernel_table).into()),
            protocol: Some((&self.kernel_protocol).into()),
            metric: Some((&self.kernel_metric).into()),
            ..raw::RawKernel::default()
        };
        // What a speaker's configuration knows of them holds here too; its AS is of no account.
        let raw = RawConfig { asn: Some(64512.into()), kernel: Some(kernel), ..RawConfig::default() };
        let checked = config::check(&raw, &|_| Err(String::new()));
        checked.map(|checked| checked.config.kernel).map_err(|refused| {
            let flag =
                |mistake: &Mistake| format!("--{}: {}", mistake.path.replace('.', "-"), mistake.message);
            anyhow::anyhow!(refused.mistakes.iter().map(flag).collect::<Vec<_>>().join("\n"))
        })
    }
}

/// List the routes of ours in this node's kernel, and those that are kept out of it, with the reason
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    socket: Socket,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    arguments.socket.print("kernel", arguments.json)
}
