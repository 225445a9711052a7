//! Secrets that are none: everyone knows those of the documentation, and those that were never thought of (attack 97).
//! On one's own machine they do no harm.

/// What the README, `docs/` and `docker-compose.yml` have.
const DOCUMENTED: [&str; 6] = [
    "replace me: openssl rand -base64 32",
    "ledger-demo-secret-for-trying-out",
    "atlas-demo-secret-for-trying-out",
    "gallery-demo-secret-for-trying-out",
    "the analytical engine",
    "analytical engine",
];

/// What people write where a secret should be. Their letters count, whatever stands between them.
const PLACEHOLDERS: [&str; 9] = [
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "password",
    "secret",
    "example",
    "insertyour",
    "placeholder",
];

/// Fewer different characters than these do not come out of a random choice of 24, be it of ten digits.
const LEAST_DIFFERENT: usize = 6;

/// Whether everybody knows this client secret, or can guess it. `least` is how many random characters it must have
/// beside such words.
pub(super) fn is_known_secret(secret: &str, least: usize) -> bool {
    if is_documented(secret) || is_monotonous(secret, LEAST_DIFFERENT) {
        return true;
    }
    let letters = letters(secret);
    let rest = PLACEHOLDERS
        .iter()
        .fold(letters.clone(), |rest, word| rest.replace(word, ""));
    rest.len() < letters.len() && rest.chars().count() < least
}

/// Whether everybody knows this password, or would try it first.
pub(super) fn is_known_password(password: &str) -> bool {
    let letters = letters(password);
    let only_a_placeholder = || {
        let begun = PLACEHOLDERS
            .iter()
            .find_map(|word| letters.strip_prefix(word));
        begun.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
    };
    is_documented(password) || is_monotonous(password, 2) || only_a_placeholder()
}

fn is_documented(text: &str) -> bool {
    DOCUMENTED.contains(&text)
}

/// One piece over and over, or hardly any different characters.
fn is_monotonous(text: &str, least_different: usize) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let mut different = characters.clone();
    different.sort_unstable();
    different.dedup();
    let repeats = |piece: usize| {
        characters
            .iter()
            .zip(characters.iter().skip(piece))
            .all(|(one, other)| one == other)
    };
    different.len() < least_different || (1..=characters.len() / 2).any(repeats)
}

fn letters(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack 97: a secret that stands in an example, or in everyone's first guess.
    #[test]
    fn what_everyone_knows_is_no_secret() {
        for secret in [
            "replace me: openssl rand -base64 32",
            "changeme-changeme-changeme",
            "CHANGE_ME_0123456789_abcdef",
            "secretsecretsecretsecret",
            "this-is-my-secret-password",
            "a-secret-of-more-than-24-characters",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abababababababababababab",
            "123456789012345678901234567890",
            "abcdefghijklabcdefghijkl",
            "correct horse correct horse ",
        ] {
            assert!(is_known_secret(secret, 24), "{secret}");
        }
        for password in [
            "analytical engine",
            "password123",
            "Change me!",
            "aaaaaaaaaa",
            "abcabcabc",
        ] {
            assert!(is_known_password(password), "{password}");
        }
    }

    #[test]
    fn what_was_drawn_or_thought_of_is_one() {
        for secret in [
            "8s0N1cC0m3x5bq5Q3v7o0d2m8m4nq0nJYb9uQk0y1bE=",
            "3f786850e387550fdab836ed7e6dc881de23001b",
            "493817650284619375028461",
            // A word that a tool puts before what it has drawn.
            "secret_9f8a7c6b5d4e3f2a1b0c9d8e7f6a",
        ] {
            assert!(!is_known_secret(secret, 24), "{secret}");
        }
        for password in [
            "my secret garden",
            "the difference engine",
            "passwordless is nice",
        ] {
            assert!(!is_known_password(password), "{password}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_secret_of_openssl_is_refused(bytes: [u8; 32]) {
            use base64::Engine as _;
            let secret = base64::engine::general_purpose::STANDARD.encode(bytes);
            // proptest likes bytes that are all alike; openssl does not.
            proptest::prop_assume!(bytes.iter().collect::<std::collections::HashSet<_>>().len() > 16);
            assert!(!is_known_secret(&secret, 24));
        }
    }
}
