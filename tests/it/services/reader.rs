//! Reads encrypted tokens with nothing of ours and nothing of `exeunt-guard`: what the specifications say, over
//! cryptographic primitives.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The header of a compact JWE, and its content under A128CBC-HS256 (RFC 7518 §5.2.2.2). `key` finds the content
/// encryption key by header and encrypted key.
pub fn open_jwe(token: &str, key: impl FnOnce(&Value, &[u8]) -> Vec<u8>) -> (Value, Vec<u8>) {
    let parts: Vec<&str> = token.split('.').collect();
    let [protected, encrypted_key, iv, text, tag] = parts[..] else {
        panic!("no compact JWE: {token}");
    };
    let header: Value = serde_json::from_slice(&decode(protected)).unwrap();
    assert_eq!(header["enc"], "A128CBC-HS256");
    let key = key(&header, &decode(encrypted_key));
    let (mac, cipher) = key.split_at(16);
    let (iv, mut text) = (decode(iv), decode(text));
    let bits = u64::try_from(protected.len() * 8).unwrap().to_be_bytes();
    let message = [protected.as_bytes(), &iv, &text, &bits].concat();
    let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, mac), &message);
    assert_eq!(&expected.as_ref()[..16], decode(tag));
    let cipher = UnboundCipherKey::new(&AES_128, cipher).unwrap();
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).unwrap();
    let context = DecryptionContext::Iv128(FixedLength::try_from(&iv[..]).unwrap());
    let plain = cipher.decrypt(&mut text, context).unwrap().to_vec();
    (header, plain)
}

/// The name of the key, and the claims of a compact token (docs/tokens.md) by their labels.
pub fn open_cwt(token: &str, mac: &[u8], cipher: &[u8]) -> (u8, Map<String, Value>) {
    let bytes = decode(token);
    let Item::Array(outer) = Cbor(&bytes).item() else {
        panic!("no COSE_Encrypt0");
    };
    let [
        Item::Bytes(protected),
        Item::Map(unprotected),
        Item::Bytes(text),
    ] = &outer[..]
    else {
        panic!("no COSE_Encrypt0: {outer:?}");
    };
    let Item::Map(header) = Cbor(protected).item() else {
        panic!("no header");
    };
    let [
        (Item::Number(1), Item::Number(1)),
        (Item::Number(4), Item::Bytes(kid)),
    ] = &header[..]
    else {
        panic!("not A128GCM, or no kid: {header:?}");
    };
    let [(Item::Number(5), Item::Bytes(nonce))] = &unprotected[..] else {
        panic!("no nonce: {unprotected:?}");
    };
    // Enc_structure (RFC 9052 §5.3).
    let mut aad = b"\x83\x68Encrypt0".to_vec();
    aad.push(0x40 | u8::try_from(protected.len()).unwrap());
    aad.extend_from_slice(protected);
    aad.push(0x40);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, cipher).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    let mut text = text.clone();
    let plain = key.open_in_place(nonce, Aad::from(aad), &mut text).unwrap();

    let Item::Array(inner) = Cbor(plain).item() else {
        panic!("no COSE_Mac0");
    };
    let [
        Item::Bytes(protected),
        Item::Map(empty),
        Item::Bytes(payload),
        Item::Bytes(tag),
    ] = &inner[..]
    else {
        panic!("no COSE_Mac0: {inner:?}");
    };
    assert!(protected == &[0xa1, 1, 4] && empty.is_empty());
    // MAC_structure (RFC 9052 §6.3).
    let mut message = b"\x84\x64MAC0\x43\xa1\x01\x04\x40".to_vec();
    head(&mut message, payload.len());
    message.extend_from_slice(payload);
    let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, mac), &message);
    assert_eq!(&expected.as_ref()[..8], tag);

    let Item::Map(claims) = Cbor(payload).item() else {
        panic!("no claims");
    };
    let claims = claims.into_iter();
    let claims = claims.map(|(label, value)| match label {
        Item::Number(label) => (label.to_string(), value.json()),
        Item::Text(label) => (label, value.json()),
        label => panic!("no label: {label:?}"),
    });
    (kid[0], claims.collect())
}

/// The head of a byte string.
fn head(out: &mut Vec<u8>, length: usize) {
    match length {
        0..24 => out.push(0x40 | u8::try_from(length).unwrap()),
        24..256 => out.extend([0x58, u8::try_from(length).unwrap()]),
        _ => {
            out.push(0x59);
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
}

#[derive(Debug, Clone)]
enum Item {
    Number(i64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Item>),
    Map(Vec<(Item, Item)>),
    Yes(bool),
}

impl Item {
    /// A byte string is shown as UUIDs are.
    fn json(self) -> Value {
        match self {
            Self::Number(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Yes(yes) => json!(yes),
            Self::Bytes(bytes) => json!(uuid::Uuid::from_slice(&bytes).unwrap().to_string()),
            other => panic!("nothing that these tests know: {other:?}"),
        }
    }
}

/// Reads well-formed CBOR (RFC 8949 §3) of the kinds that are needed here.
struct Cbor<'a>(&'a [u8]);

impl Cbor<'_> {
    fn item(mut self) -> Item {
        let item = self.next();
        assert!(self.0.is_empty(), "something follows");
        item
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken.to_vec()
    }

    fn next(&mut self) -> Item {
        let first = self.take(1)[0];
        let more = match first & 31 {
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => 0,
        };
        let number = match more {
            0 => u64::from(first & 31),
            more => (self.take(more).iter()).fold(0, |all, byte| all << 8 | u64::from(*byte)),
        };
        let signed = i64::try_from(number).unwrap();
        let length = usize::try_from(number).unwrap();
        match first >> 5 {
            0 => Item::Number(signed),
            1 => Item::Number(-1 - signed),
            2 => Item::Bytes(self.take(length)),
            3 => Item::Text(String::from_utf8(self.take(length)).unwrap()),
            4 => Item::Array((0..length).map(|_| self.next()).collect()),
            5 => Item::Map((0..length).map(|_| (self.next(), self.next())).collect()),
            7 if length == 20 || length == 21 => Item::Yes(length == 21),
            _ => panic!("an item of kind {first:x}"),
        }
    }
}
