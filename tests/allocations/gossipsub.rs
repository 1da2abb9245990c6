//! What the mesh router takes of the heap: nothing in a heartbeat, and little for a peer in a topic.

use crate::ALLOCATOR;
use crate::support::gossipsub_crowd::Crowd;
use stats_alloc::Region;

/// A heartbeat of 1 000 peers in 50 topics, whose meshes are full and which has no message to gossip about. Buffers have grown by
/// the sixtieth, which grafts opportunistically.
pub(crate) fn a_heartbeat_allocates_nothing() {
    let mut crowd = Crowd::new(1_000, 50);
    (0..61).for_each(|_| crowd.beat());
    let region = Region::new(ALLOCATOR);
    (0..100).for_each(|_| crowd.beat());
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0));
    assert!(crowd.mesh_sizes().all(|size| (5..=12).contains(&size)));
}

/// Of the router. The set of a topic's subscribers, which the service keeps, is counted beside it.
pub(crate) fn a_peer_in_a_topic_takes_at_most_300_bytes() {
    const PEERS: u32 = 1_000;
    let mut crowd = Crowd::new(PEERS, 10);
    let region = Region::new(ALLOCATOR);
    let name = crowd.add_topic("one more");
    let of_service = held(&region) / PEERS as usize;
    crowd.join(&name);
    let whole = held(&region) / PEERS as usize;
    println!("a peer in a topic takes {whole} bytes, {of_service} of them in the set of subscribers");
    assert!(whole <= 300, "{whole}");
}

fn held(region: &Region<'_, std::alloc::System>) -> usize {
    let change = region.change();
    change.bytes_allocated - change.bytes_deallocated
}
