//! What several rules ask of a URI.

use url::{Host, Position, Url};

/// The most characters of a URI that someone registers.
pub const LONGEST: usize = 2048;

/// An absolute URI without fragment and user name, written so that every reader sees the same host
/// in it (RFC 3986 §4.3).
///
/// # Errors
/// What is wrong with it, for whoever wrote it.
pub fn absolute(text: &str) -> Result<Url, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    if text.len() > LONGEST {
        return Err(format!("longer than {LONGEST} characters"));
    }
    if !text.chars().all(allowed) {
        return Err(
            "has a character that no URI has; a host in other scripts is written in punycode"
                .to_owned(),
        );
    }
    let url = Url::parse(text).map_err(|cause| format!("no absolute URI: {cause}"))?;
    if text.contains('#') {
        return Err("must not have a fragment".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user name or password".to_owned());
    }
    // Browsers take others too, `;` and `*` among them, which mean something else wherever a host stands in a header.
    if let (true, Some(Host::Domain(host))) = (url.is_special(), url.host())
        && !is_hostname(host)
    {
        return Err("its host may have letters, digits, `-`, `_` and `.` alone".to_owned());
    }
    // `https:host`, `HTTPS://HOST` and `http://2130706433` are read as something else than they say.
    let start = &url[..Position::AfterHost];
    if !text.starts_with(start) {
        return Err(format!("write its beginning as {start}"));
    }
    Ok(url)
}

/// Whether the URI names this machine: `localhost` and what lies under it (RFC 6761 §6.3),
/// `127.0.0.1`, `[::1]`.
pub fn is_loopback(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        None => false,
    }
}

/// Scheme, host and port (RFC 6454 §4); none if it has no such origin.
pub fn origin(uri: &str) -> Option<String> {
    let origin = Url::parse(uri).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// The origin as a Content Security Policy names it (CSP 3 §2.3.1); none where it can't: an IPv6 address, and a host
/// whose characters would be read as something else there.
pub fn framed_origin(uri: &str) -> Option<String> {
    match Url::parse(uri).ok()?.host()? {
        Host::Ipv6(_) => None,
        Host::Domain(host) if !is_hostname(host) => None,
        Host::Domain(_) | Host::Ipv4(_) => origin(uri),
    }
}

fn is_hostname(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    host.chars().all(allowed)
}

/// `uri` with `parameters` after the query that it has, of which not a byte changes.
///
/// A space becomes `%20`, which both ways of reading a query understand.
pub fn with_query(uri: &str, parameters: &[(&'static str, String)]) -> String {
    let (before, fragment) = match uri.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (uri, None),
    };
    let mut whole = before.to_owned();
    for (name, value) in parameters {
        if !whole.contains('?') {
            whole.push('?');
        } else if !whole.ends_with(['?', '&']) {
            whole.push('&');
        }
        push_pair(&mut whole, name, value);
    }
    if let Some(fragment) = fragment {
        whole.push('#');
        whole.push_str(fragment);
    }
    whole
}

/// `uri`, which has no fragment, with these parameters as its fragment (OAuth 2.0 Multiple Response
/// Types §2.1).
pub fn with_fragment(uri: &str, parameters: &[(&'static str, String)]) -> String {
    let mut whole = format!("{uri}#");
    for (position, (name, value)) in parameters.iter().enumerate() {
        if position > 0 {
            whole.push('&');
        }
        push_pair(&mut whole, name, value);
    }
    whole
}

/// `%20` rather than `+`, which not every reader takes for a space.
fn push_pair(whole: &mut String, name: &str, value: &str) {
    whole.push_str(name);
    whole.push('=');
    for part in url::form_urlencoded::byte_serialize(value.as_bytes()) {
        whole.push_str(if part == "+" { "%20" } else { part });
    }
}

/// The one of `known` that looks most like `received`: for pages that help a developer.
pub fn nearest<'a>(received: &str, known: &'a [String]) -> Option<&'a str> {
    // Comparing takes time in proportion to both lengths, and `received` is a stranger's.
    let head = |text: &str| text.chars().take(512).collect::<String>();
    let received = head(received);
    known
        .iter()
        .map(|uri| (strsim::normalized_levenshtein(&received, &head(uri)), uri))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, uri)| uri.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(uri: &str, value: &str) -> String {
        with_query(uri, &[("state", value.to_owned())])
    }

    #[test]
    fn a_query_that_is_there_stays_byte_by_byte() {
        assert_eq!(
            add("https://a.example/cb?x=%2f+%20&&y", "s"),
            "https://a.example/cb?x=%2f+%20&&y&state=s"
        );
        assert_eq!(
            add("https://a.example/cb?", "s"),
            "https://a.example/cb?state=s"
        );
        assert_eq!(
            add("com.example.app:/cb", "s"),
            "com.example.app:/cb?state=s"
        );
    }

    /// Attacks 52 and 53 (CVE-2023-24488): a value that would break out of its parameter or its header.
    #[test]
    fn a_value_cannot_leave_its_parameter() {
        assert_eq!(
            add("https://a.example/", "a&b=c#d +\r\n\"<é"),
            "https://a.example/?state=a%26b%3Dc%23d%20%2B%0D%0A%22%3C%C3%A9"
        );
    }

    #[test]
    fn localhost_and_what_lies_under_it_is_loopback_and_nothing_that_only_looks_so() {
        for uri in [
            "http://localhost:1",
            "http://a.localhost",
            "http://127.0.0.1",
            "http://[::1]:8",
        ] {
            assert!(is_loopback(&Url::parse(uri).unwrap()), "{uri}");
        }
        for uri in [
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://notlocalhost",
            "data:x",
        ] {
            assert!(!is_loopback(&Url::parse(uri).unwrap()), "{uri}");
        }
    }

    /// Attack 60: a host that would write into the policy of the page that frames it.
    #[test]
    fn a_host_has_no_characters_that_mean_something_in_a_header() {
        for uri in [
            "https://a;sandbox/out",
            "https://a.example,x/out",
            "https://*/out",
            "https://*.a.example/out",
            "https://a'b/out",
            "https://a!b/out",
        ] {
            assert!(absolute(uri).is_err(), "{uri}");
            assert_eq!(framed_origin(uri), None, "{uri}");
        }
        for uri in ["https://a-b_c.example:8443/out;x,y", "http://127.0.0.1/out"] {
            assert!(absolute(uri).is_ok(), "{uri}");
            assert_eq!(framed_origin(uri), origin(uri), "{uri}");
        }
        assert!(absolute("https://[::1]/out").is_ok());
        assert_eq!(framed_origin("https://[::1]/out"), None);
        assert!(absolute("com.example.app://a;b/out").is_ok());
    }

    #[test]
    fn the_nearest_is_the_one_with_the_fewest_changes() {
        let known = [
            "https://a.example/one".to_owned(),
            "https://a.example/callback".to_owned(),
        ];
        assert_eq!(
            nearest("https://a.example/callbak", &known),
            Some(known[1].as_str())
        );
        assert_eq!(nearest("x", &[]), None);
    }

    proptest::proptest! {
        /// Attack 53: whatever the value, it reads back alone and unchanged.
        #[test]
        fn any_value_reads_back_beside_what_was_there(value: String) {
            let url = Url::parse(&add("https://a.example/cb?x=1", &value)).unwrap();
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            let expected = [("x".to_owned(), "1".to_owned()), ("state".to_owned(), value)];
            assert_eq!(pairs, expected);
            assert_eq!(url.fragment(), None);
        }
    }
}
