//! How much memory the deny-list takes: a test alone in its process, whose whole memory it looks at.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests stop at what they did not expect")]

use std::fs;

use exeunt_guard::Claims;
use exeunt_guard::deny_list::{DenyList, Entry, Revoked};

const NOW: i64 = 1_767_268_800;
const ENTRIES: u128 = 1_000_000;
const MEBIBYTE: u64 = 1 << 20;

/// A figure of this process's memory, in bytes.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kibibytes = line.split_whitespace().nth(1).unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}

fn name(number: u128) -> String {
    // As far apart as random ones.
    uuid::Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
        .to_string()
}

#[test]
fn a_million_live_entries_take_less_than_64_mebibytes_at_every_moment() {
    let before = memory("VmRSS");
    let list = DenyList::new();
    for number in 0..ENTRIES {
        let entry = Entry {
            what: Revoked::Session(name(number)),
            until: NOW + 600,
        };
        list.add(&entry, NOW);
    }
    assert_eq!(list.len(), 1_000_000);
    let (now, most) = (memory("VmRSS") - before, memory("VmHWM") - before);
    assert!(
        most < 64 * MEBIBYTE,
        "{} MiB, {} at most",
        now / MEBIBYTE,
        most / MEBIBYTE
    );

    // It still tells them apart.
    let with = |number| Claims {
        sid: Some(name(number)),
        ..Claims::default()
    };
    for number in 0..100_000 {
        assert!(list.denies("", &with(number), []));
        assert!(!list.denies("", &with(ENTRIES + number), []));
    }
}
