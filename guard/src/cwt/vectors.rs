//! The examples of RFC 8392 and of the collection that RFC 9052 (appendix C) belongs to, as far as their algorithms are
//! ours.

use aws_lc_rs::hmac;

use super::cbor::{self, Reader};
use super::cose;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|place| u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).unwrap())
        .collect()
}

/// RFC 8392, appendix A.4: a CWT with HMAC 256/64.
#[test]
fn the_maced_cwt_of_rfc_8392_has_our_tag() {
    let key = hex("403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let token = hex(
        "d83dd18443a10104a1044c53796d6d65747269633235365850a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b\
         77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b7148093101ef\
         6d789200"
            .replace(' ', "")
            .as_str(),
    );
    // The tags of a CWT and of a COSE_Mac0 stand before it.
    let mut reader = Reader::new(&token[3..]);
    assert_eq!(reader.number(cbor::ARRAY), Ok(4));
    let protected = reader.bytes().unwrap();
    assert_eq!(protected, super::MAC_PROTECTED);
    assert_eq!(reader.number(cbor::MAP), Ok(1));
    assert_eq!(reader.number(cbor::UNSIGNED), Ok(4));
    assert_eq!(reader.bytes(), Ok(&b"Symmetric256"[..]));
    let payload = reader.bytes().unwrap();
    let tag = reader.bytes().unwrap();
    reader.end().unwrap();
    assert_eq!(cose::mac(&key, protected, payload), tag);

    // Its claims are read as far as they are a map of such values.
    let mut reader = Reader::new(payload);
    assert_eq!(reader.number(cbor::MAP), Ok(7));
    assert_eq!(reader.number(cbor::UNSIGNED), Ok(1));
    assert_eq!(reader.text(), Ok("coap://as.example.com"));
    assert_eq!(reader.number(cbor::UNSIGNED), Ok(2));
    assert_eq!(reader.text(), Ok("erikw"));
}

/// HMac-enc-05 of the collection: a COSE_Mac0 with HMAC 256/64.
#[test]
fn the_mac0_example_has_our_tag() {
    let key = hex("849b57219dae48de646d07dbb533566e976686457c1491be3a76dcea6c427188");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = cose::mac(&key, &hex("a10104"), b"This is the content.");
    assert_eq!(tag[..], hex("11f9e357975fb849"));
    assert!(cose::check_mac(&key, &hex("a10105"), b"This is the content.", &tag).is_err());
}

/// aes-gcm-enc-01 of the collection: a COSE_Encrypt0 with A128GCM.
#[test]
fn the_encrypt0_example_has_our_ciphertext() {
    let key = cose::a128gcm(&hex("849b57219dae48de646d07dbb533566e")).unwrap();
    let protected = hex("a10101");
    assert_eq!(
        cose::enc_structure(&protected),
        hex("8368456e63727970743043a1010140")
    );
    let nonce: [u8; 12] = hex("02d1f7e6f26c43d4868d87ce").try_into().unwrap();
    let mut text = b"This is the content.".to_vec();
    cose::seal(&key, &protected, nonce, &mut text).unwrap();
    let expected = hex("60973a94bb2898009ee52ecfd9ab1dd25867374b162e2c03568b41f57c3cc16f9166250a");
    assert_eq!(text, expected);
    let plain = cose::open(&key, &protected, nonce, &mut text).unwrap();
    assert_eq!(plain, b"This is the content.");
}
