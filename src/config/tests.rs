//! What is read, and what is said about what can't be.

use super::*;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::service::TokenFormat;
use crate::oidc::token::exchange::policy::Party;
use crate::oidc::upstream::Admits;
use crate::oidc::upstream::leaving::SignOut;

const EXAMPLE: &str = include_str!("../../docs/exeunt.toml");
const CLIENT: &str = "[[clients]]\nclient_id = 'ledger'\nclient_secret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'\n\
                      redirect_uris = ['https://ledger.example/callback']\n";
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    settings::parse(Path::new("exeunt.toml"), text, environment)
}

/// Where something is wrong, where how it is put is another module's affair.
fn places(text: &str) -> Vec<String> {
    let errors = parse(text, &[]).unwrap_err().0;
    errors
        .iter()
        .map(|error| format!("{} {}", error.place, error.key))
        .collect()
}

fn refusal(text: &str) -> String {
    parse(text, &[]).unwrap_err().to_string()
}

#[test]
fn without_a_file_the_defaults_hold() {
    let config = Config::load(None, std::iter::empty()).unwrap();
    assert_eq!(config.issuer.as_str(), "http://localhost:8080");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database.as_str(), "sqlite://exeunt.db");
    assert_eq!(config.master_key_file, Path::new("exeunt.key"));
    assert_eq!(config.logout.grace, TimeDelta::milliseconds(300));
}

#[test]
fn registration_is_closed_unless_it_is_said_otherwise_and_offers_only_what_can_be_had() {
    let closed = Config::load(None, std::iter::empty()).unwrap().registration;
    assert_eq!(closed.policy, RegistrationPolicy::Closed);
    let registration = |text: &str| parse(&format!("[registration]\n{text}"), &[]);
    let open = registration(
        "policy = 'open'\nresponse_types = ['code', 'id_token code']\n\
         grant_types = ['authorization_code', 'implicit']\nunused = 'off'",
    );
    let open = open.unwrap().registration;
    assert_eq!(open.policy, RegistrationPolicy::Open);
    let types = open.offer.response_types.iter();
    let types: Vec<_> = types.map(|known| known.as_str()).collect();
    assert_eq!(types, ["code", "code id_token"]);
    assert_eq!(open.unused, None);
    for (text, key) in [
        ("policy = 'ajar'", "2:10: [registration] policy"),
        (
            "response_types = ['token']",
            "2:19: [registration] response_types",
        ),
        (
            "response_types = ['id_token']",
            "2:18: [registration] response_types",
        ),
        (
            "grant_types = ['password']",
            "2:16: [registration] grant_types",
        ),
        ("grant_types = ['refresh_token']", "response_types"),
        ("unused = '1h'", "2:10: [registration] unused"),
        ("unused = 'never'", "2:10: [registration] unused"),
        ("polisy = 'open'", "2:1: [registration] polisy"),
    ] {
        let refusal = registration(text).unwrap_err().to_string();
        assert!(refusal.contains(key), "{text}: {refusal}");
    }
    let environment = [
        ("EXEUNT__REGISTRATION__POLICY", "token"),
        ("EXEUNT__REGISTRATION__GRANT_TYPES", "authorization_code"),
    ];
    let token = parse("", &environment).unwrap().registration;
    assert_eq!(token.policy, RegistrationPolicy::Token);
    assert_eq!(token.offer.grant_types.len(), 1);
}

#[test]
fn the_documented_file_says_the_defaults() {
    let documented = parse(EXAMPLE, &[]).unwrap();
    let default = Config::load(None, std::iter::empty()).unwrap();
    assert_eq!(format!("{documented:#?}"), format!("{default:#?}"));
}

#[test]
fn the_documented_examples_are_sound_and_name_every_key() {
    let uncommented: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if !example.starts_with(' ') => example,
            _ => line,
        })
        .collect();
    let text = uncommented
        .join("\n")
        .replace("http://localhost", "https://localhost");
    let config = parse(&text, &[]).unwrap();
    assert_eq!(config.clients[0].client_id, "ledger");
    assert_eq!(config.users[0].username, "ada");
    let service = &config.services[0].service;
    assert_eq!(service.identifier, "https://api.example.org/");
    assert_eq!(service.clients.as_deref(), Some(&["ledger".to_owned()][..]));
    for field in fields::field_names::<crate::oidc::client::ClientMetadata>() {
        assert!(EXAMPLE.contains(field), "{field} is not documented");
    }
}

