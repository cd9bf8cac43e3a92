// SPDX-License-Identifier: GPL-2.0-only

//! Changes of one thing in an image, each named by a number.
//!
//! A seed chooses a group of items, so that all groups get equally many, and then
//! an item and what is changed.  It names the same change in all images that were
//! made in the same way, although nonces, and so names and hashes, differ.

use std::collections::BTreeSet;
use std::fmt;

use crate::btrfs::edit::Change;
use crate::btrfs::edit::Editor;
use crate::btrfs::fields::fields;
use crate::btrfs::fields::key_meanings;
use crate::btrfs::fields::Field;
use crate::btrfs::fields::Meaning;
use crate::btrfs::fields::NameLayout;
use crate::btrfs::items;
use crate::btrfs::items::DirEntry;
use crate::btrfs::items::NameRef;
use crate::btrfs::superblock;
use crate::btrfs::targets::InodeOf;
use crate::btrfs::targets::Objects;
use crate::btrfs::targets::Target;
use crate::btrfs::targets::Targets;
use crate::btrfs::tree::Key;
use crate::btrfs::volume::TreeId;
use crate::hex;
use crate::Result;

/// How often another change is tried if one can't be made, for example because a
/// leaf is full.
const ATTEMPTS: usize = 200;

/// The type of an item that btrfs doesn't have.
const NO_ITEM: u8 = 42;

/// Item types that a type of a key can be changed to.
const ITEM_TYPES: [u8; 14] = [
    items::INODE_ITEM,
    items::INODE_REF,
    items::INODE_EXTREF,
    items::XATTR_ITEM,
    items::FSCRYPT_INODE_CTX,
    NO_ITEM,
    items::DIR_LOG_INDEX,
    items::DIR_ITEM,
    items::DIR_INDEX,
    items::EXTENT_DATA,
    items::EXTENT_CSUM,
    items::ROOT_ITEM,
    items::ROOT_BACKREF,
    items::ROOT_REF,
];

const FILE_MODES: [u32; 10] = [
    0o100644, 0o040755, 0o120777, 0o010644, 0o020644, 0o060644, 0o140644, 0, 0o030000, 0o170000,
];

const NUMBERS: [u64; 18] = [
    0,
    1,
    2,
    15,
    16,
    17,
    53,
    255,
    256,
    4095,
    4096,
    65535,
    1 << 20,
    1 << 31,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];

#[derive(Clone, Debug, PartialEq)]
enum Edit {
    Set { at: usize, bytes: Vec<u8> },
    Resize(usize),
    Delete,
    Copy(Key),
    Replace(Key, Vec<u8>),
    Incompat(u32, bool),
}

/// A change of one item.
#[derive(Clone, Debug)]
pub struct Mutation {
    pub group: String,
    target: Target,
    edit: Edit,
    /// What is changed, and from what to what.
    what: String,
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.target.body.is_empty() {
            return write!(f, "{}", self.what);
        }
        write!(f, "{} {}: {}", self.target.tree, self.target.key, self.what)
    }
}

/// Which files may be different from before.
#[derive(Debug, Default)]
pub struct Touched {
    pub inodes: BTreeSet<InodeOf>,
    /// Subvolumes of which any file may be.
    pub trees: BTreeSet<u64>,
    pub all: bool,
    /// Whether these may have other contents, instead of being unreadable.
    pub contents: bool,
}

/// SplitMix64, which is the same in each run and on each machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// One of the numbers, of one kind as likely as of another.
    fn object<'a>(&mut self, objects: &'a Objects) -> Option<(&'a str, u64)> {
        let (what, numbers) = objects.iter().nth(self.below(objects.len()))?;
        Some((what, *self.of(numbers)?))
    }
}

