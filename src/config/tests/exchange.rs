//! Rules of token exchange, and the issuers that they trust.

use super::{parse, refusal};
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::token::exchange::policy::Party;

#[test]
fn exchanges_are_nobodys_unless_a_rule_says_whose() {
    let none = parse("", &[("EXEUNT__EXCHANGE__DEPTH", "5")]).unwrap();
    assert_eq!(none.exchange.depth, 5);
    assert!(none.exchange.rules.is_empty() && none.exchange.issuers.is_empty());
    let text = "[[trusted_issuers]]\nissuer = 'https://partner.example/'\naudience = 'us'\n\
                subjects = { u-17 = 'ada' }\n\
                [[exchange.rules]]\nclient = 'ledger'\naudiences = ['urn:a']\nscope = 'read'\n\
                subject_issuers = ['https://partner.example/']\n\
                [[exchange.rules]]\nservice = 'urn:a'\naudiences = ['urn:b']\ndelegation = true\n\
                subject_clients = ['ledger']\n";
    let exchange = parse(text, &[]).unwrap().exchange;
    let [client, service] = &exchange.rules[..] else {
        panic!("two rules");
    };
    assert_eq!(client.party, Party::Client("ledger".to_owned()));
    assert!(!client.delegation && !client.impersonation && !client.id_tokens);
    assert!(client.actor_clients.is_empty() && client.actor_issuers.is_empty());
    assert_eq!(service.party, Party::Service("urn:a".to_owned()));
    assert!(service.delegation && service.scope.is_none());
    let partner = &exchange.issuers[0];
    assert_eq!(partner.subject_claim, "sub");
    assert_eq!(partner.algorithms, SigningAlgorithm::ALL);
}

#[test]
fn exchanges_that_will_not_do_are_told() {
    let issuer = "[[trusted_issuers]]\nissuer = 'https://partner.example'\naudience = 'us'\n";
    for (text, told) in [
        ("[exchange]\ndepth = 0\n", "depth is not a number that does"),
        (
            "[exchange]\ndepth = '3'\n",
            "depth is not a number that does",
        ),
        (
            "[[exchange.rules]]\naudiences = ['urn:a']\n",
            "client is missing",
        ),
        (
            "[[exchange.rules]]\nclient = 'a'\nservice = 'urn:b'\naudiences = ['urn:a']\n",
            "service stands beside client",
        ),
        ("[[exchange.rules]]\nclient = 'a'\n", "audiences is missing"),
        (
            "[[exchange.rules]]\nclient = 'a'\naudiences = ['http://localhost:8080']\n",
            "audiences does not fit",
        ),
        (
            "[[exchange.rules]]\nclient = 'a'\naudiences = ['urn:a']\n[[exchange.rules]]\nclient = 'a'\naudiences = ['urn:b', 'urn:a']\n",
            "audiences holds one that another rule gives it too",
        ),
        (
            "[[exchange.rules]]\nclient = 'a'\naudiences = ['urn:a']\nsubject_clients = ['b']\n",
            "subject_clients is for services",
        ),
        (
            "[[exchange.rules]]\nclient = 'a'\naudiences = ['urn:a']\nid_tokens = true\n",
            "scope is missing",
        ),
        (
            "[[exchange.rules]]\nservice = 'urn:b'\naudiences = ['urn:a']\nscope = 'x'\nid_tokens = true\n",
            "id_tokens is for clients",
        ),
        (
            "[[exchange.rules]]\nclient = 'a'\naudiences = ['urn:a']\nactor_clients = ['b']\n",
            "delegation is not true",
        ),
        (
            "[[exchange.rules]]\nclient = 'a'\naudiences = ['urn:a']\nscope = 'x'\nsubject_issuers = ['https://b.example']\n",
            "subject_issuers holds none of the [[trusted_issuers]]",
        ),
        (
            &format!(
                "{issuer}[[exchange.rules]]\nclient = 'a'\naudiences = ['urn:a']\nscope = 'x'\nsubject_issuers = ['https://partner.example']\n"
            ),
            "subject_issuers holds one of whose subjects nobody is known",
        ),
        (
            "[[exchange.rules]]\nclients = 'a'\n",
            "Did you mean client?",
        ),
        (
            "[[trusted_issuers]]\naudience = 'us'\n",
            "issuer is missing",
        ),
        (
            "[[trusted_issuers]]\nissuer = 'https://partner.example'\n",
            "audience is missing",
        ),
        (
            "[[trusted_issuers]]\nissuer = 'http://partner.example'\naudience = 'us'\n",
            "issuer does not fit: must be https",
        ),
        (
            "[[trusted_issuers]]\nissuer = 'http://localhost:8080'\naudience = 'us'\n",
            "that is us",
        ),
        (&format!("{issuer}{issuer}"), "issuer stands there twice"),
        (
            &format!("{issuer}algorithms = ['HS256']\n"),
            "no algorithm we know",
        ),
        (
            &format!("{issuer}subjects = {{ a = 'b' }}\nsubjects_are_usernames = true\n"),
            "subjects stands beside subjects_are_usernames",
        ),
        (
            &format!("{issuer}private_networks = ['cellar']\n"),
            "private_networks holds none of [outbound.private_networks]",
        ),
    ] {
        let refused = refusal(text);
        assert!(refused.contains(told), "{text}: {refused}");
    }
}
