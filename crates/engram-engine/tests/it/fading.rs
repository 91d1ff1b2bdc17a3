//! The forecast of what fades next, against the curve of each memory.

use engram_engine::{
    DecayLaw, Engine, EngineError, FadingQuery, Feedback, Filter, ForgetMode, MemoryContent,
    NewMemory, OwnDecay, RememberOptions, Verdict, Visibility,
};

use crate::harness::{DAY, Home, NOW, forget, ids, list_ids, remember, settle, text};

fn asked(below: f64, limit: usize) -> FadingQuery {
    FadingQuery { below, within_days: None, limit, filter: Filter::default() }
}

/// The id and the time of every memory that will fall, soonest first, from the curves one by one.
fn by_curves(engine: &Engine) -> Vec<(String, i64)> {
    let mut falls: Vec<(i64, usize, String)> = Vec::new();
    for (place, id) in list_ids(engine, 1_000, Visibility::Active).into_iter().enumerate() {
        let told = engine.retention("default", &id, 365.0).unwrap();
        let half = told.falls.iter().find(|(level, _)| *level == 0.5).unwrap().1;
        let expires = engine.get("default", &id).unwrap().memory.content.expires_at;
        if let Some(at) = half.filter(|at| expires.is_none_or(|expires| expires > *at)) {
            falls.push((at, place, id));
        }
    }
    falls.sort();
    falls.into_iter().map(|(at, _, id)| (id, at)).collect()
}

fn decay(law: DecayLaw, half_life_days: f64) -> Option<OwnDecay> {
    Some(OwnDecay::Fading { law: Some(law), half_life_days: Some(half_life_days) })
}

/// More memories than the tail holds, of all sorts.
fn mixed() -> Vec<NewMemory> {
    let one = |n: i64| {
        let mut memory = text(&format!("m{n:03}"), &format!("word{n} lantern"));
        let content: &mut MemoryContent = &mut memory.content;
        content.occurred_at = (n % 3 != 0).then_some(NOW - (n * 37 % 500) * DAY - n);
        content.tags = vec![if n % 2 == 0 { "even" } else { "odd" }.to_owned()];
        match n % 20 {
            0 => content.decay = decay(DecayLaw::ALL[n as usize / 20 % 5], 3.0 + n as f64),
            1 => content.decay = Some(OwnDecay::Pinned),
            2 => content.occurred_at = Some(NOW + 30 * DAY),
            3 => content.expires_at = Some(NOW + 20 * DAY),
            _ => {}
        }
        memory
    };
    (0..300).map(one).collect()
}

fn filled(home: &Home) -> Engine {
    let engine = home.open();
    remember(&engine, mixed(), RememberOptions::default()).unwrap();
    home.clock.set(NOW + 10 * DAY);
    for (n, verdict) in [(4, Verdict::Useful), (5, Verdict::NotUseful), (40, Verdict::Useful)] {
        let id = format!("m{n:03}");
        let request = Feedback {
            id,
            verdict: Some(verdict),
            reason: String::new(),
            source: String::new(),
            recalled: None,
            pair: None,
            principal: String::new(),
        };
        settle(&engine, |done| engine.feedback("default", request, done)).unwrap();
    }
    forget(&engine, ids(&["m006"]), ForgetMode::Suppress, Default::default()).unwrap();
    forget(&engine, ids(&["m007"]), ForgetMode::Delete, Default::default()).unwrap();
    home.clock.set(NOW + 12 * DAY);
    engine
}

#[test]
fn it_is_what_the_curves_say_one_by_one() {
    let home = Home::new();
    let mut engine = filled(&home);
    let expected = by_curves(&engine);
    assert!(expected.len() > 150, "{}", expected.len());
    for limit in [1, 10, 1_000] {
        let found = engine.fading("default", &asked(0.5, limit)).unwrap();
        assert_eq!(found.falling, expected.len() as u64);
        assert_eq!(found.falling + found.below_now + found.staying, 298);
        let wanted = &expected[..limit.min(expected.len())];
        assert_eq!(found.items.len(), wanted.len());
        for (item, (id, at)) in found.items.iter().zip(wanted) {
            assert_eq!(&item.detail.memory.id, id);
            // The curve is told in 32 bits: 2^-24 of it is a quarter of a millionth of the time where it is flattest.
            let apart = (item.below_ns - at).abs();
            assert!(apart <= (at - NOW + 500 * DAY) / 4_000_000, "{id}: {} {at}", item.below_ns);
        }
    }
    let before = engine.fading("default", &asked(0.5, 1_000)).unwrap();
    engine.close().unwrap();
    engine = home.open_again(engine);
    assert_eq!(engine.fading("default", &asked(0.5, 1_000)).unwrap(), before, "from files");
    assert_eq!(engine.train().unwrap().memories, 0, "nothing counts as used");
}

#[test]
fn time_filter_and_threshold_bound_it() {
    let home = Home::new();
    let engine = filled(&home);
    let all = engine.fading("default", &asked(0.5, 1_000)).unwrap();
    let within = FadingQuery { within_days: Some(60.0), ..asked(0.5, 1_000) };
    let soon = engine.fading("default", &within).unwrap();
    let end = NOW + 72 * DAY;
    let expected: Vec<_> = all.items.iter().filter(|item| item.below_ns <= end).cloned().collect();
    assert_eq!(soon.items, expected);
    assert!(!soon.items.is_empty() && soon.items.len() < all.items.len());
    let filter = Filter { tags_all: vec!["even".to_owned()], ..Filter::default() };
    let even = engine.fading("default", &FadingQuery { filter, ..asked(0.5, 1_000) }).unwrap();
    let tags = |item: &engram_engine::FadingMemory| item.detail.memory.content.tags[0] == "even";
    assert_eq!(even.items, all.items.iter().filter(|i| tags(i)).cloned().collect::<Vec<_>>());
    let high = engine.fading("default", &asked(0.9, 1_000)).unwrap();
    assert!(high.below_now > all.below_now);
    for item in &high.items {
        assert!(item.detail.strength.retrievability >= 0.9 && item.below_ns > NOW + 12 * DAY);
    }
    for wrong in [0.0, 1.0, f64::NAN] {
        let refused = engine.fading("default", &asked(wrong, 10));
        assert!(matches!(refused, Err(EngineError::Invalid { .. })), "{wrong}");
    }
    assert!(engine.fading("default", &asked(0.5, 0)).is_err());
    let never = FadingQuery { within_days: Some(0.0), ..asked(0.5, 10) };
    assert!(engine.fading("default", &never).is_err());
}
