//! Measures how fast bodies are read: a bulk import of 294 mixed elements and some 98 KB, on one core.
//! `cargo run --release --package muster-wire --example read_speed`

use muster_core::command::Route;
use muster_core::settings::Settings;
use muster_wire::data::transition::{ReadContext, read};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

/// A body of mixed elements: half customers, four tenths events of two actions, a tenth devices.
fn body() -> String {
    let mut body = String::from("{\"type\":\"transition\",\"elements\":[");
    for n in 0..294 {
        if n > 0 {
            body.push(',');
        }
        let element = match n % 10 {
            0..5 => format!(
                "{{\"type\":\"customer\",\"customer_id\":\"cust-{n}\",\"attributes\":{{\"u_fn\":\"Asha\",\"u_em\":\"asha{n}@example.test\",\
                 \"tier\":\"gold\",\"points\":{n},\"score\":{n}.5,\"renewal_on\":\"2026-09-30T00:00:00Z\",\"tags\":[\"beta\",\"north\"],\
                 \"city\":\"Pune\",\"plan\":\"monthly\",\"platforms\":[{{\"platform\":\"ANDROID\",\"active\":\"true\"}}]}}}}"
            ),
            5..9 => format!(
                "{{\"type\":\"event\",\"customer_id\":\"cust-{n}\",\"actions\":[{{\"action\":\"order_placed\",\"attributes\":{{\"amount\":49.5,\
                 \"sku\":\"K-{n}\",\"quantity\":2}},\"platform\":\"web\",\"current_time\":1788000000,\"user_timezone_offset\":19800}},\
                 {{\"action\":\"page_viewed\",\"attributes\":{{\"path\":\"/offers/{n}\"}},\"current_time\":\"2026-01-05T00:00:00.123Z\"}}]}}"
            ),
            _ => format!(
                "{{\"type\":\"device\",\"customer_id\":\"cust-{n}\",\"device_id\":\"dev-{n}\",\"attributes\":{{\"platform\":\"ANDROID\",\
                 \"push_id\":\"tok-{n}-abcdefghijklmnopqrstuvwxyz\",\"model\":\"Pixel\",\"os_version\":\"15\",\"app_version\":\"4.2.0\"}}}}"
            ),
        };
        write!(body, "{element}").expect("writing to memory does not fail");
    }
    body.push_str("]}");
    body
}

#[expect(clippy::disallowed_methods, reason = "a measurement needs a clock; the crate itself reads none")]
fn main() -> std::io::Result<()> {
    let body = body();
    let settings = Arc::new(Settings::default());
    let context = ReadContext {
        route: Route::Transition,
        settings,
        lenient: false,
        null_clears: false,
        parity: false,
        offset_seconds: 0,
    };
    let rounds = 2_000;
    let mut best = f64::MAX;
    for _ in 0..5 {
        let began = std::time::Instant::now();
        for _ in 0..rounds {
            let parsed = read(body.as_bytes(), &context).expect("the body is valid");
            assert_eq!(std::hint::black_box(parsed).elements.len(), 294);
        }
        best = best.min(began.elapsed().as_secs_f64() / f64::from(rounds));
    }
    let (elements, bytes) = (294.0 / best, f64::from(u32::try_from(body.len()).expect("it is short")) / best);
    writeln!(
        std::io::stdout(),
        "{} bytes, 294 elements: {:.0} us a body, {:.0} elements/s, {:.0} MB/s",
        body.len(),
        best * 1e6,
        elements,
        bytes / 1e6
    )
}
