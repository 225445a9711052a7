//! The `exeunt` program: hands the command line to the library; nothing else lives here.

use std::process::ExitCode;

fn main() -> ExitCode {
    exeunt::cli::run(std::env::args_os())
}
