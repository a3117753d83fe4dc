//! Results in the XML that build servers read.

use std::io;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::TestResult;

/// One `testsuite` with a `testcase` for each file.
///
/// # Errors
/// Those of writing into memory.
pub fn report(results: &[TestResult]) -> io::Result<String> {
    let failed = results
        .iter()
        .filter(|one| !one.failures.is_empty())
        .count();
    let seconds: f64 = results.iter().map(|one| one.seconds).sum();
    let (tests, failed) = (results.len().to_string(), failed.to_string());
    let seconds = format!("{seconds:.6}");
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let suite = writer.create_element("testsuite").with_attributes([
        ("name", "muleteer test"),
        ("tests", tests.as_str()),
        ("failures", failed.as_str()),
        ("errors", "0"),
        ("time", seconds.as_str()),
    ]);
    suite.write_inner_content(|writer| results.iter().try_for_each(|one| case(writer, one)))?;
    let body = String::from_utf8_lossy(&writer.into_inner()).into_owned();
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n"
    ))
}

fn case(writer: &mut Writer<Vec<u8>>, result: &TestResult) -> io::Result<()> {
    let path = allowed(&result.path);
    let (folder, file) = path.rsplit_once('/').unwrap_or((".", &path));
    let name = file.strip_suffix(".expect").unwrap_or(file);
    let seconds = format!("{:.6}", result.seconds);
    let case = writer.create_element("testcase").with_attributes([
        ("classname", folder),
        ("name", name),
        ("file", path.as_str()),
        ("time", seconds.as_str()),
    ]);
    if result.failures.is_empty() {
        return case.write_empty().map(drop);
    }
    let text = allowed(&result.failures.concat());
    let message = text.lines().next().unwrap_or("").to_owned();
    let inner = |writer: &mut Writer<Vec<u8>>| {
        let failure = writer.create_element("failure");
        let failure = failure.with_attribute(("message", message.as_str()));
        failure.write_text_content(BytesText::new(&text)).map(drop)
    };
    case.write_inner_content(inner).map(drop)
}

/// XML cannot hold most control characters, not even escaped.
fn allowed(text: &str) -> String {
    let good = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars()
        .map(|c| if good(c) { c } else { '\u{fffd}' })
        .collect()
}
