//! The receipts as the signed-out page lists them.

use scraper::{Html, Selector};

use crate::support::relying_party::Reply;
use crate::support::stage::Stage;
use crate::support::visitor::{Answer, Visitor};

async fn sign_out_of(stage: &Stage, client_ids: &[&str]) -> Answer {
    let ada = Visitor::default();
    for client_id in client_ids {
        stage.party(client_id).tokens(&ada, &[]).await;
    }
    let page = ada.get(&stage.provider.url("/end_session")).await;
    let answer = ada
        .submit(&page, &page.form(), &[("scope", "everywhere")])
        .await;
    ada.follow(answer, &stage.provider.issuer).await;
    ada.get(&stage.provider.url("/signed-out")).await
}

#[actix_web::test]
async fn receipts_stand_in_the_order_of_names() {
    let stage = Stage::open(|_| {}).await;
    let all = ["ledger", "harbour", "gallery", "atlas", "archive"];
    let page = sign_out_of(&stage, &all).await;
    let html = Html::parse_document(&page.body);
    let name = Selector::parse("#applications .name").unwrap();
    let names: Vec<String> = html.select(&name).map(|it| it.text().collect()).collect();
    assert_eq!(names, ["Archive", "Atlas", "Gallery", "Harbour", "Ledger"]);
    stage.provider.stop().await;
}

#[actix_web::test]
async fn the_signed_out_page_offers_to_check_again_while_an_answer_is_open() {
    let stage = Stage::open(|_| {}).await;
    let page = sign_out_of(&stage, &["ledger"]).await;
    assert_eq!(page.page(), "page-signed-out");
    assert_eq!(page.text("#check-again"), None);
    stage.atlas.answer(Reply::Status(500));
    let page = sign_out_of(&stage, &["ledger", "atlas"]).await;
    assert_eq!(page.text("#check-again").unwrap(), "Check again");
    stage.provider.stop().await;
}
