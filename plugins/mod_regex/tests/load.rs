//! Expressions of the configuration. One process loads a module once, so this is a file of its own.
#![allow(
    clippy::disallowed_methods,
    reason = "the test writes the file that is read"
)]

use mod_regex::muleteer_module;
use muleteer_sdk::module::testing::ModuleTest;

#[test]
fn a_list_of_expressions_is_read_at_the_start() {
    let path = std::env::temp_dir().join(format!("mod_regex-{}.conf", std::process::id()));
    std::fs::write(&path, "# numbers\nnumber = ^[0-9]+$\n\neq=a=b\n").unwrap();
    let config = serde_json::json!({ "file": path }).to_string();
    let mut t = ModuleTest::configured(muleteer_module(), &config);
    assert!(t.test("regex.match", &["number", "12"]));
    assert!(t.test("regex.match", &["eq", "a=b"]));
    std::fs::remove_file(&path).unwrap();
}
