// SPDX-License-Identifier: GPL-2.0-only

//! The paths of a filesystem, through all its subvolumes.

use std::collections::BTreeSet;
use std::collections::HashMap;

use sha2::Digest;
use sha2::Sha256;

use crate::btrfs::filesystem::Filesystem;
use crate::btrfs::filesystem::Subvolume;
use crate::btrfs::items;
use crate::btrfs::items::DirEntry;
use crate::btrfs::items::FileType;
use crate::btrfs::items::NameRef;
use crate::fscrypt::contents;
use crate::fscrypt::kdf::Keyed;
use crate::fscrypt::kdf::Keyring;
use crate::fscrypt::names;
use crate::fscrypt::policy::Context;
use crate::hex;
use crate::Result;

const NAME_MAX: usize = 255;

/// Stands for the hash of what can't be read without a key.
pub const LOCKED: &str = "locked";
/// Stands for the hash of what has no contents.
pub const NO_CONTENTS: &str = "-";

/// A path, and what is there.
pub struct Entry<'a> {
    pub subvolume: &'a Subvolume,
    pub ino: u64,
    /// Begins with a slash.  Without the key, names are no-key names.
    pub path: Vec<u8>,
    pub file_type: FileType,
    /// Length of the contents or target; 0 for all else.
    pub size: u64,
    /// SHA-256 of the contents or target, or one of the constants above.
    pub hash: String,
}

/// Lists everything that can be reached from the top-level subvolume, and what
/// is wrong on the way.
pub struct Walk<'a> {
    fs: &'a Filesystem,
    keys: &'a Keyring,
    /// Of (subvolume, inode): hard links are read once, and a directory that is
    /// met again would have no end.
    known: HashMap<(u64, u64), (u64, String)>,
    directories: BTreeSet<(u64, u64)>,
    pub entries: Vec<Entry<'a>>,
    pub problems: Vec<String>,
}

impl<'a> Walk<'a> {
    pub fn new(fs: &'a Filesystem, keys: &'a Keyring) -> Self {
        let mut walk = Self {
            fs,
            keys,
            known: HashMap::new(),
            directories: BTreeSet::new(),
            entries: Vec::new(),
            problems: Vec::new(),
        };
        if let Some(top) = fs.subvolumes.get(&items::FS_TREE) {
            walk.run(top);
        }
        walk.entries.sort_by(|a, b| a.path.cmp(&b.path));
        walk
    }

    fn run(&mut self, top: &'a Subvolume) {
        let mut todo = vec![(top, top.root_dir, Vec::new())];
        while let Some((subvolume, ino, path)) = todo.pop() {
            let file_type = match self.visit(subvolume, ino, &path) {
                Ok(file_type) => file_type,
                Err(e) => {
                    self.problem(subvolume, ino, &e);
                    continue;
                }
            };
            if file_type != FileType::Directory {
                continue;
            }
            if !self.directories.insert((subvolume.id, ino)) {
                self.problem(subvolume, ino, "directory is in the tree twice");
                continue;
            }
            match self.children(subvolume, ino, &path) {
                Ok(children) => todo.extend(children),
                Err(e) => self.problem(subvolume, ino, &e),
            }
        }
    }

    fn problem(&mut self, subvolume: &Subvolume, ino: u64, what: &str) {
        self.problems
            .push(format!("subvolume {} inode {ino}: {what}", subvolume.id));
    }

    fn visit(&mut self, subvolume: &'a Subvolume, ino: u64, path: &[u8]) -> Result<FileType> {
        let file_type = subvolume.inode(ino)?.item.file_type;
        let id = (subvolume.id, ino);
        let (size, hash) = match self.known.get(&id) {
            Some(known) => known.clone(),
            None => {
                let summary = self.summarize(subvolume, ino)?;
                self.known.insert(id, summary.clone());
                summary
            }
        };
        self.entries.push(Entry {
            subvolume,
            ino,
            path: if path.is_empty() {
                b"/".to_vec()
            } else {
                path.to_vec()
            },
            file_type,
            size,
            hash,
        });
        Ok(file_type)
    }

    fn summarize(&self, subvolume: &Subvolume, ino: u64) -> Result<(u64, String)> {
        let inode = subvolume.inode(ino)?;
        let readable = contents::readable(&inode, self.keys);
        match inode.item.file_type {
            FileType::Regular if readable => {
                let mut sha256 = Sha256::new();
                contents::read_file(self.fs, self.keys, subvolume, ino, &mut |data| {
                    sha256.update(data);
                    Ok(())
                })?;
                Ok((inode.item.size, hex(&sha256.finalize())))
            }
            FileType::Symlink if readable => {
                let target = contents::read_symlink(self.fs, self.keys, subvolume, ino)?;
                Ok((target.len() as u64, hex(&Sha256::digest(&target))))
            }
            FileType::Regular | FileType::Symlink => Ok((inode.item.size, LOCKED.into())),
            FileType::Directory | FileType::Special(_) => Ok((0, NO_CONTENTS.into())),
        }
    }

    fn children(
        &mut self,
        subvolume: &'a Subvolume,
        dir: u64,
        path: &[u8],
    ) -> Result<Vec<(&'a Subvolume, u64, Vec<u8>)>> {
        let context = subvolume.inode(dir)?.context;
        let cipher = match &context {
            Some(context) if self.keys.has(&context.policy) => {
                Some((context, self.keys.name_cipher(context)?))
            }
            _ => None,
        };
        let mut children = Vec::new();
        let mut names = BTreeSet::new();
        for (index, item) in subvolume.tree.of(dir, items::DIR_INDEX) {
            for entry in DirEntry::parse_all(item)? {
                let name = match &cipher {
                    Some((context, cipher)) => decrypt_component(context, cipher, entry.name),
                    None if context.is_some() => Ok(names::nokey_name(entry.name)),
                    None => names::check_component(entry.name).map(|()| entry.name.to_vec()),
                };
                let name = match name {
                    Ok(name) => name,
                    Err(e) => {
                        self.problem(subvolume, dir, &format!("entry {index}: {e}"));
                        continue;
                    }
                };
                let child_path = [path, b"/", &name].concat();
                let place = NameRef {
                    dir,
                    index,
                    name: entry.name,
                };
                if !names.insert(name) {
                    self.problem(subvolume, dir, &format!("entry {index} has a name in use"));
                } else if entry.location.kind == items::INODE_ITEM {
                    children.push((subvolume, entry.location.objectid, child_path));
                } else if let Some(child) =
                    self.fs
                        .child_subvolume(subvolume.id, &place, entry.location.objectid)
                {
                    children.push((child, child.root_dir, child_path));
                } else {
                    self.entries.push(Entry {
                        subvolume,
                        // What the kernel shows for a subvolume that a snapshot
                        // leaves out.
                        ino: 2,
                        path: child_path,
                        file_type: FileType::Directory,
                        size: 0,
                        hash: NO_CONTENTS.into(),
                    });
                }
            }
        }
        Ok(children)
    }
}

fn decrypt_component(context: &Context, cipher: &Keyed, ciphertext: &[u8]) -> Result<Vec<u8>> {
    let name = names::decrypt(cipher, ciphertext)?;
    names::check_component(&name)?;
    if context.policy.padded_len(name.len(), NAME_MAX) != ciphertext.len() {
        return Err(format!(
            "name of {} bytes is padded to {}",
            name.len(),
            ciphertext.len()
        ));
    }
    Ok(name)
}
