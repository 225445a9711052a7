//! `exeunt upstream`.

use exeunt::oidc::upstream::metadata::ALGORITHMS;
use serde_json::json;

use super::Stage;
use crate::support::process::free_port;
use crate::upstream::stub::Stub;

const BASIC: &str = "--client-id exeunt --client-secret-file secret";

/// A folder with a secret in it.
fn stage() -> Stage {
    let more = "[outbound.private_networks]\ncellar = [\"10.9.0.0/16\"]\n";
    let stage = Stage::new("");
    let file = stage.folder.path().join("exeunt.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{text}{more}")).unwrap();
    std::fs::write(stage.folder.path().join("secret"), "what it gave us\n").unwrap();
    stage
}

#[tokio::test]
async fn an_upstream_that_left_the_file_is_out_of_use_until_its_name_is_freed() {
    let stage = Stage::new(
        "[[upstreams]]\nid = \"house\"\nissuer = \"https://id.house.example\"\nclient_id = \"exeunt\"\n\
         token_endpoint_auth_method = \"private_key_jwt\"\n",
    );
    stage.serve().await.stop();
    let add = "upstream add house --issuer https://id.house.example --client-id exeunt --auth-method private_key_jwt";
    assert!(stage.run(add).err.contains("declared in the configuration"));
    stage.declare("");
    stage.serve().await.stop();
    let tested = stage.run("upstream test house");
    assert_eq!(tested.code, Some(1));
    assert!(tested.err.contains("left the configuration"), "{tested:?}");
    let again = stage.run(add);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("exeunt upstream remove"), "{again:?}");
    assert_eq!(stage.run("upstream remove house").code, Some(0));
    assert_eq!(stage.run(add).code, Some(0));
}

/// The same people would come in by two sets of rules, the weaker of which would hold.
#[tokio::test]
async fn an_upstream_that_was_added_here_is_out_of_use_when_the_file_declares_its_issuer() {
    let stage = Stage::new("");
    let key = "token_endpoint_auth_method = \"private_key_jwt\"\n";
    for (name, at) in [("house", "house"), ("stable", "stable")] {
        let added = stage.run(&format!(
            "upstream add {name} --issuer https://id.{at}.example --client-id exeunt --auth-method private_key_jwt"
        ));
        assert_eq!(added.code, Some(0), "{added:?}");
    }
    stage.declare(&format!(
        "[[upstreams]]\nid = \"casa\"\nissuer = \"https://id.house.example\"\nclient_id = \"exeunt\"\n{key}\
         request_claims.id_token.acr = {{ essential = true, values = [\"gold\"] }}\n"
    ));
    stage.serve().await.stop();
    let known = stage.run("upstream list --json").json();
    let in_use: Vec<_> = known
        .as_array()
        .unwrap()
        .iter()
        .filter(|known| known["disabled_at"].is_null())
        .map(|known| known["id"].as_str().unwrap())
        .collect();
    assert_eq!(in_use, ["stable", "casa"]);
    assert!(
        stage
            .run("upstream list")
            .out
            .contains("replaced by the file's")
    );
    let tested = stage.run("upstream test house");
    assert_eq!(tested.code, Some(1));
    assert!(
        tested.err.contains("declares another upstream"),
        "{tested:?}"
    );
}

