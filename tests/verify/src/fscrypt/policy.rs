// SPDX-License-Identifier: GPL-2.0-only

//! fscrypt's encryption contexts: which key, which modes.

use std::fmt;

use crate::btrfs::le;
use crate::hex;
use crate::Result;

/// Random bytes that tell inodes, or extents, with one master key apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nonce(pub [u8; 16]);

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// FSCRYPT_MODE_*
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    Aes256Xts = 1,
    Aes256Cts = 4,
    Aes128CbcEssiv = 5,
    Aes128Cts = 6,
    Sm4Xts = 7,
    Sm4Cts = 8,
    Adiantum = 9,
    Aes256Hctr2 = 10,
}

impl Mode {
    pub const ALL: [Self; 8] = [
        Self::Aes256Xts,
        Self::Aes256Cts,
        Self::Aes128CbcEssiv,
        Self::Aes128Cts,
        Self::Sm4Xts,
        Self::Sm4Cts,
        Self::Adiantum,
        Self::Aes256Hctr2,
    ];

    fn parse(number: u8) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|mode| *mode as u8 == number)
            .ok_or_else(|| format!("encryption mode {number}"))
    }

    pub fn key_size(self) -> usize {
        match self {
            Self::Aes256Xts => 64,
            Self::Aes256Cts | Self::Sm4Xts | Self::Adiantum | Self::Aes256Hctr2 => 32,
            Self::Aes128CbcEssiv | Self::Aes128Cts | Self::Sm4Cts => 16,
        }
    }

    fn for_contents(self) -> bool {
        matches!(
            self,
            Self::Aes256Xts | Self::Aes128CbcEssiv | Self::Sm4Xts | Self::Adiantum
        )
    }

    fn for_names(self) -> bool {
        !self.for_contents() || self == Self::Adiantum
    }
}

/// How a policy names its master key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyName {
    /// v1: chosen by who added the key.
    Descriptor([u8; 8]),
    /// v2: derived from the key.
    Identifier([u8; 16]),
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptor(d) => write!(f, "descriptor {}", hex(d)),
            Self::Identifier(i) => write!(f, "identifier {}", hex(i)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub key: KeyName,
    pub contents: Mode,
    pub names: Mode,
    pub flags: u8,
    /// 0 for the filesystem's block size.
    pub log2_data_unit_size: u8,
}

impl Policy {
    pub const DIRECT_KEY: u8 = 0x04;
    /// A private number, until upstream assigns one.
    pub const AUTHENTICATED: u8 = 0x80;
    const PAD_MASK: u8 = 0x03;

    pub fn direct_key(&self) -> bool {
        self.flags & Self::DIRECT_KEY != 0
    }

    pub fn authenticated(&self) -> bool {
        self.flags & Self::AUTHENTICATED != 0
    }

    /// Length of an encrypted name, or symlink target, of `len` bytes.
    pub fn padded_len(&self, len: usize, max: usize) -> usize {
        len.max(16)
            .next_multiple_of(4 << (self.flags & Self::PAD_MASK))
            .min(max)
    }

    pub fn data_unit_size(&self, sectorsize: u64) -> u64 {
        match self.log2_data_unit_size {
            0 => sectorsize,
            log2 => 1 << log2,
        }
    }
}

/// The body of an inode's context item.
#[derive(Clone, Copy)]
pub struct Context {
    pub policy: Policy,
    pub nonce: Nonce,
}

impl Context {
    pub fn parse(item: &[u8], sectorsize: u64) -> Result<Self> {
        let size = match le::u8(item, 0)? {
            1 => 28,
            2 => 40,
            version => return Err(format!("context version {version}")),
        };
        if item.len() != size {
            return Err(format!("context of {} bytes, not {size}", item.len()));
        }
        let (key, log2_data_unit_size) = if size == 28 {
            (KeyName::Descriptor(le::bytes(item, 4)?), 0)
        } else {
            (KeyName::Identifier(le::bytes(item, 8)?), le::u8(item, 4)?)
        };
        if size == 40 && le::bytes::<3>(item, 5)? != [0; 3] {
            return Err("reserved bytes of the context are set".into());
        }
        let policy = Policy {
            key,
            contents: Mode::parse(le::u8(item, 1)?)?,
            names: Mode::parse(le::u8(item, 2)?)?,
            flags: le::u8(item, 3)?,
            log2_data_unit_size,
        };
        if !policy.contents.for_contents() || !policy.names.for_names() {
            return Err(format!(
                "modes {:?} and {:?} do not fit contents and names",
                policy.contents, policy.names
            ));
        }
        let known = Policy::PAD_MASK | Policy::DIRECT_KEY | Policy::AUTHENTICATED;
        if policy.flags & !known != 0 {
            return Err(format!("policy flags {:#x}", policy.flags));
        }
        if policy.authenticated()
            && (policy.direct_key() || matches!(policy.key, KeyName::Descriptor(_)))
        {
            return Err("AUTHENTICATED needs a v2 policy without DIRECT_KEY".into());
        }
        if policy.direct_key()
            && (policy.contents != policy.names || policy.contents != Mode::Adiantum)
        {
            return Err("DIRECT_KEY needs one mode with a long IV".into());
        }
        if log2_data_unit_size != 0
            && (!(9..=16).contains(&log2_data_unit_size) || 1 << log2_data_unit_size > sectorsize)
        {
            return Err(format!("data units of 2^{log2_data_unit_size} bytes"));
        }
        Ok(Self {
            policy,
            nonce: Nonce(le::bytes(item, size - 16)?),
        })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let policy = &self.policy;
        let modes = [policy.contents as u8, policy.names as u8, policy.flags];
        match &policy.key {
            KeyName::Descriptor(name) => [&[1], &modes[..], name, &self.nonce.0].concat(),
            KeyName::Identifier(name) => {
                let unit = [policy.log2_data_unit_size, 0, 0, 0];
                [&[2], &modes[..], &unit, name, &self.nonce.0].concat()
            }
        }
    }
}
