//! The server, asked as a browser, a stranger and an attacker would.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use super::guard::hosts;
use super::routes::{OPENAPI, router};
use super::state::App;

const HOST: &str = "127.0.0.1:7878";

const STUDY: &str = r#"
title = "small"
model = "qwen3-8b"
weights = "as published"
[traffic]
input = 1000
output = 100
load = { concurrency = 8 }
[objective]
best = "cost per token"
[search]
requests = 32
[[system]]
name = "nvidia_hgx_h100"
chips = 1
"#;

fn app(studies: Option<std::path::PathBuf>, token: Option<&str>) -> Router {
    let mut app = App::open(None, None, studies, token.map(str::to_owned)).expect("opens");
    app.hosts = hosts(HOST.parse().expect("an address"));
    router(Arc::new(app))
}

struct Asked {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Asked {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

async fn ask(app: &Router, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Asked {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header(header::HOST, HOST);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_vec())).expect("a request");
    let response = app.clone().oneshot(request).await.expect("answers");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.expect("a body").to_vec();
    Asked { status: parts.status, headers: parts.headers, body }
}

async fn get(app: &Router, path: &str) -> Asked {
    ask(app, Method::GET, path, &[], b"").await
}

async fn post(app: &Router, path: &str, body: &str) -> Asked {
    ask(app, Method::POST, path, &[("content-type", "application/toml")], body.as_bytes()).await
}

fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("steelyard-ui-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).expect("made");
    path
}

#[tokio::test]
async fn page_and_choices_are_there_behind_a_strict_policy() {
    let app = app(None, None);
    let page = get(&app, "/").await;
    assert_eq!(page.status, StatusCode::OK);
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"));
    // Every file that the page names is there; none is of another machine.
    let html = String::from_utf8(page.body).expect("UTF-8");
    assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("<script>"));
    for name in html.split('"').filter(|s| s.starts_with("/assets/")) {
        assert_eq!(get(&app, name).await.status, StatusCode::OK, "{name}");
    }
    let choices = get(&app, "/api/v1/choices").await.json();
    assert!(choices["systems"].as_array().expect("a list").len() > 50);
    assert!(choices["models"].as_array().expect("a list").len() > 30);
}

#[tokio::test]
async fn a_study_is_weighed_once_and_then_remembered() {
    let app = app(None, None);
    let first = post(&app, "/api/v1/weigh", STUDY).await;
    assert_eq!(first.status, StatusCode::OK, "{}", String::from_utf8_lossy(&first.body));
    let (first, again) = (first.json(), post(&app, "/api/v1/weigh", STUDY).await.json());
    assert_eq!((&first["weighed"], &first["remembered"]), (&1.into(), &0.into()));
    assert_eq!((&again["weighed"], &again["remembered"]), (&0.into(), &1.into()));
    assert_eq!(first["findings"], again["findings"]);
    assert!(first["page"].as_str().expect("HTML").contains("H100"));
    // Another title is no other question; another length is.
    let titled = post(&app, "/api/v1/weigh", &STUDY.replace("small", "other")).await.json();
    assert_eq!((&titled["weighed"], &titled["findings"]["title"]), (&0.into(), &"other".into()));
    let longer = post(&app, "/api/v1/weigh", &STUDY.replace("1000", "2000")).await.json();
    assert_eq!(longer["weighed"], 1);
    let parquet = post(&app, "/api/v1/parquet", STUDY).await.body;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    for (path, kind) in [("/api/v1/report", "text/html"), ("/api/v1/csv", "text/csv")] {
        let file = post(&app, path, STUDY).await;
        assert!(file.headers["content-type"].to_str().expect("text").starts_with(kind), "{path}");
    }
}

#[tokio::test]
async fn money_and_levels_simulate_little_or_nothing_again() {
    let app = app(None, None);
    let searched = STUDY
        .replace("concurrency = 8", "concurrency = \"search\"")
        .replace("[objective]", "[levels]\ntpot_p50 = \"20 ms\"\n[objective]");
    let first = post(&app, "/api/v1/weigh", &searched).await.json();
    let points = first["simulated"].as_u64().expect("a count");
    assert!(points > 2, "{points}");
    // Another price or objective is another answer from the same simulations.
    for changed in [searched.clone() + "price = \"3 USD/h\"\n", searched.replace("cost per token", "tokens per chip")] {
        let again = post(&app, "/api/v1/weigh", &changed).await.json();
        assert_eq!((&again["weighed"], &again["simulated"]), (&1.into(), &0.into()), "{changed}");
    }
    // Another level needs a few more points.
    let level = post(&app, "/api/v1/weigh", &searched.replace("20 ms", "19 ms")).await.json();
    assert!(level["simulated"].as_u64().expect("a count") < points, "{}", level["simulated"]);
    // What was recalled says the same as what is found anew.
    let anew = self::app(None, None);
    let anew = post(&anew, "/api/v1/weigh", &searched.replace("20 ms", "19 ms")).await.json();
    assert_eq!(level["findings"], anew["findings"]);
}

