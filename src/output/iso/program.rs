//! The installer's initrd, with the program that was chosen for it.

use std::path::Path;

use super::{IsoError, Program};
use crate::image::System;
use crate::installer::initrd::{self, InitrdError};

/// The initrd for `system` with a program for its machine.
pub(super) fn initrd(system: &System, program: &Program) -> Result<Vec<u8>, IsoError> {
    let looked = match program {
        Program::Given(program) => return Ok(initrd::build(system, program)?),
        Program::FirstOf(programs) => programs,
    };
    for program in looked {
        match initrd::build(system, program) {
            Err(error) if is_other_program(&error, program) => {}
            made => return Ok(made?),
        }
    }
    let architecture = system.generation().architecture;
    Err(IsoError::NoProgram { architecture, looked: looked.clone() })
}

/// Whether `error` says that there is no such program, or one that cannot run there.
fn is_other_program(error: &InitrdError, program: &Path) -> bool {
    match error {
        InitrdError::Dynamic { path } | InitrdError::Architecture { path, .. } => path == program,
        InitrdError::Io(error) => error.path() == program && error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}
