// SPDX-License-Identifier: GPL-2.0-only

//! Encrypted names and symlink targets.

use sha2::Digest;
use sha2::Sha256;

use crate::btrfs::items::name_hash;
use crate::btrfs::le;
use crate::fscrypt::kdf::Keyed;
use crate::Result;

/// fscrypt never stores a shorter ciphertext.
const MIN_LEN: usize = 16;
/// How much of a ciphertext a no-key name spells out.
const NOKEY_BYTES: usize = 149;

/// Decrypts a name or a symlink's target, and drops its padding.
pub fn decrypt(cipher: &Keyed, ciphertext: &[u8]) -> Result<Vec<u8>> {
    if ciphertext.len() < MIN_LEN {
        return Err(format!("encrypted name of {} bytes", ciphertext.len()));
    }
    let mut name = ciphertext.to_vec();
    cipher.decrypt(0, &mut name)?;
    let len = name.iter().position(|b| *b == 0).unwrap_or(name.len());
    // Padding is part of the format, and a wrong key would fail here first.
    if name[len..].iter().any(|b| *b != 0) {
        return Err("decrypted name is not padded with zeroes".into());
    }
    name.truncate(len);
    Ok(name)
}

/// Checks that `name` can be a directory entry.
pub fn check_component(name: &[u8]) -> Result<()> {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
        return Err(format!(
            "{:?} is no file name",
            name.escape_ascii().to_string()
        ));
    }
    Ok(())
}

/// The ciphertext in the body of a symlink: its length comes first.
pub fn symlink_ciphertext(body: &[u8]) -> Result<&[u8]> {
    le::slice(body, 2, le::u16(body, 0)?.into())
}

/// The name that fscrypt presents when the key is absent.
pub fn nokey_name(ciphertext: &[u8]) -> Vec<u8> {
    let mut decoded = name_hash(ciphertext).to_le_bytes().to_vec();
    decoded.extend_from_slice(&[0; 4]);
    match ciphertext.split_at_checked(NOKEY_BYTES) {
        Some((start, rest)) if !rest.is_empty() => {
            decoded.extend_from_slice(start);
            decoded.extend_from_slice(&Sha256::digest(rest));
        }
        _ => decoded.extend_from_slice(ciphertext),
    }
    base64url(&decoded)
}

fn base64url(data: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    data.chunks(3)
        .flat_map(|chunk| {
            let value = (0..3).fold(0, |v, i| {
                (v << 8) | usize::from(chunk.get(i).copied().unwrap_or(0))
            });
            (0..=chunk.len()).map(move |i| DIGITS[(value >> (18 - 6 * i)) & 63])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_of_rfc4648() {
        // RFC 4648, section 10, without padding.
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64url(plain.as_bytes()), encoded.as_bytes());
        }
        assert_eq!(base64url(&[0xfb, 0xff]), b"-_8");
    }

    #[test]
    fn nokey_names_are_short_enough() {
        assert_eq!(nokey_name(&[1; 149]).len(), 210);
        assert_eq!(nokey_name(&[1; 150]).len(), 252);
        assert_eq!(nokey_name(&[1; 255]).len(), 252);
    }
}
