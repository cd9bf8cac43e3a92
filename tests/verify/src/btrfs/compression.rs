// SPDX-License-Identifier: GPL-2.0-only

//! What btrfs compresses extents with.

use std::io::Read;

use flate2::read::ZlibDecoder;
use lzo1x::DecompressError;
use ruzstd::decoding::StreamingDecoder;

use crate::btrfs::items::Compression;
use crate::btrfs::le;
use crate::Result;

/// Decompresses `stored` to `len` bytes.  What is stored is padded to whole
/// sectors, and may end early: the rest is zeroes.
pub fn decompress(
    kind: Compression,
    stored: &[u8],
    len: usize,
    sectorsize: usize,
) -> Result<Vec<u8>> {
    let mut out = match kind {
        Compression::None => stored.to_vec(),
        Compression::Zlib => read(ZlibDecoder::new(stored), len, "zlib")?,
        Compression::Zstd => {
            let decoder = StreamingDecoder::new(stored).map_err(|e| format!("zstd: {e}"))?;
            read(decoder, len, "zstd")?
        }
        Compression::Lzo => lzo(stored, len, sectorsize)?,
    };
    out.resize(len, 0);
    Ok(out)
}

fn read(source: impl Read, len: usize, name: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    source
        .take(len as u64)
        .read_to_end(&mut out)
        .map_err(|e| format!("{name}: {e}"))?;
    Ok(out)
}

/// btrfs's own frame around LZO1X: the total length, then for each sector of
/// data its compressed length and bytes.  A length never straddles a sector.
fn lzo(stored: &[u8], len: usize, sectorsize: usize) -> Result<Vec<u8>> {
    const LEN_SIZE: usize = 4;
    let total = le::u32(stored, 0)? as usize;
    let stored = le::slice(stored, 0, total)?;
    let mut out = Vec::new();
    let mut at = LEN_SIZE;
    while at < total && out.len() < len {
        let left_in_sector = sectorsize - at % sectorsize;
        if left_in_sector < LEN_SIZE {
            at += left_in_sector;
        }
        let segment = le::slice(stored, at + LEN_SIZE, le::u32(stored, at)? as usize)?;
        let last = at + LEN_SIZE + segment.len() == total;
        let mut sector = vec![0; sectorsize.min(len - out.len())];
        match lzo1x::decompress(segment, &mut sector) {
            Ok(()) => {}
            // What follows the end of a file is not compressed: the last sector
            // may be a part of one.
            Err(DecompressError::OutputLength) if last => {}
            Err(e) => return Err(format!("lzo: {e}")),
        }
        out.extend_from_slice(&sector);
        at += LEN_SIZE + segment.len();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn sample() -> Vec<u8> {
        (0..20_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect()
    }

    fn padded(mut stored: Vec<u8>) -> Vec<u8> {
        stored.resize(stored.len().next_multiple_of(4096), 0);
        stored
    }

    fn check(kind: Compression, stored: Vec<u8>) {
        let plain = sample();
        let len = plain.len().next_multiple_of(4096);
        let stored = padded(stored);
        let out = decompress(kind, &stored, len, 4096).unwrap();
        assert_eq!(out[..plain.len()], plain);
        assert!(out[plain.len()..].iter().all(|b| *b == 0));
        // Garbage gives an error or garbage, but no panic.
        for at in (0..stored.len()).step_by(97) {
            let mut bad = stored.clone();
            bad[at] ^= 0x5a;
            let _ = decompress(kind, &bad, len, 4096);
            let _ = decompress(kind, &bad[..at], len, 4096);
        }
    }

    #[test]
    fn zlib() {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Default::default());
        encoder.write_all(&sample()).unwrap();
        check(Compression::Zlib, encoder.finish().unwrap());
    }

    #[test]
    fn zstd() {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let stored = ruzstd::encoding::compress_to_vec(&sample()[..], level);
        check(Compression::Zstd, stored);
    }

    #[test]
    fn lzo() {
        let mut stored = vec![0; 4];
        for sector in sample().chunks(4096) {
            let segment = lzo1x::compress(sector, Default::default());
            if 4096 - stored.len() % 4096 < 4 {
                stored.resize(stored.len().next_multiple_of(4096), 0);
            }
            stored.extend_from_slice(&(segment.len() as u32).to_le_bytes());
            stored.extend_from_slice(&segment);
        }
        let total = stored.len() as u32;
        stored[..4].copy_from_slice(&total.to_le_bytes());
        check(Compression::Lzo, stored);
    }
}
