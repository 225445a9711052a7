//! An API behind axum that accepts the provider's tokens.
//!
//! ```sh
//! cargo run -p exeunt-guard --features tower,feed --example axum -- https://id.example https://api.example/ SECRET
//! curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8000/hello
//! ```
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to whoever runs it"
)]

use std::error::Error;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use exeunt_guard::tower::{Caller, ProtectLayer};
use exeunt_guard::{Guard, Staleness};
use tokio::net::TcpListener;

async fn hello(Extension(caller): Extension<Caller>) -> String {
    format!("Hello, {}\n", caller.sub)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, service, secret] = &arguments[..] else {
        return Err("three arguments: the issuer, the service's identifier and its secret".into());
    };
    let guard = Guard::builder(issuer, service)
        .service_secret(secret)
        .staleness(Staleness::RefuseBeyond(Duration::from_secs(60)))
        .connect()
        .await?;
    let reading = ProtectLayer::new(guard)
        .scope("read")
        .on_refusal(|refused| eprintln!("refused: {refused}"));
    let app = Router::new().route("/hello", get(hello)).layer(reading);
    println!("http://127.0.0.1:8000/hello");
    axum::serve(TcpListener::bind("127.0.0.1:8000").await?, app).await?;
    Ok(())
}