impl Mutation {
    /// Makes the change that the seed names, and returns it.
    pub fn apply(seed: u64, targets: &Targets, editor: &Editor) -> Result<Self> {
        let groups: Vec<_> = targets.groups.iter().collect();
        let (group, members) = groups
            .get((seed % groups.len().max(1) as u64) as usize)
            .ok_or("there is nothing to change")?;
        let mut random = Random(seed);
        for _ in 0..ATTEMPTS {
            let target = random.of(members).ok_or("empty group")?;
            let Some((edit, what)) = choose(target, targets, &mut random) else {
                continue;
            };
            let mutation = Self {
                group: group.to_string(),
                target: target.clone(),
                edit,
                what,
            };
            if mutation.make(editor).is_ok() {
                return Ok(mutation);
            }
            editor.volume.devices.undo()?;
        }
        Err(format!("seed {seed}: no change of a {group} can be made"))
    }

    fn make(&self, editor: &Editor) -> Result<()> {
        let (tree, key) = (self.target.tree, self.target.key);
        match &self.edit {
            Edit::Set { at, bytes } => editor.change(tree, key, Change::Set(*at, bytes.clone())),
            Edit::Resize(size) => editor.change(tree, key, Change::Resize(*size)),
            Edit::Delete => editor.change(tree, key, Change::Delete),
            Edit::Copy(new) => editor.change(tree, *new, Change::Insert(self.target.body.clone())),
            Edit::Replace(new, body) => {
                editor.change(tree, key, Change::Delete)?;
                editor.change(tree, *new, Change::Insert(body.clone()))
            }
            Edit::Incompat(bit, on) => editor.set_incompat(*bit, *on),
        }
    }

    pub fn touched(&self, targets: &Targets) -> Touched {
        let mut touched = Touched::default();
        let key = self.target.key;
        touched.contents = !matches!(
            key.kind,
            items::INODE_REF
                | items::INODE_EXTREF
                | items::DIR_ITEM
                | items::DIR_INDEX
                | items::DIR_LOG_INDEX
                | items::XATTR_ITEM
                | items::EXTENT_ITEM
                | items::EXTENT_CSUM
        );
        let mut body = self.target.body.clone();
        touched.add(key, &body, &self.target, targets);
        match &self.edit {
            Edit::Set { at, bytes } => {
                body[*at..at + bytes.len()].copy_from_slice(bytes);
                touched.add(key, &body, &self.target, targets);
            }
            Edit::Copy(new) => touched.add(*new, &body, &self.target, targets),
            Edit::Replace(new, body) => touched.add(*new, body, &self.target, targets),
            Edit::Incompat(..) => touched.all = true,
            Edit::Resize(_) | Edit::Delete => {}
        }
        touched
    }
}

impl Touched {
    /// Adds what an item is about.
    fn add(&mut self, key: Key, body: &[u8], target: &Target, targets: &Targets) {
        if matches!(key.kind, items::EXTENT_CSUM | items::EXTENT_ITEM) {
            let (start, len) = match key.kind {
                items::EXTENT_ITEM => (key.objectid, key.offset),
                // 4 bytes for each 4 KiB
                _ => (key.offset, (body.len() as u64) << 10),
            };
            self.inodes
                .extend(targets.users_of(start, start.saturating_add(len)));
            return;
        }
        if !matches!(target.tree, TreeId::Log(_)) && target.tree != target.first_subvolume() {
            self.trees.extend(&target.subvolumes);
            self.trees.extend([key.objectid, key.offset]);
            return;
        }
        let mut numbers = vec![key.objectid];
        match key.kind {
            items::DIR_ITEM | items::DIR_INDEX => {
                for entry in DirEntry::parse_all(body).unwrap_or_default() {
                    match entry.location.kind {
                        items::ROOT_ITEM => {
                            self.trees.insert(entry.location.objectid);
                        }
                        _ => numbers.push(entry.location.objectid),
                    }
                }
            }
            items::INODE_REF => numbers.push(key.offset),
            items::INODE_EXTREF => {
                let refs = NameRef::parse_inode_extrefs(body).unwrap_or_default();
                numbers.extend(refs.iter().map(|name| name.dir));
            }
            _ => {}
        }
        for tree in &target.subvolumes {
            self.inodes
                .extend(numbers.iter().map(|number| (*tree, *number)));
        }
    }
}

