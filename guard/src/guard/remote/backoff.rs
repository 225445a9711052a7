//! Waiting longer each time, and never in step with others.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    pub(super) fn reset(&mut self) {
        self.0 = FIRST;
    }

    /// How long to wait now: between half of it and all of it, by chance, so that a thousand services do not come back to
    /// a provider at the same moment.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.0;
        self.0 = (whole * 2).min(LONGEST);
        let mut byte = [0];
        // Without randomness it waits for the whole time.
        let chance = aws_lc_rs::rand::fill(&mut byte).map_or(255, |()| u32::from(byte[0]));
        whole / 2 + whole * chance / 510
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "work in the background of a service waits by the service's clock"
)]
pub(super) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_half_a_minute_and_start_again() {
        let mut backoff = Backoff::new();
        let mut whole = FIRST;
        for _ in 0..12 {
            let wait = backoff.next();
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
            whole = (whole * 2).min(LONGEST);
        }
        assert_eq!(whole, LONGEST);
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
