//! `docker-compose.yml`, as far as it can be looked at where no engine is: it is YAML, its services hang together, and it
//! runs what the program understands.

use clap::Parser as _;
use exeunt::cli::arguments::{Arguments, Command};
use exeunt::config::Config;
use serde_json::Value;

use crate::support::repository;

fn compose() -> Value {
    let text = std::fs::read_to_string(repository().join("docker-compose.yml")).unwrap();
    serde_saphyr::from_str(&text).expect("docker-compose.yml is YAML")
}

fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).collect()
}

#[test]
fn there_are_the_provider_its_database_and_by_profile_the_examples_and_a_redis() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    let mut names: Vec<_> = services.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["examples", "exeunt", "postgres", "redis"]);
    for (name, service) in services {
        let profiles = texts(&service["profiles"]);
        let wanted = match name.as_str() {
            "examples" => &["examples"][..],
            "redis" => &["redis"],
            _ => &[],
        };
        assert_eq!(profiles, wanted, "{name}");
        let (image, build) = (&service["image"], &service["build"]);
        assert!(image.is_string() != build.is_string(), "{name}");
        // Whoever is not there by default must not be needed by default.
        for (needed, condition) in service["depends_on"].as_object().into_iter().flatten() {
            let needed = services.get(needed).expect("what is needed is a service");
            assert_eq!(condition["condition"], "service_healthy", "{name}");
            assert!(needed["healthcheck"]["test"].is_array(), "{name}");
            assert!(needed["profiles"].is_null(), "{name}");
        }
        // Nothing is reached from beyond this machine.
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
}

#[test]
fn networks_and_volumes_that_services_name_are_declared_and_used() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    let declared = |what: &str| {
        let all = compose[what].as_object().unwrap();
        all.keys().map(String::as_str).collect::<Vec<_>>()
    };
    let (mut networks, mut volumes) = (Vec::new(), Vec::new());
    for service in services.values() {
        match &service["networks"] {
            Value::Object(named) => networks.extend(named.keys().map(String::as_str)),
            listed => networks.extend(texts(listed)),
        }
        for mount in texts(&service["volumes"]) {
            let (from, to) = mount.split_once(':').unwrap();
            assert!(to.starts_with('/'), "{mount}");
            match from.strip_prefix("./") {
                Some(file) => assert!(repository().join(file).is_file(), "{mount}"),
                None => volumes.push(from),
            }
        }
    }
    for (mut used, declared) in [
        (networks, declared("networks")),
        (volumes, declared("volumes")),
    ] {
        used.sort_unstable();
        used.dedup();
        assert_eq!(used, declared);
    }
}

#[test]
fn every_service_of_ours_is_watched_and_runs_a_command_that_there_is() {
    let compose = compose();
    let services = &compose["services"];
    let read = |words: &[&str]| {
        let line = ["exeunt"].iter().chain(words);
        Arguments::try_parse_from(line).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    };
    let serve = read(&texts(&services["exeunt"]["command"]));
    assert!(matches!(serve.command, Command::Serve));
    let examples = read(&texts(&services["examples"]["command"]));
    assert!(matches!(examples.command, Command::Demo(_)));
    assert_eq!(services["examples"]["healthcheck"]["disable"], true);
    let check = texts(&services["exeunt"]["healthcheck"]["test"]);
    assert_eq!(check[..2], ["CMD", "exeunt"]);
    let check = read(&check[2..]);
    assert!(matches!(check.command, Command::Healthcheck));
    assert_eq!(check.config, serve.config);
    let check = texts(&services["postgres"]["healthcheck"]["test"]);
    assert_eq!(check[..2], ["CMD", "pg_isready"]);
    let check = texts(&services["redis"]["healthcheck"]["test"]);
    assert_eq!(check[..2], ["CMD", "redis-cli"]);
    for service in ["exeunt", "postgres", "redis"] {
        let check = &services[service]["healthcheck"];
        assert!(
            check["interval"].is_string() && check["timeout"].is_string(),
            "{service}"
        );
    }
}

/// The issuer has one name for the browser and for the containers, and notices may go to their network alone.
#[test]
fn its_configuration_and_its_networks_agree() {
    let compose = compose();
    let services = &compose["services"];
    let environment = services["exeunt"]["environment"].as_object().unwrap();
    let environment = environment.iter().map(|(name, value)| {
        let value = value.as_str().expect("a text");
        // As it is where the variable is not set.
        (name.clone(), value.replace("${EXEUNT_BUS:-}", ""))
    });
    let file = repository().join("docs/compose/exeunt.toml");
    let config = Config::load(Some(file.as_path()), environment).unwrap();
    let aliases = |service: &str| texts(&services[service]["networks"]["stage"]["aliases"]);
    assert_eq!(aliases("exeunt"), [config.issuer.host()]);
    let command = texts(&services["examples"]["command"]);
    assert!(command.contains(&config.issuer.as_str()));
    let port = format!("127.0.0.1:{0}:{0}", config.listen.port());
    assert_eq!(texts(&services["exeunt"]["ports"]), [port.as_str()]);
    assert!(config.database.as_str().contains("@postgres/"));
    let subnet = &compose["networks"]["stage"]["ipam"]["config"][0]["subnet"];
    assert_eq!(config.bus, None);
    let allowed = config.outbound.allow_private_networks;
    let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
    assert_eq!(texts(&Value::Array(vec![subnet.clone()])), allowed);
    let clients = config.clients.iter();
    let uris = clients.flat_map(|client| &client.metadata.redirect_uris);
    let services = config.services.iter();
    let uris = uris.chain(services.map(|known| &known.service.identifier));
    let mut hosts: Vec<_> = uris
        .map(|uri| url::Url::parse(uri).unwrap().host_str().unwrap().to_owned())
        .collect();
    hosts.sort_unstable();
    let mut named = aliases("examples");
    named.sort_unstable();
    assert_eq!(hosts, named);
}
