//! `[[users]]`: the people that the file declares.

use std::collections::HashMap;

use secrecy::SecretString;
use unicode_normalization::UnicodeNormalization as _;

use super::error::Place;
use super::section::{Mistake, Section};
use super::{Credential, examples};
use crate::jose::PasswordHash;
use crate::oidc::claims::UserClaims;

/// NIST SP 800-63B-4 §3.1.1.2.
const LEAST_PASSWORD: usize = 8;

/// Longer ones are not hashed.
const LONGEST_PASSWORD: usize = 1024;

/// A person that the file declares.
#[derive(Debug, Clone)]
pub struct DeclaredUser {
    /// What they sign in with, as it was written; [`canonical_name`] says which are the same.
    pub username: String,
    /// Their first password; none: they can't sign in with one yet.
    pub password: Option<Credential>,
    /// What applications may learn of them.
    pub claims: UserClaims,
    /// Where they are declared.
    pub place: Place,
}

/// The form in which names are compared: NFKC and lower case, so that no two people's names look alike by accident.
pub fn canonical_name(name: &str) -> String {
    // Lower case may take a text out of NFKC again (U+1E9E and the like), hence the second pass.
    name.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// Reads every table, and notes the mistakes. `public` is whether others than this machine can reach us.
pub(super) fn read(tables: Vec<Section<'_, '_>>, public: bool) -> Vec<DeclaredUser> {
    let mut seen: HashMap<String, Place> = HashMap::new();
    let mut users = Vec::new();
    for mut table in tables {
        let username = table.text("username", username);
        match &username {
            Some(username) => {
                table.call(format!("user {username}: "));
                if let Some(first) = seen.insert(canonical_name(username), table.place()) {
                    table.refuse(
                        "username",
                        &format!("is taken, if upper and lower case are not told apart: {first}"),
                        "Give each person a name of their own.",
                    );
                }
            }
            None if !table.is_set("username") => {
                table.refuse(
                    "username",
                    "is missing",
                    "Give the person a name to sign in with.",
                );
            }
            None => {}
        }
        let place = table.place();
        let password = credential(&table, public);
        let (claims, _) = table.fields::<UserClaims>();
        table.finish();
        if let Some(username) = username {
            users.push(DeclaredUser {
                username,
                password,
                claims,
                place,
            });
        }
    }
    users
}

/// What is wrong with `text` as a name to sign in with, and what to do about it.
///
/// # Errors
/// Says so in whole sentences.
pub fn check_username(text: &str) -> Result<(), String> {
    username(text).map(drop).map_err(Mistake::into_sentence)
}

/// What is wrong with `text` as a new password.
///
/// # Errors
/// As [`check_username`].
pub fn check_password(text: &str) -> Result<(), String> {
    password(text).map(drop).map_err(Mistake::into_sentence)
}

fn username(text: &str) -> Result<String, Mistake> {
    let fits = (1..=255).contains(&text.len())
        && text.trim() == text
        && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or_else(|| {
        Mistake::new(
            "is no name",
            "Write 1 to 255 bytes, without spaces at the ends and without control characters.",
        )
    })
}

fn credential(table: &Section<'_, '_>, public: bool) -> Option<Credential> {
    let password = table.text("password", |text| {
        if public && examples::is_known_password(text) {
            return Err(Mistake::new(
                "is an example, or as easily guessed; that does on one's own machine alone",
                "Give another.",
            ));
        }
        password(text)
    });
    let hash = table.text("password_hash", password_hash);
    if table.is_set("password") && table.is_set("password_hash") {
        table.refuse(
            "password_hash",
            "stands beside password",
            "Keep one of the two.",
        );
    }
    password.or(hash)
}

fn password(text: &str) -> Result<Credential, Mistake> {
    let length = text.chars().count();
    if length < LEAST_PASSWORD {
        return Err(Mistake::new(
            format!("has {length} characters, which is too short"),
            format!("Give at least {LEAST_PASSWORD}."),
        ));
    }
    if text.len() > LONGEST_PASSWORD {
        return Err(Mistake::new(
            format!("has {} bytes, which is too long", text.len()),
            format!("Give at most {LONGEST_PASSWORD}."),
        ));
    }
    Ok(Credential::Plain(SecretString::from(text)))
}

fn password_hash(text: &str) -> Result<Credential, Mistake> {
    match PasswordHash::parse(text) {
        Ok(hash) => Ok(Credential::Hash(SecretString::from(hash.as_str()))),
        Err(unusable) => Err(Mistake::new(
            format!("does not fit: {unusable}"),
            "Write what an argon2 tool prints: $argon2id$v=19$m=19456,t=2,p=1$...$...",
        )),
    }
}
