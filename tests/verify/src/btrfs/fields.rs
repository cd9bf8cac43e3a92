// SPDX-License-Identifier: GPL-2.0-only

//! Where the fields of items are, and what they say: for changing one of them.

use crate::btrfs::items;
use crate::btrfs::le;
use crate::btrfs::tree::Key;
use crate::Result;

/// What a field's value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Number,
    /// A small number that stands for one of a few things.
    Choice,
    /// Each bit says something else.
    Bits,
    /// st_mode
    FileMode,
    /// The number of an inode in the same tree.
    Inode,
    /// The number of a tree.
    Tree,
    /// The key of an inode item or of a root item.
    Location,
    /// The logical address of a data extent.
    Extent,
    /// The logical address of a tree block.
    Block,
    /// The descriptor or identifier of a master key.
    MasterKey,
    Bytes,
}

#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub at: usize,
    pub size: usize,
    pub meaning: Meaning,
}

type Layout = [(&'static str, usize, usize, Meaning)];

use Meaning::*;

const INODE: &Layout = &[
    ("generation", 0, 8, Number),
    ("size", 16, 8, Number),
    ("nbytes", 24, 8, Number),
    ("nlink", 40, 4, Number),
    ("mode", 52, 4, FileMode),
    ("rdev", 56, 8, Number),
    ("flags", 64, 8, Bits),
    ("sequence", 72, 8, Number),
];

const ROOT: &Layout = &[
    ("inode flags", 64, 8, Bits),
    ("generation", 160, 8, Number),
    ("root_dirid", 168, 8, Inode),
    ("bytenr", 176, 8, Block),
    ("last_snapshot", 200, 8, Number),
    ("flags", 208, 8, Bits),
    ("refs", 216, 4, Number),
    ("drop_progress", 220, 17, Location),
    ("drop_level", 237, 1, Choice),
    ("level", 238, 1, Choice),
    ("generation_v2", 239, 8, Number),
];

const CONTEXT_V1: &Layout = &[
    ("version", 0, 1, Choice),
    ("contents mode", 1, 1, Choice),
    ("names mode", 2, 1, Choice),
    ("flags", 3, 1, Bits),
    ("key descriptor", 4, 8, MasterKey),
    ("nonce", 12, 16, Bytes),
];

const CONTEXT_V2: &Layout = &[
    ("version", 0, 1, Choice),
    ("contents mode", 1, 1, Choice),
    ("names mode", 2, 1, Choice),
    ("flags", 3, 1, Bits),
    ("log2 of the data unit size", 4, 1, Choice),
    ("reserved", 5, 3, Bytes),
    ("key identifier", 8, 16, MasterKey),
    ("nonce", 24, 16, Bytes),
];

const EXTENT: &Layout = &[
    ("generation", 0, 8, Number),
    ("ram_bytes", 8, 8, Number),
    ("compression", 16, 1, Choice),
    ("encryption", 17, 1, Choice),
    ("other_encoding", 18, 2, Number),
    ("type", 20, 1, Choice),
];

const INLINE_EXTENT: &Layout = &[
    ("length of an encrypted target", 21, 2, Number),
    ("first bytes", 23, 16, Bytes),
];

const DISK_EXTENT: &Layout = &[
    ("disk_bytenr", 21, 8, Extent),
    ("disk_num_bytes", 29, 8, Number),
    ("offset", 37, 8, Number),
    ("num_bytes", 45, 8, Number),
];

const EXTENT_CONTEXT: &Layout = &[
    ("context size", 53, 4, Number),
    ("context version", 57, 1, Choice),
    ("nonce", 58, 16, Bytes),
];

const DIR_ENTRY: &Layout = &[
    ("location", 0, 17, Location),
    ("location.objectid", 0, 8, Inode),
    ("location.type", 8, 1, Choice),
    ("location.offset", 9, 8, Number),
    ("transid", 17, 8, Number),
    ("data_len", 25, 2, Number),
    ("name_len", 27, 2, Number),
    ("type", 29, 1, Choice),
];

const INODE_REF: &Layout = &[("index", 0, 8, Number), ("name_len", 8, 2, Number)];

const INODE_EXTREF: &Layout = &[
    ("parent", 0, 8, Inode),
    ("index", 8, 8, Number),
    ("name_len", 16, 2, Number),
];

const ROOT_REF: &Layout = &[
    ("dirid", 0, 8, Inode),
    ("sequence", 8, 8, Number),
    ("name_len", 16, 2, Number),
];

const DATA_EXTENT_ITEM: &Layout = &[
    ("refs", 0, 8, Number),
    ("generation", 8, 8, Number),
    ("flags", 16, 8, Bits),
    ("reference type", 24, 1, Choice),
    ("root", 25, 8, Tree),
    ("objectid", 33, 8, Inode),
    ("offset", 41, 8, Number),
    ("count", 49, 4, Number),
];

/// The fields of an item's body.
pub fn fields(kind: u8, body: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    match kind {
        items::INODE_ITEM => add(&mut fields, 0, INODE),
        items::ROOT_ITEM => add(&mut fields, 0, ROOT),
        items::FSCRYPT_INODE_CTX if body.first() == Some(&1) => add(&mut fields, 0, CONTEXT_V1),
        items::FSCRYPT_INODE_CTX => add(&mut fields, 0, CONTEXT_V2),
        items::EXTENT_DATA => {
            add(&mut fields, 0, EXTENT);
            if body.get(20) == Some(&0) {
                add(&mut fields, 0, INLINE_EXTENT);
            } else {
                add(&mut fields, 0, DISK_EXTENT);
                add(&mut fields, 0, EXTENT_CONTEXT);
            }
        }
        items::EXTENT_ITEM => add(&mut fields, 0, DATA_EXTENT_ITEM),
        items::DIR_LOG_INDEX => add(&mut fields, 0, &[("end", 0, 8, Number)]),
        _ => {
            let Some(layout) = NameLayout::of(kind) else {
                return vec![];
            };
            for (at, len) in layout.entries(body).unwrap_or_default() {
                add(&mut fields, at, layout.fields);
                fields.push(Field {
                    name: "name",
                    at: at + layout.header,
                    size: len,
                    meaning: Bytes,
                });
            }
        }
    }
    // What is cut off is not there.
    fields.retain(|field| field.at + field.size <= body.len());
    fields
}

fn add(fields: &mut Vec<Field>, base: usize, layout: &Layout) {
    fields.extend(layout.iter().map(|&(name, at, size, meaning)| Field {
        name,
        at: base + at,
        size,
        meaning,
    }));
}

/// Where items of a type that has names keep them.
pub struct NameLayout {
    fields: &'static Layout,
    header: usize,
    name_len_at: usize,
    data_len_at: Option<usize>,
}

impl NameLayout {
    pub fn of(kind: u8) -> Option<Self> {
        let (fields, header, name_len_at, data_len_at) = match kind {
            items::DIR_ITEM | items::DIR_INDEX | items::XATTR_ITEM => (DIR_ENTRY, 30, 27, Some(25)),
            items::INODE_REF => (INODE_REF, 10, 8, None),
            items::INODE_EXTREF => (INODE_EXTREF, 18, 16, None),
            items::ROOT_REF | items::ROOT_BACKREF => (ROOT_REF, 18, 16, None),
            _ => return None,
        };
        Some(Self {
            fields,
            header,
            name_len_at,
            data_len_at,
        })
    }

    /// Where each entry begins, and the length of its name.
    fn entries(&self, body: &[u8]) -> Result<Vec<(usize, usize)>> {
        let mut entries = Vec::new();
        let mut at = 0;
        while at < body.len() {
            let name_len = le::u16(body, at + self.name_len_at)? as usize;
            let data_len = match self.data_len_at {
                Some(field) => le::u16(body, at + field)? as usize,
                None => 0,
            };
            entries.push((at, name_len));
            at += self.header + name_len + data_len;
        }
        Ok(entries)
    }

    /// The name, if the item has one only.
    pub fn only_name<'a>(&self, body: &'a [u8]) -> Option<&'a [u8]> {
        match self.entries(body).ok()?[..] {
            [(0, len)] => body.get(self.header..self.header + len),
            _ => None,
        }
    }

    /// The item with another name in place of its only one, lengths and hashes
    /// right.
    pub fn with_name(&self, key: Key, body: &[u8], name: &[u8]) -> Option<(Key, Vec<u8>)> {
        let old = self.only_name(body)?;
        let mut new = body[..self.header].to_vec();
        new[self.name_len_at..self.name_len_at + 2]
            .copy_from_slice(&(name.len() as u16).to_le_bytes());
        new.extend_from_slice(name);
        new.extend_from_slice(&body[self.header + old.len()..]);
        let offset = match key.kind {
            items::DIR_ITEM | items::XATTR_ITEM => items::name_hash(name).into(),
            items::INODE_EXTREF => items::extref_hash(le::u64(body, 0).ok()?, name).into(),
            _ => key.offset,
        };
        Some((Key::new(key.objectid, key.kind, offset), new))
    }
}

