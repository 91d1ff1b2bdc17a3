//! How sure the evidence makes us: the Beta distribution over "this is true".

/// A Beta distribution over a probability: `alpha` counts evidence for, `beta` evidence against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta {
    /// Evidence for, finite and positive.
    pub alpha: f64,
    /// Evidence against, finite and positive.
    pub beta: f64,
}

/// Most halvings of the search for a quantile: beyond, f64 in [0, 1] has no more values to tell apart near 1, and the
/// remaining interval is below 1e-60 near 0.
const BISECTIONS_MAX: u32 = 200;
/// Most terms of the continued fraction; it takes about sqrt(max(alpha, beta)) of them.
const FRACTION_TERMS_MAX: u32 = 20_000;

impl Beta {
    /// Expected probability, in (0, 1).
    pub fn mean(self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }

    /// The interval that holds `mass` of the distribution (in [0, 1]) and leaves the same share below and above it.
    /// Panics when a parameter is not finite and positive, or `mass` lies outside [0, 1].
    pub fn interval(self, mass: f64) -> (f64, f64) {
        assert!((0.0..=1.0).contains(&mass), "mass is a share");
        let tail = (1.0 - mass) / 2.0;
        // The upper end is found in the mirrored distribution: 1 - x keeps its digits where x is close to 1.
        let mirrored = Beta {
            alpha: self.beta,
            beta: self.alpha,
        };
        (self.quantile(tail), 1.0 - mirrored.quantile(tail))
    }

    /// Probability that the value is at most `x`: the regularised incomplete beta function I_x(alpha, beta).
    fn at_most(self, x: f64) -> f64 {
        if x <= 0.0 {
            return 0.0;
        }
        if x >= 1.0 {
            return 1.0;
        }
        let (a, b) = (self.alpha, self.beta);
        let ln_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
            + a * libm::log(x)
            + b * libm::log1p(-x);
        let front = libm::exp(ln_front);
        // The fraction converges fast below the mean; above it the mirror image is used (DLMF 8.17.4).
        let share = if x <= (a + 1.0) / (a + b + 2.0) {
            front * continued_fraction(a, b, x) / a
        } else {
            1.0 - front * continued_fraction(b, a, 1.0 - x) / b
        };
        share.clamp(0.0, 1.0)
    }

    /// The value below which `share` of the distribution lies, by bisection: slower than Newton's method, and without
    /// its trouble where the density is flat or infinite.
    fn quantile(self, share: f64) -> f64 {
        assert!(
            self.alpha > 0.0 && self.alpha.is_finite() && self.beta > 0.0 && self.beta.is_finite(),
            "evidence is finite and positive"
        );
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..BISECTIONS_MAX {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if self.at_most(middle) < share {
                low = middle;
            } else {
                high = middle;
            }
        }
        // `high` is the end that reaches the share; for share 0 it has shrunk to nothing.
        if share <= 0.0 { 0.0 } else { high }
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), by the modified Lentz method (Thompson and
/// Barnett 1986).
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for term in 1..=FRACTION_TERMS_MAX {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + coefficient * d);
            c = away_from_zero(1.0 + coefficient / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}
