//! `exeunt demo`

use std::net::IpAddr;

use clap::Args;

/// `exeunt demo`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exeunt demo\n  exeunt demo --rehearse\n  exeunt demo --config exeunt.toml\n  \
                        exeunt demo --issuer http://exeunt.localhost:8080 --bind 0.0.0.0"
)]
pub struct DemoArguments {
    /// Perform the whole journey without a person; exits 0 only if all goes as it should
    ///
    /// Every application must be told of each sign-out, there and at the other house, and the service must refuse the
    /// tokens that it took before.
    #[arg(long)]
    pub rehearse: bool,
    /// The provider's port
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// The port of Ledger, which hears back-channel logout
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    pub ledger_port: u16,
    /// The port of Atlas, which hears back-channel logout and can pretend to be down
    #[arg(long, value_name = "PORT", default_value_t = 8082)]
    pub atlas_port: u16,
    /// The port of Gallery, which hears front-channel logout alone
    #[arg(long, value_name = "PORT", default_value_t = 8083)]
    pub gallery_port: u16,
    /// The port of Almanac, the service that the applications call
    #[arg(long, value_name = "PORT", default_value_t = 8084)]
    pub almanac_port: u16,
    /// The port of the other house, a second provider through which people sign in at the first
    #[arg(long, value_name = "PORT", default_value_t = 8085)]
    pub house_port: u16,
    /// Run the applications and the service alone, against the provider of this issuer
    ///
    /// They are then http://ledger.localhost, atlas.localhost, gallery.localhost and almanac.localhost at their ports,
    /// with the public secrets that docs/compose/exeunt.toml declares.
    #[arg(long, value_name = "URL", conflicts_with_all = ["rehearse", "port", "house_port"])]
    pub issuer: Option<String>,
    /// The address on which the applications listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,
}
