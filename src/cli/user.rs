//! `exeunt user ...`.

use std::io::{self, BufRead as _, IsTerminal as _};

use anyhow::{Context as _, anyhow, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use uuid::Uuid;

use super::arguments::{Output, UserAdd, UserCommand};
use super::show;
use crate::clock::Timestamp;
use crate::config::{Place, canonical_name, check_password, check_username};
use crate::flows::Provider;
use crate::flows::people::{self, NotDone};
use crate::oidc::claims::UserClaims;
use crate::store::{identities, users};

/// A person as programs see them.
#[derive(Serialize)]
struct Shown {
    username: String,
    sub: Uuid,
    claims: UserClaims,
    declared: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    disabled_at: Option<Timestamp>,
}

pub(super) async fn run(provider: &Provider, command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add(wanted) => add(provider, wanted).await,
        UserCommand::List(output) => list(provider, output).await,
        UserCommand::Disable { username } => disable(provider, &username).await,
        UserCommand::Enable { username } => enable(provider, &username).await,
        UserCommand::Delete { username, yes } => delete(provider, &username, yes).await,
        UserCommand::SetPassword { username, unlink } => {
            set_password(provider, &username, unlink).await
        }
    }
}

async fn add(provider: &Provider, wanted: UserAdd) -> anyhow::Result<()> {
    let username = wanted.username;
    check_username(&username)
        .map_err(|problem| anyhow!("{username:?} does not do as a username: {problem}"))?;
    if let Some(place) = declared(provider, &username) {
        bail!("{username} is declared in {place}, and added by the next `exeunt serve`");
    }
    // Before a password is asked for in vain.
    let known =
        users::find_by_username(provider.database.read(), &canonical_name(&username)).await?;
    if known.is_some() {
        bail!("there is a person {username} already");
    }
    let password = if wanted.no_password {
        None
    } else {
        Some(new_password(&username)?)
    };
    let claims = UserClaims {
        name: wanted.name,
        email_verified: wanted.email.as_ref().map(|_| wanted.email_verified),
        email: wanted.email,
        ..UserClaims::default()
    };
    match people::add_user(provider, &username, password.as_ref(), claims).await? {
        Ok(user) => show::say(format!("Added {}, sub {}.", user.username, user.id)),
        Err(_) => bail!("there is a person {username} already"),
    }
}

async fn list(provider: &Provider, output: Output) -> anyhow::Result<()> {
    let people: Vec<Shown> = users::list(provider.database.read())
        .await?
        .into_iter()
        .map(|user| Shown {
            username: user.username,
            sub: user.id,
            claims: user.claims,
            declared: user.declared,
            created_at: user.created_at,
            updated_at: user.updated_at,
            disabled_at: user.disabled_at,
        })
        .collect();
    show::list(
        output,
        &people,
        "Nobody is known yet: `exeunt user add` adds a person.",
        &["Username", "Name", "E-mail", "Known by", "State (UTC)"],
        |user| {
            vec![
                user.username.clone(),
                user.claims.name.clone().unwrap_or_default(),
                user.claims.email.clone().unwrap_or_default(),
                show::known_by(user.declared),
                show::enabled(user.disabled_at),
            ]
        },
    )
}

async fn disable(provider: &Provider, username: &str) -> anyhow::Result<()> {
    match people::disable_user(provider, username).await? {
        Ok(()) => show::say(format!(
            "{username} can't sign in any more, and their sessions are over. {}",
            show::WHO_TELLS
        )),
        Err(reason) => Err(not_done(provider, username, reason)),
    }
}

async fn enable(provider: &Provider, username: &str) -> anyhow::Result<()> {
    match people::enable_user(provider, username).await? {
        Ok(()) => show::say(format!("{username} can sign in again.")),
        Err(reason) => Err(not_done(provider, username, reason)),
    }
}

