// SPDX-License-Identifier: GPL-2.0-only

//! Tree blocks and whole trees.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use crate::btrfs::le;
use crate::btrfs::superblock::block_checksum;
use crate::Result;

pub const HEADER_SIZE: usize = 101;
pub const ITEM_SIZE: usize = 25;
pub const PTR_SIZE: usize = 33;
/// The most levels that a tree has, leaves included.
const MAX_LEVEL: u8 = 8;

pub const NRITEMS_AT: usize = 96;

/// The key of an item.  Keys order as on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub objectid: u64,
    pub kind: u8,
    pub offset: u64,
}

impl Key {
    pub const SIZE: usize = 17;

    pub fn new(objectid: u64, kind: u8, offset: u64) -> Self {
        Self {
            objectid,
            kind,
            offset,
        }
    }

    pub fn parse(data: &[u8], at: usize) -> Result<Self> {
        Ok(Self {
            objectid: le::u64(data, at)?,
            kind: le::u8(data, at + 8)?,
            offset: le::u64(data, at + 9)?,
        })
    }

    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.objectid.to_le_bytes());
        bytes[8] = self.kind;
        bytes[9..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} {} {})", self.objectid, self.kind, self.offset)
    }
}

/// A pointer to a tree block, with what the parent knows of the block.
#[derive(Clone, Copy)]
pub struct BlockPtr {
    pub bytenr: u64,
    pub level: u8,
    /// Not known for the chunk root.
    pub generation: Option<u64>,
}

/// A tree block whose header, and item or pointer array, have been checked.
pub struct Block {
    pub data: Vec<u8>,
    pub bytenr: u64,
    pub level: u8,
    pub nritems: usize,
}

impl Block {
    /// Checks that `data` is the block that `ptr` means.
    pub fn parse(data: Vec<u8>, ptr: BlockPtr, uuid: &[u8; 16]) -> Result<Self> {
        let fail = |what: &str| Err(format!("tree block {}: {what}", ptr.bytenr));
        if data[..4] != block_checksum(&data) {
            return fail("wrong checksum");
        }
        if &le::bytes::<16>(&data, 32)? != uuid {
            return fail("of another filesystem");
        }
        if le::u64(&data, 48)? != ptr.bytenr {
            return fail("made for another address");
        }
        if ptr.generation.is_some_and(|g| le::u64(&data, 80) != Ok(g)) {
            return fail("not of its parent's generation");
        }
        let level = le::u8(&data, 100)?;
        if level != ptr.level || level >= MAX_LEVEL {
            return fail("wrong level");
        }
        let nritems = le::u32(&data, NRITEMS_AT)? as usize;
        let entry_size = if level == 0 { ITEM_SIZE } else { PTR_SIZE };
        if nritems > (data.len() - HEADER_SIZE) / entry_size {
            return fail("too many items");
        }
        let block = Self {
            data,
            bytenr: ptr.bytenr,
            level,
            nritems,
        };
        if (1..nritems).any(|i| block.key(i - 1) >= block.key(i)) {
            return fail("keys are out of order");
        }
        Ok(block)
    }

    /// The offset of the `slot`th item or pointer in the block.
    pub fn entry_at(&self, slot: usize) -> usize {
        HEADER_SIZE + slot * if self.level == 0 { ITEM_SIZE } else { PTR_SIZE }
    }

    /// The key of `slot`, which is below `nritems`.
    pub fn key(&self, slot: usize) -> Key {
        Key::parse(&self.data, self.entry_at(slot)).expect("the array was checked")
    }

    /// Offset in the block and size of the item's body.
    pub fn item_range(&self, slot: usize) -> Result<(usize, usize)> {
        let at = self.entry_at(slot) + Key::SIZE;
        let start = HEADER_SIZE + le::u32(&self.data, at)? as usize;
        Ok((start, le::u32(&self.data, at + 4)? as usize))
    }

    pub fn item(&self, slot: usize) -> Result<&[u8]> {
        let (start, size) = self.item_range(slot)?;
        le::slice(&self.data, start, size).map_err(|e| format!("item {}: {e}", self.key(slot)))
    }

    pub fn child(&self, slot: usize) -> Result<BlockPtr> {
        let at = self.entry_at(slot) + Key::SIZE;
        Ok(BlockPtr {
            bytenr: le::u64(&self.data, at)?,
            level: self.level - 1,
            generation: Some(le::u64(&self.data, at + 8)?),
        })
    }
}

/// Where tree blocks come from.
pub trait ReadBlock {
    fn read_block(&self, ptr: BlockPtr) -> Result<Block>;
}

/// All items of a tree.
#[derive(Default)]
pub struct Tree {
    items: BTreeMap<Key, Vec<u8>>,
}

impl Tree {
    pub fn read(source: &impl ReadBlock, root: BlockPtr) -> Result<Self> {
        let mut tree = Self::default();
        // A block belongs to one place of a tree.  One that is met again would
        // make an image of a few blocks take forever.
        let mut seen = BTreeSet::new();
        let mut todo = vec![root];
        while let Some(ptr) = todo.pop() {
            if !seen.insert(ptr.bytenr) {
                return Err(format!("tree block {} is in a tree twice", ptr.bytenr));
            }
            let block = source.read_block(ptr)?;
            for slot in 0..block.nritems {
                if block.level > 0 {
                    todo.push(block.child(slot)?);
                } else {
                    let item = block.item(slot)?.to_vec();
                    tree.items.insert(block.key(slot), item);
                }
            }
        }
        Ok(tree)
    }

    pub fn get(&self, key: Key) -> Option<&[u8]> {
        self.items.get(&key).map(Vec::as_slice)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Key, &[u8])> {
        self.items.iter().map(|(k, v)| (*k, v.as_slice()))
    }

    /// The item of one object and type that has this offset, or the last before.
    pub fn last_before(&self, objectid: u64, kind: u8, offset: u64) -> Option<(u64, &[u8])> {
        self.items
            .range(Key::new(objectid, kind, 0)..=Key::new(objectid, kind, offset))
            .next_back()
            .map(|(k, v)| (k.offset, v.as_slice()))
    }

    /// The items of one object and type, in the order of their offsets.
    pub fn of(&self, objectid: u64, kind: u8) -> impl Iterator<Item = (u64, &[u8])> {
        self.items
            .range(Key::new(objectid, kind, 0)..=Key::new(objectid, kind, u64::MAX))
            .map(|(k, v)| (k.offset, v.as_slice()))
    }
}
