//! Tokens that a service makes by itself, with the key that it shares with us.

use exeunt_guard::Claims;
use serde_json::json;

use super::{API, Way, add, refreshed, start, tokens_in};
use crate::support::eventually;
use crate::support::relying_party::RelyingParty;
use crate::support::services::ARCHIVE;
use crate::support::visitor::Visitor;

/// What makes a token say something else.
type Change<'a> = &'a dyn Fn(&mut Claims);

/// A service that shares a key with us can make tokens. They say nothing here that our own facts don't, and take nothing
/// back that is another's. Attack 29: revocation of what is not one's own.
#[actix_web::test]
async fn what_a_service_made_by_itself_is_believed_as_far_as_it_is_true_and_harms_nobody_else() {
    for way in [Way::Direct, Way::Told] {
        let (provider, party) = start().await;
        let api = add(&provider, way, API).await;
        let archive = add(&provider, way, ARCHIVE).await;
        let tokens = tokens_in(&Visitor::default(), &party, &[API, ARCHIVE]).await;
        let there = refreshed(&party, &tokens, ARCHIVE)
            .await
            .get("access_token");
        let true_claims = api.read(&provider, &tokens.get("access_token"));
        let mallory = RelyingParty::of(&provider, "mallory");
        let others = tokens_in(&Visitor::default(), &mallory, &[API]).await;
        let others = api.read(&provider, &others.get("access_token"));

        let untrue: [(&str, Change<'_>); 8] = [
            ("sub", &|claims| claims.sub = uuid::Uuid::nil().to_string()),
            ("client", &|claims| {
                claims.client_id = Some("mallory".into())
            }),
            ("grant", &|claims| claims.grant = others.grant.clone()),
            ("no grant", &|claims| {
                claims.grant = Some(uuid::Uuid::nil().to_string())
            }),
            ("a grant", &|claims| claims.grant = Some("grant".into())),
            ("sid", &|claims| claims.sid = others.sid.clone()),
            ("no sid", &|claims| {
                claims.sid = Some(uuid::Uuid::nil().to_string())
            }),
            ("neither", &|claims| {
                (claims.sid, claims.grant) = (None, None)
            }),
        ];
        for (what, change) in untrue {
            let mut claims = true_claims.clone();
            change(&mut claims);
            let forged = api.forge(&claims);
            let told = api.reader.introspect(&provider, &forged).await.json();
            assert_eq!(told, json!({ "active": false }), "{way:?}: {what}");
            assert_eq!(mallory.revoke(&forged, &[]).await.status, 200);
        }
        let same = api.forge(&true_claims);
        assert!(api.is_good(&provider, &party, &same).await);

        // The name of another service's token, in one of Mallory's own: it is that service's alone.
        let forged = api.forge(&Claims {
            jti: archive.read(&provider, &there).jti,
            ..others.clone()
        });
        assert_eq!(mallory.revoke(&forged, &[]).await.status, 200);
        assert!(!api.is_good(&provider, &mallory, &forged).await);
        assert!(archive.is_good(&provider, &party, &there).await);
        api.hears_of_a_token().await;
        assert_eq!(archive.named_tokens().await, [json!(null); 0]);
        // One that says it never expires is named for as long as tokens live here, ten minutes, and a minute of slack.
        let endless = api.forge(&Claims {
            exp: others.exp + 365 * 24 * 60 * 60,
            ..others.clone()
        });
        assert_eq!(mallory.revoke(&endless, &[]).await.status, 200);
        let both = eventually(async || {
            let named = api.named_tokens().await;
            (named.len() == 2).then_some(named)
        });
        for named in both.await.unwrap() {
            let until = named["until"].as_i64().unwrap();
            assert!(
                (others.exp..=others.iat + 12 * 60).contains(&until),
                "{named}"
            );
        }
        // Nor do we serve what anybody but us could have made.
        assert_eq!(party.userinfo(&same).await.status, 401);
        provider.stop().await;
    }
}
