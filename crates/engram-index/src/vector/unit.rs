//! Unit norm: what makes a dot product a cosine.

use std::fmt;

/// Why a vector has no direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorError {
    /// A component is NaN or infinite.
    NonFinite {
        /// Index of the first such component.
        position: usize,
    },
    /// All components are zero, or there are none.
    Zero,
}

impl fmt::Display for VectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VectorError::NonFinite { position } => {
                write!(f, "component {position} of the vector is not finite")
            }
            VectorError::Zero => f.write_str("the zero vector has no direction"),
        }
    }
}

impl std::error::Error for VectorError {}

/// Scales `v` to Euclidean length 1, in place. Sums in f64 after dividing by the largest magnitude, so neither huge nor
/// subnormal components overflow or vanish; one fixed order, so the result has the same bits everywhere.
///
/// # Errors
/// Refuses a vector with a non-finite component or without a direction; `v` is then unchanged.
pub fn normalise(v: &mut [f32]) -> Result<(), VectorError> {
    if let Some(position) = v.iter().position(|x| !x.is_finite()) {
        return Err(VectorError::NonFinite { position });
    }
    let largest = v.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    if largest == 0.0 {
        return Err(VectorError::Zero);
    }
    let largest = f64::from(largest);
    let mut sum = 0.0_f64;
    for &x in v.iter() {
        let scaled = f64::from(x) / largest;
        sum += scaled * scaled;
    }
    // Square root is correctly rounded by IEEE 754, unlike the functions taken from libm.
    let length = sum.sqrt();
    for x in v.iter_mut() {
        *x = (f64::from(*x) / largest / length) as f32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(v: &[f32]) -> f64 {
        v.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
    }

    #[test]
    fn any_finite_direction_becomes_unit() {
        for v in [
            vec![3.0, 4.0],
            vec![f32::MAX, f32::MAX, -f32::MAX],
            vec![f32::from_bits(1), 0.0],
            vec![1e-30, 1e30],
            vec![-0.0, -7.0],
        ] {
            let mut unit = v.clone();
            normalise(&mut unit).unwrap();
            assert!((length(&unit) - 1.0).abs() < 1e-6, "{v:?} became {unit:?}");
            assert!(v.iter().zip(&unit).all(|(x, y)| x * y >= 0.0), "direction of {v:?}");
        }
    }

    #[test]
    fn what_has_no_direction_is_refused_and_unchanged() {
        let mut v = [1.0, f32::NAN, f32::INFINITY];
        assert_eq!(normalise(&mut v), Err(VectorError::NonFinite { position: 1 }));
        assert_eq!(v[0], 1.0);
        assert_eq!(normalise(&mut [0.0, -0.0]), Err(VectorError::Zero));
        assert_eq!(normalise(&mut []), Err(VectorError::Zero));
    }
}
