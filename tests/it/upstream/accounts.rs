//! Who somebody of the other house is here.

use exeunt::oidc::upstream::Admits;

use super::Houses;
use crate::support::ledger::{add_grace, is_signed_in, open, sign_in, sign_in_as, sign_in_page};
use crate::support::provider::{PASSWORD, Wish};
use crate::support::visitor::{Answer, Visitor};

/// Attack 89: ada of the other house has the verified address that ada of ours has, and is somebody else.
#[actix_web::test]
async fn an_address_makes_nobody_somebody_here() {
    let houses = Houses::open().await;
    let (ours, theirs) = (Visitor::default(), Visitor::default());
    let page = sign_in_page(&houses.party, &ours).await;
    let here = houses.id_claims(&sign_in(&ours, &page).await).await;
    let there = houses.id_claims(&houses.sign_in(&theirs, &[]).await).await;
    assert_ne!(here["sub"], there["sub"]);
    // Nor is the one's session the other's: in one browser, the first one ends.
    houses.sign_in(&ours, &[("prompt", "login")]).await;
    let account = open(&ours, &houses.ours.url("/account")).await;
    assert!(account.has("#links .link"), "{account:?}");
    houses.close().await;
}

#[actix_web::test]
async fn who_is_not_let_in_is_told_so_and_becomes_nobody() {
    let houses = Houses::with(|upstream| upstream.admits = Admits::Nobody, |wish| wish).await;
    let ada = Visitor::default();
    let answer = houses.sign_in(&ada, &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.page().as_str()),
        (403, "page-sign-in")
    );
    assert!(answer.text("#notice").unwrap().contains("no access here"));
    assert!(!is_signed_in(&houses.party, &ada).await);
    houses.close().await;
}

/// Two houses of which ours lets nobody new in, and ada signed in at ours by her password, with the answer.
async fn ada_here(ours: impl FnOnce(Wish) -> Wish) -> (Houses, Visitor, Answer) {
    let houses = Houses::with(|upstream| upstream.admits = Admits::Nobody, ours).await;
    let ada = Visitor::default();
    let page = sign_in_page(&houses.party, &ada).await;
    let answer = sign_in(&ada, &page).await;
    (houses, ada, answer)
}

fn with_grace(wish: Wish) -> Wish {
    wish.configure(add_grace)
}

/// Grace signed in at ours, in a browser of her own.
async fn grace_here(houses: &Houses) -> Visitor {
    let grace = Visitor::default();
    let page = sign_in_page(&houses.party, &grace).await;
    sign_in_as(&grace, &page, "grace", PASSWORD).await;
    grace
}

async fn account(houses: &Houses, visitor: &Visitor) -> Answer {
    open(visitor, &houses.ours.url("/account")).await
}

/// Presses a button of the account's page; answers what comes right after it.
async fn press(houses: &Houses, visitor: &Visitor, button: &str) -> Answer {
    let page = account(houses, visitor).await;
    let form = page.form_of(button).expect("there is a button");
    visitor.submit(&page, &form, &[]).await
}

/// Asks for the link and signs in at the other house; answers what leads back to us.
async fn ask_for_link(houses: &Houses, visitor: &Visitor) -> Answer {
    let sent = press(houses, visitor, "#link-house").await;
    let page = visitor.follow(sent, &houses.other.issuer).await;
    houses.sign_in_there(visitor, &page).await
}

async fn link(houses: &Houses, visitor: &Visitor) -> Answer {
    let back = ask_for_link(houses, visitor).await;
    houses.come_back(visitor, back).await
}

/// Attack 89: only who is signed in at both is linked.
#[actix_web::test]
async fn who_is_signed_in_at_both_links_the_two_and_comes_in_by_either() {
    let (houses, ada, answer) = ada_here(|wish| wish).await;
    let here = houses.id_claims(&answer).await;
    let linked = link(&houses, &ada).await;
    assert!(linked.has("#links .link"), "{linked:?}");
    let there = houses.sign_in(&Visitor::default(), &[]).await;
    assert_eq!(houses.id_claims(&there).await["sub"], here["sub"]);
    // She has a password, so she may forget the other house.
    let answer = press(&houses, &ada, "#links .unlink").await;
    let after = ada.follow(answer, &houses.ours.issuer).await;
    assert!(!after.has("#links .link"), "{after:?}");
    assert_eq!(houses.sign_in(&Visitor::default(), &[]).await.status, 403);
    houses.close().await;
}

