//! Every number decided: where partitions lie, how large everything is, what it is called and in which order it is made.

pub mod table;
