//! Why the server does not start.

use std::net::SocketAddr;
use std::path::Path;

use crate::flows::FlowError;
use crate::outbound::{BusError, SetupError};
use crate::store::StoreError;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys, or what the configuration declares.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// The client for connections to others.
    #[error(transparent)]
    Outbound(#[from] SetupError),
    /// A file.
    #[error("{path}: {cause}")]
    File {
        /// Which one.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The master key is gone.
    #[error(
        "there is no master key at {path}, and the database is not new: without the key that it was made with nothing in it \
         can be opened or recognised. Put the file back (a backup of the database is worth nothing without it); nothing was \
         changed"
    )]
    MasterKeyGone {
        /// Where it should be.
        path: String,
    },
    /// The master key is that of another database.
    #[error(
        "the master key at {path} is not the one that the database was made with: no key in it opens. Put the right file \
         back, or name the right database; nothing was changed"
    )]
    OtherMasterKey {
        /// Where it is.
        path: String,
    },
    /// The database is an older copy.
    #[error(
        "the database was put back from an older copy: {marker} knows that it lived longer than it remembers. What was \
         ended and revoked since would be good again, so nothing is done before `exeunt restored` was run"
    )]
    Restored {
        /// The file that knows.
        marker: String,
    },
    /// The way to Redis.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The listener.
    #[error("nothing can listen on {address}: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// TLS.
    #[error("the certificate and its key do not work: {0}")]
    Tls(#[from] rustls::Error),
}

impl StartError {
    pub(super) fn file(path: &Path, cause: impl ToString) -> Self {
        Self::File {
            path: path.display().to_string(),
            cause: cause.to_string(),
        }
    }
}
