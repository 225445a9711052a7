//! `exeunt delivery list --follow`: what is wanted, what comes to it, and what changes.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Shown, answer, wanted};
use crate::cli::arguments::DeliveryList;
use crate::cli::{serve, show};
use crate::clock::Timestamp;
use crate::flows::Provider;
use crate::oidc::logout::DeliveryState;
use crate::store::deliveries::Delivery;
use crate::store::deliveries::listing;

/// How often it is looked for changes.
const LOOK: TimeDelta = TimeDelta::milliseconds(500);
/// So many of the newest that are wanted are read at each look. More than are shown at first: what comes to them need not be
/// the newest, since of the notices of one day some die before others.
const WINDOW: usize = 500;

/// Where a notice stands in the list: when its session ended, and its identifier.
type Position = (Timestamp, Uuid);
/// What changes of it: its state, and how often it was tried.
type Told = (DeliveryState, i32);

fn position(delivery: &Delivery) -> Position {
    (delivery.created_at, delivery.id)
}

fn told(delivery: &Delivery) -> Told {
    (delivery.state, delivery.attempts)
}

/// Prints the newest notices, then each that comes and each that changes, until Ctrl-C or until nobody reads any more.
pub(super) async fn follow(
    provider: &Provider,
    which: &DeliveryList,
    user_id: Option<Uuid>,
) -> anyhow::Result<()> {
    let stop = serve::stop_signal()?;
    tokio::pin!(stop);
    let mut follower = Follower {
        provider,
        which,
        user_id,
        window: WINDOW.max(which.limit as usize),
        known: BTreeMap::new(),
        looked_at: None,
        floor: None,
    };
    let mut news = follower.begin().await?;
    loop {
        for delivery in news {
            if !follower.tell(delivery)? {
                return Ok(());
            }
        }
        let again = provider.clock.now() + LOOK;
        tokio::select! {
            _ = &mut stop => return Ok(()),
            () = provider.clock.sleep_until(again) => {}
        }
        news = tokio::select! {
            _ = &mut stop => return Ok(()),
            news = follower.look() => news?,
        };
    }
}

struct Follower<'a> {
    provider: &'a Provider,
    which: &'a DeliveryList,
    user_id: Option<Uuid>,
    window: usize,
    /// What was told last, of those that are read at each look and of those that are still tried.
    known: BTreeMap<Position, Told>,
    /// The last one elsewhere at which was looked.
    looked_at: Option<Position>,
    /// Where the window ends: what stands behind was there before, and is not new.
    floor: Option<Position>,
}

impl Follower<'_> {
    /// The newest ones, as many as are asked for, oldest first.
    async fn begin(&mut self) -> anyhow::Result<Vec<Delivery>> {
        let wanted = wanted(self.which, self.user_id, self.provider.clock.now());
        let db = self.provider.database.read();
        let mut newest = listing::page(db, &wanted, self.window as u64).await?;
        if newest.len() == self.window {
            self.floor = newest.last().map(position);
        }
        self.known = newest
            .iter()
            .map(|one| (position(one), told(one)))
            .collect();
        newest.truncate(self.which.limit as usize);
        newest.reverse();
        Ok(newest)
    }

    /// What has come or changed since the last look, oldest first. A change is told even where the new state is none of
    /// those asked for: it has left them.
    async fn look(&mut self) -> anyhow::Result<Vec<Delivery>> {
        let mut wanted = wanted(self.which, self.user_id, self.provider.clock.now());
        if wanted.states.is_empty() {
            // The same, in words by which the database finds the newest without reading all.
            wanted.states = &DeliveryState::ALL;
        }
        wanted.ended_since = wanted.ended_since.max(self.floor.map(|(at, _)| at));
        let db = self.provider.database.read();
        let mut found: BTreeMap<Position, Delivery> = listing::all(db, &wanted)
            .await?
            .into_iter()
            .map(|one| (position(&one), one))
            .filter(|(place, _)| self.floor.is_none_or(|floor| *place >= floor))
            .collect();
        let mut known: BTreeMap<Position, Told> = found
            .iter()
            .map(|(place, one)| (*place, told(one)))
            .collect();
        let floor = found.keys().rev().nth(self.window - 1).copied();
        self.floor = self.floor.max(floor);

        // So many at a time, in turn: of an application that is down there may be a hundred thousand.
        let mut elsewhere: Vec<(Position, Told)> = self
            .known
            .iter()
            .filter(|(place, _)| !known.contains_key(*place))
            .map(|(place, told)| (*place, *told))
            .collect();
        let begin = elsewhere.partition_point(|(place, _)| Some(*place) <= self.looked_at);
        elsewhere.rotate_left(begin);
        let later = elsewhere.split_off(self.window.min(elsewhere.len()));
        self.looked_at = elsewhere.last().map(|(place, _)| *place);
        known.extend(later);
        let ids: Vec<Uuid> = elsewhere.iter().map(|((_, id), _)| *id).collect();
        for one in listing::find_all(db, &ids).await? {
            // One that is tried no more is told once and forgotten, or they would be more and more. It is not taken for
            // new later: it stands behind the floor, or changes before it is wanted again.
            if one.state.is_open() {
                known.insert(position(&one), told(&one));
            }
            found.insert(position(&one), one);
        }
        let before = std::mem::replace(&mut self.known, known);
        found.retain(|place, one| before.get(place) != Some(&told(one)));
        Ok(found.into_values().collect())
    }

    /// Prints it on a line of its own; false when nobody reads any more.
    fn tell(&self, delivery: Delivery) -> anyhow::Result<bool> {
        let shown = Shown::from(delivery);
        if self.which.output.json {
            return show::is_read(&serde_json::to_string(&shown)?);
        }
        show::is_read(&format!(
            "{}  {}  {}  {}  {}",
            show::time(self.provider.clock.now()),
            shown.id,
            shown.client_id,
            shown.state,
            answer(shown.last_status, shown.last_problem.as_deref()),
        ))
    }
}
