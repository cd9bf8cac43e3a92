// SPDX-License-Identifier: GPL-2.0-only

//! What must hold on every image, whether or not its keys are known.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;

use crate::btrfs::filesystem::Filesystem;
use crate::btrfs::filesystem::Inode;
use crate::btrfs::filesystem::Subvolume;
use crate::btrfs::items;
use crate::btrfs::items::Compression;
use crate::btrfs::items::DirEntry;
use crate::btrfs::items::DiskExtent;
use crate::btrfs::items::FileExtent;
use crate::btrfs::items::FileType;
use crate::btrfs::items::InodeItem;
use crate::btrfs::items::NameRef;
use crate::btrfs::items::CSUM_SIZE;
use crate::btrfs::le;
use crate::btrfs::superblock;
use crate::btrfs::tree::Key;
use crate::fscrypt::policy::Mode;
use crate::fscrypt::policy::Nonce;
use crate::fscrypt::policy::Policy;
use crate::fscrypt::tags;
use crate::Result;

const TAG_SIZE: u64 = tags::TAG_SIZE as u64;
/// Chunks begin and end at multiples of this, so no aligned piece straddles two.
const CHUNK_ALIGN: u64 = 64 << 10;

/// Counts, for tests that must know that they saw what they meant to make.
#[derive(Default)]
pub struct Stats {
    subvolumes: usize,
    encrypted_directories: usize,
    encrypted_files: usize,
    encrypted_symlinks: usize,
    extent_items: usize,
    prealloc_items: usize,
    checked_sums: u64,
    authenticated_items: usize,
    tags: u64,
    extents: usize,
    extent_bytes: u64,
    nonces: usize,
    compression: BTreeMap<Compression, usize>,
    modes: BTreeMap<Mode, usize>,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "subvolumes: {}", self.subvolumes)?;
        writeln!(f, "encrypted directories: {}", self.encrypted_directories)?;
        writeln!(f, "encrypted files: {}", self.encrypted_files)?;
        writeln!(f, "encrypted symlinks: {}", self.encrypted_symlinks)?;
        writeln!(f, "encrypted extent items: {}", self.extent_items)?;
        writeln!(f, "encrypted prealloc items: {}", self.prealloc_items)?;
        writeln!(f, "encrypted extents: {}", self.extents)?;
        writeln!(f, "encrypted extent bytes: {}", self.extent_bytes)?;
        writeln!(f, "extent nonces: {}", self.nonces)?;
        for kind in [
            Compression::None,
            Compression::Zlib,
            Compression::Lzo,
            Compression::Zstd,
        ] {
            let count = self.compression.get(&kind).unwrap_or(&0);
            writeln!(f, "encrypted extents, compression {kind:?}: {count}")?;
        }
        for (mode, count) in &self.modes {
            writeln!(f, "encrypted extents, mode {mode:?}: {count}")?;
        }
        writeln!(f, "data checksums: {}", self.checked_sums)?;
        writeln!(
            f,
            "authenticated extent items: {}",
            self.authenticated_items
        )?;
        writeln!(f, "block tags: {}", self.tags)
    }
}

/// An encrypted extent, as the first item that refers to it has it.
struct Extent {
    nonce: Nonce,
    disk_len: u64,
    compression: Compression,
    policy: Policy,
}

/// Logical ranges, of which those that touch are one.
#[derive(Default)]
struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds one that begins where no other before it ends later.
    fn add(&mut self, start: u64, end: u64) {
        match self.0.range_mut(..=start).next_back() {
            Some((_, last_end)) if *last_end == start => *last_end = end,
            _ => {
                self.0.insert(start, end);
            }
        }
    }

    fn has(&self, start: u64, end: u64) -> bool {
        self.0
            .range(..=start)
            .next_back()
            .is_some_and(|(_, last_end)| end <= *last_end)
    }
}

pub struct Checks<'a> {
    fs: &'a Filesystem,
    violations: Vec<String>,
    pub stats: Stats,
    extents: BTreeMap<u64, Extent>,
    /// Logical ranges of encrypted data that checksums must cover.
    summed: BTreeSet<(u64, u64)>,
    /// The same of tags.
    tagged: BTreeSet<(u64, u64)>,
    encrypted_items: bool,
    authenticated: bool,
}

impl<'a> Checks<'a> {
    /// Runs all checks.
    pub fn run(fs: &'a Filesystem) -> Self {
        let mut checks = Self {
            fs,
            violations: Vec::new(),
            stats: Stats::default(),
            extents: BTreeMap::new(),
            summed: BTreeSet::new(),
            tagged: BTreeSet::new(),
            encrypted_items: false,
            authenticated: false,
        };
        for subvolume in fs.subvolumes.values() {
            checks.subvolume(subvolume);
        }
        checks.nonces();
        checks.incompat();
        checks.checksums();
        checks.tags();
        checks
    }

