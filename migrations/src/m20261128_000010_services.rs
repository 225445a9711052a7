//! Services (resource servers), their keys, and what a grant or a consent says of them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, string, text, text_null, uuid,
};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000010_services"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(services()).await?;
        manager.create_table(service_keys()).await?;
        let mut index = Index::create();
        index
            .name("service_keys_by_service")
            .table("service_keys")
            .col("service");
        manager.create_index(index).await?;

        // Which services a grant may be used for, as a JSON list.
        let mut resources = ColumnDef::new("resources");
        resources.text();
        let mut grants = Table::alter();
        grants.table("grants").add_column(resources);
        manager.alter_table(grants).await?;
        // Which scopes of which services a person allowed, as a JSON object.
        let mut services = ColumnDef::new("services");
        services.text();
        let mut consents = Table::alter();
        consents.table("consents").add_column(services);
        manager.alter_table(consents).await
    }
}

fn services() -> TableCreateStatement {
    let mut identifier = text("identifier");
    identifier.primary_key();
    let mut table = Table::create();
    table
        .table("services")
        .col(identifier)
        .col(text_null("name"))
        .col(string("format"))
        .col(text("scope"))
        .col(big_integer("lifetime"))
        .col(text("claims"))
        .col(text_null("clients"))
        .col(text_null("secret_hash"))
        .col(boolean("is_declared"))
        .col(big_integer_null("disabled_at"))
        .col(big_integer("created_at"));
    table
}

fn service_keys() -> TableCreateStatement {
    let mut id = uuid("id");
    id.primary_key();
    let mut of_service = ForeignKey::create();
    of_service
        .from("service_keys", "service")
        .to("services", "identifier")
        .on_delete(ForeignKeyAction::Cascade);
    let mut table = Table::create();
    table
        .table("service_keys")
        .col(id)
        .col(text("service"))
        .col(string("kid"))
        .col(string("kind"))
        // Of a shared key.
        .col(text_null("sealed"))
        // Of a public one: a JWK.
        .col(text_null("jwk"))
        .col(big_integer("created_at"))
        .col(big_integer("sign_from"))
        .col(big_integer_null("retire_at"))
        // About how many tokens were made under it.
        .col(big_integer("tokens"))
        .foreign_key(&mut of_service);
    table
}