/// Attack 72: the link is of the session in which it was asked for, whoever is signed in by now.
#[actix_web::test]
async fn a_link_that_somebody_else_asked_for_is_not_made() {
    let (houses, browser, _) = ada_here(with_grace).await;
    let back = ask_for_link(&houses, &browser).await;
    // Meanwhile grace signs in, in the same browser.
    let anew = houses.party.authorize_url(&[("prompt", "login")]);
    let page = open(&browser, &anew).await;
    sign_in_as(&browser, &page, "grace", PASSWORD).await;
    let answer = houses.come_back(&browser, back).await;
    assert_eq!(answer.page(), "page-error", "{answer:?}");
    assert!(!account(&houses, &browser).await.has("#links .link"));
    houses.close().await;
}

/// Attack 89: who links another provider lets it say nothing of who they are.
#[actix_web::test]
async fn only_the_house_that_made_somebody_known_changes_what_is_known_of_them() {
    let houses = Houses::open().await;
    let name = async |houses: &Houses| {
        let answer = houses
            .sign_in(&Visitor::default(), &[("scope", "openid profile")])
            .await;
        let code = answer.parameter("code").unwrap();
        let tokens = houses.party.redeem(&code, &[]).await.json();
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        houses.party.userinfo(&token).await.json()["name"].clone()
    };
    let theirs = name(&houses).await;
    let rename = r#"UPDATE users SET claims = '{"name":"Somebody"}' WHERE username LIKE 'house:%'"#;
    houses.ours.sql(rename).await;
    assert_eq!(name(&houses).await, theirs);
    // As if it had been linked later.
    houses.ours.sql(rename).await;
    houses
        .ours
        .sql("UPDATE identities SET created_at = created_at + 1")
        .await;
    assert_eq!(name(&houses).await, "Somebody");
    houses.close().await;
}

/// Attack 72: who takes "sign in anew" out of the question links nobody's older session there.
#[actix_web::test]
async fn a_sign_in_that_is_older_than_the_question_is_not_linked() {
    let (houses, ada, _) = ada_here(|wish| wish).await;
    // She is not let in, but is signed in there by now.
    houses.sign_in(&ada, &[("prompt", "login")]).await;
    let older = "UPDATE sessions SET auth_time = auth_time - 60000";
    houses.other.sql(older).await;
    let sent = press(&houses, &ada, "#link-house").await;
    let silent = sent
        .location()
        .unwrap()
        .replace("prompt=login", "")
        .replace("max_age=0", "max_age=3600");
    let asked = ada.get(&silent).await;
    let back = ada.follow(asked, &houses.other.issuer).await;
    let answer = houses.come_back(&ada, back).await;
    let notice = answer.text("#notice").unwrap_or_default();
    assert!(notice.contains("did not have you sign in"), "{answer:?}");
    assert!(!account(&houses, &ada).await.has("#links .link"));
    houses.close().await;
}

/// Attack 73: a code is of the sign-in that was when it was given, and the class of a later one is not told beside its time.
#[actix_web::test]
async fn how_somebody_signed_in_is_told_of_that_very_sign_in_alone() {
    let (houses, ada, by_password) = ada_here(|wish| wish).await;
    link(&houses, &ada).await;
    let there = houses.sign_in(&ada, &[("prompt", "login")]).await;
    let older = houses.id_claims(&by_password).await;
    let none = serde_json::Value::Null;
    assert_eq!((&older["acr"], &older["amr"]), (&none, &none));
    let newer = houses.id_claims(&there).await;
    assert_eq!(newer["amr"], serde_json::json!(["pwd"]));
    assert_eq!(newer["sub"], older["sub"]);
    houses.close().await;
}

