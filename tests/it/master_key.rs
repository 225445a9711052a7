//! The master key, without which a database is not served.

use exeunt::config::Config;
use exeunt::flows::people;
use exeunt::jose::MasterKey;
use exeunt::random::OsRandom;
use exeunt::server::{Seams, StartError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::ledger::{ledger, open, sign_in_as};
use crate::support::provider::start_node;
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

const ANOTHER: &str = "the difference engine";

/// Why another node does not start on these settings.
async fn refusal(config: &Config) -> StartError {
    match start_node(config, Seams::default()).await {
        Ok(_) => panic!("it starts"),
        Err(error) => error,
    }
}

/// P3: by another key every declared password looks changed, and would be set back.
#[actix_web::test]
async fn p3_a_start_without_the_right_master_key_changes_nothing() {
    let provider = ledger().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let password = SecretString::from(ANOTHER);
    let changed = people::reset_password(provider.flows(), "ada", &password).await;
    changed.unwrap().unwrap();
    let page = open(&ada, &party.authorize_url(&[])).await;
    let answer = sign_in_as(&ada, &page, "ada", ANOTHER).await;
    assert!(answer.parameter("code").is_some());

    let mut config = provider.config.clone();
    config.master_key_file = provider.folder().join("elsewhere.key");
    let gone = refusal(&config).await;
    assert!(matches!(gone, StartError::MasterKeyGone { .. }), "{gone}");
    assert!(gone.to_string().contains("elsewhere.key"), "{gone}");
    assert!(!config.master_key_file.exists(), "none is made");

    let foreign = MasterKey::generate(&OsRandom).to_text();
    std::fs::write(&config.master_key_file, foreign.expose_secret()).unwrap();
    let other = refusal(&config).await;
    assert!(
        matches!(other, StartError::OtherMasterKey { .. }),
        "{other}"
    );

    // Neither the password nor a session was touched.
    let provider = provider.restart(|_| {}).await;
    let silent = ada.get(&party.authorize_url(&[("prompt", "none")])).await;
    assert!(silent.parameter("code").is_some(), "{silent:?}");
    provider.stop().await;
}
