//! P6: every known class of attack has a test that names it. The classes are numbered; a test says in its comment which
//! of them it is about: "Attack 7", "Attacks 43, 61", "attacks 75 to 79".

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::support::{files_below, name_of};

/// The classes that apply as far as what they attack is there.
const CLASSES: [(&str, RangeInclusive<u32>); 16] = [
    ("redirect URIs", 1..=10),
    ("codes, PKCE and the authorization request", 11..=22),
    ("client authentication", 23..=29),
    ("tokens and their signatures", 30..=37),
    ("refresh tokens and revocation", 38..=49),
    ("logout", 50..=64),
    ("sessions, cookies and pages", 65..=74),
    ("connections to others", 75..=80),
    (
        "finding out names, guessing passwords, locking people out",
        83..=85,
    ),
    ("links to other providers", 89..=89),
    ("the notation of names", 90..=90),
    ("passwords that are no text", 91..=91),
    ("clients that register themselves", 93..=93),
    ("who acts for others", 94..=94),
    ("secrets in logs", 95..=95),
    ("bad HTTP, and configurations that invite", 96..=97),
];

/// What they attack is not there. Whoever builds it takes its line away, and writes its test.
const WAITING: [(u32, &str); 1] = [(28, "no client authenticates by its certificate")];

#[test]
fn p6_every_known_attack_has_a_test_that_names_it() {
    let mut named: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for file in files_below("src", "rs")
        .into_iter()
        .chain(files_below("tests", "rs"))
    {
        let text = std::fs::read_to_string(&file).unwrap();
        for number in named_in(&text) {
            named.entry(number).or_default().push(name_of(&file));
        }
    }
    let waiting: BTreeSet<u32> = WAITING.iter().map(|(number, _)| *number).collect();
    let mut amiss = Vec::new();
    for (what, numbers) in CLASSES {
        for number in numbers {
            match (named.get(&number), waiting.contains(&number)) {
                (None, false) => amiss.push(format!("no test names attack {number} ({what})")),
                (Some(files), true) => amiss.push(format!("{number} waits no more: {files:?}")),
                _ => {}
            }
        }
    }
    assert!(amiss.is_empty(), "{amiss:#?}");
}

#[test]
fn what_names_an_attack_is_found_and_what_only_seems_to_is_not() {
    let number_of = |text: &str| named_in(text).into_iter().collect::<Vec<_>>();
    let test = |comment: &str| format!("/// {comment}\n#[test]\nfn it_holds() {{}}\n");
    for (comment, expected) in [
        ("Attack 7 (CVE-2026-1234): a redirect.", &[7][..]),
        ("P2: told. Attacks 43, 61.", &[43, 61]),
        ("Attacks 55 and 58: a redirect is an answer.", &[55, 58]),
        ("Attacks 55 and 75 to 79: names.", &[55, 75, 76, 77, 78, 79]),
        (
            "Attack 27: secrets; attack\n/// 18: what passes.",
            &[18, 27],
        ),
        ("No attack at all, 12 times.", &[]),
    ] {
        assert_eq!(number_of(&test(comment)), expected, "{comment}");
    }
    let inside =
        "#[actix_web::test]\nasync fn it_holds() {\n    // Attack 33: zeros.\n    f();\n}\n";
    assert_eq!(number_of(inside), [33]);
    for elsewhere in [
        "/// Attack 7: not a test.\nfn helper() {}\n",
        "//! Attack 7.\n#[test]\nfn it_holds() {}\n",
        "fn helper() {\n    // Attack 7.\n}\n",
    ] {
        assert!(number_of(elsewhere).is_empty(), "{elsewhere}");
    }
}

/// The attacks that the comments of a file's tests name: those before a test, and those in it.
fn named_in(text: &str) -> BTreeSet<u32> {
    let mut named = BTreeSet::new();
    let (mut comment, mut is_test, mut in_a_test) = (String::new(), false, false);
    for line in text.lines().map(str::trim_start) {
        if let Some(said) = line.strip_prefix("/// ") {
            comment = format!("{comment} {said}");
        } else if line.starts_with("#[") {
            let attribute = line.trim_end_matches(']');
            is_test |= attribute.ends_with("test");
        } else if let Some(said) = line.strip_prefix("// ") {
            if in_a_test {
                named.extend(numbers(said));
            }
        } else if [
            "fn ",
            "async fn ",
            "pub ",
            "pub(",
            "struct ",
            "enum ",
            "const ",
        ]
        .iter()
        .any(|begin| line.starts_with(begin))
        {
            in_a_test = is_test;
            if is_test {
                named.extend(numbers(&comment));
            }
            comment.clear();
            is_test = false;
        }
    }
    named
}

/// The numbers that follow the word.
fn numbers(comment: &str) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    let words: Vec<&str> = comment.split_whitespace().collect();
    for (index, word) in words.iter().enumerate() {
        if !matches!(
            word.to_lowercase().trim_start_matches('('),
            "attack" | "attacks"
        ) {
            continue;
        }
        let (mut last, mut is_range) = (None, false);
        for word in &words[index + 1..] {
            match word
                .trim_end_matches([',', ':', ';', '.', ')'])
                .parse::<u32>()
            {
                Ok(number) => {
                    let first = last.filter(|_| is_range).unwrap_or(number);
                    numbers.extend(first..=number);
                    (last, is_range) = (Some(number), false);
                    // What comes after this is about it, and no list.
                    if word.ends_with([':', ';', '.', ')']) {
                        break;
                    }
                }
                Err(_) if *word == "to" => is_range = true,
                Err(_) if *word == "and" => {}
                Err(_) => break,
            }
        }
    }
    numbers
}
