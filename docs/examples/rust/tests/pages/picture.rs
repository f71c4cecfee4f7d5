//! The pictures: columns of clients and a server, arrows between them.
//!
//! ```text
//!   client                                  server
//!     | -- PUBLISH qos=1 id=1 --------------> |
//!     | <--------------------- PUBACK id=1 -- |
//! ```
//!
//! The first word of an arrow's label is the packet's type; each other one is a word of the packet's line, or the value
//! of one: `"a"` for `topic="a"`.

use crate::page::{Block, Page};
use crate::recorder::{Connection, Packet, Recording};

struct Arrow {
    /// The column of the client.
    client: String,
    from_client: bool,
    label: String,
}

/// Each client's arrows are among its packets, in this order, in every recording.
pub(crate) fn check(page: &Page, recordings: &[Recording]) {
    let pictures = page.blocks().into_iter().filter(|block| block.details.is_none() && block.info == "text");
    let mut count = 0;
    for picture in pictures {
        let (clients, arrows) = read(&picture);
        assert!(!arrows.is_empty(), "{}: a picture without arrows:\n{}", page.name(), picture.text());
        for recording in recordings {
            for client in &clients {
                let connections = connections_of(recording, client, clients.len());
                check_client(page, recording, client, &connections, &arrows);
            }
        }
        count += 1;
    }
    assert!(count > 0, "{} has no picture", page.name());
}

fn check_client(
    page: &Page,
    recording: &Recording,
    client: &str,
    connections: &[&Connection],
    arrows: &[Arrow],
) {
    let mut packets = connections.iter().flat_map(|connection| &connection.packets);
    for arrow in arrows.iter().filter(|arrow| arrow.client == client) {
        if packets.any(|packet| arrow.shows(packet)) {
            continue;
        }
        panic!(
            "{}, {client}: no {} {} in its turn among the packets of\n{recording}",
            page.name(),
            if arrow.from_client { "->" } else { "<-" },
            arrow.label,
        );
    }
}

impl Arrow {
    fn shows(&self, packet: &Packet) -> bool {
        let mut words = self.label.split_whitespace();
        packet.from_client == self.from_client
            && packet.line.split(' ').next() == words.next()
            && words.all(|word| packet.words().any(|said| said == word))
    }
}

/// The connections with this client identifier. A picture of one client need not name it: then all of them.
fn connections_of<'a>(recording: &'a Recording, client: &str, clients: usize) -> Vec<&'a Connection> {
    let all = &recording.connections;
    let found: Vec<_> = all.iter().filter(|connection| connection.client_id() == client).collect();
    if found.is_empty() && clients == 1 {
        return all.iter().collect();
    }
    assert!(!found.is_empty(), "{}: nobody is {client:?}", recording.name);
    found
}

/// The names of the clients, and the arrows.
fn read(picture: &Block) -> (Vec<String>, Vec<Arrow>) {
    let columns: Vec<&str> = picture.lines.first().map(|line| line.split_whitespace().collect()).unwrap();
    let server = columns.iter().position(|column| *column == "server").expect("a column is the server's");
    let mut arrows = Vec::new();
    for line in picture.lines.iter().skip(1) {
        // Between the first two columns, between the next two, and so on.
        let between = line.split('|').skip(1).take(columns.len() - 1);
        for (left, text) in between.enumerate().map(|(left, text)| (left, text.trim())) {
            let (to_right, to_left) =
                (text.starts_with("--") && text.ends_with("->"), text.starts_with("<-"));
            if !to_right && !to_left {
                assert!(!text.contains(['<', '>']), "half an arrow: {line}");
                continue;
            }
            let is_left_of_server = left < server;
            let client = columns[if is_left_of_server { left } else { left + 1 }].to_owned();
            let label = text.trim_matches(['-', '<', '>', ' ']).to_owned();
            arrows.push(Arrow { client, from_client: to_right == is_left_of_server, label });
        }
    }
    let clients = columns.iter().filter(|column| **column != "server").map(|name| (*name).to_owned());
    (clients.collect(), arrows)
}
