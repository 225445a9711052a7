//! From names to addresses, and the check that stands between them and a connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net;

use super::guard::Guard;

/// Where the outbound client learns the addresses of a name: a seam, so that tests can lie.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of `name`, at least one, or the reason why there is none.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Hands the HTTP client only addresses that the guard lets pass. It connects to exactly these, so a name that
/// answers differently a moment later changes nothing.
pub(super) struct GuardedResolver {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) guard: Guard,
    /// Whether the connection will be plain http.
    pub(super) plain: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, guard, plain) = (Arc::clone(&self.resolver), self.guard.clone(), self.plain);
        Box::pin(async move {
            let found = resolver.resolve(name.as_str()).await?;
            let mut allowed = Vec::new();
            let mut refused = None;
            for address in found {
                match guard.check(address, plain) {
                    Ok(()) => allowed.push(SocketAddr::new(address, 0)),
                    Err(reason) => refused = Some(reason),
                }
            }
            match refused {
                Some(reason) if allowed.is_empty() => Err(reason.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
