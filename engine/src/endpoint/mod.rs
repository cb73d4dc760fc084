//! Pure: API dialects. Request body out; output, usage, finish and error in.
