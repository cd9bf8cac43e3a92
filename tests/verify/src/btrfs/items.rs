// SPDX-License-Identifier: GPL-2.0-only

//! The items that the oracle reads.

use crate::btrfs::le;
use crate::btrfs::tree::BlockPtr;
use crate::btrfs::tree::Key;
use crate::fscrypt::policy::Nonce;
use crate::fscrypt::tags::Place;
use crate::fscrypt::tags::Tag;
use crate::Result;

pub const INODE_ITEM: u8 = 1;
pub const INODE_REF: u8 = 12;
pub const INODE_EXTREF: u8 = 13;
pub const XATTR_ITEM: u8 = 24;
pub const FSCRYPT_INODE_CTX: u8 = 41;
pub const DIR_LOG_INDEX: u8 = 72;
pub const DIR_ITEM: u8 = 84;
pub const DIR_INDEX: u8 = 96;
pub const EXTENT_DATA: u8 = 108;
pub const EXTENT_CSUM: u8 = 128;
pub const EXTENT_TAG: u8 = 129;
pub const ROOT_ITEM: u8 = 132;
pub const ROOT_BACKREF: u8 = 144;
pub const ROOT_REF: u8 = 156;
pub const EXTENT_ITEM: u8 = 168;
pub const CHUNK_ITEM: u8 = 228;

pub const ROOT_TREE: u64 = 1;
pub const EXTENT_TREE: u64 = 2;
pub const CHUNK_TREE: u64 = 3;
pub const FS_TREE: u64 = 5;
pub const CSUM_TREE: u64 = 7;
/// In the tree of log trees.
pub const LOG_TREE: u64 = -6i64 as u64;
pub const FIRST_FREE_OBJECTID: u64 = 256;
const LAST_FREE_OBJECTID: u64 = -256i64 as u64;
pub const CHUNK_OBJECTID: u64 = 256;
pub const CSUM_OBJECTID: u64 = -10i64 as u64;
/// Of crc32c, in bytes.
pub const CSUM_SIZE: u64 = 4;
pub const TAG_OBJECTID: u64 = -14i64 as u64;

/// Whether the tree is a subvolume or snapshot.
pub fn is_subvolume(tree: u64) -> bool {
    tree == FS_TREE || (FIRST_FREE_OBJECTID..=LAST_FREE_OBJECTID).contains(&tree)
}

/// The hash that directory items are stored under.
pub fn name_hash(name: &[u8]) -> u32 {
    // btrfs uses the bare CRC from the seed ~1; the crate inverts on the way in
    // and out, as the standard says.
    !crc32c::crc32c_append(1, name)
}

/// The hash that INODE_EXTREFs are stored under.
pub fn extref_hash(dir: u64, name: &[u8]) -> u32 {
    !crc32c::crc32c_append(!(dir as u32), name)
}

/// The file types of st_mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    Regular,
    Directory,
    Symlink,
    /// A device, FIFO or socket, by the letter that find(1) gives it.
    Special(char),
}

impl FileType {
    fn from_mode(mode: u32) -> Result<Self> {
        Ok(match mode & 0o170000 {
            0o100000 => Self::Regular,
            0o040000 => Self::Directory,
            0o120000 => Self::Symlink,
            0o060000 => Self::Special('b'),
            0o020000 => Self::Special('c'),
            0o010000 => Self::Special('p'),
            0o140000 => Self::Special('s'),
            _ => return Err(format!("file mode {mode:#o}")),
        })
    }

    pub fn letter(self) -> char {
        match self {
            Self::Regular => 'f',
            Self::Directory => 'd',
            Self::Symlink => 'l',
            Self::Special(letter) => letter,
        }
    }
}

#[derive(Clone, Copy)]
pub struct InodeItem {
    pub size: u64,
    pub file_type: FileType,
    pub flags: u64,
}

impl InodeItem {
    const NODATASUM: u64 = 1 << 0;
    pub const ENCRYPT: u64 = 1 << 12;
    pub const FLAGS_AT: usize = 64;

    pub fn parse(item: &[u8]) -> Result<Self> {
        Ok(Self {
            size: le::u64(item, 16)?,
            file_type: FileType::from_mode(le::u32(item, 52)?)?,
            flags: le::u64(item, Self::FLAGS_AT)?,
        })
    }

    pub fn encrypted(&self) -> bool {
        self.flags & Self::ENCRYPT != 0
    }

