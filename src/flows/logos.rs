//! Applications' logos: fetched by us once in a while and kept, so that no page sends a person's browser to them.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{FlowError, Provider};
use crate::clock::Timestamp;
use crate::oidc::client::Client;
use crate::oidc::logo;
use crate::store;
use crate::store::logos::{self, Fetched, Image};

/// How long a page waits for a logo that it has never seen.
const GRACE: TimeDelta = TimeDelta::milliseconds(500);
/// How long whoever fetches one may take before another does: longer than the client of connections to others lets it.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// How long a logo is shown without another look.
const FRESH: TimeDelta = TimeDelta::days(1);
/// How long one that could not be had is not asked for again.
const FAILED: TimeDelta = TimeDelta::minutes(10);
/// How long one that no page shows is kept.
pub(super) const UNSEEN: TimeDelta = TimeDelta::days(30);

/// The name of the client's logo, if it has one that can be shown. One that is not known is fetched, and waited for no
/// longer than a moment; an old one is shown while it is fetched again.
///
/// # Errors
/// When the database fails.
pub async fn logo(provider: &Arc<Provider>, client: &Client) -> Result<Option<String>, FlowError> {
    let Some(uri) = &client.metadata.logo_uri else {
        return Ok(None);
    };
    let db = provider.database.read();
    let now = provider.clock.now();
    let known = logos::find(db, &client.client_id, uri).await?;
    if let Some(known) = &known
        && known.again_at > now
    {
        return Ok(known.fingerprint.clone());
    }
    // Apart from this request: it goes on when the page is sent.
    let (apart, whose) = (Arc::clone(provider), client.clone());
    let fetched = tokio::spawn(async move {
        if let Err(error) = fetch(&apart, &whose, now).await {
            tracing::error!(%error, client_id = whose.client_id, "a logo could not be fetched");
        }
    });
    if let Some(old) = known.and_then(|known| known.fingerprint) {
        return Ok(Some(old));
    }
    tokio::select! {
        _ = fetched => {}
        () = provider.clock.sleep_until(now + GRACE) => {}
    }
    let known = logos::find(db, &client.client_id, uri).await?;
    Ok(known.and_then(|known| known.fingerprint))
}

/// Fetches the logo, unless somebody does already.
async fn fetch(provider: &Provider, client: &Client, now: Timestamp) -> Result<(), FlowError> {
    let (client_id, metadata) = (&client.client_id, &client.metadata);
    let Some(uri) = &metadata.logo_uri else {
        return Ok(());
    };
    let tx = provider.database.begin().await?;
    let mine = logos::claim(&tx, client_id, uri, now, now + LEASE).await?;
    store::commit(tx).await?;
    if !mine {
        return Ok(());
    }
    let outbound = provider.outbound.within(&metadata.private_networks)?;
    let fetched = match outbound.get(uri, logo::ACCEPT, logo::MOST_BYTES).await {
        Ok(answer) if answer.status == 200 => {
            let known = logo::media_type(&answer.body);
            if known.is_none() {
                tracing::warn!(client_id, uri, "a logo is no PNG, JPEG, WebP or GIF");
            }
            known.map_or(Fetched::Failed, |media_type| {
                Fetched::Image(Image {
                    fingerprint: logo::fingerprint(&answer.body),
                    media_type: media_type.to_owned(),
                    bytes: answer.body,
                })
            })
        }
        Ok(answer) => {
            tracing::warn!(
                client_id,
                uri,
                status = answer.status,
                "a logo is not there"
            );
            // Only who says that it is gone has taken it away (RFC 9110 §15.5.5, §15.5.11).
            match answer.status {
                404 | 410 => Fetched::Gone,
                _ => Fetched::Failed,
            }
        }
        Err(error) => {
            tracing::warn!(client_id, uri, %error, "a logo could not be fetched");
            Fetched::Failed
        }
    };
    let rest = match fetched {
        Fetched::Image(_) => FRESH,
        Fetched::Gone | Fetched::Failed => FAILED,
    };
    let again_at = provider.clock.now() + rest;
    let tx = provider.database.begin().await?;
    logos::keep(&tx, client_id, uri, &fetched, again_at).await?;
    Ok(store::commit(tx).await?)
}
