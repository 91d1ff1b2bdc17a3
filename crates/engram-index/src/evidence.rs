//! How sure the evidence makes us: the Beta distribution over "this is true".

/// A Beta distribution over a probability: `alpha` counts evidence for, `beta` evidence against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta {
    /// Evidence for, finite and positive.
    pub alpha: f64,
    /// Evidence against, finite and positive.
    pub beta: f64,
}

/// Sources that are told apart; what further ones say counts as said by one.
pub const WITNESSES_MAX: usize = 32;

/// What one source has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Which source it is, for example a hash of its name.
    pub source: u64,
    /// How often it spoke for it.
    pub supports: u32,
    /// How often it spoke against it.
    pub opposes: u32,
}

/// Evidence for and against, by source.
///
/// Sources count alike and add up; the n-th piece of one source in one direction counts 1/n: who repeats himself convinces
/// less and less, and never as much as others who say the same. The order in which evidence comes in does not matter up to
/// 32 sources.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Evidence {
    witnesses: Vec<Witness>,
}

impl Evidence {
    /// Evidence of these sources.
    pub fn of(witnesses: Vec<Witness>) -> Evidence {
        Evidence { witnesses }
    }

    /// What each source has said, in the order of its first word.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Pieces of evidence.
    pub fn pieces(&self) -> u32 {
        let pieces = self.witnesses.iter().map(|w| w.supports.saturating_add(w.opposes));
        pieces.fold(0, u32::saturating_add)
    }

    /// Adds a piece that speaks for it.
    pub fn support(&mut self, source: u64) {
        let witness = self.witness(source);
        witness.supports = witness.supports.saturating_add(1);
    }

    /// Adds a piece that speaks against it.
    pub fn oppose(&mut self, source: u64) {
        let witness = self.witness(source);
        witness.opposes = witness.opposes.saturating_add(1);
    }

    fn witness(&mut self, source: u64) -> &mut Witness {
        let known = self.witnesses.iter().position(|witness| witness.source == source);
        let place = known.unwrap_or_else(|| {
            if self.witnesses.len() < WITNESSES_MAX {
                self.witnesses.push(Witness { source, supports: 0, opposes: 0 });
            }
            self.witnesses.len() - 1
        });
        &mut self.witnesses[place]
    }

    /// What is believed after it, from what was believed before.
    pub fn update(&self, prior: Beta) -> Beta {
        let worth = |pieces: fn(&Witness) -> u32| -> f64 {
            self.witnesses.iter().map(|witness| harmonic(pieces(witness))).sum()
        };
        Beta {
            alpha: prior.alpha + worth(|witness| witness.supports),
            beta: prior.beta + worth(|witness| witness.opposes),
        }
    }
}