    pub fn into_results(self) -> (Vec<String>, Stats) {
        (self.violations, self.stats)
    }

    fn subvolume(&mut self, subvolume: &Subvolume) {
        self.stats.subvolumes += 1;
        let mut inode_nonces = HashMap::new();
        let inodes: BTreeSet<u64> = subvolume
            .tree
            .iter()
            .filter(|(key, _)| {
                matches!(
                    key.kind,
                    items::INODE_ITEM
                        | items::FSCRYPT_INODE_CTX
                        | items::EXTENT_DATA
                        | items::DIR_ITEM
                        | items::DIR_INDEX
                )
            })
            .map(|(key, _)| key.objectid)
            .collect();
        for ino in inodes {
            let place = format!("subvolume {} inode {ino}", subvolume.id);
            let inode = match subvolume.inode(ino) {
                Ok(inode) => inode,
                Err(e) => {
                    self.violations.push(format!("{place}: {e}"));
                    continue;
                }
            };
            self.inode(subvolume, ino, &inode, &place);
            if let Some(context) = &inode.context {
                if let Some(other) = inode_nonces.insert(context.nonce, ino) {
                    self.violations
                        .push(format!("{place}: has the nonce of inode {other}"));
                }
            }
            for (start, item) in subvolume.tree.of(ino, items::EXTENT_DATA) {
                if let Err(e) = self.file_extent(&inode, item) {
                    self.violations
                        .push(format!("{place}: file extent {start}: {e}"));
                }
            }
            if inode.item.file_type == FileType::Directory {
                if let Err(e) = self.directory(subvolume, ino, &inode, &place) {
                    self.violations.push(format!("{place}: {e}"));
                }
            }
        }
    }

    fn inode(&mut self, subvolume: &Subvolume, ino: u64, inode: &Inode, place: &str) {
        let mut fail = |what: &str| self.violations.push(format!("{place}: {what}"));
        match (&inode.context, inode.item.encrypted()) {
            (Some(_), false) => fail("has a context but not the encrypt flag"),
            (None, true) => fail("has the encrypt flag but no context"),
            _ => {}
        }
        if subvolume
            .tree
            .of(ino, items::FSCRYPT_INODE_CTX)
            .any(|(offset, _)| offset != 0)
        {
            fail("has a context at an offset other than 0");
        }
        let Some(context) = &inode.context else {
            return;
        };
        self.encrypted_items = true;
        self.authenticated |= context.policy.authenticated();
        match inode.item.file_type {
            FileType::Directory => self.stats.encrypted_directories += 1,
            FileType::Regular => self.stats.encrypted_files += 1,
            FileType::Symlink => self.stats.encrypted_symlinks += 1,
            FileType::Special(_) => fail("special file with a context"),
        }
    }

    fn file_extent(&mut self, inode: &Inode, item: &[u8]) -> Result<()> {
        let regular = inode.item.file_type == FileType::Regular;
        match FileExtent::parse(item, self.fs.volume.sectorsize())? {
            FileExtent::Inline { .. } if regular && inode.context.is_some() => {
                Err("inline extent in an encrypted file".into())
            }
            FileExtent::Hole { .. } | FileExtent::Inline { .. } => Ok(()),
            FileExtent::Disk(extent) => match (&inode.context, extent.nonce) {
                (None, None) => Ok(()),
                (Some(_), None) => Err("plain extent in an encrypted file".into()),
                (None, Some(_)) => {
                    self.encrypted_items = true;
                    Err("encrypted extent in a plain file".into())
                }
                (Some(context), Some(nonce)) => {
                    self.encrypted_extent(&inode.item, &context.policy, nonce, &extent)
                }
            },
        }
    }

    fn encrypted_extent(
        &mut self,
        inode: &InodeItem,
        policy: &Policy,
        nonce: Nonce,
        extent: &DiskExtent,
    ) -> Result<()> {
        self.stats.extent_items += 1;
        match (policy.authenticated(), extent.place) {
            (false, None) => {}
            (false, Some(_)) => return Err("authenticated extent in a file that is not".into()),
            (true, None) => return Err("extent without a place in an authenticated file".into()),
            (true, Some(place)) => {
                extent.check_window(place.window, self.fs.volume.sectorsize())?;
                self.stats.authenticated_items += 1;
                if !extent.prealloc {
                    self.tagged.insert(extent.stored_range());
                }
            }
        }
        if extent.prealloc {
            self.stats.prealloc_items += 1;
        } else if inode.has_data_checksums() {
            self.summed.insert(extent.stored_range());
        }
        let first = self.extents.entry(extent.bytenr).or_insert(Extent {
            nonce,
            disk_len: extent.disk_len,
            compression: extent.compression,
            policy: *policy,
        });
        let mut differs = Vec::new();
        if first.nonce != nonce {
            differs.push("nonce");
        }
        if first.disk_len != extent.disk_len {
            differs.push("length");
        }
        if first.compression != extent.compression {
            differs.push("compression");
        }
        if first.policy != *policy {
            differs.push("policy");
        }
        if differs.is_empty() {
            return Ok(());
        }
        Err(format!(
            "another item has extent {} with another {}",
            extent.bytenr,
            differs.join(", ")
        ))
    }