/// Attack 89: who is called there what the file calls somebody later does not become them.
#[actix_web::test]
async fn the_file_does_not_make_a_person_of_another_house_its_own() {
    let houses = Houses::open().await;
    houses.sign_in(&Visitor::default(), &[]).await;
    let rename = "UPDATE users SET username = 'house:admin' WHERE username LIKE 'house:%'";
    houses.ours.sql(rename).await;
    let mut config = houses.ours.config.clone();
    let mut admin = config.users[0].clone();
    admin.username = "house:admin".to_owned();
    config.users.push(admin);
    let seams = exeunt::server::Seams::default();
    let provider = exeunt::server::open_unclaimed(config, seams).await.unwrap();
    let refusal = exeunt::flows::declare::apply(&provider).await;
    let refusal = refusal.unwrap_err().to_string();
    assert!(refusal.contains("house:admin"), "{refusal}");
    houses.close().await;
}

#[actix_web::test]
async fn nobody_is_locked_out_by_unlinking_the_only_way_in() {
    let houses = Houses::open().await;
    let ada = Visitor::default();
    houses.sign_in(&ada, &[]).await;
    let answer = press(&houses, &ada, "#links .unlink").await;
    assert!(
        answer.text("#notice").unwrap().contains("only way"),
        "{answer:?}"
    );
    assert!(account(&houses, &ada).await.has("#links .link"));
    houses.close().await;
}

#[actix_web::test]
async fn who_was_shut_out_here_does_not_come_in_through_the_other_house() {
    let houses = Houses::open().await;
    houses.sign_in(&Visitor::default(), &[]).await;
    houses
        .ours
        .sql("UPDATE users SET disabled_at = 1 WHERE username LIKE 'house:%'")
        .await;
    let answer = houses.sign_in(&Visitor::default(), &[]).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    houses.close().await;
}

/// Attack 89: an answer links once; and who is somebody here by it becomes nobody else.
#[actix_web::test]
async fn who_is_linked_to_one_person_is_not_linked_to_another_nor_by_an_old_answer() {
    let (houses, ada, _) = ada_here(with_grace).await;
    let back = ask_for_link(&houses, &ada).await;
    let linked = houses.come_back(&ada, back.clone()).await;
    assert!(linked.has("#links .link"), "{linked:?}");
    // Grace shows that she is the same somebody there.
    let grace = grace_here(&houses).await;
    let refused = link(&houses, &grace).await;
    let notice = refused.text("#notice").unwrap_or_default();
    assert!(notice.contains("linked to another account"), "{refused:?}");
    assert!(!account(&houses, &grace).await.has("#links .link"));
    // Ada forgets the link, and the answer that made it does not make it again.
    press(&houses, &ada, "#links .unlink").await;
    let again = houses.come_back(&ada, back).await;
    assert_eq!(again.page(), "page-error", "{again:?}");
    assert!(!account(&houses, &ada).await.has("#links .link"));
    houses.close().await;
}

/// Attack 74: what is forgotten is one's own, whatever the form says.
#[actix_web::test]
async fn nobody_forgets_the_link_of_somebody_else() {
    let (houses, ada, _) = ada_here(with_grace).await;
    let linked = link(&houses, &ada).await;
    let of_ada = linked.form_of("#links .unlink").unwrap();
    let text = |name: &str| {
        let mut fields = of_ada.fields.iter();
        fields.find(|(known, _)| known == name).unwrap().1.clone()
    };
    // Grace is another one there, and has a form of her own.
    houses
        .ours
        .sql("UPDATE identities SET subject = 'another'")
        .await;
    let grace = grace_here(&houses).await;
    let page = link(&houses, &grace).await;
    let form = page.form_of("#links .unlink").unwrap();
    let issuer = text("issuer");
    let fields = [("issuer", issuer.as_str()), ("subject", "another")];
    grace.submit(&page, &form, &fields).await;
    assert!(account(&houses, &ada).await.has("#links .link"));
    assert!(account(&houses, &grace).await.has("#links .link"));
    houses.close().await;
}
