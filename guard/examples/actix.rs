//! An API behind actix-web that accepts the provider's tokens.
//!
//! ```sh
//! cargo run -p exeunt-guard --features actix,feed --example actix -- https://id.example https://api.example/ SECRET
//! curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8000/hello
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::error::Error;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use exeunt_guard::actix::{Caller, Protect};
use exeunt_guard::{Guard, Staleness};

async fn hello(caller: Caller) -> String {
    format!("Hello, {}\n", caller.sub)
}

#[actix_web::main]
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
    println!("http://127.0.0.1:8000/hello");
    // The guard is made once; every worker has a clone of it.
    HttpServer::new(move || {
        let reading = Protect::new(guard.clone()).scope("read");
        App::new().service(
            web::resource("/hello")
                .wrap(reading)
                .route(web::get().to(hello)),
        )
    })
    .bind(("127.0.0.1", 8000))?
    .run()
    .await?;
    Ok(())
}
