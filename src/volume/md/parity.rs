//! The two parities of RAID 5 and 6.
//!
//! P is the exclusive or of the data; Q the sum of g^i · D_i in GF(2^8) with the polynomial 0x11d and
//! g = 2, i the number of the data chunk in its stripe. Source: H. Peter Anvin, "The mathematics of
//! RAID-6", sections 1 to 3.

/// `target ^= delta`: how P changes when data changes by `delta`.
pub(super) fn add(target: &mut [u8], delta: &[u8]) {
    for (byte, other) in target.iter_mut().zip(delta) {
        *byte ^= other;
    }
}

/// `target ^= g^index · delta`: how Q changes when data chunk `index` changes by `delta`.
pub(super) fn add_scaled(target: &mut [u8], delta: &[u8], index: usize) {
    let table = multiples(power(index));
    for (byte, other) in target.iter_mut().zip(delta) {
        *byte ^= table[usize::from(*other)];
    }
}

/// A lost data chunk `index` from `sum`, what Q lacks of the other data: `target = sum / g^index`.
pub(super) fn solve_one(target: &mut [u8], sum: &[u8], index: usize) {
    let table = multiples(inverse(power(index)));
    for (byte, other) in target.iter_mut().zip(sum) {
        *byte = table[usize::from(*other)];
    }
}

/// The first of two lost data chunks. `target` has their exclusive or, as P knows it; `sum` what Q lacks of the
/// other data: `x = (sum + g^y · (x + y)) / (g^x + g^y)`.
pub(super) fn solve_two(target: &mut [u8], sum: &[u8], (here, other): (usize, usize)) {
    let scaled = multiples(power(other));
    let divided = multiples(inverse(power(here) ^ power(other)));
    for (byte, sum) in target.iter_mut().zip(sum) {
        *byte = divided[usize::from(*sum ^ scaled[usize::from(*byte)])];
    }
}

/// What gives 1 when multiplied with `value`: its 254th power, for the field has 255 elements beside zero.
fn inverse(value: u8) -> u8 {
    let table = multiples(value);
    (1..254).fold(value, |product, _| table[usize::from(product)])
}

/// g^exponent.
fn power(exponent: usize) -> u8 {
    (0..exponent % 255).fold(1, |value, _| double(value))
}

const fn double(value: u8) -> u8 {
    let reduced = if value & 0x80 == 0 { 0 } else { 0x1d };
    (value << 1) ^ reduced
}

/// The products of `factor` with every byte.
fn multiples(factor: u8) -> [u8; 256] {
    let mut table = [0; 256];
    for (value, place) in (0_u8..=255).zip(&mut table) {
        let (mut product, mut power, mut rest) = (0, factor, value);
        while rest != 0 {
            if rest & 1 != 0 {
                product ^= power;
            }
            power = double(power);
            rest >>= 1;
        }
        *place = product;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_runs_through_all_of_the_field() {
        let mut seen = [false; 256];
        for exponent in 0..255 {
            let value = usize::from(power(exponent));
            assert!(!seen[value], "g^{exponent} again");
            seen[value] = true;
        }
        assert!(!seen[0]);
        for value in 1..=255 {
            assert_eq!(multiples(value)[usize::from(inverse(value))], 1);
        }
        // From the paper: g^8 = 0x1d.
        assert_eq!(power(8), 0x1d);
    }
}
