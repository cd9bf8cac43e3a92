// SPDX-License-Identifier: GPL-2.0-only

//! The oracle on images that this test encrypts itself: a plain image of
//! mkfs.btrfs becomes an encrypted one, item by item.  That the format is right
//! is for the kernel's images to show; here every mode must read back, and every
//! kind of bad item must be found.  Needs mkfs.btrfs and cp.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use extent_verify::btrfs::edit::Change;
use extent_verify::btrfs::edit::Editor;
use extent_verify::btrfs::filesystem::Filesystem;
use extent_verify::btrfs::items;
use extent_verify::btrfs::items::DirEntry;
use extent_verify::btrfs::items::DiskExtent;
use extent_verify::btrfs::items::FileExtent;
use extent_verify::btrfs::items::FileType;
use extent_verify::btrfs::items::InodeItem;
use extent_verify::btrfs::items::StoredPlace;
use extent_verify::btrfs::namespace::Walk;
use extent_verify::btrfs::tree::Key;
use extent_verify::btrfs::tree::Tree;
use extent_verify::checks::Checks;
use extent_verify::extract::extract;
use extent_verify::fscrypt::kdf::Keyed;
use extent_verify::fscrypt::kdf::Keyring;
use extent_verify::fscrypt::policy::Context;
use extent_verify::fscrypt::policy::KeyName;
use extent_verify::fscrypt::policy::Mode;
use extent_verify::fscrypt::policy::Nonce;
use extent_verify::fscrypt::policy::Policy;
use extent_verify::manifest::format_line;
use extent_verify::manifest::Manifest;