#[test]
fn everything_that_the_file_can_say_of_an_upstream_can_be_said_here() {
    let stage = stage();
    let logo = include_bytes!("../support/logo.png");
    std::fs::write(stage.folder.path().join("logo.png"), logo).unwrap();
    let add = format!(
        "upstream add house --issuer https://id.house.example {BASIC} --auth-method client_secret_post --label House \
         --scope openid --logo logo.png --first-sign-in claim --claim groups --claim-value staff --domain house.example \
         --refresh-claims first --map name=displayName --map nickname=login --private-network cellar \
         --request-claims {{\"userinfo\":{{\"groups\":{{\"essential\":true}},\"nickname\":{{}}}},\"id_token\":null}}"
    );
    let added = stage.run(&add);
    assert_eq!(added.code, Some(0), "{added:?}");
    let known = &stage.run("upstream list --json").json()[0];
    for (name, value) in [
        ("kind", json!("openid")),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("label", json!("House")),
        ("scope", json!("openid")),
        ("has_logo", json!(true)),
        ("first_sign_in", json!("claim")),
        ("claim", json!("groups")),
        ("claim_value", json!("staff")),
        ("domains", json!(["house.example"])),
        ("refresh_claims", json!("first")),
        (
            "claims",
            json!({ "name": "displayName", "nickname": "login" }),
        ),
        ("private_networks", json!(["cellar"])),
        (
            "request_claims",
            json!({ "userinfo": { "groups": { "essential": true }, "nickname": null } }),
        ),
    ] {
        assert_eq!(known[name], value, "{name}");
    }
    let plain = format!(
        "upstream add code --kind oauth2 --issuer https://code.example {BASIC} --authorization-endpoint https://code.example/a \
         --token-endpoint https://code.example/t --userinfo-endpoint https://api.code.example/u --subject-claim id"
    );
    let added = stage.run(&plain);
    assert_eq!(added.code, Some(0), "{added:?}");
    let known = &stage.run("upstream list --json").json()[1];
    assert_eq!(known["kind"], "oauth2");
    assert_eq!(known["subject_claim"], "id");
    assert_eq!(known["scope"], "");
    assert_eq!(known["request_claims"], json!({}));
    // The database has the sealed secret alone.
    assert!(
        !stage
            .run("upstream list --json")
            .out
            .contains("what it gave us")
    );
}

#[test]
fn everything_that_is_wrong_with_an_upstream_is_told_at_once() {
    let stage = stage();
    std::fs::write(stage.folder.path().join("logo.svg"), "<svg/>").unwrap();
    let wrong = stage.run(&format!(
        "upstream add House --issuer http://id.house.example {BASIC} --scope profile --logo logo.svg --first-sign-in claim \
         --domain House.example --map shoe_size=shoe --private-network attic --subject-claim id --token-endpoint https://x.example/t \
         --request-claims {{\"userinfo\":{{\"email\":true,\"sub\":null}},\"user\":{{}}}}"
    ));
    assert_eq!(wrong.code, Some(1));
    for word in [
        "the name:",
        "--issuer:",
        "--scope:",
        "--logo:",
        "--claim: it is missing",
        "--claim-value: it is missing",
        "--domain: write House.example as house.example",
        "--map:",
        "--private-network:",
        "--subject-claim: it is for --kind oauth2",
        "--token-endpoint: it is for --kind oauth2",
        "--request-claims: userinfo.email is neither an object nor null",
        "--request-claims: userinfo.sub is told always",
        "--request-claims: user is neither userinfo nor id_token",
    ] {
        assert!(wrong.err.contains(word), "{word}: {}", wrong.err);
    }
    let wrong = stage.run(
        "upstream add code --kind oauth2 --issuer https://code.example --client-id exeunt --auth-method private_key_jwt \
         --token-endpoint http://code.example/t --claim groups --request-claims {\"userinfo\":{},\"userinfo\":{}}",
    );
    for word in [
        "--authorization-endpoint: it is missing",
        "--token-endpoint:",
        "--userinfo-endpoint: it is missing",
        "token_endpoint_auth_method:",
        "--claim: it is for --first-sign-in claim",
        "--request-claims: it is not for --kind oauth2",
        "--request-claims: it is no JSON object in which no name occurs twice",
    ] {
        assert!(wrong.err.contains(word), "{word}: {}", wrong.err);
    }
    assert_eq!(stage.run("upstream list --json").json(), json!([]));
}

