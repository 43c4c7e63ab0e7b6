//! What a caller meets: text to checked plan, plan to steps, and the dry run of the whole way.

pub mod condition;
pub mod entrance;
pub mod expect;
pub mod facts;
pub mod fault;
pub mod graph;
pub mod holidays;
pub mod hours;
mod judge;
pub mod keys;
pub mod load;
pub mod menu;
pub mod number;
pub mod outgoing;
pub mod plan;
pub mod read;
pub mod route;
pub mod run;
pub mod safety;
pub mod schema;
pub mod webhook;

pub use facts::{Caller, Facts};
pub use fault::{Fault, Place};
pub use load::{Catalogue, load};
pub use number::Number;
pub use plan::Plan;
pub use run::{Instruction, Run};
