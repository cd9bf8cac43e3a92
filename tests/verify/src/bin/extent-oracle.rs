// SPDX-License-Identifier: GPL-2.0-only

//! Checks, lists and extracts an image without a kernel.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use extent_verify::btrfs::filesystem::Filesystem;
use extent_verify::btrfs::namespace::Walk;
use extent_verify::btrfs::namespace::LOCKED;
use extent_verify::checks::Checks;
use extent_verify::extract::extract;
use extent_verify::fscrypt::kdf::Keyring;
use extent_verify::manifest;
use extent_verify::manifest::Manifest;
use extent_verify::unhex;
use extent_verify::Result;
use lexopt::Arg;
use lexopt::Parser;
use lexopt::ValueExt;

const USAGE: &str = "\
usage: extent-oracle [OPTION]... IMAGE...

Reads the raw images of one unmounted btrfs, checks what per-extent encryption
requires of it, decrypts all that the keys fit, and prints a line for each
violation or difference.

  --key FILE               a master key for v2 policies, raw bytes
  --v1-key DESCRIPTOR:FILE a master key for v1 policies
  --list                   print a line for each file: SUBVOLUME TYPE SIZE SHA256 PATH
  --manifest FILE          compare with a list that manifest.py made
  --extract DIR            copy all that can be read to DIR, which must not exist
  --stats                  print counts

Exit status: 0 if all is right, 1 if not, 2 if the images can't be read at all.";

#[derive(Default)]
struct Options {
    keys: Keyring,
    list: bool,
    manifest: Option<Manifest>,
    extract: Option<PathBuf>,
    stats: bool,
    images: Vec<PathBuf>,
}

fn read<T>(path: &str, read: impl Fn(&str) -> io::Result<T>) -> Result<T> {
    read(path).map_err(|e| format!("{path}: {e}"))
}

fn parse_options() -> std::result::Result<Option<Options>, lexopt::Error> {
    let mut options = Options::default();
    let mut parser = Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("key") => {
                let path = parser.value()?.string()?;
                let key = read(&path, |p| fs::read(p))?;
                options
                    .keys
                    .add_v2(&key)
                    .map_err(|e| format!("{path}: {e}"))?;
            }
            Arg::Long("v1-key") => {
                let value = parser.value()?.string()?;
                let (name, path) = value
                    .split_once(':')
                    .ok_or("--v1-key takes DESCRIPTOR:FILE")?;
                let name = unhex(name)?
                    .try_into()
                    .map_err(|_| "a key descriptor has 16 hexadecimal digits")?;
                options.keys.add_v1(name, &read(path, |p| fs::read(p))?);
            }
            Arg::Long("list") => options.list = true,
            Arg::Long("manifest") => {
                let path = parser.value()?.string()?;
                let text = read(&path, |p| fs::read_to_string(p))?;
                let parsed = Manifest::parse(&text).map_err(|e| format!("{path}: {e}"))?;
                options.manifest = Some(parsed);
            }
            Arg::Long("extract") => options.extract = Some(parser.value()?.into()),
            Arg::Long("stats") => options.stats = true,
            Arg::Long("help") => return Ok(None),
            Arg::Value(image) => options.images.push(image.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    if options.images.is_empty() {
        return Err("no image given; see --help".into());
    }
    Ok(Some(options))
}

/// Returns the number of violations and differences.
fn run(options: &Options) -> Result<usize> {
    let fs = Filesystem::open(&options.images)?;
    if fs.volume.sb.log_root != 0 {
        eprintln!("extent-oracle: note: the filesystem has a log, which is not read");
    }
    let (given, all) = (fs.volume.devices.count(), fs.volume.sb.num_devices);
    if given as u64 != all {
        eprintln!("extent-oracle: note: only {given} of {all} devices were given");
    }
    let (violations, stats) = Checks::run(&fs).into_results();
    let walk = Walk::new(&fs, &options.keys);
    let differences = options
        .manifest
        .as_ref()
        .map(|m| m.compare(&walk.entries))
        .unwrap_or_default();

    let mut out = String::new();
    if options.list {
        for entry in &walk.entries {
            let line = manifest::format_line(entry);
            out += &format!("{} {line}\n", entry.subvolume.id);
        }
    }
    if options.stats {
        out += &stats.to_string();
    }
    // A bad item can be met by a check and again when it is read.
    let faults: BTreeSet<String> = [
        ("damage", &fs.damage),
        ("violation", &violations),
        ("violation", &walk.problems),
        ("difference", &differences),
    ]
    .iter()
    .flat_map(|(kind, lines)| lines.iter().map(move |line| format!("{kind}: {line}\n")))
    .collect();
    out.extend(faults.iter().map(String::as_str));
    io::stdout()
        .write_all(out.as_bytes())
        .map_err(|e| e.to_string())?;
    let locked = walk.entries.iter().filter(|e| e.hash == LOCKED).count();
    if locked > 0 {
        eprintln!("extent-oracle: note: {locked} files are locked: their key was not given");
    }
    if let Some(to) = &options.extract {
        extract(&fs, &options.keys, &walk.entries, to)?;
    }
    Ok(faults.len())
}

fn main() -> ExitCode {
    let result = match parse_options() {
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Some(options)) => run(&options),
        Err(e) => Err(e.to_string()),
    };
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(e) => {
            eprintln!("extent-oracle: {e}");
            ExitCode::from(2)
        }
    }
}