impl Target {
    fn first_subvolume(&self) -> TreeId {
        TreeId::Tree(*self.subvolumes.first().unwrap_or(&0))
    }

    /// The subvolume whose inodes the item can name.
    fn inodes_of(&self) -> u64 {
        let named = match self.key.kind {
            // The directory of a subvolume's name is in its parent.
            items::ROOT_BACKREF => Some(self.key.offset),
            items::ROOT_REF => Some(self.key.objectid),
            _ => self.subvolumes.first().copied(),
        };
        named.unwrap_or(items::FS_TREE)
    }
}

/// Chooses a change, or nothing if the item isn't one for what came up.
fn choose(target: &Target, targets: &Targets, random: &mut Random) -> Option<(Edit, String)> {
    if target.body.is_empty() {
        return Some(choose_incompat(random));
    }
    match random.below(100) {
        0..22 => choose_byte(target, random),
        22..62 => choose_field(target, targets, random),
        62..68 => choose_name(target, random),
        68..76 => choose_size(target, random),
        76..82 => Some((Edit::Delete, "deleted".into())),
        82..90 => {
            let (key, what) = choose_key(target, targets, random)?;
            Some((Edit::Copy(key), format!("copied to {key}: {what}")))
        }
        _ => {
            let (key, what) = choose_key(target, targets, random)?;
            let edit = Edit::Replace(key, target.body.clone());
            Some((edit, format!("moved to {key}: {what}")))
        }
    }
}

fn choose_incompat(random: &mut Random) -> (Edit, String) {
    let bit = superblock::INCOMPAT_EXTENT_FSCRYPT.trailing_zeros();
    // Mostly the one that matters; the others, unknown ones, are refused.
    let (bit, on) = match random.below(4) {
        0 => (57 + random.below(7) as u32, true),
        _ => (bit, false),
    };
    let what = if on { "set" } else { "cleared" };
    (
        Edit::Incompat(bit, on),
        format!("superblock: bit {bit} {what}"),
    )
}

fn choose_byte(target: &Target, random: &mut Random) -> Option<(Edit, String)> {
    let at = random.below(target.body.len());
    let old = target.body[at];
    let new = match random.below(5) {
        0 => 0,
        1 => 0xff,
        2 => old.wrapping_add(1),
        3 => old.wrapping_sub(1),
        _ => old ^ (1 << random.below(8)),
    };
    let bytes = vec![new];
    let name = fields(target.key.kind, &target.body)
        .into_iter()
        // The last one is the most specific.
        .rfind(|field| (field.at..field.at + field.size).contains(&at))
        .map_or("", |field| field.name);
    (new != old).then(|| {
        let what = format!("byte {at} ({name}) {old:#04x} -> {new:#04x}");
        (Edit::Set { at, bytes }, what)
    })
}

fn choose_field(target: &Target, targets: &Targets, random: &mut Random) -> Option<(Edit, String)> {
    let all = fields(target.key.kind, &target.body);
    let Field {
        name,
        at,
        size,
        meaning,
    } = *random.of(&all)?;
    let old = &target.body[at..at + size];
    let (bytes, kind) = choose_value(meaning, old, target.inodes_of(), targets, random)?;
    if bytes == old {
        return None;
    }
    let what = format!(
        "{name} {} -> {}{kind}",
        show(old, meaning),
        show(&bytes, meaning)
    );
    Some((Edit::Set { at, bytes }, what))
}

