//! The schema of Exeunt's database, step by step. Never imports the entities: a migration must keep
//! meaning what it meant on the day it was written.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261123_000001_house;
mod m20261124_000001_every_cause;
mod m20261124_000010_retention;
mod m20261124_000020_storms;
mod m20261125_000010_registration;
mod m20261125_000020_client_secrets;
mod m20261125_000030_claims;
mod m20261125_000040_logos;
mod m20261125_000060_lean_queue;
mod m20261125_000070_deleted_names;
mod m20261128_000010_services;
mod m20261128_000020_revocations;
mod m20261128_000040_audiences;
mod m20261128_000050_status_lists;
mod m20261128_000070_exchanged_tokens;
mod m20261128_000100_upstreams;
mod m20261128_000110_upstream_logouts;
mod m20261128_000120_upstream_leaving;
mod m20261128_000130_upstream_invitations;
mod m20261129_000010_previous_cookies;

/// Every step, in order.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_house::Migration),
            Box::new(m20261124_000001_every_cause::Migration),
            Box::new(m20261124_000010_retention::Migration),
            Box::new(m20261124_000020_storms::Migration),
            Box::new(m20261125_000010_registration::Migration),
            Box::new(m20261125_000020_client_secrets::Migration),
            Box::new(m20261125_000030_claims::Migration),
            Box::new(m20261125_000040_logos::Migration),
            Box::new(m20261125_000060_lean_queue::Migration),
            Box::new(m20261125_000070_deleted_names::Migration),
            Box::new(m20261128_000010_services::Migration),
            Box::new(m20261128_000020_revocations::Migration),
            Box::new(m20261128_000040_audiences::Migration),
            Box::new(m20261128_000050_status_lists::Migration),
            Box::new(m20261128_000070_exchanged_tokens::Migration),
            Box::new(m20261128_000100_upstreams::Migration),
            Box::new(m20261128_000110_upstream_logouts::Migration),
            Box::new(m20261128_000120_upstream_leaving::Migration),
            Box::new(m20261128_000130_upstream_invitations::Migration),
            Box::new(m20261129_000010_previous_cookies::Migration),
        ]
    }
}
