// SPDX-License-Identifier: GPL-2.0-only

//! Changes of one thing, on an image of mkfs.btrfs with two copies of all metadata.
//! Needs mkfs.btrfs.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use extent_verify::btrfs::edit::Editor;
use extent_verify::btrfs::mutation::Mutation;
use extent_verify::btrfs::targets::Targets;
use extent_verify::btrfs::tree::Tree;
use extent_verify::btrfs::volume::TreeId;

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn image(scratch: &Scratch) -> PathBuf {
    let root = scratch.0.join("root");
    fs::create_dir_all(root.join("directory")).unwrap();
    fs::write(root.join("directory/file"), vec![b'x'; 100_000]).unwrap();
    fs::write(root.join("short"), "inline").unwrap();
    let image = scratch.0.join("image");
    let status = Command::new("mkfs.btrfs")
        .args(["-q", "-m", "dup", "--rootdir"])
        .args([&root, &image])
        .status()
        .expect("can't run mkfs.btrfs");
    assert!(status.success());
    image
}

#[test]
fn one_thing_is_changed_and_changed_back() {
    let name = format!("extent-verify-{}-hostile", std::process::id());
    let scratch = Scratch(std::env::temp_dir().join(name));
    fs::create_dir(&scratch.0).unwrap();
    let image = image(&scratch);
    // It is cleared by some.
    Editor::open(&[&image])
        .and_then(|editor| editor.set_incompat(56, true))
        .unwrap();
    let before = fs::read(&image).unwrap();

    let editor = Editor::open(&[&image]).unwrap();
    let targets = Targets::read(&editor.volume).unwrap();
    for group in [
        "superblock",
        "inode, plain",
        "extent, plain inline",
        "ROOT_ITEM",
    ] {
        assert!(targets.groups.contains_key(group), "{group}");
    }
    let mut groups = BTreeSet::new();
    let mut descriptions = Vec::new();
    for seed in 0..500 {
        let mutation = Mutation::apply(seed, &targets, &editor).unwrap();
        groups.insert(mutation.group.clone());
        descriptions.push(mutation.to_string());
        // Whatever was changed, the blocks are as good as before.  A root item may lead
        // elsewhere, though.
        for tree in [1, 2, 5, 7] {
            if mutation.group != "ROOT_ITEM" {
                let root = editor.volume.root_of(TreeId::Tree(tree));
                let _ = root.and_then(|root| Tree::read(&editor.volume, root));
            }
        }
        let bad: Vec<_> = editor
            .volume
            .bad_copies()
            .into_iter()
            .filter(|what| what.contains("checksum"))
            .collect();
        assert!(bad.is_empty(), "{mutation}: {bad:?}");
        let changed = editor.volume.devices.undo().unwrap();
        assert!(
            changed.iter().any(|block| block.old != block.new),
            "{mutation}"
        );
        // Blocks of trees come in two copies, superblocks too.
        let half = changed.len() / 2;
        assert_eq!(changed.len(), 2 * half, "{mutation}");
    }
    assert_eq!(groups, targets.groups.keys().cloned().collect());
    assert!(
        fs::read(&image).unwrap() == before,
        "not everything was undone"
    );

    // In the same order, for the same reasons.
    let again: Vec<_> = (0..500)
        .map(|seed| {
            let mutation = Mutation::apply(seed, &targets, &editor).unwrap();
            editor.volume.devices.undo().unwrap();
            mutation.to_string()
        })
        .collect();
    assert_eq!(again, descriptions);
}
