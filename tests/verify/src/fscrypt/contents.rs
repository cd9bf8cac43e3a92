// SPDX-License-Identifier: GPL-2.0-only

//! The contents of regular files and symlinks.

use crate::btrfs::compression::decompress;
use crate::btrfs::filesystem::Filesystem;
use crate::btrfs::filesystem::Inode;
use crate::btrfs::filesystem::Subvolume;
use crate::btrfs::items;
use crate::btrfs::items::Compression;
use crate::btrfs::items::DiskExtent;
use crate::btrfs::items::FileExtent;
use crate::btrfs::items::FileType;
use crate::btrfs::le;
use crate::btrfs::tree::Key;
use crate::fscrypt::kdf::Keyring;
use crate::fscrypt::names;
use crate::fscrypt::policy::Context;
use crate::fscrypt::policy::Nonce;
use crate::fscrypt::tags::TagKeys;
use crate::Result;

/// How much of an uncompressed extent is in memory at once; a multiple of every
/// data unit size.
const PIECE: u64 = 1 << 20;
/// btrfs compresses at most 128 KiB at a time.
const MAX_COMPRESSED: u64 = 128 << 10;
/// Sparse files may be as large as they want, but zeroes take time to hash.
const MAX_FILE: u64 = 64 << 30;

/// Takes a file's bytes in order.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

/// Whether contents or target can be read with the keys given.
pub fn readable(inode: &Inode, keys: &Keyring) -> bool {
    inode.context.is_none_or(|c| keys.has(&c.policy))
}

/// Hands the contents of a regular file to `sink`.
pub fn read_file(
    fs: &Filesystem,
    keys: &Keyring,
    subvolume: &Subvolume,
    ino: u64,
    sink: Sink<'_>,
) -> Result<()> {
    let inode = subvolume.inode(ino)?;
    if inode.item.file_type != FileType::Regular {
        return Err("not a regular file".into());
    }
    if inode.item.size > MAX_FILE {
        return Err(format!(
            "{} bytes are more than the {MAX_FILE} that are read",
            inode.item.size
        ));
    }
    verify(fs, keys, subvolume, ino, &inode)?;
    let mut out = Limited {
        pos: 0,
        size: inode.item.size,
        sink,
    };
    for (start, item) in subvolume.tree.of(ino, items::EXTENT_DATA) {
        if start >= out.size {
            break;
        }
        if start < out.pos {
            return Err(format!("file extents overlap at {start}"));
        }
        out.zeroes_until(start)?;
        match FileExtent::parse(item, fs.volume.sectorsize())
            .map_err(|e| format!("file extent {start}: {e}"))?
        {
            FileExtent::Hole { len } => out.zeroes_until(start.saturating_add(len))?,
            FileExtent::Inline {
                compression,
                ram_len,
                data,
            } => {
                let sectorsize = fs.volume.sectorsize();
                if ram_len > sectorsize {
                    return Err(format!("inline extent of {ram_len} bytes"));
                }
                out.write(&decompress(
                    compression,
                    data,
                    ram_len as usize,
                    sectorsize as usize,
                )?)?;
            }
            FileExtent::Disk(extent) if extent.prealloc => {
                out.zeroes_until(start.saturating_add(extent.len))?
            }
            FileExtent::Disk(extent) => {
                let read = DiskReader {
                    fs,
                    keys,
                    context: inode.context.as_ref(),
                    extent,
                };
                read.read(&mut out)
                    .map_err(|e| format!("file extent {start}: {e}"))?;
            }
        }
    }
    out.zeroes_until(inode.item.size)
}

/// Verifies all extents of a file that is authenticated, also those that reading it doesn't need.
fn verify(
    fs: &Filesystem,
    keys: &Keyring,
    subvolume: &Subvolume,
    ino: u64,
    inode: &Inode,
) -> Result<()> {
    for (start, item) in subvolume.tree.of(ino, items::EXTENT_DATA) {
        let failed = |e| format!("file extent {start}: {e}");
        let parsed = FileExtent::parse(item, fs.volume.sectorsize()).map_err(failed)?;
        let FileExtent::Disk(extent) = parsed else {
            continue;
        };
        let reader = DiskReader {
            fs,
            keys,
            context: inode.context.as_ref(),
            extent,
        };
        reader
            .check_place(start)
            .and_then(|()| reader.check_blocks())
            .map_err(failed)?;
    }
    Ok(())
}

/// The target of a symlink.
pub fn read_symlink(
    fs: &Filesystem,
    keys: &Keyring,
    subvolume: &Subvolume,
    ino: u64,
) -> Result<Vec<u8>> {
    let inode = subvolume.inode(ino)?;
    let item = subvolume
        .tree
        .get(Key::new(ino, items::EXTENT_DATA, 0))
        .ok_or("symlink without a target")?;
    let FileExtent::Inline {
        compression: Compression::None,
        data,
        ..
    } = FileExtent::parse(item, fs.volume.sectorsize())?
    else {
        return Err("symlink target is not inline".into());
    };
    // mkfs.btrfs also stores, but does not count, the terminating NUL.
    let size = usize::try_from(inode.item.size).map_err(|e| e.to_string())?;
    let data = le::slice(data, 0, size).map_err(|e| format!("symlink target: {e}"))?;
    match &inode.context {
        None => Ok(data.to_vec()),
        Some(context) => {
            let cipher = keys.name_cipher(context)?;
            names::decrypt(&cipher, names::symlink_ciphertext(data)?)
        }
    }
}

