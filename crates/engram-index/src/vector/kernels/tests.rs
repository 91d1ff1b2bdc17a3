use super::*;

/// Deterministic noise (xorshift64*).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }

    /// Any finite value: subnormal, huge, zero of either sign.
    fn extreme(&mut self) -> f32 {
        match self.next() % 8 {
            0 => f32::MAX,
            1 => -f32::MAX,
            2 => f32::from_bits(1 + (self.next() % 1000) as u32),
            3 => -0.0,
            4 => -f32::MIN_POSITIVE,
            5 => 1e-23 * self.unit(),
            6 => 1e20 * self.unit(),
            _ => self.unit(),
        }
    }
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

fn check(a: &[f32], b: &[f32]) {
    let scalar = Kernels::scalar();
    let dot = (scalar.dot_f32)(a, b);
    let l2 = (scalar.l2_f32)(a, b);
    for kernels in Kernels::available() {
        let found = (kernels.dot_f32)(a, b);
        assert!(same(found, dot), "{} dot of {}: {found:e}, not {dot:e}", kernels.name, a.len());
        let found = (kernels.l2_f32)(a, b);
        assert!(same(found, l2), "{} l2 of {}: {found:e}, not {l2:e}", kernels.name, a.len());
    }
    let halves: Vec<u16> = b.iter().map(|&x| f16_bits(x)).collect();
    let values: Vec<f32> = halves.iter().map(|&bits| f16_value(bits)).collect();
    let dot = (scalar.dot_f32)(a, &values);
    for kernels in Kernels::available() {
        let found = (kernels.dot_f16)(a, &halves);
        assert!(same(found, dot), "{} f16 of {}: {found:e}, not {dot:e}", kernels.name, a.len());
    }
}

#[test]
fn every_kernel_returns_the_same_bits_for_every_length() {
    let mut noise = Noise(7);
    let a: Vec<f32> = (0..4100).map(|_| noise.unit()).collect();
    let b: Vec<f32> = (0..4100).map(|_| noise.unit()).collect();
    for length in 0..=4096 {
        // Different offsets modulo any vector width.
        let (at, other) = (length % 4, (length / 3) % 4);
        check(&a[at..at + length], &b[other..other + length]);
    }
}

#[test]
fn every_kernel_returns_the_same_bits_for_extreme_values() {
    let mut noise = Noise(11);
    for round in 0..20_000 {
        let length = 1 + round % 70;
        let a: Vec<f32> = (0..length).map(|_| noise.extreme()).collect();
        let b: Vec<f32> = (0..length).map(|_| noise.extreme()).collect();
        check(&a, &b);
    }
    for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for place in 0..40 {
            let mut a = vec![0.5; 40];
            a[place] = special;
            check(&a, &[-0.0; 40]);
            check(&a, &a);
        }
    }
}

#[test]
fn the_order_of_operations_is_the_documented_one() {
    // 2^24 + 1 rounds to 2^24, so each sum shows which lanes met first.
    let big = 16_777_216.0;
    let with = |places: &[(usize, f32)]| {
        let mut a = vec![0.0; 32];
        for &(place, value) in places {
            a[place] = value;
        }
        (Kernels::scalar().dot_f32)(&a, &[1.0; 32])
    };
    // Elements 0 and 16 share lane 0: the one is lost before anything else is added.
    assert_eq!(with(&[(0, big), (16, 1.0), (8, -big)]), 0.0);
    // Lanes 0 and 8 meet on the first level of the tree, 4 on the second.
    assert_eq!(with(&[(0, big), (8, -big), (4, 1.0)]), 1.0);
    assert_eq!(with(&[(0, big), (4, -big), (8, 1.0)]), 0.0);
    assert_eq!(with(&[(0, big), (2, -big), (4, 1.0)]), 0.0);
    assert_eq!(with(&[(0, big), (4, -big), (2, 1.0)]), 1.0);
    assert_eq!(with(&[(0, big), (1, -big), (2, 1.0)]), 0.0);
    // One rounding: the square of 1 + 2^-23 minus its rounded value is 2^-46.
    let x = 1.0 + f32::EPSILON;
    let mut a = vec![0.0; 17];
    let mut b = vec![0.0; 17];
    (a[0], b[0]) = (1.0, -(x * x));
    (a[16], b[16]) = (x, x);
    assert_eq!((Kernels::scalar().dot_f32)(&a, &b), f32::EPSILON * f32::EPSILON);
}

