//! Where elements point at what lies outside of them: values of variable length, and references.

use crate::codec::to_usize;
use crate::error::Result;
use crate::format::message::datatype::{Class, Datatype, ReferenceKind};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The pointers in one element of a datatype, worked out once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointers(Vec<Pointer>);

/// One pointer, or an array of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pointer {
    /// First byte within the element.
    at: usize,
    /// Bytes of the pointer, or of one element of the array.
    size: usize,
    target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Leaf(Leaf),
    /// So many elements, each with pointers.
    Array(usize, Pointers),
}

/// What a pointer points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Elements in the global heap.
    Vlen {
        /// Bytes of one of them.
        element: usize,
        /// The pointers in one of them.
        inner: Box<Pointers>,
    },
    /// An object, or a part of it.
    Reference(ReferenceKind),
}

impl Pointers {
    /// The pointers in elements of a datatype.
    ///
    /// # Errors
    /// An offset does not fit memory.
    pub fn of(datatype: &Datatype) -> Result<Self> {
        let mut found = Vec::new();
        let leaf = |leaf| Pointer { at: 0, size: datatype.size(), target: Target::Leaf(leaf) };
        match &datatype.class {
            Class::Compound { members } => {
                for member in members {
                    let offset = to_usize(member.offset.into())?;
                    let inner = Pointers::of(&member.datatype)?;
                    found.extend(inner.0.into_iter().map(|p| Pointer { at: p.at.saturating_add(offset), ..p }));
                }
            }
            Class::Array { base, .. } => {
                let inner = Pointers::of(base)?;
                if !inner.is_empty() {
                    let count = datatype.size().checked_div(base.size()).unwrap_or(0);
                    found.push(Pointer { at: 0, size: base.size(), target: Target::Array(count, inner) });
                }
            }
            Class::Vlen { base, .. } => {
                let inner = Box::new(Pointers::of(base)?);
                found.push(leaf(Leaf::Vlen { element: base.size(), inner }));
            }
            Class::Reference { kind } => found.push(leaf(Leaf::Reference(*kind))),
            _ => {}
        }
        Ok(Pointers(found))
    }

    /// True if elements are all there is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if elements, or what they point at, hold references.
    pub fn has_references(&self) -> bool {
        self.0.iter().any(|pointer| match &pointer.target {
            Target::Leaf(Leaf::Reference(_)) => true,
            Target::Leaf(Leaf::Vlen { inner, .. }) => inner.has_references(),
            Target::Array(_, inner) => inner.has_references(),
        })
    }

    /// Shows every pointer of an element: what it points at and its bytes.
    ///
    /// # Errors
    /// `visit` fails.
    pub fn each(&self, element: &mut [u8], visit: &mut dyn FnMut(&Leaf, &mut [u8]) -> Result<()>) -> Result<()> {
        for pointer in &self.0 {
            let Some(bytes) = element.get_mut(pointer.at..) else { continue };
            match &pointer.target {
                Target::Leaf(leaf) => {
                    if let Some(bytes) = bytes.get_mut(..pointer.size) {
                        visit(leaf, bytes)?;
                    }
                }
                Target::Array(count, inner) => {
                    for element in bytes.chunks_exact_mut(pointer.size.max(1)).take(*count) {
                        inner.each(element, visit)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Shows every pointer of elements of `size` bytes.
    ///
    /// # Errors
    /// `visit` fails.
    pub fn each_of(
        &self,
        elements: &mut [u8],
        size: usize,
        visit: &mut dyn FnMut(&Leaf, &mut [u8]) -> Result<()>,
    ) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        elements.chunks_exact_mut(size.max(1)).try_for_each(|element| self.each(element, visit))
    }
}
