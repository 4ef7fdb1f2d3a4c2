//! The names of the parts of a variable: members of structures and elements of arrays.

use gimli::{AttributeValue, DebuggingInformationEntry, Operation, Reader, UnitOffset, UnitRef};

use super::dwarf::DwarfReader;

type Dwarf = gimli::Dwarf<DwarfReader>;
type Unit<'a> = UnitRef<'a, DwarfReader>;
type Entry = DebuggingInformationEntry<DwarfReader>;

/// The largest number of types within each other.
const DEEPEST: usize = 32;

/// Returns the part of a variable that begins at an address, such as `.finished` or `[3].flag`;
/// empty for a variable without parts, and `None` if the type is not known or has no one name for
/// it, as unions and bit-fields have.
pub(super) fn part(dwarf: &Dwarf, variable: u64, address: u64) -> Option<String> {
    let offset = address.checked_sub(variable)?;
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let Ok(unit) = dwarf.unit(header) else {
            continue;
        };
        let unit = unit.unit_ref(dwarf);
        let mut entries = unit.entries();
        while let Ok(Some(entry)) = entries.next_dfs() {
            if entry.tag() == gimli::DW_TAG_variable && is_at(unit, entry, variable) {
                return within(unit, kind(unit, entry)?, offset);
            }
        }
    }
    None
}

/// Returns true if a variable has a fixed address, which is this one.
fn is_at(unit: Unit<'_>, entry: &Entry, address: u64) -> bool {
    let Some(AttributeValue::Exprloc(place)) = entry.attr_value(gimli::DW_AT_location) else {
        return false;
    };
    let first = place.operations(unit.encoding()).next();
    matches!(first, Ok(Some(Operation::Address { address: it })) if it == address)
}

/// Returns the type of a variable, a member or a type that adds to another one.
fn kind(unit: Unit<'_>, entry: &Entry) -> Option<UnitOffset> {
    let reference = |entry: &Entry, name| match entry.attr_value(name)? {
        AttributeValue::UnitRef(offset) => Some(offset),
        _ => None,
    };
    if let Some(kind) = reference(entry, gimli::DW_AT_type) {
        return Some(kind);
    }
    let declared = reference(entry, gimli::DW_AT_specification)
        .or_else(|| reference(entry, gimli::DW_AT_abstract_origin))?;
    reference(&unit.entry(declared).ok()?, gimli::DW_AT_type)
}

fn within(unit: Unit<'_>, mut kind_of: UnitOffset, mut offset: u64) -> Option<String> {
    let mut path = String::new();
    for _ in 0..DEEPEST {
        let entry = unit.entry(kind_of).ok()?;
        match entry.tag() {
            tag if is_other_name(tag) => {}
            gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type => {
                let member = member(unit, kind_of, offset)?;
                if let Some(name) = member.name {
                    path += &format!(".{name}");
                }
                offset -= member.start;
                kind_of = member.kind;
                continue;
            }
            gimli::DW_TAG_array_type => {
                let element = size(unit, kind(unit, &entry)?)?;
                let index = offset.checked_div(element)?;
                path += &indices(&counts(unit, kind_of)?, index)?;
                offset %= element;
            }
            gimli::DW_TAG_union_type => return None,
            _ => return (offset == 0).then_some(path),
        }
        kind_of = kind(unit, &entry)?;
    }
    None
}

/// Returns true for a type that only names another one.
fn is_other_name(tag: gimli::DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_typedef
            | gimli::DW_TAG_const_type
            | gimli::DW_TAG_volatile_type
            | gimli::DW_TAG_restrict_type
            | gimli::DW_TAG_atomic_type
    )
}

struct Member {
    /// `None` for a base class and for a structure without a name.
    name: Option<String>,
    start: u64,
    kind: UnitOffset,
}