#[tokio::test]
async fn a_test_tells_what_fits_what_does_not_and_what_to_register() {
    let stage = stage();
    let stub = Stub::open();
    let add = format!("upstream add house --issuer {} {BASIC}", stub.base);
    assert_eq!(stage.run(&add).code, Some(0));
    let run = async |line: &'static str| {
        let mut command = tokio::process::Command::from(stage.command(line));
        super::Answer::from(command.output().await.unwrap())
    };
    stub.behave(|manner| {
        manner.says = json!({
            "code_challenge_methods_supported": ["S256"], "backchannel_logout_supported": true,
            "id_token_signing_alg_values_supported": ["ES256", "HS256"],
        });
    });
    let tested = run("upstream test house --json").await.json();
    assert_eq!(tested["fits"], true, "{tested}");
    assert_eq!(tested["misfits"], json!([]));
    assert!(
        tested["clock_ahead_seconds"].as_i64().unwrap().abs() < 60,
        "{tested}"
    );
    let supports = &tested["supports"];
    assert_eq!(supports["pkce"], true);
    assert_eq!(supports["backchannel_logout"], true);
    assert_eq!(supports["backchannel_logout_session"], false);
    assert_eq!(supports["end_session"], false);
    assert_eq!(supports["algorithms"], json!(["ES256"]));
    assert!(ALGORITHMS.contains(&"ES256"));
    for (name, path) in [
        ("redirect_uri", "callback"),
        ("backchannel_logout_uri", "backchannel_logout"),
        ("frontchannel_logout_uri", "frontchannel_logout"),
        ("post_logout_redirect_uri", "signed_out"),
    ] {
        let uri = format!("{}/upstreams/house/{path}", stage.issuer());
        assert_eq!(tested["register"][name], uri.as_str());
    }
    // A clock that is minutes off, in words.
    stub.behave(|manner| manner.date = Some("Fri, 01 Jan 2021 00:00:00 GMT".to_owned()));
    let told = run("upstream test house").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    for word in [
        "behind ours",
        "yes, without sid",
        "end session",
        "9207",
        "People can sign in through house",
    ] {
        assert!(told.out.contains(word), "{word}: {}", told.out);
    }
    stub.behave(|manner| {
        manner.published = json!({ "keys": [] });
        manner.says = json!({ "issuer": "https://another.example", "token_endpoint_auth_methods_supported": ["none"] });
    });
    let told = run("upstream test house").await;
    assert_eq!(told.code, Some(1));
    for word in [
        "calls itself",
        "does not take client_secret_basic",
        "no key that we can read",
    ] {
        assert!(told.out.contains(word), "{word}: {}", told.out);
    }
    assert!(told.err.contains("nobody can sign in through house"));
}

#[tokio::test]
async fn a_test_tells_which_claims_are_asked_for_in_vain() {
    let stage = stage();
    let stub = Stub::open();
    let add = format!(
        "upstream add house --issuer {} {BASIC} --request-claims {{\"userinfo\":{{\"email\":null,\"shoe_size\":null}}}}",
        stub.base
    );
    assert_eq!(stage.run(&add).code, Some(0));
    let test = async |line: &'static str| {
        let mut command = tokio::process::Command::from(stage.command(line));
        super::Answer::from(command.output().await.unwrap())
    };
    let words = ["claims_parameter_supported", "does not name shoe_size"];
    for (says, supported, told) in [
        (json!({}), false, [true, false]),
        (
            json!({ "claims_parameter_supported": false, "claims_supported": ["sub", "email"] }),
            false,
            [true, true],
        ),
        (
            json!({ "claims_parameter_supported": true, "claims_supported": ["email"] }),
            true,
            [false, true],
        ),
        (
            json!({ "claims_parameter_supported": true, "claims_supported": ["email", "shoe_size"] }),
            true,
            [false, false],
        ),
    ] {
        stub.behave(|manner| manner.says = says.clone());
        let tested = test("upstream test house --json").await.json();
        assert_eq!(tested["fits"], true, "{tested}");
        assert_eq!(tested["supports"]["claims_parameter"], supported, "{says}");
        let shortcomings = tested["shortcomings"].to_string();
        let found = words.map(|word| shortcomings.contains(word));
        assert_eq!(found, told, "{says}: {shortcomings}");
    }
    stub.behave(|manner| manner.says = json!({}));
    let told = test("upstream test house").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("claims one by one"), "{told:?}");
    assert!(told.out.contains("may do nothing"), "{told:?}");
}

