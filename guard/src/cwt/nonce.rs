//! What must never repeat under a key.

/// How many tokens may be made under one [`Key`](super::Key), by all nodes together: 2^28. The key must have rotated
/// before.
///
/// Random nonces of 96 bits meet by chance. After so many tokens that has happened with a probability of less than
/// 2^-41 (n^2 / 2^97); NIST SP 800-38D §8.3 would allow sixteen times as many, with 2^-33. At a hundred tokens a second
/// it takes a month; a key that signs for a week or two, as keys here do, stays far below.
pub const TOKENS_PER_KEY: u64 = 1 << 28;

/// The nonce of one token: 96 random bits.
///
/// They come from the operating system's source of randomness, freshly for each token, and nothing is remembered.
/// That is why they do not repeat across nodes, restarts, restored backups and copies of a running machine: there is no
/// counter that could be set back, no clock, and no number of a node that two could have. The price is the limit
/// [`TOKENS_PER_KEY`].
///
/// Should the source fail all the same, and a nonce repeat, then the content of two tokens shows, but nobody can forge
/// one: that would take the key of the MAC inside.
///
/// A nonce can't be copied, and making a token uses it up.
#[derive(Debug)]
pub struct Nonce(pub(super) [u8; 12]);

impl Nonce {
    /// Takes twelve bytes that were drawn for this one token.
    pub fn from_random(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }
}
