//! The SQLite files of the home: opened by one process at a time, brought to the present layout, and set aside when they are
//! damaged. What stands in them is the business of the rooms that own them. Every function here blocks.

mod error;
mod open;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use open::{Kind, Opened, SetAside};
