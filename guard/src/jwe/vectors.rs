//! The examples of RFC 7516, RFC 7518, RFC 7520 and RFC 8037, as far as their algorithms are ours. Of examples whose key
//! is wrapped in another way the content is read with the content encryption key that they print.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};

use super::agreement::{agree, derive};
use super::*;

/// What RFC 7520 §5 encrypts.
const PLAIN: &str = "You can trust us to stick with you through thick and thin\u{2013}to the bitter end. And you can trust us to \
    keep any secret of yours\u{2013}closer than you keep it yourself. But you cannot trust us to let you face trouble \
    alone, and go off without a word. We are your friends, Frodo.";

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len() / 2)
        .map(|place| u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).unwrap())
        .collect()
}

/// The content of a token whose content encryption key is known.
fn content(token: &str, enc: ContentEncryption, key: &[u8]) -> Vec<u8> {
    let parts = Parts::read(token).unwrap();
    let aad = parts.protected.as_bytes();
    let key = enc.key(key).unwrap();
    key.open(&parts.iv, aad, parts.ciphertext, &parts.tag)
        .unwrap()
}

/// The same content encrypted again, as the last three parts of the token.
fn encrypted_again(token: &str, enc: ContentEncryption, key: &[u8], plain: &[u8]) -> bool {
    let parts = Parts::read(token).unwrap();
    let aad = parts.protected.as_bytes();
    let sealed = enc
        .key(key)
        .unwrap()
        .seal(&parts.iv, aad, plain.to_vec())
        .unwrap();
    let encrypted_key = base64url::decode(parts.encrypted_key).unwrap();
    compact(parts.protected, &encrypted_key, &parts.iv, &sealed) == token
}

#[test]
fn rfc_7516_a_1_a256gcm() {
    let key = [
        177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246, 138, 7, 110,
        91, 112, 46, 34, 105, 47, 130, 203, 46, 122, 234, 64, 252,
    ];
    let token = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ\
        .\
        .48V1_ALb6US04U3b\
        .5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A\
        .XFBoMYUZodetZdvTiFvSkQ";
    let plain = b"The true sign of intelligence is not knowledge but imagination.";
    assert_eq!(content(token, ContentEncryption::A256Gcm, &key), plain);
    assert!(encrypted_again(
        token,
        ContentEncryption::A256Gcm,
        &key,
        plain
    ));
}

const LIVE_LONG: [u8; 32] = [
    4, 211, 31, 197, 84, 157, 252, 254, 11, 100, 157, 250, 63, 170, 106, 206, 107, 124, 212, 45,
    111, 107, 9, 219, 200, 177, 0, 240, 143, 156, 44, 207,
];

#[test]
fn rfc_7516_a_2_and_a_3_a128cbc_hs256() {
    for token in [
        "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0\
        .UGhIOguC7IuEvf_NPVaXsGMoLOmwvc1GyqlIKOK1nN94nHPoltGRhWhw7Zx0-kFm1NJn8LE9XShH59_i8J0PH5ZZyNfGy2xGdULU7sHNF\
        6Gp2vPLgNZ__deLKxGHZ7PcHALUzoOegEI-8E66jX2E4zyJKx-YxzZIItRzC5hlRirb6Y5Cl_p-ko3YvkkysZIFNPccxRU7qve1WYPxqbb\
        2Yw8kZqa2rMWI5ng8OtvzlV7elprCbuPhcCdZ6XDP0_F8rkXds2vE4X-ncOIM8hAYHHi29NX0mcKiRaD0-D-ljQTP-cFPgwCp6X-nZZd9O\
        HBv-B3oWh2TbqmScqXMR4gp_A\
        .AxY8DCtDaGlsbGljb3RoZQ\
        .KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY\
        .9hH0vgRfYgPnAHOd8stkvw",
        "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0\
        .6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ\
        .AxY8DCtDaGlsbGljb3RoZQ\
        .KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY\
        .U0m_YmjN04DJvceFICbCVQ",
    ] {
        let (enc, plain) = (ContentEncryption::A128CbcHs256, b"Live long and prosper.");
        assert_eq!(content(token, enc, &LIVE_LONG), plain);
        assert!(encrypted_again(token, enc, &LIVE_LONG, plain));
        // Attack 34: their ways to wrap a key are none of ours.
        let keys = [DecryptingKey::from_jwk(&DecryptingKey::generate_jwk("1").unwrap()).unwrap()];
        assert_eq!(decrypt(token, &keys).err(), Some(Refused::Algorithm));
    }
}

