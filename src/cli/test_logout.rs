//! `exeunt client test-logout`: does this application hear a sign-out?

use anyhow::bail;
use serde::Serialize;
use uuid::Uuid;

use super::arguments::Output;
use super::show;
use crate::flows::{Provider, send_notice};
use crate::store::clients;

#[derive(Serialize)]
struct Shown {
    client_id: String,
    backchannel_logout_uri: String,
    sid: Uuid,
    jti: Uuid,
    status: Option<u16>,
    latency_ms: i64,
    problem: Option<String>,
    confirmed: bool,
    verdict: String,
    mend: Option<&'static str>,
}

/// Fails unless a real notice would count as confirmed.
pub(super) async fn run(
    provider: &Provider,
    client_id: &str,
    output: Output,
) -> anyhow::Result<()> {
    let Some(known) = clients::find(provider.database.read(), client_id).await? else {
        bail!(
            "there is no application {client_id}: `exeunt client list` shows those that there are"
        );
    };
    let metadata = &known.client.metadata;
    let Some(uri) = &metadata.backchannel_logout_uri else {
        match &metadata.frontchannel_logout_uri {
            Some(uri) => bail!(
                "{client_id} can only be told in a browser, by a frame of {uri}: no server can see how it answers, and it \
                 hears nothing when a session ends without a page. Give it a backchannel_logout_uri"
            ),
            None => bail!(
                "{client_id} has no logout URI: it learns of no sign-out. Give it a backchannel_logout_uri"
            ),
        }
    };
    let tested = send_notice::test(provider, client_id, uri, metadata).await?;
    let answer = tested.answer.as_ref();
    let advice = tested.advice();
    let shown = Shown {
        client_id: client_id.to_owned(),
        backchannel_logout_uri: uri.clone(),
        sid: tested.sid,
        jti: tested.jti,
        status: answer.ok().map(|answer| answer.status),
        latency_ms: tested.took().num_milliseconds(),
        problem: answer.err().map(ToString::to_string),
        confirmed: advice.confirmed,
        verdict: advice.verdict,
        mend: advice.mend,
    };
    let heard = match (shown.status, &shown.problem) {
        (Some(status), _) => status.to_string(),
        (None, problem) => problem.clone().unwrap_or_default(),
    };
    let facts = [
        ("application", shown.client_id.clone()),
        ("sent to", shown.backchannel_logout_uri.clone()),
        ("sid", shown.sid.to_string()),
        ("jti", shown.jti.to_string()),
        ("answer", format!("{heard}, after {} ms", shown.latency_ms)),
        ("verdict", shown.verdict.clone()),
        ("to do", shown.mend.unwrap_or("nothing").to_owned()),
    ];
    show::item(output, &shown, &facts)?;
    if !shown.confirmed {
        bail!("a real notice to {client_id} would not count as confirmed");
    }
    Ok(())
}
