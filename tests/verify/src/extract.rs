// SPDX-License-Identifier: GPL-2.0-only

//! Copies what was decrypted to a directory.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::btrfs::filesystem::Filesystem;
use crate::btrfs::items::FileType;
use crate::btrfs::namespace::Entry;
use crate::btrfs::namespace::LOCKED;
use crate::fscrypt::contents;
use crate::fscrypt::kdf::Keyring;
use crate::manifest::escape;
use crate::Result;

/// Creates `to`, which must not exist, and in it all entries that can be read
/// and are no special files.  Directories come before what they hold and every
/// path once, so no symlink from the image is ever followed.
pub fn extract(fs: &Filesystem, keys: &Keyring, entries: &[Entry<'_>], to: &Path) -> Result<()> {
    for entry in entries.iter().filter(|e| e.hash != LOCKED) {
        let below = OsStr::from_bytes(&entry.path[1..]);
        let path = to.join(below);
        extract_one(fs, keys, entry, &path).map_err(|e| format!("{}: {e}", escape(&entry.path)))?;
    }
    Ok(())
}

fn extract_one(fs: &Filesystem, keys: &Keyring, entry: &Entry<'_>, path: &Path) -> Result<()> {
    match entry.file_type {
        FileType::Directory => fs::create_dir(path).map_err(|e| e.to_string()),
        FileType::Regular => {
            let mut file = fs::File::create_new(path).map_err(|e| e.to_string())?;
            contents::read_file(fs, keys, entry.subvolume, entry.ino, &mut |data| {
                file.write_all(data).map_err(|e| e.to_string())
            })
        }
        FileType::Symlink => {
            let target = contents::read_symlink(fs, keys, entry.subvolume, entry.ino)?;
            symlink(OsStr::from_bytes(&target), path).map_err(|e| e.to_string())
        }
        FileType::Special(_) => Ok(()),
    }
}
