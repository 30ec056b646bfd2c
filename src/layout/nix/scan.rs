//! A look at a file's tokens before it is parsed.
//!
//! The parser calls itself for every bracket and prefix operator, and the tree it makes is as deep as the longest chain of
//! operators; its tokenizer reads a run of name characters again for every token that begins in it. Both are fine for what
//! people write, and neither is bounded. This scan refuses the rest, in time proportional to the file.

use rnix::SyntaxKind;

/// Brackets within brackets.
const DEEPEST: usize = 500;

/// Tokens between separators, summed over all open brackets: bounds the depth of the tree.
const LONGEST_CHAIN: usize = 20_000;

/// Tokens that are neither blank nor comment.
const MOST_TOKENS: usize = 600_000;

/// Bytes of a name, a path or a number.
const LONGEST_WORD: usize = 16_384;

/// Characters that the tokenizer may read while it looks ahead.
const MOST_LOOKAHEAD: usize = 50_000_000;

/// Why a text is not given to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooComplex {
    /// More than [`DEEPEST`] brackets are open.
    #[error("brackets nest deeper than {DEEPEST} levels")]
    Depth,
    /// An expression has more than [`LONGEST_CHAIN`] tokens outside brackets.
    #[error("an expression has more than {LONGEST_CHAIN} parts")]
    Chain,
    /// The file has more than [`MOST_TOKENS`] tokens.
    #[error("the file has more than {MOST_TOKENS} tokens")]
    Tokens,
    /// A name, path or number has more than [`LONGEST_WORD`] bytes.
    #[error("the file has a word of more than {LONGEST_WORD} bytes")]
    Word,
    /// Operators without blanks between them.
    #[error("the file has too many operators without blanks between them")]
    Lookahead,
}

/// An open bracket.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// Tokens since the last separator.
    chain: usize,
    /// Its parts stand side by side and do not nest.
    list: bool,
    /// In a list: whether the last token joins the next to the same element.
    joined: bool,
}

/// Checks a text; on failure also gives the byte offset.
pub(super) fn scan(text: &str) -> Result<(), (TooComplex, usize)> {
    let mut walk = Walk { levels: vec![Level { chain: 0, list: false, joined: false }], chain: 0 };
    let mut lookahead = Lookahead { end: 0, spent: 0 };
    let mut tokens = rnix::tokenize(text);
    let (mut offset, mut count) = (0, 0);
    loop {
        lookahead.pay(text.as_bytes(), offset).map_err(|error| (error, offset))?;
        let Some((kind, token)) = tokens.next() else { return Ok(()) };
        if !kind.is_trivia() {
            count += 1;
            if count > MOST_TOKENS {
                return Err((TooComplex::Tokens, offset));
            }
            if token.len() > LONGEST_WORD && is_word(kind) {
                return Err((TooComplex::Word, offset));
            }
            walk.token(kind).map_err(|error| (error, offset))?;
        }
        offset += token.len();
        if token.is_empty() {
            // The tokenizer does not move on at what it cannot read; the parser reports it.
            return Ok(());
        }
    }
}

/// Whether a token is a name, a path or a number.
fn is_word(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::TOKEN_IDENT
            | SyntaxKind::TOKEN_INTEGER
            | SyntaxKind::TOKEN_FLOAT
            | SyntaxKind::TOKEN_URI
            | SyntaxKind::TOKEN_PATH_ABS
            | SyntaxKind::TOKEN_PATH_REL
            | SyntaxKind::TOKEN_PATH_HOME
            | SyntaxKind::TOKEN_PATH_SEARCH
    )
}

/// The brackets open at a place.
#[derive(Debug)]
struct Walk {
    levels: Vec<Level>,
    /// Sum of the levels' chains.
    chain: usize,
}

impl Walk {
    fn token(&mut self, kind: SyntaxKind) -> Result<(), TooComplex> {
        match kind {
            SyntaxKind::TOKEN_L_BRACE
            | SyntaxKind::TOKEN_L_PAREN
            | SyntaxKind::TOKEN_L_BRACK
            | SyntaxKind::TOKEN_INTERPOL_START
            | SyntaxKind::TOKEN_STRING_START => {
                self.count(false)?;
                if self.levels.len() > DEEPEST {
                    return Err(TooComplex::Depth);
                }
                // The pieces of a string stand side by side as the elements of a list do.
                let list = matches!(kind, SyntaxKind::TOKEN_L_BRACK | SyntaxKind::TOKEN_STRING_START);
                self.levels.push(Level { chain: 0, list, joined: false });
            }
            SyntaxKind::TOKEN_R_BRACE
            | SyntaxKind::TOKEN_R_PAREN
            | SyntaxKind::TOKEN_R_BRACK
            | SyntaxKind::TOKEN_INTERPOL_END
            | SyntaxKind::TOKEN_STRING_END => {
                if self.levels.len() > 1
                    && let Some(level) = self.levels.pop()
                {
                    self.chain -= level.chain;
                }
            }
            SyntaxKind::TOKEN_SEMICOLON | SyntaxKind::TOKEN_COMMA => self.restart(),
            SyntaxKind::TOKEN_DOT | SyntaxKind::TOKEN_OR => self.count(true)?,
            _ => self.count(false)?,
        }
        Ok(())
    }

    /// Forgets the chain of the innermost level.
    fn restart(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            self.chain -= level.chain;
            level.chain = 0;
        }
    }

    /// Adds a token to the innermost chain.
    fn count(&mut self, joins: bool) -> Result<(), TooComplex> {
        let fresh = self.levels.last().is_some_and(|level| level.list && !joins && !level.joined);
        if fresh {
            self.restart();
        }
        if let Some(level) = self.levels.last_mut() {
            level.joined = joins;
            level.chain += 1;
            self.chain += 1;
        }
        if self.chain > LONGEST_CHAIN { Err(TooComplex::Chain) } else { Ok(()) }
    }
}

/// What the tokenizer's looking ahead costs.
#[derive(Debug)]
struct Lookahead {
    /// End of the run of name characters last measured.
    end: usize,
    spent: usize,
}

impl Lookahead {
    /// Adds the cost of reading the token at `offset`: the run of characters that may belong to a path.
    fn pay(&mut self, text: &[u8], offset: usize) -> Result<(), TooComplex> {
        if offset >= self.end {
            let run = text.get(offset..).unwrap_or_default().iter();
            self.end = offset
                + run.take_while(|byte| byte.is_ascii_alphanumeric() || b"+-._/<~".contains(byte)).count();
        }
        self.spent += self.end.saturating_sub(offset);
        if self.spent > MOST_LOOKAHEAD { Err(TooComplex::Lookahead) } else { Ok(()) }
    }
}
