// SPDX-License-Identifier: GPL-2.0-only

//! The image files, found by the device id in their superblocks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::btrfs::superblock;
use crate::btrfs::superblock::Superblock;
use crate::Result;

pub struct Devices {
    files: BTreeMap<u64, File>,
    /// What was where before it was first overwritten, by device and address.
    overwritten: RefCell<BTreeMap<(u64, u64), Vec<u8>>>,
}

/// Bytes that were overwritten, and by what.
pub struct Overwritten {
    pub devid: u64,
    pub physical: u64,
    pub old: Vec<u8>,
    pub new: Vec<u8>,
}

impl Devices {
    /// Opens the images of one filesystem and returns them with the newest
    /// superblock.
    pub fn open<P: AsRef<Path>>(images: &[P], writable: bool) -> Result<(Self, Superblock)> {
        let mut files = BTreeMap::new();
        let mut newest: Option<Superblock> = None;
        for path in images {
            let path = path.as_ref();
            let name = path.display();
            let file = OpenOptions::new()
                .read(true)
                .write(writable)
                .open(path)
                .map_err(|e| format!("{name}: {e}"))?;
            let mut block = vec![0; superblock::SIZE];
            file.read_exact_at(&mut block, superblock::OFFSETS[0])
                .map_err(|e| format!("{name}: {e}"))?;
            let sb = Superblock::parse(&block).map_err(|e| format!("{name}: {e}"))?;
            if newest.as_ref().is_some_and(|n| n.fsid != sb.fsid) {
                return Err(format!("{name} belongs to another filesystem"));
            }
            if files.insert(sb.devid, file).is_some() {
                return Err(format!("{name}: device id {} was given twice", sb.devid));
            }
            if newest.as_ref().is_none_or(|n| n.generation < sb.generation) {
                newest = Some(sb);
            }
        }
        let sb = newest.ok_or("no image given")?;
        let devices = Self {
            files,
            overwritten: RefCell::default(),
        };
        Ok((devices, sb))
    }

    pub fn has(&self, devid: u64) -> bool {
        self.files.contains_key(&devid)
    }

    pub fn count(&self) -> usize {
        self.files.len()
    }

    pub fn read(&self, devid: u64, physical: u64, buf: &mut [u8]) -> Result<()> {
        self.file(devid)?
            .read_exact_at(buf, physical)
            .map_err(|e| format!("device {devid} at {physical}: {e}"))
    }

    /// Always whole blocks: what is written again begins at the same address.
    pub fn write(&self, devid: u64, physical: u64, buf: &[u8]) -> Result<()> {
        let mut old = vec![0; buf.len()];
        self.read(devid, physical, &mut old)?;
        self.overwritten
            .borrow_mut()
            .entry((devid, physical))
            .or_insert(old);
        self.put(devid, physical, buf)
    }

    /// Undoes all that was written, and returns it.
    pub fn undo(&self) -> Result<Vec<Overwritten>> {
        let mut undone = Vec::new();
        for ((devid, physical), old) in self.overwritten.take() {
            let mut new = vec![0; old.len()];
            self.read(devid, physical, &mut new)?;
            self.put(devid, physical, &old)?;
            undone.push(Overwritten {
                devid,
                physical,
                old,
                new,
            });
        }
        Ok(undone)
    }

    fn put(&self, devid: u64, physical: u64, buf: &[u8]) -> Result<()> {
        self.file(devid)?
            .write_all_at(buf, physical)
            .map_err(|e| format!("device {devid} at {physical}: {e}"))
    }

    /// Changes every superblock copy of every device with `change`.
    pub fn edit_superblocks(&self, change: impl Fn(&mut [u8]) -> Result<()>) -> Result<()> {
        for (devid, file) in &self.files {
            let len = file.metadata().map_err(|e| e.to_string())?.len();
            for at in superblock::OFFSETS {
                if at + superblock::SIZE as u64 > len {
                    break;
                }
                let mut block = vec![0; superblock::SIZE];
                self.read(*devid, at, &mut block)?;
                change(&mut block)?;
                self.write(*devid, at, &block)?;
            }
        }
        Ok(())
    }

    fn file(&self, devid: u64) -> Result<&File> {
        self.files
            .get(&devid)
            .ok_or_else(|| format!("device {devid} is missing"))
    }
}
