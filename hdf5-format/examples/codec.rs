//! Encodes and decodes chunks on request, one filter at a time: the other side of `benches/codecs/`.
//!
//! A request on standard input, all integers little-endian: 1 byte `e` or `d`, 2 bytes filter id, 2 bytes number of
//! client data, 8 bytes limit of the output, 8 bytes length of the payload, the client data of 4 bytes each, the
//! payload. The answer on standard output: 1 byte (0 done, 1 error, 2 declined), 8 bytes nanoseconds, 8 bytes length,
//! the output or the error's text. Each request is done twice: the second time counts, with the caches filled.

use hdf5_format::filter::{FilterContext, Registry, Scratch};
use std::borrow::Cow;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::time::Instant;

struct Request {
    encode: bool,
    filter: u16,
    client_data: Vec<u32>,
    limit: usize,
    payload: Vec<u8>,
}

/// `None` at the end of the requests.
fn request(input: &mut impl Read) -> io::Result<Option<Request>> {
    let mut head = [0; 21];
    match input.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let number = |at: usize, len: usize| head[at..at + len].iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let mut words = vec![0; 4 * number(3, 2) as usize];
    input.read_exact(&mut words)?;
    let mut payload = vec![0; number(13, 8) as usize];
    input.read_exact(&mut payload)?;
    Ok(Some(Request {
        encode: head[0] == b'e',
        filter: number(1, 2) as u16,
        client_data: words.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect(),
        limit: number(5, 8) as usize,
        payload,
    }))
}

fn run<'a>(request: &'a Request, registry: &Registry, scratch: &mut Scratch) -> Result<Option<Cow<'a, [u8]>>, String> {
    let Request { encode, filter: id, client_data, limit, payload } = request;
    let filter = registry.get(*id).ok_or_else(|| format!("filter {id} is not in this build"))?;
    let limit = if *encode { filter.encoded_limit(payload.len(), client_data) } else { *limit };
    let mut context = FilterContext::new(*id, filter.name(), client_data, limit, scratch);
    let done = match encode {
        true => filter.encode(payload, &mut context).map(|stored| stored.map(Cow::Owned)),
        false => filter.decode(Cow::Borrowed(payload), &mut context).map(Some),
    };
    done.map_err(|error| error.to_string())
}

fn main() -> io::Result<()> {
    let registry = Registry::default();
    let mut scratch = Scratch::new();
    let mut input = BufReader::with_capacity(1 << 20, io::stdin().lock());
    let mut output = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    while let Some(request) = request(&mut input)? {
        if let Ok(Some(bytes)) = run(&request, &registry, &mut scratch) {
            scratch.recycle(bytes);
        }
        let start = Instant::now();
        let answer = run(&request, &registry, &mut scratch);
        let nanos = start.elapsed().as_nanos() as u64;
        let (status, bytes) = match answer {
            Ok(Some(bytes)) => (0, bytes),
            Ok(None) => (2, Cow::Borrowed(&[][..])),
            Err(text) => (1, Cow::Owned(text.into_bytes())),
        };
        output.write_all(&[status])?;
        output.write_all(&nanos.to_le_bytes())?;
        output.write_all(&(bytes.len() as u64).to_le_bytes())?;
        output.write_all(&bytes)?;
        output.flush()?;
        scratch.recycle(bytes);
    }
    Ok(())
}
