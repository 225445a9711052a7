//! What a token for a service says, read with an independent reader, and where else it is good: nowhere.

use chrono::TimeDelta;
use exeunt::oidc::client::{ClientMetadata, GrantType, SubjectType};
use exeunt::oidc::scope::ADMIN;
use exeunt::oidc::service::Service;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use crate::support::admin::{CONSOLE, Desk, administered};
use crate::support::ledger::{HOME, ledger_with};
use crate::support::provider::{Provider, SECRET, metadata, provider};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::services::{API, ARCHIVE, service};
use crate::support::visitor::{Visitor, http_client};

const ASKED: [(&str, &str); 2] = [("scope", "openid email read"), ("resource", API)];

fn books() -> Service {
    Service {
        claims: ["name", "picture", "email"].map(str::to_owned).to_vec(),
        ..service(API)
    }
}

/// What a service does that knows the issuer alone.
async fn read(issuer: &str, audience: &str, token: &str) -> Result<Value, String> {
    let jwks = http_client().get(format!("{issuer}/jwks")).send().await;
    let jwks: JwkSet = serde_json::from_str(&jwks.unwrap().text().await.unwrap()).unwrap();
    let header = decode_header(token).map_err(|error| error.to_string())?;
    if header.typ.as_deref() != Some("at+jwt") {
        return Err("it is no access token".to_owned());
    }
    let key = jwks.find(&header.kid.unwrap()).ok_or("an unknown key")?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let key = DecodingKey::from_jwk(key).unwrap();
    decode::<Value>(token, &key, &validation)
        .map(|token| token.claims)
        .map_err(|error| error.to_string())
}

async fn tokens(party: &RelyingParty, more: &[(&str, &str)]) -> Tokens {
    let answer = party.sign_in(&Visitor::default(), more).await;
    let code = answer.parameter("code").unwrap();
    let answer = party.redeem(&code, &[("resource", API)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }
}

async fn start(change: impl FnOnce(&mut ClientMetadata)) -> (Provider, RelyingParty) {
    let wish = ledger_with(change).await.service(books());
    let provider = wish.service(service(ARCHIVE)).start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party)
}

/// Attack 31: claims of the wrong type; attack 32: a token for one in the place of a token for another.
#[actix_web::test]
async fn a_service_reads_its_token_offline_and_nobody_elses() {
    let (provider, party) = start(|_| {}).await;
    let tokens = tokens(&party, &ASKED).await;
    let access_token = tokens.get("access_token");
    let claims = read(&provider.issuer, API, &access_token).await.unwrap();
    let id = tokens.id_claims(&provider.issuer).await;
    for shared in ["iss", "sub", "sid", "auth_time", "acr"] {
        assert!(
            claims[shared] == id[shared] && !claims[shared].is_null(),
            "{shared}"
        );
    }
    assert_eq!(claims["aud"], API);
    assert_eq!(claims["client_id"], "ledger");
    assert_eq!(claims["scope"], "read");
    assert_eq!(claims["name"], "Ada Lovelace");
    assert_eq!(claims["email"], "ada@example.org");
    // It is not known, or was not asked for.
    assert!(claims.get("picture").is_none() && claims.get("email_verified").is_none());
    for text in ["jti", "grant"] {
        assert!(claims[text].is_string(), "{text}");
    }
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 300);

    for audience in [ARCHIVE, &provider.issuer, "ledger"] {
        assert!(
            read(&provider.issuer, audience, &access_token)
                .await
                .is_err()
        );
    }
    assert!(
        read(&provider.issuer, API, &tokens.get("id_token"))
            .await
            .is_err()
    );
    provider.stop().await;
}

#[actix_web::test]
async fn a_pairwise_client_is_told_the_same_sub_in_tokens_for_services() {
    let pairwise = ClientMetadata {
        subject_type: SubjectType::Pairwise,
        ..metadata(HOME)
    };
    let provider = provider()
        .await
        .client("ledger", pairwise)
        .client("atlas", metadata("https://atlas.example"))
        .service(books())
        .start()
        .await;
    let mut subs = Vec::new();
    for client_id in ["ledger", "atlas"] {
        let tokens = tokens(&RelyingParty::of(&provider, client_id), &ASKED).await;
        let claims = read(&provider.issuer, API, &tokens.get("access_token")).await;
        let claims = claims.unwrap();
        let id = tokens.id_claims(&provider.issuer).await;
        assert_eq!((&claims["sub"], &claims["sid"]), (&id["sub"], &id["sid"]));
        subs.push(claims["sub"].clone());
    }
    assert_ne!(subs[0], subs[1]);
    provider.stop().await;
}

/// Attack 32: a token for a service as one for us.
#[actix_web::test]
async fn userinfo_takes_no_token_that_was_asked_for_a_service() {
    let (provider, party) = start(|metadata| {
        metadata.grant_types.push(GrantType::RefreshToken);
    })
    .await;
    for asked in [ASKED, [("scope", "openid read"), ("resource", ARCHIVE)]] {
        let answer = party.sign_in(&Visitor::default(), &asked).await;
        let code = answer.parameter("code").unwrap();
        let resource = asked[1];
        let answer = party.redeem(&code, &[resource]).await;
        let tokens = Tokens { all: answer.json() };
        let refused = party.userinfo(&tokens.get("access_token")).await;
        assert_eq!(refused.status, 401, "{refused:?}");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.contains("invalid_token"), "{challenge}");
        // With the same grant there is one for us too.
        let answer = party.refresh(&tokens.get("refresh_token")).await;
        let ours = Tokens { all: answer.json() };
        assert_eq!(party.userinfo(&ours.get("access_token")).await.status, 200);
    }
    provider.stop().await;
}

/// Attack 32: a token for a service at the administrators' API; attack 16: their scope at a service.
#[actix_web::test]
async fn administrators_are_known_by_no_token_that_was_asked_for_a_service() {
    let wish = administered(provider().await.service(books()));
    let provider = wish.start().await;
    let ask = async |more: &[(&str, &str)]| {
        let mut form = vec![("grant_type", "client_credentials"), ("resource", API)];
        form.extend_from_slice(more);
        let (visitor, url) = (Visitor::default(), provider.url("/token"));
        let request = visitor.client().post(&url).form(&form);
        let request = request.basic_auth(CONSOLE, Some(SECRET));
        visitor.send(&url, request).await
    };
    let refused = ask(&[("scope", ADMIN)]).await;
    assert_eq!(refused.json()["error"], "invalid_scope");
    let token = Tokens {
        all: ask(&[]).await.json(),
    };
    let desk = Desk::with_token(&provider, &token.get("access_token"));
    let answer = desk.get("/admin/v1/sessions").await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(
        Desk::of(&provider)
            .await
            .get("/admin/v1/sessions")
            .await
            .status,
        200
    );
    provider.stop().await;
}

#[actix_web::test]
async fn an_application_believes_in_the_session_as_long_as_the_service_does() {
    let wish = ledger_with(|_| {}).await.service(Service {
        lifetime: TimeDelta::hours(3),
        ..books()
    });
    let provider = wish.manual_clock().start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let tokens = tokens(&party, &ASKED).await;
    let claims = read(&provider.issuer, API, &tokens.get("access_token")).await;
    let claims = claims.unwrap();
    let sid = claims["sid"].as_str().unwrap().parse().unwrap();
    let db = provider.flows().database.read();
    let part = exeunt::store::participants::find(db, sid).await.unwrap();
    let until = part.unwrap().believes_until.timestamp();
    assert_eq!(until, claims["exp"].as_i64().unwrap());
    provider.stop().await;
}