#[tokio::test]
async fn a_study_may_name_uploaded_traces_and_no_other_file() {
    let app = app(None, None);
    let put = async |name: &str, body: &[u8]| {
        ask(&app, Method::PUT, &format!("/api/v1/traces/{name}"), &[], body).await.status
    };
    let rows = "arrival_s,input_tokens,output_tokens\n0,100,10\n0.5,200,20\n1,50,5\n";
    assert_eq!(put("mine.csv", rows.as_bytes()).await, StatusCode::NO_CONTENT);
    for name in ["..", "%2e%2e%2fx", "..%2Fx", ".x", "a%20b", "a%00b", ""] {
        assert!(put(name, b"x").await.is_client_error(), "{name}");
    }
    let listed = get(&app, "/api/v1/traces").await.json();
    assert!(listed.as_array().expect("a list").iter().any(|t| t["name"] == "mine.csv"), "{listed}");
    let replay = |trace: &str| {
        format!(
            "model = \"qwen3-8b\"\n[traffic]\ntrace = \"{trace}\"\n[[pool]]\nname = \"a\"\nsystem = \"nvidia_hgx_h100\"\n\
             chips = 1\nreplicas = 1\n"
        )
    };
    let mine = ended(&app, "/api/v1/run/replay", &replay("mine.csv")).await;
    assert_eq!(mine["state"], "done", "{mine}");
    assert_eq!(mine["result"]["findings"]["classes"][0]["requests"], 3, "{}", mine["result"]["findings"]);
    for path in ["/etc/passwd", "../../etc/passwd", "a/../../x", "\\\\etc"] {
        let told = ended(&app, "/api/v1/run/replay", &replay(path)).await;
        assert_eq!((&told["state"], &told["error"]["code"]), (&"failed".into(), &"wrong-input".into()), "{path}");
    }
}

#[tokio::test]
async fn the_point_where_two_systems_are_level_is_weighed() {
    let app = app(None, None);
    let study = STUDY.to_owned() + "[[system]]\nname = \"nvidia_hgx_h200\"\nchips = 1\n";
    let path = "/api/v1/break-even?challenger=nvidia_hgx_h200&against=nvidia_dgx_h100";
    let told = ended(&app, path, &study).await;
    assert_eq!(told["state"], "done", "{told}");
    let found = &told["result"];
    let price = found["levers"].as_array().expect("levers").iter().find(|l| l["lever"] == "price").expect("priced");
    let level = price["level"].as_f64().expect("a price that is level");
    // At that price both cost the same, by weighing again.
    let at = study.clone() + &format!("price = \"{level} USD/h\"\n");
    let weighed = post(&app, "/api/v1/weigh", &at).await.json();
    let cost = |id: &str| {
        let systems = weighed["findings"]["systems"].as_array().expect("systems");
        let system = systems.iter().find(|s| s["id"] == id).expect("it is there");
        system["answer"]["cost"]["per_million"]["value"].as_f64().expect("a cost")
    };
    assert!((cost("nvidia_hgx_h200") / cost("nvidia_dgx_h100") - 1.0).abs() < 0.003);
    let unknown = ended(&app, "/api/v1/break-even?challenger=none&against=nvidia_dgx_h100", &study).await;
    assert_eq!(unknown["error"]["code"], "unknown");
}

#[tokio::test]
async fn a_fabric_is_drawn_and_broken() {
    let app = app(None, None);
    let asked = "/api/v1/fabric?system=nvidia_hgx_h100&op=all-reduce&bytes=64MiB";
    let whole = get(&app, asked).await.json();
    assert_eq!(whole["sizes"][0]["map"]["spots"].as_array().expect("spots").len(), 9, "eight chips and a switch");
    let broken = get(&app, &format!("{asked}&faults=chip=3")).await.json();
    assert_eq!(broken["faults"][0], "chip=3");
    assert!(!broken["sizes"][0]["remedies"].as_array().expect("remedies").is_empty());
    // No file of this machine is read, and what is wrong is said.
    for wrong in ["&placement=/etc/passwd", "&faults=chip=999", "&algorithm=none", "&ranks=1"] {
        let told = get(&app, &format!("{asked}{wrong}")).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(!String::from_utf8_lossy(&told.body).contains("root:"), "{wrong}");
    }
}

