//! Invitations: who comes in through another house for the first time where nobody else may.

use chrono::TimeDelta;
use exeunt::flows::upstream::invitations::{Made, NotInvited, invite, uninvite};
use exeunt::oidc::upstream::{Admits, Upstream};
use exeunt::store::users;
use futures_util::future::join_all;
use serde_json::json;

use super::stub::{Ours, Stub, notice};
use crate::support::ledger::{assert_stays, is_signed_in, open};
use crate::support::visitor::{Answer, Visitor};

fn by_invitation(stub: &Stub) -> Upstream {
    Upstream {
        admits: Admits::Invited,
        ..stub.upstream()
    }
}

async fn houses() -> (Ours, Stub) {
    let stub = Stub::open();
    let ours = Ours::with(vec![by_invitation(&stub)], |wish| wish).await;
    (ours, stub)
}

async fn invited(ours: &Ours) -> Made {
    let made = invite(ours.provider.flows(), "house", TimeDelta::days(7), None).await;
    made.unwrap().unwrap()
}

/// Opens the link and presses its button; answers the address to which that leads.
async fn leave(visitor: &Visitor, link: &str) -> String {
    let page = open(visitor, link).await;
    assert_eq!(
        (page.status.as_u16(), page.page().as_str()),
        (200, "page-invitation"),
        "{page:?}"
    );
    let form = page.form_of("#upstream-house").unwrap();
    let sent = visitor.submit(&page, &form, &[]).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    sent.location().unwrap()
}

/// The whole way by an invitation of who is called this there.
async fn come_in(ours: &Ours, stub: &Stub, visitor: &Visitor, link: &str, sub: &str) -> Answer {
    let location = leave(visitor, link).await;
    let back = stub.answer(&location, &json!({ "sub": sub }), ours.now());
    ours.come_back(visitor, &back).await
}

async fn how_many_came(ours: &Ours) -> usize {
    let people = users::list(ours.provider.flows().database.read())
        .await
        .unwrap();
    let came = people
        .iter()
        .filter(|user| user.username.starts_with("house:"));
    came.count()
}

#[actix_web::test]
async fn who_brings_an_invitation_comes_in_and_nobody_else_does() {
    let (ours, stub) = houses().await;
    let ada = json!({ "sub": "ada" });
    let answer = ours.sign_in(&Visitor::default(), &stub, &ada).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let link = invited(&ours).await.link;
    let visitor = Visitor::default();
    let account = come_in(&ours, &stub, &visitor, &link, "ada").await;
    assert_eq!(account.page(), "page-account", "{account:?}");
    assert!(account.has("#links .link"));
    assert!(is_signed_in(&ours.party, &visitor).await);
    // From now on she is somebody, and the link is of no use.
    let answer = ours.sign_in(&Visitor::default(), &stub, &ada).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    let again = Visitor::default().get(&link).await;
    assert_eq!(
        (again.status.as_u16(), again.page().as_str()),
        (410, "page-error")
    );
    assert!(
        again.text("h1").unwrap().contains("has been used"),
        "{again:?}"
    );
    let answer = ours
        .sign_in(&Visitor::default(), &stub, &json!({ "sub": "grace" }))
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");
    ours.provider.stop().await;
}

/// Attack 86: a program that looks at links before the person does uses nothing up, nor does who goes back half-way.
#[actix_web::test]
async fn looking_at_an_invitation_uses_nothing_up() {
    let (ours, stub) = houses().await;
    let link = invited(&ours).await.link;
    for _ in 0..3 {
        let scanner = Visitor::default();
        assert_eq!(scanner.get(&link).await.status, 200);
        let head = scanner.client().head(&link);
        assert_eq!(scanner.send(&link, head).await.status, 200);
        leave(&scanner, &link).await;
    }
    // Who is somebody already leaves it to whom it is for.
    let other = invited(&ours).await.link;
    come_in(&ours, &stub, &Visitor::default(), &other, "grace").await;
    let grace = come_in(&ours, &stub, &Visitor::default(), &link, "grace").await;
    assert_eq!(grace.page(), "page-account", "{grace:?}");
    let ada = come_in(&ours, &stub, &Visitor::default(), &link, "ada").await;
    assert_eq!(ada.page(), "page-account", "{ada:?}");
    assert_eq!(how_many_came(&ours).await, 2);
    ours.provider.stop().await;
}

