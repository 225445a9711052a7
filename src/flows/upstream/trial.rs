//! An upstream is tried out: what fits and what does not, in words, for whoever makes it known.

use chrono::TimeDelta;

use super::{LONGEST_DOCUMENT, UpstreamKeys};
use crate::flows::{FlowError, Provider};
use crate::oidc::upstream::Upstream;
use crate::oidc::upstream::metadata::{self, Metadata, clock_problem};
use crate::oidc::upstream::oauth2::OAuth2;
use crate::outbound::{Answer, Outbound};

/// What came of it.
#[derive(Debug, Default)]
pub struct Trial {
    /// What keeps people from signing in.
    pub misfits: Vec<String>,
    /// What is missing, though they can.
    pub shortcomings: Vec<String>,
    /// What it says of itself, if that can be had.
    pub metadata: Option<Metadata>,
    /// By how much its clock is ahead of ours, to the second, if it says what it shows.
    pub ahead: Option<TimeDelta>,
}

/// Asks an upstream what it says of itself, past everything that is kept, and says what fits and what does not. One that
/// is no OpenID Provider says nothing: it is asked whether it is there.
///
/// # Errors
/// When the client for its private networks can't be had.
pub async fn test(provider: &Provider, upstream: &Upstream) -> Result<Trial, FlowError> {
    let outbound = provider.outbound.within(&upstream.private_networks)?;
    let mut trial = Trial::default();
    match &upstream.oauth2 {
        Some(told) => trial.look_at_endpoints(provider, &outbound, told).await,
        None => {
            trial.look_at_documents(provider, &outbound, upstream).await;
        }
    }
    trial
        .shortcomings
        .extend(trial.ahead.and_then(clock_problem));
    Ok(trial)
}

impl Trial {
    async fn look_at_documents(
        &mut self,
        provider: &Provider,
        outbound: &Outbound,
        upstream: &Upstream,
    ) {
        let address = metadata::address(&upstream.issuer);
        let answer = match fetch(outbound, &address).await {
            Ok(answer) => answer,
            Err(why) => {
                self.misfits
                    .push(format!("what it says of itself can't be had: {why}"));
                return;
            }
        };
        self.compare_clocks(provider, &answer);
        let Some(metadata) = Metadata::read(&answer.body) else {
            self.misfits.push(format!(
                "what lies at {address} is not what an OpenID Provider says of itself"
            ));
            return;
        };
        self.misfits = metadata.misfits(&upstream.issuer, upstream.auth_method);
        self.shortcomings = metadata.shortcomings();
        let requested = &upstream.request_claims;
        self.shortcomings.extend(requested.shortcomings(&metadata));
        match fetch(outbound, &metadata.jwks_uri).await {
            Err(why) => self.misfits.push(format!("its keys can't be had: {why}")),
            Ok(answer) => {
                let keys: Option<UpstreamKeys> = serde_json::from_slice(&answer.body).ok();
                if keys.is_none_or(|keys| keys.keys().is_empty()) {
                    self.misfits.push(format!(
                        "no key that we can read lies at {}",
                        metadata.jwks_uri
                    ));
                }
            }
        }
        self.metadata = Some(metadata);
    }

    async fn look_at_endpoints(&mut self, provider: &Provider, outbound: &Outbound, told: &OAuth2) {
        let userinfo = &told.userinfo_endpoint;
        match outbound.ask(userinfo, None, None, LONGEST_DOCUMENT).await {
            Err(error) => self
                .misfits
                .push(format!("{userinfo} can't be asked: {error}")),
            // Who it says that is, it says of everybody.
            Ok(answer) if answer.status == 200 => self.misfits.push(format!(
                "{userinfo} answers who brings no access token: it does not say who somebody is"
            )),
            Ok(answer) => self.compare_clocks(provider, &answer),
        }
        let token = &told.token_endpoint;
        if let Err(error) = outbound.ask(token, None, Some(&[]), LONGEST_DOCUMENT).await {
            self.misfits
                .push(format!("{token} can't be asked: {error}"));
        }
        self.shortcomings = [
            "it gives no ID tokens: when and how somebody signed in nobody knows, so max_age and prompt=login are never met",
            "whether it supports PKCE it does not say; it is used all the same",
            "nobody is signed out there, and it tells nobody when somebody signs out there",
        ]
        .map(str::to_owned)
        .into();
    }

    fn compare_clocks(&mut self, provider: &Provider, answer: &Answer) {
        let now = provider.clock.now().timestamp();
        let ahead = answer.date.map(|date| date.timestamp() - now);
        self.ahead = ahead.and_then(TimeDelta::try_seconds);
    }
}

/// A document, or why it can't be had: whoever reads that runs this server.
async fn fetch(outbound: &Outbound, url: &str) -> Result<Answer, String> {
    let answer = outbound
        .get(url, "application/json", LONGEST_DOCUMENT)
        .await;
    match answer {
        Ok(answer) if answer.status == 200 => Ok(answer),
        Ok(answer) => Err(format!("{url} answers with status {}", answer.status)),
        Err(error) => Err(format!("{url}: {error}")),
    }
}
