//! What holds for every page.

mod leaving;

use std::time::Duration;

use askama::Template;
use chrono::{DateTime, TimeDelta};
use scraper::{Html, Selector};
use unic_langid::langid;

use super::*;
use crate::clock::Timestamp;
use crate::oidc::logout::Cause;

const EVIL: &str = "<script>alert(1)</script>\" onload=\"x";

fn noon() -> Timestamp {
    DateTime::from_timestamp(1_795_435_200, 0).unwrap()
}

fn ui() -> Ui {
    Ui::new(langid!("en"), "id.example.org", "/op", "01JD5R2M7Q")
}

fn application(name: &str) -> Application {
    Application {
        client_id: "ledger".to_owned(),
        name: name.to_owned(),
    }
}

fn about() -> About {
    About {
        logo: Some("/op/logo/x".to_owned()),
        client_uri: Some("https://ledger.example/".to_owned()),
        policy_uri: Some("https://ledger.example/?a=1&b=2".to_owned()),
        tos_uri: Some(EVIL.to_owned()),
    }
}

fn form() -> Form {
    Form::to("/op/x")
        .with("interaction", EVIL)
        .with("csrf", "token")
}

fn onward() -> Onward {
    Onward {
        href: "https://ledger.example/?a=1&b=2".to_owned(),
        application: Some(EVIL.to_owned()),
    }
}

fn details(registered: Option<&str>) -> Details {
    Details {
        error: "invalid_request".to_owned(),
        description: EVIL.to_owned(),
        comparison: Some(Comparison {
            received: EVIL.to_owned(),
            registered: registered.map(str::to_owned),
        }),
    }
}

fn retrying_in(seconds: i64) -> DepartureState {
    DepartureState::Retrying {
        next_at: noon() + TimeDelta::seconds(seconds),
    }
}

fn framed() -> Framed {
    Framed {
        id: "2".to_owned(),
        url: "https://wiki.example/bye?iss=a&sid=b".to_owned(),
        origin: "https://wiki.example".to_owned(),
        sid: "b".to_owned(),
    }
}

fn departures(name: &str) -> Vec<Departure> {
    let ends = [
        Lasts::Unknown,
        Lasts::Until(noon() + TimeDelta::minutes(32)),
        Lasts::Over,
    ];
    let mut states = vec![
        DepartureState::Telling,
        DepartureState::Confirmed { at: noon() },
        DepartureState::ConfirmedInBrowser { at: noon() },
        DepartureState::Asked,
    ];
    states.extend([0, 8, 200].map(retrying_in));
    states.extend(ends.map(DepartureState::Refused));
    states.extend(ends.map(DepartureState::Failed));
    states.extend(ends.map(DepartureState::EndsByItself));
    let numbered = states.into_iter().enumerate();
    let departures = numbered.map(|(number, state)| Departure {
        id: number.to_string(),
        application: application(name),
        state,
    });
    departures.collect()
}

fn upstream() -> UpstreamButton {
    UpstreamButton {
        id: "house".to_owned(),
        label: EVIL.to_owned(),
        logo: Some(EVIL.to_owned()),
    }
}

fn sign_in(notice: Option<SignInNotice>) -> SignIn {
    SignIn {
        ui: ui(),
        application: Some(application(EVIL)),
        about: about(),
        form: form(),
        username: EVIL.to_owned(),
        notice,
        upstreams: vec![upstream()],
        passwords: true,
    }
}

fn confirm(notice: Option<SignOutNotice>) -> ConfirmSignOut {
    let since = [1, 120, 7_200, 172_800].map(TimeDelta::seconds);
    ConfirmSignOut {
        ui: ui(),
        account: EVIL.to_owned(),
        applications: since
            .map(|lasted| Participation {
                application: application(EVIL),
                since: noon() - lasted,
            })
            .into(),
        only: notice.is_none().then(|| application(EVIL)),
        notice,
        details: notice.map(|_| details(None)),
        form: form(),
        now: noon(),
    }
}