struct Limited<'a> {
    pos: u64,
    size: u64,
    sink: Sink<'a>,
}

impl Limited<'_> {
    fn write(&mut self, data: &[u8]) -> Result<()> {
        let len = (self.size - self.pos).min(data.len() as u64);
        self.pos += len;
        (self.sink)(&data[..len as usize])
    }

    fn zeroes_until(&mut self, end: u64) -> Result<()> {
        const ZEROES: &[u8] = &[0; 64 << 10];
        while self.pos < end.min(self.size) {
            let len = (end - self.pos).min(ZEROES.len() as u64);
            self.write(&ZEROES[..len as usize])?;
        }
        Ok(())
    }
}

struct DiskReader<'a> {
    fs: &'a Filesystem,
    keys: &'a Keyring,
    context: Option<&'a Context>,
    extent: DiskExtent,
}

impl DiskReader<'_> {
    /// Fails unless the file was given this part of the extent, here.
    fn check_place(&self, start: u64) -> Result<()> {
        let extent = &self.extent;
        let Some(context) = self.context.filter(|c| c.policy.authenticated()) else {
            return match extent.place {
                None => Ok(()),
                Some(_) => Err("authenticated extent in a file that is not".into()),
            };
        };
        let (Some(nonce), Some(stored)) = (extent.nonce, extent.place) else {
            return Err("extent without a place in an authenticated file".into());
        };
        let sectorsize = self.fs.volume.sectorsize();
        let place = extent.place_at(start, nonce, context.nonce, stored.window);
        let keys = self.keys.tag_keys(&context.policy, sectorsize)?;
        if keys.place(&place) != stored.tag {
            return Err("authentication of the place failed".into());
        }
        extent.check_window(stored.window, sectorsize)
    }

    /// Fails unless all blocks that hold this part are as they were written.
    fn check_blocks(&self) -> Result<()> {
        let Some((policy, nonce)) = self
            .context
            .map(|context| &context.policy)
            .filter(|policy| policy.authenticated() && !self.extent.prealloc)
            .zip(self.extent.nonce.as_ref())
        else {
            return Ok(());
        };
        let sectorsize = self.fs.volume.sectorsize();
        let keys = self.keys.tag_keys(policy, sectorsize)?;
        let (mut at, len) = self.extent.stored_range();
        let end = at + len;
        while at < end {
            let block = self.fs.volume.read(at, sectorsize)?;
            self.check_block(&keys, nonce, at, &block)?;
            at += sectorsize;
        }
        Ok(())
    }

    /// Fails unless a block is as it was written.
    fn check_block(&self, keys: &TagKeys, nonce: &Nonce, logical: u64, block: &[u8]) -> Result<()> {
        let index = (logical - self.extent.bytenr) / block.len() as u64;
        match self.fs.tag(logical) {
            None => Err(format!("block {index} of the extent has no tag")),
            Some(tag) if keys.block(block, nonce, index) != tag => {
                Err(format!("authentication of block {index} failed"))
            }
            Some(_) => Ok(()),
        }
    }

    fn read(&self, out: &mut Limited<'_>) -> Result<()> {
        let extent = &self.extent;
        if extent.compression == Compression::None {
            let end = extent.offset + extent.len;
            let mut offset = extent.offset;
            while offset < end && out.pos < out.size {
                let len = (end - offset).min(PIECE);
                out.write(&self.stored(offset, len)?)?;
                offset += len;
            }
            return Ok(());
        }
        if extent.disk_len.max(extent.ram_len) > MAX_COMPRESSED {
            return Err("compressed extent is too long".into());
        }
        let stored = self.stored(0, extent.disk_len)?;
        let sectorsize = self.fs.volume.sectorsize() as usize;
        let data = decompress(
            extent.compression,
            &stored,
            extent.ram_len as usize,
            sectorsize,
        )?;
        out.write(&data[extent.offset as usize..][..extent.len as usize])
    }

    /// What is stored `offset` bytes into the extent, decrypted.
    fn stored(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let bytenr = self.extent.bytenr;
        let mut data = self.fs.volume.read(bytenr + offset, len)?;
        let sectorsize = self.fs.volume.sectorsize();
        let (policy, nonce) = match (self.context, &self.extent.nonce) {
            (None, None) => return Ok(data),
            (Some(context), Some(nonce)) => (&context.policy, nonce),
            (Some(_), None) => return Err("plain extent in an encrypted file".into()),
            (None, Some(_)) => return Err("encrypted extent in a plain file".into()),
        };
        let cipher = self.keys.extent_cipher(policy, sectorsize, nonce)?;
        let unit_size = policy.data_unit_size(sectorsize);
        let first = offset / unit_size;
        for (index, unit) in (first..).zip(data.chunks_exact_mut(unit_size as usize)) {
            let before = unit.to_vec();
            cipher.decrypt(index, unit)?;
            if *unit == before {
                return Err(format!(
                    "data unit {index} of extent {bytenr} is stored as it is"
                ));
            }
        }
        Ok(data)
    }
}