#[test]
fn the_readmes_file_is_sound_as_its_shell_writes_it() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("cat > exeunt.toml <<END\n").unwrap();
    let (file, _) = rest.split_once("\nEND\n").unwrap();
    let drawn = "8s0N1cC0m3x5bq5Q3v7o0d2m8m4nq0nJYb9uQk0y1bE=";
    let written = file.replace("$(openssl rand -base64 32)", drawn);
    assert!(!written.contains(['$', '`']), "the shell would read it");
    let config = parse(&written, &[]).unwrap();
    assert_eq!((config.clients.len(), config.users.len()), (1, 1));
}

#[test]
fn the_environment_outranks_the_file() {
    let environment = [
        ("EXEUNT__LOGOUT__GRACE", "1s"),
        ("EXEUNT__DATABASE__URL", "postgres://db/exeunt"),
        (
            "EXEUNT__OUTBOUND__ALLOW_PRIVATE_NETWORKS",
            "10.0.0.0/8, ::1/128",
        ),
        ("EXEUNT__SECRETS__MASTER_KEY_FILE", "of/here.key"),
        ("UNRELATED", "x"),
    ];
    let config = parse("[logout]\ngrace = 'nonsense'", &environment).unwrap();
    assert_eq!(config.logout.grace, TimeDelta::seconds(1));
    assert_eq!(config.database.as_str(), "postgres://db/exeunt");
    assert_eq!(config.outbound.allow_private_networks.len(), 2);
    assert_eq!(config.master_key_file, Path::new("of/here.key"));
}

#[test]
fn relative_paths_start_from_the_files_folder() {
    let text = "[database]\nurl = 'sqlite://a.db?mode=rwc'\n[secrets]\nmaster_key_file = 'a.key'";
    let config = settings::parse(Path::new("/etc/ex?/exeunt.toml"), text, std::iter::empty());
    let config = config.unwrap();
    assert_eq!(
        config.database.as_str(),
        "sqlite:///etc/ex%3F/a.db?mode=rwc"
    );
    assert_eq!(config.master_key_file, Path::new("/etc/ex?/a.key"));
    // And so do the defaults, or a command that is run elsewhere would make a database of its own.
    let left_out = settings::parse(Path::new("/etc/exeunt/exeunt.toml"), "", std::iter::empty());
    let left_out = left_out.unwrap();
    assert_eq!(left_out.database.as_str(), "sqlite:///etc/exeunt/exeunt.db");
    assert_eq!(
        left_out.master_key_file,
        Path::new("/etc/exeunt/exeunt.key")
    );
}

