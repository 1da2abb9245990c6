//! What a module names: its imports and the paths in its code, without its tests, its comments and its documentation.

/// The names of one module.
#[derive(Default)]
pub(crate) struct Names {
    /// The imports: a path, and the name under which it is known in the module.
    pub(crate) imports: Vec<(Vec<String>, String)>,
    /// The paths of two names or more that stand in code.
    pub(crate) paths: Vec<Vec<String>>,
}

impl Names {
    /// Reads a source file.
    pub(crate) fn of(source: &str) -> Self {
        let tokens = without_tests(&tokens(source));
        let mut names = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at] == "use" {
                let end = at + tokens[at..].iter().position(|token| token == ";").unwrap_or(tokens.len() - at);
                names.import(&mut Vec::new(), &tokens[at + 1..end]);
                at = end;
            } else if is_name(&tokens[at]) {
                let path = path(&tokens[at..]);
                at += 2 * path.len() - 1;
                if path.len() > 1 {
                    names.paths.push(path);
                }
            } else {
                at += 1;
            }
        }
        names
    }

    /// Takes in a tree of imports, whose paths begin with `prefix`.
    fn import(&mut self, prefix: &mut Vec<String>, tree: &[String]) {
        let own = path(tree);
        let (before, rest) = (prefix.len(), &tree[(2 * own.len()).saturating_sub(1)..]);
        prefix.extend(own);
        match rest {
            [colons, open, inner @ .., close] if colons == "::" && open == "{" && close == "}" => {
                let (mut depth, mut from) = (0, 0);
                for (at, token) in inner.iter().enumerate() {
                    match token.as_str() {
                        "{" => depth += 1,
                        "}" => depth -= 1,
                        "," if depth == 0 => {
                            self.import(prefix, &inner[from..at]);
                            from = at + 1;
                        }
                        _ => {}
                    }
                }
                self.import(prefix, &inner[from..]);
            }
            rest => {
                prefix.pop_if(|last| last == "self");
                let alias = if let [r#as, alias] = rest { (r#as == "as").then_some(alias) } else { None };
                if let Some(name) = alias.or(prefix.last()) {
                    self.imports.push((prefix.clone(), name.clone()));
                }
            }
        }
        prefix.truncate(before);
    }
}

/// The names at the front of some tokens that `::` joins.
fn path(tokens: &[String]) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [name, behind @ ..] = rest
        && is_name(name)
    {
        path.push(name.clone());
        match behind {
            [colons, behind @ ..] if colons == "::" => rest = behind,
            _ => break,
        }
    }
    path
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Leaves out what is compiled for tests or for the documentation only.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let mut left = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at] == "#" && tokens.get(at + 1).is_some_and(|token| token == "[") {
            let end = at + 1 + length(&tokens[at + 1..]);
            let attribute = &tokens[at + 2..end - 1];
            let has = |word: &str| attribute.iter().any(|token| token == word);
            at = end;
            if attribute[0] == "cfg" && (has("test") || has("doc")) && !has("not") {
                at += length_of_item(&tokens[at..]);
            }
        } else {
            left.push(tokens[at].clone());
            at += 1;
        }
    }
    left
}

/// The number of tokens up to the end of the bracket that opens with the first of them.
fn length(tokens: &[String]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The number of tokens of an item, a field or a statement: up to `;`, `,` or the end of its block.
fn length_of_item(tokens: &[String]) -> usize {
    let mut at = 0;
    while at < tokens.len() {
        let is_use = tokens[at] == "use";
        match tokens[at].as_str() {
            ";" | "," => return at + 1,
            "{" => return at + length(&tokens[at..]),
            "(" | "[" => at += length(&tokens[at..]),
            _ if is_use => return at + tokens[at..].iter().position(|token| token == ";").map_or(1, |end| end + 1),
            _ => at += 1,
        }
    }
    at
}

/// Names, `::` and single characters of punctuation. Comments, literals and lifetimes are left out.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_in_name = |character: char| character.is_alphanumeric() || character == '_';
        let behind = &rest[first.len_utf8()..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            string_length(rest)
        } else if let Some(hashes) = raw_string(rest) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = rest.find('"').unwrap_or(0) + 1;
            rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len())
        } else if first == '\'' {
            match behind.strip_prefix('\\') {
                Some(escaped) => 3 + escaped.get(1..).and_then(|escaped| escaped.find('\'')).unwrap_or(0) + 1,
                None => {
                    let character = behind.chars().next().map_or(0, char::len_utf8);
                    if behind[character..].starts_with('\'') { character + 2 } else { 1 + name_length(behind) }
                }
            }
        } else if is_in_name(first) {
            let length = name_length(rest);
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

fn name_length(text: &str) -> usize {
    text.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(text.len())
}

/// The bytes of a string's literal.
fn string_length(text: &str) -> usize {
    let mut is_escaped = true;
    let end = text.char_indices().find(|(_, character)| {
        let is_end = *character == '"' && !is_escaped;
        is_escaped = *character == '\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The number of hashes of a raw string's literal, if the text begins with one.
fn raw_string(text: &str) -> Option<usize> {
    let text = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let quote = text.find(|character| character != '#')?;
    text[quote..].starts_with('"').then_some(quote)
}
