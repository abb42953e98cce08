//! The shim by itself, driven by coreutils: what was synced stays, what was not goes.

use std::fs;
use std::process::Command;

use crate::disk::{Disk, Unsynced};
use crate::random::{Random, seed};

/// Runs a shell script in the watched directory, under the shim; true if it ended well.
fn run(disk: &Disk, script: &str) -> bool {
    Command::new("sh").args(["-ec", script]).current_dir(disk.data_dir()).envs(disk.env()).status().unwrap().success()
}

fn read(disk: &Disk, name: &str) -> Option<String> {
    fs::read_to_string(disk.data_dir().join(name)).ok()
}

/// `f` holds `synced`, and its name is synced.
fn disk_with_a_synced_file() -> Disk {
    let disk = Disk::new();
    assert!(run(&disk, "printf synced > f; sync f .; printf synced > g; sync g ."));
    disk
}

#[test]
fn synced_bytes_stay_and_unsynced_bytes_go() {
    let disk = disk_with_a_synced_file();
    assert!(run(&disk, "printf ' and more' >> f; printf XX | dd of=g bs=1 seek=2 conv=notrunc status=none"));
    assert_eq!(read(&disk, "f").unwrap() + &read(&disk, "g").unwrap(), "synced and moresyXXed");
    disk.lose_power(Unsynced::Lost);
    assert_eq!(read(&disk, "f").unwrap() + &read(&disk, "g").unwrap(), "syncedsynced");
}

#[test]
fn a_truncation_that_was_not_synced_is_undone() {
    let disk = disk_with_a_synced_file();
    assert!(run(&disk, "truncate -s 3 f; : > g"));
    disk.lose_power(Unsynced::Lost);
    assert_eq!(read(&disk, "f").unwrap() + &read(&disk, "g").unwrap(), "syncedsynced");
    assert!(run(&disk, "truncate -s 3 f; sync f; truncate -s 5 g; truncate -s 6 g; sync -d g"));
    disk.lose_power(Unsynced::Lost);
    assert_eq!(read(&disk, "f").unwrap() + &read(&disk, "g").unwrap(), "synsynce\0");
}

#[test]
fn a_name_stays_only_if_its_directory_was_synced() {
    let disk = disk_with_a_synced_file();
    assert!(run(&disk, "printf new > unsynced; sync unsynced; mkdir dir; printf in > dir/file; sync dir/file dir"));
    assert!(run(&disk, "rm g; mv f moved; printf other > f; sync f"));
    disk.lose_power(Unsynced::Lost);
    let names = ["f", "g", "moved", "unsynced", "dir/file"].map(|name| read(&disk, name));
    assert_eq!(names, [Some("synced".to_owned()), Some("synced".to_owned()), None, None, None]);

    assert!(run(&disk, "mkdir dir; sync .; printf in > dir/file; sync dir/file dir; rm g; mv f moved; sync ."));
    disk.lose_power(Unsynced::Lost);
    let names = ["f", "g", "moved", "dir/file"].map(|name| read(&disk, name));
    assert_eq!(names, [None, None, Some("synced".to_owned()), Some("in".to_owned())]);
}

#[test]
fn a_later_loss_goes_back_to_the_later_sync() {
    let disk = disk_with_a_synced_file();
    assert!(run(&disk, "printf lost >> f"));
    disk.lose_power(Unsynced::Lost);
    assert!(run(&disk, "printf ' again' >> f; sync -d f; printf lost >> f"));
    disk.lose_power(Unsynced::Lost);
    assert_eq!(read(&disk, "f").unwrap(), "synced again");
}

#[test]
fn bytes_of_a_failed_sync_never_reach_the_disk_by_a_later_one() {
    let disk = disk_with_a_synced_file();
    disk.fail_syncs(true);
    assert!(!run(&disk, "printf ' lost' >> f; sync f"));
    disk.fail_syncs(false);
    assert!(run(&disk, "printf ' kept' >> f; sync f"));
    assert_eq!(read(&disk, "f").unwrap(), "synced lost kept");
    disk.lose_power(Unsynced::Lost);
    assert_eq!(read(&disk, "f").unwrap(), "synced\0\0\0\0\0 kept");
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let disk = disk_with_a_synced_file();
    disk.fill(true);
    assert!(!run(&disk, "printf more >> f"));
    disk.fill(false);
    assert!(run(&disk, "printf ' more' >> f; sync f"));
    disk.lose_power(Unsynced::Lost);
    assert_eq!(read(&disk, "f").unwrap(), "synced more");
}

#[test]
fn a_torn_loss_keeps_some_whole_pages_and_drops_the_others() {
    let disk = Disk::new();
    assert!(run(&disk, "head -c 262144 /dev/zero | tr '\\0' a | dd of=f status=none; sync f ."));
    assert!(run(&disk, "head -c 262144 /dev/zero | tr '\\0' b | dd of=f conv=notrunc status=none"));
    let seed = seed();
    disk.lose_power(Unsynced::Torn(&mut Random::seeded(seed)));
    let bytes = fs::read(disk.data_dir().join("f")).unwrap();
    let pages: Vec<&[u8]> = bytes.chunks(4096).collect();
    let (old, new) = (vec![b'a'; 4096], vec![b'b'; 4096]);
    let kept = pages.iter().filter(|page| **page == new).count();
    assert_eq!(pages.iter().filter(|page| **page == old).count(), 64 - kept, "seed {seed}: a page is mixed");
    assert!((1..64).contains(&kept), "seed {seed}: {kept} of 64 pages kept");
}
