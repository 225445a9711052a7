//! Taking due rows: of each client its share, in one short transaction.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::TimeDelta;

use super::load::Load;
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider};
use crate::oidc::client::ClientMetadata;
use crate::oidc::logout::breaker::{Breaker, Passage};
use crate::store::deliveries::Delivery;
use crate::store::deliveries::queue::{self, Lease, MOST_ROWS, Share};
use crate::store::{breakers, clients};

/// How long a claimed row stays ours: well beyond the wait for its turn and the longest attempt.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// The most rows that wait for their turn: they must have it well before their leases are over.
pub(super) const MOST_WAITING: usize = 2 * MOST_ROWS;
/// How often rows whose client is not asked are looked through for those whose time is over.
const GIVE_UP: TimeDelta = TimeDelta::seconds(1);

/// Where one client is told, as it was when the rows were claimed.
#[derive(Debug)]
pub(in crate::flows) struct Destination {
    /// Its settings.
    pub metadata: ClientMetadata,
    /// Scheme, host and port of its URI: what shares a server shares its share.
    pub origin: String,
}

impl Destination {
    pub(in crate::flows) fn of(client_id: &str, metadata: ClientMetadata) -> Self {
        let origin = metadata
            .backchannel_logout_uri
            .as_deref()
            .and_then(|uri| url::Url::parse(uri).ok())
            .map(|url| url.origin().ascii_serialization())
            // Nothing will be sent there; it shares with nobody.
            .unwrap_or_else(|| client_id.to_owned());
        Self { metadata, origin }
    }
}

/// A row that is ours to try.
#[derive(Debug)]
pub(in crate::flows) struct Claimed {
    /// The row.
    pub delivery: Delivery,
    /// What it is held under, and until when.
    pub lease: Lease,
    /// Where to.
    pub destination: Arc<Destination>,
    /// Whether it is the one that an open breaker lets pass.
    pub is_probe: bool,
}

/// Rows that were claimed and wait for their turn, a queue for each client.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queues: HashMap<String, VecDeque<Claimed>>,
    /// Whose turn it is.
    turns: VecDeque<String>,
}

impl Waiting {
    pub(super) fn push(&mut self, claimed: Claimed) {
        let client_id = &claimed.delivery.client_id;
        let queue = match self.queues.get_mut(client_id) {
            Some(queue) => queue,
            None => {
                self.turns.push_back(client_id.clone());
                self.queues.entry(client_id.clone()).or_default()
            }
        };
        queue.push_back(claimed);
    }

    /// The next row that `load` has room for; clients take turns.
    pub(super) fn next(&mut self, load: &Load) -> Option<Claimed> {
        for _ in 0..self.turns.len() {
            let client_id = self.turns.pop_front()?;
            let Some(queue) = self.queues.get_mut(&client_id) else {
                continue;
            };
            let fits = |first: &Claimed| load.has_room(&first.destination.origin);
            let next = if queue.front().is_some_and(fits) {
                queue.pop_front()
            } else {
                None
            };
            if queue.is_empty() {
                self.queues.remove(&client_id);
            } else {
                self.turns.push_back(client_id);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }

    /// Takes all that wait for one client.
    pub(super) fn take_of(&mut self, client_id: &str) -> VecDeque<Claimed> {
        self.turns.retain(|turn| turn != client_id);
        self.queues.remove(client_id).unwrap_or_default()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }

    /// How many wait for one client.
    pub(super) fn of(&self, client_id: &str) -> usize {
        self.queues.get(client_id).map_or(0, VecDeque::len)
    }

    /// Takes all that are left.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Claimed> {
        self.turns.clear();
        std::mem::take(&mut self.queues).into_values().flatten()
    }
}

/// Claims for one server.
#[derive(Debug, Default)]
pub(super) struct Claims {
    gave_up_at: Option<Timestamp>,
}

impl Claims {
    /// Takes as many due rows as are of use now. True: more are due than that.
    ///
    /// The look that most calls end with takes no lock and goes to a reader.
    pub(super) async fn take(
        &mut self,
        provider: &Provider,
        load: &Load,
        waiting: &mut Waiting,
    ) -> Result<bool, FlowError> {
        let now = provider.clock.now();
        let db = provider.database.read();
        let due = queue::due_clients(db, now).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let broken = breakers::all(db).await?;
        let mut known: HashMap<String, Arc<Destination>> = clients::find_all(db, &due)
            .await?
            .into_iter()
            .map(|known| {
                let client_id = known.client.client_id;
                let destination = Destination::of(&client_id, known.client.metadata);
                (client_id, Arc::new(destination))
            })
            .collect();
        let (mut shares, mut probes) = (Vec::new(), Vec::new());
        let mut is_more = false;
        for client_id in &due {
            let Some(destination) = known.get(client_id) else {
                continue;
            };
            let wanted = load
                .wanted(&destination.origin)
                .saturating_sub(waiting.of(client_id));
            let limit = match passage(&broken, client_id, now) {
                Passage::Shut(_) => 0,
                Passage::Probe => wanted.min(1),
                Passage::Free => wanted,
            };
            if limit > 0 {
                let client_id = client_id.clone();
                shares.push(Share { client_id, limit });
            } else {
                is_more |= wanted == 0;
            }
        }
        self.give_up(provider, &due, &broken, now).await?;
        let room = MOST_WAITING.saturating_sub(waiting.len());
        cut_down(&mut shares, room.min(MOST_ROWS));
        if shares.is_empty() {
            return Ok(is_more);
        }

        let lease = Lease {
            id: provider.random.row_id(now),
            until: now + LEASE,
        };
        let work = provider.begin_work().await?;
        let mut lost = Vec::new();
        // In the order in which the recorder holds breakers, or two of them would wait for each other.
        let mut ask: Vec<&str> = shares
            .iter()
            .map(|share| share.client_id.as_str())
            .collect();
        ask.sort_unstable();
        for client_id in ask {
            if passage(&broken, client_id, now) == Passage::Probe {
                if breakers::begin_probe(&work.tx, client_id, lease.until, now).await? {
                    probes.push(client_id.to_owned());
                } else {
                    lost.push(client_id.to_owned());
                }
            }
        }
        shares.retain(|share| !lost.contains(&share.client_id));
        let rows = queue::claim(&work.tx, &shares, lease, now).await?;
        let mut taken: HashMap<&str, usize> = HashMap::new();
        for row in &rows {
            *taken.entry(row.client_id.as_str()).or_default() += 1;
        }
        let idle: Vec<&str> = probes
            .iter()
            .map(String::as_str)
            .filter(|client_id| !taken.contains_key(client_id))
            .collect();
        if !idle.is_empty() {
            breakers::end_probes(&work.tx, &idle).await?;
        }
        work.commit().await?;

        is_more |= shares.iter().any(|share| {
            let taken = taken.get(share.client_id.as_str()).copied();
            taken.unwrap_or_default() == share.limit && !probes.contains(&share.client_id)
        });
        for delivery in rows {
            let is_probe = probes.contains(&delivery.client_id);
            let Some(destination) = known.get_mut(&delivery.client_id) else {
                continue;
            };
            waiting.push(Claimed {
                destination: Arc::clone(destination),
                delivery,
                lease,
                is_probe,
            });
        }
        Ok(is_more)
    }

