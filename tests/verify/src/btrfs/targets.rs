// SPDX-License-Identifier: GPL-2.0-only

//! The items of an image that encryption adds, changes or depends on, in groups,
//! and the objects that their fields can name.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::btrfs::items;
use crate::btrfs::items::is_subvolume;
use crate::btrfs::items::DirEntry;
use crate::btrfs::items::FileExtent;
use crate::btrfs::items::FileType;
use crate::btrfs::items::InodeItem;
use crate::btrfs::items::NameRef;
use crate::btrfs::items::RootItem;
use crate::btrfs::le;
use crate::btrfs::tree::Block;
use crate::btrfs::tree::BlockPtr;
use crate::btrfs::tree::Key;
use crate::btrfs::tree::ReadBlock;
use crate::hex;

use crate::btrfs::volume::TreeId;
use crate::btrfs::volume::Volume;
use crate::Result;

/// An item that can be changed.
#[derive(Clone, Debug)]
pub struct Target {
    pub tree: TreeId,
    pub key: Key,
    pub body: Vec<u8>,
    /// The subvolumes that have the item: several, if a snapshot shares the leaf.
    pub subvolumes: Vec<u64>,
}

/// Numbers of one kind, by what they are the numbers of.
pub type Objects = BTreeMap<String, Vec<u64>>;

/// An inode of a subvolume.
pub type InodeOf = (u64, u64);

#[derive(Default)]
pub struct Targets {
    /// Items that are alike, by what they are.
    pub groups: BTreeMap<String, Vec<Target>>,
    pub inodes: BTreeMap<u64, Objects>,
    pub trees: Objects,
    pub extents: Objects,
    pub blocks: Objects,
    /// The names of master keys.
    pub master_keys: BTreeSet<Vec<u8>>,
    users: BTreeMap<u64, BTreeSet<InodeOf>>,
    lengths: BTreeMap<u64, u64>,
}

/// What is known of an inode.
#[derive(Clone)]
struct Inode {
    file_type: FileType,
    encrypted: bool,
    context: Option<Vec<u8>>,
}

type Inodes = BTreeMap<u64, Inode>;
type Item = (Key, Vec<u8>, u64);

impl Targets {
    /// Reads an image.  If it has a log, only what is in the log is a target.
    pub fn read(volume: &Volume) -> Result<Self> {
        let mut targets = Self::default();
        let roots = items_of(volume, volume.root_tree_root())?;
        let subvolumes = subvolume_roots(&roots)?;
        let mut trees = BTreeMap::new();
        // By the address of a leaf: the trees that it is in.
        let mut owners: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (&id, root) in &subvolumes {
            let items = items_of(volume, root.root)?;
            for leaf in items.iter().map(|(_, _, leaf)| *leaf) {
                let ids = owners.entry(leaf).or_default();
                if ids.last() != Some(&id) {
                    ids.push(id);
                }
            }
            let inodes = inodes_of(&items)?;
            targets.add_objects(id, &inodes, &items, volume.sectorsize())?;
            targets.name("tree block", &[root.root.bytenr], |t| &mut t.blocks);
            trees.insert(id, (items, inodes));
        }
        targets.add_fixed_objects(&roots, &trees);
        if volume.sb.log_root != 0 {
            targets.add_logs(volume, &trees)?;
        } else {
            for (id, (items, inodes)) in &trees {
                for (key, body, leaf) in items {
                    // One that is shared is found in the first of its trees.
                    if owners[leaf][0] == *id {
                        let group = targets.file_group(*key, body, inodes, volume.sectorsize())?;
                        targets.add(group, TreeId::Tree(*id), *key, body, &owners[leaf]);
                    }
                }
            }
            targets.add_root_tree(&roots, &trees)?;
            targets.add_extents_and_checksums(volume)?;
            targets.add(
                Some("superblock".into()),
                TreeId::Tree(0),
                Key::new(0, 0, 0),
                &[],
                &[],
            );
        }
        for group in targets.groups.values_mut() {
            // Not in the order of hashes of ciphertext, which differ from one
            // image to the next that is made in the same way.
            group.sort_by_key(|target| (target.tree, target.key.objectid, stable(target)));
        }
        Ok(targets)
    }

    /// The inodes that use the data at some addresses.
    pub fn users_of(&self, start: u64, end: u64) -> BTreeSet<InodeOf> {
        self.users
            .iter()
            .filter(|(bytenr, _)| **bytenr < end && **bytenr + self.lengths[bytenr] > start)
            .flat_map(|(_, users)| users.iter().copied())
            .collect()
    }