/// Chooses another value for a field, and says what it is the number of.
fn choose_value(
    meaning: Meaning,
    old: &[u8],
    subvolume: u64,
    targets: &Targets,
    random: &mut Random,
) -> Option<(Vec<u8>, String)> {
    let number = |value: u64| value.to_le_bytes()[..old.len().min(8)].to_vec();
    let of = |what: &str| format!(", {what}");
    let nothing = String::new();
    Some(match meaning {
        Meaning::Choice => (vec![random.below(16) as u8], nothing),
        Meaning::Number => {
            let value = to_number(old);
            let new = match random.below(8) {
                0 => value.wrapping_add(1),
                1 => value.wrapping_sub(1),
                2 => value.wrapping_add(4096),
                3 => value.wrapping_sub(4096),
                4 => value.wrapping_mul(2),
                _ => *random.of(&NUMBERS)?,
            };
            (number(new), nothing)
        }
        Meaning::Bits => {
            // The flags that btrfs has are low; the others are its own.
            let bits = old.len() * 8;
            let bit = match random.below(4) {
                0 => random.below(bits),
                _ => random.below(bits.min(13)),
            };
            (number(to_number(old) ^ (1 << bit)), format!(", bit {bit}"))
        }
        Meaning::FileMode => (number((*random.of(&FILE_MODES)?).into()), nothing),
        Meaning::Inode => {
            let (what, ino) = random.object(targets.inodes.get(&subvolume)?)?;
            (number(ino), of(what))
        }
        Meaning::Tree => {
            let (what, id) = random.object(&targets.trees)?;
            (number(id), of(what))
        }
        Meaning::Location => {
            let (what, key) = match random.below(3) {
                0 => {
                    let (what, id) = random.object(&targets.trees)?;
                    (what, Key::new(id, items::ROOT_ITEM, -1i64 as u64))
                }
                _ => {
                    let (what, ino) = random.object(targets.inodes.get(&subvolume)?)?;
                    (what, Key::new(ino, items::INODE_ITEM, 0))
                }
            };
            (key.to_bytes().to_vec(), of(what))
        }
        Meaning::Extent => {
            let (what, bytenr) = random.object(&targets.extents)?;
            (number(bytenr), of(what))
        }
        Meaning::Block => {
            let (what, bytenr) = random.object(&targets.blocks)?;
            (number(bytenr), of(what))
        }
        Meaning::MasterKey => {
            let keys: Vec<_> = targets
                .master_keys
                .iter()
                .filter(|key| key.len() == old.len() && *key != old)
                .collect();
            match random.of(&keys) {
                Some(key) => (key.to_vec(), of("that of another key")),
                None => (vec![0; old.len()], nothing),
            }
        }
        Meaning::Bytes => {
            let bytes = match random.below(3) {
                0 => vec![0; old.len()],
                1 => vec![0xff; old.len()],
                _ => old.iter().map(|_| random.next() as u8).collect(),
            };
            (bytes, nothing)
        }
    })
}

/// Chooses another name for an item that has one, which is whole but for that.
fn choose_name(target: &Target, random: &mut Random) -> Option<(Edit, String)> {
    let layout = NameLayout::of(target.key.kind)?;
    let old = layout.only_name(&target.body)?;
    let len = *random.of(&[1, 2, 4, 8, 15, 16, 17, 31, 32, 48, 128, 240, 254, 255])?;
    let mut new = old.to_vec();
    match random.below(4) {
        0 => new.fill(b'/'),
        1 => new[0] = 0,
        2 => new.fill(b'.'),
        _ => {}
    }
    new.resize(len, b'x');
    let (key, body) = layout.with_name(target.key, &target.body, &new)?;
    let what = format!("name {} -> {}, moved to {key}", hex(old), hex(&new));
    (new != old).then_some((Edit::Replace(key, body), what))
}

fn choose_size(target: &Target, random: &mut Random) -> Option<(Edit, String)> {
    let old = target.body.len();
    let sizes = [
        0,
        1,
        old / 2,
        old.saturating_sub(1),
        old + 1,
        old.saturating_sub(4),
        old + 4,
        old + 17,
        old + 21,
        28,
        40,
        53,
        57,
        74,
        78,
        160,
    ];
    let new = *random.of(&sizes)?;
    (new != old).then(|| (Edit::Resize(new), format!("size {old} -> {new}")))
}

