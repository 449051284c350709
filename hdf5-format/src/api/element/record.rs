//! What `#[derive(H5Type)]` builds on: compounds member by member, enumerations name by name.

use super::{Conversion, Load, PlainField, Sink, Source, Store, mismatch, short};
use crate::codec::{Sizes, to_usize};
use crate::datatype::odd;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, Class, Datatype, Member};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The members of a compound, as a struct sees them.
pub struct Record<'a> {
    datatype: &'a Datatype,
    members: &'a [Member],
    owner: &'static str,
    how: Conversion,
}

/// A member of a compound and how its values are loaded or stored.
pub struct Field<P> {
    name: &'static str,
    at: usize,
    size: usize,
    plan: P,
}

impl<'a> Record<'a> {
    /// The compound that `owner` is stored as.
    ///
    /// # Errors
    /// It is no compound.
    pub fn new(datatype: &'a Datatype, owner: &'static str, how: Conversion) -> Result<Self> {
        match &datatype.class {
            Class::Compound { members } => Ok(Record { datatype, members, owner, how }),
            _ => Err(mismatch(&format!("a compound for {owner}"), datatype)),
        }
    }

    fn find(&self, name: &str) -> Option<&'a Member> {
        self.members.iter().find(|m| m.name == name.as_bytes())
    }

    fn missing(&self, name: &str, wanted: &str) -> Error {
        let message = format!("{}: no member {name:?} ({wanted}) in {}", self.owner, self.datatype);
        Error::new(ErrorKind::TypeMismatch, message)
            .with_hint("rename the field with #[h5(rename = \"...\")], or give it a default")
    }

    fn field<P>(&self, name: &'static str, member: &Member, plan: Result<P>) -> Result<Field<P>> {
        let plan = plan.map_err(|e| e.prefixed(format!("{}.{name}", self.owner)))?;
        Ok(Field { name, at: to_usize(member.offset.into())?, size: member.datatype.size(), plan })
    }

    /// The member that a field is loaded from.
    ///
    /// # Errors
    /// There is none of this name, or it is of another kind.
    pub fn load<T: Load>(&self, name: &'static str) -> Result<Field<T::Plan>> {
        let member = self.find(name).ok_or_else(|| self.missing(name, T::EXPECTED))?;
        self.field(name, member, T::plan(&member.datatype, self.how))
    }

    /// The member that a field is loaded from, if there is one.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn load_if_there<T: Load>(&self, name: &'static str) -> Result<Option<Field<T::Plan>>> {
        self.find(name).map(|_| self.load::<T>(name)).transpose()
    }

    /// The member that a field is stored in.
    ///
    /// # Errors
    /// There is none of this name, or it is of another kind.
    pub fn store<T: Store>(&self, name: &'static str) -> Result<Field<T::Plan>> {
        let member = self.find(name).ok_or_else(|| self.missing(name, "to be stored"))?;
        self.field(name, member, T::plan(&member.datatype, self.how))
    }

    /// The same, after a check that there is a field for every member.
    ///
    /// # Errors
    /// A member would not be written.
    pub fn to_store(self, names: &[&str]) -> Result<Self> {
        match self.members.iter().find(|m| !names.iter().any(|n| n.as_bytes() == m.name)) {
            None => Ok(self),
            Some(member) => {
                let name = crate::api::group::shown(&member.name);
                let message = format!("{}: no field for the member {name:?} of {}", self.owner, self.datatype);
                Err(Error::new(ErrorKind::TypeMismatch, message))
            }
        }
    }
}

impl<P> Field<P> {
    /// The field's value in an element.
    ///
    /// # Errors
    /// It does not fit, or a heap is damaged.
    #[inline]
    pub fn load<T: Load<Plan = P>>(&self, element: &[u8], source: &mut Source<'_>) -> Result<T> {
        let stored = element.get(self.at..).and_then(|e| e.get(..self.size)).ok_or_else(short)?;
        T::load(&self.plan, stored, source).map_err(|e| self.named(e))
    }

    /// What loads the field, if its member is the machine's value byte for byte.
    pub fn plain<T: Load<Plan = P>>(&self) -> Option<PlainField<T::Plain>> {
        Some(PlainField::new(self.at, T::plain(&self.plan)?))
    }

    /// Appends the field's values in whole elements of `row` bytes; `scratch` is memory to work in.
    ///
    /// # Errors
    /// As [`load`](Field::load).
    pub fn load_column<T: Load<Plan = P>>(
        &self,
        rows: &[u8],
        row: usize,
        source: &mut Source<'_>,
        scratch: &mut Vec<u8>,
        values: &mut Vec<T>,
    ) -> Result<()> {
        scratch.clear();
        super::gather(rows, row, self.at, self.size, scratch);
        T::load_into(&self.plan, self.size, scratch, source, values)
    }

    /// Stores the field's value in an element.
    ///
    /// # Errors
    /// It does not fit, or the heap is full.
    #[inline]
    pub fn store<T: Store<Plan = P> + ?Sized>(&self, value: &T, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        let place = out.get_mut(self.at..).and_then(|e| e.get_mut(..self.size)).ok_or_else(short)?;
        value.store(&self.plan, place, sink).map_err(|e| self.named(e))
    }

    #[cold]
    fn named(&self, error: Error) -> Error {
        error.prefixed(format!("field {}", self.name))
    }
}

/// Puts the datatype of a struct together.
pub struct RecordBuilder {
    sizes: Sizes,
    members: Vec<(String, Datatype)>,
}

