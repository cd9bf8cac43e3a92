// SPDX-License-Identifier: GPL-2.0-only

//! Logical addresses to places on devices.

use std::collections::BTreeMap;

use crate::btrfs::le;
use crate::Result;

const RAID0: u64 = 1 << 3;
const RAID1: u64 = 1 << 4;
const DUP: u64 = 1 << 5;
const RAID10: u64 = 1 << 6;
const RAID5: u64 = 1 << 7;
const RAID6: u64 = 1 << 8;
const RAID1C3: u64 = 1 << 9;
const RAID1C4: u64 = 1 << 10;
const PROFILE_MASK: u64 = 0x7f8;

const CHUNK_HEADER_SIZE: usize = 48;
const STRIPE_SIZE: usize = 32;

/// Bytes that lie together on one device.
#[derive(Debug, PartialEq)]
pub struct Segment {
    pub devid: u64,
    pub physical: u64,
    pub len: u64,
}

struct Stripe {
    devid: u64,
    physical: u64,
}

struct Chunk {
    len: u64,
    stripe_len: u64,
    profile: u64,
    sub_stripes: u64,
    stripes: Vec<Stripe>,
}

impl Chunk {
    fn parse(item: &[u8]) -> Result<Self> {
        let count = le::u16(item, 44)? as usize;
        let stripes = (0..count)
            .map(|i| {
                let at = CHUNK_HEADER_SIZE + i * STRIPE_SIZE;
                Ok(Stripe {
                    devid: le::u64(item, at)?,
                    physical: le::u64(item, at + 8)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let chunk = Self {
            len: le::u64(item, 0)?,
            stripe_len: le::u64(item, 16)?,
            profile: le::u64(item, 24)? & PROFILE_MASK,
            sub_stripes: le::u16(item, 46)?.into(),
            stripes,
        };
        let devices_ok = match chunk.profile {
            0 => count == 1,
            RAID0 | RAID1 | DUP | RAID1C3 | RAID1C4 => count >= 1,
            RAID10 => chunk.sub_stripes > 0 && count as u64 % chunk.sub_stripes == 0 && count > 0,
            RAID5 => count >= 2,
            RAID6 => count >= 3,
            _ => false,
        };
        if !devices_ok || chunk.stripe_len == 0 {
            return Err(format!("profile {:#x} with {count} stripes", chunk.profile));
        }
        Ok(chunk)
    }

    /// How many places hold the same bytes.  Parity is not a copy.
    fn mirrors(&self) -> usize {
        match self.profile {
            RAID1 | DUP | RAID1C3 | RAID1C4 => self.stripes.len(),
            RAID10 => self.sub_stripes as usize,
            _ => 1,
        }
    }

    /// The stripe that holds `offset` in copy `mirror`, the offset in it, and
    /// how many bytes follow there.
    fn locate(&self, offset: u64, mirror: usize) -> (usize, u64, u64) {
        let count = self.stripes.len() as u64;
        if !matches!(self.profile, RAID0 | RAID10 | RAID5 | RAID6) {
            return (mirror, offset, self.len - offset);
        }
        let (nr, within) = (offset / self.stripe_len, offset % self.stripe_len);
        let (index, row) = match self.profile {
            RAID0 => (nr % count, nr / count),
            RAID10 => {
                let factor = count / self.sub_stripes;
                (
                    (nr % factor) * self.sub_stripes + mirror as u64,
                    nr / factor,
                )
            }
            parity => {
                let data = count - if parity == RAID5 { 1 } else { 2 };
                // Each row begins one device further.
                ((nr / data + nr % data) % count, nr / data)
            }
        };
        (
            index as usize,
            row * self.stripe_len + within,
            self.stripe_len - within,
        )
    }
}

#[derive(Default)]
pub struct ChunkMap {
    chunks: BTreeMap<u64, Chunk>,
}

impl ChunkMap {
    /// Adds the chunk at `logical`; the one from the chunk tree replaces that of
    /// the superblock's array.
    pub fn insert(&mut self, logical: u64, item: &[u8]) -> Result<()> {
        let chunk = Chunk::parse(item).map_err(|e| format!("chunk {logical}: {e}"))?;
        logical
            .checked_add(chunk.len)
            .ok_or_else(|| format!("chunk {logical} is too long"))?;
        self.chunks.insert(logical, chunk);
        Ok(())
    }

    /// Adds the chunks of the superblock's array, enough to read the chunk tree.
    pub fn insert_sys_array(&mut self, array: &[u8]) -> Result<()> {
        let mut at = 0;
        while at < array.len() {
            let logical = le::u64(array, at + 9)?;
            let item = &array[at + 17..];
            self.insert(logical, item)?;
            let stripes = le::u16(item, 44)? as usize;
            at += 17 + CHUNK_HEADER_SIZE + stripes * STRIPE_SIZE;
        }
        Ok(())
    }

    fn find(&self, logical: u64) -> Result<(u64, &Chunk)> {
        self.chunks
            .range(..=logical)
            .next_back()
            .filter(|(start, chunk)| logical - **start < chunk.len)
            .map(|(start, chunk)| (*start, chunk))
            .ok_or_else(|| format!("no chunk holds logical address {logical}"))
    }

    pub fn mirrors(&self, logical: u64) -> Result<usize> {
        Ok(self.find(logical)?.1.mirrors())
    }

    pub fn has_parity(&self, logical: u64) -> Result<bool> {
        Ok(matches!(self.find(logical)?.1.profile, RAID5 | RAID6))
    }

    /// Where the `len` bytes at `logical` lie in copy `mirror`, in order.
    pub fn map(&self, logical: u64, len: u64, mirror: usize) -> Result<Vec<Segment>> {
        let (start, chunk) = self.find(logical)?;
        let mut offset = logical - start;
        if chunk.len - offset < len {
            return Err(format!(
                "{len} bytes at logical {logical} leave their chunk"
            ));
        }
        let end = offset + len;
        let mut segments = Vec::new();
        while offset < end {
            let (index, within, left) = chunk.locate(offset, mirror);
            let stripe = chunk
                .stripes
                .get(index)
                .ok_or_else(|| format!("logical {logical} has no copy {mirror}"))?;
            let len = left.min(end - offset);
            segments.push(Segment {
                devid: stripe.devid,
                physical: stripe
                    .physical
                    .checked_add(within)
                    .ok_or("stripe is out of range")?,
                len,
            });
            offset += len;
        }
        Ok(segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K64: u64 = 64 << 10;

    fn map_of(profile: u64, sub_stripes: u16, devices: u16) -> ChunkMap {
        let mut item = vec![0; CHUNK_HEADER_SIZE];
        item[..8].copy_from_slice(&(100 * K64).to_le_bytes());
        item[16..24].copy_from_slice(&K64.to_le_bytes());
        item[24..32].copy_from_slice(&profile.to_le_bytes());
        item[44..46].copy_from_slice(&devices.to_le_bytes());
        item[46..48].copy_from_slice(&sub_stripes.to_le_bytes());
        for devid in 1..=u64::from(devices) {
            item.extend_from_slice(&devid.to_le_bytes());
            item.extend_from_slice(&[0; 24]);
        }
        let mut map = ChunkMap::default();
        map.insert(0, &item).unwrap();
        map
    }

    fn place(map: &ChunkMap, logical: u64, mirror: usize) -> (u64, u64) {
        let s = &map.map(logical, 4096, mirror).unwrap()[0];
        (s.devid, s.physical)
    }

    #[test]
    fn raid0_takes_turns() {
        let map = map_of(RAID0, 1, 2);
        assert_eq!(place(&map, K64 * 3 + 4096, 0), (2, K64 + 4096));
        let pieces = map.map(K64 - 4096, 8192, 0).unwrap();
        assert_eq!(pieces.len(), 2);
        assert_eq!((pieces[1].devid, pieces[1].physical), (2, 0));
    }

    #[test]
    fn raid10_pairs() {
        let map = map_of(RAID10, 2, 4);
        assert_eq!(map.mirrors(0).unwrap(), 2);
        assert_eq!(place(&map, K64 * 3, 0), (3, K64));
        assert_eq!(place(&map, K64 * 3, 1), (4, K64));
    }

    #[test]
    fn raid5_rotates() {
        let map = map_of(RAID5, 1, 3);
        assert_eq!(place(&map, 0, 0), (1, 0));
        assert_eq!(place(&map, K64, 0), (2, 0));
        assert_eq!(place(&map, K64 * 2, 0), (2, K64));
        assert_eq!(place(&map, K64 * 5, 0), (1, K64 * 2));
    }

    #[test]
    fn outside_is_an_error() {
        let map = map_of(0, 0, 1);
        assert!(map.map(100 * K64, 1, 0).is_err());
        assert!(map.map(100 * K64 - 1, 2, 0).is_err());
        assert!(map.map(0, 1, 1).is_err());
    }
}
