// SPDX-License-Identifier: GPL-2.0-only

//! Edits items of an image in place, so that only what is edited is wrong.

use std::path::Path;

use crate::btrfs::items;
use crate::btrfs::items::CSUM_SIZE;
use crate::btrfs::superblock;
use crate::btrfs::tree::Block;
use crate::btrfs::tree::Key;
use crate::btrfs::tree::ReadBlock;
use crate::btrfs::tree::Tree;
use crate::btrfs::tree::HEADER_SIZE;
use crate::btrfs::tree::ITEM_SIZE;
use crate::btrfs::tree::NRITEMS_AT;
use crate::btrfs::volume::TreeId;
use crate::btrfs::volume::Volume;
use crate::hex;
use crate::Result;

/// What is done to an item.
pub enum Change {
    /// Overwrites the bytes that begin at an offset of the item's body.
    Set(usize, Vec<u8>),
    /// Cuts the item's body, or fills it up with zeroes.
    Resize(usize),
    /// Adds an item with this body.
    Insert(Vec<u8>),
    Delete,
}

type Items = Vec<(Key, Vec<u8>)>;

pub struct Editor {
    pub volume: Volume,
}

impl Editor {
    /// Opens a filesystem without a log, which could undo what is edited.
    pub fn open<P: AsRef<Path>>(images: &[P]) -> Result<Self> {
        let editor = Self::open_with_log(images)?;
        if editor.volume.sb.log_root != 0 {
            return Err("the filesystem has a log: mount and unmount it first".into());
        }
        Ok(editor)
    }

    pub fn open_with_log<P: AsRef<Path>>(images: &[P]) -> Result<Self> {
        let volume = Volume::open(images, true)?;
        if volume.devices.count() as u64 != volume.sb.num_devices {
            return Err(format!(
                "the filesystem has {} devices: give the images of all",
                volume.sb.num_devices
            ));
        }
        Ok(Self { volume })
    }

    /// Sets or clears an incompat bit in all superblocks.
    pub fn set_incompat(&self, bit: u32, on: bool) -> Result<()> {
        self.volume
            .devices
            .edit_superblocks(|block| superblock::set_incompat(block, bit, on))
    }

    /// Overwrites whole blocks of data in all copies, and makes their checksums right, which
    /// must be in the csum tree unless `no_sum`.
    pub fn write_data(&self, logical: u64, data: &[u8], no_sum: bool) -> Result<()> {
        let volume = &self.volume;
        let sectorsize = volume.sectorsize();
        if logical % sectorsize != 0 || data.len() as u64 % sectorsize != 0 {
            return Err(format!("data is written in blocks of {sectorsize} bytes"));
        }
        let mut changes = Vec::new();
        let csums = Tree::read(volume, volume.root_of(items::CSUM_TREE.into())?)?;
        let blocks = data.chunks(sectorsize as usize);
        for (at, block) in (logical..).step_by(sectorsize as usize).zip(blocks) {
            let sums = csums.last_before(items::CSUM_OBJECTID, items::EXTENT_CSUM, at);
            let place = sums.and_then(|(start, sums)| {
                let offset = ((at - start) / sectorsize * CSUM_SIZE) as usize;
                (offset < sums.len()).then_some((start, offset))
            });
            match place {
                Some((start, offset)) => {
                    let key = Key::new(items::CSUM_OBJECTID, items::EXTENT_CSUM, start);
                    let sum = crc32c::crc32c(block).to_le_bytes().to_vec();
                    changes.push((key, Change::Set(offset, sum)));
                }
                None if no_sum => {}
                None => return Err(format!("the block at {at} has no checksum")),
            }
        }
        volume.write(logical, data)?;
        for (key, change) in changes {
            self.change(items::CSUM_TREE, key, change)?;
        }
        Ok(())
    }

    /// Overwrites a block of data in copy `mirror`, counted from 0, so that the checksum is as
    /// before: the last 4 bytes become whatever that takes.
    pub fn write_mirror_with_checksum(
        &self,
        logical: u64,
        block: &mut [u8],
        mirror: usize,
    ) -> Result<()> {
        let wanted = self
            .volume
            .read_mirror(logical, block.len() as u64, mirror)?;
        keep_crc(block, crc32c::crc32c(&wanted))?;
        self.volume.write_mirror(logical, block, mirror)
    }

    /// The body of an item.
    pub fn item(&self, tree: impl Into<TreeId>, key: Key) -> Result<Vec<u8>> {
        let tree = tree.into();
        let path = self.descend(tree, key)?;
        let (leaf, _) = path.last().ok_or("empty path")?;
        leaf_items(leaf)?
            .into_iter()
            .find(|(k, _)| *k == key)
            .map(|(_, body)| body)
            .ok_or_else(|| format!("{tree} has no item {key}"))
    }

