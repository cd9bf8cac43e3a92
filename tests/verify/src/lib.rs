// SPDX-License-Identifier: GPL-2.0-only

//! An offline oracle for per-extent fscrypt on btrfs.
//!
//! Reads the raw images of an unmounted filesystem, derives every key from the
//! master keys and the contexts that the filesystem stores, and reproduces
//! names, symlink targets and contents.  Nothing here is shared with the kernel
//! or its module: both can only agree by following the same format, which is
//! described in Documentation/.
//!
//! An image is untrusted.  Every function that reads one returns an error, a
//! line for a person, instead of panicking.

use std::process::ExitCode;

pub mod btrfs;
pub mod checks;
pub mod extract;
pub mod fscrypt;
pub mod manifest;

/// The error is one line that says what is wrong with the image or the keys.
pub type Result<T> = std::result::Result<T, String>;

/// What `main` does: runs a program with its options, or prints its usage if these ask for it.
pub fn run_program<T>(
    name: &str,
    usage: &str,
    options: std::result::Result<Option<T>, lexopt::Error>,
    run: impl FnOnce(T) -> std::result::Result<(), lexopt::Error>,
) -> ExitCode {
    let result = options.and_then(|options| match options {
        Some(options) => run(options),
        None => {
            println!("{usage}");
            Ok(())
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{name}: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Writes `bytes` as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        digits += &format!("{byte:02x}");
    }
    digits
}

/// Reads hexadecimal digits, two for each byte.
pub fn unhex(digits: &str) -> Result<Vec<u8>> {
    if digits.len() % 2 != 0 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!("{digits:?} is not a string of hexadecimal bytes"));
    }
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).map_err(|e| e.to_string()))
        .collect()
}
