// SPDX-License-Identifier: GPL-2.0-only

//! Makes bad images for tests: one edit, checksums right, all copies alike.

use std::path::PathBuf;
use std::process::ExitCode;

use extent_verify::btrfs::edit::Change;
use extent_verify::btrfs::edit::Editor;
use extent_verify::btrfs::tree::Key;
use extent_verify::hex;
use extent_verify::run_program;
use extent_verify::unhex;
use lexopt::Arg;
use lexopt::Parser;
use lexopt::ValueExt;

const USAGE: &str = "\
usage: corrupt-item --item TREE:OBJECTID:TYPE:OFFSET ACTION IMAGE...
       corrupt-item --set-incompat BIT | --clear-incompat BIT IMAGE...

Edits one item of an unmounted btrfs in place, or a bit of its superblocks.
Checksums are made right again, in all copies.  The numbers are decimal and may
be negative, as in btrfs's own definitions.  ACTION is one of

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
    let mut action = None;
    let mut images = Vec::new();
    let mut parser = Parser::from_env();
    while let Some(arg) = parser.next()? {
        let wanted = match arg {
            Arg::Long("item") => {
                item = Some(parse_item(&parser.value()?.string()?)?);
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
        action: action.ok_or("no action given; see --help")?,
        images,
    }))
}

fn run(options: Options) -> Result<(), Error> {
    let editor = Editor::open(&options.images)?;
    let item = || options.item.ok_or("the action needs --item");
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
