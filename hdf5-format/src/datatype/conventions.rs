//! How h5py and NumPy store types that HDF5 has no class for.

use crate::format::message::datatype::{Class, Datatype};

/// True for h5py's boolean: an enumeration of one byte with exactly FALSE = 0 and TRUE = 1.
pub fn is_bool(datatype: &Datatype) -> bool {
    let Class::Enum { members, .. } = &datatype.class else { return false };
    let has = |name: &[u8], number: u8| members.iter().any(|(n, value)| n == name && value == &[number]);
    datatype.size == 1 && members.len() == 2 && has(b"FALSE", 0) && has(b"TRUE", 1)
}

/// True for h5py's complex number: a compound of two equal IEEE floats `r` and `i`, without gaps.
pub fn is_complex(datatype: &Datatype) -> bool {
    let Class::Compound { members } = &datatype.class else { return false };
    let [real, imaginary] = members.as_slice() else { return false };
    let half = real.datatype.size;
    real.name == b"r"
        && imaginary.name == b"i"
        && real.datatype == imaginary.datatype
        && real.datatype.ieee_bits().is_some()
        && (real.offset, imaginary.offset) == (0, half)
        && half.checked_mul(2) == Some(datatype.size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datatype::bits::tests::{float, int};
    use crate::format::message::datatype::Member;
    use alloc::boxed::Box;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn knows_booleans() {
        let with = |members: &[(&str, u8)], base: Datatype| {
            let members = members.iter().map(|(n, v)| (n.as_bytes().to_vec(), vec![*v])).collect();
            Datatype { version: 1, size: base.size, class: Class::Enum { base: Box::new(base), members } }
        };
        assert!(is_bool(&with(&[("FALSE", 0), ("TRUE", 1)], int(1, true))));
        assert!(is_bool(&with(&[("TRUE", 1), ("FALSE", 0)], int(1, false))));
        assert!(!is_bool(&with(&[("FALSE", 1), ("TRUE", 0)], int(1, true))));
        assert!(!is_bool(&with(&[("FALSE", 0), ("TRUE", 1), ("NULL", 2)], int(1, true))));
        assert!(!is_bool(&int(1, true)));
    }

    #[test]
    fn knows_complex_numbers() {
        let with = |names: [&str; 2], types: [Datatype; 2], at: u32, size: u32| {
            let member = |(name, datatype): (&str, Datatype), offset| Member {
                name: name.as_bytes().to_vec(),
                offset,
                datatype,
            };
            let pairs: Vec<_> = names.into_iter().zip(types).zip([0, at]).map(|(p, at)| member(p, at)).collect();
            Datatype { version: 1, size, class: Class::Compound { members: pairs } }
        };
        assert!(is_complex(&with(["r", "i"], [float(8), float(8)], 8, 16)));
        assert!(!is_complex(&with(["r", "i"], [float(8), float(8)], 8, 24)));
        assert!(!is_complex(&with(["i", "r"], [float(8), float(8)], 8, 16)));
        assert!(!is_complex(&with(["r", "i"], [float(4), float(8)], 8, 16)));
        assert!(!is_complex(&with(["r", "i"], [int(4, true), int(4, true)], 4, 8)));
    }
}
