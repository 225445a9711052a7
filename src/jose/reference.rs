//! What we find again in the header of a token that is encrypted to its service's own key: sealed for ourselves, so that
//! whoever holds the token reads nothing in it and can't make one.

use aws_lc_rs::aead;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::master::MasterKey;
use crate::oidc::token::encrypted::Reference;

const LABEL: &str = "token reference";

/// Seals a reference. Each is under a key of its own (AES-256-GCM), derived from the token's `jti`, which no other token
/// has: so it needs no nonce, and no number of tokens wears a key out.
#[expect(
    clippy::expect_used,
    reason = "AES-GCM fails only beyond 64 GiB, far from any reference"
)]
pub fn seal_reference(master: &MasterKey, reference: &Reference) -> String {
    let mut sealed = reference.to_bytes();
    master
        .key_of_one(LABEL, reference.jti)
        .seal_in_place_append_tag(nonce(), aead::Aad::empty(), &mut sealed)
        .expect("the reference is short enough to seal");
    URL_SAFE_NO_PAD.encode([reference.jti.as_bytes(), sealed.as_slice()].concat())
}

/// Opens one that we sealed. None: it is none of ours, or was altered.
pub fn open_reference(master: &MasterKey, sealed: &str) -> Option<Reference> {
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (jti, sealed) = bytes.split_first_chunk_mut()?;
    let jti = Uuid::from_bytes(*jti);
    let plain = master
        .key_of_one(LABEL, jti)
        .open_in_place(nonce(), aead::Aad::empty(), sealed)
        .ok()?;
    Reference::from_bytes(jti, plain)
}

fn nonce() -> aead::Nonce {
    aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::scope::Scope;
    use crate::random::{Random, SeededRandom};

    fn reference(random: &dyn Random) -> Reference {
        Reference {
            jti: random.identifier(),
            grant: random.identifier(),
            sid: Some(random.identifier()),
            iat: 1_767_268_800,
            exp: 1_767_269_400,
            aud: "https://api.example/".to_owned(),
            scope: Scope::parse("read write").unwrap(),
        }
    }

    #[test]
    fn a_reference_opens_as_it_was_sealed_and_only_for_us() {
        let random = &SeededRandom::new(1);
        let (ours, others) = (MasterKey::generate(random), MasterKey::generate(random));
        let reference = reference(random);
        let sealed = seal_reference(&ours, &reference);
        assert_eq!(open_reference(&ours, &sealed), Some(reference));
        assert_eq!(open_reference(&others, &sealed), None);
        assert_eq!(sealed.len(), 151);
    }

    /// Attack 31: what is altered, or put together from two.
    #[test]
    fn no_bit_of_a_reference_can_be_changed_and_no_two_be_mixed() {
        let random = &SeededRandom::new(2);
        let master = MasterKey::generate(random);
        let [first, second] = [0, 1].map(|_| seal_reference(&master, &reference(random)));
        let (first, second) = [first, second]
            .map(|text| URL_SAFE_NO_PAD.decode(text).unwrap())
            .into();
        for bit in 0..first.len() * 8 {
            let mut altered = first.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let altered = URL_SAFE_NO_PAD.encode(altered);
            assert_eq!(open_reference(&master, &altered), None, "bit {bit}");
        }
        for length in 0..first.len() {
            let short = URL_SAFE_NO_PAD.encode(&first[..length]);
            assert_eq!(open_reference(&master, &short), None, "{length}");
        }
        let mixed = [&first[..16], &second[16..]].concat();
        assert_eq!(
            open_reference(&master, &URL_SAFE_NO_PAD.encode(mixed)),
            None
        );
    }
}