    pub fn has_data_checksums(&self) -> bool {
        self.flags & Self::NODATASUM == 0
    }
}

pub struct RootItem {
    pub root: BlockPtr,
    pub root_dir: u64,
    /// 0 for a subvolume that has been deleted and is being dropped.
    pub refs: u32,
}

impl RootItem {
    pub fn parse(item: &[u8]) -> Result<Self> {
        Ok(Self {
            root: BlockPtr {
                bytenr: le::u64(item, 176)?,
                level: le::u8(item, 238)?,
                generation: Some(le::u64(item, 160)?),
            },
            root_dir: le::u64(item, 168)?,
            refs: le::u32(item, 216)?,
        })
    }
}

/// An entry of a directory; a DIR_ITEM can hold several.
pub struct DirEntry<'a> {
    pub location: Key,
    pub encrypted: bool,
    /// As on disk, thus ciphertext in an encrypted directory.
    pub name: &'a [u8],
}

impl<'a> DirEntry<'a> {
    const HEADER_SIZE: usize = 30;
    pub const TYPE_AT: usize = 29;
    pub const FT_ENCRYPTED: u8 = 0x80;

    pub fn parse_all(item: &'a [u8]) -> Result<Vec<Self>> {
        let mut entries = Vec::new();
        let mut at = 0;
        while at < item.len() {
            let data_len = le::u16(item, at + 25)? as usize;
            let name_len = le::u16(item, at + 27)? as usize;
            entries.push(Self {
                location: Key::parse(item, at)?,
                encrypted: le::u8(item, at + Self::TYPE_AT)? & Self::FT_ENCRYPTED != 0,
                name: le::slice(item, at + Self::HEADER_SIZE, name_len)?,
            });
            at += Self::HEADER_SIZE + name_len + data_len;
        }
        Ok(entries)
    }
}

/// The name of an inode or subvolume, stored with the child.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameRef<'a> {
    pub dir: u64,
    pub index: u64,
    pub name: &'a [u8],
}

impl<'a> NameRef<'a> {
    /// Parses an INODE_REF; `dir` is the offset of its key.
    pub fn parse_inode_refs(dir: u64, item: &'a [u8]) -> Result<Vec<Self>> {
        Self::parse_array(item, 8, |_| Ok(dir), 0)
    }

    pub fn parse_inode_extrefs(item: &'a [u8]) -> Result<Vec<Self>> {
        Self::parse_array(item, 16, |at| le::u64(item, at), 8)
    }

    /// Parses a ROOT_REF or ROOT_BACKREF.
    pub fn parse_root_ref(item: &'a [u8]) -> Result<Self> {
        Self::parse_array(item, 16, |at| le::u64(item, at), 8)?
            .pop()
            .ok_or_else(|| "empty root reference".into())
    }

    fn parse_array(
        item: &'a [u8],
        len_at: usize,
        dir: impl Fn(usize) -> Result<u64>,
        index_at: usize,
    ) -> Result<Vec<Self>> {
        let mut refs = Vec::new();
        let mut at = 0;
        while at < item.len() {
            let name_len = le::u16(item, at + len_at)? as usize;
            let name_at = at + len_at + 2;
            refs.push(Self {
                dir: dir(at)?,
                index: le::u64(item, at + index_at)?,
                name: le::slice(item, name_at, name_len)?,
            });
            at = name_at + name_len;
        }
        Ok(refs)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    None,
    Zlib,
    Lzo,
    Zstd,
}

impl Compression {
    fn parse(byte: u8) -> Result<Self> {
        Ok(match byte {
            0 => Self::None,
            1 => Self::Zlib,
            2 => Self::Lzo,
            3 => Self::Zstd,
            _ => return Err(format!("compression {byte}")),
        })
    }
}

/// An extent on disk, or a part of one, as a file uses it.
#[derive(Clone, Copy)]
pub struct DiskExtent {
    pub bytenr: u64,
    pub disk_len: u64,
    /// Where the part begins in the extent's decompressed data.
    pub offset: u64,
    pub len: u64,
    /// Length of the whole extent, decompressed.
    pub ram_len: u64,
    pub compression: Compression,
    pub prealloc: bool,
    pub nonce: Option<Nonce>,
    /// Of an authenticated file.
    pub place: Option<StoredPlace>,
}

/// What an authenticated file has for each of its extents, besides the nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredPlace {
    /// The blocks of the extent that the file may show, the last excluded.
    pub window: (u32, u32),
    pub tag: Tag,
}