/// Returns the member of a structure that has the byte at an offset.
fn member(unit: Unit<'_>, structure: UnitOffset, offset: u64) -> Option<Member> {
    let mut tree = unit.entries_tree(Some(structure)).ok()?;
    let mut children = tree.root().ok()?.children();
    while let Ok(Some(child)) = children.next() {
        let entry = child.entry();
        let is_member = matches!(
            entry.tag(),
            gimli::DW_TAG_member | gimli::DW_TAG_inheritance
        );
        // A static member has no place in the structure.
        if !is_member || entry.attr_value(gimli::DW_AT_external).is_some() {
            continue;
        }
        let start = entry.attr_value(gimli::DW_AT_data_member_location);
        let start = start.map_or(Some(0), |it| it.udata_value())?;
        let kind = kind(unit, entry)?;
        if !(start..start.checked_add(size(unit, kind)?)?).contains(&offset) {
            continue;
        }
        if entry.attr_value(gimli::DW_AT_bit_size).is_some() {
            return None;
        }
        return Some(Member {
            name: name(unit, entry),
            start,
            kind,
        });
    }
    None
}

fn name(unit: Unit<'_>, entry: &Entry) -> Option<String> {
    if entry.tag() == gimli::DW_TAG_inheritance {
        return None;
    }
    let name = unit
        .attr_string(entry.attr_value(gimli::DW_AT_name)?)
        .ok()?;
    Some(name.to_string_lossy().ok()?.into_owned())
}

/// Returns the size of a type in bytes.
fn size(unit: Unit<'_>, mut kind_of: UnitOffset) -> Option<u64> {
    let mut elements = 1_u64;
    for _ in 0..DEEPEST {
        let entry = unit.entry(kind_of).ok()?;
        if let Some(size) = entry.attr_value(gimli::DW_AT_byte_size) {
            return elements.checked_mul(size.udata_value()?);
        }
        match entry.tag() {
            tag if is_other_name(tag) => {}
            gimli::DW_TAG_array_type => {
                for count in counts(unit, kind_of)? {
                    elements = elements.checked_mul(count)?;
                }
            }
            gimli::DW_TAG_pointer_type | gimli::DW_TAG_reference_type => {
                return elements.checked_mul(unit.encoding().address_size.into());
            }
            _ => return None,
        }
        kind_of = kind(unit, &entry)?;
    }
    None
}

/// Returns the number of elements in each dimension of an array.
fn counts(unit: Unit<'_>, array: UnitOffset) -> Option<Vec<u64>> {
    let mut counts = Vec::new();
    let mut tree = unit.entries_tree(Some(array)).ok()?;
    let mut children = tree.root().ok()?.children();
    while let Ok(Some(child)) = children.next() {
        let entry = child.entry();
        if entry.tag() == gimli::DW_TAG_subrange_type {
            let number = |name| entry.attr_value(name)?.udata_value();
            let last = || number(gimli::DW_AT_upper_bound)?.checked_add(1);
            counts.push(number(gimli::DW_AT_count).or_else(last)?);
        }
    }
    Some(counts)
}

/// Returns the indices of an element, such as `[1][3]`.
fn indices(counts: &[u64], mut index: u64) -> Option<String> {
    let mut text = String::new();
    for count in counts.iter().rev() {
        text.insert_str(0, &format!("[{}]", index.checked_rem(*count)?));
        index /= count;
    }
    (index == 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debug::recorded::program;

    #[test]
    fn the_members_of_a_structure_have_names() {
        for variant in ["faults-O0.elf", "faults-Os.elf"] {
            let programs = program(variant);
            let job = programs.all[0].mark("job").unwrap();
            let place = |offset| programs.place(programs.all[0].entry, job + offset).unwrap();
            assert_eq!(place(0), "job.id");
            assert_eq!(place(4), "job.finished");
            assert_eq!(place(1), "job+1");
        }
    }

    #[test]
    fn indices_count_the_last_dimension_first() {
        for (counts, index, expected) in [
            (&[4][..], 3, Some("[3]")),
            (&[2, 3], 5, Some("[1][2]")),
            (&[4], 4, None),
            (&[0], 0, None),
        ] {
            assert_eq!(indices(counts, index).as_deref(), expected, "{counts:?}");
        }
    }
}
