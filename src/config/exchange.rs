//! `[exchange]` and `[[trusted_issuers]]`: who may exchange tokens (RFC 8693), and whose tokens are believed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::section::{Mistake, Section};
use super::services::{client_id, identifier, scope};
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::issuer::Issuer;
use crate::oidc::registration::Networks;
use crate::oidc::token::exchange::policy::{DEPTH, Party, Policy, Rule};
use crate::oidc::token::exchange::trusted::{Subjects, TrustedIssuer};
use crate::oidc::uri;

/// More parties than these act for one another in nobody's house.
const DEEPEST: usize = 16;

/// What serde reads.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    subjects: Option<BTreeMap<String, String>>,
}

/// Reads the tables, and notes the mistakes.
pub(super) fn read(
    section: &Section<'_, '_>,
    issuers: Vec<Section<'_, '_>>,
    issuer: &Issuer,
    networks: &Networks,
) -> Policy {
    let mut known: Vec<TrustedIssuer> = Vec::new();
    for table in issuers {
        let trusted = trusted(table, issuer, networks, &known);
        known.extend(trusted);
    }
    let depth = section.number("depth", 1..=DEEPEST).unwrap_or(DEPTH);
    let mut rules: Vec<Rule> = Vec::new();
    for table in section.tables("rules") {
        let rule = rule(table, issuer, &known, &rules);
        rules.extend(rule);
    }
    section.finish();
    Policy {
        depth,
        rules,
        issuers: known,
    }
}

fn rule(
    mut table: Section<'_, '_>,
    issuer: &Issuer,
    issuers: &[TrustedIssuer],
    before: &[Rule],
) -> Option<Rule> {
    table.call("[[exchange.rules]] ".to_owned());
    let client = table.text("client", client_id).map(Party::Client);
    let service = table.text("service", |text| identifier(text, issuer));
    let service = service.map(Party::Service);
    match (table.is_set("client"), table.is_set("service")) {
        (true, true) => table.refuse("service", "stands beside client", "Keep one of the two."),
        (false, false) => {
            table.refuse("client", "is missing", "Say who may: client, or service.");
        }
        _ => {}
    }
    let is_service = table.is_set("service");
    let audiences = table.texts("audiences", |text| identifier(text, issuer));
    if !table.is_set("audiences") {
        let mend = "Name the services whose tokens may be had.";
        table.refuse("audiences", "is missing", mend);
    }
    let most = table.text("scope", scope);
    let switch = |key| table.switch(key).unwrap_or_default();
    let (delegation, impersonation) = (switch("delegation"), switch("impersonation"));
    let id_tokens = switch("id_tokens");
    let subject_clients = table.texts("subject_clients", client_id);
    let actor_clients = table.texts("actor_clients", client_id);
    let named = |text: &str| match issuers.iter().any(|known| known.issuer == text) {
        true => Ok(text.to_owned()),
        false => Err(Mistake::new(
            format!("holds none of the [[trusted_issuers]]: {text:?}"),
            "Write it letter by letter as its issuer stands there.",
        )),
    };
    let subject_issuers = table.texts("subject_issuers", named);
    let actor_issuers = table.texts("actor_issuers", named);
    let refuse = |key: &'static str, is_wrong: bool, problem: &str, mend: &str| {
        if is_wrong {
            table.refuse(key, problem, mend);
        }
    };
    let of_services = "is for services";
    let own = "Leave it away: a client presents tokens of its own.";
    let set = |key| table.is_set(key);
    refuse(
        "subject_clients",
        !is_service && set("subject_clients"),
        of_services,
        own,
    );
    let of_clients = "is for clients";
    let sent = "Leave it away: a service presents what it was sent.";
    refuse("id_tokens", is_service && id_tokens, of_clients, sent);
    let from_issuers = !subject_issuers.is_empty();
    refuse(
        "subject_issuers",
        is_service && from_issuers,
        of_clients,
        sent,
    );
    let no_scope = !set("scope") && (from_issuers || id_tokens);
    let bound = "Say what such tokens allow at most: what they say themselves is no measure.";
    refuse("scope", no_scope, "is missing", bound);
    let nobody = issuers
        .iter()
        .any(|known| known.subjects == Subjects::Nobody && subject_issuers.contains(&known.issuer));
    let mend = "Give it subjects or subjects_are_usernames in [[trusted_issuers]].";
    refuse(
        "subject_issuers",
        nobody,
        "holds one of whose subjects nobody is known",
        mend,
    );
    let from_actors = !actor_clients.is_empty() || !actor_issuers.is_empty();
    let acting = "Write delegation = true, or leave actor_clients and actor_issuers away.";
    refuse(
        "delegation",
        from_actors && !delegation,
        "is not true",
        acting,
    );
    table.finish();
    let party = client.or(service)?;
    let mut same = before.iter().filter(|rule| rule.party == party);
    if same.any(|rule| rule.audiences.iter().any(|known| audiences.contains(known))) {
        let mend = "Give one party one rule for each service.";
        table.refuse(
            "audiences",
            "holds one that another rule gives it too",
            mend,
        );
    }
    Some(Rule {
        party,
        audiences,
        scope: most,
        delegation,
        impersonation,
        id_tokens,
        subject_clients,
        subject_issuers,
        actor_clients,
        actor_issuers,
    })
}

