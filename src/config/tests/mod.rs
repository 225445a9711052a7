//! What is read, and what is said about what can't be.

mod clients;
mod exchange;
mod people;
mod services;
mod sources;
mod upstreams;
mod values;

use super::*;

const EXAMPLE: &str = include_str!("../../../docs/exeunt.toml");

const CLIENT: &str = "[[clients]]\nclient_id = 'ledger'\nclient_secret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'\n\
                      redirect_uris = ['https://ledger.example/callback']\n";
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    settings::parse(Path::new("exeunt.toml"), text, environment)
}

/// Where something is wrong, where how it is put is another module's affair.
fn places(text: &str) -> Vec<String> {
    let errors = parse(text, &[]).unwrap_err().0;
    errors
        .iter()
        .map(|error| format!("{} {}", error.place, error.key))
        .collect()
}

fn refusal(text: &str) -> String {
    parse(text, &[]).unwrap_err().to_string()
}
