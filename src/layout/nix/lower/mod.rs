//! From the parser's tree to [`Code`]: names are resolved, so that an unknown one is an error whether or not it is used.

mod binding;
mod pattern;
mod scope;
mod string;
mod syntax_error;

use std::rc::Rc;

use rnix::ast::{self, BinOpKind, LiteralKind, UnaryOpKind};
use rowan::ast::AstNode;

use super::ast::{Binary, Code, Expr, ExprId, Key, Logic, Piece};
use super::error::{NixError, NixErrorKind, Res};
use super::path;
use super::scan::scan;
use super::text::Text;
use crate::layout::syntax::source::{SourceId, Span};
use scope::Scopes;

/// A text to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'a> {
    /// Which text of the source map it is.
    pub(super) source: SourceId,
    /// The text itself.
    pub(super) text: &'a str,
    /// The absolute folder that relative paths start from.
    pub(super) folder: &'a Text,
}

/// Names of the outermost scope.
pub(super) type Globals = std::collections::HashMap<String, usize>;

/// Reads one text into `code` and gives its expression.
pub(super) fn lower(code: &mut Code, globals: &Globals, unit: Unit<'_>) -> Res<ExprId> {
    let at = |start, end| Span::new(unit.source, start, end);
    if let Some(offset) = unit.text.find('\0') {
        let error = NixError::new(NixErrorKind::Syntax, "the file holds a NUL byte");
        return Err(error.at(at(offset, offset + 1)));
    }
    scan(unit.text).map_err(|(error, offset)| {
        NixError::new(NixErrorKind::Limit, error.to_string()).at(at(offset, offset + 1))
    })?;
    let parsed = rnix::Root::parse(unit.text);
    if let Some(error) = parsed.errors().first() {
        return Err(syntax_error::describe(error, unit));
    }
    let mut lowerer = Lowerer { code, unit, scopes: Scopes::new(globals) };
    let Some(expr) = parsed.tree().expr() else {
        return Err(NixError::new(NixErrorKind::Syntax, "the file is empty").at(at(0, 0)));
    };
    lowerer.expr(&expr)
}

/// The state of reading one text.
struct Lowerer<'a> {
    code: &'a mut Code,
    unit: Unit<'a>,
    scopes: Scopes<'a>,
}