    fn directory(
        &mut self,
        subvolume: &Subvolume,
        dir: u64,
        inode: &Inode,
        place: &str,
    ) -> Result<()> {
        let mut by_hash = BTreeSet::new();
        for (hash, item) in subvolume.tree.of(dir, items::DIR_ITEM) {
            for entry in DirEntry::parse_all(item)? {
                if u64::from(items::name_hash(entry.name)) != hash {
                    self.violations
                        .push(format!("{place}: entry of hash {hash}: wrong hash"));
                }
                self.entry_flag(inode, &entry, &format!("{place}: entry of hash {hash}"));
                by_hash.insert((entry.name, entry.location));
            }
        }
        for (index, item) in subvolume.tree.of(dir, items::DIR_INDEX) {
            let place = format!("{place}: entry {index}");
            for entry in DirEntry::parse_all(item)? {
                self.entry_flag(inode, &entry, &place);
                if !by_hash.remove(&(entry.name, entry.location)) {
                    self.violations
                        .push(format!("{place}: not in the index by hash"));
                }
                let name = NameRef {
                    dir,
                    index,
                    name: entry.name,
                };
                if let Err(e) = self.child(subvolume, inode, &name, entry.location) {
                    self.violations.push(format!("{place}: {e}"));
                }
            }
        }
        for (name, _) in by_hash {
            self.violations.push(format!(
                "{place}: {} is only in the index by hash",
                name.escape_ascii()
            ));
        }
        Ok(())
    }

    fn entry_flag(&mut self, dir: &Inode, entry: &DirEntry<'_>, place: &str) {
        match (dir.context.is_some(), entry.encrypted) {
            (true, false) => self.violations.push(format!(
                "{place}: no encrypted flag in an encrypted directory"
            )),
            (false, true) => self
                .violations
                .push(format!("{place}: encrypted flag in a plain directory")),
            _ => {}
        }
    }

    /// Checks that the child knows the entry by the same bytes (a name that is
    /// ciphertext in one place is no secret if it is plain in another), and that
    /// it has the policy of an encrypted directory.
    fn child(
        &self,
        subvolume: &Subvolume,
        dir: &Inode,
        name: &NameRef<'_>,
        location: Key,
    ) -> Result<()> {
        let child = location.objectid;
        let inode = if location.kind == items::INODE_ITEM {
            if !subvolume.names_of(child)?.contains(name) {
                return Err(format!("inode {child} has no such name"));
            }
            subvolume.inode(child)?
        } else {
            let Some(nested) = self.fs.child_subvolume(subvolume.id, name, child) else {
                return Ok(());
            };
            let back = self
                .fs
                .root_tree
                .get(Key::new(child, items::ROOT_BACKREF, subvolume.id))
                .ok_or_else(|| format!("subvolume {child} has no back reference"))?;
            if &NameRef::parse_root_ref(back)? != name {
                return Err(format!("subvolume {child} has no such name"));
            }
            nested.inode(nested.root_dir)?
        };
        let Some(wanted) = &dir.context else {
            return Ok(());
        };
        if matches!(inode.item.file_type, FileType::Special(_)) {
            return Ok(());
        }
        match &inode.context {
            None => Err(format!("plain child {child} in an encrypted directory")),
            Some(context) if context.policy != wanted.policy => {
                Err(format!("child {child} has another policy"))
            }
            Some(_) => Ok(()),
        }
    }

    fn nonces(&mut self) {
        let mut users = HashMap::new();
        for (bytenr, extent) in &self.extents {
            self.stats.extents += 1;
            self.stats.extent_bytes += extent.disk_len;
            *self
                .stats
                .compression
                .entry(extent.compression)
                .or_default() += 1;
            *self.stats.modes.entry(extent.policy.contents).or_default() += 1;
            if let Some(other) = users.insert(extent.nonce, bytenr) {
                self.violations.push(format!(
                    "extents {other} and {bytenr} share the nonce {:?}",
                    extent.nonce
                ));
            }
        }
        self.stats.nonces = users.len();
    }

