// SPDX-License-Identifier: GPL-2.0-only

//! A whole filesystem: its volume and the trees that the oracle needs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::btrfs::items;
use crate::btrfs::items::is_subvolume;
use crate::btrfs::items::InodeItem;
use crate::btrfs::items::NameRef;
use crate::btrfs::items::RootItem;
use crate::btrfs::le;
use crate::btrfs::tree::Key;
use crate::btrfs::tree::Tree;
use crate::btrfs::volume::Volume;
use crate::fscrypt::policy::Context;
use crate::fscrypt::tags::Tag;
use crate::fscrypt::tags::TAG_SIZE;
use crate::Result;

#[derive(Clone, Copy)]
pub struct Inode {
    pub item: InodeItem,
    pub context: Option<Context>,
}

/// A subvolume or snapshot.
pub struct Subvolume {
    pub id: u64,
    pub root_dir: u64,
    pub tree: Tree,
    sectorsize: u64,
}

impl Subvolume {
    /// The inode and its context; an error if either is malformed.
    pub fn inode(&self, ino: u64) -> Result<Inode> {
        let item = self
            .tree
            .get(Key::new(ino, items::INODE_ITEM, 0))
            .ok_or("there is no inode item")?;
        let context = self
            .tree
            .get(Key::new(ino, items::FSCRYPT_INODE_CTX, 0))
            .map(|item| Context::parse(item, self.sectorsize))
            .transpose()?;
        Ok(Inode {
            item: InodeItem::parse(item)?,
            context,
        })
    }

    /// The names under which directories hold the inode.
    pub fn names_of(&self, ino: u64) -> Result<Vec<NameRef<'_>>> {
        let mut names = Vec::new();
        for (dir, item) in self.tree.of(ino, items::INODE_REF) {
            names.extend(NameRef::parse_inode_refs(dir, item)?);
        }
        for (_, item) in self.tree.of(ino, items::INODE_EXTREF) {
            names.extend(NameRef::parse_inode_extrefs(item)?);
        }
        Ok(names)
    }
}

pub struct Filesystem {
    pub volume: Volume,
    pub root_tree: Tree,
    pub csum_tree: Tree,
    pub subvolumes: BTreeMap<u64, Subvolume>,
    /// Whether there are subvolumes that have been deleted, and still have extents.
    pub dropping: bool,
    /// What could not be read; the rest can be used.
    pub damage: Vec<String>,
}

impl Filesystem {
    pub fn open<P: AsRef<Path>>(images: &[P]) -> Result<Self> {
        let volume = Volume::open(images, false)?;
        let root_tree = Tree::read(&volume, volume.root_tree_root())?;
        let mut csum_tree = Tree::default();
        let mut subvolumes = BTreeMap::new();
        let mut dropping = false;
        let mut damage = Vec::new();
        for (key, item) in root_tree.iter() {
            let id = key.objectid;
            if key.kind != items::ROOT_ITEM || id != items::CSUM_TREE && !is_subvolume(id) {
                continue;
            }
            let read = || -> Result<Option<(u64, Tree)>> {
                let root = RootItem::parse(item)?;
                // A deleted subvolume may have lost a part of its blocks.
                if root.refs == 0 {
                    return Ok(None);
                }
                Ok(Some((root.root_dir, Tree::read(&volume, root.root)?)))
            };
            match read() {
                Ok(None) => dropping = true,
                Ok(Some((_, tree))) if id == items::CSUM_TREE => csum_tree = tree,
                Ok(Some((root_dir, tree))) => {
                    let subvolume = Subvolume {
                        id,
                        root_dir,
                        tree,
                        sectorsize: volume.sectorsize(),
                    };
                    subvolumes.insert(id, subvolume);
                }
                Err(e) => damage.push(format!("tree {id}: {e}")),
            }
        }
        damage.extend(volume.bad_copies());
        Ok(Self {
            volume,
            root_tree,
            csum_tree,
            subvolumes,
            dropping,
            damage,
        })
    }

    /// The tag of the block at `logical`.
    pub fn tag(&self, logical: u64) -> Option<Tag> {
        let (start, tags) =
            self.csum_tree
                .last_before(items::TAG_OBJECTID, items::EXTENT_TAG, logical)?;
        let index = usize::try_from((logical - start) / self.volume.sectorsize()).ok()?;
        le::bytes(tags, index.checked_mul(TAG_SIZE)?).ok()
    }

    /// The subvolume that the entry `name` of a directory leads to.  None for
    /// the empty directory that a snapshot has in place of a nested subvolume.
    pub fn child_subvolume(
        &self,
        parent: u64,
        entry: &NameRef<'_>,
        child: u64,
    ) -> Option<&Subvolume> {
        let item = self
            .root_tree
            .get(Key::new(parent, items::ROOT_REF, child))?;
        let root_ref = NameRef::parse_root_ref(item).ok()?;
        if &root_ref != entry {
            return None;
        }
        self.subvolumes.get(&child)
    }
}
