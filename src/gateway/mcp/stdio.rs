//! Our own stdin and stdout as streams. Clients give us pipes or sockets; both can be read and written by the runtime
//! itself, which saves a thread and two task switches a message. Files and terminals go through tokio's threads.

use std::io;

use tokio::io::AsyncRead;

use crate::wire::{LineReader, LineWriter};

/// Both directions of one client.
#[derive(Debug)]
pub struct Streams {
    /// What the client writes.
    pub reader: LineReader<Box<dyn Reads>>,
    /// What the client reads.
    pub writer: LineWriter,
}

/// Anything that can be read.
pub trait Reads: AsyncRead + Send + Unpin + std::fmt::Debug {}

impl<T: AsyncRead + Send + Unpin + std::fmt::Debug> Reads for T {}

/// Takes stdin and stdout. Must be called once, on a runtime.
///
/// # Errors
/// When the system does not let us have them.
pub fn stdio(line_bytes_max: usize, waiting_bytes_max: usize) -> io::Result<Streams> {
    Ok(Streams { reader: LineReader::new(stdin()?, line_bytes_max), writer: stdout(waiting_bytes_max)? })
}

/// The same over descriptors that somebody else handed to us; each must be a pipe or a socket, since they are made
/// non-blocking for all who hold them.
///
/// # Errors
/// When one is neither, or the runtime does not take it.
#[cfg(unix)]
pub fn streams_over(
    input: std::os::fd::OwnedFd,
    output: std::os::fd::OwnedFd,
    line_bytes_max: usize,
    waiting_bytes_max: usize,
) -> io::Result<Streams> {
    let input: Box<dyn Reads> = match kind(&input) {
        Kind::Pipe => Box::new(tokio::net::unix::pipe::Receiver::from_owned_fd(input)?),
        Kind::Socket => Box::new(socket(input)?),
        Kind::Other => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let writer = match kind(&output) {
        Kind::Pipe => LineWriter::to_pipe(tokio::net::unix::pipe::Sender::from_owned_fd(output)?, waiting_bytes_max),
        Kind::Socket => LineWriter::to_socket(socket(output)?, waiting_bytes_max),
        Kind::Other => return Err(io::ErrorKind::InvalidInput.into()),
    };
    Ok(Streams { reader: LineReader::new(input, line_bytes_max), writer })
}

#[cfg(unix)]
fn stdin() -> io::Result<Box<dyn Reads>> {
    use std::os::fd::AsFd;
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(match kind(&stdin) {
        Kind::Pipe => Box::new(tokio::net::unix::pipe::Receiver::from_owned_fd(stdin)?),
        Kind::Socket => Box::new(socket(stdin)?),
        Kind::Other => Box::new(tokio::io::stdin()),
    })
}

#[cfg(unix)]
fn stdout(waiting_bytes_max: usize) -> io::Result<LineWriter> {
    use std::os::fd::AsFd;
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(match kind(&stdout) {
        Kind::Pipe => LineWriter::to_pipe(tokio::net::unix::pipe::Sender::from_owned_fd(stdout)?, waiting_bytes_max),
        Kind::Socket => LineWriter::to_socket(socket(stdout)?, waiting_bytes_max),
        Kind::Other => LineWriter::to_stream(tokio::io::stdout(), waiting_bytes_max),
    })
}

#[cfg(unix)]
enum Kind {
    Pipe,
    Socket,
    Other,
}

#[cfg(unix)]
fn kind(stream: &std::os::fd::OwnedFd) -> Kind {
    use rustix::fs::FileType;
    match rustix::fs::fstat(stream).map(|about| FileType::from_raw_mode(about.st_mode)) {
        Ok(FileType::Fifo) => Kind::Pipe,
        Ok(FileType::Socket) => Kind::Socket,
        _ => Kind::Other,
    }
}

#[cfg(unix)]
fn socket(stream: std::os::fd::OwnedFd) -> io::Result<tokio::net::UnixStream> {
    let stream = std::os::unix::net::UnixStream::from(stream);
    stream.set_nonblocking(true)?;
    tokio::net::UnixStream::from_std(stream)
}

#[cfg(not(unix))]
fn stdin() -> io::Result<Box<dyn Reads>> {
    Ok(Box::new(tokio::io::stdin()))
}

#[cfg(not(unix))]
fn stdout(waiting_bytes_max: usize) -> io::Result<LineWriter> {
    Ok(LineWriter::to_stream(tokio::io::stdout(), waiting_bytes_max))
}