fn leaving_page(frames: Vec<Framed>) -> Leaving {
    Leaving {
        here: Here::SignedOut,
        ui: ui(),
        departures: departures(EVIL),
        frames,
        issuer: "https://id.example.org/op".to_owned(),
        status_href: "/op/leaving/status".to_owned(),
        acknowledge_href: "/op/leaving/acknowledge".to_owned(),
        csrf: EVIL.to_owned(),
        again_href: "/op/leaving".to_owned(),
        onward: onward(),
        page_wait: Duration::from_secs(2),
        now: noon(),
    }
}

fn signed_out(departures: Vec<Departure>, notice: Option<SignOutNotice>) -> SignedOut {
    SignedOut {
        ui: ui(),
        was_signed_in: notice.is_none(),
        departures,
        notice,
        details: notice.map(|_| details(None)),
        onward: notice.map(|_| onward()),
        sign_in_again: Some(onward()),
        status_href: notice.is_none().then(|| "/op/leaving/status".to_owned()),
        again_href: notice.is_none().then(|| "/op/leaving".to_owned()),
        now: noon(),
    }
}

/// Every page in every variant, with hostile names wherever a name can come from outside.
fn every_page() -> Vec<String> {
    use Problem::*;
    let mut pages: Vec<Result<String, askama::Error>> = Vec::new();
    let wait = TimeDelta::seconds(40);
    pages.extend(
        [
            None,
            Some(SignInNotice::WrongCredentials),
            Some(SignInNotice::Throttled { wait }),
            Some(SignInNotice::Again),
        ]
        .map(|notice| sign_in(notice).render()),
    );
    let scopes = "openid profile email address phone offline_access unheard_of".split(' ');
    let consent = Consent {
        ui: ui(),
        application: application(EVIL),
        about: about(),
        account: EVIL.to_owned(),
        scopes: scopes.chain([EVIL]).map(str::to_owned).collect(),
        services: vec![service()],
        claims: ["name", "email", EVIL].map(str::to_owned).to_vec(),
        form: form(),
    };
    pages.push(consent.render());
    for notice in [
        None,
        Some(SignOutNotice::AddressNotRegistered),
        Some(SignOutNotice::RequestDoesNotFit),
    ] {
        pages.push(confirm(notice).render());
        pages.push(signed_out(Vec::new(), notice).render());
        pages.push(signed_out(departures(EVIL), notice).render());
    }
    pages.push(leaving_page(vec![framed()]).render());
    for problem in [
        UnknownApplication,
        AddressNotRegistered,
        BadRequest,
        Expired,
        NotFound,
        MethodNotAllowed,
        TooLong,
        TooSlow,
        TooManyRequests,
        Internal,
        Unavailable,
    ] {
        for details in [None, Some(details(None)), Some(details(Some("https://a")))] {
            let application = details.is_some().then(|| EVIL.to_owned());
            let page = ErrorPage {
                ui: ui(),
                problem,
                application,
                details,
            };
            pages.push(page.render());
        }
    }
    let form_post = FormPost {
        ui: ui(),
        application: EVIL.to_owned(),
        form: form(),
    };
    pages.push(form_post.render());
    let elsewhere = SignedOutElsewhere {
        ui: ui(),
        frames: vec![framed()],
    };
    pages.push(elsewhere.render());
    pages.extend([None, Some(EVIL.to_owned())].map(|account| {
        let sign_out = form();
        let page = Landing {
            ui: ui(),
            account,
            sign_out,
            account_href: "/op/account".to_owned(),
        };
        page.render()
    }));
    pages.extend(account_pages());
    pages.into_iter().map(Result::unwrap).collect()
}

fn service() -> ServiceWish {
    ServiceWish {
        identifier: EVIL.to_owned(),
        name: EVIL.to_owned(),
        scopes: vec!["read".to_owned(), EVIL.to_owned()],
    }
}

