//! Plots as SVG: lines over a logarithmic axis, beside a logarithmic one or one of shares.

use std::fmt::Write as _;

/// A drawing of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// File name without folder.
    pub file: String,
    /// The drawing.
    pub svg: String,
}

/// One line of a chart.
pub(crate) struct Series {
    pub(crate) name: String,
    /// Positive numbers.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A chart before it is drawn.
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) scale: Scale,
    pub(crate) series: Vec<Series>,
}

/// What the vertical axis shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Powers of ten around the values.
    Decades,
    /// 0 to 1.
    Shares,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 56.0;
/// Distinguishable without red and green side by side (Okabe and Ito, 2008).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000"];

/// The vertical axis.
enum Rise {
    Decades(Decades),
    Shares,
}

impl Rise {
    fn share(&self, value: f64) -> f64 {
        match self {
            Rise::Decades(decades) => decades.share(value),
            Rise::Shares => value,
        }
    }

    fn ticks(&self) -> Vec<f64> {
        match self {
            Rise::Decades(decades) => decades.ticks().collect(),
            Rise::Shares => (0..=5).map(|fifth| f64::from(fifth) / 5.0).collect(),
        }
    }
}

/// A range of powers of ten on one axis.
struct Decades {
    low: f64,
    high: f64,
}

impl Decades {
    fn around(values: impl Iterator<Item = f64> + Clone) -> Decades {
        let logs = values.filter(|value| *value > 0.0).map(f64::log10);
        let low = logs.clone().fold(f64::INFINITY, f64::min);
        let high = logs.fold(f64::NEG_INFINITY, f64::max);
        if !low.is_finite() {
            return Decades { low: 0.0, high: 1.0 };
        }
        // A tenth of a decade keeps a value on a power of ten off the frame.
        let (low, high) = ((low - 0.05).floor(), (high + 0.05).ceil());
        Decades { low, high: if high > low { high } else { low + 1.0 } }
    }

    fn share(&self, value: f64) -> f64 {
        (value.max(f64::MIN_POSITIVE).log10() - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.low as i32..=self.high as i32).map(|power| 10_f64.powi(power))
    }
}

impl Chart<'_> {
    pub(crate) fn draw(&self, file: &str) -> Plot {
        let points = || self.series.iter().flat_map(|series| series.points.iter());
        let xs = Decades::around(points().map(|(x, _)| *x));
        let ys = match self.scale {
            Scale::Decades => Rise::Decades(Decades::around(points().map(|(_, y)| *y))),
            Scale::Shares => Rise::Shares,
        };
        let floor = ys.ticks().first().copied().unwrap_or(1.0);
        let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        let place =
            |x: f64, y: f64| (LEFT + xs.share(x) * width, TOP + (1.0 - ys.share(y)) * height);
        let mut out = String::new();
        let mut put = |line: String| {
            writeln!(out, "{line}").expect("a string takes all that is written");
        };
        put(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"13\">"
        ));
        put(format!("<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>"));
        put(label((LEFT, 26.0), "start", self.title));
        for x in xs.ticks() {
            let (at, base) = place(x, floor);
            put(rule((at, TOP), (at, base)));
            put(label((at, base + 20.0), "middle", &short(x)));
        }
        for y in ys.ticks() {
            let (_, at) = place(1.0, y);
            put(rule((LEFT, at), (LEFT + width, at)));
            put(label((LEFT - 8.0, at + 4.0), "end", &short(y)));
        }
        put(label((LEFT + width / 2.0, HEIGHT - 12.0), "middle", self.x));
        put(label((12.0, TOP - 8.0), "start", self.y));
        for (n, series) in self.series.iter().enumerate() {
            let colour = COLOURS[n % COLOURS.len()];
            let path: Vec<String> = series
                .points
                .iter()
                .map(|(x, y)| place(*x, *y))
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            let path = path.join(" ");
            put(format!(
                "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            ));
            for (x, y) in series.points.iter().map(|(x, y)| place(*x, *y)) {
                put(format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"));
            }
            let row = TOP + 12.0 + 20.0 * n as f64;
            let from = LEFT + width + 14.0;
            put(format!(
                "<line x1=\"{from}\" y1=\"{row}\" x2=\"{}\" y2=\"{row}\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                from + 20.0
            ));
            put(label((from + 26.0, row + 4.0), "start", &series.name));
        }
        put("</svg>".to_owned());
        Plot { file: file.to_owned(), svg: out }
    }
}

fn label((x, y): (f64, f64), anchor: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>")
}

fn rule((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    format!(
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#d0d0d0\"/>"
    )
}

/// A power of ten as people write it.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", v / 1e6),
        v if v >= 1e3 => format!("{}k", v / 1e3),
        v => format!("{v}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_shows_its_points() {
        let chart = Chart {
            title: "Latency < 1",
            x: "memories",
            y: "ms",
            scale: Scale::Decades,
            series: vec![Series {
                name: "hybrid".to_owned(),
                points: vec![(10_000.0, 0.5), (100_000.0, 2.0), (1_000_000.0, 9.0)],
            }],
        };
        let plot = chart.draw("growth.svg");
        assert_eq!(plot.svg.matches("<circle").count(), 3);
        for text in ["Latency &lt; 1", ">10k<", ">1M<", ">0.1<", ">10<", ">hybrid<"] {
            assert!(plot.svg.contains(text), "{text}");
        }
        assert!(!plot.svg.contains("NaN") && !plot.svg.contains("inf"));
        for scale in [Scale::Decades, Scale::Shares] {
            let empty = Chart { title: "", x: "", y: "", scale, series: Vec::new() };
            assert!(!empty.draw("e.svg").svg.contains("NaN"));
        }
    }
}