impl DiskExtent {
    /// What is authenticated where the file that shows the part at `start` has `inode_nonce`
    /// in its context, and may show that window of the extent.
    pub fn place_at(
        &self,
        start: u64,
        nonce: Nonce,
        inode_nonce: Nonce,
        window: (u32, u32),
    ) -> Place {
        let (disk_len, ram_len) = match self.compression {
            // A receiver may cut such an extent.
            Compression::None => (0, 0),
            _ => (self.disk_len, self.ram_len),
        };
        Place {
            nonce,
            inode_nonce,
            window,
            base: start.wrapping_sub(self.offset),
            disk_len,
            ram_len,
            compression: self.compression as u8,
        }
    }

    /// Fails unless the part is in the window, and the window in the extent.
    pub fn check_window(&self, window: (u32, u32), sectorsize: u64) -> Result<()> {
        let (start, end) = (self.offset, self.offset + self.len);
        let blocks = self.source_len() / sectorsize;
        if start / sectorsize < window.0.into()
            || end / sectorsize > window.1.into()
            || u64::from(window.1) > blocks
        {
            return Err(format!(
                "bytes {start} to {end} of an extent of {blocks} blocks, of which only \
                 {} to {} may be shown",
                window.0, window.1
            ));
        }
        Ok(())
    }

    /// Length of the whole extent as `offset` counts it.
    pub fn source_len(&self) -> u64 {
        match self.compression {
            Compression::None => self.disk_len,
            _ => self.ram_len,
        }
    }

    /// The logical range that holds what the part is made from.  Of a
    /// compressed extent that is always the whole.
    pub fn stored_range(&self) -> (u64, u64) {
        if self.compression == Compression::None {
            (self.bytenr + self.offset, self.len)
        } else {
            (self.bytenr, self.disk_len)
        }
    }
}

pub enum FileExtent<'a> {
    Hole {
        len: u64,
    },
    Inline {
        compression: Compression,
        ram_len: u64,
        data: &'a [u8],
    },
    Disk(DiskExtent),
}

impl<'a> FileExtent<'a> {
    const INLINE_DATA_AT: usize = 21;
    pub const SIZE: usize = 53;
    pub const ENCRYPTION_AT: usize = 17;
    const TYPE_INLINE: u8 = 0;
    const TYPE_REG: u8 = 1;
    const TYPE_PREALLOC: u8 = 2;

    const EXTENT_CONTEXT_V1: u8 = 1;
    const EXTENT_CONTEXT_V1_SIZE: usize = 17;
    const EXTENT_CONTEXT_V3: u8 = 3;
    const EXTENT_CONTEXT_V3_SIZE: usize = 41;

    /// The most that one extent may hold; btrfs makes them at most 256 MiB.
    const MAX_LEN: u64 = 1 << 30;

    pub fn parse(item: &'a [u8], sectorsize: u64) -> Result<Self> {
        let ram_len = le::u64(item, 8)?;
        let compression = Compression::parse(le::u8(item, 16)?)?;
        let encryption = le::u8(item, Self::ENCRYPTION_AT)?;
        if le::u16(item, 18)? != 0 {
            return Err("other_encoding is not 0".into());
        }
        let extent_type = le::u8(item, 20)?;
        if extent_type == Self::TYPE_INLINE {
            if encryption != 0 {
                return Err("inline extent with encryption".into());
            }
            return Ok(Self::Inline {
                compression,
                ram_len,
                data: &item[Self::INLINE_DATA_AT..],
            });
        }
        let (bytenr, disk_len) = (le::u64(item, 21)?, le::u64(item, 29)?);
        let (offset, len) = (le::u64(item, 37)?, le::u64(item, 45)?);
        let (nonce, place) = match encryption {
            0 if item.len() == Self::SIZE => (None, None),
            0 => return Err(format!("plain extent in an item of {} bytes", item.len())),
            1 => {
                let (nonce, place) = Self::parse_context(item)?;
                (Some(nonce), place)
            }
            _ => return Err(format!("encryption type {encryption}")),
        };
        if bytenr == 0 {
            return match nonce {
                None => Ok(Self::Hole { len }),
                Some(_) => Err("hole with encryption".into()),
            };
        }
        if ![Self::TYPE_REG, Self::TYPE_PREALLOC].contains(&extent_type) {
            return Err(format!("extent type {extent_type}"));
        }
        let aligned = [bytenr, disk_len, offset, len, ram_len]
            .iter()
            .all(|v| v % sectorsize == 0);
        let source_len = if compression == Compression::None {
            disk_len
        } else {
            ram_len
        };
        if !aligned
            || len == 0
            || disk_len.max(ram_len) > Self::MAX_LEN
            || bytenr.checked_add(disk_len).is_none()
            || offset.checked_add(len).is_none_or(|end| end > source_len)
        {
            return Err("extent with impossible addresses or lengths".into());
        }
        Ok(Self::Disk(DiskExtent {
            bytenr,
            disk_len,
            offset,
            len,
            ram_len,
            compression,
            prealloc: extent_type == Self::TYPE_PREALLOC,
            nonce,
            place,
        }))
    }

