//! `exeunt restored`: what must be done before a database is served that was put back from a copy.

use chrono::TimeDelta;

use super::show;
use crate::config::Config;
use crate::flows::{Provider, restored};
use crate::server::{self, Marker, Seams};
use crate::store::sessions;

pub(super) async fn run(config: Config, yes: bool) -> anyhow::Result<()> {
    let provider = server::open_unclaimed(config, Seams::default()).await?;
    let done = start_anew(&provider, yes).await;
    provider.database.close().await;
    done
}

async fn start_anew(provider: &Provider, yes: bool) -> anyhow::Result<()> {
    let marker = Marker::of(provider);
    let kept = marker.read()?;
    let open = sessions::count_unended(provider.database.read(), None).await?;
    show::say(format!(
        "{}: this ends {} and tells their applications, takes back every grant (offline_access too), forgets what \
         people have begun, and replaces the signing keys: nothing is believed any more that was issued before.\n\
         What only the lost database knew is lost: look through people, passwords and applications that were changed, \
         disabled or deleted since the copy was made.",
        provider.config.database,
        show::count(open, "session", "sessions"),
    ))?;
    if !yes {
        show::confirm()?;
    }
    show::say("Making new keys ...")?;
    let anew = restored::start_anew(provider, kept).await?;
    marker.write(anew.alive_at)?;
    // What is issued in the second that has begun counts as issued before: let nobody serve before it is over.
    let second = provider.clock.now() + TimeDelta::seconds(1);
    provider.clock.sleep_until(second).await;
    show::say(format!(
        "Done: {} over, and {} from now on. `exeunt serve` tells the applications when it starts.",
        show::count(open, "session is", "sessions are"),
        show::count(anew.keys as u64, "new key signs", "new keys sign"),
    ))
}
