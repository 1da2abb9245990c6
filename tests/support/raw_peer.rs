//! A peer that shakes hands as it should, and after that does on its socket whatever a test wants.

use super::net::{LIMIT, identity};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use swarm_notify::connection::{Config, Connection, Environment, Fact, Input, Role, Scratch, Streams, noise, yamux};

/// Dials, and drives its connection by hand on a blocking socket.
pub(crate) struct RawPeer {
    pub(crate) socket: TcpStream,
    connection: Connection,
    is_open: bool,
}

impl RawPeer {
    #[track_caller]
    pub(crate) fn dial(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).unwrap())
    }

    /// The same on a socket that is connected.
    #[track_caller]
    pub(crate) fn on(socket: TcpStream) -> Self {
        Self::of(socket, 9)
    }

    /// The same with the identity of a number.
    #[track_caller]
    pub(crate) fn of(socket: TcpStream, number: u8) -> Self {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let noise = noise::Config::new(&identity(number), [9; 32], &[yamux::PROTOCOL_NAME]).unwrap();
        let connection =
            Connection::new(&noise, Role::Dialer, [8; 32], None, &Config::default(), Duration::ZERO).unwrap();
        Self { socket, connection, is_open: false }
    }

    /// Writes what is due, and reads once. Meant for a thread of its own: it blocks.
    pub(crate) fn shake_hands(mut self) -> Self {
        let (mut streams, mut scratch, config) = (Streams::new(), Scratch::new(), Config::default());
        let mut input = Input::new();
        while !self.is_open {
            let mut turn = Environment {
                streams: &mut streams,
                protocols: &[],
                config: &config,
                now: Duration::ZERO.into(),
                scratch: &mut scratch,
            };
            let mut out = Vec::new();
            self.connection.transmit(&mut out).unwrap();
            self.socket.write_all(&out).unwrap();
            let mut fact = self.connection.written(&mut turn);
            if fact.is_none() && out.is_empty() {
                self.connection.begin_input(&mut input);
                let n = self.socket.read(input.space()).unwrap();
                assert_ne!(n, 0, "it ended in the handshake");
                input.filled(n);
                fact = self.connection.receive(&mut input, &mut turn);
            }
            match fact {
                Some(Fact::ReadyToOpen) => self.is_open = self.connection.open(&config, Duration::ZERO).unwrap(),
                None => {}
                Some(other) => panic!("{other:?} in the handshake"),
            }
        }
        self
    }

    /// Reads until the other side ends or resets the connection, however much that is.
    pub(crate) fn read_to_the_end(&mut self) {
        match self.socket.read_to_end(&mut Vec::new()) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}