    fn parse_context(item: &[u8]) -> Result<(Nonce, Option<StoredPlace>)> {
        let size = le::u32(item, Self::SIZE)? as usize;
        let context = &item[Self::SIZE + 4..];
        let version = le::u8(context, 0)?;
        let expected = match version {
            Self::EXTENT_CONTEXT_V1 => Self::EXTENT_CONTEXT_V1_SIZE,
            Self::EXTENT_CONTEXT_V3 => Self::EXTENT_CONTEXT_V3_SIZE,
            _ => return Err(format!("extent context version {version}")),
        };
        if size != context.len() || size != expected {
            return Err(format!(
                "extent context says {size} bytes and has {}",
                context.len()
            ));
        }
        let place = match version {
            Self::EXTENT_CONTEXT_V1 => None,
            _ => Some(StoredPlace {
                window: (le::u32(context, 17)?, le::u32(context, 21)?),
                tag: le::bytes(context, 25)?,
            }),
        };
        Ok((Nonce(le::bytes(context, 1)?), place))
    }

    /// The body of an item for an encrypted extent, from that of a plain one.
    pub fn encrypt_item(plain: &[u8], nonce: &Nonce, place: Option<&StoredPlace>) -> Vec<u8> {
        let mut item = plain.to_vec();
        let (version, size) = match place {
            None => (Self::EXTENT_CONTEXT_V1, Self::EXTENT_CONTEXT_V1_SIZE),
            Some(_) => (Self::EXTENT_CONTEXT_V3, Self::EXTENT_CONTEXT_V3_SIZE),
        };
        item[Self::ENCRYPTION_AT] = 1;
        item.extend_from_slice(&(size as u32).to_le_bytes());
        item.push(version);
        item.extend_from_slice(&nonce.0);
        if let Some(place) = place {
            item.extend_from_slice(&place.window.0.to_le_bytes());
            item.extend_from_slice(&place.window.1.to_le_bytes());
            item.extend_from_slice(&place.tag);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_hashes() {
        // From a filesystem made by mkfs.btrfs.
        assert_eq!(name_hash(b"default"), 2378154706);
    }

    #[test]
    fn extent_context_must_fit() {
        let mut plain = vec![0; FileExtent::SIZE];
        plain[20] = 1;
        for (at, value) in [(8, 4096u64), (21, 1 << 20), (29, 4096), (45, 4096)] {
            plain[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let place = StoredPlace {
            window: (0, 1),
            tag: [8; 16],
        };
        for (place, size) in [(None, 74), (Some(place), 98)] {
            let item = FileExtent::encrypt_item(&plain, &Nonce([7; 16]), place.as_ref());
            assert_eq!(item.len(), size);
            let FileExtent::Disk(extent) = FileExtent::parse(&item, 4096).unwrap() else {
                panic!("not a disk extent");
            };
            assert_eq!(extent.nonce, Some(Nonce([7; 16])));
            assert_eq!(extent.place, place);

            for len in 0..item.len() {
                let _ = FileExtent::parse(&item[..len], 4096);
            }
            assert!(FileExtent::parse(&item[..size - 1], 4096).is_err());
            for (at, value) in [(17, 2), (53, 16), (57, 2), (57, 4), (20, 0), (20, 3)] {
                let mut bad = item.clone();
                bad[at] = value;
                assert!(FileExtent::parse(&bad, 4096).is_err(), "byte {at}");
            }
        }
    }
}