const MASTER_KEY: [u8; 64] = [0x5a; 64];
const DESCRIPTOR: [u8; 8] = [0xde; 8];

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("extent-verify-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("can't run a tool that is needed");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// Compresses to about a third, which is too much to become inline.
fn text(lines: usize) -> Vec<u8> {
    (0..lines)
        .flat_map(|i| format!("{:x}\n", i.wrapping_mul(0x9e37_79b9_7f4a)).into_bytes())
        .collect()
}

/// A plain image with the directory `enc`, which `encrypt` is for, and one
/// file that stays as it is.
fn plain_image(scratch: &Scratch, options: &[&str]) -> PathBuf {
    let root = scratch.join("root");
    let enc = root.join("enc");
    fs::create_dir_all(enc.join("sub directory")).unwrap();
    fs::write(root.join("plain"), text(3000)).unwrap();
    fs::write(enc.join("text"), text(40_000)).unwrap();
    fs::write(enc.join("sub directory/short tail"), text(3001)).unwrap();
    fs::write(enc.join("sub directory/empty"), b"").unwrap();
    fs::write(enc.join("n".repeat(255)), text(2000)).unwrap();
    let mut sparse = vec![0; 1 << 20];
    sparse[500_000..550_000].fill(7);
    fs::write(enc.join("sparse"), &sparse).unwrap();
    std::os::unix::fs::symlink("a/target", enc.join("symlink")).unwrap();
    fs::hard_link(enc.join("text"), enc.join("sub directory/link")).unwrap();

    let image = scratch.join("image");
    fs::File::create(&image)
        .unwrap()
        .set_len(256 << 20)
        .unwrap();
    // Big leaves, as the editor splits none.
    run(Command::new("mkfs.btrfs")
        .args(["-q", "-n", "65536", "--rootdir"])
        .arg(&root)
        .args(options)
        .arg(&image));
    image
}

struct Encryptor {
    editor: Editor,
    fs: Filesystem,
    keys: Keyring,
    policy: Policy,
    nonces: u8,
}

impl Encryptor {
    fn nonce(&mut self) -> Nonce {
        self.nonces += 1;
        Nonce([self.nonces; 16])
    }

    fn replace(&self, old: Key, new: Key, body: Vec<u8>) {
        let tree = items::FS_TREE;
        self.editor.change(tree, old, Change::Delete).unwrap();
        self.editor.change(tree, new, Change::Insert(body)).unwrap();
    }

    fn ciphertext(&self, cipher: &Keyed, name: &[u8]) -> Vec<u8> {
        let mut name = name.to_vec();
        name.resize(self.policy.padded_len(name.len(), 255), 0);
        cipher.encrypt(0, &mut name).unwrap();
        name
    }

    fn inode(&mut self, ino: u64) {
        let nonce = self.nonce();
        let context = Context {
            policy: self.policy,
            nonce,
        };
        let tree = items::FS_TREE;
        let key = Key::new(ino, items::FSCRYPT_INODE_CTX, 0);
        let insert = Change::Insert(context.to_bytes());
        self.editor.change(tree, key, insert).unwrap();
        let key = Key::new(ino, items::INODE_ITEM, 0);
        let inode = self.fs.subvolumes[&tree].inode(ino).unwrap();
        let flags = inode.item.flags | InodeItem::ENCRYPT;
        let set = Change::Set(InodeItem::FLAGS_AT, flags.to_le_bytes().to_vec());
        self.editor.change(tree, key, set).unwrap();
        match inode.item.file_type {
            FileType::Regular => self.file(ino, nonce),
            FileType::Directory => self.directory(ino, &context),
            FileType::Symlink => self.symlink(ino, &context),
            FileType::Special(_) => unreachable!(),
        }
    }

    fn file(&mut self, ino: u64, inode_nonce: Nonce) {
        let extents: Vec<_> = self.fs.subvolumes[&items::FS_TREE]
            .tree
            .of(ino, items::EXTENT_DATA)
            .map(|(start, item)| (start, item.to_vec()))
            .collect();
        for (start, item) in extents {
            let FileExtent::Disk(extent) = FileExtent::parse(&item, 4096).unwrap() else {
                continue;
            };
            let nonce = self.nonce();
            let cipher = self.keys.extent_cipher(&self.policy, 4096, &nonce).unwrap();
            let mut data = self
                .editor
                .volume
                .read(extent.bytenr, extent.disk_len)
                .unwrap();
            let unit_size = self.policy.data_unit_size(4096) as usize;
            for (index, unit) in (0..).zip(data.chunks_mut(unit_size)) {
                cipher.encrypt(index, unit).unwrap();
            }
            self.editor.write_data(extent.bytenr, &data, false).unwrap();
            let place = self.policy.authenticated().then(|| {
                self.tag_blocks(&extent, &nonce, &data);
                self.place(&extent, start, nonce, inode_nonce)
            });
            let key = Key::new(ino, items::EXTENT_DATA, start);
            let item = FileExtent::encrypt_item(&item, &nonce, place.as_ref());
            self.replace(key, key, item);
        }
    }

    fn tag_blocks(&self, extent: &DiskExtent, nonce: &Nonce, data: &[u8]) {
        let keys = self.keys.tag_keys(&self.policy, 4096).unwrap();
        let tags: Vec<u8> = (0..)
            .zip(data.chunks(4096))
            .flat_map(|(index, block)| keys.block(block, nonce, index))
            .collect();
        let key = Key::new(items::TAG_OBJECTID, items::EXTENT_TAG, extent.bytenr);
        let insert = Change::Insert(tags);
        self.editor.change(items::CSUM_TREE, key, insert).unwrap();
    }

    fn place(&self, extent: &DiskExtent, start: u64, nonce: Nonce, inode: Nonce) -> StoredPlace {
        let keys = self.keys.tag_keys(&self.policy, 4096).unwrap();
        let window = (0, (extent.source_len() / 4096) as u32);
        StoredPlace {
            window,
            tag: keys.place(&extent.place_at(start, nonce, inode, window)),
        }
    }

    fn directory(&mut self, dir: u64, context: &Context) {
        let cipher = self.keys.name_cipher(context).unwrap();
        let tree = &self.fs.subvolumes[&items::FS_TREE].tree;
        for (index, item) in tree.of(dir, items::DIR_INDEX) {
            let entry = &DirEntry::parse_all(item).unwrap()[0];
            let name = self.ciphertext(&cipher, entry.name);
            let mut body = item[..30].to_vec();
            body[27..29].copy_from_slice(&(name.len() as u16).to_le_bytes());
            body[DirEntry::TYPE_AT] |= DirEntry::FT_ENCRYPTED;
            body.extend_from_slice(&name);
            let hash = |name| u64::from(items::name_hash(name));
            let key = Key::new(dir, items::DIR_INDEX, index);
            self.replace(key, key, body.clone());
            self.replace(
                Key::new(dir, items::DIR_ITEM, hash(entry.name)),
                Key::new(dir, items::DIR_ITEM, hash(&name)),
                body,
            );
            let mut name_ref = index.to_le_bytes().to_vec();
            name_ref.extend_from_slice(&(name.len() as u16).to_le_bytes());
            name_ref.extend_from_slice(&name);
            let key = Key::new(entry.location.objectid, items::INODE_REF, dir);
            self.replace(key, key, name_ref);
        }
    }

    fn symlink(&mut self, ino: u64, context: &Context) {
        let cipher = self.keys.name_cipher(context).unwrap();
        let target = self.ciphertext(&cipher, b"a/target");
        let key = Key::new(ino, items::EXTENT_DATA, 0);
        let old = self.fs.subvolumes[&items::FS_TREE].tree.get(key).unwrap();
        let size = target.len() as u64 + 2;
        let mut body = old[..21].to_vec();
        body[8..16].copy_from_slice(&size.to_le_bytes());
        body.extend_from_slice(&(target.len() as u16).to_le_bytes());
        body.extend_from_slice(&target);
        self.replace(key, key, body);
        let set = Change::Set(16, size.to_le_bytes().to_vec());
        let key = Key::new(ino, items::INODE_ITEM, 0);
        self.editor.change(items::FS_TREE, key, set).unwrap();
    }
}

fn policy(keys: &mut Keyring, v2: bool, contents: Mode, names: Mode, flags: u8) -> Policy {
    let key = if v2 {
        keys.add_v2(&MASTER_KEY).unwrap()
    } else {
        keys.add_v1(DESCRIPTOR, &MASTER_KEY);
        KeyName::Descriptor(DESCRIPTOR)
    };
    Policy {
        key,
        contents,
        names,
        flags,
        log2_data_unit_size: 0,
    }
}

fn inode_of(image: &Path, path: &str) -> u64 {
    let fs = Filesystem::open(&[image]).unwrap();
    let keys = Keyring::default();
    let walk = Walk::new(&fs, &keys);
    let entry = walk.entries.iter().find(|e| e.path == path.as_bytes());
    entry.unwrap().ino
}

/// Encrypts the directory `enc` with all that is in it.
fn encrypt(image: &Path, keys: Keyring, policy: Policy) -> Keyring {
    let fs = Filesystem::open(&[image]).unwrap();
    let inodes: std::collections::BTreeSet<u64> = Walk::new(&fs, &keys)
        .entries
        .iter()
        .filter(|e| e.path.starts_with(b"/enc"))
        .map(|e| e.ino)
        .collect();
    let editor = Editor::open(&[image]).unwrap();
    editor.set_incompat(56, true).unwrap();
    if policy.authenticated() {
        editor.set_incompat(57, true).unwrap();
    }
    let mut encryptor = Encryptor {
        editor,
        fs,
        keys,
        policy,
        nonces: 0,
    };
    for ino in inodes {
        encryptor.inode(ino);
    }
    encryptor.keys
}

/// The list of files, and all that the oracle objects to.
fn inspect(image: &Path, keys: &Keyring) -> (Vec<String>, Vec<String>) {
    let fs = Filesystem::open(&[image]).unwrap();
    let (mut problems, _) = Checks::run(&fs).into_results();
    let walk = Walk::new(&fs, keys);
    problems.extend(walk.problems.iter().cloned());
    problems.extend(fs.damage.iter().cloned());
    (walk.entries.iter().map(format_line).collect(), problems)
}

fn check_round_trip(name: &str, options: &[&str], make: impl Fn(&mut Keyring) -> Policy) {
    let scratch = Scratch::new(name);
    let image = plain_image(&scratch, options);
    let (before, problems) = inspect(&image, &Keyring::default());
    assert_eq!(problems, [""; 0]);

    let mut keys = Keyring::default();
    let policy = make(&mut keys);
    let keys = encrypt(&image, keys, policy);
    let (after, problems) = inspect(&image, &keys);
    assert_eq!(problems, [""; 0]);
    assert_eq!(after, before);

    let manifest = Manifest::parse(&before.join("\n")).unwrap();
    let fs = Filesystem::open(&[&image]).unwrap();
    let walk = Walk::new(&fs, &keys);
    assert_eq!(manifest.compare(&walk.entries), [""; 0]);
    let extracted = scratch.join("extracted");
    extract(&fs, &keys, &walk.entries, &extracted).unwrap();
    run(Command::new("diff")
        .args(["-r", "--no-dereference"])
        .arg(scratch.join("root"))
        .arg(extracted));

    // Without the key nothing of it shows, and all checks hold.
    let (locked, problems) = inspect(&image, &Keyring::default());
    assert_eq!(problems, [""; 0]);
    assert_eq!(locked.len(), before.len());
    let secret = ["text", "symlink", "sub directory", "empty"];
    let is_plain = |line: &String| secret.iter().any(|s| line.contains(s));
    assert!(!locked.iter().any(is_plain), "{locked:?}");
}

#[test]
fn aes_256_xts() {
    check_round_trip("xts", &[], |keys| {
        policy(keys, true, Mode::Aes256Xts, Mode::Aes256Cts, 3)
    });
}

#[test]
fn aes_256_xts_and_hctr2_with_zlib() {
    check_round_trip("hctr2", &["--compress", "zlib"], |keys| {
        policy(keys, true, Mode::Aes256Xts, Mode::Aes256Hctr2, 0)
    });
}

#[test]
fn aes_128_with_lzo_and_small_data_units() {
    check_round_trip("essiv", &["--compress", "lzo"], |keys| Policy {
        log2_data_unit_size: 9,
        ..policy(keys, true, Mode::Aes128CbcEssiv, Mode::Aes128Cts, 1)
    });
}

#[test]
fn sm4_with_zstd() {
    check_round_trip("sm4", &["--compress", "zstd"], |keys| {
        policy(keys, true, Mode::Sm4Xts, Mode::Sm4Cts, 2)
    });
}

#[test]
fn adiantum_on_two_copies() {
    check_round_trip("adiantum", &["-d", "dup"], |keys| {
        policy(keys, true, Mode::Adiantum, Mode::Adiantum, 0)
    });
}

#[test]
fn direct_key() {
    check_round_trip("direct", &[], |keys| {
        let flags = Policy::DIRECT_KEY;
        policy(keys, true, Mode::Adiantum, Mode::Adiantum, flags)
    });
}

#[test]
fn v1() {
    check_round_trip("v1", &[], |keys| {
        policy(keys, false, Mode::Aes256Xts, Mode::Aes256Cts, 0)
    });
}

#[test]
fn v1_direct_key() {
    check_round_trip("v1-direct", &[], |keys| {
        let flags = Policy::DIRECT_KEY;
        policy(keys, false, Mode::Adiantum, Mode::Adiantum, flags)
    });
}

#[test]
fn authenticated() {
    check_round_trip("authenticated", &[], |keys| {
        let flags = Policy::AUTHENTICATED;
        policy(keys, true, Mode::Aes256Xts, Mode::Aes256Cts, flags)
    });
}

#[test]
fn authenticated_with_zstd_and_small_data_units() {
    check_round_trip("authenticated-zstd", &["--compress", "zstd"], |keys| {
        let flags = Policy::AUTHENTICATED | 2;
        Policy {
            log2_data_unit_size: 9,
            ..policy(keys, true, Mode::Adiantum, Mode::Adiantum, flags)
        }
    });
}

type Edit<'a> = Box<dyn Fn(&Editor) -> extent_verify::Result<()> + 'a>;

/// Makes each edit on a copy of an image that is right; what it says must be found then.
fn expect_found(scratch: &Scratch, good: &Path, keys: &Keyring, cases: Vec<(&str, Edit<'_>)>) {
    for (number, (wanted, edit)) in cases.into_iter().enumerate() {
        let bad = scratch.join("bad");
        run(Command::new("cp")
            .arg("--sparse=always")
            .arg(good)
            .arg(&bad));
        assert_eq!(inspect(&bad, keys).1, [""; 0]);
        edit(&Editor::open(&[&bad]).unwrap()).unwrap();
        let (_, problems) = inspect(&bad, keys);
        assert!(
            problems.iter().any(|p| p.contains(wanted)),
            "case {number}: {wanted:?} is not in {problems:?}"
        );
    }
}

/// What the oracle must object to, and how it is made.
#[test]
fn every_violation_is_found() {
    let scratch = Scratch::new("violations");
    let good = plain_image(&scratch, &["-d", "dup"]);
    let [dir, text, tail, empty, symlink, plain] = [
        "/enc",
        "/enc/text",
        "/enc/sub directory/short tail",
        "/enc/sub directory/empty",
        "/enc/symlink",
        "/plain",
    ]
    .map(|path| inode_of(&good, path));
    let mut keys = Keyring::default();
    let policy = policy(&mut keys, true, Mode::Aes256Xts, Mode::Aes256Cts, 0);
    let keys = encrypt(&good, keys, policy);

    let extent = |ino| Key::new(ino, items::EXTENT_DATA, 0);
    let inode = |ino| Key::new(ino, items::INODE_ITEM, 0);
    let context = |ino| Key::new(ino, items::FSCRYPT_INODE_CTX, 0);
    let set = |at, byte: u8| Change::Set(at, vec![byte]);
    let (dir_index, disk) = {
        let fs = Filesystem::open(&[&good]).unwrap();
        let tree = &fs.subvolumes[&items::FS_TREE].tree;
        let (index, _) = tree.of(dir, items::DIR_INDEX).next().unwrap();
        let FileExtent::Disk(disk) =
            FileExtent::parse(tree.get(extent(text)).unwrap(), 4096).unwrap()
        else {
            panic!("not on disk");
        };
        (Key::new(dir, items::DIR_INDEX, index), disk)
    };
    let plain_item = Editor::open(&[&good])
        .unwrap()
        .item(items::FS_TREE, extent(plain))
        .unwrap();

    let change = |key: Key, change: fn() -> Change| -> Edit<'_> {
        Box::new(move |editor| editor.change(items::FS_TREE, key, change()))
    };
    let cases: Vec<(&str, Edit<'_>)> = vec![
        (
            "context says 16 bytes and has 17",
            change(extent(text), || Change::Set(53, vec![16])),
        ),
        (
            "context says 17 bytes and has 16",
            change(extent(text), || Change::Resize(73)),
        ),
        (
            "context says 17 bytes and has 18",
            change(extent(text), || Change::Resize(75)),
        ),
        (
            "extent context version 2",
            change(extent(text), || Change::Set(57, vec![2])),
        ),
        (
            "context says 17 bytes and has 17",
            change(extent(text), || Change::Set(57, vec![3])),
        ),
        (
            "encryption type 2",
            change(extent(text), || Change::Set(17, vec![2])),
        ),
        (
            "inline extent with encryption",
            change(extent(symlink), || Change::Set(17, vec![1])),
        ),
        (
            "inline extent in an encrypted file",
            change(extent(empty), || Change::Insert(vec![0; 21])),
        ),
        (
            "plain extent in an encrypted file",
            Box::new(|editor| {
                let tree = items::FS_TREE;
                editor.change(tree, extent(empty), Change::Insert(plain_item.clone()))
            }),
        ),
        (
            "encrypted extent in a plain file",
            Box::new(|editor| {
                let tree = items::FS_TREE;
                editor.change(tree, extent(plain), Change::Delete)?;
                let item = FileExtent::encrypt_item(&plain_item, &Nonce([99; 16]), None);
                editor.change(tree, extent(plain), Change::Insert(item))
            }),
        ),
        (
            "has the encrypt flag but no context",
            change(context(text), || Change::Delete),
        ),
        (
            "has a context but not the encrypt flag",
            change(inode(text), || Change::Set(65, vec![0])),
        ),
        (
            "context at an offset other than 0",
            change(Key::new(text, items::FSCRYPT_INODE_CTX, 1), || {
                Change::Insert(vec![0; 40])
            }),
        ),
        (
            "context of 39 bytes",
            change(context(text), || Change::Resize(39)),
        ),
        (
            "context version 3",
            change(context(text), || Change::Set(0, vec![3])),
        ),
        (
            "has another policy",
            change(context(text), || Change::Set(9, vec![0])),
        ),
        (
            "incompat bit is not set",
            Box::new(|editor| editor.set_incompat(56, false)),
        ),
        (
            "share the nonce",
            Box::new(|editor| {
                let item = editor.item(items::FS_TREE, extent(text))?;
                let nonce = item[58..].to_vec();
                editor.change(items::FS_TREE, extent(tail), Change::Set(58, nonce))
            }),
        ),
        (
            "no encrypted flag in an encrypted directory",
            Box::new(|editor| editor.change(items::FS_TREE, dir_index, set(DirEntry::TYPE_AT, 1))),
        ),
        (
            "not in the index by hash",
            Box::new(|editor| editor.change(items::FS_TREE, dir_index, set(30, 0))),
        ),
        (
            "copy 1, does not match its checksum",
            Box::new(|editor| {
                let volume = &editor.volume;
                let segment = &volume.segments(disk.bytenr, 4096, 1)?[0];
                let zeroes = [0; 4096];
                volume
                    .devices
                    .write(segment.devid, segment.physical, &zeroes)
            }),
        ),
        (
            "copy 1 of tree block",
            Box::new(|editor| {
                let volume = &editor.volume;
                let segment = &volume.segments(volume.sb.root, 4096, 1)?[0];
                let zeroes = [0; 4096];
                volume
                    .devices
                    .write(segment.devid, segment.physical, &zeroes)
            }),
        ),
        (
            "has no checksums",
            Box::new(|editor| {
                let fs = Filesystem::open(&[scratch.join("bad")])?;
                for (key, _) in fs.csum_tree.iter().skip(1) {
                    editor.change(items::CSUM_TREE, key, Change::Delete)?;
                }
                let (key, sums) = fs.csum_tree.iter().next().ok_or("no checksums")?;
                editor.change(items::CSUM_TREE, key, Change::Resize(sums.len() / 8 * 4))
            }),
        ),
    ];
    expect_found(&scratch, &good, &keys, cases);
}

/// What only whoever has the key can object to, and how it is made.
#[test]
fn every_forgery_is_found() {
    let scratch = Scratch::new("forgeries");
    let good = plain_image(&scratch, &["-d", "dup"]);
    let [text, tail, empty] = [
        "/enc/text",
        "/enc/sub directory/short tail",
        "/enc/sub directory/empty",
    ]
    .map(|path| inode_of(&good, path));
    let mut keys = Keyring::default();
    let flags = Policy::AUTHENTICATED;
    let policy = policy(&mut keys, true, Mode::Aes256Xts, Mode::Aes256Cts, flags);
    let keys = encrypt(&good, keys, policy);

    let extent = |ino, at| Key::new(ino, items::EXTENT_DATA, at);
    let context = |ino| Key::new(ino, items::FSCRYPT_INODE_CTX, 0);
    let disk = |ino| {
        let editor = Editor::open(&[&good]).unwrap();
        let item = editor.item(items::FS_TREE, extent(ino, 0)).unwrap();
        let FileExtent::Disk(disk) = FileExtent::parse(&item, 4096).unwrap() else {
            panic!("not on disk");
        };
        (item, disk)
    };
    let (item, first) = disk(text);
    let (_, second) = disk(tail);
    let tags = |disk: &DiskExtent| Key::new(items::TAG_OBJECTID, items::EXTENT_TAG, disk.bytenr);
    let (first_tags, second_tags) = (tags(&first), tags(&second));
    let read = |editor: &Editor, at| editor.volume.read(at, 4096);
    let swap_tags = |editor: &Editor, a: (Key, usize), b: (Key, usize)| {
        let tag = |(key, at): (Key, usize)| -> extent_verify::Result<_> {
            Ok(editor.item(items::CSUM_TREE, key)?[at..at + 16].to_vec())
        };
        let (tag_a, tag_b) = (tag(a)?, tag(b)?);
        editor.change(items::CSUM_TREE, a.0, Change::Set(a.1, tag_b))?;
        editor.change(items::CSUM_TREE, b.0, Change::Set(b.1, tag_a))
    };

    let set = |key: Key, at: usize, bytes: Vec<u8>| -> Edit<'_> {
        Box::new(move |editor| editor.change(items::FS_TREE, key, Change::Set(at, bytes.clone())))
    };
    let block_failed = "authentication of block";
    let place_failed = "authentication of the place";
    let cases: Vec<(&str, Edit<'_>)> = vec![
        (
            block_failed,
            Box::new(|editor| {
                let mut block = read(editor, first.bytenr)?;
                block[4095] ^= 1;
                editor.write_data(first.bytenr, &block, false)
            }),
        ),
        (
            block_failed,
            Box::new(|editor| {
                editor.change(items::CSUM_TREE, first_tags, Change::Set(3, vec![1, 2, 3]))
            }),
        ),
        (
            "has no tag",
            Box::new(|editor| editor.change(items::CSUM_TREE, second_tags, Change::Delete)),
        ),
        (
            "has no tag",
            Box::new(|editor| editor.change(items::CSUM_TREE, first_tags, Change::Resize(32))),
        ),
        (
            "tags of no authenticated extent",
            Box::new(|editor| {
                let orphan = Key::new(items::TAG_OBJECTID, items::EXTENT_TAG, 4096);
                editor.change(items::CSUM_TREE, orphan, Change::Insert(vec![0; 16]))
            }),
        ),
        (
            "malformed tags",
            Box::new(|editor| editor.change(items::CSUM_TREE, first_tags, Change::Resize(31))),
        ),
        // Blocks exchanged within an extent, and with those of another
        (
            block_failed,
            Box::new(|editor| {
                let (a, b) = (first.bytenr, first.bytenr + 4096);
                let blocks = (read(editor, a)?, read(editor, b)?);
                editor.write_data(a, &blocks.1, false)?;
                editor.write_data(b, &blocks.0, false)?;
                swap_tags(editor, (first_tags, 0), (first_tags, 16))
            }),
        ),
        (
            block_failed,
            Box::new(|editor| {
                let (a, b) = (first.bytenr, second.bytenr);
                let blocks = (read(editor, a)?, read(editor, b)?);
                editor.write_data(a, &blocks.1, false)?;
                editor.write_data(b, &blocks.0, false)?;
                swap_tags(editor, (first_tags, 0), (second_tags, 0))
            }),
        ),
        // An extent elsewhere in its file, and in another file
        (
            place_failed,
            Box::new(|editor| {
                let tree = items::FS_TREE;
                editor.change(tree, extent(text, 0), Change::Delete)?;
                editor.change(tree, extent(text, 4096), Change::Insert(item.clone()))
            }),
        ),
        (
            place_failed,
            Box::new(|editor| {
                let tree = items::FS_TREE;
                let size = Change::Set(16, 4096u64.to_le_bytes().to_vec());
                editor.change(tree, Key::new(empty, items::INODE_ITEM, 0), size)?;
                editor.change(tree, extent(empty, 0), Change::Insert(item.clone()))
            }),
        ),
        // The same, preallocated
        (
            place_failed,
            Box::new(|editor| {
                let mut prealloc = item.clone();
                prealloc[20] = 2;
                editor.change(items::FS_TREE, extent(empty, 0), Change::Insert(prealloc))
            }),
        ),
        // A window that is wider, one that is too narrow, and another nonce
        (place_failed, set(extent(text, 0), 78, vec![0xff])),
        (place_failed, set(extent(text, 0), 74, vec![1])),
        ("may be shown", set(extent(text, 0), 74, vec![1])),
        (place_failed, set(extent(text, 0), 58, vec![0xff])),
        (place_failed, set(extent(text, 0), 90, vec![0, 0])),
        // Contents that aren't authenticated, in a file that is, and the reverse
        (
            "extent without a place",
            Box::new(|editor| {
                let key = extent(text, 0);
                editor.change(items::FS_TREE, key, Change::Resize(74))?;
                editor.change(items::FS_TREE, key, Change::Set(53, vec![17, 0, 0, 0, 1]))
            }),
        ),
        (
            "authenticated extent in a file that is not",
            set(context(text), 3, vec![0]),
        ),
        // Another mode and other data units are another key.
        (place_failed, set(context(text), 1, vec![7])),
        (place_failed, set(context(text), 4, vec![9])),
        (
            "AUTHENTICATED needs a v2 policy",
            set(context(text), 3, vec![0x84]),
        ),
        (
            "the incompat bit is not set",
            Box::new(|editor| editor.set_incompat(57, false)),
        ),
    ];
    expect_found(&scratch, &good, &keys, cases);
}

