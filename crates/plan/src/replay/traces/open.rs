//! Opens a trace, packed or not, and reads no more of it than may be.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::study::files::FileFault;

/// Longest trace, unpacked: a week of production at a hundred requests a second.
const MOST_BYTES: u64 = 4 << 30;

/// A trace as text.
pub type Input = BufReader<Box<dyn Read>>;

/// Opens a file.
///
/// # Errors
/// No such file, a folder or device, unreadable.
pub fn open(path: &Path) -> Result<Input, FileFault> {
    let meta = std::fs::metadata(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => FileFault::new("there is no such file", "check the spelling of its path"),
        _ => FileFault::new(format!("cannot be opened: {e}"), ""),
    })?;
    if !meta.is_file() {
        return Err(FileFault::new("is not a regular file", "name a file"));
    }
    let file = File::open(path).map_err(|e| FileFault::new(format!("cannot be opened: {e}"), ""))?;
    let mut packed = BufReader::new(file);
    let head = packed.fill_buf().map_err(|e| unreadable(&e))?;
    let plain: Box<dyn Read> =
        if head.starts_with(&[0x1f, 0x8b]) { Box::new(MultiGzDecoder::new(packed)) } else { Box::new(packed) };
    Ok(BufReader::with_capacity(1 << 16, Box::new(plain.take(MOST_BYTES))))
}

/// Whether the first sign that is no blank opens a JSON object.
///
/// # Errors
/// What cannot be read or unpacked.
pub fn starts_object(input: &mut Input) -> Result<bool, FileFault> {
    let head = input.fill_buf().map_err(|e| unreadable(&e))?;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    Ok(head.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{'))
}

/// The fault of a file that cannot be read.
pub fn unreadable(error: &std::io::Error) -> FileFault {
    match error.kind() {
        ErrorKind::InvalidData => FileFault::new("is not UTF-8 text", "save it as UTF-8"),
        ErrorKind::UnexpectedEof | ErrorKind::InvalidInput => {
            FileFault::new(format!("cannot be unpacked: {error}"), "fetch it again")
        }
        _ => FileFault::new(format!("cannot be read: {error}"), ""),
    }
}
