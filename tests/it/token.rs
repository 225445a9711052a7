//! The token endpoint (RFC 6749 §3.2, Core §3.1.3): codes become tokens, once.

use chrono::TimeDelta;
use exeunt::flows::people;
use exeunt::oidc::client::{ClientAuthMethod, ClientMetadata, GrantType};
use futures_util::future::join_all;
use openidconnect::{PkceCodeChallenge, PkceCodeVerifier};
use serde_json::json;

use crate::support::ledger::{HOME, json_error, ledger, ledger_with, with_refresh};
use crate::support::provider::{Provider, SECRET, Wish, metadata};
use crate::support::relying_party::{RelyingParty, Tokens, verify};
use crate::support::visitor::{Answer, Visitor};

/// The code verifier and its challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn challenge() -> String {
    let verifier = PkceCodeVerifier::new(VERIFIER.to_owned());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    challenge.as_str().to_owned()
}

async fn code(party: &RelyingParty, more: &[(&str, &str)]) -> String {
    let answer = party.sign_in(&Visitor::default(), more).await;
    answer.parameter("code").unwrap()
}

fn assert_refused(answer: &Answer, error: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(json_error(answer), error, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// Whether userinfo is told for the access token, which is refused otherwise.
async fn is_good(party: &RelyingParty, tokens: &Tokens) -> bool {
    let answer = party.userinfo(&tokens.get("access_token")).await;
    assert!([200, 401].contains(&answer.status.as_u16()), "{answer:?}");
    answer.status == 200
}

async fn start() -> (Provider, RelyingParty) {
    start_with(ledger().await).await
}

async fn start_with(wish: Wish) -> (Provider, RelyingParty) {
    let provider = wish.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party)
}

async fn with(change: impl FnOnce(&mut ClientMetadata)) -> (Provider, RelyingParty) {
    start_with(ledger_with(change).await).await
}

/// The parameters of an authorization request that is bound to [`VERIFIER`].
fn pkce(challenge: &str) -> [(&str, &str); 2] {
    [
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
}

#[actix_web::test]
async fn a_code_becomes_tokens_that_say_who_signed_in_when_how_and_for_whom() {
    let (provider, party) = start().await;
    let code = code(&party, &[("scope", "openid email")]).await;
    let answer = party.redeem(&code, &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    let tokens = Tokens { all: answer.json() };
    assert_eq!(tokens.all["token_type"], "Bearer");
    assert_eq!(tokens.all["expires_in"], 600);
    assert_eq!(tokens.all["scope"], "email openid");
    assert_eq!(tokens.all.get("refresh_token"), None);

    let (header, id) = verify(&provider.issuer, &tokens.get("id_token")).await;
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("RS256"), &json!("JWT"))
    );
    assert_eq!(id["iss"], provider.issuer);
    assert_eq!(id["aud"], "ledger");
    assert_eq!(id["nonce"], "the-nonce");
    assert_eq!(id["amr"], json!(["pwd"]));
    assert_eq!(id["acr"], "urn:exeunt:acr:password");
    let lifetime = id["exp"].as_i64().unwrap() - id["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 600);
    assert!(id["auth_time"].as_i64().unwrap() <= id["iat"].as_i64().unwrap());

    let (header, access) = verify(&provider.issuer, &tokens.get("access_token")).await;
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(access["aud"], provider.issuer);
    assert_eq!(access["client_id"], "ledger");
    assert_eq!(access["scope"], "email openid");
    for shared in ["iss", "sub", "sid", "auth_time", "acr"] {
        assert!(
            id[shared] == access[shared] && !id[shared].is_null(),
            "{shared}"
        );
    }
    provider.stop().await;
}

/// Attack 12: a code that is used twice.
#[actix_web::test]
async fn a_code_used_twice_takes_back_what_it_gave() {
    let (provider, party) = with(with_refresh).await;
    let code = code(&party, &[]).await;
    let tokens = Tokens {
        all: party.redeem(&code, &[]).await.json(),
    };
    assert!(is_good(&party, &tokens).await);
    assert_refused(&party.redeem(&code, &[]).await, "invalid_grant");
    assert!(!is_good(&party, &tokens).await);
    let refreshed = party.refresh(&tokens.get("refresh_token")).await;
    assert_refused(&refreshed, "invalid_grant");
    provider.stop().await;
}

/// Attack 12: a code that is used many times at once.
#[actix_web::test]
async fn of_fifty_redemptions_of_one_code_one_wins_and_the_others_take_its_tokens_back() {
    let (provider, party) = with(with_refresh).await;
    let code = code(&party, &[]).await;
    let answers = join_all((0..50).map(|_| party.redeem(&code, &[]))).await;
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in &lost {
        assert_refused(answer, "invalid_grant");
    }
    let tokens = Tokens { all: won[0].json() };
    assert!(!is_good(&party, &tokens).await);
    let refreshed = party.refresh(&tokens.get("refresh_token")).await;
    assert_refused(&refreshed, "invalid_grant");
    provider.stop().await;
}

/// Attack 11 (CVE-2026-28513): an expired code.
#[actix_web::test]
async fn a_code_is_good_until_the_second_it_expires() {
    let (provider, party) = start_with(ledger().await.manual_clock()).await;
    let in_time = code(&party, &[]).await;
    provider.advance(TimeDelta::milliseconds(59_999));
    assert_eq!(party.redeem(&in_time, &[]).await.status, 200);
    let late = code(&party, &[]).await;
    provider.advance(TimeDelta::seconds(60));
    assert_refused(&party.redeem(&late, &[]).await, "invalid_grant");
    provider.stop().await;
}

/// Attack 11 (CVE-2026-28513, CVE-2026-55672): the code of another client.
#[actix_web::test]
async fn another_client_can_neither_redeem_a_code_nor_spoil_it() {
    let others = metadata("https://mallory.example");
    let (provider, party) = start_with(ledger().await.client("mallory", others)).await;
    let mallory = RelyingParty::of(&provider, "mallory");
    let code = code(&party, &[]).await;
    let theft = [("redirect_uri", party.redirect_uri.as_str())];
    assert_refused(&mallory.redeem(&code, &theft).await, "invalid_grant");
    let tokens = Tokens {
        all: party.redeem(&code, &[]).await.json(),
    };
    assert_refused(&mallory.redeem(&code, &theft).await, "invalid_grant");
    assert!(is_good(&party, &tokens).await);
    provider.stop().await;
}

/// Attack 9: another redirect URI than the code was sent to.
#[actix_web::test]
async fn the_redirect_uri_must_be_the_one_that_the_code_was_sent_to() {
    let other = format!("{HOME}/other");
    let registered = other.clone();
    let (provider, party) = with(|metadata| metadata.redirect_uris.push(registered)).await;
    let code = code(&party, &[]).await;
    for (uri, error) in [
        (other.as_str(), "invalid_grant"),
        ("https://ledger.example/callback/", "invalid_grant"),
        ("", "invalid_request"),
    ] {
        let answer = party.redeem(&code, &[("redirect_uri", uri)]).await;
        assert_refused(&answer, error);
    }
    assert_eq!(party.redeem(&code, &[]).await.status, 200);
    provider.stop().await;
}

/// Attack 13 (CVE-2023-48228, CVE-2024-22258, CVE-2024-23647): a verifier that is left out, wrong,
/// of a bad length, or sent for a code without a challenge. Attack 14: a stolen code.
#[actix_web::test]
async fn a_code_with_a_challenge_needs_its_verifier_and_one_without_takes_none() {
    let (provider, party) = start().await;
    let challenge = challenge();
    let bound = code(&party, &pkce(&challenge)).await;
    assert_refused(&party.redeem(&bound, &[]).await, "invalid_grant");
    let (short, long) = ("a".repeat(42), "a".repeat(129));
    let other = "b".repeat(43);
    for verifier in [
        "",
        &short,
        &long,
        &other,
        challenge.as_str(),
        "ä".repeat(43).as_str(),
    ] {
        let answer = party.redeem(&bound, &[("code_verifier", verifier)]).await;
        assert_refused(&answer, "invalid_grant");
    }
    let answer = party.redeem(&bound, &[("code_verifier", VERIFIER)]).await;
    assert_eq!(answer.status, 200);

    let unbound = code(&party, &[]).await;
    let downgraded = party.redeem(&unbound, &[("code_verifier", VERIFIER)]).await;
    assert_refused(&downgraded, "invalid_grant");
    provider.stop().await;
}

/// Attack 21: credentials and codes in addresses, which logs and histories keep. Attack 6
/// (CVE-2026-9689): a parameter twice.
#[actix_web::test]
async fn only_a_form_by_post_is_read_and_each_parameter_once() {
    let (provider, party) = start().await;
    let code = code(&party, &[]).await;
    let visitor = Visitor::default();
    let url = provider.url("/token");
    let form = format!(
        "grant_type=authorization_code&code={code}&redirect_uri={}",
        party.redirect_uri
    );
    let post = |url: &str, body: String, media_type: &'static str| {
        visitor
            .client()
            .post(url)
            .basic_auth("ledger", Some(SECRET))
            .header("content-type", media_type)
            .body(body)
    };
    let urlencoded = "application/x-www-form-urlencoded";
    let in_query = format!("{url}?{form}");
    assert_eq!(visitor.get(&in_query).await.status, 405);
    let body = json!({ "grant_type": "authorization_code", "code": code }).to_string();
    for request in [
        post(&in_query, String::new(), urlencoded),
        post(&format!("{url}?x=y"), form.clone(), urlencoded),
        post(&url, body, "application/json"),
        post(&url, form.clone(), "text/plain"),
        post(&url, format!("{form}&code={code}"), urlencoded),
        post(&url, format!("{form}&grant_type=refresh_token"), urlencoded),
        post(&url, form.replace("grant_type", "x"), urlencoded),
    ] {
        assert_refused(&visitor.send(&url, request).await, "invalid_request");
    }
    let with_charset = "Application/X-WWW-Form-Urlencoded; charset=UTF-8";
    let answer = visitor
        .send(&url, post(&url, format!("{form}&unknown=x"), with_charset))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    provider.stop().await;
}

#[actix_web::test]
async fn a_client_gets_only_the_grants_that_it_registered() {
    let (provider, party) = start().await;
    for (grant_type, error) in [
        ("refresh_token", "unauthorized_client"),
        ("client_credentials", "unauthorized_client"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        (
            "urn:ietf:params:oauth:grant-type:device_code",
            "unsupported_grant_type",
        ),
    ] {
        let answer = party
            .token(&[("grant_type", grant_type), ("refresh_token", "x")])
            .await;
        assert_refused(&answer, error);
    }
    assert_refused(
        &party.redeem("a-code-that-nobody-issued", &[]).await,
        "invalid_grant",
    );
    provider.stop().await;
}

/// Attack 16 (CVE-2024-52287): more scope at the token endpoint than was registered or granted.
#[actix_web::test]
async fn a_client_gets_a_token_of_its_own_for_what_it_registered_and_no_more() {
    let (provider, party) = with(|metadata| {
        metadata.grant_types.push(GrantType::ClientCredentials);
        metadata.scope = Some("openid ledger:read ledger:write".to_owned());
    })
    .await;
    let ask = async |scope: &str| {
        party
            .token(&[("grant_type", "client_credentials"), ("scope", scope)])
            .await
    };
    let answer = ask("ledger:read").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let tokens = Tokens { all: answer.json() };
    assert_eq!(tokens.all["scope"], "ledger:read");
    assert!(tokens.all.get("id_token").is_none() && tokens.all.get("refresh_token").is_none());
    let (_, claims) = verify(&provider.issuer, &tokens.get("access_token")).await;
    assert_eq!(
        (&claims["sub"], &claims["client_id"]),
        (&json!("ledger"), &json!("ledger"))
    );
    assert!(claims.get("sid").is_none() && claims.get("auth_time").is_none());
    assert_eq!(ask("").await.json()["scope"], "ledger:read ledger:write");
    for scope in [
        "ledger:admin",
        "ledger:read ledger:admin",
        "openid",
        "email",
    ] {
        assert_refused(&ask(scope).await, "invalid_scope");
    }
    provider.stop().await;
}

/// Attack 16: a code's scope or audience that grows at the token endpoint.
#[actix_web::test]
async fn scope_and_resource_at_redemption_change_nothing_that_was_granted() {
    let (provider, party) = start().await;
    let first = code(&party, &[]).await;
    let answer = party
        .redeem(&first, &[("scope", "openid email profile")])
        .await;
    assert_eq!(answer.json()["scope"], "openid");
    let second = code(&party, &[]).await;
    let answer = party
        .redeem(&second, &[("resource", "https://api.example")])
        .await;
    assert_refused(&answer, "invalid_target");
    provider.stop().await;
}

/// Attack 41: a code that outlives its person.
#[actix_web::test]
async fn the_code_of_someone_who_has_been_shut_out_since_is_refused() {
    let (provider, party) = start().await;
    let code = code(&party, &[]).await;
    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    assert_refused(&party.redeem(&code, &[]).await, "invalid_grant");
    provider.stop().await;
}

#[actix_web::test]
async fn a_public_client_redeems_with_its_verifier_alone() {
    let (provider, party) =
        with(|metadata| metadata.token_endpoint_auth_method = ClientAuthMethod::None).await;
    let code = code(&party, &pkce(&challenge())).await;
    let url = provider.url("/token");
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "ledger"),
        ("code", code.as_str()),
        ("redirect_uri", party.redirect_uri.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let answer = Visitor::default().post(&url, &fields).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    provider.stop().await;
}
