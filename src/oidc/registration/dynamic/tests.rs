use serde_json::json;

use super::*;

fn parse(body: &Value) -> Result<RegistrationRequest, OAuthError> {
    RegistrationRequest::parse(body.to_string().as_bytes(), &Offer::default())
}

/// Attack 93 (CVE-2021-27582): a field that nobody decided about, and that clients can set.
#[test]
fn of_every_field_it_is_decided_whether_a_client_may_set_it() {
    let ours = [
        "skip_consent",
        "require_pkce",
        "strict_assertion_audience",
        "access_token_audience",
        "logout_token_subject",
        "logout_give_up_after",
        "private_networks",
    ];
    let unknown = serde_json::from_value::<ClientMetadata>(json!({ "?": 1 })).unwrap_err();
    let unknown = unknown.to_string();
    let (_, known) = unknown.split_once("expected one of ").unwrap();
    let mut known: Vec<_> = known
        .split(", ")
        .map(|name| name.trim_matches('`'))
        .collect();
    let mut decided: Vec<_> = REGISTRABLE.into_iter().chain(ours).collect();
    known.sort_unstable();
    decided.sort_unstable();
    assert_eq!(known, decided);
}

#[test]
fn what_a_client_cannot_say_stays_as_an_administrator_left_it_when_the_client_changes() {
    let known = ClientMetadata {
        skip_consent: true,
        private_networks: vec!["cellar".to_owned()],
        client_name: Some("Ledger".to_owned()),
        default_max_age: Some(9),
        ..ClientMetadata::default()
    };
    let wanted = ClientMetadata {
        client_name: Some("Book".to_owned()),
        require_pkce: true,
        ..ClientMetadata::default()
    };
    let expected = ClientMetadata {
        client_name: Some("Book".to_owned()),
        default_max_age: None,
        ..known.clone()
    };
    assert_eq!(replaced(&known, &wanted), expected);
}

#[test]
fn the_first_problem_gives_the_code_and_none_gives_no_refusal() {
    let at = |fields: &[&'static str]| {
        let problems: Vec<_> = fields
            .iter()
            .map(|field| Problem::new(field, "wrong"))
            .collect();
        refusal(&problems).map(|refusal| (refusal.error, refusal.description.into_owned()))
    };
    assert_eq!(at(&[]), None);
    let (code, description) = at(&["redirect_uris", "scope"]).unwrap();
    assert_eq!(code, ErrorCode::InvalidRedirectUri);
    assert_eq!(description, "redirect_uris: wrong; scope: wrong");
    let (code, _) = at(&["scope", "redirect_uris"]).unwrap();
    assert_eq!(code, ErrorCode::InvalidClientMetadata);
}

#[test]
fn a_long_refusal_ends_between_two_characters() {
    let problem = Problem::new("scope", "é".repeat(2 * LONGEST_DESCRIPTION));
    let refusal = refusal(&[problem]).unwrap();
    assert_eq!(refusal.description.chars().count(), LONGEST_DESCRIPTION + 3);
}

proptest::proptest! {
    #[test]
    fn whatever_the_body_it_is_read_or_refused_with_a_registered_code(body: Vec<u8>, name: String, value: String) {
        let member = json!({ name: value }).to_string();
        for body in [body.as_slice(), member.as_bytes()] {
            match RegistrationRequest::parse(body, &Offer::default()) {
                Ok(request) => assert_eq!(request.metadata.grant_types, [GrantType::AuthorizationCode]),
                Err(refusal) => assert!(matches!(
                    refusal.error,
                    ErrorCode::InvalidClientMetadata
                        | ErrorCode::InvalidRedirectUri
                        | ErrorCode::InvalidSoftwareStatement
                )),
            }
        }
    }

    /// Attack 93: whatever a client says of a setting of ours, it is as if it had not said it.
    #[test]
    fn whatever_is_said_of_settings_of_ours_changes_nothing(text: String, truth: bool, number: i64) {
        let least = parse(&json!({ "redirect_uris": ["https://a.example/"] })).unwrap();
        for value in [json!(text), json!(truth), json!(number), json!([text])] {
            let asked = parse(&json!({
                "redirect_uris": ["https://a.example/"],
                "skip_consent": value,
                "require_pkce": value,
                "strict_assertion_audience": value,
                "access_token_audience": value,
                "logout_token_subject": value,
                "logout_give_up_after": value,
                "private_networks": value,
            }));
            assert_eq!(asked.unwrap(), least);
        }
    }
}
