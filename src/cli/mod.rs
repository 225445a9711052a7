//! The command line: one file per command, and the arguments of all of them in [`arguments`].
//!
//! What belongs here: reading arguments, printing answers, exit codes. What commands do is done by `flows` and `store`.

pub mod arguments;
mod client;
pub mod config;
mod delivery;
mod demo;
mod healthcheck;
mod invite;
mod keys;
mod migrate;
mod progress;
mod restored;
mod serve;
mod service;
mod session;
mod show;
mod test_logout;
mod upstream;
mod user;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::Parser as _;

use self::arguments::{Arguments, Command, ConfigCommand};
use crate::config::{Config, ConfigErrors, named_by_environment, process_environment};
use crate::flows::Provider;
use crate::server::{self, Seams};

/// The command line or the configuration is wrong; nothing was done.
const WRONG_INPUT: u8 = 2;

/// Does what `args` ask for; the first is the program's own name.
///
/// Exits 0 when it was done, 2 when the command line or the configuration is wrong, else 1.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(refusal) => {
            // This prints help and the version too, which are no failures.
            let _ = refusal.print();
            return ExitCode::from(u8::try_from(refusal.exit_code()).unwrap_or(WRONG_INPUT));
        }
    };
    if let (Command::Demo(demo), Some(_)) = (&arguments.command, &arguments.config)
        && demo.issuer.is_some()
    {
        say_wrong(
            "exeunt: demo --issuer runs the applications alone, and they read no configuration: leave --config away. \
             `exeunt serve --config FILE` runs the provider.",
        );
        return ExitCode::from(WRONG_INPUT);
    }
    match obey(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = match error.downcast_ref::<ConfigErrors>() {
                Some(errors) => {
                    say_wrong(&errors.to_string());
                    WRONG_INPUT
                }
                None => {
                    say_wrong(&format!("exeunt: {error:#}"));
                    1
                }
            };
            ExitCode::from(code)
        }
    }
}

fn obey(arguments: Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let Arguments {
        config: named,
        command,
    } = arguments;
    let path = match &command {
        // It is somebody of its own, whoever else is served from here.
        Command::Demo(_) => named,
        _ => named.or_else(named_by_environment),
    };
    let path = path.as_deref();
    runtime.block_on(async {
        match command {
            Command::Config(ConfigCommand::Check) => {
                show::say(config::check(path, process_environment())?.trim_end())
            }
            Command::Serve => serve::run(load(path)?).await,
            Command::Migrate => migrate::run(load(path)?).await,
            Command::Restored { yes } => restored::run(load_known(path)?, yes).await,
            Command::Healthcheck => healthcheck::run(load(path)?).await,
            Command::Demo(arguments) => {
                let settings = path.map(|path| load(Some(path))).transpose()?;
                demo::run(arguments, settings).await
            }
            Command::Client(command) => {
                act(path, async |provider| client::run(provider, command).await).await
            }
            Command::Service(command) => {
                act(path, async |provider| service::run(provider, command).await).await
            }
            Command::Upstream(command) => {
                act(path, async |provider| {
                    upstream::run(provider, command).await
                })
                .await
            }
            Command::User(command) => {
                act(path, async |provider| user::run(provider, command).await).await
            }
            Command::Session(command) => {
                act(path, async |provider| session::run(provider, command).await).await
            }
            Command::Delivery(command) => {
                act(path, async |provider| {
                    delivery::run(provider, command).await
                })
                .await
            }
            Command::Keys(command) => {
                act(path, async |provider| keys::run(provider, command).await).await
            }
        }
    })
}

/// Acts on the database of the configuration, beside a server that may be running. What the file declares is not
/// applied: only `serve` does that.
async fn act(
    path: Option<&Path>,
    what: impl AsyncFnOnce(&Provider) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let provider = server::open(load_known(path)?, Seams::default()).await?;
    let done = what(&provider).await;
    provider.database.close().await;
    done
}

fn load(path: Option<&Path>) -> Result<Config, ConfigErrors> {
    Config::load(path, process_environment())
}

/// As [`load`], for what acts on a provider that there is. Where nothing was named, the defaults would make a new one
/// wherever the command happens to be run, and answer of that.
fn load_known(path: Option<&Path>) -> anyhow::Result<Config> {
    let config = load(path)?;
    let Some(file) = config.database.file() else {
        return Ok(config);
    };
    if file.try_exists().is_ok_and(|exists| !exists) {
        let file = std::path::absolute(&file).unwrap_or(file);
        let file = file.display();
        if path.is_none() {
            bail!(
                "there is no database {file}: name the configuration with --config or EXEUNT_CONFIG, so that the right one \
                 is found; a new provider begins with `exeunt serve`"
            );
        }
        say_wrong(&format!(
            "exeunt: there was no database {file}: a new provider begins there. If that is not what you want, remove it, and \
             set the variables here that the server has"
        ));
    }
    Ok(config)
}

fn say_wrong(message: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(io::stderr().lock(), "{message}");
}
