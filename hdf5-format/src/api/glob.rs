//! Patterns of paths: `*`, `?`, `**`, `[a-z]`, `{one,other}`.
//!
//! Matching takes time in proportion to the pattern's length times the path's, whatever they are.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

/// Alternatives of braces, at most; further ones match nothing.
const MOST: usize = 1024;

/// A pattern, ready to be matched.
pub(super) struct Glob(Vec<Vec<Token>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    Any,
    /// `*`
    Name,
    /// `**` at the end
    Rest,
    /// `**/`
    Groups,
    /// `[a-z]`, `[!a-z]`
    Class(bool, Vec<(char, char)>),
}

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        let mut patterns = Vec::new();
        alternatives(pattern, &mut patterns);
        Glob(patterns.iter().map(|pattern| tokens(pattern)).collect())
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        self.0.iter().any(|tokens| matches(tokens, path))
    }
}

/// The patterns that braces stand for.
fn alternatives(pattern: &str, out: &mut Vec<String>) {
    let Some((before, parts, after)) = braces(pattern) else {
        out.push(pattern.into());
        return;
    };
    for part in parts {
        if out.len() >= MOST {
            return;
        }
        alternatives(&[before, part, after].concat(), out);
    }
}

/// The first braces of a pattern: what is before, their parts, and what is after.
fn braces(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let (mut depth, mut open, mut escaped) = (0usize, 0, false);
    let mut cuts = Vec::new();
    for (at, c) in pattern.char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                continue;
            }
            '\\' => escaped = true,
            '{' => {
                if depth == 0 {
                    open = at;
                    cuts.clear();
                }
                depth = depth.saturating_add(1);
            }
            ',' if depth == 1 => cuts.push(at),
            '}' if depth == 1 => {
                let mut start = open.saturating_add(1);
                let mut parts = Vec::new();
                for cut in cuts.iter().copied().chain([at]) {
                    parts.push(pattern.get(start..cut)?);
                    start = cut.saturating_add(1);
                }
                return Some((pattern.get(..open)?, parts, pattern.get(at.saturating_add(1)..)?));
            }
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        let token = match c {
            '\\' => Token::Char(rest.next().unwrap_or('\\')),
            '?' => Token::Any,
            '*' if rest.as_str().starts_with("*/") => {
                rest = rest.as_str().get(2..).unwrap_or("").chars();
                Token::Groups
            }
            '*' if rest.as_str().starts_with('*') => {
                rest.next();
                Token::Rest
            }
            '*' => Token::Name,
            '[' => match class(rest.as_str()) {
                Some((token, after)) => {
                    rest = after.chars();
                    token
                }
                None => Token::Char('['),
            },
            c => Token::Char(c),
        };
        tokens.push(token);
    }
    tokens
}

/// A class after its bracket, and what follows it; `None` where no bracket closes it.
fn class(text: &str) -> Option<(Token, &str)> {
    let negated = text.starts_with(['!', '^']);
    let body = text.get(usize::from(negated)..)?;
    // A bracket that comes first is one of the class.
    let end = body.char_indices().skip(1).find(|&(_, c)| c == ']')?.0;
    let mut chars = body.get(..end)?.chars().peekable();
    let mut ranges = Vec::new();
    while let Some(low) = chars.next() {
        let mut ahead = chars.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) => {
                chars = ahead;
                ranges.push((low, high));
            }
            _ => ranges.push((low, low)),
        }
    }
    Some((Token::Class(negated, ranges), body.get(end.saturating_add(1)..)?))
}

/// Where in the pattern a match may be: the token, and whether it is inside names that `**/` passes over.
type State = (usize, bool);

fn matches(tokens: &[Token], path: &str) -> bool {
    let mut states = BTreeSet::new();
    enter(tokens, 0, &mut states);
    for c in path.chars() {
        let mut next = BTreeSet::new();
        for &(at, _) in &states {
            let after = at.saturating_add(1);
            match tokens.get(at) {
                Some(Token::Char(wanted)) if *wanted == c => enter(tokens, after, &mut next),
                Some(Token::Any) if c != '/' => enter(tokens, after, &mut next),
                Some(Token::Name) if c != '/' => enter(tokens, at, &mut next),
                Some(Token::Rest) => enter(tokens, at, &mut next),
                Some(Token::Groups) if c == '/' => enter(tokens, at, &mut next),
                Some(Token::Groups) => {
                    next.insert((at, true));
                }
                Some(Token::Class(negated, ranges)) if c != '/' => {
                    let within = ranges.iter().any(|&(low, high)| (low..=high).contains(&c));
                    if within != *negated {
                        enter(tokens, after, &mut next);
                    }
                }
                _ => {}
            }
        }
        states = next;
    }
    states.contains(&(tokens.len(), false))
}

/// Adds a state, and those that follow it without a character.
fn enter(tokens: &[Token], at: usize, states: &mut BTreeSet<State>) {
    let mut at = at;
    while states.insert((at, false)) {
        match tokens.get(at) {
            Some(Token::Name | Token::Rest | Token::Groups) => at = at.saturating_add(1),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_they_say() {
        let yes = [
            ("*", "a"),
            ("*", ""),
            ("a*c", "abbc"),
            ("a?c", "abc"),
            ("**", "a/b/c"),
            ("**/x", "x"),
            ("**/x", "a/b/x"),
            ("a/**/x", "a/x"),
            ("a/**/x", "a/b/c/x"),
            ("a/**", "a/b/c"),
            ("run[0-9]/*", "run7/x"),
            ("run[!0-9]", "runx"),
            ("[]x]", "]"),
            ("[a-]", "-"),
            ("{a,b{c,d}}/x", "bd/x"),
            ("{,a}b", "b"),
            (r"\*", "*"),
            ("[", "["),
            ("{a", "{a"),
            ("größ?", "größe"),
            ("*.*.*", "a.b.c"),
        ];
        let no = [
            ("*", "a/b"),
            ("?", "/"),
            ("a*", "b"),
            ("**/x", "ax"),
            ("a/**/x", "a/bx"),
            ("[!a]", "/"),
            ("run[0-9]", "run"),
            ("{a,b}", "c"),
            (r"\*", "a"),
            ("a/**", "b/c"),
        ];
        for (pattern, path) in yes {
            assert!(Glob::new(pattern).matches(path), "{pattern} {path}");
        }
        for (pattern, path) in no {
            assert!(!Glob::new(pattern).matches(path), "{pattern} {path}");
        }
    }

    #[test]
    fn hostile_patterns_take_bounded_time() {
        assert!(!Glob::new(&"*a".repeat(500)).matches(&"a".repeat(400)));
        assert!(!Glob::new(&"{a,b}".repeat(40)).matches("c"));
        assert!(!Glob::new(&"**/".repeat(300)).matches(&"x/y".repeat(200)));
    }
}
