// SPDX-License-Identifier: GPL-2.0-only

//! The logical address space: devices and chunks together.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::btrfs::chunk::ChunkMap;
use crate::btrfs::chunk::Segment;
use crate::btrfs::device::Devices;
use crate::btrfs::items;
use crate::btrfs::items::RootItem;
use crate::btrfs::superblock;
use crate::btrfs::superblock::Superblock;
use crate::btrfs::tree::Block;
use crate::btrfs::tree::BlockPtr;
use crate::btrfs::tree::ReadBlock;
use crate::btrfs::tree::Tree;
use crate::Result;

/// A tree of the filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TreeId {
    Tree(u64),
    /// The tree of the log trees.
    LogRoots,
    /// The log tree of a subvolume.
    Log(u64),
}

impl From<u64> for TreeId {
    fn from(id: u64) -> Self {
        Self::Tree(id)
    }
}

impl fmt::Display for TreeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(id) => write!(f, "tree {id}"),
            Self::LogRoots => write!(f, "tree of log trees"),
            Self::Log(id) => write!(f, "log of tree {id}"),
        }
    }
}

pub struct Volume {
    pub devices: Devices,
    pub sb: Superblock,
    chunks: ChunkMap,
    bad_copies: RefCell<BTreeSet<String>>,
}

impl Volume {
    pub fn open<P: AsRef<Path>>(images: &[P], writable: bool) -> Result<Self> {
        let (devices, sb) = Devices::open(images, writable)?;
        let mut volume = Self {
            devices,
            chunks: ChunkMap::default(),
            bad_copies: RefCell::default(),
            sb,
        };
        volume.chunks.insert_sys_array(&volume.sb.sys_chunk_array)?;
        let chunk_tree = Tree::read(&volume, volume.chunk_root())?;
        for (logical, item) in chunk_tree.of(items::CHUNK_OBJECTID, items::CHUNK_ITEM) {
            volume.chunks.insert(logical, item)?;
        }
        Ok(volume)
    }

    pub fn chunk_root(&self) -> BlockPtr {
        BlockPtr {
            bytenr: self.sb.chunk_root,
            level: self.sb.chunk_root_level,
            generation: None,
        }
    }

    pub fn root_tree_root(&self) -> BlockPtr {
        BlockPtr {
            bytenr: self.sb.root,
            level: self.sb.root_level,
            generation: Some(self.sb.generation),
        }
    }

    /// The root of any tree.
    pub fn root_of(&self, tree: TreeId) -> Result<BlockPtr> {
        let (roots, objectid, offsets) = match tree {
            TreeId::Tree(items::ROOT_TREE) => return Ok(self.root_tree_root()),
            TreeId::Tree(items::CHUNK_TREE) => return Ok(self.chunk_root()),
            TreeId::LogRoots => return self.log_roots_root(),
            // The offset of a snapshot's root item is not 0.
            TreeId::Tree(id) => (self.root_tree_root(), id, 0..=u64::MAX),
            TreeId::Log(id) => (self.log_roots_root()?, items::LOG_TREE, id..=id),
        };
        let roots = Tree::read(self, roots)?;
        let (_, item) = roots
            .of(objectid, items::ROOT_ITEM)
            .filter(|(offset, _)| offsets.contains(offset))
            .last()
            .ok_or_else(|| format!("there is no {tree}"))?;
        Ok(RootItem::parse(item)?.root)
    }

    fn log_roots_root(&self) -> Result<BlockPtr> {
        if self.sb.log_root == 0 {
            return Err("the filesystem has no log".into());
        }
        Ok(BlockPtr {
            bytenr: self.sb.log_root,
            level: self.sb.log_root_level,
            // The log belongs to the transaction that had not ended yet.
            generation: Some(self.sb.generation + 1),
        })
    }

    pub fn sectorsize(&self) -> u64 {
        self.sb.sectorsize.into()
    }

    /// Copies of tree blocks that were found to be bad while others were read.
    pub fn bad_copies(&self) -> Vec<String> {
        self.bad_copies.borrow().iter().cloned().collect()
    }

    pub fn mirrors(&self, logical: u64) -> Result<usize> {
        self.chunks.mirrors(logical)
    }

    /// Whether every device that holds a part of the copy was given.
    pub fn has_mirror(&self, logical: u64, len: u64, mirror: usize) -> Result<bool> {
        let segments = self.segments(logical, len, mirror)?;
        Ok(segments.iter().all(|s| self.devices.has(s.devid)))
    }

    /// Where copy `mirror` of the bytes at `logical` is.
    pub fn segments(&self, logical: u64, len: u64, mirror: usize) -> Result<Vec<Segment>> {
        self.chunks.map(logical, len, mirror)
    }

    pub fn read_mirror(&self, logical: u64, len: u64, mirror: usize) -> Result<Vec<u8>> {
        let mut data = vec![0; len as usize];
        let mut rest = &mut data[..];
        for segment in self.segments(logical, len, mirror)? {
            let (part, after) = rest.split_at_mut(segment.len as usize);
            self.devices.read(segment.devid, segment.physical, part)?;
            rest = after;
        }
        Ok(data)
    }

    /// Reads the first copy that is there.
    pub fn read(&self, logical: u64, len: u64) -> Result<Vec<u8>> {
        for mirror in 0..self.mirrors(logical)? {
            if self.has_mirror(logical, len, mirror)? {
                return self.read_mirror(logical, len, mirror);
            }
        }
        Err(format!(
            "no image holds the {len} bytes at logical {logical}"
        ))
    }

    /// Seals a tree block and writes every copy of it.
    pub fn write_block(&self, block: &mut Block) -> Result<()> {
        superblock::seal(&mut block.data);
        self.write(block.bytenr, &block.data)
    }

    /// Writes every copy of the bytes at `logical`.
    pub fn write(&self, logical: u64, data: &[u8]) -> Result<()> {
        if self.chunks.has_parity(logical)? {
            return Err("RAID5 and RAID6 can't be edited: parity would be stale".into());
        }
        for mirror in 0..self.mirrors(logical)? {
            self.write_mirror(logical, data, mirror)?;
        }
        Ok(())
    }

    /// Writes one copy.
    pub fn write_mirror(&self, logical: u64, data: &[u8], mirror: usize) -> Result<()> {
        let mut rest = data;
        for segment in self.segments(logical, data.len() as u64, mirror)? {
            let (part, after) = rest.split_at(segment.len as usize);
            self.devices.write(segment.devid, segment.physical, part)?;
            rest = after;
        }
        Ok(())
    }
}

impl ReadBlock for Volume {
    /// Checks every copy of the block and returns a good one.
    fn read_block(&self, ptr: BlockPtr) -> Result<Block> {
        let len = self.sb.nodesize.into();
        let mut found = None;
        let mut error = format!("no image holds tree block {}", ptr.bytenr);
        for mirror in 0..self.mirrors(ptr.bytenr)? {
            if !self.has_mirror(ptr.bytenr, len, mirror)? {
                continue;
            }
            let data = self.read_mirror(ptr.bytenr, len, mirror)?;
            match Block::parse(data, ptr, &self.sb.metadata_uuid) {
                Ok(block) => found = Some(block),
                Err(e) => {
                    error = format!("copy {mirror} of {e}");
                    self.bad_copies.borrow_mut().insert(error.clone());
                }
            }
        }
        found.ok_or(error)
    }
}
