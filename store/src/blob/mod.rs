//! A message's bytes as they are stored: frames, compressed or not.
