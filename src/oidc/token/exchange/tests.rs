use serde_json::{Value, json};

use super::policy::Policy;
use super::trusted::{self, Subjects, TrustedIssuer};
use super::*;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::authorization::tests::issuer;
use crate::oidc::scope::Scope;
use crate::oidc::service::tests::api;
use crate::oidc::token::access_token::Access;
use crate::oidc::token::id_token::tests::{ADA, noon};
use chrono::TimeDelta;

const ARCHIVE: &str = "urn:example:archive";

fn body() -> String {
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    format!("subject_token=a.b.c&subject_token_type={kind}&resource=https://api.example/")
}

fn parse(more: &str) -> Result<ExchangeRequest, ErrorCode> {
    let params = Params::parse(format!("{}{more}", body()).as_bytes()).unwrap();
    ExchangeRequest::parse(&params).map_err(|refusal| refusal.error)
}

fn subject() -> Subject {
    let access = Access {
        client_id: "ledger",
        audience: ARCHIVE,
        scope: &Scope::parse("openid read write").unwrap(),
        grant: "g1",
        jti: "j1",
    };
    let lifetime = TimeDelta::minutes(10);
    Subject {
        claims: AccessTokenClaims::new(&issuer(), &access, Some(&ADA), lifetime, noon()),
        is_own: false,
        may_act: None,
    }
}

fn rule() -> Rule {
    Rule {
        party: Party::Service(ARCHIVE.to_owned()),
        audiences: vec![api().identifier],
        scope: None,
        delegation: true,
        impersonation: false,
        id_tokens: false,
        subject_clients: vec!["ledger".to_owned()],
        subject_issuers: Vec::new(),
        actor_clients: Vec::new(),
        actor_issuers: Vec::new(),
    }
}

fn child(rule: &Rule, subject: &Subject, more: &str) -> Result<AccessTokenClaims, ErrorCode> {
    let request = parse(more)?;
    let exchange = Exchange {
        party: &rule.party,
        rule,
        request: &request,
        service: &api(),
        acting: None,
        depth: 2,
    };
    let made = exchange.child(subject, "j2", noon() + TimeDelta::minutes(1));
    made.map_err(|refusal| refusal.error)
}

#[test]
fn a_child_is_its_parents_in_everything_but_its_name_audience_scope_and_life() {
    let made = child(&rule(), &subject(), "").unwrap();
    let expected = AccessTokenClaims {
        aud: "https://api.example/".to_owned(),
        jti: "j2".to_owned(),
        scope: Scope::parse("read write").unwrap(),
        exp: (noon() + TimeDelta::minutes(6)).timestamp(),
        act: Some(Actor {
            sub: ARCHIVE.to_owned(),
            iss: None,
            act: None,
        }),
        ..subject().claims
    };
    assert_eq!(made, expected);
    let mut short = subject();
    short.claims.exp = (noon() + TimeDelta::minutes(2)).timestamp();
    let made = child(&rule(), &short, "").unwrap();
    assert_eq!(made.exp, short.claims.exp);
}

/// Attack 16: a scope that is wider than any of those that bound it.
#[test]
fn a_scope_is_within_the_subjects_the_services_and_the_rules() {
    let narrow = Rule {
        scope: Some(Scope::parse("read admin").unwrap()),
        ..rule()
    };
    let (rule, subject) = (rule(), subject());
    let scope = |rule: &Rule, more| child(rule, &subject, more).map(|made| made.scope.to_string());
    assert_eq!(scope(&narrow, "").unwrap(), "read");
    assert_eq!(scope(&rule, "&scope=write").unwrap(), "write");
    for (rule, more) in [
        (&narrow, "&scope=write"),
        (&narrow, "&scope=admin"),
        (&rule, "&scope=openid"),
        (&rule, "&scope=read+delete"),
    ] {
        assert_eq!(scope(rule, more), Err(ErrorCode::InvalidScope), "{more}");
    }
}

#[test]
fn who_may_do_neither_gets_nothing_and_who_presents_their_own_needs_neither() {
    let bare = Rule {
        delegation: false,
        ..rule()
    };
    assert_eq!(child(&bare, &subject(), ""), Err(ErrorCode::InvalidRequest));
    let own = Subject {
        is_own: true,
        ..subject()
    };
    assert_eq!(child(&bare, &own, "").unwrap().act, None);
    let like = Rule {
        impersonation: true,
        ..rule()
    };
    assert_eq!(child(&like, &subject(), "").unwrap().act, None);
}

