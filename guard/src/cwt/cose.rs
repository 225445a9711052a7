//! The two structures of COSE (RFC 9052) that the profile puts into each other.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{constant_time, hmac};

use super::cbor;

/// The tag of HMAC 256/64: SHA-256, of which 64 bits are kept (RFC 9053 §3.1).
pub(super) const MAC_TAG: usize = 8;

/// `Enc_structure` (RFC 9052 §5.3) of a COSE_Encrypt0: what is authenticated beside its content.
pub(super) fn enc_structure(protected: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    cbor::head(&mut out, cbor::ARRAY, 3);
    cbor::text(&mut out, "Encrypt0");
    cbor::bytes(&mut out, protected);
    cbor::bytes(&mut out, &[]);
    out
}

/// `MAC_structure` (RFC 9052 §6.3) of a COSE_Mac0: what the tag is made of.
fn mac_structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + payload.len());
    cbor::head(&mut out, cbor::ARRAY, 4);
    cbor::text(&mut out, "MAC0");
    cbor::bytes(&mut out, protected);
    cbor::bytes(&mut out, &[]);
    cbor::bytes(&mut out, payload);
    out
}

pub(super) fn mac(key: &hmac::Key, protected: &[u8], payload: &[u8]) -> [u8; MAC_TAG] {
    let whole = hmac::sign(key, &mac_structure(protected, payload));
    let mut tag = [0; MAC_TAG];
    tag.copy_from_slice(&whole.as_ref()[..MAC_TAG]);
    tag
}

pub(super) fn check_mac(
    key: &hmac::Key,
    protected: &[u8],
    payload: &[u8],
    tag: &[u8],
) -> Result<(), Unspecified> {
    constant_time::verify_slices_are_equal(&mac(key, protected, payload), tag)
}

/// A key for A128GCM (RFC 9053 §4.1).
pub(super) fn a128gcm(key: &[u8]) -> Result<LessSafeKey, Unspecified> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key)?))
}

/// Encrypts, and puts the tag behind (RFC 9053 §4.1).
pub(super) fn seal(
    key: &LessSafeKey,
    protected: &[u8],
    nonce: [u8; 12],
    plain: &mut Vec<u8>,
) -> Result<(), Unspecified> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(enc_structure(protected)), plain)
}

pub(super) fn open<'a>(
    key: &LessSafeKey,
    protected: &[u8],
    nonce: [u8; 12],
    text: &'a mut [u8],
) -> Result<&'a [u8], Unspecified> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let plain = key.open_in_place(nonce, Aad::from(enc_structure(protected)), text)?;
    Ok(plain)
}
