//! The `exeunt` program: hands the command line to the library; nothing else lives here.

fn main() {}
