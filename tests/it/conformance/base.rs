//! The flow itself: what it brings, by which signatures and which client authentication.

use super::checks;
use super::house::Suite;
use super::party::Party;

#[actix_web::test]
async fn oidcc_server() {
    let suite = Suite::open("oidcc-server").await;
    for run in suite.runs().await {
        let outcome = run.complete(&suite.browser(), &run.request()).await;
        for name in ["code", "access_token"] {
            if let Some(secret) = outcome.callback.get(name) {
                checks::hard_to_guess(&run, secret);
            }
        }
        assert!(outcome.callback.asked_to_sign_in(), "{run}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_idtoken_signature() {
    let suite = Suite::open("oidcc-idtoken-signature").await;
    for run in suite.runs().await {
        // Nothing was registered of `id_token_signed_response_alg`.
        let outcome = run.complete(&suite.browser(), &run.request()).await;
        let front = outcome.callback.get("id_token");
        for token in front.into_iter().chain([outcome.id_token()]) {
            let (header, _) = checks::read_jws(token);
            assert_eq!(header["alg"], "RS256", "{run}");
            assert!(header["kid"].is_string(), "{run}");
        }
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_server_client_secret_post() {
    let suite = Suite::open("oidcc-server-client-secret-post").await;
    suite.assert_lists(
        "token_endpoint_auth_methods_supported",
        "client_secret_post",
    );
    for run in suite.runs().await {
        let poster = Party::declared(&run.variant, "-post", "client_secret_post");
        let run = run.by(poster);
        run.complete(&suite.browser(), &run.request()).await;
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_ensure_request_with_valid_pkce_succeeds() {
    use openidconnect::PkceCodeChallenge;
    let suite = Suite::open("oidcc-ensure-request-with-valid-pkce-succeeds").await;
    suite.assert_lists("code_challenge_methods_supported", "S256");
    for run in suite.runs().await {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let request = run
            .request()
            .with("code_challenge", challenge.as_str())
            .with("code_challenge_method", challenge.method().as_str());
        let callback = run.succeed(&suite.browser(), &request).await;
        let more = [("code_verifier", verifier.secret().as_str())];
        run.finish(callback, &request, &more).await;
    }
    suite.close().await;
}