/// `1 + 1/2 + ... + 1/n`, from so many terms on by its expansion (Euler; the error is below 1e-9).
fn harmonic(n: u32) -> f64 {
    const TERMS: u32 = 64;
    const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;
    if n <= TERMS {
        return (1..=n).map(|term| 1.0 / f64::from(term)).sum();
    }
    let n = f64::from(n);
    libm::log(n) + EULER_MASCHERONI + 0.5 / n - 1.0 / (12.0 * n * n)
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
        let mirrored = Beta { alpha: self.beta, beta: self.alpha };
        let low = self.quantile(tail);
        (low, (1.0 - mirrored.quantile(tail)).max(low))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// alpha, beta, mass, low, high; from `scipy.stats.beta`, `ppf` and `isf`.
    const KNOWN: [(f64, f64, f64, f64, f64); 11] = [
        (1.0, 1.0, 0.9, 0.05, 0.95),
        (2.0, 1.0, 0.9, 0.22360679774997894, 0.9746794344808964),
        (1.0, 2.0, 0.9, 0.025320565519103604, 0.7763932022500211),
        (0.5, 0.5, 0.95, 0.0015413331334360146, 0.9984586668665639),
        (3.0, 1.5, 0.8, 0.37816036438826145, 0.9135655656953185),
        (20.0, 5.0, 0.95, 0.6261582865113173, 0.928681382801945),
        (1000.0, 10.0, 0.9, 0.9844865775872365, 0.994613426182639),
        (0.01, 0.02, 0.9, 0.0, 1.0),
        (50000.0, 50000.0, 0.95, 0.49690104685250314, 0.5030989531474969),
        (1000000.0, 3.0, 0.9, 0.9999937042324923, 0.9999991823097049),
        (8.0, 2.0, 0.0, 0.820380388019639, 0.820380388019639),
    ];

    #[test]
    fn intervals_equal_those_of_scipy() {
        for (alpha, beta, mass, low, high) in KNOWN {
            let found = Beta { alpha, beta }.interval(mass);
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(
                close(found.0, low) && close(found.1, high),
                "Beta({alpha}, {beta}) {mass}: {found:?} instead of {low}, {high}"
            );
        }
    }

    #[test]
    fn closed_forms() {
        assert_eq!(Beta { alpha: 3.0, beta: 1.0 }.mean(), 0.75);
        let (low, high) = Beta { alpha: 2.0, beta: 1.0 }.interval(0.9);
        assert!((low - 0.05_f64.sqrt()).abs() < 1e-12 && (high - 0.95_f64.sqrt()).abs() < 1e-12);
        assert_eq!(Beta { alpha: 4.0, beta: 2.5 }.interval(1.0), (0.0, 1.0));
    }

    #[test]
    fn a_source_that_repeats_itself_counts_less_each_time() {
        let prior = Beta { alpha: 2.0, beta: 1.0 };
        let mut evidence = Evidence::default();
        evidence.support(7);
        evidence.support(7);
        evidence.oppose(8);
        assert_eq!(evidence.update(prior), Beta { alpha: 3.5, beta: 2.0 });
        assert_eq!(evidence.pieces(), 3);
        let exact: f64 = (1..=1000).map(|n| 1.0 / f64::from(n)).sum();
        assert!((harmonic(1000) - exact).abs() < 1e-9);
        assert!((harmonic(65) - harmonic(64) - 1.0 / 65.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn evidence_moves_belief_its_way_and_in_any_order(
            said in proptest::collection::vec((0..WITNESSES_MAX as u64, any::<bool>()), 0..60),
            source in 0..WITNESSES_MAX as u64,
        ) {
            let prior = Beta { alpha: 2.0, beta: 1.0 };
            let told = |said: &mut dyn Iterator<Item = &(u64, bool)>| {
                let mut evidence = Evidence::default();
                for (source, supports) in said {
                    if *supports { evidence.support(*source) } else { evidence.oppose(*source) }
                }
                evidence
            };
            let (forth, back) = (told(&mut said.iter()), told(&mut said.iter().rev()));
            let [mean, other] = [&forth, &back].map(|e| e.update(prior).mean());
            prop_assert!((mean - other).abs() < 1e-12);
            let [mut more, mut less] = [forth.clone(), forth];
            more.support(source);
            less.oppose(source);
            prop_assert!(more.update(prior).mean() > mean && less.update(prior).mean() < mean);
            prop_assert_eq!(more.pieces() as usize, said.len() + 1);
        }

        #[test]
        fn intervals_hold_their_mass_and_shrink(
            alpha in 0.05..500.0_f64, beta in 0.05..500.0_f64, mass in 0.01..0.999_f64,
        ) {
            let belief = Beta { alpha, beta };
            let (low, high) = belief.interval(mass);
            prop_assert!(0.0 <= low && low <= high && high <= 1.0);
            // Where the density is infinite, neighbouring numbers differ in mass: only the inner ones are exact.
            if alpha >= 1.0 && beta >= 1.0 {
                prop_assert!((belief.at_most(high) - belief.at_most(low) - mass).abs() < 1e-8);
                let mirrored = Beta { alpha: beta, beta: alpha }.interval(mass);
                prop_assert!((low - (1.0 - mirrored.1)).abs() < 1e-9);
            }
            let narrower = belief.interval(mass * 0.5);
            prop_assert!(low <= narrower.0 && narrower.1 <= high);
        }
    }
}
