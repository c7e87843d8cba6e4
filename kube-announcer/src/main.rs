//! Announces what a Kubernetes cluster makes reachable on a node: pod networks, Services, tunnel addresses.

mod cli;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kube-announcer: {error:#}");
            ExitCode::from(2)
        }
    }
}
