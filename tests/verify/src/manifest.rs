// SPDX-License-Identifier: GPL-2.0-only

//! Lists of files: `TYPE SIZE SHA256 PATH`, one file a line.
//!
//! TYPE is the letter of find(1)'s -type.  SIZE and SHA256 are those of the
//! contents or of the symlink's target; `0 -` where there is neither.  In PATH,
//! which is absolute within the filesystem, every byte but printable ASCII
//! without the backslash is written `\xHH`.  manifest.py makes such a list of a
//! mounted filesystem.

use std::collections::BTreeMap;

use crate::btrfs::namespace::Entry;
use crate::unhex;
use crate::Result;

pub fn escape(path: &[u8]) -> String {
    path.iter()
        .map(|b| match b {
            b'!'..=b'~' if *b != b'\\' => char::from(*b).to_string(),
            _ => format!("\\x{b:02x}"),
        })
        .collect()
}

fn unescape(path: &str) -> Result<Vec<u8>> {
    let mut parts = path.split("\\x");
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part
            .split_at_checked(2)
            .ok_or_else(|| format!("bad escape in {path:?}"))?;
        out.extend(unhex(digits)?);
        out.extend(rest.as_bytes());
    }
    Ok(out)
}

/// One line without the path.
fn describe(entry: &Entry<'_>) -> String {
    format!("{} {} {}", entry.file_type.letter(), entry.size, entry.hash)
}

pub fn format_line(entry: &Entry<'_>) -> String {
    format!("{} {}", describe(entry), escape(&entry.path))
}

/// A parsed list: what stands before each path.
#[derive(Debug)]
pub struct Manifest(BTreeMap<Vec<u8>, String>);

impl Manifest {
    pub fn parse(text: &str) -> Result<Self> {
        let mut files = BTreeMap::new();
        for (nr, line) in text.lines().enumerate() {
            let fail = || format!("manifest line {}: not `TYPE SIZE SHA256 PATH`", nr + 1);
            let mut fields = line.rsplitn(2, ' ');
            let path = unescape(fields.next().ok_or_else(fail)?)?;
            let description = fields.next().ok_or_else(fail)?;
            if description.split(' ').count() != 3 || !path.starts_with(b"/") {
                return Err(fail());
            }
            if files.insert(path, description.to_string()).is_some() {
                return Err(format!("manifest line {}: path again", nr + 1));
            }
        }
        Ok(Self(files))
    }

    /// One line for each difference.  Files that the manifest lacks count only
    /// in directories that it has, so that it can cover a part of a filesystem.
    pub fn compare(&self, entries: &[Entry<'_>]) -> Vec<String> {
        let mut missing = self.0.clone();
        let mut differences = Vec::new();
        for entry in entries {
            let path = escape(&entry.path);
            let found = describe(entry);
            match missing.remove(&entry.path) {
                Some(wanted) if wanted == found => {}
                Some(wanted) => {
                    differences.push(format!("{path}: manifest has {wanted}, image has {found}"));
                }
                None if self.lists_directory(parent(&entry.path)) => {
                    differences.push(format!("{path}: not in the manifest, image has {found}"));
                }
                None => {}
            }
        }
        for (path, wanted) in missing {
            differences.push(format!(
                "{}: manifest has {wanted}, not in the image",
                escape(&path)
            ));
        }
        differences
    }

    fn lists_directory(&self, path: &[u8]) -> bool {
        self.0.get(path).is_some_and(|d| d.starts_with('d'))
    }
}

fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|b| *b == b'/') {
        Some(0) | None => b"/",
        Some(at) => &path[..at],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip() {
        let path: Vec<u8> = (0..=255).collect();
        assert_eq!(unescape(&escape(&path)).unwrap(), path);
        assert_eq!(escape(b"/a b\\"), "/a\\x20b\\x5c");
        assert!(unescape("/\\x4").is_err());
        assert!(unescape("/\\xé").is_err());
    }

    #[test]
    fn malformed_lines_are_errors() {
        for text in ["f 0 -", "f 0 - a", "f - /a", "f 0 - /a\nf 0 - /a"] {
            assert!(Manifest::parse(text).is_err(), "{text}");
        }
    }
}
