// SPDX-License-Identifier: GPL-2.0-only

//! Key derivation: from master keys to the keys of names and of extents.

use std::collections::HashMap;

use aes::cipher::BlockCipherEncrypt;
use aes::cipher::KeyInit;
use aes::Aes128Enc;
use hkdf::Hkdf;
use sha2::Sha512;

use crate::fscrypt::cipher::Cipher;
use crate::fscrypt::cipher::Iv;
use crate::fscrypt::policy::Context;
use crate::fscrypt::policy::KeyName;
use crate::fscrypt::policy::Mode;
use crate::fscrypt::policy::Nonce;
use crate::fscrypt::policy::Policy;
use crate::fscrypt::tags;
use crate::fscrypt::tags::TagKeys;
use crate::Result;

const KEY_IDENTIFIER: u8 = 1;
const PER_FILE_KEY: u8 = 2;
const DIRECT_KEY: u8 = 3;
/// Not one of fs/crypto's own, which count from 1.
const EXTENT: u8 = 0xf0;
const AUTHENTICATED_EXTENT: u8 = 0xf1;

const EXTENT_PRK_SIZE: usize = 64;

/// HKDF-SHA512-Expand with fscrypt's prefix and context byte.
fn expand(hkdf: &Hkdf<Sha512>, context: u8, info: &[u8], size: usize) -> Vec<u8> {
    let mut key = vec![0; size];
    hkdf.expand_multi_info(&[b"fscrypt\0", &[context], info], &mut key)
        .expect("keys are much shorter than HKDF's limit");
    key
}

/// HKDF-SHA512-Extract without a salt.
fn extract(key: &[u8]) -> Hkdf<Sha512> {
    Hkdf::new(None, key)
}

/// What the keys of extents are derived from, so that whoever holds it can derive
/// nothing else.  Of authenticated contents, each mode and data unit size has its own.
fn extent_prk(master: &Hkdf<Sha512>, authenticated: Option<(Mode, u64)>) -> Hkdf<Sha512> {
    let prk = match authenticated {
        None => expand(master, EXTENT, &[], EXTENT_PRK_SIZE),
        Some((mode, data_unit_size)) => expand(
            master,
            AUTHENTICATED_EXTENT,
            &[mode as u8, data_unit_size.ilog2() as u8],
            EXTENT_PRK_SIZE,
        ),
    };
    Hkdf::from_prk(&prk).expect("the extent PRK has the hash's length")
}

fn extent_key(prk: &Hkdf<Sha512>, nonce: &Nonce, size: usize) -> Vec<u8> {
    expand(prk, EXTENT, &nonce.0, size)
}

/// v1's own key derivation: the master key, encrypted with the nonce as key.
fn v1_file_key(master: &[u8], nonce: &Nonce, size: usize) -> Vec<u8> {
    let aes = Aes128Enc::new(&nonce.0.into());
    let mut key = master[..size].to_vec();
    for block in key.chunks_exact_mut(16) {
        aes.encrypt_block(block.try_into().expect("chunks of one block"));
    }
    key
}

/// A cipher with its key, and the part of the IV that is not the index.
pub struct Keyed {
    cipher: Cipher,
    iv_nonce: Option<Nonce>,
}

impl Keyed {
    /// The IV of data unit `index`.  Names have only unit 0.
    pub fn iv(&self, index: u64) -> Iv {
        let mut iv = [0; 32];
        iv[..8].copy_from_slice(&index.to_le_bytes());
        if let Some(nonce) = &self.iv_nonce {
            iv[8..24].copy_from_slice(&nonce.0);
        }
        iv
    }

    pub fn decrypt(&self, index: u64, data: &mut [u8]) -> Result<()> {
        self.cipher.decrypt(&self.iv(index), data)
    }

    pub fn encrypt(&self, index: u64, data: &mut [u8]) -> Result<()> {
        self.cipher.encrypt(&self.iv(index), data)
    }
}

/// The master keys that the user gave.
#[derive(Default)]
pub struct Keyring {
    keys: HashMap<KeyName, Vec<u8>>,
}

impl Keyring {
    /// Adds a key for v2 policies and returns its identifier.
    pub fn add_v2(&mut self, key: &[u8]) -> Result<KeyName> {
        if !(16..=64).contains(&key.len()) {
            return Err(format!(
                "a master key has 16 to 64 bytes, not {}",
                key.len()
            ));
        }
        let id = expand(&extract(key), KEY_IDENTIFIER, &[], 16);
        let name = KeyName::Identifier(id.try_into().expect("16 bytes were asked for"));
        self.keys.insert(name, key.to_vec());
        Ok(name)
    }

    /// Adds a key for v1 policies, under the descriptor that they use.
    pub fn add_v1(&mut self, descriptor: [u8; 8], key: &[u8]) {
        self.keys
            .insert(KeyName::Descriptor(descriptor), key.to_vec());
    }

    pub fn has(&self, policy: &Policy) -> bool {
        self.keys.contains_key(&policy.key)
    }

