// SPDX-License-Identifier: GPL-2.0-only

//! Little-endian fields of on-disk structures, with bounds checks.

use crate::Result;

/// The `N` bytes of `data` that start at `at`.
pub fn bytes<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N]> {
    slice(data, at, N).map(|s| s.try_into().expect("slice has N bytes"))
}

/// The `len` bytes of `data` that start at `at`.
pub fn slice(data: &[u8], at: usize, len: usize) -> Result<&[u8]> {
    at.checked_add(len)
        .and_then(|end| data.get(at..end))
        .ok_or_else(|| {
            format!(
                "structure of {} bytes ends before byte {at} + {len}",
                data.len()
            )
        })
}

pub fn u8(data: &[u8], at: usize) -> Result<u8> {
    Ok(bytes::<1>(data, at)?[0])
}

pub fn u16(data: &[u8], at: usize) -> Result<u16> {
    bytes(data, at).map(u16::from_le_bytes)
}

pub fn u32(data: &[u8], at: usize) -> Result<u32> {
    bytes(data, at).map(u32::from_le_bytes)
}

pub fn u64(data: &[u8], at: usize) -> Result<u64> {
    bytes(data, at).map(u64::from_le_bytes)
}
