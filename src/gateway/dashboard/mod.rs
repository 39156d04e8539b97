//! The dashboard: what `ui/` was built into, held in this program, and the answers that a browser gets of it. It knows no verb
//! and no server: all that its pages show they ask from the network API, with the rights of whoever looks at them. It never
//! says anything that a stranger may not read.

mod answer;
mod assets;

#[cfg(test)]
mod tests;

pub use answer::answer;
