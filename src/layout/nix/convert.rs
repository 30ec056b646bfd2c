//! From the evaluated program to plain data with places.

use std::sync::Arc;

use super::error::{NixError, NixErrorKind, Res};
use super::eval::Evaluator;
use super::heap::CellId;
use super::text::Text;
use super::value::{Attrs, Value as NixValue};
use crate::layout::syntax::source::Span;
use crate::layout::syntax::value::{Attr, Attrs as DataAttrs, DEEPEST, Kind, Value};

/// What a value of the layout takes, beside its text, while it is read: the value itself and what the model makes of it.
const VALUE_BYTES: usize = 128;

/// The kinds of devices that disko knows: a set of nothing else is a devices set.
const DEVICE_KINDS: [&[u8]; 6] = [b"bcachefs_filesystems", b"disk", b"lvm_vg", b"mdadm", b"nodev", b"zpool"];

impl Evaluator<'_> {
    /// The devices in a layout's `config`; `file` is where the layout begins.
    pub(super) fn convert_layout(&mut self, config: CellId, file: CellId) -> Res<Value> {
        let whole = self.heap.span(file);
        let root = self.attrs(config)?;
        if let Some(disko) = root.get(b"disko") {
            let inner = self.attrs(disko.value).map_err(|error| error.at(disko.span))?;
            if let Some(devices) = inner.get(b"devices") {
                let Some(found) = self.force_part(devices.value)? else {
                    return Err(out_of_effect(devices.span));
                };
                let value = self.convert_value(found, devices.value, whole, 0)?;
                let devices = single("devices", devices.span, value);
                return Ok(single("disko", disko.span, devices));
            }
        }
        // A file may give the devices alone. They are data then, and joined as such.
        if root.entries().iter().any(|attr| DEVICE_KINDS.contains(&&*attr.name)) {
            self.bare = true;
            let entries = root.entries().iter().filter(|attr| *attr.name != *b"_module").cloned().collect();
            return self.convert_attrs(&Attrs::from_sorted(entries), whole, 0);
        }
        let names: Vec<String> =
            root.entries().iter().take(5).map(|attr| format!("`{}`", attr.name)).collect();
        let message = if names.is_empty() {
            "the layout defines no `disko.devices`: it is empty".to_owned()
        } else {
            format!("the layout defines no `disko.devices`, only {}", names.join(", "))
        };
        let error = NixError::new(NixErrorKind::Evaluation, message).at(whole);
        Err(match root.get(b"flake") {
            Some(flake) => error
                .other(flake.span, "flake-parts makes modules of what stands here")
                .hint("give the module with the disks a file of its own, or use `--nix`"),
            None => error.hint("devices stand under `disko.devices`, like `disko.devices.disk.main = { … }`"),
        })
    }

    /// A value and everything in it. `near` is the place of a value that no text of the user's wrote.
    pub(super) fn convert(&mut self, cell: CellId, near: Span, depth: usize) -> Res<Value> {
        let value = self.force(cell)?;
        self.convert_value(value, cell, near, depth)
    }

    /// The value of a cell and everything in it.
    fn convert_value(&mut self, value: NixValue, cell: CellId, near: Span, depth: usize) -> Res<Value> {
        self.budget.step()?;
        self.budget.bytes(VALUE_BYTES)?;
        let too_deep = || {
            NixError::new(
                NixErrorKind::Limit,
                format!("the layout's values nest deeper than {DEEPEST} levels"),
            )
            .at(near)
        };
        if depth >= DEEPEST {
            return Err(too_deep());
        }
        let own = self.heap.span(cell);
        let span = if self.is_internal(own) { near } else { own };
        let kind = match value {
            NixValue::Null => Kind::Null,
            NixValue::Bool(value) => Kind::Bool(value),
            NixValue::Int(number) => Kind::Int(number),
            NixValue::Float(number) if number.is_finite() => Kind::Float(number),
            NixValue::Float(_) => return Err(NixError::eval("a number of the layout is not finite").at(span)),
            NixValue::String(text) => Kind::String(self.utf8(&text, span)?),
            NixValue::Path(path) => Kind::Path(self.utf8(&path, span)?),
            NixValue::Closure(_) | NixValue::Builtin(_) => Kind::Opaque { what: "a function" },
            NixValue::List(cells) => {
                let items =
                    cells.iter().map(|cell| self.convert(*cell, span, depth + 1)).collect::<Res<_>>()?;
                Kind::List(items)
            }
            NixValue::Attrs(attrs) if self.is_derivation(&attrs)? => Kind::Opaque { what: "a derivation" },
            NixValue::Attrs(attrs) => return self.convert_attrs(&attrs, span, depth),
        };
        Ok(Value::new(kind, span))
    }

    fn convert_attrs(&mut self, attrs: &Attrs, span: Span, depth: usize) -> Res<Value> {
        let mut converted = DataAttrs::new();
        for attr in attrs.entries() {
            let name_span = if self.is_internal(attr.span) { span } else { attr.span };
            let name = self.utf8(&attr.name, name_span)?;
            let Some(value) = self.force_part(attr.value)? else { continue };
            let value = self.convert_value(value, attr.value, name_span, depth + 1)?;
            converted.set(name, Attr { name_span, value });
        }
        Ok(Value::new(Kind::Attrs(converted), span))
    }

    /// A text that leaves the evaluator. Many values may share one text there, and each has its own here: that counts.
    fn utf8(&mut self, text: &Text, span: Span) -> Res<Arc<str>> {
        self.budget.bytes(text.len())?;
        text.as_str().map(Arc::from).ok_or_else(|| {
            NixError::eval("a string of the layout is not UTF-8: a character was cut in the middle").at(span)
        })
    }
}

/// The error of devices that are defined where no condition holds.
fn out_of_effect(place: Span) -> Box<NixError> {
    NixError::eval("the layout defines `disko.devices`, but the condition (`mkIf`) on it does not hold")
        .at(place)
        .hint("set what it asks for in a file that imports this one: `{ imports = [ ./this.nix ]; my.option = true; }`")
}

/// `{ name = value; }`
fn single(name: &str, name_span: Span, value: Value) -> Value {
    let span = value.span;
    let mut attrs = DataAttrs::new();
    attrs.set(name, Attr { name_span, value });
    Value::new(Kind::Attrs(attrs), span)
}