    pub fn change(&self, tree: impl Into<TreeId>, key: Key, change: Change) -> Result<()> {
        let tree = tree.into();
        let mut path = self.descend(tree, key)?;
        let (mut leaf, _) = path.pop().ok_or("empty path")?;
        let mut items = leaf_items(&leaf)?;
        let found = items.binary_search_by_key(&key, |(k, _)| *k);
        let missing = || format!("{tree} has no item {key}");
        match change {
            Change::Set(at, bytes) => {
                let (start, len) = leaf.item_range(found.map_err(|_| missing())?)?;
                if at.checked_add(bytes.len()).is_none_or(|end| end > len) {
                    return Err(format!(
                        "item {key} has {len} bytes: no room for {} at {at}",
                        hex(&bytes)
                    ));
                }
                leaf.data[start + at..][..bytes.len()].copy_from_slice(&bytes);
                return self.volume.write_block(&mut leaf);
            }
            Change::Resize(size) => items[found.map_err(|_| missing())?].1.resize(size, 0),
            Change::Insert(body) => match found {
                Ok(_) => return Err(format!("{tree} already has an item {key}")),
                Err(slot) => items.insert(slot, (key, body)),
            },
            Change::Delete => {
                items.remove(found.map_err(|_| missing())?);
            }
        }
        store_items(&mut leaf, &items)?;
        let Some((first, _)) = items.first() else {
            return Err(format!("item {key} is the only one of its leaf"));
        };
        self.fix_low_keys(path, *first)?;
        self.volume.write_block(&mut leaf)
    }

    /// Makes the parents name `first` as the lowest key of the changed leaf.
    fn fix_low_keys(&self, path: Vec<(Block, usize)>, first: Key) -> Result<()> {
        for (mut node, slot) in path.into_iter().rev() {
            if node.key(slot) != first {
                let at = node.entry_at(slot);
                node.data[at..at + Key::SIZE].copy_from_slice(&first.to_bytes());
                self.volume.write_block(&mut node)?;
            }
            if slot > 0 {
                break;
            }
        }
        Ok(())
    }

    /// The blocks from the root to the leaf where `key` is or would be, each
    /// with the slot that leads on.
    fn descend(&self, tree: TreeId, key: Key) -> Result<Vec<(Block, usize)>> {
        let mut path = Vec::new();
        let mut ptr = self.volume.root_of(tree)?;
        loop {
            let block = self.volume.read_block(ptr)?;
            if block.level == 0 {
                path.push((block, 0));
                return Ok(path);
            }
            if block.nritems == 0 {
                return Err(format!("tree block {} is empty", block.bytenr));
            }
            let slot = (1..block.nritems)
                .take_while(|slot| block.key(*slot) <= key)
                .last()
                .unwrap_or(0);
            ptr = block.child(slot)?;
            path.push((block, slot));
        }
    }
}

/// Sets the last 4 bytes so that the block has this CRC32C, which is linear: of each bit, what it
/// makes of the checksum is known, and the bits are found by elimination.
fn keep_crc(block: &mut [u8], wanted: u32) -> Result<()> {
    let at = block.len().checked_sub(4).ok_or("a block is longer")?;
    block[at..].fill(0);
    let base = crc32c::crc32c(block);
    // Pairs of what some of the 32 bits together change, and which these are.
    let mut basis = [(0, 0); 32];
    for bit in 0..32 {
        block[at..].copy_from_slice(&(1u32 << bit).to_le_bytes());
        let (mut change, mut bits) = (crc32c::crc32c(block) ^ base, 1u32 << bit);
        while change != 0 {
            let top = change.ilog2() as usize;
            if basis[top].0 == 0 {
                basis[top] = (change, bits);
                break;
            }
            change ^= basis[top].0;
            bits ^= basis[top].1;
        }
    }
    let (mut change, mut bits) = (wanted ^ base, 0);
    while change != 0 {
        let (known, by) = basis[change.ilog2() as usize];
        if known == 0 {
            return Err("no end of the block gives that checksum".into());
        }
        change ^= known;
        bits ^= by;
    }
    block[at..].copy_from_slice(&bits.to_le_bytes());
    Ok(())
}

fn leaf_items(leaf: &Block) -> Result<Items> {
    (0..leaf.nritems)
        .map(|slot| Ok((leaf.key(slot), leaf.item(slot)?.to_vec())))
        .collect()
}

/// Lays out a leaf anew: headers from the front, bodies from the end.
fn store_items(leaf: &mut Block, items: &Items) -> Result<()> {
    let room = leaf.data.len() - HEADER_SIZE;
    let needed: usize = items.iter().map(|(_, body)| ITEM_SIZE + body.len()).sum();
    if needed > room {
        return Err(format!(
            "leaf {} has {room} bytes, the items would need {needed}",
            leaf.bytenr
        ));
    }
    leaf.data[HEADER_SIZE..].fill(0);
    leaf.data[NRITEMS_AT..NRITEMS_AT + 4].copy_from_slice(&(items.len() as u32).to_le_bytes());
    leaf.nritems = items.len();
    let mut end = leaf.data.len();
    for (slot, (key, body)) in items.iter().enumerate() {
        let start = end - body.len();
        leaf.data[start..end].copy_from_slice(body);
        end = start;
        let at = leaf.entry_at(slot);
        let header = &mut leaf.data[at..at + ITEM_SIZE];
        header[..17].copy_from_slice(&key.to_bytes());
        header[17..21].copy_from_slice(&((start - HEADER_SIZE) as u32).to_le_bytes());
        header[21..].copy_from_slice(&(body.len() as u32).to_le_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_kept() {
        let wanted = crc32c::crc32c(b"the block as it was");
        let mut block: Vec<u8> = (0..4096).map(|i| i as u8).collect();
        keep_crc(&mut block, wanted).unwrap();
        assert_eq!(crc32c::crc32c(&block), wanted);
        assert_eq!(block[4091], 4091u32 as u8);
    }
}
