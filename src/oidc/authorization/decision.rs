//! What happens next with an authorization request (Core §3.1.2.3, §3.1.2.4).
//!
//! The sign-in and consent forms come back to the same decision. What the person did at or after
//! `requested_at` satisfies what the request asked of them, once: so nothing loops.

use crate::clock::Timestamp;
use crate::oidc::authorization::{AuthorizationRequest, Prompt};
use crate::oidc::client::{Client, GrantType};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::permission::Permission;
use crate::oidc::resource;
use crate::oidc::scope::OFFLINE_ACCESS;

/// Our one authentication context class: a password (Core §2, `acr`).
pub const ACR_PASSWORD: &str = "urn:exeunt:acr:password";
/// The method behind it (RFC 8176 §2, `amr`).
pub const AMR_PASSWORD: &str = "pwd";

/// What is known when a request is decided.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// When the request first arrived.
    pub requested_at: Timestamp,
    /// The current moment.
    pub now: Timestamp,
    /// Who is signed in, in this browser.
    pub session: Option<SignedIn<'a>>,
    /// What that person allowed this client.
    pub consent: Option<Consented<'a>>,
    /// What the request's `id_token_hint` says.
    pub hint: Hint<'a>,
}

/// Whom an `id_token_hint` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint<'a> {
    /// There is none.
    Absent,
    /// It is about the person with this `sub`.
    About(&'a str),
    /// It is no ID token of ours that anyone could still verify.
    Unreadable,
}

/// A living session.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn<'a> {
    /// Who, as this client knows them.
    pub sub: &'a str,
    /// When they last proved it.
    pub auth_time: Timestamp,
    /// Of which class that was, if that is known.
    pub acr: Option<&'a str>,
}

/// A consent that was given and not withdrawn.
#[derive(Debug, Clone, Copy)]
pub struct Consented<'a> {
    /// Everything allowed so far.
    pub permission: &'a Permission,
    /// When the person was last asked and agreed.
    pub given_at: Timestamp,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Show the sign-in page.
    SignIn(Why),
    /// Show the consent page for what is asked for.
    Consent(Permission),
    /// Issue what the response type asks for, for what is granted.
    Issue(Permission),
    /// Answer the client with an error.
    Refuse(OAuthError),
}

/// Why someone must sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody is signed in.
    NobodyIsSignedIn,
    /// The application wants proof again: `prompt=login`.
    LoginAsked,
    /// The application lets the person choose: `prompt=select_account`.
    AccountChoiceAsked,
    /// The sign-in is older than `max_age`.
    TooLongAgo,
    /// The application wants a sign-in of another class: the essential claim `acr`.
    AnotherClassAsked,
    /// The application expects somebody else: `id_token_hint`, or the claim `sub` with a value.
    SomebodyElseExpected,
}

/// Decides what happens next.
pub fn next_step(request: &AuthorizationRequest, client: &Client, facts: &Facts<'_>) -> NextStep {
    if !request.claims.is_met_by(ACR_PASSWORD) {
        return refuse(
            ErrorCode::UnmetAuthenticationRequirements,
            "no sign-in here is of a class that the essential claim acr takes",
        );
    }
    match why_sign_in(request, facts) {
        // Whoever is signed in may be another than the one whom the hint means, and nobody can be asked (Core §3.1.2.1:
        // a positive answer is for the person whom it identifies).
        None if facts.hint == Hint::Unreadable && request.asks(Prompt::None) => refuse(
            ErrorCode::LoginRequired,
            "id_token_hint is no ID token that can be verified here, and prompt=none forbids to ask who is meant",
        ),
        None => consent_step(request, client, facts),
        Some(_) if request.asks(Prompt::None) => refuse(
            ErrorCode::LoginRequired,
            "the person would have to sign in, and prompt=none forbids it",
        ),
        Some(Why::SomebodyElseExpected) if signed_in_since_the_request(facts) => refuse(
            ErrorCode::LoginRequired,
            "somebody else signed in than the one the request is about",
        ),
        Some(why) => NextStep::SignIn(why),
    }
}

