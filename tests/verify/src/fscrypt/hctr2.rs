// SPDX-License-Identifier: GPL-2.0-only

//! HCTR2 with AES-256 and 32-byte tweaks, by the paper: Crowley, Huckleberry
//! and Biggers, "Length-preserving encryption with HCTR2", 2021,
//! <https://eprint.iacr.org/2021/1441>.

use aes::cipher::BlockCipherDecrypt;
use aes::cipher::BlockCipherEncrypt;
use aes::Aes256;
use polyval::universal_hash::UniversalHash;
use polyval::Polyval;

use crate::fscrypt::cipher::xor;

type Tweak = [u8; 32];
type Block = [u8; 16];

pub struct Hctr2 {
    aes: Aes256,
    /// h of the paper.
    hash_key: Block,
    /// L of the paper.
    mask: Block,
}

fn encrypt_block(aes: &Aes256, block: Block) -> Block {
    let mut block = block.into();
    aes.encrypt_block(&mut block);
    block.into()
}

impl Hctr2 {
    pub fn new(aes: Aes256) -> Self {
        let mut one = [0; 16];
        one[0] = 1;
        Self {
            hash_key: encrypt_block(&aes, [0; 16]),
            mask: encrypt_block(&aes, one),
            aes,
        }
    }

    fn hash(&self, tweak: &Tweak, bulk: &[u8]) -> Block {
        let partial = bulk.len() % 16 != 0;
        let length = tweak.len() as u64 * 8 * 2 + if partial { 3 } else { 2 };
        let mut message = vec![0; 16];
        message[..8].copy_from_slice(&length.to_le_bytes());
        message.extend_from_slice(tweak);
        message.extend_from_slice(bulk);
        if partial {
            message.push(1);
            message.resize(message.len().next_multiple_of(16), 0);
        }
        let mut polyval = Polyval::new(&self.hash_key.into());
        for block in message.chunks_exact(16) {
            polyval.update(&[Block::try_from(block).expect("whole blocks").into()]);
        }
        polyval.finalize().into()
    }

    /// XCTR: counter mode in which the little-endian counter, from 1, is
    /// XORed into the IV.
    fn stream(&self, iv: &Block, bulk: &mut [u8]) {
        for (counter, chunk) in (1u64..).zip(bulk.chunks_mut(16)) {
            let mut block = *iv;
            xor(&mut block, &counter.to_le_bytes());
            xor(chunk, &encrypt_block(&self.aes, block));
        }
    }

    fn crypt(&self, tweak: &Tweak, data: &mut [u8], block_cipher: impl Fn(Block) -> Block) {
        let (first, bulk) = data.split_first_chunk_mut().expect("at least one block");
        let mut before = *first;
        xor(&mut before, &self.hash(tweak, bulk));
        let mut after = block_cipher(before);
        let mut iv = self.mask;
        xor(&mut iv, &before);
        xor(&mut iv, &after);
        self.stream(&iv, bulk);
        xor(&mut after, &self.hash(tweak, bulk));
        *first = after;
    }

    /// `data` has at least 16 bytes.
    pub fn encrypt(&self, tweak: &Tweak, data: &mut [u8]) {
        self.crypt(tweak, data, |block| encrypt_block(&self.aes, block));
    }

    /// `data` has at least 16 bytes.
    pub fn decrypt(&self, tweak: &Tweak, data: &mut [u8]) {
        self.crypt(tweak, data, |block| {
            let mut block = block.into();
            self.aes.decrypt_block(&mut block);
            block.into()
        });
    }
}
