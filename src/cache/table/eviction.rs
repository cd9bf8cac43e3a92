// SPDX-License-Identifier: GPL-2.0-only

//! Which key makes room for another.
//!
//! The one whose last use began the longest time ago, of those that aren't hot if there is one. Hot
//! is what was used again after many others were, so keys of extents that are read or written once
//! make room for each other, however many pieces that takes. An eighth of the slots, and eight, are
//! never hot, so that a new key stays until it is used again, if that is soon.
//!
//! A use moves a slot in its list only if that wasn't done for half as many finds as slots are
//! never hot. The order is right but for so many.

use super::{
    Slot,
    Table,
    COLD,
    HOT,
    USED, //
};

impl<T> Table<T> {
    /// Puts a slot that is used again where it belongs in the lists.
    pub(super) fn sort(&mut self, index: usize, is_warm: bool, is_watched: bool) {
        if is_warm {
            self.warm(index);
        }
        if !is_watched {
            self.list_by_use(index);
        } else if self.by_use.back(USED) == Some(index) {
            // Those that are shared by many aren't idle soon.
            self.list(USED, index);
        }
    }

    /// Takes the idle slot out of the lists whose key is to make room, if one is idle.
    pub(super) fn take_idle(&mut self) -> Option<usize> {
        loop {
            let index = self.by_use.back(COLD).or_else(|| self.by_use.back(HOT))?;

            if !self.watch(index) {
                self.by_use.remove(index);
                return Some(index);
            }
            self.list(USED, index);
        }
    }

    /// Makes a slot hot whose key is used again. If as many as may be are, the one that has been
    /// idle for the longest time isn't any more; if that is in use again, `index` doesn't become
    /// hot.
    fn warm(&mut self, index: usize) {
        if self.hot == self.most_hot {
            let Some(oldest) = self.by_use.back(HOT) else {
                return;
            };

            if self.watch(oldest) {
                self.list(USED, oldest);
                return;
            }
            if let Slot::Ready { hot, .. } = &mut self.slots[oldest] {
                *hot = false;
            }
            self.hot -= 1;
            self.list_by_use(oldest);
        }
        if let Slot::Ready { hot, .. } = &mut self.slots[index] {
            *hot = true;
            self.hot += 1;
        }
    }

    /// Puts a slot with a key to the front of its list, `HOT` or `COLD`.
    pub(super) fn list_by_use(&mut self, index: usize) {
        if let Slot::Ready { hot, listed, .. } = &mut self.slots[index] {
            let list = if *hot { HOT } else { COLD };

            *listed = self.finds;
            self.list(list, index);
        }
    }
}