#[test]
fn rfc_7518_b_1_a128cbc_hs256() {
    let key: Vec<u8> = (0..32).collect();
    let plain = b"A cipher system must not be required to be secret, and it must be able to fall into the hands of the \
        enemy without inconvenience";
    let aad = b"The second principle of Auguste Kerckhoffs";
    let iv = hex("1af38c2dc2b96ffdd86694092341bc04");
    let text = hex(
        "c80edfa32ddf39d5ef00c0b468834279 a2e46a1b8049f792f76bfe54b903a9c9 a94ac9b47ad2655c5f10f9aef71427e2
         fc6f9b3f399a221489f16362c7032336 09d45ac69864e3321cf82935ac4096c8 6e133314c54019e8ca7980dfa4b9cf1b
         384c486f3a54c51078158ee5d79de59f bd34d848b3d69550a67646344427ade5 4b8851ffb598f7f80074b9473c82e2db",
    );
    let tag = hex("652c3fa36b0a7c5b3219fab3a30bc1c4");
    let key = ContentEncryption::A128CbcHs256.key(&key).unwrap();
    let sealed = key.seal(&iv, aad, plain.to_vec()).unwrap();
    assert_eq!((&sealed.0, &sealed.1[..]), (&text, &tag[..]));
    assert_eq!(key.open(&iv, aad, text, &tag).unwrap(), plain);
}

#[test]
fn rfc_7518_c_concat_kdf() {
    let (alice, bob) = (
        base64url::decode("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo").unwrap(),
        json!({
            "kty": "EC", "crv": "P-256",
            "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
            "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
            "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
        }),
    );
    let alice = PrivateKey::from_private_key(&ECDH_P256, &alice).unwrap();
    let enc = ContentEncryption::A128Gcm;
    let public = agreement::Curve::P256.public_bytes(&bob).unwrap();
    let key = agree(&alice, &public, enc, (b"Alice", b"Bob")).unwrap();
    assert_eq!(base64url::encode(key), "VqqN6vgjbSBcIijNcacQGg");

    let secret = [
        158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110,
        163, 218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
    ];
    let key = derive(&secret, enc, b"Alice", b"Bob");
    assert_eq!(base64url::encode(key), "VqqN6vgjbSBcIijNcacQGg");

    // The other side, from its header.
    let bob = DecryptingKey::from_jwk(&bob).unwrap();
    let epk = agreement::Curve::P256.public_jwk(alice.compute_public_key().unwrap().as_ref());
    assert_eq!(epk["x"], "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0");
    let header =
        json!({ "alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i", "epk": epk });
    let header = Header::read(&base64url::encode(header.to_string())).unwrap();
    let key = bob.content_key(&header, "").unwrap();
    assert_eq!(base64url::encode(key), "VqqN6vgjbSBcIijNcacQGg");
}

#[test]
fn rfc_7520_5_1_a128cbc_hs256() {
    let token = "eyJhbGciOiJSU0ExXzUiLCJraWQiOiJmcm9kby5iYWdnaW5zQGhvYmJpdG9uLmV4YW1wbGUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2\
        In0\
        .\
        .bbd5sTkYwhAIqfHsx8DayA\
        .0fys_TY_na7f8dwSfXLiYdHaA2DxUjD67ieF7fcVbIR62JhJvGZ4_FNVSiGc_raa0HnLQ6s1P2sv3Xzl1p1l_o5wR_RsSzrS8Z-wnI3Jvo\
        0mkpEEnlDmZvDu_k8OWzJv7eZVEqiWKdyVzFhPpiyQU28GLOpRc2VbVbK4dQKPdNTjPPEmRqcaGeTWZVyeSUvf5k59yJZxRuSvWFf6KrNtm\
        RdZ8R4mDOjHSrM_s8uwIFcqt4r5GX8TKaI0zT5CbL5Qlw3sRc7u_hg0yKVOiRytEAEs3vZkcfLkP6nbXdC_PkMdNS-ohP78T2O6_7uInMGh\
        FeX4ctHG7VelHGiT93JfWDEQi5_V9UN1rhXNrYu-0fVMkZAKX3VWi7lzA6BP430m\
        .kvKuFBXHe5mQr4lqgobAUg";
    let key = base64url::decode("3qyTVhIWt5juqZUCpfRqpvauwB956MEJL2Rt-8qXKSo").unwrap();
    let enc = ContentEncryption::A128CbcHs256;
    assert_eq!(content(token, enc, &key), PLAIN.as_bytes());
    assert!(encrypted_again(token, enc, &key, PLAIN.as_bytes()));
}

