//! Where values come from: the file, the environment, the defaults.

use std::path::Path;

use chrono::TimeDelta;

use super::{CLIENT, EXAMPLE, HASH, parse, refusal};
use crate::config::{Config, fields, settings};

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
    let readme = include_str!("../../../README.md");
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
    insta::assert_snapshot!(missing.unwrap_err(), @"nowhere/exeunt.toml: the file can't be read: No such file or directory (os error 2). Name another with --config or EXEUNT_CONFIG, or none to start with the defaults.");
}

proptest::proptest! {
    #[test]
    fn no_file_makes_us_panic(text in r#"(\[{0,2}(clients|users|logout|tls)?\]{0,2}|client_id|grace|[a-zé"'=\n .0-9$]){0,40}"#) {
        if let Err(errors) = parse(&text, &[]) {
            assert!(!errors.0.is_empty());
        }
    }
}
