//! Half-open streams: how long they may be silent, and who gives way.
