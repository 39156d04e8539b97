//! What a stranger on the socket can do, and cannot.
