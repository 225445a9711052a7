//! What the provider's work costs, each beside what it could cost at least: `cargo bench`, or `cargo bench -- --json`;
//! `cargo bench -- logout` for the deliveries alone, `-- storm` for the storm of them. scripts/bench has a PostgreSQL for them.
//! docs/benchmarks.md says how each figure is measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers: it stops at what it did not expect, and prints"
)]

mod documents;
#[path = "../../tests/it/support/fixtures.rs"]
mod fixtures;
mod load;
mod logout;
mod process;
mod program;
mod report;
mod servers;
mod signing;
mod tokens;

use report::Row;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [role, folder] if servers::ROLES.contains(&role.as_str()) => {
            servers::serve(role, folder.as_ref());
        }
        // `cargo bench` adds `--bench`, which means nothing here.
        options => {
            let has = |wanted: &str| options.iter().any(|option| option == wanted);
            measure(has("--json"), has("logout"), has("storm"));
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn measure(json: bool, only_logout: bool, only_storm: bool) {
    let mut rows: Vec<Row> = Vec::new();
    if !only_logout && !only_storm {
        rows.extend(all_but_logout().await);
    }
    eprintln!("deliveries ...");
    rows.extend(logout::measure(only_storm).await);

    if json {
        println!("{}", serde_json::to_string_pretty(&rows).unwrap());
    } else {
        println!("{}", report::table(&rows));
    }
}

async fn all_but_logout() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    eprintln!("signing ...");
    let (signing, rs256) = signing::measure();
    rows.extend(signing);
    eprintln!("discovery and JWKS ...");
    rows.extend(documents::measure().await);
    eprintln!("tokens ...");
    rows.extend(tokens::measure(rs256).await);
    eprintln!("the program ...");
    rows.extend(program::measure());
    rows
}