/// Chooses another key for an item, and says what of it is other.
fn choose_key(target: &Target, targets: &Targets, random: &mut Random) -> Option<(Key, String)> {
    let in_root_tree = target.tree == TreeId::Tree(items::ROOT_TREE);
    let (objectid_is, offset_is) = key_meanings(target.key, in_root_tree);
    let mut key = target.key;
    let subvolume = target.inodes_of();
    let what = match random.below(7) {
        0..3 => {
            let old = key.objectid.to_le_bytes();
            let (bytes, what) = choose_value(objectid_is, &old, subvolume, targets, random)?;
            key.objectid = to_number(&bytes);
            format!("another objectid{what}")
        }
        3..6 => {
            let old = key.offset.to_le_bytes();
            let (bytes, what) = choose_value(offset_is, &old, subvolume, targets, random)?;
            key.offset = to_number(&bytes);
            format!("another offset{what}")
        }
        _ => {
            key.kind = *random.of(&ITEM_TYPES)?;
            "another type".into()
        }
    };
    (key != target.key).then_some((key, what))
}

/// The number in up to 8 bytes.
fn to_number(bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    number[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(number)
}

fn show(bytes: &[u8], meaning: Meaning) -> String {
    match meaning {
        Meaning::FileMode => format!("{:#o}", to_number(bytes)),
        Meaning::Bits => format!("{:#x}", to_number(bytes)),
        Meaning::Location => Key::parse(bytes, 0).map_or_else(|_| hex(bytes), |k| k.to_string()),
        Meaning::MasterKey | Meaning::Bytes => hex(bytes),
        _ => to_number(bytes).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Target {
        Target {
            tree: TreeId::Tree(5),
            key: Key::new(257, items::FSCRYPT_INODE_CTX, 0),
            body: [&[2, 1, 4, 2, 0, 0, 0, 0], &[9; 32][..]].concat(),
            subvolumes: vec![5],
        }
    }

    #[test]
    fn a_seed_is_one_change() {
        let mut targets = Targets::default();
        targets
            .inodes
            .entry(5)
            .or_default()
            .insert("plain file".into(), vec![300]);
        let change = |seed| choose(&context(), &targets, &mut Random(seed));
        let changes: BTreeSet<_> = (0..1000).filter_map(change).map(|(_, what)| what).collect();
        assert!(changes.len() > 200, "{}", changes.len());
        for seed in 0..1000 {
            let (first, second) = (change(seed), change(seed));
            assert_eq!(first, second);
            let Some((Edit::Set { at, bytes }, _)) = first else {
                continue;
            };
            assert_ne!(context().body[at..at + bytes.len()], bytes);
        }
    }

    #[test]
    fn what_is_touched() {
        let targets = Targets::default();
        let touched = |edit, target: Target| {
            Mutation {
                group: String::new(),
                target,
                edit,
                what: String::new(),
            }
            .touched(&targets)
        };
        let moved = Key::new(260, items::FSCRYPT_INODE_CTX, 0);
        let found = touched(Edit::Copy(moved), context());
        assert_eq!(found.inodes, BTreeSet::from([(5, 257), (5, 260)]));
        assert!(found.contents && !found.all && found.trees.is_empty());

        let mut body = Key::new(259, items::INODE_ITEM, 0).to_bytes().to_vec();
        body.resize(30, 0);
        let entry = Target {
            key: Key::new(256, items::DIR_INDEX, 3),
            body,
            subvolumes: vec![5, 258],
            ..context()
        };
        let bytes = Key::new(261, items::ROOT_ITEM, 0).to_bytes().to_vec();
        let found = touched(Edit::Set { at: 0, bytes }, entry);
        assert_eq!(
            found.inodes,
            BTreeSet::from([(5, 256), (5, 259), (258, 256), (258, 259)])
        );
        assert_eq!(found.trees, BTreeSet::from([261]));
    }
}
