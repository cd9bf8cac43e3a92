// SPDX-License-Identifier: GPL-2.0-only

//! Makes bad images for tests: one edit, checksums right, all copies alike.

use std::path::PathBuf;
use std::process::ExitCode;

use extent_verify::btrfs::edit::Change;
use extent_verify::btrfs::edit::Editor;
use extent_verify::btrfs::tree::Key;
use extent_verify::btrfs::volume::TreeId;
use extent_verify::hex;
use extent_verify::run_program;
use extent_verify::unhex;
use lexopt::Arg;
use lexopt::Parser;
use lexopt::ValueExt;

const USAGE: &str = "\
usage: corrupt-item --item TREE:OBJECTID:TYPE:OFFSET [--log] ACTION IMAGE...
       corrupt-item --data LOGICAL [--no-sum | --mirror N] --show | --set AT:HEX IMAGE...
       corrupt-item --set-incompat BIT | --clear-incompat BIT IMAGE...

Edits one item of an unmounted btrfs in place, or a block of data, or a bit of its
superblocks.  Checksums are made right again, in all copies; data must have one in the
csum tree, but with --no-sum.  With --mirror, only copy N, from 0, is changed, and the
last 4 bytes of the block with it, so that its checksum stays.  The numbers are decimal
and may be negative, as in btrfs's own definitions.  With --log, the item is in the log
of the tree.  ACTION is one of

  --show            print the item's body in hexadecimal
  --set AT:HEX      overwrite bytes, from the ATth of the body on
  --resize SIZE     cut the body, or fill it up with zeroes
  --insert HEX      add an item with this body
  --delete          remove the item";

type Error = lexopt::Error;

enum Action {
    Show,
    Change(Change),
    Incompat(u32, bool),
}

struct Options {
    item: Option<(u64, Key)>,
    log: bool,
    data: Option<u64>,
    no_sum: bool,
    mirror: Option<usize>,
    action: Action,
    images: Vec<PathBuf>,
}

/// Reads a number that is written as u64 or as i64.
fn number(text: &str) -> Result<u64, Error> {
    text.parse()
        .or_else(|_| text.parse::<i64>().map(|n| n as u64))
        .map_err(|_| format!("{text:?} is not a number").into())
}

fn parse_item(text: &str) -> Result<(u64, Key), Error> {
    let fields = text.split(':').map(number).collect::<Result<Vec<_>, _>>()?;
    match fields[..] {
        [tree, objectid, kind, offset] => {
            let kind = u8::try_from(kind).map_err(|_| "an item type is at most 255")?;
            Ok((tree, Key::new(objectid, kind, offset)))
        }
        _ => Err("--item takes TREE:OBJECTID:TYPE:OFFSET".into()),
    }
}

fn parse_options() -> Result<Option<Options>, Error> {
    let mut item = None;
    let mut log = false;
    let mut data = None;
    let mut no_sum = false;
    let mut mirror = None;
    let mut action = None;
    let mut images = Vec::new();
    let mut parser = Parser::from_env();
    while let Some(arg) = parser.next()? {
        let wanted = match arg {
            Arg::Long("item") => {
                item = Some(parse_item(&parser.value()?.string()?)?);
                continue;
            }
            Arg::Long("log") => {
                log = true;
                continue;
            }
            Arg::Long("data") => {
                data = Some(parser.value()?.parse()?);
                continue;
            }
            Arg::Long("no-sum") => {
                no_sum = true;
                continue;
            }
            Arg::Long("mirror") => {
                mirror = Some(parser.value()?.parse()?);
                continue;
            }
            Arg::Value(image) => {
                images.push(image.into());
                continue;
            }
            Arg::Long("help") => return Ok(None),
            Arg::Long("show") => Action::Show,
            Arg::Long("delete") => Action::Change(Change::Delete),
            Arg::Long("resize") => Action::Change(Change::Resize(parser.value()?.parse()?)),
            Arg::Long("insert") => {
                Action::Change(Change::Insert(unhex(&parser.value()?.string()?)?))
            }
            Arg::Long("set") => {
                let value = parser.value()?.string()?;
                let (at, bytes) = value.split_once(':').ok_or("--set takes AT:HEX")?;
                Action::Change(Change::Set(number(at)? as usize, unhex(bytes)?))
            }
            Arg::Long("set-incompat") => Action::Incompat(parser.value()?.parse()?, true),
            Arg::Long("clear-incompat") => Action::Incompat(parser.value()?.parse()?, false),
            _ => return Err(arg.unexpected()),
        };
        if action.replace(wanted).is_some() {
            return Err("only one action at a time".into());
        }
    }
    Ok(Some(Options {
        item,
        log,
        data,
        no_sum,
        mirror,
        action: action.ok_or("no action given; see --help")?,
        images,
    }))
}

fn edit_data(editor: &Editor, logical: u64, options: &Options) -> Result<(), Error> {
    let volume = &editor.volume;
    let len = volume.sectorsize();
    let mut block = match options.mirror {
        None => volume.read(logical, len)?,
        Some(mirror) => volume.read_mirror(logical, len, mirror)?,
    };
    match &options.action {
        Action::Show => println!("{}", hex(&block)),
        Action::Change(Change::Set(at, bytes)) => {
            let room = block
                .get_mut(*at..)
                .and_then(|room| room.get_mut(..bytes.len()));
            room.ok_or("a block has no room for that")?
                .copy_from_slice(bytes);
            match options.mirror {
                Some(mirror) => editor.write_mirror_with_checksum(logical, &mut block, mirror)?,
                None => editor.write_data(logical, &block, options.no_sum)?,
            }
        }
        _ => return Err("--data takes --show or --set".into()),
    }
    Ok(())
}

fn run(options: Options) -> Result<(), Error> {
    let editor = match options.log {
        true => Editor::open_with_log(&options.images)?,
        false => Editor::open(&options.images)?,
    };
    let item = || -> Result<_, Error> {
        let (tree, key) = options.item.ok_or("the action needs --item")?;
        Ok(match options.log {
            true => (TreeId::Log(tree), key),
            false => (TreeId::Tree(tree), key),
        })
    };
    if let Some(logical) = options.data {
        return edit_data(&editor, logical, &options);
    }
    match options.action {
        Action::Incompat(bit, on) => editor.set_incompat(bit, on)?,
        Action::Show => {
            let (tree, key) = item()?;
            println!("{}", hex(&editor.item(tree, key)?));
        }
        Action::Change(change) => {
            let (tree, key) = item()?;
            editor.change(tree, key, change)?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    run_program("corrupt-item", USAGE, parse_options(), run)
}
