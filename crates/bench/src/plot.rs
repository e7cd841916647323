//! Plot of the aims: a bar for each, as long as its figure is of its aim, so that all of them end at one line.
//!
//! Invariant: the picture is well-formed for any text, and readable on light and on dark.

use crate::goal::{Goal, Verdict};
use crate::report::Report;
use std::fmt::Write;

const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .small { font-size: 11px; fill: #57606a }
  .grid { stroke: #d0d7de }
  .aim { stroke: #24292f; stroke-width: 1.5 }
  .met { fill: #0969da }
  .missed { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .aim { stroke: #e6edf3 }
    .met { fill: #4493f8 }
    .missed { fill: #db6d28 }
  }
";
/// Left and right end of the bars, top of the first one, and distance between two, in units of the picture.
const LEFT: f64 = 500.0;
const RIGHT: f64 = 820.0;
const TOP: f64 = 66.0;
const STEP: f64 = 24.0;
/// Maximum number of powers of ten that are shown to either side of the aim; a bar beyond them is cut.
const MOST: i32 = 2;

/// Returns the picture of a report's aims.
pub fn svg(report: &Report) -> String {
    let bars: Vec<(&Goal, f64)> = report.goals.iter().filter_map(|goal| Some((goal, goal.of_aim()?.log10()))).collect();
    let reach = |power: f64| (power.abs().ceil() as i32).clamp(1, MOST);
    let low = bars.iter().filter(|bar| bar.1 < 0.0).map(|bar| reach(bar.1)).max().unwrap_or(1);
    let high = bars.iter().filter(|bar| bar.1 > 0.0).map(|bar| reach(bar.1)).max().unwrap_or(1);
    let x = |power: f64| {
        let power = power.clamp(f64::from(-low), f64::from(high));
        LEFT + (RIGHT - LEFT) * (power + f64::from(low)) / f64::from(low + high)
    };
    let bottom = TOP + STEP * bars.len() as f64;
    let title = "Figures against their aims, logarithmic: right of the line is better";
    let machine = &report.machine;
    let on = if report.store == "embedded" { "embedded database" } else { "PostgreSQL" };
    let about = format!("{on}; {} cores, {}; client and server on the same machine", machine.cores, machine.cpu);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 {}\" role=\"img\" aria-label=\"{title}\">\n\
         <style>{STYLE}</style>\n<text x=\"10\" y=\"24\" font-weight=\"600\">{title}</text>\n\
         <text class=\"small\" x=\"10\" y=\"42\">{}</text>\n",
        bottom + 30.0,
        escape(&about)
    );
    for power in -low..=high {
        let (at, class) = (x(f64::from(power)), if power == 0 { "aim" } else { "grid" });
        let label = match power {
            0 => "the aim".to_owned(),
            power if power < 0 => format!("1/{} of it", 10_i32.pow(power.unsigned_abs())),
            power => format!("{} ×", 10_i32.pow(power.unsigned_abs())),
        };
        line(&mut text, class, at, bottom);
        label_at(&mut text, at, bottom + 16.0, &label);
    }
    for (n, (goal, power)) in bars.iter().enumerate() {
        bar(&mut text, TOP + STEP * n as f64, goal, x(*power));
    }
    text.push_str("</svg>\n");
    text
}

fn line(text: &mut String, class: &str, at: f64, bottom: f64) {
    let top = TOP - 6.0;
    writeln!(text, "<line class=\"{class}\" x1=\"{at:.1}\" y1=\"{top}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>")
        .expect("a text takes all");
}

fn label_at(text: &mut String, at: f64, y: f64, label: &str) {
    writeln!(text, "<text class=\"small\" x=\"{at:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>")
        .expect("a text takes all");
}

fn bar(text: &mut String, y: f64, goal: &Goal, end: f64) {
    let class = if goal.verdict == Verdict::Missed { "missed" } else { "met" };
    let measured = goal.measured.map(|figure| goal.unit.text(figure)).unwrap_or_default();
    let (what, aim) = (escape(&goal.what), escape(&goal.aim_text()));
    let (name, under, width, after) = (LEFT - 10.0, y + 13.0, (end - LEFT).max(1.0), end + 6.0);
    let number = goal.number;
    write!(
        text,
        "<text class=\"small\" x=\"{name}\" y=\"{under}\" text-anchor=\"end\">{number} {what}</text>\n\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\" rx=\"2\"/>\n\
         <text class=\"small\" x=\"{after:.1}\" y=\"{under}\">{measured} ({aim})</text>\n"
    )
    .expect("a text takes all");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::report::HalfLoad;
    use scrip::benchmark::machine::Machine;

    fn picture(cpu: &str) -> String {
        let (kernel, cpu) = ("linux".to_owned(), cpu.to_owned());
        let machine = Machine { cores: 2, cpu, kernel, fdatasync_p50_us: 1, fdatasync_p99_us: 2 };
        let plan = Plan {
            seconds: 1.0,
            workspaces: 1,
            connections: vec![1],
            entries: 0,
            only: Vec::new(),
            on_server: false,
            directory: ".".into(),
        };
        let mut report = Report::new(&plan, machine);
        let (p99_us, append_p99_us, times) = (90_000, 1, 90_000.0);
        report.half_load = Some(HalfLoad {
            connections: 1,
            due_per_second: 1,
            p50_us: 1,
            p99_us,
            late_p99_us: 1,
            append_p99_us,
            times,
        });
        report.goals = crate::goals::of(&plan, &report);
        svg(&report)
    }

    #[test]
    fn the_picture_is_well_formed_whatever_the_machine_is_called() {
        let text = picture("a <fast> & \"new\" one");
        assert!(text.contains("a &lt;fast&gt; &amp; &quot;new&quot; one"), "{text}");
        let mut open: Vec<&str> = Vec::new();
        for tag in text.split('<').skip(1).map(|rest| rest.split('>').next().expect("every tag is closed")) {
            let name = tag.trim_start_matches('/').split([' ', '\n']).next().expect("a tag has a name");
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) => assert_eq!(open.pop(), Some(name), "{text}"),
                (false, true) => {}
                (false, false) => open.push(name),
            }
        }
        assert!(open.is_empty() && text.matches("<svg").count() == 1, "{text}");
        assert!(text.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn a_bar_stays_in_the_picture_and_what_was_not_measured_has_none() {
        let text = picture("any");
        assert_eq!(text.matches("<rect").count(), 1, "only one figure is there: {text}");
        let width = text.split("<rect").nth(1).and_then(|rest| rest.split("width=\"").nth(1));
        let width: f64 = width.and_then(|rest| rest.split('"').next()).and_then(|w| w.parse().ok()).expect("a width");
        assert!((1.0..=RIGHT - LEFT).contains(&width), "{width}: a figure far below its aim is cut");
        assert!(text.contains("class=\"missed\""));
    }
}