    fn master(&self, policy: &Policy, mode: Mode) -> Result<&[u8]> {
        let key = self
            .keys
            .get(&policy.key)
            .ok_or_else(|| format!("the key with {} was not given", policy.key))?;
        // fscrypt asks the same of v2 keys as far as the mode needs it; for v1
        // the bytes themselves are used.
        if matches!(policy.key, KeyName::Descriptor(_)) && key.len() < mode.key_size() {
            return Err(format!(
                "the key with {} is too short for {mode:?}",
                policy.key
            ));
        }
        Ok(key)
    }

    /// The cipher for the names in a directory, or for a symlink's target.
    pub fn name_cipher(&self, context: &Context) -> Result<Keyed> {
        let policy = &context.policy;
        let mode = policy.names;
        if policy.direct_key() {
            return self.direct_cipher(policy, mode, context.nonce);
        }
        let master = self.master(policy, mode)?;
        let size = mode.key_size();
        let key = match policy.key {
            KeyName::Identifier(_) => {
                expand(&extract(master), PER_FILE_KEY, &context.nonce.0, size)
            }
            KeyName::Descriptor(_) => v1_file_key(master, &context.nonce, size),
        };
        Ok(Keyed {
            cipher: Cipher::new(mode, &key),
            iv_nonce: None,
        })
    }

    fn extent_prk(&self, policy: &Policy, sectorsize: u64) -> Result<Hkdf<Sha512>> {
        let mode = policy.contents;
        let mut master = self.master(policy, mode)?;
        if matches!(policy.key, KeyName::Descriptor(_)) {
            master = &master[..mode.key_size()];
        }
        let authenticated = policy
            .authenticated()
            .then(|| (mode, policy.data_unit_size(sectorsize)));
        Ok(extent_prk(&extract(master), authenticated))
    }

    /// The keys of the tags of authenticated contents.
    pub fn tag_keys(&self, policy: &Policy, sectorsize: u64) -> Result<TagKeys> {
        let prk = self.extent_prk(policy, sectorsize)?;
        let key = expand(&prk, AUTHENTICATED_EXTENT, &[], tags::KEY_SIZE);
        Ok(TagKeys::new(
            &key.try_into().expect("as many bytes were asked for"),
        ))
    }

    /// The cipher for an extent of a regular file.
    pub fn extent_cipher(&self, policy: &Policy, sectorsize: u64, nonce: &Nonce) -> Result<Keyed> {
        let mode = policy.contents;
        if policy.direct_key() {
            return self.direct_cipher(policy, mode, *nonce);
        }
        let prk = self.extent_prk(policy, sectorsize)?;
        let key = extent_key(&prk, nonce, mode.key_size());
        Ok(Keyed {
            cipher: Cipher::new(mode, &key),
            iv_nonce: None,
        })
    }

    /// One key for all that a mode encrypts; the nonce goes into the IV.
    fn direct_cipher(&self, policy: &Policy, mode: Mode, nonce: Nonce) -> Result<Keyed> {
        let master = self.master(policy, mode)?;
        let key = match policy.key {
            KeyName::Identifier(_) => {
                expand(&extract(master), DIRECT_KEY, &[mode as u8], mode.key_size())
            }
            KeyName::Descriptor(_) => master[..mode.key_size()].to_vec(),
        };
        Ok(Keyed {
            cipher: Cipher::new(mode, &key),
            iv_nonce: Some(nonce),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unhex;

    fn master() -> Vec<u8> {
        (1..=64).collect()
    }

    const NONCE: Nonce = Nonce([0x11; 16]);

    #[test]
    fn key_identifier() {
        // TEST_RAW_KEY and TEST_KEY_IDENTIFIER of xfstests, common/encrypt.
        let id = unhex("69b2f6edeee720cce0577937eb8a6751").unwrap();
        let name = Keyring::default().add_v2(&master()).unwrap();
        assert!(name == KeyName::Identifier(id.try_into().unwrap()));
    }

    #[test]
    fn extent_keys() {
        // From the definition of the format, with Python's hmac and hashlib.
        let key = unhex(
            "7a6646ec2a2ad5c348a98830905cb83104e797a776624378a72c7429e1cf56f7\
             1e2dc43fa8641487a28fd5dc47fd9fe044bc9e86612f1830f6bf7f8fc7885d50",
        )
        .unwrap();
        let prk = extent_prk(&extract(&master()), None);
        assert_eq!(extent_key(&prk, &NONCE, 64), key);
        assert_eq!(extent_key(&prk, &NONCE, 16), key[..16]);
    }

    #[test]
    fn v1_file_keys() {
        // openssl enc -aes-128-ecb -nopad -K 1111...
        let key = "c82690652d9040f8a91fb65e634641d7660d503a7872888ccdb61bdbbc3eab2c";
        assert_eq!(v1_file_key(&master(), &NONCE, 32), unhex(key).unwrap());
    }
}
