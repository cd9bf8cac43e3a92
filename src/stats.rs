// SPDX-License-Identifier: GPL-2.0-only

//! Counters, and their text in debugfs.

use crate::mode::Direction;
use kernel::fmt;

/// What happened to a cache since it was made.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Uses of a slot that had the key.
    pub(crate) hits: u64,
    /// Uses of a slot that had to get the key.
    pub(crate) misses: u64,
    /// Keys that had to make room for others.
    pub(crate) evictions: u64,
    /// Keys that were derived at a miss. With `FSCRYPT_POLICY_FLAG_DIRECT_KEY` there are none.
    pub(crate) derivations: u64,
    /// How often a task found no idle slot, or a key that was just being set, and slept or did
    /// without.
    pub(crate) busy: u64,
    /// How often a task was woken that slept for that.
    pub(crate) wakeups: u64,
    /// What was done by software, and by hardware.
    pub(crate) io: [IoCounters; 2],
}

/// An amount of I/O each way.
#[derive(Clone, Copy, Default)]
pub(crate) struct IoCounters {
    /// What was encrypted.
    pub(crate) encrypted: IoCount,
    /// What was decrypted.
    pub(crate) decrypted: IoCount,
}

/// An amount of I/O.
#[derive(Clone, Copy, Default)]
pub(crate) struct IoCount {
    /// Number of bios, or parts of bios.
    pub(crate) bios: u64,
    /// Their size.
    pub(crate) bytes: u64,
}

/// What a slot is wanted for, to be counted.
#[derive(Clone, Copy)]
pub(crate) struct IoInfo {
    /// What is to be done.
    pub(crate) direction: Direction,
    /// To how many bytes.
    pub(crate) bytes: u32,
}

impl Counters {
    /// Counts I/O with a key, which hardware does if it `is_native`.
    pub(crate) fn count(&mut self, io: IoInfo, is_native: bool) {
        let counters = &mut self.io[usize::from(is_native)];
        let count = match io.direction {
            Direction::Encrypt => &mut counters.encrypted,
            Direction::Decrypt => &mut counters.decrypted,
        };

        count.bios += 1;
        count.bytes += u64::from(io.bytes);
    }

    /// Prints all of a cache of `slots` slots but the I/O. Each line begins with `what`; `busy` is
    /// what a busy slot means there.
    pub(crate) fn show(
        &self,
        f: &mut fmt::Formatter<'_>,
        what: &str,
        slots: usize,
        busy: &str,
    ) -> fmt::Result {
        writeln!(f, "{what}slots {slots}")?;
        writeln!(f, "{what}hits {}", self.hits)?;
        writeln!(f, "{what}misses {}", self.misses)?;
        writeln!(f, "{what}evictions {}", self.evictions)?;
        writeln!(f, "{what}derivations {}", self.derivations)?;
        writeln!(f, "{what}{busy} {}", self.busy)
    }
}

impl IoCounters {
    /// Prints them, each line beginning with `what`.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        writeln!(f, "{what}encrypted bios {}", self.encrypted.bios)?;
        writeln!(f, "{what}encrypted bytes {}", self.encrypted.bytes)?;
        writeln!(f, "{what}decrypted bios {}", self.decrypted.bios)?;
        writeln!(f, "{what}decrypted bytes {}", self.decrypted.bytes)
    }
}
