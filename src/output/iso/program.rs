//! The installer's initrd, with the program that was chosen for it.

use std::path::Path;

use super::{IsoError, Program};
use crate::image::System;
use crate::installer::initrd::{self, InitrdError};

/// The initrd for `system` with a program for its machine.
pub(super) fn initrd(system: &System, program: &Program) -> Result<Vec<u8>, IsoError> {
    match first_fitting(program, &|program| initrd::build(system, program))? {
        Some(made) => Ok(made),
        None => {
            let looked = if let Program::FirstOf(programs) = program { programs.clone() } else { Vec::new() };
            Err(IsoError::NoProgram { architecture: system.generation().architecture, looked })
        }
    }
}

/// What `make` makes of the first program that fits; `None` where none of several does.
///
/// # Errors
///
/// When the one program that was given does not fit, and for every other reason that `make` has.
pub(in crate::output) fn first_fitting<T>(
    program: &Program,
    make: &dyn Fn(&Path) -> Result<T, InitrdError>,
) -> Result<Option<T>, InitrdError> {
    let looked = match program {
        Program::Given(program) => return make(program).map(Some),
        Program::FirstOf(programs) => programs,
    };
    for program in looked {
        match make(program) {
            Err(error) if is_other_program(&error, program) => {}
            made => return made.map(Some),
        }
    }
    Ok(None)
}

/// Whether `error` says that there is no such program, or one that cannot run there.
fn is_other_program(error: &InitrdError, program: &Path) -> bool {
    match error {
        InitrdError::Dynamic { path } | InitrdError::Architecture { path, .. } => path == program,
        InitrdError::Io(error) => error.path() == program && error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}