#[test]
fn results_are_close_to_exact_sums() {
    let mut noise = Noise(3);
    for length in [1, 15, 16, 17, 384, 1000, 4096] {
        let a: Vec<f32> = (0..length).map(|_| noise.unit()).collect();
        let b: Vec<f32> = (0..length).map(|_| noise.unit()).collect();
        let pairs = || a.iter().zip(&b).map(|(&x, &y)| (f64::from(x), f64::from(y)));
        let dot: f64 = pairs().map(|(x, y)| x * y).sum();
        let l2: f64 = pairs().map(|(x, y)| (x - y) * (x - y)).sum();
        let best = Kernels::best();
        assert!((f64::from((best.dot_f32)(&a, &b)) - dot).abs() < 1e-6 * length as f64);
        assert!((f64::from((best.l2_f32)(&a, &b)) - l2).abs() < 1e-6 * length as f64);
    }
}

#[test]
fn bytes_are_summed_exactly() {
    let mut noise = Noise(5);
    let a: Vec<i8> = (0..4100).map(|_| noise.next() as i8).collect();
    let b: Vec<i8> = (0..4100).map(|_| noise.next() as i8).collect();
    for length in 0..=4096 {
        let (x, y) = (&a[length % 4..][..length], &b[length % 3..][..length]);
        let exact: i64 = x.iter().zip(y).map(|(&x, &y)| i64::from(x) * i64::from(y)).sum();
        for kernels in Kernels::available() {
            assert_eq!(i64::from((kernels.dot_i8)(x, y)), exact, "{} of {length}", kernels.name);
        }
    }
    let lowest = vec![-128; DOT_I8_ELEMENTS_MAX];
    for kernels in Kernels::available() {
        assert_eq!((kernels.dot_i8)(&lowest, &lowest), 131_071 * 16_384, "{}", kernels.name);
    }
}

#[test]
fn different_lengths_are_refused_by_every_kernel() {
    for kernels in Kernels::available() {
        let refused =
            |call: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err();
        assert!(
            refused(&|| {
                (kernels.dot_f32)(&[1.0; 17], &[1.0; 18]);
            }),
            "{}",
            kernels.name
        );
        assert!(
            refused(&|| {
                (kernels.l2_f32)(&[1.0; 33], &[1.0; 17]);
            }),
            "{}",
            kernels.name
        );
        assert!(
            refused(&|| {
                (kernels.dot_f16)(&[1.0; 33], &[1; 17]);
            }),
            "{}",
            kernels.name
        );
        let rows = NibbleRows { bytes: &[0; 256], stride: 64 };
        for (query, wanted, sums) in
            [(&[1; 128][..], &[4][..], 1), (&[1; 127], &[0], 1), (&[1; 128], &[0, 1], 1)]
        {
            assert!(
                refused(&|| {
                    (kernels.dot_nibbles)(query, rows, wanted, &mut vec![0; sums]);
                }),
                "{}",
                kernels.name
            );
        }
        assert!(
            refused(&|| {
                (kernels.dot_i8)(&[1; 33], &[1; 32]);
            }),
            "{}",
            kernels.name
        );
        let long = vec![0; DOT_I8_ELEMENTS_MAX + 1];
        assert!(
            refused(&|| {
                (kernels.dot_i8)(&long, &long);
            }),
            "{}",
            kernels.name
        );
    }
}

