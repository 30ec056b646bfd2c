//! Sets and `let`: attribute paths become nested sets, and definitions of the same set in several pieces become one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rnix::ast::{self, HasEntry};
use rowan::ast::AstNode;

use super::super::ast::{Binding, Bindings, DynamicBinding, Expr, ExprId, Key, Scoping, Source};
use super::super::error::{NixError, NixErrorKind, Res};
use super::super::text::Text;
use super::Lowerer;
use super::string::static_name;
use crate::layout::syntax::source::Span;

/// A value that is lowered when its set is complete, because only then its scope is known.
enum Pending {
    Expr(ast::Expr),
    Set(Builder),
    /// `inherit x`
    Outer,
    /// `inherit (e) x`, with the index of `e`.
    From(usize),
}

/// A set being collected.
struct Builder {
    scoping: Scoping,
    span: Span,
    from: Vec<ast::Expr>,
    fixed: BTreeMap<Text, (Span, Pending)>,
    dynamic: Vec<(ast::Attr, Pending)>,
}

impl Builder {
    fn new(scoping: Scoping, span: Span) -> Self {
        Self { scoping, span, from: Vec::new(), fixed: BTreeMap::new(), dynamic: Vec::new() }
    }
}

/// The error of a name that is bound twice.
fn twice(name: &Text, second: Span, first: Span) -> Box<NixError> {
    NixError::new(NixErrorKind::Syntax, format!("attribute `{name}` is already defined"))
        .at(second)
        .other(first, "first defined here")
}

