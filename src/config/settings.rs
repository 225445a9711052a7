//! The scalars of the file, table by table. What is missing or refused keeps its default, so that reading goes on.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use ipnet::IpNet;

use super::error::{ConfigError, ConfigErrors, Place};
use super::reader::Reader;
use super::section::{Mistake, Section};
use super::{
    Admin, Config, DatabaseUrl, ForwardedHeader, Keys, Logout, Outbound, Proxies, RefreshReuse,
    SessionLifetimes, Tls, TokenLifetimes, bus, clients, exchange, registration, services,
    upstreams, users,
};
use crate::oidc::duration;
use crate::oidc::issuer::Issuer;

/// See [`Config::load`].
pub(super) fn load(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigErrors> {
    let text = match path {
        Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?,
        None => String::new(),
    };
    parse(path.unwrap_or(Path::new("")), &text, environment)
}

/// Reads `text` as the file at `path`, and `environment`.
pub(super) fn parse(
    path: &Path,
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigErrors> {
    let reader = Reader::new(path, text, environment);
    let config = read(&reader.root());
    reader.finish()?;
    Ok(config)
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigErrors {
    ConfigErrors(vec![ConfigError {
        place: Place::WholeFile(path.to_owned()),
        key: String::new(),
        problem: format!("the file can't be read: {error}"),
        mend: "Name another with --config or EXEUNT_CONFIG, or none to start with the defaults."
            .to_owned(),
    }])
}

fn read(root: &Section<'_, '_>) -> Config {
    let issuer = root.text("issuer", issuer);
    let issuer_is_known = issuer.is_some() || !root.is_set("issuer");
    let mut config = Config::for_issuer(issuer.unwrap_or_else(default_issuer));
    config.tls = tls(&root.section("tls"));
    if let Some(listen) = root.text("listen", listen) {
        config.listen = listen;
    }
    if issuer_is_known && config.tls.is_some() && config.issuer.is_loopback_http() {
        root.refuse(
            "issuer",
            "begins with http:// although [tls] is set",
            "Write https://, or leave [tls] out.",
        );
    }

    config.proxies = proxies(&root.section("proxies"));
    config.admin = admin(&root.section("admin"), &config);

    let database = root.section("database");
    // The defaults lie where they would if they were written there: not wherever a command happens to be run.
    let url = database.text("url", database_url);
    config.database = url
        .unwrap_or(config.database)
        .inside(database.folder("url"));
    config.marker_file = file(&database, "marker_file");
    database.finish();

    let secrets = root.section("secrets");
    config.master_key_file = file(&secrets, "master_key_file").unwrap_or_else(|| {
        let folder = secrets.folder("master_key_file");
        folder.join(&config.master_key_file)
    });
    secrets.finish();

    config.outbound = outbound(&root.section("outbound"));
    config.bus = bus::read(&root.section("bus"));
    config.session = session(&root.section("session"));
    config.tokens = tokens(&root.section("tokens"));
    config.logout = logout(&root.section("logout"));
    config.keys = keys(&root.section("keys"));
    let session_management = root.section("session_management");
    config.session_management = session_management.switch("enabled").unwrap_or_default();
    session_management.finish();
    config.registration = registration::read(&root.section("registration"));
    let networks = config.outbound.networks();
    let public = issuer_is_known && !config.issuer.is_loopback();
    config.clients = clients::read(root.tables("clients"), &networks, public);
    let access = config.tokens.access;
    config.services = services::read(root.tables("services"), &config.issuer, access, public);
    let issuers = root.tables("trusted_issuers");
    config.exchange = exchange::read(
        &root.section("exchange"),
        issuers,
        &config.issuer,
        &networks,
    );
    config.upstreams = upstreams::read(root.tables("upstreams"), &config.issuer, &networks);
    config.users = users::read(root.tables("users"), public);
    root.finish();
    config
}

fn tls(section: &Section<'_, '_>) -> Option<Tls> {
    let certificate = file(section, "certificate");
    let private_key = file(section, "private_key");
    for (key, other) in [
        ("certificate", "private_key"),
        ("private_key", "certificate"),
    ] {
        if !section.is_set(key) && section.is_set(other) {
            section.refuse(key, "is missing", "https needs both PEM files.");
        }
    }
    section.finish();
    Some(Tls {
        certificate: certificate?,
        private_key: private_key?,
    })
}

fn proxies(section: &Section<'_, '_>) -> Proxies {
    let proxies = Proxies {
        trusted: section.texts("trusted", network_of_proxies),
        header: section.text("header", forwarded_header).unwrap_or_default(),
    };
    section.finish();
    proxies
}

fn admin(section: &Section<'_, '_>, config: &Config) -> Option<Admin> {
    let address = section.text("listen", listen);
    section.finish();
    let address = address?;
    let with = |problem: &str, mend: &str| section.refuse("listen", problem, mend);
    if config.tls.is_none() && !address.ip().is_loopback() {
        with(
            "is reached from other machines over plain http",
            "Write an address of this machine alone, such as 127.0.0.1:9090, or set [tls], which counts here too.",
        );
    } else if address.port() != 0 && address == config.listen {
        with(
            "is where everybody else is served",
            "Give administrators a port of their own.",
        );
    }
    Some(Admin { listen: address })
}

fn outbound(section: &Section<'_, '_>) -> Outbound {
    let mut named = section.section("private_networks");
    named.call("[outbound.private_networks] ".to_owned());
    let outbound = Outbound {
        allow_private_networks: section.texts("allow_private_networks", network),
        private_networks: named.named_texts(network),
        extra_ca_file: file(section, "extra_ca_file"),
    };
    section.finish();
    outbound
}

fn session(section: &Section<'_, '_>) -> SessionLifetimes {
    let default = SessionLifetimes::default();
    let absolute = lifetime(
        section,
        "absolute",
        default.absolute,
        seconds(1)..=days(400),
    );
    let idle = lifetime_or_off(section, "idle", default.idle, seconds(1)..=absolute);
    section.finish();
    SessionLifetimes { absolute, idle }
}

fn keys(section: &Section<'_, '_>) -> Keys {
    let default = Keys::default();
    // A key that lives for less than its tokens and its announcement would be one of many.
    let range = days(1)..=days(3650);
    let rotate_after = lifetime_or_off(section, "rotate_after", default.rotate_after, range);
    section.finish();
    Keys { rotate_after }
}

fn tokens(section: &Section<'_, '_>) -> TokenLifetimes {
    let default = TokenLifetimes::default();
    let read = |key, default, range| lifetime(section, key, default, range);
    let tokens = TokenLifetimes {
        // RFC 6749 §4.1.2 recommends ten minutes at most.
        code: read("code", default.code, seconds(1)..=minutes(10)),
        id: read("id", default.id, seconds(1)..=days(1)),
        // Nothing calls a signed access token back where nobody asks us.
        access: read("access", default.access, seconds(1)..=days(1)),
        refresh: read("refresh", default.refresh, seconds(1)..=days(400)),
        // Within it a stolen token does as well as the honest one.
        refresh_grace: read(
            "refresh_grace",
            default.refresh_grace,
            seconds(0)..=minutes(1),
        ),
        refresh_reuse: section
            .text("refresh_reuse", refresh_reuse)
            .unwrap_or(default.refresh_reuse),
        revocation_ends_participation: section
            .switch("revocation_ends_participation")
            .unwrap_or(default.revocation_ends_participation),
    };
    section.finish();
    tokens
}

fn logout(section: &Section<'_, '_>) -> Logout {
    let default = Logout::default();
    let read = |key, default, range| lifetime(section, key, default, range);
    let retry_first = read(
        "retry_first",
        default.retry_first,
        TimeDelta::milliseconds(10)..=minutes(10),
    );
    let retry_max = read("retry_max", default.retry_max, retry_first..=days(1));
    let logout = Logout {
        grace: read("grace", default.grace, seconds(0)..=seconds(10)),
        page_wait: read("page_wait", default.page_wait, seconds(0)..=seconds(30)),
        retry_first,
        retry_max,
        give_up_after: read("give_up_after", default.give_up_after, retry_max..=days(30)),
        // No token is believed for longer than a day; what is kept for less could still be asked about.
        keep_receipts: read("keep_receipts", default.keep_receipts, days(1)..=days(3650)),
    };
    section.finish();
    logout
}

fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

pub(super) fn days(count: i64) -> TimeDelta {
    TimeDelta::days(count)
}

fn lifetime(
    section: &Section<'_, '_>,
    key: &'static str,
    default: TimeDelta,
    range: RangeInclusive<TimeDelta>,
) -> TimeDelta {
    section
        .text(key, |text| within(text, &range))
        .unwrap_or(default)
}

/// The same, where "off" is an answer too.
fn lifetime_or_off(
    section: &Section<'_, '_>,
    key: &'static str,
    default: Option<TimeDelta>,
    range: RangeInclusive<TimeDelta>,
) -> Option<TimeDelta> {
    let read = section.text(key, |text| match text {
        "off" => Ok(None),
        text => within(text, &range)
            .map(Some)
            .map_err(|mistake| Mistake::new(mistake.problem, mistake.mend + " Or \"off\".")),
    });
    read.unwrap_or(default)
}

pub(super) fn within(text: &str, range: &RangeInclusive<TimeDelta>) -> Result<TimeDelta, Mistake> {
    let (least, most) = (duration::show(*range.start()), duration::show(*range.end()));
    match duration::parse(text) {
        None => Err(Mistake::new(
            format!("is not a duration: {text:?}"),
            "Write a whole number and a unit, such as 300ms, 60s, 10m, 24h or 30d.",
        )),
        Some(duration) if duration < *range.start() => Err(Mistake::new(
            format!("is too short: {text}"),
            format!("Give at least {least}."),
        )),
        Some(duration) if duration > *range.end() => Err(Mistake::new(
            format!("is too long: {text}"),
            format!("Give at most {most}."),
        )),
        Some(duration) => Ok(duration),
    }
}

#[expect(clippy::expect_used, reason = "a constant that a test parses")]
fn default_issuer() -> Issuer {
    Issuer::parse("http://localhost:8080").expect("the default issuer is sound")
}

fn issuer(text: &str) -> Result<Issuer, Mistake> {
    Issuer::parse(text).map_err(|invalid| {
        Mistake::new(
            format!("does not fit: {invalid}"),
            "Write what people's browsers will see, such as https://id.example.org, with no slash at the end.",
        )
    })
}

fn listen(text: &str) -> Result<SocketAddr, Mistake> {
    text.parse().map_err(|_not_an_address| {
        Mistake::new(
            format!("is not an address with a port: {text:?}"),
            "Write for example 127.0.0.1:8080, or 0.0.0.0:8080 for every interface.",
        )
    })
}

fn database_url(text: &str) -> Result<DatabaseUrl, Mistake> {
    DatabaseUrl::parse(text).map_err(|problem| {
        Mistake::new(
            problem,
            "Write sqlite://exeunt.db, or postgres://user:password@host/database.",
        )
    })
}

fn network(text: &str) -> Result<IpNet, Mistake> {
    let network: IpNet = text.parse().map_err(|_not_a_network| {
        Mistake::new(
            format!("holds no network: {text:?}"),
            "Write an address and a length, such as 10.0.0.0/8 or ::1/128.",
        )
    })?;
    if network != network.trunc() {
        return Err(Mistake::new(
            format!("holds an address inside a network: {network}"),
            format!("Write {}, if all of it is meant.", network.trunc()),
        ));
    }
    Ok(network)
}

fn network_of_proxies(text: &str) -> Result<IpNet, Mistake> {
    let network = network(text)?;
    if network.prefix_len() == 0 {
        return Err(Mistake::new(
            format!("holds everybody: {network}"),
            "Name the addresses of your own proxies alone: whoever is in it may claim any address.",
        ));
    }
    Ok(network)
}

fn forwarded_header(text: &str) -> Result<ForwardedHeader, Mistake> {
    match text.to_ascii_lowercase().as_str() {
        "x-forwarded-for" => Ok(ForwardedHeader::XForwardedFor),
        "forwarded" => Ok(ForwardedHeader::Forwarded),
        _ => Err(Mistake::new(
            format!("is no header we read: {text:?}"),
            "Write \"X-Forwarded-For\" or \"Forwarded\".",
        )),
    }
}

fn refresh_reuse(text: &str) -> Result<RefreshReuse, Mistake> {
    match text {
        "participation" => Ok(RefreshReuse::Participation),
        "session" => Ok(RefreshReuse::Session),
        other => Err(Mistake::new(
            format!("is no policy we know: {other:?}"),
            "Write \"participation\" or \"session\".",
        )),
    }
}

/// Reads the path of a file; a relative one starts where the section says.
fn file(section: &Section<'_, '_>, key: &'static str) -> Option<PathBuf> {
    section.text(key, |text| match text {
        "" => Err(Mistake::new("is empty", "Name a file, or leave it out.")),
        path => Ok(section.folder(key).join(path)),
    })
}