    fn add(
        &mut self,
        group: Option<String>,
        tree: TreeId,
        key: Key,
        body: &[u8],
        subvolumes: &[u64],
    ) {
        if let Some(group) = group {
            self.groups.entry(group).or_default().push(Target {
                tree,
                key,
                body: body.to_vec(),
                subvolumes: subvolumes.to_vec(),
            });
        }
    }

    fn name(&mut self, what: &str, numbers: &[u64], list: impl Fn(&mut Self) -> &mut Objects) {
        list(self)
            .entry(what.into())
            .or_default()
            .extend_from_slice(numbers);
    }

    fn add_objects(
        &mut self,
        id: u64,
        inodes: &Inodes,
        items: &[Item],
        sectorsize: u64,
    ) -> Result<()> {
        for (&ino, inode) in inodes {
            let what = if ino == items::FIRST_FREE_OBJECTID {
                format!("root {}", inode.describe())
            } else {
                inode.describe()
            };
            self.name(&what, &[ino], |t| t.inodes.entry(id).or_default());
            if let Some(context) = &inode.context {
                let name = if context.len() == 28 { 4..12 } else { 8..24 };
                self.master_keys
                    .insert(le::slice(context, name.start, name.len())?.into());
            }
        }
        for (what, number) in [
            ("number 0", 0),
            ("number 1", 1),
            ("placeholder of a subvolume", 2),
            ("missing inode", 99999),
            ("last inode number", -256i64 as u64),
            ("number that isn't one of an inode", -1i64 as u64),
        ] {
            self.name(what, &[number], |t| t.inodes.entry(id).or_default());
        }
        for (key, body, _) in items {
            if key.kind != items::EXTENT_DATA {
                continue;
            }
            if let FileExtent::Disk(extent) = FileExtent::parse(body, sectorsize)? {
                let inode = inodes
                    .get(&key.objectid)
                    .ok_or_else(|| format!("tree {id}: {key} is of no inode"))?;
                let what = format!("extent of a {}", inode.describe());
                let users = self.users.entry(extent.bytenr).or_default();
                if users.is_empty() {
                    self.lengths.insert(extent.bytenr, extent.disk_len);
                    self.extents.entry(what).or_default().push(extent.bytenr);
                }
                users.insert((id, key.objectid));
            }
        }
        Ok(())
    }

    fn add_fixed_objects(&mut self, roots: &[Item], trees: &BTreeMap<u64, (Vec<Item>, Inodes)>) {
        for (key, _, _) in roots {
            if key.kind != items::ROOT_ITEM {
                continue;
            }
            let encrypted = trees
                .get(&key.objectid)
                .and_then(|(_, inodes)| inodes.get(&items::FIRST_FREE_OBJECTID))
                .is_some_and(|inode| inode.encrypted);
            let what = match (is_subvolume(key.objectid), key.offset, encrypted) {
                (false, ..) => "tree that is no subvolume",
                (_, 0, false) => "plain subvolume",
                (_, 0, true) => "encrypted subvolume",
                (_, _, false) => "plain snapshot",
                (_, _, true) => "encrypted snapshot",
            };
            self.name(what, &[key.objectid], |t| &mut t.trees);
        }
        for (what, numbers) in [
            ("tree that is no subvolume", &[1, 3, items::LOG_TREE][..]),
            ("missing tree", &[99999, -256i64 as u64]),
            ("number 0", &[0]),
        ] {
            self.name(what, numbers, |t| &mut t.trees);
        }
        let first = *self.users.keys().next().unwrap_or(&0);
        let block = self.blocks["tree block"][0];
        for (what, number) in [
            ("hole", 0),
            ("tree block", block),
            ("address that isn't aligned", first + 1),
            ("superblock", 64 << 10),
            ("address beyond all chunks", 1 << 50),
            ("last address", -4096i64 as u64),
        ] {
            self.name(what, &[number], |t| &mut t.extents);
        }
        for (what, number) in [
            ("data", first),
            ("address 0", 0),
            ("address beyond all chunks", 1 << 50),
        ] {
            self.name(what, &[number], |t| &mut t.blocks);
        }
    }