#[test]
fn rfc_7520_5_2_a256gcm() {
    let token = "eyJhbGciOiJSU0EtT0FFUCIsImtpZCI6InNhbXdpc2UuZ2FtZ2VlQGhvYmJpdG9uLmV4YW1wbGUiLCJlbmMiOiJBMjU2R0NNIn0\
        .\
        .-nBoKLH0YkLZPSI9\
        .o4k2cnGN8rSSw3IDo1YuySkqeS_t2m1GXklSgqBdpACm6UJuJowOHC5ytjqYgRL-I-soPlwqMUf4UgRWWeaOGNw6vGW-xyM01lTYxrXfVzII\
        aRdhYtEMRBvBWbEwP7ua1DRfvaOjgZv6Ifa3brcAM64d8p5lhhNcizPersuhw5f-pGYzseva-TUaL8iWnctc-sSwy7SQmRkfhDjwbz0fz6kFo\
        vEgj64X1I5s7E6GLp5fnbYGLa1QUiML7Cc2GxgvI7zqWo0YIEc7aCflLG1-8BboVWFdZKLK9vNoycrYHumwzKluLWEbSVmaPpOslY2n525DxD\
        fWaVFUfKQxMF56vn4B9QMpWAbnypNimbM8zVOw\
        .UCGiqJxhBI3IFVdPalHHvA";
    let key = base64url::decode("mYMfsggkTAm0TbvtlFh2hyoXnbEzJQjMxmgLN3d8xXA").unwrap();
    let enc = ContentEncryption::A256Gcm;
    assert_eq!(content(token, enc, &key), PLAIN.as_bytes());
    assert!(encrypted_again(token, enc, &key, PLAIN.as_bytes()));
}

#[test]
fn rfc_7520_5_5_ecdh_es_with_a128cbc_hs256() {
    let token = "eyJhbGciOiJFQ0RILUVTIiwia2lkIjoibWVyaWFkb2MuYnJhbmR5YnVja0BidWNrbGFuZC5leGFtcGxlIiwiZXBrIjp7Imt0eSI6Ik\
        VDIiwiY3J2IjoiUC0yNTYiLCJ4IjoibVBVS1RfYkFXR0hJaGcwVHBqanFWc1AxclhXUXVfdndWT0hIdE5rZFlvQSIsInkiOiI4QlFBc0ltR2V\
        BUzQ2ZnlXdzVNaFlmR1RUMElqQnBGdzJTUzM0RHY0SXJzIn0sImVuYyI6IkExMjhDQkMtSFMyNTYifQ\
        .\
        .yc9N8v5sYyv3iGQT926IUg\
        .BoDlwPnTypYq-ivjmQvAYJLb5Q6l-F3LIgQomlz87yW4OPKbWE1zSTEFjDfhU9IPIOSA9Bml4m7iDFwA-1ZXvHteLDtw4R1XRGMEsDIqAYts\
        kTTmzmzNa-_q4F_evAPUmwlO-ZG45Mnq4uhM1fm_D9rBtWolqZSF3xGNNkpOMQKF1Cl8i8wjzRli7-IXgyirlKQsbhhqRzkv8IcY6aHl24j03\
        C-AR2le1r7URUhArM79BY8soZU0lzwI-sD5PZ3l4NDCCei9XkoIAfsXJWmySPoeRb2Ni5UZL4mYpvKDiwmyzGd65KqVw7MsFfI_K767G9C9Az\
        p73gKZD0DyUn1mn0WW5LmyX_yJ-3AROq8p1WZBfG-ZyJ6195_JGG2m9Csg\
        .WCCkNa-x4BeB9hIDIfFuhg";
    let key = DecryptingKey::from_jwk(&json!({
        "kty": "EC", "kid": "meriadoc.brandybuck@buckland.example", "use": "enc", "crv": "P-256",
        "x": "Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0",
        "y": "HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw",
        "d": "r_kHyZ-a06rmxM3yESK84r1otSg-aQcVStkRhA-iCM8",
    }));
    let keys = [key.unwrap()];
    assert_eq!(decrypt(token, &keys).unwrap().1, PLAIN.as_bytes());
    // It says nothing of a signed token inside.
    let expected = Expected::new("", "");
    assert_eq!(
        parse_nested(token, &keys, &[], &expected, 0),
        Err(Refused::Type)
    );
}