async fn delete(provider: &Provider, username: &str, yes: bool) -> anyhow::Result<()> {
    let known =
        users::find_by_username(provider.database.read(), &canonical_name(username)).await?;
    let Some(known) = known else {
        return Err(not_done(provider, username, NotDone::Unknown));
    };
    if !yes {
        if !io::stdin().is_terminal() {
            bail!("nobody can be asked whether {username} is meant; --yes says so");
        }
        let again = show::ask(&format!(
            "{username} (sub {}) is forgotten for good. Type the name once more to go on:\n",
            known.id
        ))?;
        if canonical_name(&again) != known.username {
            bail!("that is another name; nothing was changed");
        }
    }
    match people::delete_user(provider, username).await? {
        Ok(()) => {
            show::say(format!(
                "{username} is gone for good, and their sessions are over. {}",
                show::WHO_TELLS
            ))?;
            match declared(provider, username) {
                Some(place) => show::say(format!(
                    "{place} declares them all the same: they stay away until `exeunt serve` was started without \
                     them there. Whoever is declared by that name afterwards is somebody new."
                )),
                None => Ok(()),
            }
        }
        Err(reason) => Err(not_done(provider, username, reason)),
    }
}

async fn set_password(provider: &Provider, username: &str, unlink: bool) -> anyhow::Result<()> {
    let db = provider.database.read();
    let known = users::find_by_username(db, &canonical_name(username)).await?;
    let Some(known) = known else {
        return Err(not_done(provider, username, NotDone::Unknown));
    };
    let password = new_password(username)?;
    let done = match unlink {
        true => people::reset_password_and_links(provider, username, &password).await?,
        false => people::reset_password(provider, username, &password).await?,
    };
    if let Err(reason) = done {
        return Err(not_done(provider, username, reason));
    }
    show::say(format!(
        "{username} has a new password, and their sessions are over. {}",
        show::WHO_TELLS
    ))?;
    let links = identities::of_user(db, known.id).await?;
    if links.is_empty() {
        return Ok(());
    }
    let issuers: Vec<_> = links.iter().map(|link| link.issuer.as_str()).collect();
    show::say(format!(
        "They still come in through {}: --unlink forgets that.",
        issuers.join(", ")
    ))
}

fn not_done(provider: &Provider, username: &str, reason: NotDone) -> anyhow::Error {
    match (reason, declared(provider, username)) {
        (NotDone::Unknown, Some(place)) => anyhow!(
            "{username} is declared in {place}, but not known to the database before the next `exeunt serve`"
        ),
        (NotDone::Unknown, None) => {
            anyhow!("there is no person {username}: `exeunt user list` shows those that there are")
        }
        (NotDone::Exists | NotDone::Declared | NotDone::StillLeaving, _) => {
            anyhow!("there is a person {username} already")
        }
    }
}

/// Where the configuration declares this person, if it does.
fn declared<'a>(provider: &'a Provider, username: &str) -> Option<&'a Place> {
    let name = canonical_name(username);
    let mut users = provider.config.users.iter();
    users
        .find(|user| canonical_name(&user.username) == name)
        .map(|user| &user.place)
}

/// Asks for a password, twice and without showing it, or takes the first line of a standard input that is no terminal.
fn new_password(username: &str) -> anyhow::Result<SecretString> {
    let password = if io::stdin().is_terminal() {
        let password = prompt(&format!("New password for {username}: "))?;
        let again = prompt("The same again: ")?;
        if password.expose_secret() != again.expose_secret() {
            bail!("the two passwords differ; nothing was changed");
        }
        password
    } else {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        let password = SecretString::from(line.trim_end_matches(['\r', '\n']));
        if password.expose_secret().is_empty() {
            bail!("there is no password on standard input; nothing was changed");
        }
        password
    };
    check_password(password.expose_secret())
        .map_err(|problem| anyhow!("the password does not do: {problem}"))?;
    Ok(password)
}

fn prompt(question: &str) -> anyhow::Result<SecretString> {
    rpassword::prompt_password(question)
        .map(SecretString::from)
        .context("the password can't be asked for")
}