/// Core §3.1.2.1 (`prompt`, `max_age`, `id_token_hint`), §3.1.2.3 and §5.5.1 (`sub`).
fn why_sign_in(request: &AuthorizationRequest, facts: &Facts<'_>) -> Option<Why> {
    let Some(session) = facts.session else {
        return Some(Why::NobodyIsSignedIn);
    };
    let another = matches!(facts.hint, Hint::About(sub) if sub != session.sub);
    if another || !request.claims.is_about(session.sub) {
        return Some(Why::SomebodyElseExpected);
    }
    // One that is of another house's class does not do where ours is essential, however new it is (attack 73).
    if !request.claims.is_met_by(session.acr.unwrap_or_default()) {
        return Some(Why::AnotherClassAsked);
    }
    if signed_in_since_the_request(facts) {
        return None;
    }
    if request.asks(Prompt::Login) {
        return Some(Why::LoginAsked);
    }
    if request.asks(Prompt::SelectAccount) {
        return Some(Why::AccountChoiceAsked);
    }
    // Whole seconds, because that is what the client will compute from `auth_time`; 0 is another
    // way to say `prompt=login`.
    let age = facts.now.timestamp() - session.auth_time.timestamp();
    match request.max_age {
        Some(max_age) if max_age == 0 || age > i64::from(max_age) => Some(Why::TooLongAgo),
        _ => None,
    }
}

fn signed_in_since_the_request(facts: &Facts<'_>) -> bool {
    facts
        .session
        .is_some_and(|session| session.auth_time >= facts.requested_at)
}

/// Core §3.1.2.4; what may outlive the session as §11 says.
fn consent_step(request: &AuthorizationRequest, client: &Client, facts: &Facts<'_>) -> NextStep {
    let mut asked = Permission {
        scope: request.scope.clone(),
        claims: request.claims.about_the_person(),
        services: resource::by_identifier(&request.services),
    };
    // What a service's tokens tell, the application can read or be told: nobody knows it without having been allowed to.
    for asked_service in &request.services {
        let told = asked_service.service.claims_about_the_person();
        asked.claims.extend(told.cloned());
    }
    // What outlives the session is a refresh token's to give, which only a code brings.
    if !request.response_type.code || !client.may_use(GrantType::RefreshToken) {
        asked.scope = asked.scope.without(OFFLINE_ACCESS);
    }
    if client.metadata.skip_consent {
        return NextStep::Issue(asked);
    }
    let allowed = facts
        .consent
        .map(|consent| consent.permission.clone())
        .unwrap_or_default();
    let asked_since_the_request = facts
        .consent
        .is_some_and(|consent| consent.given_at >= facts.requested_at);
    if asked_since_the_request {
        return NextStep::Issue(asked.within(&allowed));
    }
    if request.asks(Prompt::Consent) {
        return NextStep::Consent(asked);
    }
    // Without prompt=consent nobody is asked for it: it counts if it was allowed before, and is
    // dropped in silence if not.
    if !allowed.scope.contains(OFFLINE_ACCESS) {
        asked.scope = asked.scope.without(OFFLINE_ACCESS);
    }
    if allowed.covers(&asked) {
        NextStep::Issue(asked)
    } else if request.asks(Prompt::None) {
        refuse(
            ErrorCode::ConsentRequired,
            "the person would have to consent, and prompt=none forbids it",
        )
    } else {
        NextStep::Consent(asked)
    }
}

