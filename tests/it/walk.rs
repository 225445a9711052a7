//! The main job: sign in once at several applications, sign out at one, and every application is told.

use crate::support::provider::{metadata, provider};
use crate::support::relying_party::{Ear, RelyingParty};
use crate::support::visitor::Visitor;

/// P2: every session end notifies every application that took part.
#[actix_web::test]
async fn who_signs_out_at_one_application_is_signed_out_at_all_of_them() {
    let (ledger, atlas) = (Ear::open().await, Ear::open().await);
    let mut wish = provider().await;
    for (client_id, ear) in [("ledger", &ledger), ("atlas", &atlas)] {
        let mut metadata = metadata(&ear.base);
        metadata.backchannel_logout_uri = Some(ear.backchannel_logout_uri());
        wish = wish.client(client_id, metadata);
    }
    let provider = wish.start().await;
    let ada = Visitor::default();

    let at_ledger = RelyingParty::of(&provider, "ledger");
    let ledger_tokens = at_ledger.tokens(&ada, &[]).await;
    let at_atlas = RelyingParty::of(&provider, "atlas");
    let answer = ada.get(&at_atlas.authorize_url(&[])).await;
    let code = answer
        .parameter("code")
        .expect("no second password is asked for");
    let atlas_tokens = crate::support::relying_party::Tokens {
        all: at_atlas.redeem(&code, &[]).await.json(),
    };
    let sid_at_ledger = ledger_tokens.id_claims(&provider.issuer).await["sid"].clone();
    let sid_at_atlas = atlas_tokens.id_claims(&provider.issuer).await["sid"].clone();
    assert_ne!(sid_at_ledger, sid_at_atlas);

    let home = format!("{}/", ledger.base);
    let url = at_ledger.end_session_url(&[
        ("id_token_hint", &ledger_tokens.get("id_token")),
        ("post_logout_redirect_uri", &home),
        ("state", "bye"),
    ]);
    let answer = ada.get(&url).await;

    for (ear, sid) in [(&ledger, sid_at_ledger), (&atlas, sid_at_atlas)] {
        let notices = ear.wait_for(1).await;
        let claims = notices[0].claims(&provider.issuer).await;
        assert_eq!(claims["sid"], sid);
    }
    assert_eq!(answer.location().unwrap(), format!("{home}?state=bye"));
    for (party, tokens) in [(&at_ledger, &ledger_tokens), (&at_atlas, &atlas_tokens)] {
        assert_eq!(
            party.userinfo(&tokens.get("access_token")).await.status,
            401
        );
    }
    let answer = ada
        .get(&at_ledger.authorize_url(&[("prompt", "none")]))
        .await;
    assert_eq!(answer.parameter("error").as_deref(), Some("login_required"));
    provider.stop().await;
}
