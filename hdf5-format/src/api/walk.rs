//! All objects below a group.

use super::glob::Glob;
use super::group::{Group, LinkKind, Member};
use super::object::Object;
use crate::codec::Address;
use crate::error::Result;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

/// The objects below a group, each once: see [`Group::walk`].
pub struct Walk {
    /// Links still to be visited, the next one last, and the groups that they are of.
    open: Vec<(Group, Vec<Result<Member>>)>,
    seen: BTreeSet<Address>,
}

impl Group {
    /// All objects below the group by hard links, each once and before what is below it, in the order of names. What can
    /// not be opened is an error in its place and hides nothing else.
    ///
    /// ```
    /// # fn main() -> hdf5_format::Result<()> {
    /// # let file = hdf5_format::CreateOptions::new().create_in(hdf5_format::io::MemoryFile::new(Vec::new()))?;
    /// file.create_group("a")?.create_dataset("x", 1)?;
    /// let paths: Vec<_> = file.root()?.walk().map(|o| Ok(o?.info().path().to_owned())).collect::<hdf5_format::Result<_>>()?;
    /// assert_eq!(paths, ["/a", "/a/x"]);
    /// # Ok(()) }
    /// ```
    pub fn walk(&self) -> Walk {
        let seen = BTreeSet::from([self.address()]);
        Walk { open: alloc::vec![level(self.clone())], seen }
    }

    /// The objects below the group whose path from here matches a pattern: `*` and `?` within a name, `**` for any number
    /// of groups, `[a-z]`, `{one,other}`.
    ///
    /// Only the group that the pattern's first names lead to is searched.
    pub fn glob(&self, pattern: &str) -> impl Iterator<Item = Result<Object>> + use<> {
        let literal = pattern.split('/').take_while(|name| !name.contains(['*', '?', '[', ']', '{', '}', '!', '\\']));
        let names: Vec<&str> = literal.collect();
        let whole = names.len() == pattern.split('/').count();
        let start = names.iter().take(names.len().saturating_sub(usize::from(whole)));
        let start = start.copied().collect::<Vec<_>>().join("/");
        let group = if start.is_empty() { Ok(self.clone()) } else { self.group(&start) };
        let base = String::from(self.path().trim_end_matches('/'));
        let pattern = Glob::new(pattern);
        let found = group.into_iter().flat_map(|group| group.walk());
        found.filter(move |object| {
            object.as_ref().map_or(true, |object| {
                let path = object.info().path();
                let relative = path.strip_prefix(base.as_str()).unwrap_or(path).trim_start_matches('/');
                pattern.matches(relative)
            })
        })
    }
}

/// A group's members, the first one last.
fn level(group: Group) -> (Group, Vec<Result<Member>>) {
    let mut members: Vec<_> = group.iter().collect();
    members.reverse();
    (group, members)
}

impl Iterator for Walk {
    type Item = Result<Object>;

    fn next(&mut self) -> Option<Result<Object>> {
        loop {
            let (_, members) = self.open.last_mut()?;
            let Some(member) = members.pop() else {
                self.open.pop();
                continue;
            };
            let member = match member {
                Ok(member) => member,
                Err(error) => return Some(Err(error)),
            };
            let LinkKind::Hard(address) = member.link.kind else { continue };
            if !self.seen.insert(address) {
                continue;
            }
            if let Ok(Object::Group(group)) = &member.object {
                self.open.push(level(group.clone()));
            }
            return Some(member.object);
        }
    }
}