fn refuse(error: ErrorCode, description: &'static str) -> NextStep {
    NextStep::Refuse(OAuthError::new(error, description))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::{client, request};
    use chrono::{TimeDelta, TimeZone as _, Utc};
    use serde_json::json;

    fn noon() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
    }

    fn scopes(scope: &str) -> Permission {
        Permission::read(scope, "")
    }

    fn all() -> Permission {
        scopes("openid email offline_access")
    }

    /// Ada signed in an hour ago, allowed everything back then, and the request arrives at noon.
    fn facts(permission: &Permission) -> Facts<'_> {
        let earlier = noon() - TimeDelta::hours(1);
        Facts {
            requested_at: noon(),
            now: noon(),
            session: Some(SignedIn {
                sub: "ada",
                auth_time: earlier,
                acr: Some(ACR_PASSWORD),
            }),
            consent: Some(Consented {
                permission,
                given_at: earlier,
            }),
            hint: Hint::Absent,
        }
    }

    fn decide(query: &str, facts: &Facts<'_>) -> NextStep {
        let client = client();
        next_step(&request(query, &client).unwrap(), &client, facts)
    }

    fn issue(scope: &str) -> NextStep {
        NextStep::Issue(scopes(scope))
    }

    fn refused_with(step: &NextStep) -> Option<ErrorCode> {
        match step {
            NextStep::Refuse(refusal) => Some(refusal.error),
            _ => None,
        }
    }

    #[test]
    fn who_is_signed_in_and_has_consented_is_asked_nothing() {
        let everything = all();
        assert_eq!(
            decide("scope=openid+email", &facts(&everything)),
            issue("openid email")
        );
        assert_eq!(
            decide("scope=openid+email&prompt=none", &facts(&everything)),
            issue("openid email")
        );
    }

    #[test]
    fn nobody_signed_in_means_sign_in_or_login_required() {
        let everything = all();
        let nobody = Facts {
            session: None,
            consent: None,
            ..facts(&everything)
        };
        assert_eq!(
            decide("scope=openid", &nobody),
            NextStep::SignIn(Why::NobodyIsSignedIn)
        );
        assert_eq!(
            refused_with(&decide("scope=openid&prompt=none", &nobody)),
            Some(ErrorCode::LoginRequired)
        );
    }

    /// Attack 73: an old session passed off as a new sign-in.
    #[test]
    fn what_asks_for_a_new_sign_in_is_satisfied_by_one_since_the_request_and_by_no_other() {
        let everything = all();
        for (query, why) in [
            ("scope=openid&prompt=login", Why::LoginAsked),
            (
                "scope=openid&prompt=select_account",
                Why::AccountChoiceAsked,
            ),
            ("scope=openid&max_age=0", Why::TooLongAgo),
            ("scope=openid&max_age=3599", Why::TooLongAgo),
        ] {
            assert_eq!(
                decide(query, &facts(&everything)),
                NextStep::SignIn(why),
                "{query}"
            );
            let since = Facts {
                session: Some(SignedIn {
                    sub: "ada",
                    auth_time: noon(),
                    acr: Some(ACR_PASSWORD),
                }),
                now: noon() + TimeDelta::hours(2),
                ..facts(&everything)
            };
            assert_eq!(decide(query, &since), issue("openid"), "{query}");
        }
    }

    #[test]
    fn a_sign_in_of_exactly_max_age_is_recent_enough() {
        let everything = all();
        assert_eq!(
            decide("scope=openid&max_age=3600", &facts(&everything)),
            issue("openid")
        );
    }

    #[test]
    fn max_age_zero_with_prompt_none_is_login_required_even_in_the_second_of_the_sign_in() {
        let everything = all();
        let later = noon() + TimeDelta::milliseconds(500);
        let just_signed_in = Facts {
            requested_at: later,
            now: later,
            session: Some(SignedIn {
                sub: "ada",
                auth_time: noon(),
                acr: Some(ACR_PASSWORD),
            }),
            ..facts(&everything)
        };
        let step = decide("scope=openid&max_age=0&prompt=none", &just_signed_in);
        assert_eq!(refused_with(&step), Some(ErrorCode::LoginRequired));
    }

    #[test]
    fn the_clients_default_max_age_counts_where_the_request_has_none() {
        let everything = all();
        let mut client = client();
        client.metadata.default_max_age = Some(60);
        let decide = |query| {
            next_step(
                &request(query, &client).unwrap(),
                &client,
                &facts(&everything),
            )
        };
        assert_eq!(decide("scope=openid"), NextStep::SignIn(Why::TooLongAgo));
        assert_eq!(decide("scope=openid&max_age=9999"), issue("openid"));
    }

    /// Attack 35: an ID token of another person as the hint.
    #[test]
    fn a_hint_about_somebody_else_asks_for_a_sign_in_and_then_gives_up() {
        let everything = all();
        let expected = Facts {
            hint: Hint::About("grace"),
            ..facts(&everything)
        };
        assert_eq!(
            decide("scope=openid", &expected),
            NextStep::SignIn(Why::SomebodyElseExpected)
        );
        assert_eq!(
            refused_with(&decide("scope=openid&prompt=none", &expected)),
            Some(ErrorCode::LoginRequired)
        );
        let again_ada = Facts {
            session: Some(SignedIn {
                sub: "ada",
                auth_time: noon(),
                acr: Some(ACR_PASSWORD),
            }),
            ..expected
        };
        assert_eq!(
            refused_with(&decide("scope=openid", &again_ada)),
            Some(ErrorCode::LoginRequired)
        );
        let same = Facts {
            hint: Hint::About("ada"),
            ..facts(&everything)
        };
        assert_eq!(decide("scope=openid&prompt=none", &same), issue("openid"));
    }

    /// Attack 35: a hint that nobody can read, passed off as one about whoever is signed in.
    #[test]
    fn a_hint_that_cannot_be_read_is_no_ground_for_a_silent_answer() {
        let everything = all();
        let unreadable = Facts {
            hint: Hint::Unreadable,
            ..facts(&everything)
        };
        let refusal = refused_with(&decide("scope=openid&prompt=none", &unreadable));
        assert_eq!(refusal, Some(ErrorCode::LoginRequired));
        // Where the person can be shown a page, they see for themselves who they are.
        assert_eq!(decide("scope=openid", &unreadable), issue("openid"));
        let nobody = Facts {
            session: None,
            ..unreadable
        };
        let step = decide("scope=openid", &nobody);
        assert_eq!(step, NextStep::SignIn(Why::NobodyIsSignedIn));
    }

    #[test]
    fn what_was_not_allowed_yet_is_asked_for() {
        let little = scopes("openid");
        let scope = scopes("openid email");
        assert_eq!(
            decide("scope=openid+email", &facts(&little)),
            NextStep::Consent(scope)
        );
        let step = decide("scope=openid+email&prompt=none", &facts(&little));
        assert_eq!(refused_with(&step), Some(ErrorCode::ConsentRequired));
    }

    #[test]
    fn a_client_that_skips_consent_never_asks() {
        let everything = all();
        let mut client = client();
        client.metadata.skip_consent = true;
        let nothing = Facts {
            consent: None,
            ..facts(&everything)
        };
        for query in [
            "scope=openid+offline_access",
            "scope=openid+offline_access&prompt=consent",
        ] {
            let step = next_step(&request(query, &client).unwrap(), &client, &nothing);
            assert_eq!(step, issue("openid offline_access"));
        }
    }

    #[test]
    fn prompt_consent_asks_again_until_consent_is_given_after_the_request() {
        let scope = all();
        let query = "scope=openid+email+offline_access&prompt=consent";
        assert_eq!(decide(query, &facts(&scope)), NextStep::Consent(all()));
        let given = Facts {
            consent: Some(Consented {
                permission: &scope,
                given_at: noon(),
            }),
            ..facts(&scope)
        };
        assert_eq!(decide(query, &given), issue("openid email offline_access"));
    }

    #[test]
    fn a_person_who_allowed_less_is_not_asked_twice() {
        let less = scopes("openid");
        let given = Facts {
            consent: Some(Consented {
                permission: &less,
                given_at: noon(),
            }),
            ..facts(&less)
        };
        assert_eq!(decide("scope=openid+email", &given), issue("openid"));
    }

    #[test]
    fn offline_access_that_nobody_allowed_is_dropped_in_silence() {
        let everything = all();
        let online = scopes("openid");
        assert_eq!(
            decide("scope=openid+offline_access", &facts(&online)),
            issue("openid")
        );
        assert_eq!(
            decide("scope=openid+offline_access", &facts(&everything)),
            issue("openid offline_access")
        );
    }

    #[test]
    fn offline_access_means_nothing_to_a_client_without_refresh_tokens() {
        let everything = all();
        let mut client = client();
        client.metadata.grant_types = vec![GrantType::AuthorizationCode];
        let request = request("scope=openid+offline_access", &client).unwrap();
        assert_eq!(
            next_step(&request, &client, &facts(&everything)),
            issue("openid")
        );
    }

    fn with_claims(claims: &serde_json::Value) -> String {
        let claims: String =
            url::form_urlencoded::byte_serialize(claims.to_string().as_bytes()).collect();
        format!("scope=openid&claims={claims}")
    }

    #[test]
    fn claims_asked_one_by_one_are_consented_to_like_scopes() {
        let query =
            with_claims(&json!({ "userinfo": { "name": null }, "id_token": { "email": null } }));
        let asked = Permission::read("openid", "email name");
        let little = scopes("openid");
        assert_eq!(
            decide(&query, &facts(&little)),
            NextStep::Consent(asked.clone())
        );
        let silent = format!("{query}&prompt=none");
        let refusal = decide(&silent, &facts(&little));
        assert_eq!(refused_with(&refusal), Some(ErrorCode::ConsentRequired));
        for enough in [asked.clone(), scopes("openid profile email")] {
            let step = decide(&silent, &facts(&enough));
            assert_eq!(step, NextStep::Issue(asked.clone()));
        }
        let less = Permission::read("openid", "name");
        let given = Facts {
            consent: Some(Consented {
                permission: &less,
                given_at: noon(),
            }),
            ..facts(&less)
        };
        assert_eq!(decide(&query, &given), NextStep::Issue(less.clone()));
        let mut client = client();
        client.metadata.skip_consent = true;
        let step = next_step(&request(&query, &client).unwrap(), &client, &facts(&little));
        assert_eq!(step, NextStep::Issue(asked));
    }

    /// Attack 73: a request about one person, answered with another.
    #[test]
    fn a_sub_with_a_value_is_treated_as_id_token_hint_is() {
        let everything = all();
        let about = |sub: &str| with_claims(&json!({ "id_token": { "sub": { "value": sub } } }));
        assert_eq!(decide(&about("ada"), &facts(&everything)), issue("openid"));
        let expected = decide(&about("grace"), &facts(&everything));
        assert_eq!(expected, NextStep::SignIn(Why::SomebodyElseExpected));
        let silent = format!("{}&prompt=none", about("grace"));
        let silent = decide(&silent, &facts(&everything));
        assert_eq!(refused_with(&silent), Some(ErrorCode::LoginRequired));
        let again_ada = Facts {
            session: Some(SignedIn {
                sub: "ada",
                auth_time: noon(),
                acr: Some(ACR_PASSWORD),
            }),
            ..facts(&everything)
        };
        let step = decide(&about("grace"), &again_ada);
        assert_eq!(refused_with(&step), Some(ErrorCode::LoginRequired));
    }

    #[test]
    fn an_essential_acr_that_no_sign_in_has_is_refused_before_anyone_signs_in() {
        let everything = all();
        let nobody = Facts {
            session: None,
            consent: None,
            ..facts(&everything)
        };
        let of = |acr: serde_json::Value| with_claims(&json!({ "id_token": { "acr": acr } }));
        let gold = of(json!({ "essential": true, "values": ["gold"] }));
        for known in [facts(&everything), nobody] {
            let refusal = refused_with(&decide(&gold, &known));
            assert_eq!(refusal, Some(ErrorCode::UnmetAuthenticationRequirements));
        }
        for fine in [
            of(json!({ "values": ["gold"] })),
            of(json!({ "essential": true, "values": ["gold", ACR_PASSWORD] })),
        ] {
            assert_eq!(decide(&fine, &facts(&everything)), issue("openid"));
        }
    }
}
