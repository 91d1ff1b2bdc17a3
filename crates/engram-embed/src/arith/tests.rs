use super::*;

#[test]
fn exp_is_close_to_the_exact_one() {
    for i in 0..87_000 {
        let x = -(i as f32) / 1000.0;
        let exact = libm::exp(f64::from(x));
        let error = (f64::from(exp_negative(x)) - exact).abs() / exact;
        assert!(error < 2e-7, "exp({x}): {error}");
    }
    assert!(exp_negative(-1e9) < 1e-37);
}

#[test]
fn gelu_is_close_to_the_exact_one() {
    for i in -12_000..12_000 {
        let x = i as f32 / 1000.0;
        let wide = f64::from(x);
        let exact = 0.5 * wide * libm::erfc(-wide / std::f64::consts::SQRT_2);
        let error = (f64::from(gelu_value(x)) - exact).abs();
        assert!(error <= wide.abs() * 3e-7, "gelu({x}): {error}");
    }
}

#[test]
fn half_precision_round_trips() {
    for bits in 0..0x7c00u16 {
        assert_eq!(f16_from_f32(f16_to_f32(bits)), bits);
    }
    assert_eq!(f16_to_f32(0xc000), -2.0);
    assert_eq!(f16_from_f32(1.0 + 1.0 / 2048.0), 0x3c00, "ties go to even");
    assert_eq!(f16_from_f32(1.0 + 3.0 / 2048.0), 0x3c02, "ties go to even");
    assert_eq!(f16_from_f32(1e9), 0x7bff);
}

#[test]
fn quantised_blocks_stay_within_half_a_step() {
    let x: Vec<f32> = (0..128).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.013).collect();
    let mut out = QuantisedRows::default();
    quantise(&x, 64, &mut out);
    assert_eq!((out.rows, out.steps.len()), (2, 2));
    for (i, &value) in x.iter().enumerate() {
        let step = out.steps[i / BLOCK];
        let got = out.middles[i / BLOCK] + f32::from(out.values[i]) * step;
        assert!((got - value).abs() <= step * 0.501, "{got} for {value}");
    }
    let sum: i32 = out.values[..64].iter().map(|&v| i32::from(v)).sum();
    assert_eq!(out.sums[0], sum);
    quantise(&[0.25; 64], 64, &mut out);
    assert_eq!((out.middles[0], out.steps[0], out.values[0]), (0.25, 0.0, 0));
}

#[test]
fn attention_is_a_weighted_mean_of_values() {
    let shape = Heads { tokens: 19, hidden: 32, heads: 2 };
    let mixed: Vec<f32> =
        (0..19 * 96).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 300.0).collect();
    let mut out = vec![0.0; 19 * 32];
    attention(&mixed, shape, &mut AttentionScratch::default(), &mut out);
    for (token, head, d) in [(0, 0, 0), (7, 1, 5), (18, 1, 15)] {
        let at = |token: usize, part: usize, d: usize| {
            f64::from(mixed[token * 96 + part * 32 + head * 16 + d])
        };
        let weight = |key: usize| {
            let dot: f64 = (0..16).map(|d| at(token, 0, d) * at(key, 1, d)).sum();
            libm::exp(dot / 4.0)
        };
        let total: f64 = (0..19).map(weight).sum();
        let exact: f64 = (0..19).map(|key| weight(key) * at(key, 2, d)).sum::<f64>() / total;
        let got = f64::from(out[token * 32 + head * 16 + d]);
        assert!((got - exact).abs() < 1e-5, "token {token}: {got} for {exact}");
    }
}
