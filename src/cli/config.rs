//! `exeunt config check`.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::{Config, ConfigErrors};

/// Reads the configuration as `exeunt serve` would, touches nothing, and says what it amounts to.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<String, ConfigErrors> {
    let config = Config::load(path, environment)?;
    let subject = path.map_or_else(
        || "The configuration without a file".to_owned(),
        |path| path.display().to_string(),
    );
    let mut report = format!(
        "{subject} is sound.\n  issuer    {}\n  listen    {}\n  database  {}\n  declares  {}, {}, {}\n",
        config.issuer.as_str(),
        config.listen,
        config.database,
        count(config.clients.len(), "client", "clients"),
        count(config.services.len(), "service", "services"),
        count(config.users.len(), "person", "people"),
    );
    for hint in config.hints() {
        // Writing to a text can't fail.
        let _ = writeln!(report, "\nHint: {hint}");
    }
    Ok(report)
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_configuration_is_summed_up() {
        let environment = [(
            "EXEUNT__DATABASE__URL",
            "postgres://exeunt:geheim@db/exeunt",
        )]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        insta::assert_snapshot!(check(None, environment.into_iter()).unwrap(), @r"
        The configuration without a file is sound.
          issuer    http://localhost:8080
          listen    127.0.0.1:8080
          database  postgres://exeunt@db/exeunt
          declares  0 clients, 0 services, 0 people
        ");
    }

    #[test]
    fn a_file_that_is_not_there_is_no_sound_configuration() {
        let missing = Path::new("nowhere/exeunt.toml");
        assert_eq!(
            check(Some(missing), std::iter::empty())
                .unwrap_err()
                .0
                .len(),
            1
        );
    }
}