/// What the numbers of an item's key stand for.
pub fn key_meanings(key: Key, in_root_tree: bool) -> (Meaning, Meaning) {
    match key.kind {
        items::ROOT_REF | items::ROOT_BACKREF => (Tree, Tree),
        items::INODE_REF => (Inode, Inode),
        items::EXTENT_ITEM => (Extent, Number),
        items::EXTENT_CSUM => (Number, Extent),
        _ if in_root_tree => (Tree, Number),
        _ => (Inode, Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_context_is_in_a_field() {
        for (version, size) in [(1, 28), (2, 40)] {
            let mut body = vec![0; size];
            body[0] = version;
            let sizes = fields(items::FSCRYPT_INODE_CTX, &body)
                .iter()
                .map(|field| field.size)
                .sum::<usize>();
            assert_eq!(sizes, size);
        }
    }

    #[test]
    fn names_are_found_and_replaced() {
        let mut body = vec![0; 30];
        body[27] = 3;
        body.extend_from_slice(b"abc");
        let key = Key::new(256, items::DIR_ITEM, items::name_hash(b"abc").into());
        let layout = NameLayout::of(items::DIR_ITEM).unwrap();
        assert_eq!(layout.only_name(&body), Some(&b"abc"[..]));
        let (new_key, new) = layout.with_name(key, &body, b"default").unwrap();
        assert_eq!(new_key.offset, 2378154706);
        assert_eq!(layout.only_name(&new), Some(&b"default"[..]));
        body.extend_from_slice(&body.clone());
        assert_eq!(layout.only_name(&body), None);
        assert_eq!(fields(items::DIR_ITEM, &body).len(), 18);
    }
}
