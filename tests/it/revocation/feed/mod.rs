//! The feed: services hear of what was taken back from them, and of nothing else.

mod continued;
mod waiting;
mod whose;

use exeunt::oidc::client::SubjectType;

use crate::support::ledger::with_refresh;
use crate::support::provider::Wish;
use crate::support::relying_party::Tokens;
use crate::support::scene::{Scene, by_server};
use crate::support::service::Reader;
use crate::support::visitor::Visitor;

const API: &str = "https://api.example/";

const OTHER: &str = "https://other.example/";

/// Ledger's tokens are for one service, and atlas's, who knows everyone by names of its own, for another.
async fn scene() -> (Scene, Reader, Reader) {
    scene_with(Wish::manual_clock).await
}

async fn scene_with(change: impl FnOnce(Wish) -> Wish) -> (Scene, Reader, Reader) {
    let scene = Scene::with(
        &["ledger", "atlas"],
        |name, ear| {
            let mut metadata = by_server(ear);
            with_refresh(&mut metadata);
            let audience = if name == "ledger" { API } else { OTHER };
            metadata.access_token_audience = Some(audience.to_owned());
            if name == "atlas" {
                metadata.subject_type = SubjectType::Pairwise;
            }
            metadata
        },
        change,
    )
    .await;
    let api = Reader::added(&scene.provider, API, Some(&["ledger"])).await;
    let other = Reader::added(&scene.provider, OTHER, Some(&["atlas"])).await;
    (scene, api, other)
}

async fn sign_out(scene: &Scene, visitor: &Visitor, tokens: &Tokens) {
    let hint = tokens.get("id_token");
    let url = scene.applications[0].end_session_url(&[("id_token_hint", &hint)]);
    assert_eq!(visitor.get(&url).await.status, 303);
}