/// Attack 94: a chain of actors without end; who passes for somebody forgets none of those who acted before.
#[test]
fn a_chain_of_actors_is_kept_and_bounded() {
    let before = |json: Value| {
        let mut subject = subject();
        subject.claims.act = serde_json::from_value(json).unwrap();
        subject
    };
    let one = before(json!({ "sub": "a" }));
    let made = child(&rule(), &one, "").unwrap();
    let told = serde_json::to_value(made.act).unwrap();
    assert_eq!(told, json!({ "sub": ARCHIVE, "act": { "sub": "a" } }));
    let two = before(json!({ "sub": "a", "act": { "sub": "b" } }));
    assert_eq!(child(&rule(), &two, ""), Err(ErrorCode::InvalidRequest));
    let like = Rule {
        impersonation: true,
        ..rule()
    };
    assert_eq!(child(&like, &two, "").unwrap().act, two.claims.act);
    let three = before(json!({ "sub": "a", "act": { "sub": "b", "act": { "sub": "c" } } }));
    assert_eq!(child(&like, &three, ""), Err(ErrorCode::InvalidRequest));
}

#[test]
fn a_request_says_each_thing_once_and_one_service() {
    assert_eq!(parse("").unwrap().audience, "https://api.example/");
    assert!(parse("&audience=https://api.example/").is_ok());
    for more in ["&resource=urn:other", "&audience=urn:other"] {
        assert_eq!(parse(more).err(), Some(ErrorCode::InvalidTarget), "{more}");
    }
    for more in [
        "&actor_token=x",
        "&actor_token_type=urn:ietf:params:oauth:token-type:jwt",
        "&requested_token_type=urn:ietf:params:oauth:token-type:id_token",
        "&requested_token_type=access_token",
    ] {
        assert_eq!(parse(more).err(), Some(ErrorCode::InvalidRequest), "{more}");
    }
}

#[test]
fn who_is_not_named_may_nothing_and_a_service_hears_of_whose_tokens_can_be_for_it() {
    let policy = Policy {
        rules: vec![rule()],
        ..Policy::default()
    };
    let party = |name: &str| Party::Service(name.to_owned());
    assert!(policy.check(&party(ARCHIVE)).is_ok());
    let as_client = Party::Client(ARCHIVE.to_owned());
    for nobody in [party("urn:other"), as_client] {
        let refusal = policy.check(&nobody).unwrap_err();
        assert_eq!(refusal.error, ErrorCode::UnauthorizedClient);
    }
    let refusal = policy.rule(&party(ARCHIVE), ARCHIVE).unwrap_err();
    assert_eq!(refusal.error, ErrorCode::InvalidTarget);
    assert!(policy.leads_to("ledger", "https://api.example/"));
    assert!(!policy.leads_to("atlas", "https://api.example/"));
    assert!(!policy.leads_to("ledger", ARCHIVE));
}

#[test]
fn another_issuers_claims_are_read_until_the_second_they_expire() {
    let trusted = TrustedIssuer {
        issuer: "https://partner.example/".to_owned(),
        audience: "us".to_owned(),
        algorithms: SigningAlgorithm::ALL.to_vec(),
        subject_claim: "sub".to_owned(),
        subjects: Subjects::Usernames,
        private_networks: Vec::new(),
    };
    assert_eq!(
        trusted.discovery(),
        "https://partner.example/.well-known/openid-configuration"
    );
    let claims = json!({ "iss": trusted.issuer, "sub": "ada", "aud": ["us"], "exp": noon().timestamp() + 60 });
    let read = |seconds| {
        let Value::Object(claims) = claims.clone() else {
            panic!("no object")
        };
        let now = noon() + TimeDelta::seconds(seconds);
        trusted::read(claims, &trusted, &issuer(), now)
    };
    let vouched = read(59).unwrap();
    assert_eq!(trusted.username(&vouched), Some("ada"));
    assert_eq!(read(60), Err("has expired"));
}
