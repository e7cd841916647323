//! Tests of `scrip benchmark` from start to end, for a moment: its output, and never its speed.

use scrip_testing::program::{Dir, failure, output, scrip};
use serde_json::Value;

#[test]
fn a_load_is_measured_and_leaves_nothing_behind() {
    let dir = Dir::new();
    let benchmark = |more: &[&str]| {
        let mut command = scrip(&["benchmark", "--seconds", "0.2", "--workspaces", "20", "--connections", "1,4"]);
        command.arg("--directory").arg(dir.path()).args(more);
        command
    };
    let report: Value = serde_json::from_str(&output(benchmark(&["--json"]))).expect("JSON");
    let levels = report["http"].as_array().expect("a list");
    assert_eq!(levels.iter().map(|level| level["connections"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(4)]);
    for rate in levels.iter().flat_map(|level| [&level["echo"], &level["many"], &level["hot"]]) {
        assert!(rate["pairs_per_second"].is_u64() && rate["p99_us"].is_u64(), "{report}");
    }
    let text = output(benchmark(&[]));
    assert!(text.contains("On the embedded database.") && text.contains("20 workspaces"), "{text}");
    assert_eq!(failure(benchmark(&["--seconds", "0"])).0, 2);
    assert_eq!(std::fs::read_dir(dir.path()).expect("it is there").count(), 0, "nothing stays behind");
}