impl Lowerer<'_> {
    /// The place of a node.
    fn span(&self, node: &impl AstNode<Language = rnix::NixLanguage>) -> Span {
        let range = node.syntax().text_range();
        Span::new(self.unit.source, range.start().into(), range.end().into())
    }

    /// The error of a tree that lacks a part although the parser found no mistake.
    fn incomplete(&self, node: &impl AstNode<Language = rnix::NixLanguage>) -> Box<NixError> {
        NixError::new(NixErrorKind::Syntax, "incomplete expression").at(self.span(node))
    }

    /// Lowers a part that must be there.
    fn part(
        &mut self,
        part: Option<ast::Expr>,
        of: &impl AstNode<Language = rnix::NixLanguage>,
    ) -> Res<ExprId> {
        match part {
            Some(part) => self.expr(&part),
            None => Err(self.incomplete(of)),
        }
    }

    /// Lowers an expression.
    fn expr(&mut self, expr: &ast::Expr) -> Res<ExprId> {
        self.named(expr, None)
    }

    /// Lowers an expression that a name is bound to.
    fn named(&mut self, expr: &ast::Expr, name: Option<&Text>) -> Res<ExprId> {
        let span = self.span(expr);
        let lowered = match expr {
            ast::Expr::Paren(paren) => match paren.expr() {
                Some(inner) => return self.named(&inner, name),
                None => return Err(self.incomplete(paren)),
            },
            ast::Expr::Root(root) => match root.expr() {
                Some(inner) => return self.named(&inner, name),
                None => return Err(self.incomplete(root)),
            },
            ast::Expr::Lambda(lambda) => Expr::Lambda(Rc::new(self.lambda(lambda, name)?)),
            ast::Expr::Literal(literal) => self.literal(literal)?,
            ast::Expr::Str(string) => self.string(string)?,
            ast::Expr::PathAbs(path) => self.path(&path.parts())?,
            ast::Expr::PathRel(path) => self.path(&path.parts())?,
            ast::Expr::PathHome(_) => Expr::Home,
            ast::Expr::PathSearch(path) => {
                let text = path.to_string();
                Expr::Search(text.trim_start_matches('<').trim_end_matches('>').into())
            }
            ast::Expr::List(list) => {
                Expr::List(list.items().map(|item| self.expr(&item)).collect::<Res<_>>()?)
            }
            ast::Expr::AttrSet(set) => Expr::Attrs(self.attr_set(set)?),
            ast::Expr::LetIn(inner) => self.let_in(inner)?,
            ast::Expr::LegacyLet(inner) => self.legacy_let(inner, span)?,
            ast::Expr::Ident(ident) => Expr::Variable(self.variable(ident)?),
            ast::Expr::CurPos(_) => Expr::Position,
            ast::Expr::Error(node) => return Err(self.incomplete(node)),
            ast::Expr::Apply(_)
            | ast::Expr::Select(_)
            | ast::Expr::HasAttr(_)
            | ast::Expr::UnaryOp(_)
            | ast::Expr::BinOp(_)
            | ast::Expr::IfElse(_)
            | ast::Expr::Assert(_)
            | ast::Expr::With(_) => self.compound(expr)?,
        };
        Ok(self.code.add(lowered, span))
    }

    /// Lowers an expression made of expressions.
    fn compound(&mut self, expr: &ast::Expr) -> Res<Expr> {
        Ok(match expr {
            ast::Expr::Apply(node) => {
                Expr::Apply(self.part(node.lambda(), node)?, self.part(node.argument(), node)?)
            }
            ast::Expr::Select(node) => Expr::Select {
                target: self.part(node.expr(), node)?,
                path: self.keys(node.attrpath(), node)?,
                default: node.default_expr().map(|default| self.expr(&default)).transpose()?,
            },
            ast::Expr::HasAttr(node) => {
                Expr::Has { target: self.part(node.expr(), node)?, path: self.keys(node.attrpath(), node)? }
            }
            ast::Expr::UnaryOp(node) => {
                let operand = self.part(node.expr(), node)?;
                match node.operator() {
                    Some(UnaryOpKind::Invert) => Expr::Not(operand),
                    Some(UnaryOpKind::Negate) => Expr::Negate(operand),
                    None => return Err(self.incomplete(node)),
                }
            }
            ast::Expr::BinOp(node) => self.binary(node)?,
            ast::Expr::IfElse(node) => Expr::If(
                self.part(node.condition(), node)?,
                self.part(node.body(), node)?,
                self.part(node.else_body(), node)?,
            ),
            ast::Expr::Assert(node) => {
                Expr::Assert(self.part(node.condition(), node)?, self.part(node.body(), node)?)
            }
            ast::Expr::With(node) => {
                let set = self.part(node.namespace(), node)?;
                self.scopes.push_with();
                let body = self.part(node.body(), node);
                self.scopes.pop();
                Expr::With(set, body?)
            }
            other => return Err(self.incomplete(other)),
        })
    }

    fn binary(&mut self, node: &ast::BinOp) -> Res<Expr> {
        let (left, right) = (self.part(node.lhs(), node)?, self.part(node.rhs(), node)?);
        let Some(operator) = node.operator() else { return Err(self.incomplete(node)) };
        let binary = match operator {
            BinOpKind::And => return Ok(Expr::Logic(Logic::And, left, right)),
            BinOpKind::Or => return Ok(Expr::Logic(Logic::Or, left, right)),
            BinOpKind::Implication => return Ok(Expr::Logic(Logic::Implies, left, right)),
            BinOpKind::PipeRight => return Ok(Expr::Apply(right, left)),
            BinOpKind::PipeLeft => return Ok(Expr::Apply(left, right)),
            BinOpKind::Concat => Binary::Concatenate,
            BinOpKind::Update => Binary::Update,
            BinOpKind::Add => Binary::Add,
            BinOpKind::Sub => Binary::Subtract,
            BinOpKind::Mul => Binary::Multiply,
            BinOpKind::Div => Binary::Divide,
            BinOpKind::Equal => Binary::Equal,
            BinOpKind::NotEqual => Binary::NotEqual,
            BinOpKind::Less => Binary::Less,
            BinOpKind::LessOrEq => Binary::LessOrEqual,
            BinOpKind::More => Binary::More,
            BinOpKind::MoreOrEq => Binary::MoreOrEqual,
        };
        Ok(Expr::Binary(binary, left, right))
    }

    fn literal(&self, literal: &ast::Literal) -> Res<Expr> {
        let wrong = |what: &str| {
            NixError::new(NixErrorKind::Syntax, format!("`{literal}` is not {what}")).at(self.span(literal))
        };
        match literal.kind() {
            LiteralKind::Integer(number) => {
                number.value().map(Expr::Int).map_err(|_| wrong("an integer of 64 bits"))
            }
            LiteralKind::Float(number) => match number.value() {
                Ok(value) if value.is_finite() => Ok(Expr::Float(value)),
                _ => Err(wrong("a floating-point number")),
            },
            LiteralKind::Uri(_) => Ok(Expr::String(literal.to_string().into())),
        }
    }

    /// Lowers a path, which is normal and absolute as soon as it is read.
    fn path(&mut self, parts: &[ast::InterpolPart<ast::PathContent>]) -> Res<Expr> {
        let mut pieces = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                ast::InterpolPart::Literal(content) if pieces.is_empty() => {
                    let mut text = path::resolve(self.unit.folder, content.text().as_bytes());
                    // What follows the last slash of the text before `${` belongs to another name.
                    if parts.len() > 1 && content.text().ends_with('/') && *text != *b"/" {
                        text = [&*text, b"/"].concat().into();
                    }
                    pieces.push(Piece::Literal(text));
                }
                ast::InterpolPart::Literal(content) => pieces.push(Piece::Literal(content.text().into())),
                ast::InterpolPart::Interpolation(inner) => {
                    pieces.push(Piece::Value(self.part(inner.expr(), inner)?));
                }
            }
        }
        Ok(match pieces.as_slice() {
            [Piece::Literal(path)] => Expr::Path(path.clone()),
            _ => Expr::PathInterpolation(pieces),
        })
    }

    /// Lowers the path of a selection.
    fn keys(
        &mut self,
        path: Option<ast::Attrpath>,
        of: &impl AstNode<Language = rnix::NixLanguage>,
    ) -> Res<Vec<Key>> {
        let Some(path) = path else { return Err(self.incomplete(of)) };
        path.attrs().map(|attr| self.key(&attr)).collect()
    }
}
