//! What the provider's work costs, each beside what it could cost at least: `cargo bench`, or `cargo bench -- --json`;
//! `cargo bench -- logout` for the deliveries alone, `-- storm` for the storm of them, `-- revocations` for what services hear of
//! what was taken back. scripts/bench has a PostgreSQL for them.
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
mod revocations;
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
            let only = ["logout", "storm", "revocations"];
            measure(has("--json"), only.into_iter().find(|part| has(part)));
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn measure(json: bool, only: Option<&str>) {
    let mut rows: Vec<Row> = Vec::new();
    if only.is_none() {
        rows.extend(the_provider_alone().await);
    }
    if only != Some("revocations") {
        eprintln!("deliveries ...");
        rows.extend(logout::measure(only == Some("storm")).await);
    }
    if only.is_none_or(|only| only == "revocations") {
        eprintln!("taking back ...");
        rows.extend(revocations::measure().await);
    }

    if json {
        println!("{}", serde_json::to_string_pretty(&rows).unwrap());
    } else {
        println!("{}", report::table(&rows));
    }
}

async fn the_provider_alone() -> Vec<Row> {
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
