//! Where outbound connections may go: pure rules over URLs and addresses, against server-side request forgery.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// IPv4 ranges that are not the public internet (RFC 6890 and the registry that it founded).
const SPECIAL_V4: [(Ipv4Net, &str); 15] = [
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "shared"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignment"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// IPv6 ranges inside global unicast (2000::/3) that are not the public internet; outside it nothing is.
/// Teredo and 6to4 hide an IPv4 address and are withdrawn, so they are refused whole.
const SPECIAL_V6: [(Ipv6Net, &str); 4] = [
    (v6(0x2001, 0, 23), "protocol assignment"),
    (v6(0x2001, 0xdb8, 32), "documentation"),
    (v6(0x2002, 0, 16), "6to4"),
    (v6(0x3fff, 0, 20), "documentation"),
];

const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 3);
/// NAT64 (RFC 6052 §2.1): the last 32 bits are the IPv4 address that will be reached.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

/// Ports above the well-known ones whose services act on what an HTTP request says.
const DENIED_PORTS: [u16; 22] = [
    1433, 1521, 2049, 2375, 2376, 2379, 3306, 3389, 5060, 5061, 5432, 5672, 6000, 6379, 6667, 9092,
    9200, 9300, 10250, 11211, 15672, 27017,
];

/// Which destinations are allowed.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow_private_networks: Vec<IpNet>,
    named: BTreeMap<String, Vec<IpNet>>,
}

/// Why a connection is not made. The words never depend on what answers there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not an absolute URL in the characters of RFC 3986, or one without a host.
    #[error("it is not an absolute URL")]
    NotAUrl,
    /// Neither https nor, where that is allowed, http.
    #[error("its scheme is not https")]
    Scheme,
    /// It carries a user name or password.
    #[error("it has a user name or password")]
    UserInfo,
    /// It has a fragment.
    #[error("it has a fragment")]
    Fragment,
    /// A port where no web server should be.
    #[error("port {0} is not allowed")]
    Port(u16),
    /// An address outside the public internet and the allowed private networks.
    #[error("its address is {0}, which is in no private network that is allowed")]
    Address(&'static str),
    /// Plain http to an address that is not inside an allowed private network.
    #[error("plain http is for allowed private networks only")]
    PlainHttp,
}

impl Guard {
    /// A guard that allows the public internet and these networks.
    pub fn new(allow_private_networks: Vec<IpNet>) -> Self {
        Self {
            allow_private_networks,
            named: BTreeMap::new(),
        }
    }

    /// The same, which knows these networks by name for [`Guard::within`].
    #[must_use]
    pub fn naming(self, named: BTreeMap<String, Vec<IpNet>>) -> Self {
        Self { named, ..self }
    }

    /// The same for someone who may go into the networks of these names too. A name that is not known opens nothing.
    pub(super) fn within(&self, names: &[String]) -> Self {
        let more = names.iter().filter_map(|name| self.named.get(name));
        let all = self.allow_private_networks.iter().chain(more.flatten());
        Self {
            allow_private_networks: all.copied().collect(),
            named: BTreeMap::new(),
        }
    }

    /// Checks what can be told without resolving a name: at registration, and again before each request. A name's
    /// addresses are checked when it is resolved.
    pub fn check_url(&self, text: &str) -> Result<Url, Refused> {
        // The parser mends what it can: it drops line breaks, turns `\` into `/`, encodes braces. A URL that needs
        // mending means something else to another reader, and `{` smells of a placeholder.
        let clean = |byte: u8| byte.is_ascii_graphic() && !br#"\"<>^`{|}"#.contains(&byte);
        if !text.bytes().all(clean) {
            return Err(Refused::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_not_a_url| Refused::NotAUrl)?;
        let host = url.host().ok_or(Refused::NotAUrl)?;
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(Refused::Scheme),
        };
        // An empty user name leaves no trace in the parsed URL, hence the look at the text.
        if authority(text).ok_or(Refused::NotAUrl)?.contains('@') {
            return Err(Refused::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(Refused::Fragment);
        }
        let port = url.port_or_known_default().ok_or(Refused::NotAUrl)?;
        if is_denied(port) {
            return Err(Refused::Port(port));
        }
        match host {
            Host::Ipv4(address) => self.check(IpAddr::V4(address), plain)?,
            Host::Ipv6(address) => self.check(IpAddr::V6(address), plain)?,
            Host::Domain(_) if plain && self.allow_private_networks.is_empty() => {
                return Err(Refused::PlainHttp);
            }
            Host::Domain(_) => {}
        }
        Ok(url)
    }

    /// Whether https may go to this address: a public one, or one in an allowed network.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refused> {
        match special_range(address) {
            Some(range) if !self.is_allowed_privately(address) => Err(Refused::Address(range)),
            _ => Ok(()),
        }
    }

    /// Whether plain http may go to this address: only one that is not public, in an allowed network.
    pub fn check_plain_address(&self, address: IpAddr) -> Result<(), Refused> {
        self.check_address(address)?;
        match special_range(address) {
            Some(_) => Ok(()),
            None => Err(Refused::PlainHttp),
        }
    }

    pub(super) fn check(&self, address: IpAddr, plain: bool) -> Result<(), Refused> {
        if plain {
            self.check_plain_address(address)
        } else {
            self.check_address(address)
        }
    }

    fn is_allowed_privately(&self, address: IpAddr) -> bool {
        let reached = unmap(address);
        self.allow_private_networks
            .iter()
            .any(|network| network.contains(&reached))
    }
}