fn account_pages() -> Vec<Result<String, askama::Error>> {
    let part = || Part {
        application: application(EVIL),
        open: Some("https://ledger.example/?a=1&b=2".to_owned()),
        leave: form(),
    };
    let session = |id: &str, here| SessionRow {
        id: id.to_owned(),
        user_agent: EVIL.to_owned(),
        here,
        since: noon(),
        last_seen: noon(),
        parts: vec![part(), part()],
        end: form(),
    };
    let notices = [
        None,
        Some(AccountNotice::PasswordChanged),
        Some(AccountNotice::Withdrawn {
            application: application(EVIL),
        }),
        Some(AccountNotice::Left {
            departures: departures(EVIL),
        }),
        Some(AccountNotice::SessionEnded {
            user_agent: EVIL.to_owned(),
            departures: departures(EVIL),
        }),
    ];
    let mut pages: Vec<_> = notices
        .into_iter()
        .map(|notice| {
            let consent = ConsentRow {
                application: application(EVIL),
                open: None,
                scopes: vec!["openid".to_owned(), EVIL.to_owned()],
                services: vec![service()],
                claims: vec!["email".to_owned(), EVIL.to_owned()],
                withdraw: form(),
            };
            let page = Account {
                ui: ui(),
                account: EVIL.to_owned(),
                consents: notice.iter().map(|_| consent.clone()).collect(),
                notice,
                sessions: vec![session("1", true), session("2", false)],
                links: Links {
                    rows: vec![LinkRow {
                        label: EVIL.to_owned(),
                        since: noon(),
                        unlink: form(),
                    }],
                    buttons: vec![upstream()],
                    link: form(),
                },
                end_all: form(),
                password_href: "/op/account/password".to_owned(),
                sign_outs_href: "/op/account/sign-outs".to_owned(),
                now: noon() + TimeDelta::hours(3),
            };
            page.render()
        })
        .collect();
    let wait = TimeDelta::seconds(40);
    for notice in [
        None,
        Some(PasswordNotice::Wrong),
        Some(PasswordNotice::Unfit),
        Some(PasswordNotice::Throttled { wait }),
    ] {
        let page = ChangePassword {
            ui: ui(),
            username: EVIL.to_owned(),
            form: form(),
            notice,
            back_href: "/op/account".to_owned(),
        };
        pages.push(page.render());
    }
    let causes = Cause::ALL.map(Some).into_iter().chain([None]);
    for cause in causes {
        let page = SignOuts {
            ui: ui(),
            sign_outs: vec![SignOut {
                at: noon(),
                user_agent: EVIL.to_owned(),
                cause,
                departures: if cause.is_some() {
                    departures(EVIL)
                } else {
                    Vec::new()
                },
            }],
            back_href: "/op/account".to_owned(),
            now: noon(),
        };
        pages.push(page.render());
    }
    let nothing = SignOuts {
        ui: ui(),
        sign_outs: Vec::new(),
        back_href: "/op/account".to_owned(),
        now: noon(),
    };
    pages.push(nothing.render());
    let to_account = SignIn {
        application: None,
        ..sign_in(None)
    };
    pages.push(to_account.render());
    pages
}

#[test]
fn a_browser_is_called_as_people_know_it() {
    for (user_agent, words) in [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox\u{a0}on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge\u{a0}on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/18.0 Safari/604",
            "Safari\u{a0}on iPhone",
        ),
        ("curl/8.0", "A browser"),
        ("", "A browser"),
    ] {
        assert_eq!(ui().browser(user_agent), words, "{user_agent}");
    }
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    let selector = Selector::parse(selector).unwrap();
    page.select(&selector).collect()
}

#[test]
fn every_text_that_a_page_asks_for_exists() {
    for page in every_page() {
        assert!(!page.contains("Unknown localization"), "{page}");
        assert!(!page.contains('\u{fffc}'), "{page}");
    }
}