/// Starts a job and waits for its end.
async fn ended(app: &Router, path: &str, body: &str) -> Value {
    let started = post(app, path, body).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", String::from_utf8_lossy(&started.body));
    let path = format!("/api/v1/jobs/{}", started.json()["job"]);
    loop {
        let told = get(app, &path).await.json();
        if told["state"] != "running" {
            return told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_table_has_as_many_cells_in_each_line() {
    let app = app(None, None);
    let study = STUDY.to_owned() + "[[system]]\nname = \"metax_c600_node\"\n[[system]]\nname = \"nvidia_hgx_h20\"\n";
    let file = post(&app, "/api/v1/csv", &study).await;
    let mut reader = csv::Reader::from_reader(&file.body[..]);
    let records: Result<Vec<_>, _> = reader.records().collect();
    assert!(!records.expect("lines of one length").is_empty(), "{}", String::from_utf8_lossy(&file.body));
}

#[tokio::test]
async fn a_table_becomes_columns() {
    let app = app(None, None);
    let made = post(&app, "/api/v1/columns", "name,tokens per s\nH20,103\n\"a, b\",\n").await;
    assert_eq!(made.status, StatusCode::OK);
    assert_eq!((&made.body[..4], &made.body[made.body.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    for wrong in ["", "a,a\n1,2\n", "a,b\n1\n", "a,\n1,2\n"] {
        assert_eq!(post(&app, "/api/v1/columns", wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
    }
}

#[tokio::test]
async fn faults_come_with_their_places() {
    let app = app(None, None);
    let wrong = post(&app, "/api/v1/weigh", &STUDY.replace("output = 100", "output = \"many\"")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fault = &wrong.json()["error"];
    assert_eq!((&fault["code"], &fault["exit"]), (&"wrong-input".into(), &2.into()));
    assert_eq!(fault["faults"][0]["line"], 7);
}

#[tokio::test]
async fn strangers_are_refused() {
    let app = app(None, None);
    let cases: [&[(&str, &str)]; 8] = [
        &[("host", "evil.example")],
        &[("host", "127.0.0.1.evil.example:7878")],
        &[("host", "127.0.0.1:1")],
        &[("host", "")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ];
    for headers in cases {
        let refused = ask(&app, Method::POST, "/api/v1/weigh", headers, STUDY.as_bytes()).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(refused.headers.get("access-control-allow-origin").is_none());
    }
    let own = [("origin", "http://127.0.0.1:7878"), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask(&app, Method::GET, "/api/v1/choices", &own, b"").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_is_asked_for_where_there_is_one() {
    let app = app(None, Some("0123456789abcdef"));
    assert_eq!(get(&app, "/api/v1/choices").await.code(), "token");
    for wrong in ["Bearer 0123456789abcdeg", "Bearer 0123456789abcde", "0123456789abcdef", "Bearer "] {
        let refused = ask(&app, Method::GET, "/api/v1/choices", &[("authorization", wrong)], b"").await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let right = [("authorization", "Bearer 0123456789abcdef")];
    assert_eq!(ask(&app, Method::GET, "/api/v1/choices", &right, b"").await.status, StatusCode::OK);
    // The page itself holds no secret, and has to be there to show the token.
    assert_eq!(get(&app, "/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_path_leads_out_of_the_folder() {
    let dir = folder("out");
    std::fs::write(dir.with_extension("toml"), "secret").expect("written");
    let app = app(Some(dir.clone()), None);
    let out = format!("..%2F{}", dir.file_name().and_then(|n| n.to_str()).expect("a name"));
    let names =
        [out.as_str(), "..", "%2e%2e%2fx", "%2Fetc%2Fpasswd", "..%5Cx", ".hidden", "a%00b", "%20", "con%2Fx", "a:b"];
    for name in names {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let told = ask(&app, method.clone(), &format!("/api/v1/studies/{name}"), &[], b"x").await;
            assert!(told.status.is_client_error(), "{method} {name}: {}", told.status);
        }
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/etc/hostname", dir.join("link.toml")).expect("linked");
        assert_eq!(get(&app, "/api/v1/studies/link").await.status, StatusCode::NOT_FOUND);
    }
    for model in ["/etc/passwd", "../../x", "./folder", "/proc/self/environ"] {
        let study = STUDY.replace("qwen3-8b", model);
        assert_eq!(post(&app, "/api/v1/weigh", &study).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{model}");
    }
    let study = STUDY.replace("input = 1000", "input = { file = \"/etc/passwd\" }");
    assert_eq!(post(&app, "/api/v1/weigh", &study).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for asset in ["/assets/..%2findex.html", "/assets/../../Cargo.toml", "/assets/%2e%2e/x"] {
        assert!(get(&app, asset).await.status.is_client_error(), "{asset}");
    }
    let _ = std::fs::remove_file(dir.with_extension("toml"));
    let _ = std::fs::remove_dir_all(dir);
}

#[tokio::test]
async fn studies_are_kept_listed_read_and_removed() {
    let dir = folder("kept");
    let app = app(Some(dir.clone()), None);
    let kept = ask(&app, Method::PUT, "/api/v1/studies/%E5%AF%B9%E8%AF%9D%202026", &[], STUDY.as_bytes()).await;
    assert_eq!(kept.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&app, "/api/v1/studies").await.json(), serde_json::json!(["对话 2026"]));
    assert_eq!(get(&app, "/api/v1/studies/%E5%AF%B9%E8%AF%9D%202026").await.body, STUDY.as_bytes());
    let gone = ask(&app, Method::DELETE, "/api/v1/studies/%E5%AF%B9%E8%AF%9D%202026", &[], b"").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&app, "/api/v1/studies").await.json(), serde_json::json!([]));
    let _ = std::fs::remove_dir_all(dir);
}

#[tokio::test]
async fn limits_hold() {
    let app = app(None, None);
    let huge = "x".repeat(2 << 20);
    assert_eq!(post(&app, "/api/v1/weigh", &huge).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let table = "a\n1\n".repeat(3 << 20);
    assert_eq!(post(&app, "/api/v1/columns", &table).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let many = STUDY.to_owned() + &"[[system]]\nname = \"nvidia_hgx_h100\"\n".repeat(80);
    assert_eq!(post(&app, "/api/v1/weigh", &many).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let long = STUDY.replace("requests = 32", "requests = 900000");
    assert_eq!(post(&app, "/api/v1/weigh", &long).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let deep = format!("a = {}", "[".repeat(100_000));
    assert_eq!(post(&app, "/api/v1/weigh", &deep).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(ask(&app, Method::POST, "/api/v1/weigh", &[], b"\xff\xfe").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get(&app, "/api/v1/jobs/1").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&app, "/api/v1/jobs/x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get(&app, "/api/v1/studies").await.code(), "no-folder");
    assert_eq!(get(&app, "/api/v1/nothing").await.code(), "unknown");
    assert_eq!(get(&app, "/api/v1/weigh").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_job_is_watched_and_cancelled() {
    let app = app(None, None);
    let started = post(&app, "/api/v1/validate", "").await;
    assert_eq!(started.status, StatusCode::ACCEPTED);
    let path = format!("/api/v1/jobs/{}", started.json()["job"]);
    assert_eq!(get(&app, &path).await.json()["state"], "running");
    assert_eq!(ask(&app, Method::DELETE, &path, &[], b"").await.status, StatusCode::ACCEPTED);
    loop {
        let told = get(&app, &path).await.json();
        if told["state"] != "running" {
            assert_eq!(told["state"], "cancelled");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Work of every kind ends where it is called off, and has no result then.
#[tokio::test]
async fn work_of_every_kind_is_called_off() {
    let app = app(None, None);
    let kinds = get(&app, "/api/v1/run").await.json();
    for kind in kinds.as_array().expect("kinds") {
        let path = format!("/api/v1/run/{}", kind["kind"].as_str().expect("a name"));
        let started = post(&app, &path, kind["examples"][0]["text"].as_str().expect("a study")).await;
        assert_eq!(started.status, StatusCode::ACCEPTED, "{path}");
        let job = format!("/api/v1/jobs/{}", started.json()["job"]);
        assert_eq!(ask(&app, Method::DELETE, &job, &[], b"").await.status, StatusCode::ACCEPTED);
        let told = loop {
            let told = get(&app, &job).await.json();
            if told.get("error").is_some() || told.get("result").is_some() {
                break told;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        assert_eq!((told["state"].as_str(), told["error"]["code"].as_str()), (Some("cancelled"), Some("cancelled")));
    }
}

#[tokio::test]
async fn the_description_names_every_address_and_no_other() {
    let described: Value = serde_json::from_str(OPENAPI).expect("JSON");
    let routes = include_str!("routes.rs");
    let mut listed: Vec<&str> = described["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
    let api = routes.split(".fallback").next().expect("text");
    let mut there: Vec<String> = api
        .split(".route(\"")
        .skip(1)
        .filter_map(|part| part.split('"').next())
        .map(|path| format!("/api/v1{path}"))
        .collect();
    listed.sort_unstable();
    there.sort_unstable();
    assert_eq!(listed, there);
    let app = app(None, None);
    assert_eq!(get(&app, "/api").await.json(), described);
}
