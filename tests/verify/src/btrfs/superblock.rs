// SPDX-License-Identifier: GPL-2.0-only

//! The superblock.

use crate::btrfs::le;
use crate::Result;

pub const SIZE: usize = 4096;
/// Where the copies are; a device has those that fit.
pub const OFFSETS: [u64; 3] = [64 << 10, 64 << 20, 256 << 30];

pub const INCOMPAT_METADATA_UUID: u64 = 1 << 10;
pub const INCOMPAT_EXTENT_FSCRYPT: u64 = 1 << 56;
pub const INCOMPAT_EXTENT_FSCRYPT_AUTH: u64 = 1 << 57;
/// Bits 0 to 11 and 16 change nothing that is not handled here.  The others
/// (zoned, extent tree v2, RAID stripe tree, remap tree, unknown ones) do.
const INCOMPAT_SUPPORTED: u64 =
    0xfff | INCOMPAT_EXTENT_FSCRYPT | INCOMPAT_EXTENT_FSCRYPT_AUTH | (1 << 16);

const MAGIC: &[u8; 8] = b"_BHRfS_M";
const CSUM_TYPE_CRC32C: u16 = 0;
const CSUM_SIZE: usize = 32;
const INCOMPAT_AT: usize = 188;
const SYS_CHUNK_ARRAY_AT: usize = 811;
const SYS_CHUNK_ARRAY_SIZE: usize = 2048;

/// Computes the checksum of a superblock or tree block: both begin with it.
pub fn block_checksum(block: &[u8]) -> [u8; 4] {
    crc32c::crc32c(&block[CSUM_SIZE..]).to_le_bytes()
}

/// Stores the checksum of a superblock or tree block.
pub fn seal(block: &mut [u8]) {
    let checksum = block_checksum(block);
    block[..4].copy_from_slice(&checksum);
}

#[derive(Clone)]
pub struct Superblock {
    pub fsid: [u8; 16],
    /// The UUID that tree blocks carry.
    pub metadata_uuid: [u8; 16],
    pub generation: u64,
    pub root: u64,
    pub root_level: u8,
    pub chunk_root: u64,
    pub chunk_root_level: u8,
    pub log_root: u64,
    pub log_root_level: u8,
    pub num_devices: u64,
    pub sectorsize: u32,
    pub nodesize: u32,
    pub incompat: u64,
    pub devid: u64,
    pub sys_chunk_array: Vec<u8>,
}

impl Superblock {
    pub fn parse(block: &[u8]) -> Result<Self> {
        if &le::bytes::<8>(block, 64)? != MAGIC {
            return Err("no btrfs superblock".into());
        }
        if le::u16(block, 196)? != CSUM_TYPE_CRC32C {
            return Err("only crc32c checksums are supported".into());
        }
        if block[..4] != block_checksum(block) {
            return Err("superblock checksum is wrong".into());
        }
        let fsid = le::bytes(block, 32)?;
        let incompat = le::u64(block, INCOMPAT_AT)?;
        let sys_size = le::u32(block, 160)? as usize;
        if sys_size > SYS_CHUNK_ARRAY_SIZE {
            return Err(format!("system chunk array of {sys_size} bytes"));
        }
        let sb = Self {
            fsid,
            metadata_uuid: if incompat & INCOMPAT_METADATA_UUID != 0 {
                le::bytes(block, 571)?
            } else {
                fsid
            },
            generation: le::u64(block, 72)?,
            root: le::u64(block, 80)?,
            root_level: le::u8(block, 198)?,
            chunk_root: le::u64(block, 88)?,
            chunk_root_level: le::u8(block, 199)?,
            log_root: le::u64(block, 96)?,
            log_root_level: le::u8(block, 200)?,
            num_devices: le::u64(block, 136)?,
            sectorsize: le::u32(block, 144)?,
            nodesize: le::u32(block, 148)?,
            incompat,
            devid: le::u64(block, 201)?,
            sys_chunk_array: le::slice(block, SYS_CHUNK_ARRAY_AT, sys_size)?.to_vec(),
        };
        let unsupported = incompat & !INCOMPAT_SUPPORTED;
        if unsupported != 0 {
            return Err(format!("incompat bits {unsupported:#x} are not supported"));
        }
        for (what, size) in [("sector", sb.sectorsize), ("node", sb.nodesize)] {
            if !size.is_power_of_two() || !(4096..=65536).contains(&size) {
                return Err(format!("{what} size {size}"));
            }
        }
        Ok(sb)
    }
}

/// Sets or clears one incompat bit in a raw superblock and seals it.
pub fn set_incompat(block: &mut [u8], bit: u32, on: bool) -> Result<()> {
    let mask = 1u64
        .checked_shl(bit)
        .ok_or_else(|| format!("incompat bit {bit} is out of range"))?;
    let old = le::u64(block, INCOMPAT_AT)?;
    let new = if on { old | mask } else { old & !mask };
    block[INCOMPAT_AT..INCOMPAT_AT + 8].copy_from_slice(&new.to_le_bytes());
    seal(block);
    Ok(())
}
