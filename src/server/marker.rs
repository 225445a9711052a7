//! The file that remembers, outside the database, until when the database lived: an older copy that is put back
//! remembers less, and is known for one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use tokio_util::sync::CancellationToken;

use super::{StartError, whole_file};
use crate::clock::Timestamp;
use crate::flows::{Provider, restored};

/// How often a running server says that the database lives.
const EVERY: TimeDelta = TimeDelta::seconds(10);

/// The file.
#[derive(Debug, Clone)]
pub struct Marker(PathBuf);

impl Marker {
    /// The marker of this provider's database.
    pub fn of(provider: &Provider) -> Self {
        Self(provider.config.marker_file())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Until when the database is known to have lived; none when there is no marker yet.
    ///
    /// # Errors
    /// When it is there and can't be read: to go on without it would be to serve whatever copy there is.
    pub fn read(&self) -> Result<Option<Timestamp>, StartError> {
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StartError::file(&self.0, error)),
        };
        let millis = text.trim().parse().ok();
        match millis.and_then(DateTime::from_timestamp_millis) {
            Some(moment) => Ok(Some(moment)),
            None => Err(StartError::file(&self.0, "it holds no moment")),
        }
    }

    /// Keeps the moment: the whole of it or, when the power goes, what was there before.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, moment: Timestamp) -> Result<(), StartError> {
        let text = moment.timestamp_millis().to_string();
        let written = whole_file::write(&self.0, &text, |file| file.persist(&self.0));
        written.map_err(|error| StartError::file(&self.0, error))
    }
}

/// Says that the database lives, and keeps that outside.
///
/// # Errors
/// [`StartError::Restored`] when it is an older copy, else when the database or the file fails.
pub(super) async fn claim(provider: &Provider) -> Result<(), StartError> {
    let marker = Marker::of(provider);
    let kept = marker.read()?;
    match restored::raise(provider, kept).await? {
        Some(alive_at) => {
            // After the commit: a marker ahead of its database would make a copy of it.
            marker.write(alive_at)?;
            if kept.is_none() {
                let file = marker.path().display();
                tracing::info!(%file, "made the marker by which a restored database is known");
            }
            Ok(())
        }
        None => Err(StartError::Restored {
            marker: marker.path().display().to_string(),
        }),
    }
}

/// Says every now and then that the database lives, until `stop` is cancelled, and then once more. Cancels
/// `distrusted`, and says no more, when an older copy was put back underneath.
pub(super) async fn run(
    provider: Arc<Provider>,
    stop: CancellationToken,
    distrusted: CancellationToken,
) {
    loop {
        let again = provider.clock.now() + EVERY;
        tokio::select! {
            () = provider.clock.sleep_until(again) => {}
            () = stop.cancelled() => {}
        }
        match claim(&provider).await {
            Ok(()) => {}
            Err(error @ StartError::Restored { .. }) => {
                tracing::error!(%error, "what was revoked is good again in it: nothing more is served");
                distrusted.cancel();
                return;
            }
            Err(error) => tracing::error!(%error, "it could not be kept that the database lives"),
        }
        if stop.is_cancelled() {
            return;
        }
    }
}
