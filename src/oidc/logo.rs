//! What may be shown as a client's `logo_uri` (Registration §2): a picture, whatever its sender calls it.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The most bytes of a logo.
pub const MOST_BYTES: usize = 128 * 1024;
/// What is asked for.
pub const ACCEPT: &str = "image/png, image/jpeg, image/webp, image/gif";

/// The media type of a raster image, by its first bytes alone (WHATWG MIME Sniffing §6.1); none for everything else.
/// SVG is no such image: it can hold scripts.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some("image/gif")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..14) == Some(b"WEBPVP") {
        Some("image/webp")
    } else {
        None
    }
}

/// The name of an image: it changes with the bytes.
pub fn fingerprint(bytes: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, bytes);
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack 69: a document that calls itself a picture.
    #[test]
    fn a_picture_is_known_by_its_first_bytes_and_nothing_else_is_one() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0rest", Some("image/jpeg")),
            (b"GIF89arest", Some("image/gif")),
            (b"GIF87arest", Some("image/gif")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 rest", Some("image/webp")),
            (b"RIFF\x01\x02\x03\x04WAVErest", None),
            (b"RIFF", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"<?xml version='1.0'?><svg/>", None),
            (b"<!doctype html><script>alert(1)</script>", None),
            (b" \x89PNG\r\n\x1a\n", None),
            (b"BM", None),
            (b"\0\0\x01\0", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{bytes:?}");
        }
    }
}