/// The lengths and the compression of a compressed extent are those that it was written with.
#[test]
fn lengths_of_compressed_extents_are_bound() {
    let scratch = Scratch::new("lengths");
    let image = plain_image(&scratch, &["--compress", "zstd"]);
    let text = inode_of(&image, "/enc/text");
    let mut keys = Keyring::default();
    let flags = Policy::AUTHENTICATED;
    let policy = policy(&mut keys, true, Mode::Aes256Xts, Mode::Aes256Cts, flags);
    let keys = encrypt(&image, keys, policy);
    let key = Key::new(text, items::EXTENT_DATA, 0);
    let editor = Editor::open(&[&image]).unwrap();
    let good = editor.item(items::FS_TREE, key).unwrap();
    // ram_bytes, compression, disk_num_bytes
    for (at, byte) in [(9, good[9] ^ 0x10), (16, 1), (30, good[30] ^ 0x10)] {
        let set = |byte| Change::Set(at, vec![byte]);
        editor.change(items::FS_TREE, key, set(byte)).unwrap();
        let (_, problems) = inspect(&image, &keys);
        assert!(
            problems
                .iter()
                .any(|p| p.contains("authentication of the place")),
            "byte {at}: {problems:?}"
        );
        editor.change(items::FS_TREE, key, set(good[at])).unwrap();
    }
    assert_eq!(inspect(&image, &keys).1, [""; 0]);
}

