//! What can't be registered, and what it is answered (RFC 7591 §3.2.2).

mod addresses;
mod bodies;
mod metadata;
mod privileges;

use exeunt::config::RegistrationPolicy::Open;

use super::assert_refused;
use crate::support::provider::Provider;
use crate::support::registrar::registering;
use crate::support::visitor::Answer;

async fn start() -> Provider {
    registering(Open).await.start().await
}

fn description(answer: &Answer) -> String {
    let json = answer.json();
    json["error_description"].as_str().unwrap().to_owned()
}
