//! The log through the door of the room.
