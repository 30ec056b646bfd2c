//! Functions and what they take.

use rnix::ast;

use super::super::ast::{Formal, Lambda, Parameter};
use super::super::error::{NixError, NixErrorKind, Res};
use super::super::text::Text;
use super::Lowerer;
use crate::layout::syntax::source::Span;

impl Lowerer<'_> {
    /// Lowers a function.
    pub(super) fn lambda(&mut self, node: &ast::Lambda, name: Option<&Text>) -> Res<Lambda> {
        let parameter = match node.param() {
            Some(ast::Param::IdentParam(param)) => {
                let Some(ident) = param.ident() else { return Err(self.incomplete(&param)) };
                self.scopes.push_names(vec![ident.to_string().into()]);
                Ok(Parameter::Whole)
            }
            Some(ast::Param::Pattern(pattern)) => self.pattern(&pattern),
            None => return Err(self.incomplete(node)),
        };
        let lowered = parameter.and_then(|parameter| {
            let Some(body) = node.body() else { return Err(self.incomplete(node)) };
            // `f = a: b: …`: both functions are `f` to a reader.
            let body = self.named(&body, name)?;
            Ok(Lambda { parameter, body, name: name.cloned(), span: self.span(node) })
        });
        self.scopes.pop();
        lowered
    }

    /// Enters the scope of a pattern and lowers its defaults there: each may use the other names.
    fn pattern(&mut self, pattern: &ast::Pattern) -> Res<Parameter> {
        let mut entries: Vec<(Text, Span, Option<ast::Expr>)> = Vec::new();
        for entry in pattern.pat_entries() {
            let Some(ident) = entry.ident() else { return Err(self.incomplete(&entry)) };
            // rnix numbers the default after the name; without a `?` that place is empty.
            let default = entry.question_token().and_then(|_| entry.default());
            entries.push((ident.to_string().into(), self.span(&ident), default));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let mut names: Vec<Text> = entries.iter().map(|(name, ..)| name.clone()).collect();
        let bound = pattern.pat_bind().and_then(|bind| bind.ident());
        let twice = entries.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| (pair[1].1, pair[0].1));
        let twice = twice.or_else(|| {
            let ident = bound.as_ref()?;
            let name = Text::from(ident.to_string());
            entries.iter().find(|(other, ..)| *other == name).map(|(_, span, _)| (self.span(ident), *span))
        });
        names.extend(bound.as_ref().map(|ident| Text::from(ident.to_string())));
        self.scopes.push_names(names);
        if let Some((second, first)) = twice {
            return Err(NixError::new(NixErrorKind::Syntax, "the function names an argument twice")
                .at(second)
                .other(first, "first named here"));
        }
        let formals = entries
            .into_iter()
            .map(|(name, span, default)| {
                let default = default.map(|default| self.expr(&default)).transpose()?;
                Ok(Formal { name, span, default })
            })
            .collect::<Res<_>>()?;
        let open = pattern.ellipsis_token().is_some();
        Ok(Parameter::Pattern { formals, open, bound: bound.is_some() })
    }
}