    fn add_logs(
        &mut self,
        volume: &Volume,
        trees: &BTreeMap<u64, (Vec<Item>, Inodes)>,
    ) -> Result<()> {
        for (key, body, _) in items_of(volume, volume.root_of(TreeId::LogRoots)?)? {
            let id = key.offset;
            let ids = [id];
            self.add(
                Some("log: ROOT_ITEM".into()),
                TreeId::LogRoots,
                key,
                &body,
                &ids,
            );
            let (_, inodes) = trees
                .get(&id)
                .ok_or_else(|| format!("there is a log of tree {id}, but no tree"))?;
            let log = TreeId::Log(id);
            let items = items_of(volume, volume.root_of(log)?)?;
            let mut inodes = inodes.clone();
            inodes.extend(inodes_of(&items)?);
            for (key, body, _) in &items {
                let group = self.file_group(*key, body, &inodes, volume.sectorsize())?;
                self.add(
                    group.map(|group| "log: ".to_owned() + &group),
                    log,
                    *key,
                    body,
                    &ids,
                );
            }
        }
        Ok(())
    }

    /// What an item of a subvolume or a log belongs to, if it is a target.
    fn file_group(
        &self,
        key: Key,
        body: &[u8],
        inodes: &Inodes,
        sectorsize: u64,
    ) -> Result<Option<String>> {
        let inode = inodes.get(&key.objectid);
        let is_encrypted = |ino: u64| inodes.get(&ino).is_some_and(|inode| inode.encrypted);
        let names = |what: &str, dir: u64| {
            let encrypted = if is_encrypted(dir) {
                "encrypted"
            } else {
                "plain"
            };
            Some(format!("{what}, {encrypted}"))
        };
        Ok(match (key.kind, inode) {
            (items::FSCRYPT_INODE_CTX, Some(inode)) => Some(format!(
                "context, v{} {}",
                le::u8(body, 0)?,
                inode.type_name()
            )),
            (items::INODE_ITEM, Some(inode)) if inode.encrypted => {
                Some(format!("inode, encrypted {}", inode.type_name()))
            }
            (items::INODE_ITEM, Some(_)) => Some("inode, plain".into()),
            (items::XATTR_ITEM, Some(inode)) if inode.encrypted => Some("XATTR_ITEM".into()),
            (items::EXTENT_DATA, Some(inode)) => {
                let what = self.extent_kind(body, sectorsize)?;
                let encrypted = if inode.encrypted {
                    "encrypted"
                } else {
                    "plain"
                };
                Some(format!("extent, {encrypted} {what}"))
            }
            (items::EXTENT_CSUM, _) => Some("EXTENT_CSUM".into()),
            (items::DIR_ITEM, Some(_)) => names("DIR_ITEM", key.objectid),
            (items::DIR_INDEX, Some(_)) => names("DIR_INDEX", key.objectid),
            (items::DIR_LOG_INDEX, Some(_)) => names("DIR_LOG_INDEX", key.objectid),
            (items::INODE_REF, _) => names("INODE_REF", key.offset),
            (items::INODE_EXTREF, _) => names("INODE_EXTREF", le::u64(body, 0)?),
            _ => None,
        })
    }

    fn extent_kind(&self, body: &[u8], sectorsize: u64) -> Result<String> {
        let extent = match FileExtent::parse(body, sectorsize)? {
            FileExtent::Hole { .. } => return Ok("hole".into()),
            FileExtent::Inline { .. } => return Ok("inline".into()),
            FileExtent::Disk(extent) => extent,
        };
        let users = self.users.get(&extent.bytenr);
        let inodes: BTreeSet<_> = users.into_iter().flatten().map(|(_, ino)| ino).collect();
        let kind = if extent.prealloc {
            "preallocated"
        } else if le::u8(body, 16)? != 0 {
            "compressed"
        } else if inodes.len() > 1 {
            "reflinked"
        } else if extent.len != extent.disk_len {
            "split"
        } else {
            "regular"
        };
        let snapshots = users.is_some_and(|users| users.len() > inodes.len());
        Ok(format!(
            "{kind}{}",
            if snapshots { " in a snapshot" } else { "" }
        ))
    }

    fn add_root_tree(
        &mut self,
        roots: &[Item],
        trees: &BTreeMap<u64, (Vec<Item>, Inodes)>,
    ) -> Result<()> {
        for (key, body, _) in roots {
            let (what, parent, child) = match key.kind {
                items::ROOT_ITEM if is_subvolume(key.objectid) => {
                    let group = Some("ROOT_ITEM".into());
                    let tree = TreeId::Tree(items::ROOT_TREE);
                    self.add(group, tree, *key, body, &[key.objectid]);
                    continue;
                }
                items::ROOT_REF => ("ROOT_REF", key.objectid, key.offset),
                items::ROOT_BACKREF => ("ROOT_BACKREF", key.offset, key.objectid),
                _ => continue,
            };
            let dir = NameRef::parse_root_ref(body)?.dir;
            let encrypted = trees
                .get(&parent)
                .and_then(|(_, inodes)| inodes.get(&dir))
                .is_some_and(|inode| inode.encrypted);
            let encrypted = if encrypted { "encrypted" } else { "plain" };
            let group = Some(format!("{what}, {encrypted}"));
            self.add(group, TreeId::Tree(items::ROOT_TREE), *key, body, &[child]);
        }
        Ok(())
    }