impl Lowerer<'_> {
    /// Lowers a set.
    pub(super) fn attr_set(&mut self, set: &ast::AttrSet) -> Res<Bindings> {
        let builder = self.collect_set(set)?;
        self.finish(builder)
    }

    /// Lowers `let … in …`.
    pub(super) fn let_in(&mut self, node: &ast::LetIn) -> Res<Expr> {
        let builder = self.collect(node, Scoping::Recursive, self.span(node))?;
        if let Some((attr, _)) = builder.dynamic.first() {
            return Err(
                NixError::new(NixErrorKind::Syntax, "`let` takes no dynamic names").at(self.span(attr))
            );
        }
        self.scopes.push_names(builder.fixed.keys().cloned().collect());
        let bindings = self.lower_recursive(builder);
        let body = bindings.and_then(|bindings| Ok((bindings, self.part(node.body(), node)?)));
        self.scopes.pop();
        let (bindings, body) = body?;
        Ok(Expr::Let(bindings, body))
    }

    /// Lowers `let { …; body = …; }`, the old form of `let`.
    pub(super) fn legacy_let(&mut self, node: &ast::LegacyLet, span: Span) -> Res<Expr> {
        let builder = self.collect(node, Scoping::Recursive, span)?;
        let bindings = self.finish(builder)?;
        let target = self.code.add(Expr::Attrs(bindings), span);
        Ok(Expr::Select { target, path: vec![Key::Static("body".into())], default: None })
    }

    fn collect_set(&mut self, set: &ast::AttrSet) -> Res<Builder> {
        let scoping = if set.rec_token().is_some() { Scoping::Recursive } else { Scoping::Plain };
        self.collect(set, scoping, self.span(set))
    }

    /// Collects the definitions of a set.
    fn collect(&mut self, node: &impl HasEntry, scoping: Scoping, span: Span) -> Res<Builder> {
        let mut builder = Builder::new(scoping, span);
        for child in node.syntax().children() {
            if let Some(inherit) = ast::Inherit::cast(child.clone()) {
                self.collect_inherit(&inherit, &mut builder)?;
            } else if let Some(entry) = ast::AttrpathValue::cast(child) {
                self.collect_value(&entry, &mut builder)?;
            }
        }
        Ok(builder)
    }

    fn collect_inherit(&mut self, inherit: &ast::Inherit, builder: &mut Builder) -> Res<()> {
        let from = match inherit.from() {
            None => None,
            Some(from) => {
                let Some(expr) = from.expr() else { return Err(self.incomplete(&from)) };
                builder.from.push(expr);
                Some(builder.from.len() - 1)
            }
        };
        for attr in inherit.attrs() {
            let span = self.span(&attr);
            let Some(name) = static_name(&attr) else {
                return Err(NixError::new(NixErrorKind::Syntax, "`inherit` takes no dynamic names").at(span));
            };
            match builder.fixed.entry(name) {
                Entry::Occupied(first) => return Err(twice(first.key(), span, first.get().0)),
                Entry::Vacant(vacant) => {
                    vacant.insert((span, from.map_or(Pending::Outer, Pending::From)));
                }
            }
        }
        Ok(())
    }

    /// Adds `a.b.c = value`, making the sets on the way.
    fn collect_value(&mut self, entry: &ast::AttrpathValue, builder: &mut Builder) -> Res<()> {
        let (Some(path), Some(value)) = (entry.attrpath(), entry.value()) else {
            return Err(self.incomplete(entry));
        };
        let mut attrs: Vec<ast::Attr> = path.attrs().collect();
        let Some(last) = attrs.pop() else { return Err(self.incomplete(&path)) };
        let mut builder = builder;
        for attr in attrs {
            let span = self.span(&attr);
            let fresh = || Pending::Set(Builder::new(Scoping::Plain, span));
            let slot = match static_name(&attr) {
                Some(name) => {
                    let slot = builder.fixed.entry(name.clone()).or_insert_with(|| (span, fresh()));
                    if !matches!(slot.1, Pending::Set(_)) {
                        return Err(twice(&name, span, slot.0));
                    }
                    Some(&mut slot.1)
                }
                None => {
                    builder.dynamic.push((attr, fresh()));
                    builder.dynamic.last_mut().map(|(_, pending)| pending)
                }
            };
            let Some(Pending::Set(inner)) = slot else { return Err(self.incomplete(&path)) };
            builder = inner;
        }
        let value = self.pending(value)?;
        let Some(name) = static_name(&last) else {
            builder.dynamic.push((last, value));
            return Ok(());
        };
        let span = self.span(&last);
        match builder.fixed.entry(name) {
            Entry::Vacant(vacant) => {
                vacant.insert((span, value));
                Ok(())
            }
            Entry::Occupied(mut first) => match (&mut first.get_mut().1, value) {
                (Pending::Set(existing), Pending::Set(more)) => merge(existing, more),
                _ => Err(twice(first.key(), span, first.get().0)),
            },
        }
    }

    /// A value; a set that is written out is collected at once, so that it can take more definitions.
    fn pending(&mut self, mut value: ast::Expr) -> Res<Pending> {
        while let ast::Expr::Paren(paren) = &value {
            let Some(inner) = paren.expr() else { return Err(self.incomplete(paren)) };
            value = inner;
        }
        match value {
            ast::Expr::AttrSet(set) => self.collect_set(&set).map(Pending::Set),
            other => Ok(Pending::Expr(other)),
        }
    }

    /// Lowers a complete set.
    fn finish(&mut self, builder: Builder) -> Res<Bindings> {
        match builder.scoping {
            Scoping::Plain => self.lower_plain(builder),
            Scoping::Recursive => {
                self.scopes.push_names(builder.fixed.keys().cloned().collect());
                let bindings = self.lower_recursive(builder);
                self.scopes.pop();
                bindings
            }
        }
    }

    fn lower_plain(&mut self, builder: Builder) -> Res<Bindings> {
        let mut outer = BTreeMap::new();
        for (name, (span, pending)) in &builder.fixed {
            if matches!(pending, Pending::Outer) {
                outer.insert(name.clone(), self.inherited(name, *span)?);
            }
        }
        self.lower_bindings(builder, &outer)
    }

    /// Lowers a set whose own names are in scope already; only `inherit x` looks past them.
    fn lower_recursive(&mut self, builder: Builder) -> Res<Bindings> {
        let own = self.scopes.take();
        let mut outer = BTreeMap::new();
        let mut failed = None;
        for (name, (span, pending)) in &builder.fixed {
            if matches!(pending, Pending::Outer) {
                match self.inherited(name, *span) {
                    Ok(id) => {
                        outer.insert(name.clone(), id);
                    }
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
        self.scopes.give_back(own);
        match failed {
            Some(error) => Err(error),
            None => self.lower_bindings(builder, &outer),
        }
    }

    fn inherited(&mut self, name: &Text, span: Span) -> Res<ExprId> {
        let variable = self.lookup(name, span)?;
        Ok(self.code.add(Expr::Variable(variable), span))
    }

    fn lower_bindings(&mut self, builder: Builder, outer: &BTreeMap<Text, ExprId>) -> Res<Bindings> {
        let from = builder.from.iter().map(|expr| self.expr(expr)).collect::<Res<_>>()?;
        let mut fixed = Vec::with_capacity(builder.fixed.len());
        for (name, (span, pending)) in builder.fixed {
            let source = match (pending, outer.get(&name)) {
                (Pending::Outer, Some(id)) => Source::Outer(*id),
                (Pending::From(index), _) => Source::From(index),
                (pending, _) => Source::Inner(self.value(pending, Some(&name), span)?),
            };
            fixed.push(Binding { name, span, source });
        }
        let mut dynamic = Vec::with_capacity(builder.dynamic.len());
        for (attr, pending) in builder.dynamic {
            let span = self.span(&attr);
            let key = match self.key(&attr)? {
                Key::Dynamic(key) => key,
                Key::Static(name) => self.code.add(Expr::String(name), span),
            };
            dynamic.push(DynamicBinding { key, value: self.value(pending, None, span)? });
        }
        Ok(Bindings { scoping: builder.scoping, from, fixed, dynamic })
    }

    fn value(&mut self, pending: Pending, name: Option<&Text>, span: Span) -> Res<ExprId> {
        match pending {
            Pending::Expr(expr) => self.named(&expr, name),
            Pending::Set(builder) => {
                let span = builder.span;
                let bindings = self.finish(builder)?;
                Ok(self.code.add(Expr::Attrs(bindings), span))
            }
            Pending::Outer | Pending::From(_) => {
                Err(NixError::new(NixErrorKind::Syntax, "incomplete `inherit`").at(span))
            }
        }
    }
}

/// Adds the definitions of a second piece of a set to the first, whose scoping holds for both.
fn merge(existing: &mut Builder, more: Builder) -> Res<()> {
    let offset = existing.from.len();
    existing.from.extend(more.from);
    for (name, (span, pending)) in more.fixed {
        let pending = match pending {
            Pending::From(index) => Pending::From(index + offset),
            other => other,
        };
        match existing.fixed.entry(name) {
            Entry::Occupied(first) => return Err(twice(first.key(), span, first.get().0)),
            Entry::Vacant(vacant) => {
                vacant.insert((span, pending));
            }
        }
    }
    existing.dynamic.extend(more.dynamic);
    Ok(())
}