#[tokio::test]
async fn claims_that_the_file_asks_for_are_listed_and_mistakes_in_them_have_their_line() {
    let house = "[[upstreams]]\nid = \"house\"\nissuer = \"https://id.house.example\"\nclient_id = \"exeunt\"\n\
                 token_endpoint_auth_method = \"private_key_jwt\"\n";
    let asked = "[upstreams.request_claims.id_token.acr]\nessential = true\nvalues = [\"gold\"]\n";
    let stage = Stage::new(&format!("{house}{asked}"));
    stage.serve().await.stop();
    let listed = stage.run("upstream list --json").json();
    assert_eq!(
        listed[0]["request_claims"],
        json!({ "id_token": { "acr": { "essential": true, "values": ["gold"] } } })
    );
    stage.declare(&format!("{house}{asked}value = \"gold\"\n"));
    let checked = stage.run("config check");
    assert_eq!(checked.code, Some(2), "{checked:?}");
    let told =
        "upstream house: request_claims.id_token.acr has value and values: they exclude each other";
    let line = checked.err.lines().find(|line| line.contains(told));
    let line = line.unwrap_or_else(|| panic!("{checked:?}"));
    assert!(line.contains("exeunt.toml:9:"), "{line}");
}

#[tokio::test]
async fn a_test_of_one_without_id_tokens_says_what_can_not_be_known() {
    let stage = stage();
    let stub = Stub::open();
    let run = async |line: String| {
        let mut command = tokio::process::Command::from(stage.command(&line));
        super::Answer::from(command.output().await.unwrap())
    };
    let add = format!(
        "upstream add code --kind oauth2 --issuer {0} {BASIC} --authorization-endpoint {0}/authorize --token-endpoint {0}/token \
         --userinfo-endpoint {0}/userinfo",
        stub.base
    );
    assert_eq!(run(add).await.code, Some(0));
    let told = run("upstream test code --json".to_owned()).await.json();
    assert_eq!(told["fits"], true, "{told}");
    assert_eq!(told["supports"], json!(null));
    assert_eq!(told["register"].as_object().unwrap().len(), 1, "{told}");
    assert!(told["shortcomings"].to_string().contains("no ID tokens"));
    let closed = format!(
        "upstream add shut --kind oauth2 --issuer https://shut.example {BASIC} --authorization-endpoint {0}/authorize \
         --token-endpoint http://localhost:{1}/token --userinfo-endpoint http://localhost:{1}/userinfo",
        stub.base,
        free_port()
    );
    assert_eq!(run(closed).await.code, Some(0));
    let told = run("upstream test shut".to_owned()).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.out.contains("no connection"), "{told:?}");
}

/// Attack 86: what is printed once is nowhere else, and can be taken back.
#[test]
fn an_invitation_is_made_listed_and_taken_back() {
    let stage = stage();
    let add = |id: &str, policy: &str| {
        let line = format!(
            "upstream add {id} --issuer https://id.{id}.example {BASIC} --first-sign-in {policy}"
        );
        assert_eq!(stage.run(&line).code, Some(0));
    };
    add("house", "invited");
    add("barn", "open");
    let nobody = stage.run("upstream invites");
    assert!(nobody.out.starts_with("Nobody is invited"), "{nobody:?}");
    let made = stage
        .run("upstream invite house --expires 1h --note Grace --json")
        .json();
    let link = made["link"].as_str().unwrap();
    let begin = format!("{}/upstreams/house/invitation?token=", stage.issuer());
    assert!(link.starts_with(&begin), "{link}");
    let listed = stage.run("upstream invites --json");
    assert!(!listed.out.contains(link.rsplit_once('=').unwrap().1));
    let listed = listed.json();
    assert_eq!(listed[0]["note"], "Grace");
    assert_eq!(listed[0]["used_at"], json!(null));
    assert!(stage.run("upstream invites").out.contains("open"));
    let words = stage.run("upstream invite house");
    assert!(words.out.contains("shown this once"), "{words:?}");
    let id = made["id"].as_str().unwrap();
    assert_eq!(stage.run(&format!("upstream uninvite {id}")).code, Some(0));
    assert_eq!(stage.run(&format!("upstream uninvite {id}")).code, Some(1));
    let other = stage.run("upstream invite barn");
    assert!(other.err.contains("first_sign_in is not"), "{other:?}");
    let unknown = stage.run("upstream invite attic");
    assert!(unknown.err.contains("no upstream attic"), "{unknown:?}");
    // Who was invited to a house that is gone is not invited to the next of that name.
    assert_eq!(stage.run("upstream remove house").code, Some(0));
    assert_eq!(stage.run("upstream invites --json").json(), json!([]));
}
