//! The block at the end of the demo's output: who plays, and what to try.

use secrecy::{ExposeSecret as _, SecretString};

use super::House;

/// Columns between the block's two borders. With them and the margin it fits 80.
const WIDTH: usize = 74;

/// Who signs in.
#[derive(Debug, Clone)]
pub struct Person {
    /// What they type.
    pub username: String,
    /// Their password.
    pub password: SecretString,
}

/// The framed block: where everything is, who may sign in there and at the other house (nobody is named, and no other
/// house, if they are not known), and what to try. `applications` are names and addresses, the service's among them.
pub fn playbill(
    issuer: &str,
    applications: &[(&str, &str)],
    known: Option<(&Person, &House)>,
) -> String {
    let mut lines = vec![String::new(), "[Exeunt]".to_owned(), String::new()];
    for (name, address) in applications {
        lines.push(format!("{name:<12}{address}"));
    }
    lines.push(format!("{:<12}{issuer}", "Provider"));
    if let Some((_, house)) = known {
        lines.push(format!("{:<12}{}", "Other house", house.issuer));
    }
    lines.push(String::new());
    if let Some((person, house)) = known {
        for (what, here, there) in [
            (
                "Username",
                person.username.as_str(),
                format!("{} at the other house", house.person.username),
            ),
            (
                "Password",
                person.password.expose_secret(),
                house.person.password.expose_secret().to_owned(),
            ),
        ] {
            lines.push(format!("{what:<12}{here:<23}{there}"));
        }
        lines.push(String::new());
    }
    lines.extend(
        [
            "Try this:",
            "1. Open the three applications and sign in at each: one password.",
            "2. Call Almanac, an API, from each, and open its own page.",
            "3. Sign out at one, and watch the others leave. Call Almanac again:",
            "   it refuses the very same token, and has asked nobody about it.",
            "4. Sign in again, let Atlas pretend to be down, sign out, and see",
            "   the provider try again until Atlas is back up.",
        ]
        .map(str::to_owned),
    );
    if known.is_some() {
        lines.extend(
            [
                "5. Sign in with the other house, as somebody who lives there. Sign",
                "   out at the other house, and watch everyone leave here, too.",
            ]
            .map(str::to_owned),
        );
    }
    lines.extend(["", "Ctrl-C ends it.", ""].map(str::to_owned));
    framed(&lines)
}

fn framed(lines: &[String]) -> String {
    // An address may be longer than the block is wide: then the block grows, and nothing is cut off.
    let longest = lines.iter().map(|line| line.chars().count()).max();
    let width = WIDTH.max(longest.unwrap_or_default() + 6);
    let border = "─".repeat(width);
    let mut block = format!("  ┌{border}┐\n");
    for line in lines {
        let inside = width - 3;
        block.push_str(&format!("  │   {line:<inside$}│\n"));
    }
    block.push_str(&format!("  └{border}┘\n"));
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPLICATIONS: [(&str, &str); 4] = [
        ("Ledger", "http://localhost:8081/"),
        ("Atlas", "http://localhost:8082/"),
        ("Gallery", "http://localhost:8083/"),
        ("Almanac", "http://localhost:8084/"),
    ];

    fn person(username: &str, password: &str) -> Person {
        Person {
            username: username.to_owned(),
            password: password.into(),
        }
    }

    fn block() -> String {
        let house = House {
            issuer: "http://localhost:8085".to_owned(),
            person: person("grace", "nanosecond of wire"),
            secret: "nobody reads it".into(),
        };
        let known = (&person("ada", "analytical engine"), &house);
        playbill("http://localhost:8080", &APPLICATIONS, Some(known))
    }

    #[test]
    fn the_block_says_where_who_and_what_to_try() {
        insta::assert_snapshot!(block(), @"
        ┌──────────────────────────────────────────────────────────────────────────┐
        │                                                                          │
        │   [Exeunt]                                                               │
        │                                                                          │
        │   Ledger      http://localhost:8081/                                     │
        │   Atlas       http://localhost:8082/                                     │
        │   Gallery     http://localhost:8083/                                     │
        │   Almanac     http://localhost:8084/                                     │
        │   Provider    http://localhost:8080                                      │
        │   Other house http://localhost:8085                                      │
        │                                                                          │
        │   Username    ada                    grace at the other house            │
        │   Password    analytical engine      nanosecond of wire                  │
        │                                                                          │
        │   Try this:                                                              │
        │   1. Open the three applications and sign in at each: one password.      │
        │   2. Call Almanac, an API, from each, and open its own page.             │
        │   3. Sign out at one, and watch the others leave. Call Almanac again:    │
        │      it refuses the very same token, and has asked nobody about it.      │
        │   4. Sign in again, let Atlas pretend to be down, sign out, and see      │
        │      the provider try again until Atlas is back up.                      │
        │   5. Sign in with the other house, as somebody who lives there. Sign     │
        │      out at the other house, and watch everyone leave here, too.         │
        │                                                                          │
        │   Ctrl-C ends it.                                                        │
        │                                                                          │
        └──────────────────────────────────────────────────────────────────────────┘
        ");
    }

    #[test]
    fn the_block_fits_eighty_columns_with_even_borders() {
        for line in block().lines() {
            assert_eq!(line.chars().count(), 78, "{line}");
        }
    }

    #[test]
    fn a_long_address_widens_the_block_and_is_not_cut_off() {
        let issuer = format!("https://{}.example", "x".repeat(80));
        let block = playbill(&issuer, &APPLICATIONS, None);
        assert!(block.contains(&issuer));
        let mut widths = block.lines().map(|line| line.chars().count());
        let first = widths.next().unwrap();
        assert!(widths.all(|width| width == first));
    }

    #[test]
    fn nobody_is_named_where_the_person_is_not_known() {
        let block = playbill("http://localhost:8080", &APPLICATIONS, None);
        assert!(!block.contains("Password"));
        assert!(!block.contains("other house"));
    }
}
