//! From a POSIX extended regular expression to the machine's program.

/// A set of bytes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    fn empty() -> Self {
        Self([0; 4])
    }

    fn one(byte: u8) -> Self {
        let mut set = Self::empty();
        set.add(byte, byte);
        set
    }

    fn add(&mut self, first: u8, last: u8) {
        for byte in first..=last {
            self.0[usize::from(byte / 64)] |= 1 << (byte % 64);
        }
    }

    fn invert(&mut self) {
        self.0.iter_mut().for_each(|members| *members = !*members);
    }

    /// Whether the set has a byte.
    pub(super) fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] & (1 << (byte % 64)) != 0
    }
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ByteSet({})", self.0.iter().map(|members| members.count_ones()).sum::<u32>())
    }
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// Takes a byte of the set.
    Byte(ByteSet),
    /// Goes on at both, the first preferred.
    Split(usize, usize),
    /// Goes on elsewhere.
    Jump(usize),
    /// Notes the place: 2n where group n begins, 2n + 1 where it ends.
    Save(usize),
    /// Only at the start of the text.
    Start,
    /// Only at its end.
    End,
    /// Found.
    Accept,
}

/// What an expression became.
#[derive(Debug)]
pub(super) struct Program {
    /// The instructions; the run begins at the first.
    pub(super) code: Vec<Instruction>,
    /// Number of groups, the whole match not counted.
    pub(super) groups: usize,
}

/// Why an expression is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Invalid {
    /// `(` without `)` or the reverse.
    #[error("parentheses do not match")]
    Parenthesis,
    /// `[` without `]`.
    #[error("`[` is not closed")]
    Bracket,
    /// `{` that is no repetition.
    #[error("`{{` begins no repetition")]
    Brace,
    /// `*` with nothing before it.
    #[error("nothing is there to repeat")]
    Repeat,
    /// `[b-a]`
    #[error("a range ends before it begins")]
    Range,
    /// `[[:nosuch:]]`
    #[error("unknown class of characters")]
    Class,
    /// A backslash at the end, or before a letter or digit.
    #[error("unknown escape")]
    Escape,
    /// Repetitions of repetitions.
    #[error("the expression is too large")]
    Size,
}

/// Instructions of the largest program.
const LARGEST: usize = 20_000;

/// Groups within groups.
const DEEPEST: usize = 200;

/// A parsed expression.
#[derive(Clone, Debug)]
enum Node {
    Empty,
    Byte(ByteSet),
    Start,
    End,
    Group(Box<Node>, usize),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat(Box<Node>, usize, Option<usize>),
}

/// Compiles an expression.
pub(super) fn parse(expression: &[u8]) -> Result<Program, Invalid> {
    let mut parser = Parser { rest: expression, groups: 0, depth: 0 };
    let node = parser.choice()?;
    if !parser.rest.is_empty() {
        return Err(Invalid::Parenthesis);
    }
    let mut code = vec![Instruction::Save(0)];
    emit(&node, &mut code)?;
    code.extend([Instruction::Save(1), Instruction::Accept]);
    Ok(Program { code, groups: parser.groups })
}