impl RecordBuilder {
    /// No members yet.
    pub fn new(sizes: Sizes) -> Self {
        RecordBuilder { sizes, members: Vec::new() }
    }

    /// A member for a field.
    #[must_use]
    pub fn field<T: Store>(mut self, name: &str) -> Self {
        self.members.push((name.to_string(), T::datatype(self.sizes)));
        self
    }

    /// The compound: members one after the other, without gaps.
    pub fn finish(self) -> Datatype {
        Datatype::compound(self.members)
    }
}

/// How an enumeration's numbers and a Rust enum's variants become each other.
pub struct Enumeration {
    owner: &'static str,
    datatype: Datatype,
    /// Stored numbers in ascending order, and the positions of their variants.
    loads: Vec<(i128, usize)>,
    /// The stored element of each variant that there is one for.
    stores: Vec<Option<Vec<u8>>>,
}

impl Enumeration {
    /// The datatype of variants with these numbers; in the smallest integers that hold them unless `repr` says otherwise:
    /// bytes and whether they are signed.
    pub fn datatype(variants: &[(&'static str, i128)], repr: Option<(u8, bool)>) -> Datatype {
        let fits = |&(bytes, signed): &(u8, bool)| {
            let base = Datatype::integer(bytes, signed, ByteOrder::LittleEndian);
            variants.iter().all(|&(_, number)| element(&base, number).is_some())
        };
        let choices = [(1, true), (1, false), (2, true), (2, false), (4, true), (4, false), (8, true), (8, false)];
        let (bytes, signed) = repr.or_else(|| choices.into_iter().find(fits)).unwrap_or((16, true));
        let order = if cfg!(target_endian = "big") { ByteOrder::BigEndian } else { ByteOrder::LittleEndian };
        let base = Datatype::integer(bytes, signed, order);
        let members: Vec<_> = variants
            .iter()
            .filter_map(|&(name, number)| Some((name.as_bytes().to_vec(), element(&base, number)?)))
            .collect();
        Datatype::enumeration(base, members)
    }

    /// How elements of a datatype and variants become each other: by name where the datatype has names, else by number.
    ///
    /// # Errors
    /// The datatype is neither an enumeration nor of integers, or has other numbers for the names.
    pub fn new(datatype: &Datatype, owner: &'static str, variants: &[(&'static str, i128)]) -> Result<Self> {
        let mut loads = Vec::new();
        let mut stores = alloc::vec![None; variants.len()];
        match &datatype.class {
            Class::Enum { base, members } => {
                for (name, stored) in members {
                    let Some(at) = variants.iter().position(|(n, _)| n.as_bytes() == name) else { continue };
                    let found = crate::datatype::bits::integer(base, stored);
                    let wanted = variants.get(at).map(|(_, number)| *number);
                    if found != wanted {
                        let name = crate::api::group::shown(name);
                        let (found, wanted) = (found.unwrap_or(0), wanted.unwrap_or(0));
                        let message = format!("{owner}::{name} is {wanted}, but {found} in {datatype}");
                        return Err(
                            Error::new(ErrorKind::TypeMismatch, message).with_hint("give the variant that number")
                        );
                    }
                    loads.extend(found.map(|number| (number, at)));
                    if let Some(slot) = stores.get_mut(at) {
                        *slot = Some(stored.clone());
                    }
                }
            }
            Class::FixedPoint { .. } => {
                for (at, (&(_, number), slot)) in variants.iter().zip(&mut stores).enumerate() {
                    loads.push((number, at));
                    *slot = element(datatype, number);
                }
            }
            _ => return Err(mismatch(&format!("an enumeration for {owner}"), datatype)),
        }
        loads.sort_unstable();
        Ok(Enumeration { owner, datatype: datatype.clone(), loads, stores })
    }

    /// The position of an element's variant.
    ///
    /// # Errors
    /// There is none with its number.
    pub fn load(&self, element: &[u8]) -> Result<usize> {
        let number = crate::datatype::bits::integer(&self.datatype, element);
        let found = number.and_then(|n| self.loads.binary_search_by_key(&n, |&(n, _)| n).ok());
        found.and_then(|i| self.loads.get(i)).map(|&(_, at)| at).ok_or_else(|| {
            let number = number.unwrap_or(0);
            let name = match &self.datatype.class {
                Class::Enum { base, members } => members
                    .iter()
                    .find(|(_, stored)| crate::datatype::bits::integer(base, stored) == Some(number))
                    .map(|(name, _)| format!(" ({})", crate::api::group::shown(name))),
                _ => None,
            };
            let message = format!("{number}{} is no {}", name.unwrap_or_default(), self.owner);
            Error::new(ErrorKind::TypeMismatch, message)
        })
    }

    /// Stores the variant at a position.
    ///
    /// # Errors
    /// The datatype has nothing for it.
    pub fn store(&self, at: usize, name: &str, out: &mut [u8]) -> Result<()> {
        let stored = self.stores.get(at).and_then(Option::as_ref).ok_or_else(|| {
            let message = format!("{}::{name} is not in {}", self.owner, self.datatype);
            Error::new(ErrorKind::TypeMismatch, message)
        })?;
        super::put(out, 0, stored)
    }
}

/// A number as an element of an integer type, if it fits.
fn element(base: &Datatype, number: i128) -> Option<Vec<u8>> {
    let mut out = alloc::vec![0; base.size()];
    odd::Scalar::Integer(number).store(base, Conversion::Exact, &mut out).map(|()| out)
}
