// SPDX-License-Identifier: GPL-2.0-only

//! Makes thousands of bad images: one change each, checksums right, all copies
//! alike, everything else as it was.

use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use extent_verify::btrfs::device::Overwritten;
use extent_verify::btrfs::edit::Editor;
use extent_verify::btrfs::mutation::Mutation;
use extent_verify::btrfs::mutation::Touched;
use extent_verify::btrfs::targets::Targets;
use extent_verify::hex;
use extent_verify::run_program;
use lexopt::Arg;
use lexopt::Parser;
use lexopt::ValueExt;

const USAGE: &str = "\
usage: hostile-images --seeds FIRST[-LAST] [--describe | --apply] IMAGE
       hostile-images --groups IMAGE

Each seed names a change of one item of an unmounted btrfs on one device, or of a
log tree if there is a log.  Prints a line for each seed, with tabs between

  the seed
  the group of items that it belongs to
  the change
  what may be different now: TREE:INODE, TREE:* or *, separated by spaces
  \"contents\" if files of these may have other contents, or \"errors\"
  what to write where: ADDRESS:HEX, separated by spaces

The image is as before afterwards, unless --apply leaves the change there.

  --describe  print only the first three
  --groups    print how many items each group has

The same seed is the same change in all images that were made in the same way.
To undo a change, write what was there before: a copy, or what this prints of the
changed image's addresses.";

type Error = lexopt::Error;

/// Bytes that are alike between two that aren't, and still written with them.
const GAP: usize = 8;

enum Output {
    Patch,
    Describe,
    Apply,
    Groups,
}

struct Options {
    first: u64,
    last: u64,
    output: Output,
    image: PathBuf,
}

fn parse_seeds(text: &str) -> Result<(u64, u64), Error> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("{text:?} is no range of seeds").into()),
    }
}

fn parse_options() -> Result<Option<Options>, Error> {
    let mut seeds = None;
    let mut output = Output::Patch;
    let mut image = None;
    let mut parser = Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("seeds") => seeds = Some(parse_seeds(&parser.value()?.string()?)?),
            Arg::Long("describe") => output = Output::Describe,
            Arg::Long("apply") => output = Output::Apply,
            Arg::Long("groups") => output = Output::Groups,
            Arg::Long("help") => return Ok(None),
            Arg::Value(path) if image.is_none() => image = Some(path.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    if matches!(output, Output::Groups) {
        seeds = Some((0, 0));
    }
    let (first, last) = seeds.ok_or("--seeds is missing; see --help")?;
    if matches!(output, Output::Apply) && first != last {
        return Err("--apply is for one seed".into());
    }
    Ok(Some(Options {
        first,
        last,
        output,
        image: image.ok_or("no image given")?,
    }))
}

/// Where two blocks differ, as address and new bytes.
fn differences(block: &Overwritten) -> Vec<(u64, &[u8])> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for at in 0..block.new.len() {
        if block.new[at] == block.old[at] {
            continue;
        }
        match ranges.last_mut() {
            Some((_, end)) if at <= *end + GAP => *end = at + 1,
            _ => ranges.push((at, at + 1)),
        }
    }
    ranges
        .into_iter()
        .map(|(start, end)| (block.physical + start as u64, &block.new[start..end]))
        .collect()
}

fn show_touched(touched: &Touched) -> String {
    let mut words = Vec::new();
    if touched.all {
        words.push("*".to_owned());
    }
    words.extend(touched.trees.iter().map(|tree| format!("{tree}:*")));
    words.extend(
        touched
            .inodes
            .iter()
            .map(|(tree, ino)| format!("{tree}:{ino}")),
    );
    words.join(" ")
}

fn print_patches(options: &Options, editor: &Editor, targets: &Targets) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    for seed in options.first..=options.last {
        let mutation = Mutation::apply(seed, targets, editor)?;
        let mut line = format!("{seed}\t{}\t{mutation}", mutation.group);
        let changed = editor.volume.devices.undo()?;
        if matches!(options.output, Output::Patch) {
            let touched = mutation.touched(targets);
            let contents = if touched.contents {
                "contents"
            } else {
                "errors"
            };
            let patch: Vec<_> = changed
                .iter()
                .flat_map(differences)
                .map(|(at, bytes)| format!("{at}:{}", hex(bytes)))
                .collect();
            line += &format!(
                "\t{}\t{contents}\t{}",
                show_touched(&touched),
                patch.join(" ")
            );
        }
        writeln!(out, "{line}").map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn run(options: Options) -> Result<(), Error> {
    let editor = Editor::open_with_log(&[Path::new(&options.image)])?;
    let targets = Targets::read(&editor.volume)?;
    match options.output {
        Output::Groups => {
            for (group, members) in &targets.groups {
                println!("{}\t{group}", members.len());
            }
        }
        Output::Apply => {
            let mutation = Mutation::apply(options.first, &targets, &editor)?;
            println!("{}\t{}\t{mutation}", options.first, mutation.group);
        }
        Output::Patch | Output::Describe => print_patches(&options, &editor, &targets)?,
    }
    Ok(())
}

fn main() -> ExitCode {
    run_program("hostile-images", USAGE, parse_options(), run)
}
