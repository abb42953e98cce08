//! Owns the no-op server: axum on axum-server and hyper, as the product is on hyper, with nothing behind it. It reads the body
//! and gives the documented success answer, so it bounds what any server on this stack can reach.

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// The success answer of the Data API (FACTS 1.4) with a fixed request id.
const SUCCESS: &str = r#"{"status":"success","message":"Your request has been accepted and will be processed soon.","request_id":"aBcDeFgH"}"#;

/// Serves until standard input ends.
pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        // An error and the end mean the same: the benchmark is gone.
        let _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let routes = Router::new().route("/v1/transition/{workspace}", post(accept));
        let server = axum_server::from_tcp(listener)?;
        writeln!(std::io::stdout(), "no-op ready on http://{address}")?;
        server.serve(routes.into_make_service()).await?;
        Ok(())
    })
}

async fn accept(body: Bytes) -> impl IntoResponse {
    drop(body);
    ([(CONTENT_TYPE, "application/json")], SUCCESS)
}