    fn add_extents_and_checksums(&mut self, volume: &Volume) -> Result<()> {
        const DATA: u64 = 1;
        for id in [items::EXTENT_TREE, items::CSUM_TREE] {
            let tree = TreeId::Tree(id);
            for (key, body, _) in items_of(volume, volume.root_of(tree)?)? {
                let group = match key.kind {
                    items::EXTENT_CSUM => "EXTENT_CSUM",
                    items::EXTENT_ITEM if le::u64(&body, 16)? & DATA != 0 => "EXTENT_ITEM",
                    _ => continue,
                };
                self.add(Some(group.into()), tree, key, &body, &[]);
            }
        }
        Ok(())
    }
}

impl Inode {
    fn type_name(&self) -> &'static str {
        match self.file_type {
            FileType::Regular => "file",
            FileType::Directory => "directory",
            FileType::Symlink => "symlink",
            FileType::Special('p') => "FIFO",
            FileType::Special('s') => "socket",
            FileType::Special(_) => "device node",
        }
    }

    /// With the first bytes of its master key's name, as these tell whether the
    /// key is there.
    fn describe(&self) -> String {
        match &self.context {
            Some(context) => {
                let at = if context.len() == 28 { 4 } else { 8 };
                let key = context.get(at..at + 4).unwrap_or_default();
                format!("{} with key {}", self.type_name(), hex(key))
            }
            None => format!("plain {}", self.type_name()),
        }
    }
}

/// What orders the items of one object in all images that are made alike.
fn stable(target: &Target) -> (u8, u64, u64) {
    let (key, body) = (target.key, &target.body);
    let numbers = match key.kind {
        items::DIR_ITEM => DirEntry::parse_all(body).ok().and_then(|entries| {
            entries
                .first()
                .map(|e| (e.location.objectid, body.len() as u64))
        }),
        items::INODE_EXTREF => NameRef::parse_inode_extrefs(body)
            .ok()
            .and_then(|refs| refs.first().map(|r| (r.dir, r.index))),
        _ => None,
    };
    let (first, second) = numbers.unwrap_or((key.offset, 0));
    (key.kind, first, second)
}

/// All items of a tree, each with the address of its leaf.
fn items_of(volume: &Volume, root: BlockPtr) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for leaf in leaves_of(volume, root)? {
        for slot in 0..leaf.nritems {
            items.push((leaf.key(slot), leaf.item(slot)?.to_vec(), leaf.bytenr));
        }
    }
    Ok(items)
}

fn leaves_of(volume: &Volume, root: BlockPtr) -> Result<Vec<Block>> {
    let mut leaves = Vec::new();
    let mut todo = vec![root];
    while let Some(ptr) = todo.pop() {
        let block = volume.read_block(ptr)?;
        if block.level == 0 {
            leaves.push(block);
            continue;
        }
        for slot in (0..block.nritems).rev() {
            todo.push(block.child(slot)?);
        }
    }
    Ok(leaves)
}

fn subvolume_roots(roots: &[Item]) -> Result<BTreeMap<u64, RootItem>> {
    let mut subvolumes = BTreeMap::new();
    for (key, body, _) in roots {
        if key.kind == items::ROOT_ITEM && is_subvolume(key.objectid) {
            let root = RootItem::parse(body)?;
            if root.refs != 0 {
                subvolumes.insert(key.objectid, root);
            }
        }
    }
    Ok(subvolumes)
}

fn inodes_of(items: &[Item]) -> Result<Inodes> {
    let mut inodes = Inodes::new();
    for (key, body, _) in items {
        match key.kind {
            items::INODE_ITEM => {
                let item = InodeItem::parse(body)?;
                let inode = Inode {
                    file_type: item.file_type,
                    encrypted: item.encrypted(),
                    context: None,
                };
                inodes.insert(key.objectid, inode);
            }
            items::FSCRYPT_INODE_CTX => {
                if let Some(inode) = inodes.get_mut(&key.objectid) {
                    inode.context = Some(body.clone());
                }
            }
            _ => {}
        }
    }
    Ok(inodes)
}