#[test]
fn the_best_is_the_last_of_the_available() {
    let names: Vec<&str> = Kernels::available().iter().map(|kernels| kernels.name).collect();
    assert_eq!(names.first(), Some(&"scalar"));
    assert_eq!(names.last(), Some(&Kernels::best().name));
}

#[test]
fn nibbles_are_multiplied_exactly() {
    let mut noise = Noise(13);
    for blocks in 0..=32 {
        let query: Vec<i8> = (0..blocks * NIBBLE_BLOCK).map(|_| noise.next() as i8).collect();
        let stride = blocks * NIBBLE_BLOCK_BYTES + 12;
        let bytes: Vec<u8> = (0..7 * stride).map(|_| noise.next() as u8).collect();
        let wanted = [3, 0, 6, 3, 5];
        let exact = wanted.map(|row| {
            let element = |i: usize| {
                let (block, place) = (i / NIBBLE_BLOCK, i % NIBBLE_BLOCK);
                let at = row as usize * stride + block * NIBBLE_BLOCK_BYTES + place % 64;
                bytes[at] >> (4 * (place / 64)) & 15
            };
            let product = |(i, &q): (usize, &i8)| i64::from(q) * i64::from(element(i));
            query.iter().enumerate().map(product).sum::<i64>()
        });
        for kernels in Kernels::available() {
            let mut sums = [1; 5];
            let rows = NibbleRows { bytes: &bytes, stride };
            (kernels.dot_nibbles)(&query, rows, &wanted, &mut sums);
            assert_eq!(sums.map(i64::from), exact, "{} of {blocks} blocks", kernels.name);
        }
    }
    let (low, high) = ([-128; 4096], [127; 4096]);
    for kernels in Kernels::available() {
        for (query, sum) in [(&low, -128 * 15 * 4096), (&high, 127 * 15 * 4096)] {
            let mut sums = [0];
            let rows = NibbleRows { bytes: &[255; 2048], stride: 2048 };
            (kernels.dot_nibbles)(query, rows, &[0], &mut sums);
            assert_eq!(sums, [sum], "{}", kernels.name);
        }
    }
}

#[test]
fn half_precision_goes_there_and_back() {
    for bits in 0..=u16::MAX {
        let value = f16_value(bits);
        if value.is_nan() {
            assert!(bits & 0x7fff > 0x7c00 && f16_value(f16_bits(value)).is_nan());
            continue;
        }
        assert_eq!(f16_bits(value), bits, "{value:e}");
        if bits & 0x7fff < 0x7bff {
            // Half way to the next number: to the even one; beyond: to the nearer one.
            let next = f16_value(bits + 1);
            let middle = (value + next) / 2.0;
            assert_eq!(f16_bits(middle), bits + (bits & 1), "{middle:e}");
            let (toward, away) = if next > value {
                (middle.next_down(), middle.next_up())
            } else {
                (middle.next_up(), middle.next_down())
            };
            assert_eq!((f16_bits(toward), f16_bits(away)), (bits, bits + 1), "{middle:e}");
        }
    }
    assert_eq!(f16_value(0x3c00), 1.0);
    assert_eq!(f16_value(0x0001), 2.0_f32.powi(-24));
    assert_eq!(f16_value(0x7bff), 65_504.0);
    assert_eq!(
        [65_519.9, 65_520.0, f32::MAX, -f32::INFINITY].map(f16_bits),
        [0x7bff, 0x7c00, 0x7c00, 0xfc00]
    );
    assert_eq!(f16_bits(1e-30), 0);
}

#[test]
fn cosine_is_the_normalised_dot_product() {
    for kernels in Kernels::available() {
        assert_eq!(kernels.cosine_f32(&[3.0, 4.0], &[6.0, 8.0]), 1.0);
        assert_eq!(kernels.cosine_f32(&[3.0, 4.0], &[-4.0, 3.0]), 0.0);
        assert!(kernels.cosine_f32(&[0.0, 0.0], &[1.0, 0.0]).is_nan());
    }
}