/// The name of the special range that an address lies in; `None` for one on the public internet.
fn special_range(address: IpAddr) -> Option<&'static str> {
    match unmap(address) {
        IpAddr::V4(address) => SPECIAL_V4
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map(|(_, name)| *name),
        IpAddr::V6(address) if !GLOBAL_UNICAST.contains(&address) => {
            Some(if address.is_loopback() {
                "loopback"
            } else {
                "not global"
            })
        }
        // ISATAP (RFC 5214 §6.1): a tunnel to the IPv4 address in the last 32 bits, whatever the prefix.
        IpAddr::V6(address) if matches!(address.segments(), [.., 0 | 0x200, 0x5efe, _, _]) => {
            Some("ISATAP")
        }
        IpAddr::V6(address) => SPECIAL_V6
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map(|(_, name)| *name),
    }
}

/// The IPv4 address that an IPv6 address leads to, where it is but another notation of one.
fn unmap(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other,
    }
}

fn is_denied(port: u16) -> bool {
    let well_known = port < 1024 && port != 80 && port != 443;
    well_known || DENIED_PORTS.contains(&port)
}

/// The text between `//` and the path (RFC 3986 §3.2).
fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    rest.split(['/', '?', '#']).next()
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Guard {
        Guard::default()
    }

    fn loopback_allowed() -> Guard {
        Guard::new(vec![
            "127.0.0.0/8".parse().unwrap(),
            "::1/128".parse().unwrap(),
        ])
    }

    #[test]
    fn https_to_the_public_internet_is_allowed() {
        for url in [
            "https://app.example/logout?a=b",
            "https://app.example:8443/",
            "https://93.184.216.34/",
            "https://[2606:2800:220:1::1]/",
            "https://[64:ff9b::5db8:d822]/",
        ] {
            assert_eq!(open().check_url(url).err(), None, "{url}");
        }
    }

    /// Attack 55: an address that is not public is refused in every notation that leads to it.
    #[test]
    fn addresses_that_are_not_public_are_refused_in_every_notation() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.01",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "0.0.0.0",
            "0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "2852039166",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[2001::1]",
            "[2001:2::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[2002:5db8:d822::]",
            "[2606:2800:220:1:0:5efe:7f00:1]",
            "[2606:2800:220:1:200:5efe:a9fe:a9fe]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
        ] {
            let refused = open().check_url(&format!("https://{host}/")).err();
            assert!(matches!(refused, Some(Refused::Address(_))), "{host}");
        }
    }

    #[test]
    fn an_allowed_private_network_is_reached_in_every_notation_and_its_neighbour_is_not() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
        ] {
            assert!(
                loopback_allowed()
                    .check_url(&format!("https://{host}/"))
                    .is_ok(),
                "{host}"
            );
        }
        for host in ["10.0.0.1", "[::2]", "10.255.255.255", "169.254.169.254"] {
            assert!(
                loopback_allowed()
                    .check_url(&format!("https://{host}/"))
                    .is_err(),
                "{host}"
            );
        }
    }

    /// Attack 55: plain http goes to allowed private networks only, never to the internet.
    #[test]
    fn plain_http_is_for_allowed_private_networks() {
        let check = |guard: Guard, url| guard.check_url(url).err();
        assert_eq!(check(loopback_allowed(), "http://127.0.0.1:8080/"), None);
        assert_eq!(check(loopback_allowed(), "http://[::1]:8080/"), None);
        assert_eq!(check(loopback_allowed(), "http://localhost:8080/"), None);
        assert_eq!(
            check(open(), "http://localhost:8080/"),
            Some(Refused::PlainHttp)
        );
        assert_eq!(
            check(open(), "http://127.0.0.1/"),
            Some(Refused::Address("loopback"))
        );
        assert_eq!(
            check(loopback_allowed(), "http://93.184.216.34/"),
            Some(Refused::PlainHttp)
        );
        let everything = Guard::new(vec!["0.0.0.0/0".parse().unwrap()]);
        assert_eq!(
            check(everything, "http://93.184.216.34/"),
            Some(Refused::PlainHttp)
        );
    }

    /// Attack 55: a URL that a parser would have to mend, or that carries more than a place, is refused.
    #[test]
    fn only_clean_urls_pass() {
        for (url, refused) in [
            ("", Refused::NotAUrl),
            ("/logout", Refused::NotAUrl),
            ("https://", Refused::NotAUrl),
            ("https:app.example/", Refused::NotAUrl),
            ("https:/app.example/", Refused::NotAUrl),
            ("https://app.example/\n", Refused::NotAUrl),
            ("https://app.exa\tmple/", Refused::NotAUrl),
            ("https:\\\\app.example/", Refused::NotAUrl),
            ("https://app.example\\@evil.example/", Refused::NotAUrl),
            ("https://{tenant}.example/", Refused::NotAUrl),
            ("https://app.example/${env.SECRET}", Refused::NotAUrl),
            ("https://b\u{fc}cher.example/", Refused::NotAUrl),
            ("ftp://app.example/", Refused::Scheme),
            ("file://app.example/etc/passwd", Refused::Scheme),
            ("gopher://app.example:6379/_x", Refused::Scheme),
            ("https://user@app.example/", Refused::UserInfo),
            ("https://@app.example/", Refused::UserInfo),
            ("https://good.example:443@evil.example/", Refused::UserInfo),
            ("https://app.example/#", Refused::Fragment),
            ("https://app.example/#a", Refused::Fragment),
            ("https://app.example:0/", Refused::Port(0)),
            ("https://app.example:22/", Refused::Port(22)),
            ("https://app.example:25/", Refused::Port(25)),
            ("https://app.example:6379/", Refused::Port(6379)),
        ] {
            assert_eq!(open().check_url(url).err(), Some(refused), "{url:?}");
        }
    }
}