    /// What waits behind open breakers is given up when its time is over, though nobody tries it.
    async fn give_up(
        &mut self,
        provider: &Provider,
        due: &[String],
        broken: &HashMap<String, Breaker>,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        if self.gave_up_at.is_some_and(|at| now - at < GIVE_UP) {
            return Ok(());
        }
        let shut: Vec<&String> = due
            .iter()
            .filter(|client_id| matches!(passage(broken, client_id, now), Passage::Shut(_)))
            .collect();
        if shut.is_empty() {
            return Ok(());
        }
        self.gave_up_at = Some(now);
        let work = provider.begin_work().await?;
        let mut given_up = 0;
        for client_id in shut {
            given_up += queue::give_up(&work.tx, client_id, now).await?;
        }
        work.commit().await?;
        if given_up > 0 {
            tracing::warn!(
                given_up,
                "notices were given up: nobody answered for as long as they were good for"
            );
            provider.receipts.send_replace(());
        }
        Ok(())
    }
}

fn passage(broken: &HashMap<String, Breaker>, client_id: &str, now: Timestamp) -> Passage {
    broken
        .get(client_id)
        .map_or(Passage::Free, |breaker| breaker.passage(now))
}

/// Makes the shares fit into `most` rows: each keeps what all can have alike, and more only where others want less.
fn cut_down(shares: &mut Vec<Share>, most: usize) {
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|place| shares.get(*place).map(|share| share.limit));
    let mut left = most;
    for (done, place) in order.iter().enumerate() {
        let alike = left / (order.len() - done);
        if let Some(share) = shares.get_mut(*place) {
            // While there are rows at all, whoever waits longest gets one.
            share.limit = share.limit.min(alike);
            left -= share.limit;
        }
    }
    shares.retain(|share| share.limit > 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(limits: &[usize]) -> Vec<Share> {
        let named = |(number, limit): (usize, &usize)| Share {
            client_id: number.to_string(),
            limit: *limit,
        };
        limits.iter().enumerate().map(named).collect()
    }

    /// P4: one with a long queue leaves the others what they want.
    #[test]
    fn p4_a_claim_is_cut_where_most_is_wanted() {
        for (wanted, most, given) in [
            (&[3, 5][..], 10, &[3, 5][..]),
            (&[100, 3, 100], 23, &[10, 3, 10]),
            (&[1, 1, 100], 10, &[1, 1, 8]),
        ] {
            let mut shares = shares(wanted);
            cut_down(&mut shares, most);
            let limits: Vec<_> = shares.iter().map(|share| share.limit).collect();
            assert_eq!(limits, given, "{wanted:?}");
        }
    }

    #[test]
    fn with_more_clients_than_rows_the_rows_are_given_all_the_same() {
        let mut shares = shares(&[2; 600]);
        cut_down(&mut shares, 500);
        assert_eq!(shares.iter().map(|share| share.limit).sum::<usize>(), 500);
    }
}
