//! The keys of services, as people and programs see them.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::Value;

use super::unknown;
use crate::cli::arguments::ServiceRotateKeys;
use crate::cli::show;
use crate::clock::Timestamp;
use crate::flows::Provider;
use crate::flows::service_keys::{
    NotRotated, Rotated, Start, in_use, is_wearing_out, rotate as act,
};
use crate::jose::{TOKENS_PER_KEY, read_service_jwks};
use crate::store::service_keys::ServiceKey;

/// A key, of which nothing secret is shown.
#[derive(Serialize)]
pub(super) struct ShownKey {
    kid: String,
    kind: &'static str,
    state: State,
    sign_from: Timestamp,
    retire_at: Option<Timestamp>,
    /// About so many were made under it; none: nobody counts.
    tokens: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Its time is still to come.
    Waiting,
    /// New tokens are made under it.
    InUse,
    /// Tokens under it are good, and no new ones are made.
    Good,
    /// Tokens under it are good no more.
    Retired,
}

impl ShownKey {
    pub(super) fn all(keys: &[ServiceKey], now: Timestamp) -> Vec<Self> {
        let used = in_use(keys, now).map(|key| key.id);
        let keys = keys.iter();
        keys.map(|key| Self {
            kid: key.kid.clone(),
            kind: if key.is_shared() { "shared" } else { "public" },
            state: match key {
                key if used == Some(key.id) => State::InUse,
                key if !key.is_good(now) => State::Retired,
                key if now < key.sign_from => State::Waiting,
                _ => State::Good,
            },
            sign_from: key.sign_from,
            retire_at: key.retire_at,
            tokens: key.is_shared().then_some(key.tokens),
        })
        .collect()
    }

    pub(super) fn is_in_use(&self) -> bool {
        self.state == State::InUse
    }

    pub(super) fn name(&self) -> String {
        match (self.kind, self.kid.as_str()) {
            (kind, "") => kind.to_owned(),
            (kind, kid) => format!("{kind} {kid}"),
        }
    }

    pub(super) fn in_words(&self) -> String {
        let mut words = match self.state {
            State::Waiting => format!("{}, used from {}", self.name(), show::time(self.sign_from)),
            State::InUse => format!("{}, used since {}", self.name(), show::time(self.sign_from)),
            State::Good => format!(
                "{}, good until {}",
                self.name(),
                show::time_or_dash(self.retire_at)
            ),
            State::Retired => format!(
                "{}, retired at {}",
                self.name(),
                show::time_or_dash(self.retire_at)
            ),
        };
        if let Some(tokens) = self.tokens.filter(|tokens| *tokens > 0) {
            words.push_str(&format!(", about {tokens} tokens of {TOKENS_PER_KEY}"));
            if self.is_in_use() && is_wearing_out(tokens) {
                words.push_str(": time for another, `exeunt service rotate-keys`");
            }
        }
        words
    }
}

/// A key as the service is told it, once.
#[derive(Serialize)]
pub(super) struct ToldKey {
    kid: u8,
    /// In base64url, as is the other.
    mac: String,
    cipher: String,
    sign_from: Timestamp,
}

impl From<&Rotated> for ToldKey {
    fn from(made: &Rotated) -> Self {
        Self {
            kid: made.kid,
            mac: made.key.mac().expose_secret().to_owned(),
            cipher: made.key.cipher().expose_secret().to_owned(),
            sign_from: made.sign_from,
        }
    }
}

impl ToldKey {
    pub(super) fn facts(&self) -> [(&'static str, String); 4] {
        [
            ("kid", self.kid.to_string()),
            ("mac key", self.mac.clone()),
            ("cipher key", self.cipher.clone()),
            ("used from", show::time(self.sign_from)),
        ]
    }
}

/// The public keys in a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    let jwks: Value = serde_json::from_str(&text).with_context(name)?;
    read_service_jwks(&jwks).map_err(|problem| anyhow!("{}: {problem}", name()))
}

pub(super) async fn rotate(provider: &Provider, wanted: ServiceRotateKeys) -> anyhow::Result<()> {
    let identifier = &wanted.identifier;
    let start = match wanted.now {
        true => Start::Now,
        false => Start::Later(wanted.after),
    };
    let made = match act(provider, identifier, start).await? {
        Ok(made) => made,
        Err(NotRotated::Unknown) => return Err(unknown(provider, identifier)),
        Err(NotRotated::NotNeeded) => bail!(
            "the tokens of {identifier} are made under no shared key: they are signed with the issuer's keys, or encrypted to \
             the service's own"
        ),
        Err(NotRotated::TooMany) => bail!(
            "{identifier} has as many keys as one byte can name: wait until some have retired"
        ),
    };
    let key = ToldKey::from(&made);
    show::item(wanted.output, &key, &key.facts())?;
    if !wanted.output.json {
        show::say(
            "\nThe keys are shown this once: give them to the service before they are used.",
        )?;
    }
    Ok(())
}
