//! The file of the master key.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::StartError;
use crate::jose::MasterKey;
use crate::random::Random;

/// The master key of the file; made when there is none, readable by its owner alone.
pub(super) fn master_key(path: &Path, random: &dyn Random) -> Result<MasterKey, StartError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            MasterKey::from_text(text.trim()).map_err(|cause| StartError::file(path, cause))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = MasterKey::generate(random);
            let made = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path);
            let mut file = match made {
                Ok(file) => file,
                // Another process made it since we looked.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    return master_key(path, random);
                }
                Err(cause) => return Err(StartError::file(path, cause)),
            };
            writeln!(file, "{}", key.to_text().expose_secret())
                .and_then(|()| file.sync_all())
                .map_err(|cause| StartError::file(path, cause))?;
            Ok(key)
        }
        Err(cause) => Err(StartError::file(path, cause)),
    }
}
