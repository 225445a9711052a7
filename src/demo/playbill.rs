//! The block at the end of the demo's output: who plays, and what to try.

use secrecy::{ExposeSecret as _, SecretString};

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

/// The framed block: where everything is, who may sign in (nobody is named if they are not known), and what to try.
/// `applications` are names and addresses, the service's among them.
pub fn playbill(issuer: &str, applications: &[(&str, &str)], person: Option<&Person>) -> String {
    let mut lines = vec![String::new(), "[Exeunt]".to_owned(), String::new()];
    for (name, address) in applications {
        lines.push(format!("{name:<12}{address}"));
    }
    lines.push(format!("{:<12}{issuer}", "Provider"));
    lines.push(String::new());
    if let Some(person) = person {
        lines.push(format!("{:<12}{}", "Username", person.username));
        lines.push(format!(
            "{:<12}{}",
            "Password",
            person.password.expose_secret()
        ));
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
            "",
            "Ctrl-C ends it.",
            "",
        ]
        .map(str::to_owned),
    );
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

    fn ada() -> Person {
        Person {
            username: "ada".to_owned(),
            password: "analytical-engine".into(),
        }
    }

    #[test]
    fn the_block_says_where_who_and_what_to_try() {
        insta::assert_snapshot!(playbill("http://localhost:8080", &APPLICATIONS, Some(&ada())), @"
        ┌──────────────────────────────────────────────────────────────────────────┐
        │                                                                          │
        │   [Exeunt]                                                               │
        │                                                                          │
        │   Ledger      http://localhost:8081/                                     │
        │   Atlas       http://localhost:8082/                                     │
        │   Gallery     http://localhost:8083/                                     │
        │   Almanac     http://localhost:8084/                                     │
        │   Provider    http://localhost:8080                                      │
        │                                                                          │
        │   Username    ada                                                        │
        │   Password    analytical-engine                                          │
        │                                                                          │
        │   Try this:                                                              │
        │   1. Open the three applications and sign in at each: one password.      │
        │   2. Call Almanac, an API, from each, and open its own page.             │
        │   3. Sign out at one, and watch the others leave. Call Almanac again:    │
        │      it refuses the very same token, and has asked nobody about it.      │
        │   4. Sign in again, let Atlas pretend to be down, sign out, and see      │
        │      the provider try again until Atlas is back up.                      │
        │                                                                          │
        │   Ctrl-C ends it.                                                        │
        │                                                                          │
        └──────────────────────────────────────────────────────────────────────────┘
        ");
    }

    #[test]
    fn the_block_fits_eighty_columns_with_even_borders() {
        let block = playbill("http://localhost:8080", &APPLICATIONS, Some(&ada()));
        for line in block.lines() {
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
    }
}
