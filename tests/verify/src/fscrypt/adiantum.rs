// SPDX-License-Identifier: GPL-2.0-only

//! Adiantum with XChaCha12 and AES-256, by the paper: Crowley and Biggers,
//! "Adiantum: length-preserving encryption for entry-level processors", 2018,
//! <https://eprint.iacr.org/2018/720>.  The Rust crate for it uses ciphers of
//! another generation, and is no shorter to review.

use aes::cipher::BlockCipherDecrypt;
use aes::cipher::BlockCipherEncrypt;
use aes::cipher::KeyInit;
use aes::cipher::KeyIvInit;
use aes::cipher::StreamCipher;
use aes::Aes256;
use chacha20::XChaCha12;
use poly1305::universal_hash::UniversalHash;
use poly1305::Poly1305;

const NH_UNIT: usize = 16;
const NH_CHUNK: usize = 1024;
const NH_PASSES: usize = 4;
/// Each pass uses the key one unit further on.
const NH_KEY_SIZE: usize = NH_CHUNK + (NH_PASSES - 1) * NH_UNIT;

type Tweak = [u8; 32];

pub struct Adiantum {
    stream_key: [u8; 32],
    block: Aes256,
    header_key: [u8; 16],
    message_key: [u8; 16],
    nh_key: Vec<u32>,
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes(b.try_into().expect("four bytes")))
        .collect()
}

/// Poly1305 without the final addition: a hash, not a one-time MAC.
fn poly1305(key: &[u8; 16], message: &[u8]) -> u128 {
    let mut full = [0; 32];
    full[..16].copy_from_slice(key);
    let mut poly = Poly1305::new(&full.into());
    for block in message.chunks_exact(16) {
        poly.update(&[<[u8; 16]>::try_from(block).expect("whole blocks").into()]);
    }
    u128::from_le_bytes(poly.finalize().into())
}

impl Adiantum {
    pub fn new(key: &[u8; 32]) -> Self {
        let mut nonce = [0; 24];
        nonce[0] = 1;
        let mut subkeys = [0; 32 + 16 + 16 + NH_KEY_SIZE];
        XChaCha12::new(&(*key).into(), &nonce.into()).apply_keystream(&mut subkeys);
        let (block, rest) = subkeys.split_at(32);
        let (header, rest) = rest.split_at(16);
        let (message, nh) = rest.split_at(16);
        Self {
            stream_key: *key,
            block: Aes256::new_from_slice(block).expect("32 bytes"),
            header_key: header.try_into().expect("16 bytes"),
            message_key: message.try_into().expect("16 bytes"),
            nh_key: words(nh),
        }
    }

    /// NH of at most one chunk, which is zero-padded to whole units.
    fn nh(&self, chunk: &[u8]) -> [u8; 8 * NH_PASSES] {
        let mut padded = chunk.to_vec();
        padded.resize(chunk.len().next_multiple_of(NH_UNIT), 0);
        let message = words(&padded);
        let mut hash = [0; 8 * NH_PASSES];
        for pass in 0..NH_PASSES {
            let mut sum = 0u64;
            let key = &self.nh_key[pass * NH_UNIT / 4..];
            for (m, k) in message.chunks_exact(4).zip(key.chunks_exact(4)) {
                for (a, b) in [(0, 2), (1, 3)] {
                    let product =
                        u64::from(m[a].wrapping_add(k[a])) * u64::from(m[b].wrapping_add(k[b]));
                    sum = sum.wrapping_add(product);
                }
            }
            hash[pass * 8..][..8].copy_from_slice(&sum.to_le_bytes());
        }
        hash
    }

    /// The hash of the tweak and all but the last block of the message.
    fn hash(&self, tweak: &Tweak, bulk: &[u8]) -> u128 {
        let mut header = [0; 48];
        header[..8].copy_from_slice(&(bulk.len() as u64 * 8).to_le_bytes());
        header[16..].copy_from_slice(tweak);
        let hashes: Vec<u8> = bulk.chunks(NH_CHUNK).flat_map(|c| self.nh(c)).collect();
        poly1305(&self.header_key, &header).wrapping_add(poly1305(&self.message_key, &hashes))
    }

    fn stream(&self, middle: u128, bulk: &mut [u8]) {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&middle.to_le_bytes());
        nonce[16] = 1;
        XChaCha12::new(&self.stream_key.into(), &nonce.into()).apply_keystream(bulk);
    }

    /// `data` has at least 16 bytes.
    pub fn encrypt(&self, tweak: &Tweak, data: &mut [u8]) {
        let (bulk, last) = split_last(data);
        let mut block = u128::from_le_bytes(*last)
            .wrapping_add(self.hash(tweak, bulk))
            .to_le_bytes()
            .into();
        self.block.encrypt_block(&mut block);
        let middle = u128::from_le_bytes(block.into());
        self.stream(middle, bulk);
        *last = middle.wrapping_sub(self.hash(tweak, bulk)).to_le_bytes();
    }

    /// `data` has at least 16 bytes.
    pub fn decrypt(&self, tweak: &Tweak, data: &mut [u8]) {
        let (bulk, last) = split_last(data);
        let middle = u128::from_le_bytes(*last).wrapping_add(self.hash(tweak, bulk));
        self.stream(middle, bulk);
        let mut block = middle.to_le_bytes().into();
        self.block.decrypt_block(&mut block);
        *last = u128::from_le_bytes(block.into())
            .wrapping_sub(self.hash(tweak, bulk))
            .to_le_bytes();
    }
}

fn split_last(data: &mut [u8]) -> (&mut [u8], &mut [u8; 16]) {
    data.split_last_chunk_mut().expect("at least one block")
}
