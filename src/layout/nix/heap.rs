//! Where delayed values and scopes live: arrays that only grow, addressed by number.
//!
//! Numbers instead of references make cycles (every `rec` is one) free to build and to drop, keep the dropping of a list of a
//! million nested lists from recursing, and let one limit bound all memory.

use super::ast::ExprId;
use super::error::Res;
use super::limits::Budget;
use super::module::Task;
use super::text::Text;
use super::value::Value;
use crate::layout::syntax::source::Span;

/// A value, perhaps not yet computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CellId(u32);

/// A frame of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EnvId(u32);

/// The state of a cell.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// Computed.
    Value(Value),
    /// To be computed from the program's text.
    Delayed(ExprId, EnvId),
    /// A function to be called with an argument.
    Call(CellId, CellId),
    /// A function to be called with two arguments.
    Call2(CellId, CellId, CellId),
    /// An attribute to be taken from a set.
    Select(CellId, Text),
    /// Work of the module system.
    Module(std::rc::Rc<Task>),
    /// Being computed; the value that asks needs itself.
    Busy,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Frame {
    /// Values of a function's parameters, a `let` or a `rec`: slots from `first`.
    Slots {
        /// Index of slot 0.
        first: u32,
    },
    /// The set of a `with`.
    With(CellId),
    /// The outermost frame.
    Empty,
}

/// All cells and frames of an evaluation.
#[derive(Debug, Default)]
pub(super) struct Heap {
    cells: Vec<Cell>,
    spans: Vec<Span>,
    frames: Vec<(Frame, EnvId)>,
    slots: Vec<CellId>,
}

impl Heap {
    /// Adds a cell; `span` is the text it comes from.
    pub(super) fn add(&mut self, cell: Cell, span: Span) -> Res<CellId> {
        Budget::cells(self.cells.len())?;
        let id = CellId(number(self.cells.len()));
        self.cells.push(cell);
        self.spans.push(span);
        Ok(id)
    }

    /// The state of a cell.
    pub(super) fn get(&self, id: CellId) -> &Cell {
        &self.cells[index(id.0)]
    }

    /// Changes the state of a cell and gives the former.
    pub(super) fn replace(&mut self, id: CellId, cell: Cell) -> Cell {
        std::mem::replace(&mut self.cells[index(id.0)], cell)
    }

    /// The text a cell comes from.
    pub(super) fn span(&self, id: CellId) -> Span {
        self.spans[index(id.0)]
    }

    /// Says what text a cell comes from.
    pub(super) fn set_span(&mut self, id: CellId, span: Span) {
        self.spans[index(id.0)] = span;
    }

    /// Adds a frame within `parent`; the outermost is its own parent.
    pub(super) fn frame(&mut self, frame: Frame, parent: Option<EnvId>) -> Res<EnvId> {
        Budget::cells(self.frames.len())?;
        let id = EnvId(number(self.frames.len()));
        self.frames.push((frame, parent.unwrap_or(id)));
        Ok(id)
    }

    /// Adds a frame of slots, all holding `fill` until they are set.
    pub(super) fn slots(&mut self, count: usize, fill: CellId, parent: EnvId) -> Res<EnvId> {
        Budget::cells(self.slots.len().saturating_add(count))?;
        let first = number(self.slots.len());
        self.slots.resize(self.slots.len() + count, fill);
        self.frame(Frame::Slots { first }, Some(parent))
    }

    /// Sets a slot of a frame that has it.
    pub(super) fn set_slot(&mut self, env: EnvId, slot: usize, cell: CellId) {
        if let (Frame::Slots { first }, _) = self.frames[index(env.0)] {
            self.slots[index(first) + slot] = cell;
        }
    }

    /// The cell in a slot of the frame `up` levels out.
    pub(super) fn slot(&self, env: EnvId, up: u32, slot: u32) -> Option<CellId> {
        match self.frames[index(self.out(env, up).0)].0 {
            Frame::Slots { first } => self.slots.get(index(first) + index(slot)).copied(),
            Frame::With(_) | Frame::Empty => None,
        }
    }

    /// The frame `up` levels out.
    pub(super) fn out(&self, mut env: EnvId, up: u32) -> EnvId {
        for _ in 0..up {
            env = self.frames[index(env.0)].1;
        }
        env
    }

    /// The set of the nearest `with` at `env` or outside it, and the frame around that `with`.
    pub(super) fn nearest_with(&self, mut env: EnvId) -> Option<(CellId, EnvId)> {
        loop {
            let (frame, parent) = self.frames[index(env.0)];
            match frame {
                Frame::With(cell) => return Some((cell, parent)),
                Frame::Empty => return None,
                Frame::Slots { .. } => env = parent,
            }
        }
    }
}

/// A length as a number of a cell or frame; the limit on cells keeps lengths far below 2³².
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A number of a cell or frame as an index.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
