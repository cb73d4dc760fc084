//! Pure leaf: bytes ↔ events. No clock, no sockets, no allocation on the path of a token.
