//! Half precision (IEEE 754 binary16) as bits in a `u16`.

/// The number that `bits` stand for; every half-precision number is an f32.
pub fn f16_value(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10) & 31;
    let fraction = u32::from(bits) & 0x3ff;
    let magnitude = match (exponent, fraction) {
        // Subnormal: a multiple of 2^-24, exact in f32.
        (0, _) => (fraction as f32 * (1.0 / 16_777_216.0)).to_bits(),
        (31, 0) => f32::INFINITY.to_bits(),
        (31, _) => f32::NAN.to_bits(),
        _ => ((exponent + 127 - 15) << 23) | (fraction << 13),
    };
    f32::from_bits(sign | magnitude)
}

/// The half-precision number nearest to `value`, ties to even; what is too large becomes infinite.
pub fn f16_bits(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > f32::INFINITY.to_bits() {
        return sign | 0x7e00;
    }
    // 65,520 lies half way between the largest half-precision number and the next power of two.
    if magnitude >= 65_520.0_f32.to_bits() {
        return sign | 0x7c00;
    }
    if magnitude < (1.0_f32 / 16_384.0).to_bits() {
        // Adding 0.5 moves the multiple of 2^-24 into the low bits and rounds it to even.
        let shifted = (f32::from_bits(magnitude) + 0.5).to_bits();
        return sign | (shifted - 0.5_f32.to_bits()) as u16;
    }
    let odd = (magnitude >> 13) & 1;
    let rounded = magnitude + 0xfff + odd - ((127 - 15) << 23);
    sign | (rounded >> 13) as u16
}