#[test]
fn rfc_7520_5_6_a128gcm() {
    let token = "eyJhbGciOiJkaXIiLCJraWQiOiI3N2M3ZTJiOC02ZTEzLTQ1Y2YtODY3Mi02MTdiNWI0NTI0M2EiLCJlbmMiOiJBMTI4R0NNIn0\
        .\
        .refa467QzzKx6QAB\
        .JW_i_f52hww_ELQPGaYyeAB6HYGcR559l9TYnSovc23XJoBcW29rHP8yZOZG7YhLpT1bjFuvZPjQS-m0IFtVcXkZXdH_lr_FrdYt9HRUYksht\
        rMmIUAyGmUnd9zMDB2n0cRDIHAzFVeJUDxkUwVAE7_YGRPdcqMyiBoCO-FBdE-Nceb4h3-FtBP-c_BIwCPTjb9o0SbdcdREEMJMyZBH8ySWMV\
        i1gPD9yxi-aQpGbSv_F9N4IZAxscj5g-NJsUPbjk29-s7LJAGb15wEBtXphVCgyy53CoIKLHHeJHXex45Uz9aKZSRSInZI-wjsY0yu3cT4_aQ\
        3i1o-tiE-F8Ios61EKgyIQ4CWao8PFMj8TTnp\
        .vbb32Xvllea2OtmHAdccRQ";
    let key = base64url::decode("XctOhJAkA-pD9Lh7ZgW_2A").unwrap();
    let enc = ContentEncryption::A128Gcm;
    assert_eq!(content(token, enc, &key), PLAIN.as_bytes());
    assert!(encrypted_again(token, enc, &key, PLAIN.as_bytes()));
}

/// RFC 8037, appendix A.6, as a whole token.
#[test]
fn rfc_8037_a_6_ecdh_es_on_x25519() {
    let token = "eyJhbGciOiJFQ0RILUVTIiwia2lkIjoiQm9iIiwiZXBrIjp7Imt0eSI6Ik9LUCIsImNydiI6IlgyNTUxOSIsIngiOiJ4dlhIaDNRM\
        lM0Vm90WGdCZGRHV0RfS2huellaX2V1QjJlYWVrTHZ2QURVIn0sImVuYyI6IkExMjhHQ00ifQ\
        .\
        .0tCoBvRfolezYjpJ\
        .cX3qZ4cfxiyr_Leem1b69MeLo-BHsMJy6RetGse91pgXjR7X87k1e7dJliYfzgseMV9dcVo3i1cAPeU2jkDCxrjxIBW0iUlF3JfkVH7DU3B8\
        GxzkblOJKwJE58Sd0rJEN9rSwfLf66sbTiY_vGYf7cZhbWhj6wwBnICFfaRh_2NubCdma7zX_vsdaGJXHn-6-jjR9UaQUbJD-tPn5UAW8Sa9l\
        PAcncYZywscUM-FET3tePOH2h_xv_LFGuN2KYJ3BED_Eyo--oSX17DD7ksSt0wfzy_TWczaG1E_TWn4nvP6T6d5nMp9OdfLWQNopQHoQGWlPb\
        aRLHCk2mNl1K5GsJ6Q4tjSdFWpqRDpQUz2eYAk\
        .Yd4jUyp_PC5cACOwaAGwUQ";
    let key = DecryptingKey::from_jwk(&json!({
        "kty": "OKP", "kid": "Bob", "use": "enc", "crv": "X25519",
        "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
        "d": "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os",
    }));
    assert_eq!(decrypt(token, &[key.unwrap()]).unwrap().1, PLAIN.as_bytes());
}