/// Attacks 67, 86: from the form on it is bound to one browser.
#[actix_web::test]
async fn an_invitation_is_followed_in_the_browser_that_opened_it() {
    let (ours, stub) = houses().await;
    let link = invited(&ours).await.link;
    let (ada, mallory) = (Visitor::default(), Visitor::default());
    let page = open(&ada, &link).await;
    let form = page.form_of("#upstream-house").unwrap();
    assert_stays(&mallory.submit(&page, &form, &[]).await, "no cookie");
    open(&mallory, &ours.party.authorize_url(&[])).await;
    assert_stays(&mallory.submit(&page, &form, &[]).await, "another browser");
    let fields: Vec<_> = form
        .fields
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let action = ours.provider.url(&form.action);
    assert_stays(
        &ada.post_from_elsewhere(&action, &fields).await,
        "another site",
    );
    let location = leave(&ada, &link).await;
    let back = stub.answer(&location, &json!({ "sub": "ada" }), ours.now());
    assert_stays(&mallory.get(&back).await, "another browser's answer");
    let account = ours.come_back(&ada, &back).await;
    assert_eq!(account.page(), "page-account", "{account:?}");
    assert_stays(&ada.get(&back).await, "twice");
    ours.provider.stop().await;
}

/// Attack 86: fifty could know a link, and one comes in.
#[actix_web::test]
async fn of_many_who_use_an_invitation_at_once_one_comes_in() {
    let (ours, stub) = houses().await;
    let link = invited(&ours).await.link;
    let subs = ["a", "b", "c", "d", "e", "f", "a"];
    let mut backs = Vec::new();
    for sub in subs {
        let visitor = Visitor::default();
        let location = leave(&visitor, &link).await;
        let back = stub.answer(&location, &json!({ "sub": sub }), ours.now());
        backs.push((visitor, back));
    }
    let coming = backs
        .iter()
        .map(|(visitor, back)| ours.come_back(visitor, back));
    let answers = join_all(coming).await;
    let came: Vec<&str> = subs
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.page() == "page-account")
        .map(|(sub, _)| *sub)
        .collect();
    assert_eq!(how_many_came(&ours).await, 1, "{came:?}");
    // Who came twice is one person, and was let in both times.
    assert!(came.len() == 1 || came == ["a", "a"], "{came:?}");
    let refused = answers
        .iter()
        .filter(|answer| answer.page() != "page-account");
    for answer in refused {
        assert_eq!(answer.status, 403);
        assert!(
            notice(answer).contains("invitation has been used"),
            "{answer:?}"
        );
    }
    ours.provider.stop().await;
}

#[actix_web::test]
async fn somebody_who_comes_twice_at_once_by_one_invitation_is_let_in_twice() {
    let (ours, stub) = houses().await;
    let link = invited(&ours).await.link;
    let mut backs = Vec::new();
    for _ in 0..4 {
        let visitor = Visitor::default();
        let location = leave(&visitor, &link).await;
        let back = stub.answer(&location, &json!({ "sub": "ada" }), ours.now());
        backs.push((visitor, back));
    }
    let coming = backs
        .iter()
        .map(|(visitor, back)| ours.come_back(visitor, back));
    for answer in join_all(coming).await {
        assert_eq!(answer.page(), "page-account", "{answer:?}");
    }
    assert_eq!(how_many_came(&ours).await, 1);
    ours.provider.stop().await;
}

/// Attack 86: short, taken back, for one house: whatever it is not is said in the same words.
#[actix_web::test]
async fn an_invitation_that_is_over_lets_nobody_in() {
    let (stub, barn) = (Stub::open(), Stub::open());
    let another = Upstream {
        id: "barn".to_owned(),
        ..by_invitation(&barn)
    };
    let both = vec![by_invitation(&stub), another];
    let ours = Ours::with(both, |wish| wish.manual_clock()).await;
    let is_over = async |link: &str, why: &str| {
        let page = Visitor::default().get(link).await;
        assert_eq!(page.status, 410, "{why}: {page:?}");
        assert!(
            page.text("h1").unwrap().contains("not good any more"),
            "{why}: {page:?}"
        );
    };
    let good = invited(&ours).await;
    is_over(&format!("{}x", good.link), "another token").await;
    is_over(
        &ours.provider.url("/upstreams/house/invitation"),
        "no token",
    )
    .await;
    is_over(&good.link.replace("/house/", "/barn/"), "another house").await;
    let unknown = Visitor::default()
        .get(&good.link.replace("/house/", "/attic/"))
        .await;
    assert_eq!(unknown.status, 404);
    // On the way somebody takes it back, or its time is over.
    for change in [
        "DELETE FROM upstream_invitations",
        "UPDATE upstream_invitations SET expires_at = 1",
        "UPDATE upstream_invitations SET upstream_id = 'barn'",
        "UPDATE upstream_invitations SET issuer = 'https://another.example'",
    ] {
        let link = invited(&ours).await.link;
        let visitor = Visitor::default();
        let location = leave(&visitor, &link).await;
        let back = stub.answer(&location, &json!({ "sub": "ada" }), ours.now());
        ours.provider.sql(change).await;
        let answer = ours.come_back(&visitor, &back).await;
        assert_eq!(answer.status, 403, "{change}: {answer:?}");
        assert!(notice(&answer).contains("too old"), "{change}: {answer:?}");
        is_over(&link, change).await;
    }
    let late = invited(&ours).await;
    ours.provider.advance(TimeDelta::days(7));
    is_over(&late.link, "a week later").await;
    let taken = invited(&ours).await;
    assert!(
        uninvite(ours.provider.flows(), taken.invitation.id)
            .await
            .unwrap()
    );
    assert!(
        !uninvite(ours.provider.flows(), taken.invitation.id)
            .await
            .unwrap()
    );
    is_over(&taken.link, "taken back").await;
    assert_eq!(how_many_came(&ours).await, 0);
    ours.provider.stop().await;
}

