//! From where a request came: from the other end of its connection or, where that is a proxy of ours, from where the
//! proxy says. Anyone else may write into the header what they like (attack 84).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};
use actix_web::{HttpMessage as _, HttpRequest};

use crate::config::{ForwardedHeader, Proxies};

/// The address of whoever asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What was found out when the request came in.
    pub(super) fn of(request: &HttpRequest) -> IpAddr {
        let known = request.extensions().get::<Self>().copied();
        known.map_or(NOWHERE, |known| known.0)
    }
}

/// Of a request that came over no connection.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The address of whoever asks. Each proxy adds at the right end from whom it heard, so we go from there to the left for
/// as long as those who wrote are ours: the first address that is none of ours is the one, and what stands left of it
/// is hearsay. Where a proxy of ours writes no address (`unknown`, or nothing at all), it answers for the request itself.
pub(super) fn client_address(
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
    proxies: &Proxies,
) -> IpAddr {
    let is_ours = |address: IpAddr| proxies.trusted.iter().any(|known| known.contains(&address));
    let peer = peer.map_or(NOWHERE, |peer| peer.ip());
    let mut address = peer.to_canonical();
    if !is_ours(address) {
        return address;
    }
    let (name, hops): (HeaderName, fn(&str) -> Option<Hops>) = match proxies.header {
        ForwardedHeader::XForwardedFor => (X_FORWARDED_FOR, of_x_forwarded_for),
        ForwardedHeader::Forwarded => (FORWARDED, of_forwarded),
    };
    let lines: Vec<_> = headers.get_all(name).collect();
    for line in lines.into_iter().rev() {
        let Some(hops) = line.to_str().ok().and_then(hops) else {
            return address;
        };
        for hop in hops.into_iter().rev() {
            let Some(heard_from) = hop else {
                return address;
            };
            address = heard_from;
            if !is_ours(address) {
                return address;
            }
        }
    }
    address
}

/// From whom each proxy heard, left to right; none where it does not say.
type Hops = Vec<Option<IpAddr>>;

fn of_x_forwarded_for(line: &str) -> Option<Hops> {
    let nodes = line.split(',').map(str::trim);
    Some(nodes.filter(|node| !node.is_empty()).map(node).collect())
}

/// Reads one line of `Forwarded` (RFC 7239 §4). None: it is malformed, so that nobody knows where its elements end; a
/// stranger's open quotation mark would swallow what the proxy wrote after it.
fn of_forwarded(line: &str) -> Option<Hops> {
    let mut hops = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (element, after) = element(rest)?;
        hops.extend(element);
        rest = after;
    }
    Some(hops)
}

/// The first element: its hop, unless it is empty, and what comes after its comma.
fn element(mut rest: &str) -> Option<(Option<Option<IpAddr>>, &str)> {
    let mut said = None;
    let mut is_empty = true;
    loop {
        rest = rest.trim_start();
        let end = rest.find(is_no_token).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        rest = after;
        if !name.is_empty() {
            is_empty = false;
            let (value, after) = value(rest.strip_prefix('=')?)?;
            rest = after;
            if name.eq_ignore_ascii_case("for") && said.replace(value).is_some() {
                return None;
            }
        }
        rest = rest.trim_start();
        let Some(separator) = rest.chars().next() else {
            break;
        };
        rest = rest.get(1..)?;
        match separator {
            ';' => {}
            ',' => break,
            _ => return None,
        }
    }
    let hop = said.and_then(|said| node(&said));
    Some(((!is_empty).then_some(hop), rest))
}

/// A token or a quoted string (RFC 9110 §5.6.4), and what comes after it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(is_no_token).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// What ends a token (RFC 9110 §5.6.2). Colons do not: some proxies write ports without quotation marks.
fn is_no_token(character: char) -> bool {
    !character.is_ascii_alphanumeric() && !"!#$%&'*+-.^_`|~:".contains(character)
}

