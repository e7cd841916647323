//! A renderer.