#[test]
fn names_from_outside_never_become_markup() {
    for page in every_page() {
        let html = Html::parse_document(&page);
        assert_eq!(html.errors, Vec::<&str>::new(), "{page}");
        for script in all(&html, "script") {
            assert!(script.attr("src").unwrap().starts_with("/op/static/"));
            assert_eq!(script.text().collect::<String>(), "");
        }
        assert!(all(&html, "style, [style], [onload]").is_empty());
        let attributes = all(&html, "*")
            .into_iter()
            .flat_map(|it| it.value().attrs());
        for (name, value) in attributes {
            assert!(!name.starts_with("on"), "{name}");
            assert!(!value.starts_with("javascript:"), "{value}");
        }
    }
}

#[test]
fn every_page_has_one_heading_a_title_and_unique_ids() {
    for page in every_page() {
        let html = Html::parse_document(&page);
        assert_eq!(all(&html, "html[lang=en][dir=ltr]").len(), 1);
        assert_eq!(all(&html, "main[id^=page-] h1").len(), 1);
        let title = all(&html, "title")[0].text().collect::<String>();
        assert!(title.ends_with(" · id.example.org"), "{title}");
        let mut ids: Vec<_> = all(&html, "[id]").iter().map(|it| it.attr("id")).collect();
        let all_ids = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all_ids, "{page}");
        for described in all(&html, "[aria-describedby]") {
            assert!(ids.contains(&described.attr("aria-describedby")));
        }
        for input in all(&html, "input:not([type=hidden])") {
            let label = format!("label[for={}]", input.attr("id").unwrap());
            assert_eq!(all(&html, &label).len(), 1);
        }
    }
}

#[test]
fn every_form_of_the_sign_in_page_carries_the_hidden_fields() {
    let html = Html::parse_document(&sign_in(None).render().unwrap());
    let forms = all(&html, "form[method=post][action='/op/x']");
    assert_eq!(forms.len(), 3);
    for name in ["interaction", "csrf"] {
        let field = format!("form > input[type=hidden][name={name}]");
        assert_eq!(all(&html, &field).len(), 3);
    }
    let cancel = "form:not(:has(#password)) button[name=action][value=cancel]";
    assert_eq!(all(&html, cancel).len(), 1);
    assert_eq!(
        all(&html, "#username")[0].attr("value"),
        Some(EVIL),
        "what was typed comes back as it was"
    );
}

#[test]
fn one_application_can_be_left_only_where_it_asked() {
    let asked = Html::parse_document(&confirm(None).render().unwrap());
    assert_eq!(all(&asked, "button[name=scope][value=client]").len(), 1);
    let notice = Some(SignOutNotice::RequestDoesNotFit);
    let html = Html::parse_document(&confirm(notice).render().unwrap());
    assert!(all(&html, "button[name=scope][value=client]").is_empty());
    assert_eq!(all(&html, "button[name=scope][value=everywhere]").len(), 1);
}

#[test]
fn the_leaving_page_waits_longer_when_it_loads_frames() {
    let wait = |frames| {
        let html = Html::parse_document(&leaving_page(frames).render().unwrap());
        let main = all(&html, "main")[0];
        main.attr("data-wait").unwrap().to_owned()
    };
    assert_eq!(wait(Vec::new()), "2000");
    assert_eq!(wait(vec![framed()]), "5000");
}

#[test]
fn who_has_joined_within_the_minute_has_just_joined() {
    let page = Html::parse_document(&confirm(None).render().unwrap());
    let since: Vec<String> = all(&page, ".since")
        .iter()
        .map(|it| it.inner_html())
        .collect();
    let expected = [
        "since just now",
        "for 2 minutes",
        "for 2 hours",
        "for 2 days",
    ];
    assert_eq!(since, expected);
}

#[test]
fn a_language_without_texts_falls_back_to_english() {
    let language = |asked, accepted| negotiate_language(asked, accepted).to_string();
    assert_eq!(language(Some("tlh en-GB"), None), "en");
    assert_eq!(language(None, Some("tlh, en;q=0.5, *;q=0.1")), "en");
    assert_eq!(language(Some("\u{0}"), Some(";q=,,;q=x")), "en");
}
