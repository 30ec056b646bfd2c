//! A plan in words, data and pictures.
