//! A ServiceNow of our own on loopback: answers what the test scripted, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub target: String,
    pub authorization: String,
    pub body: String,
}

/// What to answer: a status and a body.
pub type Answer = (u16, String);

pub struct Desk {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Desk {
    /// Answers each request by what `answer` makes of it.
    pub fn open(answer: impl Fn(&Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                serve(connection.unwrap(), &kept, &answer);
            }
        });
        Self { url, asked }
    }

    /// The usual one: nothing is known, and what is posted becomes INC0000042.
    pub fn empty() -> Self {
        Self::open(|asked| match asked.method.as_str() {
            "GET" => (200, r#"{"result":[]}"#.to_owned()),
            _ => (201, r#"{"result":{"number":"INC0000042"}}"#.to_owned()),
        })
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn methods(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.method).collect()
    }
}

/// One request, one answer, one connection. The location matters only to who follows redirects.
fn serve(stream: TcpStream, kept: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Answer) {
    let mut reader = BufReader::new(&stream);
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let mut words = first.split_whitespace().map(str::to_owned);
    let mut asked = Asked {
        method: words.next().unwrap(),
        target: words.next().unwrap(),
        authorization: String::new(),
        body: String::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => asked.authorization = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    asked.body = String::from_utf8(body).unwrap();
    let (status, text) = answer(&asked);
    kept.lock().unwrap().push(asked);
    let head = format!(
        "HTTP/1.1 {status} Said\r\nlocation: /login.do\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    // Who finds the answer too long hangs up before its end.
    let _ = (&stream).write_all((head + &text).as_bytes());
}
