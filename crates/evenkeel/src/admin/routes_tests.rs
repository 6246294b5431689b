use evenkeel_config::{BackendAddress, Config};
use evenkeel_proxy::StartOptions;
use http_body_util::BodyExt;
use hyper::header::HOST;

use super::*;

fn view() -> View {
    let backend = BackendAddress::Socket("127.0.0.1:1".parse().unwrap());
    let mut config = Config::quick("127.0.0.1:0".parse().unwrap(), &[backend]);
    config.runtime.workers = Some(1);
    let options = StartOptions { config_path: Some("e.toml".to_owned()), ..StartOptions::default() };
    let applied = Applied::default();
    applied.note("# the file\n", 1);
    View::new(Proxy::start(config, options).unwrap(), None, applied)
}

fn ask(view: &View, method: Method, path: &str) -> (StatusCode, String, Response<Full<Bytes>>) {
    let request = Request::builder().method(method).uri(path).header(HOST, "127.0.0.1").body(()).unwrap();
    let response = answer(&request, view);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(response.clone().into_body().collect()).unwrap().to_bytes();
    (response.status(), String::from_utf8(body.to_vec()).unwrap(), response)
}

fn get_json(view: &View, path: &str) -> (StatusCode, Value) {
    let (status, body, response) = ask(view, Method::GET, path);
    assert_eq!(response.headers()[CONTENT_TYPE], JSON, "{path}");
    let value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(value["schema"], SCHEMA, "{path}");
    (status, value)
}

#[test]
fn every_page_of_the_index_answers() {
    let view = view();
    let (_, index, _) = ask(&view, Method::GET, "/");
    let pages: Vec<&str> = index.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
    let pages: Vec<&str> = pages.into_iter().filter(|word| word.starts_with('/')).collect();
    assert_eq!(
        pages,
        ["/metrics", "/healthz", "/readyz", "/pools", "/events", "/diagnose", "/config", "/generation"]
    );
    // Events have tests of their own.
    for page in pages.into_iter().filter(|page| *page != "/events") {
        for target in [page.to_owned(), format!("{page}?x=1")] {
            assert_eq!(ask(&view, Method::GET, &target).0, StatusCode::OK, "{target}");
            assert_eq!(ask(&view, Method::HEAD, &target).0, StatusCode::OK, "{target}");
        }
        assert_eq!(ask(&view, Method::GET, &format!("{page}/x")).0, StatusCode::NOT_FOUND);
    }
}

#[test]
fn nothing_can_be_changed() {
    let view = view();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH, Method::TRACE] {
        let (status, _, response) = ask(&view, method.clone(), "/generation");
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
    }
}

#[test]
fn a_foreign_host_learns_nothing() {
    let view = view();
    let request = Request::builder().uri("/config").header(HOST, "evil.example").body(()).unwrap();
    let response = answer(&request, &view);
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[test]
fn pools_config_and_generation() {
    let view = view();
    let (_, pools) = get_json(&view, "/pools");
    assert_eq!(pools["pools"][0]["name"], "web");
    assert_eq!(pools["pools"][0]["backends"][0]["address"], "127.0.0.1:1");
    let (_, config) = get_json(&view, "/config");
    assert!(config["config"].to_string().contains("127.0.0.1:1"), "{config}");
    assert_eq!((&config["generation"], &config["file"]["generation"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&config["file"]["path"], &config["file"]["text"]),
        (&json!("e.toml"), &json!("# the file\n"))
    );
    assert!(config["file"]["applied_at"].as_f64().is_some_and(|at| at > 1.6e9), "{config}");
    let (_, generation) = get_json(&view, "/generation");
    assert_eq!(generation["generation"], 1);
    assert_eq!(generation["pid"], std::process::id());
    assert_eq!((&generation["reloads_begun"], &generation["reloads"]), (&json!(0), &json!(0)));
    assert_eq!(generation["config_path"], "e.toml");
    assert!(generation["process_start_ticks"].is_u64());
}

#[test]
fn readiness_tells_of_a_refused_reload_and_of_leaving() {
    let view = view();
    assert_eq!(get_json(&view, "/readyz").0, StatusCode::OK);
    assert_eq!(view.proxy.reload_begins(), 1);
    view.proxy.note_refused_reload(json!({"diagnostics": [{"message": "unknown key"}]}));
    let (status, value) = get_json(&view, "/readyz");
    assert_eq!(
        (status, &value["ready"]),
        (StatusCode::OK, &json!(true)),
        "the old configuration still serves"
    );
    assert_eq!(value["last_reload"]["ok"], false);
    assert_eq!(value["last_reload"]["diagnostics"]["diagnostics"][0]["message"], "unknown key");
    let (_, generation) = get_json(&view, "/generation");
    assert_eq!((&generation["reloads_begun"], &generation["reloads"]), (&json!(1), &json!(1)));
    assert_eq!(generation["last_reload"]["attempt"], 1);
    view.proxy.begin_shutdown();
    view.proxy.wait_closed();
    let (status, value) = get_json(&view, "/readyz");
    assert_eq!((status, &value["ready"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    assert_eq!(value["reasons"].as_array().map(Vec::len), Some(1), "{value}");
    assert_eq!(ask(&view, Method::GET, "/healthz").0, StatusCode::OK, "the process lives");
}
