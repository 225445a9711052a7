//! What the pages and their script say of applications that leave.

use super::*;

fn status(departures: &[Departure]) -> serde_json::Value {
    serde_json::to_value(LeavingStatus::new(&ui(), departures, noon())).unwrap()
}

fn with(states: &[DepartureState]) -> Vec<Departure> {
    let numbered = states.iter().enumerate();
    let departures = numbered.map(|(number, state)| Departure {
        id: number.to_string(),
        application: application("Ledger"),
        state: *state,
    });
    departures.collect()
}

/// What a row of the page says, white space folded.
fn row(state: DepartureState) -> String {
    let page = SignedOut {
        departures: with(&[state]),
        ..signed_out(Vec::new(), None)
    };
    let html = Html::parse_document(&page.render().unwrap());
    let text: String = all(&html, ".application")[0].text().collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a row says to the script.
fn detail_for_the_script(state: DepartureState) -> String {
    let json = status(&with(&[state]));
    let detail = &json["applications"][0]["detail"]["before"];
    detail.as_str().unwrap().to_owned()
}

#[test]
fn all_is_known_once_nobody_is_told_or_retried() {
    let mut departures = departures("Ledger");
    let json = status(&departures);
    assert_eq!(json["finished"], false);
    assert_eq!(
        json["summary"],
        "2\u{a0}confirmed, 1\u{a0}asked, 1\u{a0}being told, 3\u{a0}being tried again, \
         3\u{a0}refused, 3\u{a0}not reached, 3\u{a0}end by themselves"
    );
    insta::assert_json_snapshot!(json["applications"][8], @r#"
    {
      "detail": {
        "after": ".",
        "before": "It did not accept the notice. What it was given ends by ",
        "time": {
          "datetime": "2026-11-23T12:32:00Z",
          "text": "12:32 UTC"
        }
      },
      "id": "8",
      "label": {
        "after": "",
        "before": "Refused",
        "time": null
      },
      "state": "refused"
    }
    "#);
    departures.retain(|departure| departure.state.is_settled());
    assert_eq!(status(&departures)["finished"], true);
    assert_eq!(status(&departures)["well"], false);
    let well = [
        DepartureState::Confirmed { at: noon() },
        DepartureState::Asked,
    ];
    assert_eq!(status(&with(&well))["well"], true);
}

/// P7: the page says only what is known.
#[test]
fn p7_only_receipts_make_the_page_say_that_all_have_confirmed() {
    let confirmed = DepartureState::Confirmed { at: noon() };
    let in_browser = DepartureState::ConfirmedInBrowser { at: noon() };
    let summary = |states: [DepartureState; 2]| status(&with(&states))["summary"].clone();
    let both = "Both applications have confirmed it.";
    assert_eq!(summary([confirmed, confirmed]), both);
    assert_eq!(summary([confirmed, in_browser]), both);
    assert_eq!(
        summary([confirmed, DepartureState::Asked]),
        "1\u{a0}confirmed, 1\u{a0}asked"
    );
}

/// P7: a page stays as it is, so that it says when; a script asks again, so that it may count down.
#[test]
fn p7_a_retry_is_announced_by_the_clock_on_the_page_and_by_what_is_left_to_the_script() {
    for (seconds, page, script) in [
        (0, "We are trying again now.", "We are trying again now."),
        (1, "Next try at 12:00:01 UTC.", "Next try in 1 second."),
        (59, "Next try at 12:00:59 UTC.", "Next try in 59 seconds."),
        (60, "Next try at 12:01:00 UTC.", "Next try within 1 minute."),
        (
            61,
            "Next try at 12:01:01 UTC.",
            "Next try within 2 minutes.",
        ),
        (
            86_400,
            "Next try at 2026-11-24 12:00:00 UTC.",
            "Next try within 1 day.",
        ),
    ] {
        let state = retrying_in(seconds);
        let row = row(state);
        assert!(row.ends_with(page), "{row}");
        let detail = detail_for_the_script(state);
        assert!(detail.ends_with(script), "{detail}");
    }
    let half = DepartureState::Retrying {
        next_at: noon() + TimeDelta::milliseconds(1_001),
    };
    let detail = detail_for_the_script(half);
    assert!(detail.ends_with("Next try in 2 seconds."), "{detail}");
}

/// P7: *will end by 14:32*, in a zone that is named, with the day unless it is today.
#[test]
fn p7_who_cannot_be_told_ends_by_a_moment_that_the_page_names() {
    let ends = |lasts| row(DepartureState::EndsByItself(lasts));
    let at = noon() + TimeDelta::minutes(152);
    assert_eq!(
        ends(Lasts::Until(at)),
        "L Ledger Ends by 14:32 UTC It cannot be told. What it was given ends by itself."
    );
    let tomorrow = ends(Lasts::Until(at + TimeDelta::days(1)));
    assert!(
        tomorrow.contains("Ends by 2026-11-24 14:32 UTC"),
        "{tomorrow}"
    );
    assert!(ends(Lasts::Over).contains("Has ended It could not be told."));
    let unknown = ends(Lasts::Unknown);
    assert!(unknown.contains("while you are away"), "{unknown}");
    let refused = row(DepartureState::Refused(Lasts::Until(at)));
    assert!(
        refused.ends_with("What it was given ends by 14:32 UTC."),
        "{refused}"
    );
}

/// P7: whose word it was is said where it was the browser's.
#[test]
fn p7_a_confirmation_in_the_browser_says_that_it_is_one() {
    assert_eq!(
        row(DepartureState::ConfirmedInBrowser { at: noon() }),
        "L Ledger Signed out 12:00:00 UTC It said so in your browser."
    );
    assert_eq!(
        row(DepartureState::Confirmed { at: noon() }),
        "L Ledger Signed out 12:00:00 UTC"
    );
}

#[test]
fn the_script_asks_as_often_as_there_is_something_to_keep_current() {
    let again_in = |states: &[DepartureState]| status(&with(states))["again_in"].clone();
    assert_eq!(again_in(&[DepartureState::Telling]), 400);
    assert_eq!(again_in(&[retrying_in(0), retrying_in(900)]), 400);
    assert_eq!(again_in(&[retrying_in(30)]), 1_000);
    assert_eq!(again_in(&[retrying_in(900)]), 5_000);
    assert_eq!(again_in(&[DepartureState::Telling; 100]), 1_000);
}

#[test]
fn the_page_listens_before_its_first_frame_can_speak() {
    let page = leaving_page(vec![framed()]).render().unwrap();
    let script = page.find("<script").unwrap();
    assert!(page.find("id=\"applications\"").unwrap() < script);
    assert!(script < page.find("<iframe").unwrap());
    let html = Html::parse_document(&page);
    let script = all(&html, "main script")[0];
    assert_eq!(script.attr("defer"), None);
    let frame = all(&html, "iframe")[0];
    assert_eq!(frame.attr("data-origin"), Some("https://wiki.example"));
    assert_eq!(frame.attr("data-sid"), Some("b"));
    assert_eq!(frame.attr("data-application"), Some("2"));
}
