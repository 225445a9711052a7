//! The file of the master key.

use std::io;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::{StartError, whole_file};
use crate::flows::keys;
use crate::jose::MasterKey;
use crate::random::Random;
use crate::store::{Database, signing_keys};

/// The master key of the file; made when there is none and the database is new, readable by its owner alone.
///
/// # Errors
/// When the file is gone or that of another database, before anything is migrated or declared: by another key every password
/// that is declared looks changed, and nobody is known who was deleted.
pub(super) async fn master_key(
    path: &Path,
    database: &Database,
    random: &dyn Random,
) -> Result<MasterKey, StartError> {
    let found = read(path)?;
    let sealed = match database.is_new().await? {
        true => Vec::new(),
        false => signing_keys::list(database.read()).await?,
    };
    let key = match found {
        Some(key) => key,
        None if sealed.is_empty() => make(path, random)?,
        // Another process may have made both since we looked.
        None => read(path)?.ok_or_else(|| StartError::MasterKeyGone {
            path: path.display().to_string(),
        })?,
    };
    if sealed.is_empty() || keys::is_any_opened_by(&key, sealed) {
        Ok(key)
    } else {
        Err(StartError::OtherMasterKey {
            path: path.display().to_string(),
        })
    }
}

fn read(path: &Path) -> Result<Option<MasterKey>, StartError> {
    match std::fs::read_to_string(path) {
        Ok(text) => match MasterKey::from_text(text.trim()) {
            Ok(key) => Ok(Some(key)),
            Err(cause) => Err(StartError::file(path, cause)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(StartError::file(path, cause)),
    }
}

/// A new one; that of another process, if it was faster.
fn make(path: &Path, random: &dyn Random) -> Result<MasterKey, StartError> {
    let key = MasterKey::generate(random);
    let text = key.to_text();
    match whole_file::write(path, text.expose_secret(), |file| {
        file.persist_noclobber(path)
    }) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| StartError::file(path, error))
        }
        Err(error) => Err(StartError::file(path, error)),
    }
}
