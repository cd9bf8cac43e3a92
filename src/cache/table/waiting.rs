// SPDX-License-Identifier: GPL-2.0-only

//! Who waits for a slot, or for another task to set a key, and who gets it.
//!
//! Tasks that find no idle slot get one in the order in which they came: each has a [`Ticket`], and
//! a slot that becomes idle is granted to the first of them. So there is no idle slot while
//! somebody waits. As many slots as there are tasks waiting are reserved for them while they are
//! still in use, beginning with those that were found in use first. A task that comes
//! later waits, too, even if a reserved slot has its key, as it would prolong the use of that.

use super::{
    Slot,
    Table,
    COLD,
    GRANTED,
    RESERVED,
    USED, //
};
use core::ptr::NonNull;

/// A task's place among those that wait for a slot.
#[must_use]
pub(in crate::cache) struct Ticket(u64);

/// A slot that was granted to a task. It must be given to [`Table::find`].
#[must_use]
pub(in crate::cache) struct Granted(pub(super) usize);

/// A key that a task waits for, which another is about to set.
#[must_use]
pub(in crate::cache) struct Joined {
    index: usize,
    set: u64,
}

/// What has become of it.
pub(in crate::cache) enum Outcome<T> {
    /// Nothing yet.
    Programming,
    /// It was set. The caller uses the slot, as in [`Found::Hit`](super::Found::Hit).
    Set(usize, NonNull<T>),
    /// It was refused.
    Refused,
}

impl<T> Table<T> {
    /// Makes the caller one of those that wait for a slot, as [`Self::find`] had none.
    pub(in crate::cache) fn wait(&mut self) -> Ticket {
        let ticket = Ticket(self.tickets);

        self.tickets += 1;
        // As none is idle, all that can be had are there.
        if let Some(index) = self.by_use.back(USED) {
            self.reserve(index);
        }
        ticket
    }

    /// Makes the caller one of those that wait for the key of a slot that is `Programming`. A slot
    /// that was granted to him is for the next task.
    pub(in crate::cache) fn join(&mut self, index: usize, granted: Option<Granted>) -> Joined {
        let mut number = 0;

        if let Slot::Programming { joined, set, .. } = &mut self.slots[index] {
            *joined += 1;
            number = *set;
        }
        if let Some(Granted(granted)) = granted {
            self.set_idle(granted);
        }
        Joined { index, set: number }
    }

    /// What has become of the key that the caller waits for.
    pub(in crate::cache) fn outcome(&self, joined: &Joined) -> Outcome<T> {
        match &self.slots[joined.index] {
            Slot::Programming { set, .. } if *set == joined.set => Outcome::Programming,
            Slot::Ready { keyslot, set, .. } if *set == joined.set => {
                Outcome::Set(joined.index, NonNull::from(&**keyslot))
            }
            _ => Outcome::Refused,
        }
    }

    /// What becomes of a slot that was granted to a task, which uses the slot `index`.
    pub(super) fn settle(&mut self, granted: usize, index: usize) {
        if granted != index {
            self.set_idle(granted);
            return;
        }
        if let Slot::Ready { reserved, .. } = &mut self.slots[index] {
            *reserved = false;
        }
        self.set_used(index);
    }

    /// The number of tasks that wait.
    pub(super) fn waiting(&self) -> usize {
        (self.tickets - self.granted) as usize
    }

    /// The number of slots that were ever granted to tasks that wait.
    pub(in crate::cache) fn granted(&self) -> u64 {
        self.granted
    }

    /// Fetches the slot that was granted to the task with this ticket, if one was.
    pub(in crate::cache) fn fetch(&mut self, ticket: &Ticket) -> Option<Granted> {
        if ticket.0 >= self.granted {
            return None;
        }
        let index = self.by_use.back(GRANTED)?;

        self.by_use.remove(index);
        Some(Granted(index))
    }

    /// Whether a slot was granted to a task that hasn't fetched it yet.
    pub(in crate::cache) fn has_granted(&self) -> bool {
        self.by_use.back(GRANTED).is_some()
    }

    /// Reserves a slot that is in use for a task that waits.
    fn reserve(&mut self, index: usize) {
        if let Slot::Ready { reserved, .. } = &mut self.slots[index] {
            *reserved = true;
            self.reserved += 1;
            self.list(RESERVED, index);
        }
    }

    /// What becomes of a slot with a key that the caller uses, which is in no list.
    pub(super) fn set_used(&mut self, index: usize) {
        if self.waiting() == 0 {
            self.list_by_use(index);
            return;
        }
        self.watch(index);
        if self.reserved < self.waiting() {
            self.reserve(index);
        } else {
            self.list(USED, index);
        }
    }

    /// Grants a slot that isn't in use any more, or never was, to the task that has waited longest;
    /// or makes it idle.
    pub(super) fn set_idle(&mut self, index: usize) {
        let is_granted = self.waiting() > 0;

        if let Slot::Ready { reserved, .. } = &mut self.slots[index] {
            *reserved = is_granted;
            if !is_granted {
                self.list_by_use(index);
                return;
            }
        } else if !is_granted {
            self.by_use.push_back(COLD, index);
            return;
        }

        self.granted += 1;
        self.list(GRANTED, index);
        if self.reserved > self.waiting() {
            // Another became idle before it did.
            if let Some(spare) = self.by_use.front(RESERVED) {
                if let Slot::Ready { reserved, .. } = &mut self.slots[spare] {
                    *reserved = false;
                }
                self.reserved -= 1;
                self.list(USED, spare);
            }
        }
    }
}
