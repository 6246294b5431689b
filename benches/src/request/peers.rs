//! Backend and client: this program again, told by a word what to be.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Result;

/// The word for [`backend`].
pub(crate) const BACKEND: &str = "backend";
/// The word for [`client`].
pub(crate) const CLIENT: &str = "client";

/// A child, spoken to in lines; its input ends, and so does it, when this is dropped.
pub(crate) struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        let own = std::env::current_exe()?;
        let piped = Stdio::piped;
        let mut child = Command::new(own).args(arguments).stdin(piped()).stdout(piped()).spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        Ok(Self { input: child.stdin.take(), output: BufReader::new(output), child })
    }

    pub(crate) fn tell(&mut self, number: u32) -> Result<()> {
        Ok(writeln!(self.input.as_mut().ok_or("no input")?, "{number}")?)
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Err("a peer ended early; it says why above".into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.wait().ok();
    }
}

/// Answers every request with 1 KiB until its input ends. Says its address.
pub(crate) fn backend() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut response = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n").into_bytes();
    response.resize(response.len() + BODY, b'x');
    let (mut buffer, mut filled) = ([0; 4096], 0);
    loop {
        let end = loop {
            if let Some(end) = end_of_head(&buffer[..filled]) {
                break end;
            }
            match stream.read(&mut buffer[filled..])? {
                0 => return Ok(()),
                read => filled += read,
            }
        };
        buffer.copy_within(end..filled, 0);
        filled -= end;
        stream.write_all(&response)?;
    }
}

/// For every number that it is told, sends that many requests over its connections, and says so when all are answered.
pub(crate) fn client(address: &str) -> Result<()> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        connections.push(stream);
    }
    for line in io::stdin().lines() {
        let requests: usize = line?.parse()?;
        for _ in 0..requests / CONNECTIONS {
            for connection in &mut connections {
                connection.write_all(REQUEST)?;
            }
            connections.iter_mut().try_for_each(expect_answer)?;
        }
        println!("done");
    }
    Ok(())
}

fn expect_answer(stream: &mut TcpStream) -> Result<()> {
    let (mut buffer, mut filled) = ([0; 4096], 0);
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        filled += read;
        let answer = &buffer[..filled];
        match end_of_head(answer) {
            Some(end) if filled == end + BODY => {
                let good = answer.starts_with(b"HTTP/1.1 200 ") && answer[end..] == [b'x'; BODY];
                return if good { Ok(()) } else { Err("a wrong answer".into()) };
            }
            _ if read == 0 => return Err("closed before the answer was whole".into()),
            _ => {}
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

const BODY: usize = 1024;
/// In use at once, each with one request at a time. A divisor of all loads.
const CONNECTIONS: usize = 8;
const REQUEST: &[u8] =
    b"GET /1024 HTTP/1.1\r\nhost: bench.example\r\nuser-agent: bench\r\naccept: */*\r\n\r\n";
