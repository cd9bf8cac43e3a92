// SPDX-License-Identifier: GPL-2.0-only

//! Doubly linked lists in an array.

use kernel::prelude::*;

#[derive(Clone, Copy)]
struct Links {
    prev: u32,
    next: u32,
}

/// A fixed number of nodes, each in at most one of a fixed number of lists.
///
/// Nodes and lists are numbers, and nothing is allocated once the object is there: it can be
/// changed under a spinlock. All operations but iteration take constant time.
///
/// # Invariants
///
/// The elements of `links` are those of the nodes, then those of the lists' heads. `prev` and
/// `next` are indices into `links`; each list with its head is a ring, and so is a node by itself
/// that is in no list.
pub(super) struct IndexLists {
    links: KVVec<Links>,
    nodes: usize,
}

impl IndexLists {
    /// Makes `lists` empty lists for `nodes` nodes.
    pub(super) fn new(nodes: usize, lists: usize) -> Result<Self> {
        let total = nodes.checked_add(lists).ok_or(EINVAL)?;
        let mut links = KVVec::with_capacity(total, GFP_KERNEL)?;

        // INVARIANT: All are rings by themselves.
        for this in 0..u32::try_from(total)? {
            links.push_within_capacity(Links {
                prev: this,
                next: this,
            })?;
        }
        Ok(Self { links, nodes })
    }

    fn insert(&mut self, node: usize, prev: usize, next: usize) {
        self.links[prev].next = node as u32;
        self.links[node] = Links {
            prev: prev as u32,
            next: next as u32,
        };
        self.links[next].prev = node as u32;
    }

    /// Puts `node`, which must be in no list, at the front of `list`.
    pub(super) fn push_front(&mut self, list: usize, node: usize) {
        let head = self.nodes + list;

        self.insert(node, head, self.links[head].next as usize);
    }

    /// Puts `node`, which must be in no list, at the back of `list`.
    pub(super) fn push_back(&mut self, list: usize, node: usize) {
        let head = self.nodes + list;

        self.insert(node, self.links[head].prev as usize, head);
    }

    /// Removes `node` from the list it is in, if any.
    pub(super) fn remove(&mut self, node: usize) {
        let Links { prev, next } = self.links[node];

        self.links[prev as usize].next = next;
        self.links[next as usize].prev = prev;
        self.links[node] = Links {
            prev: node as u32,
            next: node as u32,
        };
    }

    /// The node at the front of `list`.
    pub(super) fn front(&self, list: usize) -> Option<usize> {
        self.iter(list).next()
    }

    /// The node at the back of `list`.
    pub(super) fn back(&self, list: usize) -> Option<usize> {
        let last = self.links[self.nodes + list].prev as usize;

        (last < self.nodes).then_some(last)
    }

    /// Iterates over the nodes of `list` from its front.
    pub(super) fn iter(&self, list: usize) -> impl Iterator<Item = usize> + '_ {
        let next = |at: usize| self.links[at].next as usize;

        core::iter::successors(Some(next(self.nodes + list)), move |&at| Some(next(at)))
            .take_while(|&at| at < self.nodes)
    }
}

#[kunit_tests(fscrypt_extent_lists)]
mod tests {
    use super::*;

    #[test]
    fn order() -> Result {
        let mut lists = IndexLists::new(4, 2)?;

        lists.push_front(0, 1);
        lists.push_front(0, 0);
        lists.push_back(0, 2);
        lists.push_back(1, 3);
        assert!(lists.iter(0).eq([0, 1, 2]));
        assert!(lists.iter(1).eq([3]));
        assert_eq!(lists.front(0), Some(0));

        lists.remove(1);
        lists.remove(1);
        assert!(lists.iter(0).eq([0, 2]));
        assert_eq!(lists.back(0), Some(2));
        lists.remove(2);
        lists.remove(0);
        assert_eq!(lists.back(0), None);
        assert_eq!(lists.back(1), Some(3));
        Ok(())
    }
}
