//! Digests. MD5 and SHA-1 protect nothing, but layouts derive names and host ids with them.

use data_encoding::HEXLOWER;
use sha2::Digest;

use super::{Builtin, builtin};
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::value::Value;

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] =
    &[builtin("hashString", 2, hash_string), builtin("hashFile", 2, hash_file)];

/// The digest in hexadecimal digits.
fn digest(algorithm: &[u8], data: &[u8]) -> Res<Value> {
    let digest: Vec<u8> = match algorithm {
        b"md5" => md5::Md5::digest(data).to_vec(),
        b"sha1" => sha1::Sha1::digest(data).to_vec(),
        b"sha256" => sha2::Sha256::digest(data).to_vec(),
        b"sha512" => sha2::Sha512::digest(data).to_vec(),
        other => {
            let name = String::from_utf8_lossy(other);
            return Err(NixError::eval(format!("unknown hash `{name}`"))
                .hint("`md5`, `sha1`, `sha256` and `sha512` are known"));
        }
    };
    Ok(Value::text(HEXLOWER.encode(&digest)))
}

fn hash_string(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let algorithm = eval.string_of(arguments[0])?;
    let text = eval.string_of(arguments[1])?;
    eval.budget.bytes(text.len())?;
    digest(&algorithm, &text)
}

fn hash_file(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let algorithm = eval.string_of(arguments[0])?;
    let path = eval.path(arguments[1])?;
    let data = eval.files.read(&path)?;
    eval.budget.bytes(data.len())?;
    digest(&algorithm, &data)
}
