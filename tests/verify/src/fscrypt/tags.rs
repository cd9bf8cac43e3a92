// SPDX-License-Identifier: GPL-2.0-only

//! Tags of authenticated contents: POLYVAL, then AES-256.

use aes::cipher::BlockCipherEncrypt;
use aes::cipher::KeyInit;
use aes::Aes256Enc;
use polyval::universal_hash::UniversalHash;
use polyval::Polyval;

use crate::fscrypt::policy::Nonce;

pub type Tag = [u8; TAG_SIZE];

pub const TAG_SIZE: usize = 16;

const HASH_KEY_SIZE: usize = 16;
const CIPHER_KEY_SIZE: usize = 32;
pub const KEY_SIZE: usize = HASH_KEY_SIZE + CIPHER_KEY_SIZE;

const BLOCK: u8 = 1;
const PLACE: u8 = 2;

/// Which part of an extent a file shows where.
#[derive(Clone, Copy)]
pub struct Place {
    pub nonce: Nonce,
    pub inode_nonce: Nonce,
    /// Blocks of the extent, the last excluded.
    pub window: (u32, u32),
    /// Where in the file the extent's first byte would be, modulo 2^64.
    pub base: u64,
    /// 0 if it is not compressed.
    pub disk_len: u64,
    pub ram_len: u64,
    pub compression: u8,
}

/// H and K.
pub struct TagKeys {
    hash: [u8; HASH_KEY_SIZE],
    cipher: Aes256Enc,
}

impl TagKeys {
    pub fn new(key: &[u8; KEY_SIZE]) -> Self {
        let (hash, cipher) = key.split_at(HASH_KEY_SIZE);
        Self {
            hash: hash.try_into().expect("split there"),
            cipher: Aes256Enc::new_from_slice(cipher).expect("the rest is a key"),
        }
    }

    fn tag(&self, parts: &[&[u8]]) -> Tag {
        let mut polyval = Polyval::new(&self.hash.into());
        for block in parts.concat().chunks_exact(16) {
            let block: [u8; 16] = block.try_into().expect("whole blocks");
            polyval.update(&[block.into()]);
        }
        let mut tag = <[u8; 16]>::from(polyval.finalize()).into();
        self.cipher.encrypt_block(&mut tag);
        tag.into()
    }

    /// The tag of block `index` of an extent.
    pub fn block(&self, ciphertext: &[u8], nonce: &Nonce, index: u64) -> Tag {
        let mut last = [0; 16];
        last[..8].copy_from_slice(&index.to_le_bytes());
        last[8] = BLOCK;
        last[9] = ciphertext.len().ilog2() as u8;
        self.tag(&[ciphertext, &nonce.0, &last])
    }

    pub fn place(&self, place: &Place) -> Tag {
        let mut window = [0; 16];
        window[..4].copy_from_slice(&place.window.0.to_le_bytes());
        window[4..8].copy_from_slice(&place.window.1.to_le_bytes());
        let mut last = [0; 16];
        last[..8].copy_from_slice(&place.ram_len.to_le_bytes());
        last[8] = PLACE;
        last[9] = place.compression;
        self.tag(&[
            &place.nonce.0,
            &place.inode_nonce.0,
            &window,
            &place.base.to_le_bytes(),
            &place.disk_len.to_le_bytes(),
            &last,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fscrypt::kdf::Keyring;
    use crate::fscrypt::policy::Mode;
    use crate::fscrypt::policy::Policy;
    use crate::unhex;

    const NONCE: Nonce =
        Nonce(*b"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf");

    fn keys() -> TagKeys {
        let mut keyring = Keyring::default();
        let key = keyring.add_v2(&(0..64).collect::<Vec<_>>()).unwrap();
        let policy = Policy {
            key,
            contents: Mode::Aes256Xts,
            names: Mode::Aes256Cts,
            flags: Policy::AUTHENTICATED,
            log2_data_unit_size: 0,
        };
        keyring.tag_keys(&policy, 4096).unwrap()
    }

    /// As in Documentation/on-disk-format.rst; computed with two other implementations.
    #[test]
    fn block() {
        let data: Vec<u8> = (0..4096).map(|i| (7 * i + i / 256) as u8).collect();
        let expected = unhex("e4f582a70bbc344e129e01fcdcd17eb5").unwrap();
        assert_eq!(keys().block(&data, &NONCE, 5)[..], expected);
    }

    #[test]
    fn places() {
        let place = Place {
            nonce: NONCE,
            inode_nonce: Nonce(
                *b"\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf",
            ),
            window: (0, 2),
            base: -4096i64 as u64,
            disk_len: 0,
            ram_len: 0,
            compression: 0,
        };
        let expected = unhex("e08833d7df87acaddc1457fccd3c9add").unwrap();
        assert_eq!(keys().place(&place)[..], expected);
        let compressed = Place {
            window: (0, 32),
            disk_len: 8192,
            ram_len: 131_072,
            compression: 3,
            ..place
        };
        let expected = unhex("1eda9a1792a241cacc3428f41e0a2a1f").unwrap();
        assert_eq!(keys().place(&compressed)[..], expected);
    }
}
