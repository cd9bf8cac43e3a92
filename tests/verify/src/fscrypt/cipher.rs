// SPDX-License-Identifier: GPL-2.0-only

//! fscrypt's encryption modes.

use aes::cipher::block_padding::NoPadding;
use aes::cipher::consts::U16;
use aes::cipher::BlockCipherDecrypt;
use aes::cipher::BlockCipherEncrypt;
use aes::cipher::BlockModeDecrypt;
use aes::cipher::BlockModeEncrypt;
use aes::cipher::BlockSizeUser;
use aes::cipher::InnerIvInit;
use aes::cipher::KeyInit;
use aes::cipher::KeyIvInit;
use aes::Aes128;
use aes::Aes256;
use cts::Decrypt;
use cts::Encrypt;
use sha2::Digest;
use sha2::Sha256;
use sm4::Sm4;
use xts_mode::Xts128;

use crate::fscrypt::adiantum::Adiantum;
use crate::fscrypt::hctr2::Hctr2;
use crate::fscrypt::policy::Mode;
use crate::Result;

/// As long as the longest mode wants; the others use the first 16 bytes.
pub type Iv = [u8; 32];

const BLOCK_SIZE: usize = 16;

/// Any of the modes, ready to use.
pub enum Cipher {
    Aes256Xts(Box<Xts128<Aes256>>),
    Sm4Xts(Box<Xts128<Sm4>>),
    Aes128CbcEssiv { key: [u8; 16], essiv: Box<Aes256> },
    Aes256Cts(Box<Aes256>),
    Aes128Cts(Box<Aes128>),
    Sm4Cts(Box<Sm4>),
    Adiantum(Box<Adiantum>),
    Aes256Hctr2(Box<Hctr2>),
}

fn keyed<C: KeyInit>(key: &[u8]) -> C {
    C::new_from_slice(key).expect("the key has the mode's size")
}

fn xts<C>(key: &[u8]) -> Xts128<C>
where
    C: KeyInit + BlockSizeUser<BlockSize = U16>,
{
    let (data, tweak) = key.split_at(key.len() / 2);
    Xts128::new(keyed(data), keyed(tweak))
}

impl Cipher {
    /// `key` has the mode's key size.
    pub fn new(mode: Mode, key: &[u8]) -> Self {
        assert_eq!(key.len(), mode.key_size());
        match mode {
            Mode::Aes256Xts => Self::Aes256Xts(Box::new(xts(key))),
            Mode::Sm4Xts => Self::Sm4Xts(Box::new(xts(key))),
            Mode::Aes128CbcEssiv => Self::Aes128CbcEssiv {
                key: key.try_into().expect("the key has the mode's size"),
                essiv: Box::new(keyed(&Sha256::digest(key))),
            },
            Mode::Aes256Cts => Self::Aes256Cts(Box::new(keyed(key))),
            Mode::Aes128Cts => Self::Aes128Cts(Box::new(keyed(key))),
            Mode::Sm4Cts => Self::Sm4Cts(Box::new(keyed(key))),
            Mode::Adiantum => Self::Adiantum(Box::new(Adiantum::new(
                key.try_into().expect("the key has the mode's size"),
            ))),
            Mode::Aes256Hctr2 => Self::Aes256Hctr2(Box::new(Hctr2::new(keyed(key)))),
        }
    }

    /// Decrypts a data unit or a name in place.
    pub fn decrypt(&self, iv: &Iv, data: &mut [u8]) -> Result<()> {
        self.check_len(data.len())?;
        let short: [u8; 16] = iv[..16].try_into().expect("16 bytes");
        match self {
            Self::Aes256Xts(xts) => xts.decrypt_sector(data, short.into()),
            Self::Sm4Xts(xts) => xts.decrypt_sector(data, short.into()),
            Self::Aes128CbcEssiv { key, essiv } => {
                cbc::Decryptor::<Aes128>::new(&(*key).into(), &essiv_iv(essiv, short))
                    .decrypt_padded::<NoPadding>(data)
                    .expect("whole blocks");
            }
            Self::Aes256Cts(c) => cts_decrypt(&**c, short, data),
            Self::Aes128Cts(c) => cts_decrypt(&**c, short, data),
            Self::Sm4Cts(c) => cts_decrypt(&**c, short, data),
            Self::Adiantum(adiantum) => adiantum.decrypt(iv, data),
            Self::Aes256Hctr2(hctr2) => hctr2.decrypt(iv, data),
        }
        Ok(())
    }

    /// Encrypts a data unit or a name in place.  For test vectors, and for
    /// making images without a kernel.
    pub fn encrypt(&self, iv: &Iv, data: &mut [u8]) -> Result<()> {
        self.check_len(data.len())?;
        let short: [u8; 16] = iv[..16].try_into().expect("16 bytes");
        match self {
            Self::Aes256Xts(xts) => xts.encrypt_sector(data, short.into()),
            Self::Sm4Xts(xts) => xts.encrypt_sector(data, short.into()),
            Self::Aes128CbcEssiv { key, essiv } => {
                let len = data.len();
                cbc::Encryptor::<Aes128>::new(&(*key).into(), &essiv_iv(essiv, short))
                    .encrypt_padded::<NoPadding>(data, len)
                    .expect("whole blocks");
            }
            Self::Aes256Cts(c) => cts_encrypt(&**c, short, data),
            Self::Aes128Cts(c) => cts_encrypt(&**c, short, data),
            Self::Sm4Cts(c) => cts_encrypt(&**c, short, data),
            Self::Adiantum(adiantum) => adiantum.encrypt(iv, data),
            Self::Aes256Hctr2(hctr2) => hctr2.encrypt(iv, data),
        }
        Ok(())
    }

    fn check_len(&self, len: usize) -> Result<()> {
        let whole_blocks = matches!(self, Self::Aes128CbcEssiv { .. });
        if len < BLOCK_SIZE || whole_blocks && len % BLOCK_SIZE != 0 {
            return Err(format!("ciphertext of {len} bytes"));
        }
        Ok(())
    }
}

/// ESSIV encrypts the IV with a hash of the key, so that it can't be foreseen.
fn essiv_iv(essiv: &Aes256, iv: [u8; 16]) -> cbc::cipher::Iv<cbc::Decryptor<Aes128>> {
    let mut iv = iv.into();
    essiv.encrypt_block(&mut iv);
    iv
}

// Linux's cts() is CBC-CS3 of RFC 3962, and a message of one block is plain CBC:
// there is nothing to swap.  The crate's CbcCs3 gets such a message wrong.

fn cts_encrypt<C>(cipher: &C, iv: [u8; 16], data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    if let Ok(block) = <&mut [u8; BLOCK_SIZE]>::try_from(&mut *data) {
        xor(block, &iv);
        cipher.encrypt_block(block.into());
    } else {
        cts::CbcCs3::inner_iv_init(cipher, &iv.into())
            .encrypt(data)
            .expect("the length was checked");
    }
}

fn cts_decrypt<C>(cipher: &C, iv: [u8; 16], data: &mut [u8])
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    if let Ok(block) = <&mut [u8; BLOCK_SIZE]>::try_from(&mut *data) {
        cipher.decrypt_block(block.into());
        xor(block, &iv);
    } else {
        cts::CbcCs3::inner_iv_init(cipher, &iv.into())
            .decrypt(data)
            .expect("the length was checked");
    }
}

/// Adds `mask` to `data` bit by bit, as far as both go.
pub fn xor(data: &mut [u8], mask: &[u8]) {
    for (d, m) in data.iter_mut().zip(mask) {
        *d ^= m;
    }
}