/// An address, with or without a port (RFC 7239 §6).
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let address = address
        .or_else(|| bracketed().map(IpAddr::V6))
        .or_else(with_port)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn from(peer: &str, header: ForwardedHeader, lines: &[&str]) -> String {
        let proxies = Proxies {
            trusted: ["10.0.0.0/8", "fd00::/8"]
                .map(|net| net.parse().unwrap())
                .to_vec(),
            header,
        };
        let mut headers = HeaderMap::new();
        let (name, other) = match header {
            ForwardedHeader::XForwardedFor => (X_FORWARDED_FOR, FORWARDED),
            ForwardedHeader::Forwarded => (FORWARDED, X_FORWARDED_FOR),
        };
        headers.append(
            other,
            HeaderValue::from_static("for=192.0.2.66, 192.0.2.66"),
        );
        for line in lines {
            headers.append(name.clone(), HeaderValue::from_str(line).unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        client_address(Some(peer), &headers, &proxies).to_string()
    }

    /// Attack 84: addresses that were made up.
    #[test]
    fn the_rightmost_address_that_is_no_proxy_of_ours_is_the_one() {
        for (peer, lines, expected) in [
            // A stranger's word counts for nothing.
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("::ffff:10.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1"),
            // What stands left of the first stranger is hearsay.
            ("10.0.0.1", &["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
            (
                "10.0.0.1",
                &["192.0.2.1, 10.0.0.3", "10.0.0.2"],
                "192.0.2.1",
            ),
            ("10.0.0.1", &["10.9.9.9, 192.0.2.1,, 10.0.0.2"], "192.0.2.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["192.0.2.1:50000"], "192.0.2.1"),
            ("fd00::1", &["[2001:db8::1]:50000"], "2001:db8::1"),
            ("fd00::1", &["[2001:db8::1]"], "2001:db8::1"),
            // Who does not say from whom it heard answers for it.
            ("10.0.0.1", &["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["192.0.2.1, 999.1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1", "nonsense"], "10.0.0.1"),
        ] {
            let found = from(peer, ForwardedHeader::XForwardedFor, lines);
            assert_eq!(found, expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_forwarded_header_is_read_whole_or_not_at_all() {
        for (lines, expected) in [
            (&["for=192.0.2.1"][..], "192.0.2.1"),
            (&["For=192.0.2.1;proto=https;by=10.0.0.1"], "192.0.2.1"),
            (
                &["for=198.51.100.7, for=192.0.2.1 ; by=\"_x,y;z\\\"\""],
                "192.0.2.1",
            ),
            (&["for=\"[2001:db8::1]:4711\""], "2001:db8::1"),
            (&["for=192.0.2.1:4711, , for=10.0.0.2"], "192.0.2.1"),
            (&["for=192.0.2.1", "proto=https, for=10.0.0.2"], "10.0.0.2"),
            (&["for=192.0.2.1, for=unknown"], "10.0.0.1"),
            (&["for=192.0.2.1, for=\"_hidden\""], "10.0.0.1"),
            // Quotation marks that a stranger left open.
            (&["for=\"198.51.100.7, for=192.0.2.1"], "10.0.0.1"),
            (
                &["for=198.51.100.7;x=\", for=\"[2001:db8::1]\""],
                "10.0.0.1",
            ),
            (&["for=198.51.100.7", "for=192.0.2.1"], "192.0.2.1"),
            (&["for=\"198.51.100.7", "for=192.0.2.1"], "192.0.2.1"),
            (&["for=192.0.2.1;for=198.51.100.7"], "10.0.0.1"),
            (&["for"], "10.0.0.1"),
            (&["for=192.0.2.1 for=192.0.2.2"], "10.0.0.1"),
            (&["for=192.0.2.1é"], "10.0.0.1"),
        ] {
            let found = from("10.0.0.1", ForwardedHeader::Forwarded, lines);
            assert_eq!(found, expected, "{lines:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_a_stranger_puts_before_it_moves_what_our_proxy_wrote(before in "[ -~]{0,40}") {
            for (header, ours) in [
                (ForwardedHeader::XForwardedFor, "192.0.2.1"),
                (ForwardedHeader::Forwarded, "for=192.0.2.1"),
            ] {
                let one_line = from("10.0.0.1", header, &[&format!("{before}, {ours}")]);
                // Or, where the whole line can't be read, the proxy itself.
                proptest::prop_assert!(["192.0.2.1", "10.0.0.1"].contains(&one_line.as_str()), "{one_line}");
                let two_lines = from("10.0.0.1", header, &[&before, ours]);
                proptest::prop_assert_eq!(two_lines, "192.0.2.1");
            }
        }
    }
}