#[actix_web::test]
async fn an_invitation_is_of_no_use_where_nobody_comes_in_by_one_any_more() {
    let (ours, stub) = houses().await;
    let made = invited(&ours).await;
    let ada = Visitor::default();
    let location = leave(&ada, &made.link).await;
    let back = stub.answer(&location, &json!({ "sub": "ada" }), ours.now());
    let provider = ours
        .provider
        .restart(|config| config.upstreams[0].upstream.admits = Admits::Nobody)
        .await;
    let ours = Ours {
        provider,
        party: ours.party,
    };
    assert_eq!(ours.come_back(&ada, &back).await.status, 403);
    assert_eq!(Visitor::default().get(&made.link).await.status, 410);
    let flows = ours.provider.flows();
    let refused = invite(flows, "house", TimeDelta::days(1), None)
        .await
        .unwrap();
    assert_eq!(refused.unwrap_err(), NotInvited::OtherPolicy);
    let refused = invite(flows, "barn", TimeDelta::days(1), None)
        .await
        .unwrap();
    assert_eq!(refused.unwrap_err(), NotInvited::Unknown);
    let provider = ours
        .provider
        .restart(|config| config.upstreams.clear())
        .await;
    assert_eq!(Visitor::default().get(&made.link).await.status, 404);
    provider.stop().await;
}

/// Attack 49: what was used since the copy was made is not good again.
#[actix_web::test]
async fn no_invitation_outlives_a_restore() {
    let (ours, _stub) = houses().await;
    let link = invited(&ours).await.link;
    let provider = ours.provider.restored().await;
    assert_eq!(Visitor::default().get(&link).await.status, 410);
    provider.stop().await;
}

#[actix_web::test]
async fn a_house_that_does_not_answer_leaves_the_invitation_as_it_was() {
    let stub = Stub::open();
    let mut upstream = by_invitation(&stub);
    upstream.issuer = format!("{}/nowhere", stub.base);
    let ours = Ours::with(vec![upstream], |wish| wish).await;
    let link = invited(&ours).await.link;
    let ada = Visitor::default();
    let page = open(&ada, &link).await;
    let form = page.form_of("#upstream-house").unwrap();
    let answer = ada.submit(&page, &form, &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.page().as_str()),
        (502, "page-invitation")
    );
    assert!(answer.text("#notice").unwrap().contains("does not answer"));
    let form = answer.form_of("#upstream-house").unwrap();
    assert_eq!(ada.submit(&answer, &form, &[]).await.status, 502);
    assert_eq!(Visitor::default().get(&link).await.status, 200);
    ours.provider.stop().await;
}

/// Attack 27: a link is nobody's who reads the database.
#[actix_web::test]
async fn of_an_invitation_the_hash_alone_is_kept() {
    let (ours, _stub) = houses().await;
    let made = invited(&ours).await;
    let token = made.link.rsplit_once("token=").unwrap().1.to_owned();
    assert_eq!(token.len(), 43);
    let kept = format!("{:?}", made.invitation);
    assert!(!kept.contains(&token), "{kept}");
    let steal = format!("DELETE FROM upstream_invitations WHERE token_hash = '{token}'");
    ours.provider.sql(&steal).await;
    assert_eq!(Visitor::default().get(&made.link).await.status, 200);
    ours.provider.stop().await;
}
