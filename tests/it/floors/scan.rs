//! Reading Rust well enough to hold it against house rules: code without comments, with or without texts.

use std::path::{Path, PathBuf};

/// One source file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Below the project's folder, e.g. `src/store/mod.rs`.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl SourceFile {
    /// A made-up file, to show that a rule can fail.
    pub fn made_up(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Its module path: `src/store/types.rs` is `store`, `types`.
    pub fn module(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        inner.split('/').filter(|part| *part != "mod" && *part != "lib").collect()
    }

    /// The room it belongs to.
    pub fn room(&self) -> &str {
        self.module().first().copied().unwrap_or_default()
    }

    /// The code: comments taken out, texts emptied.
    pub fn code(&self) -> String {
        strip(&self.text, false)
    }

    /// The code that ships, texts kept: comments and tests taken out.
    pub fn shipped(&self) -> String {
        if self.path.ends_with("tests.rs") || self.path.contains("/tests/") {
            return String::new();
        }
        let code = strip(&self.text, true);
        // Tests stand at the end of a file.
        match code.find("#[cfg(test)]\nmod ") {
            Some(at) => code[..at].to_owned(),
            None => code,
        }
    }
}

/// Every Rust file below these folders of the project.
pub fn house(folders: &[&str]) -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push(SourceFile { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Takes out comments and, unless `keep_texts`, what stands in quotes. Lines stay lines.
fn strip(text: &str, keep_texts: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let end = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => line_end(&chars, at),
            ('/', Some('*')) => block_end(&chars, at),
            ('"', _) => text_end(&chars, at),
            ('r', Some('"' | '#')) if !at.checked_sub(1).is_some_and(|i| is_word(chars[i])) => raw_end(&chars, at),
            ('\'', _) => char_end(&chars, at),
            _ => at + 1,
        };
        let piece = &chars[at..end];
        let is_comment = chars[at] == '/' && end > at + 1;
        let is_text = end > at + 1 && !is_comment;
        if is_comment || (is_text && !keep_texts) {
            out.extend(piece.iter().filter(|c| **c == '\n'));
            if is_text {
                out.push_str("\"\"");
            }
        } else {
            out.extend(piece);
        }
        at = end;
    }
    out
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line_end(chars: &[char], from: usize) -> usize {
    (from..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len())
}

fn block_end(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn text_end(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_end(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let open = from + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return from + 1;
    }
    let closes =
        |i: usize| chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (open + 1..chars.len()).find(|i| closes(*i)).map_or(chars.len(), |i| i + 1 + hashes)
}

/// A character; a lifetime is left alone.
fn char_end(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => (from + 3..chars.len()).find(|i| chars[*i] == '\'').map_or(chars.len(), |i| i + 1),
        (Some(_), Some('\'')) => from + 3,
        _ => from + 1,
    }
}

/// The places where this stands as a word of its own.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let open_end = word.ends_with([':', '!', '_']);
        !before.is_some_and(is_word) && (open_end || !after.is_some_and(is_word))
    })
}

/// The line, counted from 1.
pub fn line(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// Every path that begins at the crate's root, or climbs there: its segments below the root, with the line.
/// `crate::{a::b, c}` is two paths.
pub fn paths_from_root(file: &SourceFile) -> Vec<(usize, Vec<String>)> {
    let code = file.code();
    let module: Vec<String> = file.module().into_iter().map(str::to_owned).collect();
    let mut found = Vec::new();
    for at in words(&code, "crate::") {
        below(&code[at + "crate::".len()..], &[], line(&code, at), &mut found);
    }
    for at in words(&code, "super::") {
        if code[..at].ends_with("super::") {
            continue;
        }
        let mut rest = &code[at..];
        let mut up = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            (rest, up) = (after, up + 1);
        }
        let base = &module[..module.len().saturating_sub(up)];
        below(rest, base, line(&code, at), &mut found);
    }
    found
}

/// Adds the paths that go on from `base` with `rest`.
fn below(rest: &str, base: &[String], line: usize, found: &mut Vec<(usize, Vec<String>)>) {
    let rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (i, c) in inner.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    below(&inner[start..i], base, line, found);
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    below(&inner[start..i], base, line, found);
                    start = i + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let name: String = rest.chars().take_while(|c| is_word(*c)).collect();
    let mut path = base.to_vec();
    if name.is_empty() {
        if !path.is_empty() {
            found.push((line, path));
        }
        return;
    }
    let after = &rest[name.len()..];
    path.push(name);
    match after.strip_prefix("::") {
        Some(more) => below(more, &path, line, found),
        None => found.push((line, path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_told_from_code() {
        let text = "a(\"x // \\\" y\"); // b\n/* c /* d */ e */ f('\"', '\\'', r#\"g\"h\"#); fn i<'a>() {}\n";
        let file = SourceFile::made_up("src/a.rs", text);
        assert_eq!(file.code(), "a(\"\"); \n f(\"\", \"\", \"\"); fn i<'a>() {}\n");
        assert!(file.shipped().contains("x // ") && !file.shipped().contains(" e "));
    }

    #[test]
    fn tests_are_told_from_what_ships() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\n";
        assert_eq!(SourceFile::made_up("src/a.rs", text).shipped(), "fn a() {}\n");
        assert_eq!(SourceFile::made_up("src/a_tests.rs", text).shipped(), "");
    }

    #[test]
    fn groups_and_climbing_paths_are_followed() {
        let text = "use crate::{a::{b, c::d}, e};\nuse super::super::f::g;\nuse super::h;\nlet x = crate::i::j();";
        let file = SourceFile::made_up("src/room/part.rs", text);
        let paths: Vec<_> = paths_from_root(&file).into_iter().map(|(line, path)| (line, path.join("::"))).collect();
        let expected = [(1, "a::b"), (1, "a::c::d"), (1, "e"), (4, "i::j"), (2, "f::g"), (3, "room::h")]
            .map(|(l, p)| (l, p.to_owned()));
        assert_eq!(paths, expected);
    }
}