    fn incompat(&mut self) {
        let bit = self.fs.volume.sb.incompat & superblock::INCOMPAT_EXTENT_FSCRYPT != 0;
        if self.encrypted_items && !bit {
            self.violations
                .push("encrypted items, but the incompat bit is not set".into());
        }
        let auth_bit = self.fs.volume.sb.incompat & superblock::INCOMPAT_EXTENT_FSCRYPT_AUTH != 0;
        if self.authenticated && !auth_bit {
            self.violations
                .push("authenticated inodes, but the incompat bit is not set".into());
        }
    }

    /// Compares every data checksum with every copy of what is on disk, which
    /// for encrypted extents is the ciphertext, and looks for missing ones.
    fn checksums(&mut self) {
        let sectorsize = self.fs.volume.sectorsize();
        let mut covered = Ranges::default();
        for (start, sums) in self
            .fs
            .csum_tree
            .of(items::CSUM_OBJECTID, items::EXTENT_CSUM)
        {
            let sectors = sums.len() as u64 / CSUM_SIZE;
            let Some(end) = sectors
                .checked_mul(sectorsize)
                .and_then(|len| start.checked_add(len))
            else {
                self.violations
                    .push(format!("checksums at {start} are out of range"));
                continue;
            };
            self.stats.checked_sums += sectors;
            let mut at = start;
            while at < end {
                let piece_end = (at / CHUNK_ALIGN + 1).saturating_mul(CHUNK_ALIGN).min(end);
                let first = ((at - start) / sectorsize * CSUM_SIZE) as usize;
                if let Err(e) = self.compare_sums(at, piece_end - at, &sums[first..]) {
                    self.violations.push(e);
                }
                at = piece_end;
            }
            covered.add(start, end);
        }
        for (start, len) in &self.summed {
            if !covered.has(*start, start + len) {
                self.violations.push(format!(
                    "encrypted data at logical {start}, {len} bytes, has no checksums"
                ));
            }
        }
    }

    /// Looks for missing tags, and for those of nothing.  Whether they are right is for
    /// whoever has the key to say, when he reads the files.
    fn tags(&mut self) {
        let sectorsize = self.fs.volume.sectorsize();
        let mut covered = Ranges::default();
        let mut last_end = 0;
        for (start, tags) in self.fs.csum_tree.of(items::TAG_OBJECTID, items::EXTENT_TAG) {
            let blocks = tags.len() as u64 / TAG_SIZE;
            let end = blocks
                .checked_mul(sectorsize)
                .and_then(|len| start.checked_add(len));
            let Some(end) = end.filter(|_| {
                blocks > 0 && tags.len() as u64 % TAG_SIZE == 0 && start % sectorsize == 0
            }) else {
                self.violations.push(format!("malformed tags at {start}"));
                continue;
            };
            if start < last_end {
                self.violations.push(format!("tags overlap at {start}"));
            }
            last_end = end;
            self.stats.tags += blocks;
            covered.add(start, end);
            if !self.fs.dropping && !self.are_of_extents(start, end) {
                self.violations.push(format!(
                    "tags of no authenticated extent, at {start} to {end}"
                ));
            }
        }
        for (start, len) in &self.tagged {
            if !covered.has(*start, start + len) {
                self.violations.push(format!(
                    "authenticated data at logical {start}, {len} bytes, has no tags"
                ));
            }
        }
    }

    /// Whether authenticated extents cover all of a logical range.
    fn are_of_extents(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        while at < end {
            match self.extents.range(..=at).next_back() {
                Some((bytenr, extent))
                    if at - bytenr < extent.disk_len && extent.policy.authenticated() =>
                {
                    at = bytenr + extent.disk_len
                }
                _ => return false,
            }
        }
        true
    }

    fn compare_sums(&mut self, logical: u64, len: u64, sums: &[u8]) -> Result<()> {
        let volume = &self.fs.volume;
        let sectorsize = volume.sectorsize();
        for mirror in 0..volume.mirrors(logical)? {
            if !volume.has_mirror(logical, len, mirror)? {
                continue;
            }
            let data = volume.read_mirror(logical, len, mirror)?;
            for (nr, sector) in data.chunks(sectorsize as usize).enumerate() {
                let wanted = le::u32(sums, nr * CSUM_SIZE as usize)?;
                if crc32c::crc32c(sector) != wanted {
                    let at = logical + nr as u64 * sectorsize;
                    let kind = if self.is_encrypted(at) {
                        "encrypted"
                    } else {
                        "plain"
                    };
                    self.violations.push(format!(
                        "{kind} data at logical {at}, copy {mirror}, does not match its checksum"
                    ));
                }
            }
        }
        Ok(())
    }

    fn is_encrypted(&self, logical: u64) -> bool {
        self.extents
            .range(..=logical)
            .next_back()
            .is_some_and(|(bytenr, extent)| logical - bytenr < extent.disk_len)
    }
}
