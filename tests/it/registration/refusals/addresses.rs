//! Addresses that lead inside, and addresses that nobody goes to.

use exeunt::config::RegistrationPolicy::Open;
use serde_json::json;

use super::{assert_refused, start};
use crate::support::registrar::{Registered, ask, registering, with};

/// Attack 55: addresses of notices that lead to where only we can go.
#[actix_web::test]
async fn an_inner_address_for_notices_is_refused_at_once() {
    let provider = registering(Open)
        .await
        .configure(|config| config.outbound.allow_private_networks.clear())
        .start()
        .await;
    for uri in [
        "https://127.0.0.1/backchannel",
        "https://10.0.0.7/backchannel",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.7]/backchannel",
        "https://[fd00::1]/backchannel",
        "https://0x7f000001/backchannel",
    ] {
        let wanted = with(&json!({ "backchannel_logout_uri": uri }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
    }
    provider.stop().await;
}

/// Attack 77 (CVE-2021-26715): a server that fetches whatever address a stranger registers.
#[actix_web::test]
async fn registering_connects_to_none_of_the_addresses_that_it_names() {
    let provider = start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let addresses = json!({
        "redirect_uris": [format!("{base}/callback")],
        "client_uri": format!("{base}/home"),
        "logo_uri": format!("{base}/logo"),
        "policy_uri": format!("{base}/policy"),
        "tos_uri": format!("{base}/tos"),
        "backchannel_logout_uri": format!("{base}/backchannel"),
        "frontchannel_logout_uri": format!("{base}/frontchannel"),
    });
    let client = Registered::new(&provider, &addresses, None).await;
    client.manage(reqwest::Method::GET, None).await;
    let asked = listener.accept().map(|(_, address)| address);
    assert!(asked.is_err(), "{asked:?}");
    provider.stop().await;
}
