use super::*;
#[test]
fn show() {
    let prompts = [
        "a quiet lake at sunset",
        "neon city at night",
        "a red fox in the forest",
        "hello",
        "product shot of a watch",
        "astronaut",
        "ocean waves at night, purple",
        "portrait",
        "winter cabin",
    ];
    for (i, prompt) in prompts.iter().enumerate() {
        let p = Picture { prompt, seed: 7, width: 512, height: if i % 2 == 0 { 512 } else { 288 } };
        let t = std::time::Instant::now();
        let b = image(&p, 0);
        eprintln!("{prompt} {} {:?}", b.len(), t.elapsed());
        std::fs::write(format!("/tmp/r{i}.png"), &b).unwrap();
        let t = std::time::Instant::now();
        let b = video(&Picture { prompt, seed: 7, width: 1280, height: 720 }, 40);
        eprintln!("   video {} {:?}", b.len(), t.elapsed());
        std::fs::write(format!("/tmp/v{i}.png"), &b).unwrap();
    }
}