fn trusted(
    mut table: Section<'_, '_>,
    ours: &Issuer,
    networks: &Networks,
    before: &[TrustedIssuer],
) -> Option<TrustedIssuer> {
    let issuer = table.text("issuer", |text| foreign(text, ours));
    match &issuer {
        Some(issuer) => {
            table.call(format!("trusted issuer {issuer}: "));
            if before.iter().any(|known| known.issuer == *issuer) {
                table.refuse("issuer", "stands there twice", "Keep one of the two.");
            }
        }
        None if !table.is_set("issuer") => {
            table.refuse("issuer", "is missing", "Write the iss of its tokens.");
        }
        None => {}
    }
    let audience = table.text("audience", filled);
    if !table.is_set("audience") {
        let mend = "Write what its tokens name as aud when they are for us.";
        table.refuse("audience", "is missing", mend);
    }
    let algorithms = table.texts("algorithms", algorithm);
    let subject_claim = table.text("subject_claim", filled);
    let are_usernames = table.switch("subjects_are_usernames").unwrap_or_default();
    let (named, _) = table.fields::<Named>();
    let subjects = match (named.subjects, are_usernames) {
        (None, false) => Subjects::Nobody,
        (None, true) => Subjects::Usernames,
        (Some(named), false) => Subjects::Named(named),
        (Some(named), true) => {
            let problem = "stands beside subjects_are_usernames";
            table.refuse("subjects", problem, "Keep one of the two.");
            Subjects::Named(named)
        }
    };
    let private_networks = table.texts("private_networks", |name| {
        match networks.named.contains_key(name) {
            true => Ok(name.to_owned()),
            false => Err(Mistake::new(
                format!("holds none of [outbound.private_networks]: {name:?}"),
                "Write names that stand there.",
            )),
        }
    });
    let algorithms = match table.is_set("algorithms") {
        true => algorithms,
        false => SigningAlgorithm::ALL.to_vec(),
    };
    table.finish();
    Some(TrustedIssuer {
        issuer: issuer?,
        audience: audience?,
        algorithms,
        subject_claim: subject_claim.unwrap_or_else(|| "sub".to_owned()),
        subjects,
        private_networks,
    })
}

fn foreign(text: &str, ours: &Issuer) -> Result<String, Mistake> {
    let mend = "Write the iss of its tokens, letter by letter: an https address.";
    let refuse = |problem: &str| Mistake::new(format!("does not fit: {problem}"), mend);
    let url = uri::absolute(text).map_err(|problem| refuse(&problem))?;
    if url.scheme() != "https" && !(url.scheme() == "http" && uri::is_loopback(&url)) {
        return Err(refuse("must be https, or http on this machine"));
    }
    if url.query().is_some() {
        return Err(refuse("must not have a query"));
    }
    if text.trim_end_matches('/') == ours.as_str() {
        return Err(refuse("that is us, who are believed anyway"));
    }
    Ok(text.to_owned())
}

fn filled(text: &str) -> Result<String, Mistake> {
    match text {
        "" => Err(Mistake::new("is empty", "Write it, or leave it away.")),
        text => Ok(text.to_owned()),
    }
}

fn algorithm(text: &str) -> Result<SigningAlgorithm, Mistake> {
    SigningAlgorithm::from_name(text).ok_or_else(|| {
        let known = SigningAlgorithm::ALL
            .map(SigningAlgorithm::as_str)
            .join(", ");
        Mistake::new(
            format!("holds no algorithm we know: {text:?}"),
            format!("Known are {known}."),
        )
    })
}
