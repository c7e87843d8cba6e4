//! The program `bgp-daemon`: a speaker as a daemon, and the command line to see and steer it.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