/// The part of an expression not read yet.
struct Parser<'a> {
    rest: &'a [u8],
    groups: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.next();
        }
        found
    }

    fn choice(&mut self) -> Result<Node, Invalid> {
        let mut branches = vec![self.sequence()?];
        while self.eat(b'|') {
            branches.push(self.sequence()?);
        }
        Ok(Node::Choice(branches))
    }

    fn sequence(&mut self) -> Result<Node, Invalid> {
        let mut nodes = Vec::new();
        while let Some(byte) = self.peek() {
            if byte == b'|' || (byte == b')' && self.depth > 0) {
                break;
            }
            let atom = self.atom()?;
            nodes.push(self.repeated(atom)?);
        }
        Ok(Node::Sequence(nodes))
    }

    fn atom(&mut self) -> Result<Node, Invalid> {
        let Some(byte) = self.next() else { return Ok(Node::Empty) };
        Ok(match byte {
            b'(' => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err(Invalid::Size);
                }
                self.groups += 1;
                let number = self.groups;
                let inner = self.choice()?;
                self.depth -= 1;
                if !self.eat(b')') {
                    return Err(Invalid::Parenthesis);
                }
                Node::Group(Box::new(inner), number)
            }
            b')' => return Err(Invalid::Parenthesis),
            b'[' => Node::Byte(self.bracket()?),
            b'.' => {
                // Any byte: NUL does not occur in Nix strings.
                let mut any = ByteSet::empty();
                any.add(0, u8::MAX);
                Node::Byte(any)
            }
            b'^' => Node::Start,
            b'$' => Node::End,
            b'*' | b'+' | b'?' => return Err(Invalid::Repeat),
            b'{' => return Err(Invalid::Repeat),
            b'\\' => match self.next() {
                Some(escaped) if !escaped.is_ascii_alphanumeric() => Node::Byte(ByteSet::one(escaped)),
                _ => return Err(Invalid::Escape),
            },
            other => Node::Byte(ByteSet::one(other)),
        })
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node, Invalid> {
        loop {
            let (least, most) = match self.peek() {
                Some(b'*') => (0, None),
                Some(b'+') => (1, None),
                Some(b'?') => (0, Some(1)),
                Some(b'{') => {
                    self.next();
                    let (least, most) = self.bounds()?;
                    node = Node::Repeat(Box::new(node), least, most);
                    continue;
                }
                _ => return Ok(node),
            };
            self.next();
            node = Node::Repeat(Box::new(node), least, most);
        }
    }

    /// `n}`, `n,}` or `n,m}`
    fn bounds(&mut self) -> Result<(usize, Option<usize>), Invalid> {
        let least = self.number()?.ok_or(Invalid::Brace)?;
        let most = if self.eat(b',') { self.number()? } else { Some(least) };
        if !self.eat(b'}') || most.is_some_and(|most| most < least) {
            return Err(Invalid::Brace);
        }
        Ok((least, most))
    }

    fn number(&mut self) -> Result<Option<usize>, Invalid> {
        let mut number = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.next();
            let value = number.unwrap_or(0_usize) * 10 + usize::from(digit - b'0');
            if value > LARGEST {
                return Err(Invalid::Size);
            }
            number = Some(value);
        }
        Ok(number)
    }

    /// What follows `[`. A backslash is an ordinary character there.
    fn bracket(&mut self) -> Result<ByteSet, Invalid> {
        let inverted = self.eat(b'^');
        let mut set = ByteSet::empty();
        let mut first = true;
        loop {
            let byte = self.next().ok_or(Invalid::Bracket)?;
            if byte == b']' && !first {
                break;
            }
            first = false;
            if byte == b'[' && self.peek() == Some(b':') {
                self.class(&mut set)?;
                continue;
            }
            let range = self.peek() == Some(b'-') && self.rest.get(1).is_some_and(|next| *next != b']');
            if range {
                self.next();
                let last = self.next().ok_or(Invalid::Bracket)?;
                if last < byte {
                    return Err(Invalid::Range);
                }
                set.add(byte, last);
            } else {
                set.add(byte, byte);
            }
        }
        if inverted {
            set.invert();
        }
        Ok(set)
    }

    /// What follows `[` of `[:name:]`.
    fn class(&mut self, set: &mut ByteSet) -> Result<(), Invalid> {
        let rest = self.rest.get(1..).unwrap_or_default();
        let length = rest.windows(2).position(|pair| pair == b":]").ok_or(Invalid::Bracket)?;
        let ranges: &[(u8, u8)] = match &rest[..length] {
            b"alpha" => &[(b'a', b'z'), (b'A', b'Z')],
            b"digit" => &[(b'0', b'9')],
            b"alnum" => &[(b'a', b'z'), (b'A', b'Z'), (b'0', b'9')],
            b"upper" => &[(b'A', b'Z')],
            b"lower" => &[(b'a', b'z')],
            b"space" => &[(b'\t', b'\r'), (b' ', b' ')],
            b"blank" => &[(b' ', b' '), (b'\t', b'\t')],
            b"xdigit" => &[(b'0', b'9'), (b'a', b'f'), (b'A', b'F')],
            b"punct" => &[(b'!', b'/'), (b':', b'@'), (b'[', b'`'), (b'{', b'~')],
            b"graph" => &[(b'!', b'~')],
            b"print" => &[(b' ', b'~')],
            b"cntrl" => &[(0, 0x1f), (0x7f, 0x7f)],
            _ => return Err(Invalid::Class),
        };
        ranges.iter().for_each(|(first, last)| set.add(*first, *last));
        self.rest = &rest[length + 2..];
        Ok(())
    }
}

/// Appends the instructions of a node.
fn emit(node: &Node, code: &mut Vec<Instruction>) -> Result<(), Invalid> {
    if code.len() > LARGEST {
        return Err(Invalid::Size);
    }
    match node {
        Node::Empty => {}
        Node::Byte(set) => code.push(Instruction::Byte(set.clone())),
        Node::Start => code.push(Instruction::Start),
        Node::End => code.push(Instruction::End),
        Node::Group(inner, number) => {
            code.push(Instruction::Save(2 * number));
            emit(inner, code)?;
            code.push(Instruction::Save(2 * number + 1));
        }
        Node::Sequence(nodes) => nodes.iter().try_for_each(|node| emit(node, code))?,
        Node::Choice(branches) => emit_choice(branches, code)?,
        Node::Repeat(inner, least, most) => {
            for _ in 0..*least {
                emit(inner, code)?;
            }
            match most {
                Some(most) => {
                    let mut exits = Vec::new();
                    for _ in *least..*most {
                        exits.push(code.len());
                        code.push(Instruction::Accept);
                        emit(inner, code)?;
                    }
                    let end = code.len();
                    for exit in exits {
                        code[exit] = Instruction::Split(exit + 1, end);
                    }
                }
                None => {
                    let start = code.len();
                    code.push(Instruction::Accept);
                    emit(inner, code)?;
                    code.push(Instruction::Jump(start));
                    code[start] = Instruction::Split(start + 1, code.len());
                }
            }
        }
    }
    Ok(())
}

fn emit_choice(branches: &[Node], code: &mut Vec<Instruction>) -> Result<(), Invalid> {
    let mut jumps = Vec::new();
    let Some((last, others)) = branches.split_last() else { return Ok(()) };
    for branch in others {
        let split = code.len();
        code.push(Instruction::Accept);
        emit(branch, code)?;
        jumps.push(code.len());
        code.push(Instruction::Accept);
        code[split] = Instruction::Split(split + 1, code.len());
    }
    emit(last, code)?;
    let end = code.len();
    for jump in jumps {
        code[jump] = Instruction::Jump(end);
    }
    Ok(())
}