/// Random damage below valid checksums: any result will do but a panic.
#[test]
fn hostile_items_do_not_panic() {
    for (name, flags) in [("hostile", 0), ("hostile-tags", Policy::AUTHENTICATED)] {
        do_not_panic(name, flags);
    }
}

fn do_not_panic(name: &str, flags: u8) {
    let scratch = Scratch::new(name);
    let image = plain_image(&scratch, &["--compress", "zlib"]);
    let mut keys = Keyring::default();
    let policy = policy(&mut keys, true, Mode::Aes256Xts, Mode::Aes256Cts, flags);
    let keys = encrypt(&image, keys, policy);
    let mut random = 1u64;
    let mut next = |limit: usize| {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (random >> 33) as usize % limit
    };
    let fs = Filesystem::open(&[&image]).unwrap();
    let chunk_root = fs.volume.chunk_root();
    let chunk_tree = Tree::read(&fs.volume, chunk_root).unwrap();
    let trees = [
        (items::ROOT_TREE, &fs.root_tree),
        (items::CHUNK_TREE, &chunk_tree),
        (items::FS_TREE, &fs.subvolumes[&items::FS_TREE].tree),
        (items::CSUM_TREE, &fs.csum_tree),
    ];
    for (id, tree) in trees {
        let items: Vec<_> = tree.iter().filter(|(_, item)| !item.is_empty()).collect();
        for _ in 0..60 {
            let editor = Editor::open(&[&image]).unwrap();
            let (key, old) = items[next(items.len())];
            let byte = [0, 1, 0x7f, 0x80, 0xff, next(256) as u8][next(6)];
            let change = match next(3) {
                0 => Change::Resize(next(old.len() + 8)),
                _ => Change::Set(next(old.len()), vec![byte]),
            };
            editor.change(id, key, change).unwrap();
            if let Ok(fs) = Filesystem::open(&[&image]) {
                Checks::run(&fs);
                Walk::new(&fs, &keys);
            }
            editor.change(id, key, Change::Resize(old.len())).unwrap();
            editor
                .change(id, key, Change::Set(0, old.to_vec()))
                .unwrap();
        }
    }
    assert_eq!(inspect(&image, &keys).1, [""; 0]);
}

#[test]
fn edits_that_do_not_fit_are_refused() {
    let scratch = Scratch::new("edits");
    let image = plain_image(&scratch, &[]);
    let before = fs::read(&image).unwrap();
    let editor = Editor::open(&[&image]).unwrap();
    let key = Key::new(256, items::INODE_ITEM, 0);
    let tree = items::FS_TREE;
    for change in [
        Change::Set(159, vec![0; 2]),
        Change::Resize(70_000),
        Change::Insert(vec![]),
    ] {
        assert!(editor.change(tree, key, change).is_err());
    }
    let absent = Key::new(256, items::FSCRYPT_INODE_CTX, 0);
    assert!(editor.change(tree, absent, Change::Delete).is_err());
    assert!(editor.change(1234u64, key, Change::Delete).is_err());
    assert!(fs::read(&image).unwrap() == before);
}
