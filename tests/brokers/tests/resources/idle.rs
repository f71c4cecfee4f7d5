//! What a connection costs that nothing passes on.

use polymqtt::{Client, Version};
use polymqtt_broker_tests::{Mosquitto, bounded, options};

use crate::held::{Held, alone};

const CONNECTIONS: usize = 200;

/// Of the heap, for an idle connection: with room for what an allocator or a release of a dependency may add.
const BYTES: usize = 24 * 1024;

#[test]
fn an_idle_connection_holds_a_socket_a_task_and_little_memory() {
    alone(bounded("idle", async {
        let broker = Mosquitto::start("");
        let connect = async || Client::connect(options(&broker.url(), Version::V5)).await.unwrap();
        // What the process keeps from its first connection on is not counted.
        connect().await.disconnect().await.unwrap();
        let before = Held::now();
        let mut clients = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let client = connect().await;
            // Big enough for buffers to grow, both ways.
            let mut stream = client.subscribe("a").await.unwrap();
            client.publish("a", vec![0; 50_000]).await.unwrap();
            stream.recv().await.unwrap();
            stream.unsubscribe().await.unwrap();
            clients.push(client);
        }
        let idle = Held::now();
        let each = (idle.bytes - before.bytes) / CONNECTIONS;
        println!("{each} bytes each");
        assert_eq!((idle.files - before.files, idle.tasks - before.tasks), (CONNECTIONS, CONNECTIONS));
        assert!(each <= BYTES, "{each} bytes each");
        for client in &clients {
            client.disconnect().await.unwrap();
        }
        drop(clients);
        Held::now().is_no_more_than(before, "after all have disconnected");
    }));
}
