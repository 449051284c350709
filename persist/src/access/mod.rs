//! Values that stay in their file, are read when they are called for, or are written later.

mod delayed;
mod lazy;
mod on_demand;
mod slot;
#[cfg(test)]
mod tests;
mod view;

pub use delayed::Delayed;
pub use lazy::Lazy;
pub use on_demand::OnDemand;
pub use slot::Slot;
pub use view::ArrayView;
pub(crate) use view::Shared;