#[test]
fn nothing_secret_is_ever_shown() {
    let text = format!("{CLIENT}[[users]]\nusername = 'ada'\npassword_hash = '{HASH}'\n");
    let url = [(
        "EXEUNT__DATABASE__URL",
        "postgres://ada:ABCDEFGH@db/x?password=ABCDEFGH",
    )];
    let config = parse(&text, &url).unwrap();
    let shown = format!("{config:?} {}", config.database);
    assert!(!shown.contains("ABCDEFGH"), "{shown}");
    assert!(!shown.contains("argon2id"), "{shown}");
    let wrong = "[[clients]]\nclient_id = 'a'\nclient_secret = 'geheim'\nclient_secret_hash = 'geheim'\nredirect_uris = ['https://a.example/']\n\
                 [[users]]\nusername = 'ada'\npassword = 'geheim'\npassword_hash = 'geheim'\n\
                 [database]\nurl = 'mysql://ada:geheim@db'\n";
    let errors = parse(wrong, &[]).unwrap_err();
    assert_eq!(errors.0.len(), 7);
    assert!(
        !format!("{errors} {errors:?}").contains("geheim"),
        "{errors}"
    );
    assert!(!refusal("client_secret = 'geheim").contains("geheim"));
}

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
fn every_error_is_told_at_once_with_its_place_and_its_mend() {
    insta::assert_snapshot!(refusal("isuer = 'x'\n[logut]\n[logout]\ngracee = 1\nzebra = 2\ngrace = 1"), @r#"
    exeunt.toml:1:1: isuer is not a key we know. Did you mean issuer?
    exeunt.toml:2:2: logut is not a key we know. Did you mean logout?
    exeunt.toml:4:1: [logout] gracee is not a key we know. Did you mean grace?
    exeunt.toml:5:1: [logout] zebra is not a key we know. Known are give_up_after, grace, keep_receipts, page_wait, retry_first, retry_max.
    exeunt.toml:6:9: [logout] grace is a number, not a text. Write it between quotation marks.
    "#);
    insta::assert_snapshot!(refusal("[logout\ngrace = 1\nx = = 2\n[a]\n[a]"), @r#"
    exeunt.toml:1:8: unclosed table, expected `]`.
    exeunt.toml:3:5: extra `=`, expected nothing.
    exeunt.toml:3:7: unexpected key or value, expected newline, `#`.
    exeunt.toml:5:2: duplicate key.
    "#);
    let missing = Config::load(Some(Path::new("nowhere/exeunt.toml")), std::iter::empty());
    insta::assert_snapshot!(missing.unwrap_err(), @"nowhere/exeunt.toml: the file can't be read: No such file or directory (os error 2). Name another with --config, or leave --config out to start with the defaults.");
}

#[test]
fn variables_are_told_by_name() {
    let environment = [
        ("EXEUNT__LOGOUT__GRACEE", "1s"),
        ("EXEUNT__LISTEN", ""),
        ("EXEUNT__OUTBOUND__ALLOW_PRIVATE_NETWORKS", "10.0.0.0/8,x"),
    ];
    insta::assert_snapshot!(parse("", &environment).unwrap_err(), @r#"
    EXEUNT__LISTEN: listen is not an address with a port: "". Write for example 127.0.0.1:8080, or 0.0.0.0:8080 for every interface.
    EXEUNT__OUTBOUND__ALLOW_PRIVATE_NETWORKS: [outbound] allow_private_networks holds no network: "x". Write an address and a length, such as 10.0.0.0/8 or ::1/128.
    EXEUNT__LOGOUT__GRACEE: is not a variable we know. Did you mean EXEUNT__LOGOUT__GRACE?
    "#);
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
fn clients_that_will_not_do_are_told() {
    insta::assert_snapshot!(refusal("[[clients]]\nclient_name = 5\n[[clients]]\nclient_id = 'a b'\nredirect_uris = ['https://a.example/']\ntoken_endpoint_auth_method = 'none'"), @r#"
    exeunt.toml:1:1: [[clients]] client_id is missing. Give the application an identifier.
    exeunt.toml:1:1: [[clients]] redirect_uris does not fit: name at least one, for answers to be sent to. Write each as the application sends it, letter by letter: https, or http for this machine.
    exeunt.toml:1:1: [[clients]] token_endpoint_auth_method does not fit: this method needs a client_secret. Give a client_secret, or write "none" for an application that can't keep one.
    exeunt.toml:2:15: [[clients]] client_name is a number, not a text. Write it between quotation marks.
    exeunt.toml:4:13: [[clients]] client_id is no identifier. Write 1 to 255 letters, digits and signs of ASCII, without spaces.
    "#);
    let mistaken = CLIENT
        .replace("redirect_uris", "redirect_uri")
        .replace("QRSTUVWXYZ", "");
    let taken = CLIENT.replace(
        "'ledger'",
        "'Ledger'\nclient_secret_hash = 'x'\ntoken_endpoint_auth_method = 'x'\ncontacts = [1]",
    );
    insta::assert_snapshot!(refusal(&(mistaken + &taken)), @r#"
    exeunt.toml:3:17: client ledger: client_secret has 16 characters, which is too short. Give at least 24 random characters: openssl rand -base64 32
    exeunt.toml:4:1: client ledger: redirect_uri is not a key we know. Did you mean redirect_uris?
    exeunt.toml:6:13: client Ledger: client_id is taken, if upper and lower case are not told apart: exeunt.toml:1:1. Give each application an identifier of its own.
    exeunt.toml:7:22: client Ledger: client_secret_hash is not the hash of a secret. It has 43 characters of base64url; a secret itself goes into client_secret.
    exeunt.toml:7:22: client Ledger: client_secret_hash stands beside client_secret. Keep one of the two.
    exeunt.toml:8:30: client Ledger: token_endpoint_auth_method is none that we know: "x". Known are "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none".
    exeunt.toml:9:13: client Ledger: contacts holds a number, not a text. Write it between quotation marks.
    "#);
}

#[test]
fn services_are_read_and_say_the_defaults_where_the_file_says_nothing() {
    let text = "[tokens]\naccess = '3m'\n[[services]]\nidentifier = 'https://api.example/'\n\
                [[services]]\nidentifier = 'urn:example:ledger'\nname = 'Books'\nformat = 'cwt'\nscope = 'write read'\n\
                lifetime = '30s'\nclaims = ['name']\nclients = []\nsecret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'";
    let config = parse(text, &[]).unwrap();
    let [plain, full] = &config.services[..] else {
        panic!("two services");
    };
    assert_eq!(plain.service.lifetime, TimeDelta::minutes(3));
    assert_eq!(plain.service.format, TokenFormat::Jwt);
    assert!(plain.service.scope.is_empty() && plain.service.claims.is_empty());
    assert_eq!(plain.service.clients, None);
    assert!(plain.secret.is_none() && full.secret.is_some());
    let full = &full.service;
    assert_eq!((full.name(), full.format), ("Books", TokenFormat::Cwt));
    assert_eq!(full.scope.to_string(), "read write");
    assert_eq!(full.lifetime, TimeDelta::seconds(30));
    assert_eq!(full.clients, Some(Vec::new()));
}

#[test]
fn services_that_will_not_do_are_told() {
    let text = "[[services]]\nscope = 'exeunt.admin'\n\
                [[services]]\nidentifier = 'https://api.example/#x'\n\
                [[services]]\nidentifier = 'http://localhost:8080'\n\
                [[services]]\nidentifier = 'urn:a'\nformat = 'saml'\nlifetime = '2d'\nclaims = ['shoe_size', 5]\n\
                clients = ['a b']\nsecret = 'geheim'\nname = ''\nscop = 'x'\n\
                [[services]]\nidentifier = 'urn:a'\nsecret_hash = 'geheim'\nscope = 'a\"b'\n";
    let refused = refusal(text);
    assert!(!refused.contains("geheim"), "{refused}");
    insta::assert_snapshot!(refused, @r#"
    exeunt.toml:1:1: [[services]] identifier is missing. Give the service the URI that applications send as resource.
    exeunt.toml:2:9: [[services]] scope does not fit: exeunt.admin is for our own administration. Write the service's own words with spaces between them, such as "read write".
    exeunt.toml:4:14: [[services]] identifier does not fit: must not have a fragment. Write the service's own address, such as https://api.example/, letter by letter as applications send it.
    exeunt.toml:6:14: [[services]] identifier does not fit: this is the issuer's own: tokens for us need no service. Write the service's own address, such as https://api.example/, letter by letter as applications send it.
    exeunt.toml:9:10: service urn:a: format is no format we know: "saml". Known are jwt, jwe, cwt.
    exeunt.toml:10:12: service urn:a: lifetime is too long: 2d. Give at most 1d.
    exeunt.toml:11:11: service urn:a: claims does not fit: "shoe_size" is no claim about a person. Known are those of OpenID Connect Core §5.1: name, picture, email, locale and so on.
    exeunt.toml:11:24: service urn:a: claims holds a number, not a text. Write each between quotation marks.
    exeunt.toml:12:12: service urn:a: clients holds no client_id: "a b". Write the client_id of an application.
    exeunt.toml:13:10: service urn:a: secret has 6 characters, which is too short. Give at least 24 random characters: openssl rand -base64 32
    exeunt.toml:14:8: service urn:a: name does not fit: must be 1 to 128 printable characters. Write what people call it.
    exeunt.toml:15:1: service urn:a: scop is not a key we know. Did you mean scope?
    exeunt.toml:17:14: service urn:a: identifier is taken: exeunt.toml:7:1. Give each service an identifier of its own.
    exeunt.toml:18:15: service urn:a: secret_hash is not the hash of a secret. It has 43 characters of base64url; a secret itself goes into secret.
    exeunt.toml:19:9: service urn:a: scope does not fit: the scope has a character that no scope may have. Write the service's own words with spaces between them, such as "read write".
    "#);
}

#[test]
fn a_services_public_keys_are_for_jwe_and_must_be_such() {
    let service = |format: &str, jwks: &str| {
        format!("[[services]]\nidentifier = 'urn:a'\nformat = '{format}'\njwks = {jwks}\n")
    };
    // The public key of RFC 7518, appendix C.
    let key = "{ kty = 'EC', crv = 'P-256', x = 'weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ', \
               y = 'e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck' }";
    let good = format!("{{ keys = [{key}] }}");
    let config = parse(&service("jwe", &good), &[]).unwrap();
    assert_eq!(config.services[0].jwks.len(), 1);
    insta::assert_snapshot!(refusal(&service("cwt", &good)), @r#"exeunt.toml:4:8: service urn:a: jwks is for tokens that only the service can read. Write format = "jwe", or leave it away."#);
    let private = good.replace("kty", "d = 'AA', kty");
    for wrong in [
        "{}",
        "{ keys = [] }",
        "{ keys = [{ kty = 'EC' }] }",
        &private,
    ] {
        let places = places(&service("jwe", wrong));
        assert_eq!(places, ["exeunt.toml:4:8 service urn:a: jwks"], "{wrong}");
    }
}

#[test]
fn a_secret_that_signs_is_there_itself_and_long_enough() {
    let signs = format!("{CLIENT}token_endpoint_auth_method = 'client_secret_jwt'\n");
    assert_eq!(
        places(&signs),
        ["exeunt.toml:3:17 client ledger: client_secret"]
    );
    let longer = signs.replace("XYZ'", "XYZabcdef'");
    assert!(parse(&longer, &[]).is_ok());
    let hashed = longer.replace(
        "client_secret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef'",
        "client_secret_hash = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq'",
    );
    assert_eq!(
        places(&hashed),
        ["exeunt.toml:3:22 client ledger: client_secret_hash"]
    );
}

#[test]
fn metadata_that_breaks_the_rules_of_registration_is_told_at_its_field() {
    let elsewhere =
        CLIENT.replace("https:", "http:") + "backchannel_logout_uri = 'http://10.1.2.3/'\n";
    let redirect = "exeunt.toml:4:17 client ledger: redirect_uris";
    let logout = "exeunt.toml:5:26 client ledger: backchannel_logout_uri";
    assert_eq!(places(&elsewhere), [redirect, logout]);
    let inside = elsewhere + "[outbound]\nallow_private_networks = ['10.0.0.0/8']";
    assert_eq!(places(&inside), [redirect]);
    // A public client is told the reason that is its own.
    let public = inside.replace("http://ledger", "https://ledger").replace(
        "client_secret =",
        "token_endpoint_auth_method = 'none'\nclient_name =",
    );
    insta::assert_snapshot!(refusal(&public), @"exeunt.toml:6:26: client ledger: backchannel_logout_uri does not fit: plain http inside a private network is for clients that authenticate; use https. Write an https address of the application's server that can be reached from here.");
    let keyless = CLIENT.to_owned() + "jwks = { keys = [{ kty = 'EC' }] }";
    assert_eq!(places(&keyless), ["exeunt.toml:5:8 client ledger: jwks"]);
    let secretless = CLIENT.replace("client_secret =", "client_name =");
    assert_eq!(
        places(&secretless),
        ["exeunt.toml:1:1 client ledger: token_endpoint_auth_method"]
    );
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
fn one_mistake_of_a_client_or_a_person_hides_no_other() {
    let text = "[[clients]]\nclient_id = 'wiki'\nclient_secret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'\n\
                redirect_uris = 'https://wiki.example/callback'\npost_logout_redirect_uris = ['http://wiki.example/']\n\
                frontchannel_logout_uri = 'https://wiki.example/out'\nlogo_uri = 'javascript:alert(1)'\n\
                skip_consent = 'yes'\ndefault_max_age = -1\ncontacts = ['ada', 5]\nscop = 'profile'\n\
                grant_types = ['device']\nresponse_types = []\njwks = 'x'\n\
                [[users]]\nusername = 'ada'\npassword = 'short'\nemail_verified = 'yes'\naddress = 'London'\nname = ['Ada']\n\
                [[users]]\nusername = 'bob'\naddress = { town = 'London', country = 5 }\n";
    insta::assert_snapshot!(refusal(text), @r#"
    exeunt.toml:4:17: client wiki: redirect_uris is a text, not an array. Write it between [ and ].
    exeunt.toml:5:29: client wiki: post_logout_redirect_uris does not fit: "http://wiki.example/": plain http is for this machine alone; use https. Write each as the application sends it, letter by letter: https, or http for this machine.
    exeunt.toml:7:12: client wiki: logo_uri does not fit: must be https or http. Write the address of a page or a picture, or leave it away.
    exeunt.toml:8:16: client wiki: skip_consent is a text, not true or false. Write true or false, without quotation marks.
    exeunt.toml:9:19: client wiki: default_max_age does not fit: integer `-1`. Write a whole number of seconds, not below zero, without quotation marks.
    exeunt.toml:10:20: client wiki: contacts holds a number, not a text. Write it between quotation marks.
    exeunt.toml:11:1: client wiki: scop is not a key we know. Did you mean scope?
    exeunt.toml:12:16: client wiki: grant_types holds none that we know: "device". Known are "authorization_code", "refresh_token", "client_credentials", "implicit".
    exeunt.toml:14:8: client wiki: jwks does not fit: a JWKS is an object with an array "keys". Write its public keys: { keys = [{ kty = "EC", ... }] }.
    exeunt.toml:17:12: user ada: password has 5 characters, which is too short. Give at least 8.
    exeunt.toml:18:18: user ada: email_verified is a text, not true or false. Write true or false, without quotation marks.
    exeunt.toml:19:11: user ada: address is a text, not a table. Write it between { and }.
    exeunt.toml:20:8: user ada: name is an array, not a text. Write it between quotation marks.
    exeunt.toml:23:40: user bob: address holds a number, not a text. Write it between quotation marks.
    "#);
}

#[test]
fn what_a_slip_would_have_said_is_not_missed_too() {
    let client = CLIENT.replace("client_secret", "client_secrt");
    assert_eq!(
        places(&client),
        ["exeunt.toml:3:1 client ledger: client_secrt"]
    );
    let client = CLIENT.replace("redirect_uris", "application_type = 'nativ'\nredirect_uris");
    let client = client.replace(
        "https://ledger.example/callback",
        "org.example.ledger:/callback",
    );
    let place = "exeunt.toml:4:20 client ledger: application_type";
    assert_eq!(places(&client), [place]);
}

/// Attack 97: a server that others reach, with a secret that they know.
#[test]
fn secrets_that_stand_in_an_example_are_refused_but_on_ones_own_machine() {
    let documents = [
        EXAMPLE,
        include_str!("../../README.md"),
        include_str!("../../docs/compose/exeunt.toml"),
        include_str!("../../docs/conformance.md"),
        include_str!("../../docs/applications.md"),
        include_str!("../../docs/operating.md"),
    ];
    let examples: Vec<(&str, &str)> = documents
        .iter()
        .flat_map(|document| document.lines())
        .filter_map(|line| line.trim_start_matches('#').split_once(" = \""))
        .filter(|(key, _)| matches!(*key, "client_secret" | "secret" | "password"))
        .filter_map(|(key, rest)| Some((key, rest.split_once('"')?.0)))
        // What the shell or the reader fills in is no example.
        .filter(|(_, example)| !example.starts_with("$(") && *example != "...")
        .collect();
    assert!(examples.len() > 5, "{examples:?}");
    for (key, example) in examples {
        let table = match key {
            "password" => format!("[[users]]\nusername = 'ada'\npassword = '{example}'\n"),
            "secret" => format!("[[services]]\nidentifier = 'urn:a'\nsecret = '{example}'\n"),
            _ => CLIENT.replace("ABCDEFGHIJKLMNOPQRSTUVWXYZ", example),
        };
        for issuer in ["https://id.example", "https://localhost.id.example"] {
            let refused = refusal(&format!("issuer = '{issuer}'\n{table}"));
            assert!(refused.contains("is an example"), "{example}: {refused}");
            assert!(!refused.contains(example), "{refused}");
        }
        for issuer in [
            "http://localhost:8080",
            "https://localhost",
            "http://id.localhost:1",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            let read = parse(&format!("issuer = '{issuer}'\n{table}"), &[]);
            assert!(read.is_ok(), "{issuer} {example}: {read:?}");
        }
    }
    insta::assert_snapshot!(refusal("issuer = 'https://id.example'\n[[clients]]\nclient_id = 'a'\nclient_secret = 'changeme-changeme-changeme'\n\
         redirect_uris = ['https://a.example/']\n[[users]]\nusername = 'ada'\npassword = 'Password1'"), @r"
    exeunt.toml:4:17: client a: client_secret is an example, or as easily guessed; that does on one's own machine alone. Give at least 24 random characters: openssl rand -base64 32
    exeunt.toml:8:12: user ada: password is an example, or as easily guessed; that does on one's own machine alone. Give another.
    ");
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

proptest::proptest! {
    #[test]
    fn no_file_makes_us_panic(text in r#"(\[{0,2}(clients|users|logout|tls)?\]{0,2}|client_id|grace|[a-zé"'=\n .0-9$]){0,40}"#) {
        if let Err(errors) = parse(&text, &[]) {
            assert!(!errors.0.is_empty());
        }
    }
}

#[test]
fn people_who_will_not_do_are_told() {
    insta::assert_snapshot!(refusal("[[users]]\nname = 'x'\n[[users]]\nusername = ' x'"), @r#"
    exeunt.toml:1:1: [[users]] username is missing. Give the person a name to sign in with.
    exeunt.toml:4:12: [[users]] username is no name. Write 1 to 255 bytes, without spaces at the ends and without control characters.
    "#);
    insta::assert_snapshot!(refusal("[[users]]\nusername = 'Ada'\npassword = 'geheim'\nemail = 1\nmail = 'x'\n[[users]]\nusername = 'ＡDA'"), @r#"
    exeunt.toml:3:12: user Ada: password has 6 characters, which is too short. Give at least 8.
    exeunt.toml:4:9: user Ada: email is a number, not a text. Write it between quotation marks.
    exeunt.toml:5:1: user Ada: mail is not a key we know. Did you mean email?
    exeunt.toml:7:12: user ＡDA: username is taken, if upper and lower case are not told apart: exeunt.toml:1:1. Give each person a name of their own.
    "#);
    let text = format!(
        "[[users]]\nusername = 'a'\npassword_hash = '{}'\n[[users]]\nusername = 'b'\npassword_hash = 'geheim'\n\
         [[users]]\nusername = 'c'\npassword_hash = '{}'\n",
        HASH.replace("argon2id", "argon2i"),
        &HASH[..60]
    );
    let expected = ["3:17 user a", "6:17 user b", "9:17 user c"];
    let expected = expected.map(|place| format!("exeunt.toml:{place}: password_hash"));
    assert_eq!(places(&text), expected);
    let long = format!(
        "[[users]]\nusername = 'a'\npassword = '{}'",
        "x".repeat(1025)
    );
    insta::assert_snapshot!(refusal(&long), @"exeunt.toml:3:12: user a: password has 1025 bytes, which is too long. Give at most 1024.");
}

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

#[test]
fn upstreams_are_read_and_let_nobody_new_in_where_the_file_says_nothing() {
    let text = "[[upstreams]]\nid = 'house'\nissuer = 'https://id.house.example/'\nclient_id = 'exeunt'\nclient_secret = 'geheim'";
    let config = parse(text, &[]).unwrap();
    let upstream = &config.upstreams[0].upstream;
    assert_eq!(upstream.admits, Admits::Nobody);
    assert_eq!(
        (upstream.label.as_str(), upstream.scope.as_str()),
        ("house", "openid profile email")
    );
    assert!(upstream.refreshes_claims && upstream.domains.is_empty());
    assert_eq!(upstream.sign_out, SignOut::Offer);
    let shown = format!("{config:?}");
    assert!(!shown.contains("geheim"), "{shown}");
}

/// Attack 90: a domain is written in the one form in which it is compared.
#[test]
fn upstreams_that_will_not_do_are_told() {
    let whole = "id = 'house'\nissuer = 'https://id.house.example'\nclient_id = 'exeunt'\nclient_secret = 'geheim'\n";
    for (change, word) in [
        ("id = 'House'", "id"),
        ("issuer = 'http://id.house.example'", "issuer"),
        ("issuer = 'http://localhost:8080'", "issuer"),
        ("client_id = 'http://localhost:8080'", "client_id"),
        (
            "token_endpoint_auth_method = 'none'",
            "token_endpoint_auth_method",
        ),
        (
            "token_endpoint_auth_method = 'private_key_jwt'",
            "client_secret",
        ),
        ("scope = 'profile'", "scope"),
        ("logo = 'https://house.example/logo.png'", "logo"),
        ("domains = ['House.example']", "domains"),
        ("domains = ['house']", "domains"),
        ("first_sign_in = 'all'", "first_sign_in"),
        ("first_sign_in = 'domain'", "domains"),
        ("first_sign_in = 'claim'", "claim"),
        ("claim = 'groups'", "claim"),
        ("refresh_claims = 'never'", "refresh_claims"),
        ("claims = { shoe_size = 'shoe' }", "claims"),
        ("sign_out = 'ask'", "sign_out"),
        ("private_networks = ['attic']", "private_networks"),
        ("isuer = 'x'", "isuer"),
        ("kind = 'saml'", "kind"),
        ("kind = 'oauth2'", "userinfo_endpoint is missing"),
        ("subject_claim = 'id'", "subject_claim"),
        (
            "token_endpoint = 'https://code.example/token'",
            "token_endpoint is not for an OpenID Provider",
        ),
        ("claim_value = 'staff'", "claim_value"),
    ] {
        let key = change.split(' ').next().unwrap();
        let rest = whole
            .lines()
            .filter(|line| !line.starts_with(&format!("{key} ")));
        let text = format!(
            "[[upstreams]]\n{}\n{change}",
            rest.collect::<Vec<_>>().join("\n")
        );
        let refused = refusal(&text);
        assert!(refused.contains(word), "{change}: {refused}");
    }
}

#[test]
fn a_provider_without_id_tokens_is_read_with_its_endpoints() {
    let whole = "[[upstreams]]\nid = 'code'\nkind = 'oauth2'\nissuer = 'https://code.example'\nclient_id = 'exeunt'\n\
                 client_secret = 'geheim'\nauthorization_endpoint = 'https://code.example/authorize'\n\
                 token_endpoint = 'https://code.example/token'\nuserinfo_endpoint = 'https://api.code.example/user'\n\
                 first_sign_in = 'invited'\n";
    let read = |text: &str| parse(text, &[]).unwrap().upstreams[0].upstream.clone();
    let upstream = read(whole);
    assert_eq!(upstream.admits, Admits::Invited);
    assert_eq!(upstream.scope, "");
    let told = upstream.oauth2.unwrap();
    assert_eq!(told.subject_claim, "sub");
    assert_eq!(told.userinfo_endpoint, "https://api.code.example/user");
    let told = read(&format!("{whole}subject_claim = 'id'\nscope = 'user'"));
    assert_eq!(told.scope, "user");
    assert_eq!(told.oauth2.unwrap().subject_claim, "id");
    for (sound, unsound, word) in [
        (
            "'https://code.example/token'",
            "'http://code.example/token'",
            "token_endpoint",
        ),
        (
            "'https://code.example/token'",
            "'code.example/token'",
            "token_endpoint",
        ),
        (
            "client_secret = 'geheim'",
            "token_endpoint_auth_method = 'private_key_jwt'",
            "token_endpoint_auth_method",
        ),
    ] {
        let refused = refusal(&whole.replace(sound, unsound));
        assert!(refused.contains(word), "{unsound}: {refused}");
    }
}
