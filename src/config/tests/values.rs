//! Values that stand alone: addresses, durations, networks, and where administrators are served.

use super::{CLIENT, parse, places, refusal};
use crate::config::ForwardedHeader;

#[test]
fn an_issuer_that_the_listener_does_not_answer_gets_a_hint() {
    let config = parse("issuer = 'http://localhost:9000'", &[]).unwrap();
    assert_eq!(config.hints(), [""; 0]);
    let config = parse(
        "issuer = 'http://localhost:9000'\nlisten = '[::]:8080'",
        &[],
    )
    .unwrap();
    assert_eq!(config.hints().len(), 1);
    let behind = "issuer = 'https://id.example.org'\n[proxies]\ntrusted = ['10.0.0.0/8']";
    assert_eq!(parse(behind, &[]).unwrap().hints(), [""; 0]);
}

#[test]
fn a_proxy_that_must_be_there_and_is_not_named_gets_a_hint() {
    let config = parse("issuer = 'https://id.example.org'", &[]).unwrap();
    assert!(config.hints()[0].contains("[proxies] trusted"));
}

/// Attack 84: a configuration in which everybody may claim any address.
#[test]
fn nobody_can_trust_everybody() {
    insta::assert_snapshot!(refusal(
        "[proxies]\ntrusted = ['10.0.0.0/8', '0.0.0.0/0', '::/0']\nheader = 'X-Real-IP'"
    ), @r#"
    exeunt.toml:2:26: [proxies] trusted holds everybody: 0.0.0.0/0. Name the addresses of your own proxies alone: whoever is in it may claim any address.
    exeunt.toml:2:39: [proxies] trusted holds everybody: ::/0. Name the addresses of your own proxies alone: whoever is in it may claim any address.
    exeunt.toml:3:10: [proxies] header is no header we read: "X-Real-IP". Write "X-Forwarded-For" or "Forwarded".
    "#);
    let environment = [
        ("EXEUNT__PROXIES__TRUSTED", "10.0.0.0/8,fd00::/8"),
        ("EXEUNT__PROXIES__HEADER", "forwarded"),
    ];
    let proxies = parse("", &environment).unwrap().proxies;
    assert_eq!(
        (proxies.trusted.len(), proxies.header),
        (2, ForwardedHeader::Forwarded)
    );
}

#[test]
fn values_of_the_wrong_type_are_told() {
    insta::assert_snapshot!(refusal("issuer = 5\ntls = 1\nclients = 2\nusers = [1]\n[outbound]\nallow_private_networks = '10.0.0.0/8'"), @r#"
    exeunt.toml:1:10: issuer is a number, not a text. Write it between quotation marks.
    exeunt.toml:2:7: tls is a number, not a table. Begin a table with [tls].
    exeunt.toml:3:11: clients is a number, not an array of tables. Begin each with [[clients]].
    exeunt.toml:4:9: users holds something that is not a table. Begin each with [[users]].
    exeunt.toml:6:26: [outbound] allow_private_networks is a text, not an array. Write it between [ and ].
    "#);
}

#[test]
fn addresses_that_will_not_do_are_told() {
    insta::assert_snapshot!(refusal("issuer = 'http://id.example.org'\nlisten = 'localhost'"), @r#"
    exeunt.toml:1:10: issuer does not fit: an issuer is https; plain http is for localhost alone. Write what people's browsers will see, such as https://id.example.org, with no slash at the end.
    exeunt.toml:2:10: listen is not an address with a port: "localhost". Write for example 127.0.0.1:8080, or 0.0.0.0:8080 for every interface.
    "#);
    insta::assert_snapshot!(refusal("issuer = 'https://id.example.org/'\n[tls]\ncertificate = 'a'"), @r#"
    exeunt.toml:1:10: issuer does not fit: write the issuer as https://id.example.org. Write what people's browsers will see, such as https://id.example.org, with no slash at the end.
    exeunt.toml:2:1: [tls] private_key is missing. https needs both PEM files.
    "#);
    insta::assert_snapshot!(refusal("[tls]\ncertificate = 'a'\nprivate_key = 'b'"), @"exeunt.toml:1:1: issuer begins with http:// although [tls] is set. Write https://, or leave [tls] out.");
    insta::assert_snapshot!(refusal("[database]\nurl = 'sqlite://:memory:'"), @"exeunt.toml:2:7: [database] url would be forgotten at the next restart. Write sqlite://exeunt.db, or postgres://user:password@host/database.");
    insta::assert_snapshot!(refusal("[outbound]\nallow_private_networks = ['10.0.0.1/8', 5, 'x']\nextra_ca_file = ''"), @r#"
    exeunt.toml:2:27: [outbound] allow_private_networks holds an address inside a network: 10.0.0.1/8. Write 10.0.0.0/8, if all of it is meant.
    exeunt.toml:2:41: [outbound] allow_private_networks holds a number, not a text. Write each between quotation marks.
    exeunt.toml:2:44: [outbound] allow_private_networks holds no network: "x". Write an address and a length, such as 10.0.0.0/8 or ::1/128.
    exeunt.toml:3:17: [outbound] extra_ca_file is empty. Name a file, or leave it out.
    "#);
}

#[test]
fn durations_that_will_not_do_are_told() {
    insta::assert_snapshot!(refusal("[logout]\ngrace = '5'\npage_wait = '1h'\nretry_first = '1ms'\nretry_max = '20ms'\ngive_up_after = '-1s'"), @r#"
    exeunt.toml:2:9: [logout] grace is not a duration: "5". Write a whole number and a unit, such as 300ms, 60s, 10m, 24h or 30d.
    exeunt.toml:3:13: [logout] page_wait is too long: 1h. Give at most 30s.
    exeunt.toml:4:15: [logout] retry_first is too short: 1ms. Give at least 10ms.
    exeunt.toml:5:13: [logout] retry_max is too short: 20ms. Give at least 1s.
    exeunt.toml:6:17: [logout] give_up_after is not a duration: "-1s". Write a whole number and a unit, such as 300ms, 60s, 10m, 24h or 30d.
    "#);
    insta::assert_snapshot!(refusal("[session]\nabsolute = '1h'\nidle = '2h'\n[tokens]\ncode = '0s'\nid = 60\nrefresh_reuse = 'all'"), @r#"
    exeunt.toml:3:8: [session] idle is too long: 2h. Give at most 1h. Or "off".
    exeunt.toml:5:8: [tokens] code is too short: 0s. Give at least 1s.
    exeunt.toml:6:6: [tokens] id is a number, not a text. Write it between quotation marks.
    exeunt.toml:7:17: [tokens] refresh_reuse is no policy we know: "all". Write "participation" or "session".
    "#);
}

#[test]
fn administrators_are_served_nowhere_unless_it_is_said_where() {
    assert_eq!(parse("", &[]).unwrap().admin, None);
    let here = Some("127.0.0.1:9090".parse().unwrap());
    let there = parse("[admin]\nlisten = '127.0.0.1:9090'", &[]).unwrap();
    assert_eq!(there.admin.map(|admin| admin.listen), here);
    let there = parse("", &[("EXEUNT__ADMIN__LISTEN", "127.0.0.1:9090")]).unwrap();
    assert_eq!(there.admin.map(|admin| admin.listen), here);
}

/// Attack 97: administrators' tokens over plain http.
#[test]
fn administrators_are_not_served_over_plain_http_beyond_this_machine() {
    insta::assert_snapshot!(refusal("[admin]\nlisten = '0.0.0.0:9090'"), @"exeunt.toml:2:10: [admin] listen is reached from other machines over plain http. Write an address of this machine alone, such as 127.0.0.1:9090, or set [tls], which counts here too.");
    let tls = "issuer = 'https://id.example'\n[tls]\ncertificate = 'c'\nprivate_key = 'k'\n";
    let with_tls = format!("{tls}[admin]\nlisten = '0.0.0.0:9090'");
    assert!(parse(&with_tls, &[]).unwrap().admin.is_some());
    insta::assert_snapshot!(refusal("[admin]\nlisten = '127.0.0.1:8080'"), @"exeunt.toml:2:10: [admin] listen is where everybody else is served. Give administrators a port of their own.");
    insta::assert_snapshot!(refusal("[admin]\nport = 9090"), @"exeunt.toml:2:1: [admin] port is not a key we know. Known are listen.");
}

#[test]
fn private_networks_have_names_and_their_mistakes_a_place() {
    let config = parse(
        "[outbound.private_networks]\ncellar = ['10.0.0.0/8', 'fd00::/8']\nattic = []",
        &[],
    );
    let named = config.unwrap().outbound.private_networks;
    assert_eq!((named["cellar"].len(), named["attic"].len()), (2, 0));
    insta::assert_snapshot!(refusal("[outbound.private_networks]\na = '10.0.0.0/8'\nb = [5, '10.0.0.1/8']"), @r#"
    exeunt.toml:2:5: [outbound.private_networks] a is a text, not an array. Write it between [ and ].
    exeunt.toml:3:6: [outbound.private_networks] b holds a number, not a text. Write each between quotation marks.
    exeunt.toml:3:9: [outbound.private_networks] b holds an address inside a network: 10.0.0.1/8. Write 10.0.0.0/8, if all of it is meant.
    "#);
    let inside = CLIENT.to_owned() + "backchannel_logout_uri = 'http://10.1.2.3/'\n";
    let networks = "[outbound.private_networks]\ncellar = ['10.0.0.0/8']\n";
    let field = "exeunt.toml:5:26 client ledger: backchannel_logout_uri";
    assert_eq!(places(&format!("{inside}{networks}")), [field]);
    let named = format!("{inside}private_networks = ['cellar']\n{networks}");
    assert!(parse(&named, &[]).is_ok());
}
