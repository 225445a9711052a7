//! Token exchange (RFC 8693): who may have what for what, what the new token says, and with what it ends.

mod given;
mod refused;
mod taken_back;
mod trusted;

use chrono::TimeDelta;
use exeunt::oidc::client::GrantType;
use exeunt::oidc::scope::Scope;
use exeunt::oidc::service::Service;
use exeunt::oidc::token::exchange::policy::Rule;

use crate::support::exchange::{client_rule, own_token, service_rule, signed_in};
use crate::support::ledger::ledger_with;
use crate::support::provider::{Provider, SECRET, Wish, metadata};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::service::Reader;
use crate::support::services::{API, ARCHIVE, service};
use crate::support::visitor::Visitor;

/// A third service, whose tokens live long, and a fourth.
const VAULT: &str = "urn:example:vault";
const CELLAR: &str = "urn:example:cellar";
/// Services that stand in rules that lack something.
const BARE: &str = "urn:example:bare";
const NOBODYS: &str = "urn:example:nobodys";
const SMALL: &str = "urn:example:small";
const LIKE: &str = "urn:example:like";

/// Ada at ledger, which has a token for [`API`].
struct House {
    provider: Provider,
    ledger: RelyingParty,
    ada: Visitor,
    tokens: Tokens,
}

/// [`API`] acts for ledger's people at [`ARCHIVE`] and [`VAULT`], [`ARCHIVE`] at [`VAULT`], [`VAULT`] at [`CELLAR`]; ledger
/// itself exchanges its tokens for the archive.
async fn wish() -> Wish {
    let mut wish = ledger_with(|metadata| {
        let more = [GrantType::RefreshToken, GrantType::ClientCredentials];
        metadata.grant_types.extend(more);
    })
    .await;
    for name in ["batch", "mallory"] {
        let mut metadata = metadata(&format!("https://{name}.example"));
        metadata.grant_types.push(GrantType::ClientCredentials);
        wish = wish.client(name, metadata);
    }
    for identifier in [API, ARCHIVE, CELLAR, BARE, NOBODYS, SMALL, LIKE] {
        wish = wish.service(service(identifier));
    }
    let vault = Service {
        lifetime: TimeDelta::hours(1),
        ..service(VAULT)
    };
    wish.service(vault).configure(|config| {
        config.exchange.rules = vec![
            Rule {
                actor_clients: vec!["batch".to_owned()],
                ..service_rule(API, ARCHIVE)
            },
            service_rule(API, VAULT),
            service_rule(ARCHIVE, VAULT),
            service_rule(VAULT, CELLAR),
            service_rule(CELLAR, ARCHIVE),
            Rule {
                delegation: false,
                ..service_rule(API, BARE)
            },
            Rule {
                subject_clients: vec!["batch".to_owned()],
                ..service_rule(API, NOBODYS)
            },
            Rule {
                scope: Some(words("write")),
                ..service_rule(API, SMALL)
            },
            Rule {
                delegation: false,
                impersonation: true,
                ..service_rule(API, LIKE)
            },
            client_rule("ledger", ARCHIVE),
            Rule {
                id_tokens: true,
                scope: Some(words("read")),
                ..client_rule("ledger", VAULT)
            },
            Rule {
                id_tokens: true,
                scope: Some(words("read")),
                ..client_rule("mallory", VAULT)
            },
        ];
    })
}

fn words(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

async fn house() -> House {
    house_of(wish().await).await
}

async fn house_of(wish: Wish) -> House {
    let provider = wish.start().await;
    let (ledger, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = signed_in(&ledger, &ada).await;
    House {
        provider,
        ledger,
        ada,
        tokens,
    }
}

impl House {
    fn token(&self) -> String {
        self.tokens.get("access_token")
    }

    /// A service of the house, to ask about tokens and to hear of them.
    fn reader(&self, identifier: &str) -> Reader {
        Reader::of(&self.provider, identifier, SECRET)
    }

    /// Batch, and its own token for [`API`]: by that it acts where a rule admits it.
    async fn batch(&self) -> (RelyingParty, String) {
        let batch = RelyingParty::of(&self.provider, "batch");
        let actor = own_token(&batch).await;
        (batch, actor)
    }

    /// Whether the service would be told that the token is good.
    async fn is_active(&self, identifier: &str, token: &str) -> bool {
        let reader = self.reader(identifier);
        let told = reader.introspect(&self.provider, token).await;
        told.json()["active"] == true
    }
}
