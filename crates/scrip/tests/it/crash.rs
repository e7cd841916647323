//! Crashes: the server is killed fifty times while people work; every acknowledged entry exists, and none exists twice.

use scrip_testing::app::App;
use scrip_testing::load::{Load, Wire, again, check_totals};

const CYCLES: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_crashes_under_load_lose_nothing_and_do_nothing_twice() {
    let mut app = App::start();
    let mut load = Load::on(&app, 8, 0x5ca1_ab1e_0dd5_eed5).await;
    for _ in 0..CYCLES {
        let mut asked = load.until(&[Wire::of(&app)], || app.kill()).await;
        app.restart();
        assert_eq!(again(&[Wire::of(&app)], None, &mut asked).await, 0, "no caller is turned away");
        load.everything.extend(asked);
    }
    let Load { acknowledged, cut_off, .. } = load;
    assert!(acknowledged > CYCLES && cut_off > CYCLES, "{acknowledged} acknowledged, {cut_off} cut off: no real load");
    assert_eq!(again(&[Wire::of(&app)], None, &mut load.everything).await, 0, "no caller is turned away");
    println!("{CYCLES} crashes: {acknowledged} acknowledged, {cut_off} cut off and asked again");
    check_totals(&app, &load.everything, &load.workspaces).await;
    let report = app.verify();
    assert_eq!(report["open_holds"], 0, "{report}");
}
