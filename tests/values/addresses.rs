//! Addresses and headers of calls.

use std::collections::BTreeMap;

use muleteer::session::Catalog;

use super::{on_start, told};
use crate::agent::{PEER, Scene, diagram};

#[test]
fn the_parts_of_the_caller_are_variables() {
    let mut scene = on_start("uri.parse(@remote_uri, r.); uri.parseNameaddr(@remote_party, p.);");
    scene.call();
    let told = told(&mut scene);
    assert_eq!((&*told["r.host"], &*told["r.scheme"]), ("192.0.2.9", "sip"));
    assert!(!told["r.user"].is_empty() && !told["p.hdr_param.tag"].is_empty());
    assert_eq!(told["errno"], "");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn headers_of_the_invite_are_found_the_address_ones_too() {
    let mut scene = on_start(
        "uri.getHeader(x-foo, xf); uri.getHeader(X-FOO, all, *); uri.getHeader(X-None, none); \
         uri.getHeader(f, from); uri.getHeader(Contact, contact); uri.getHeader(Via, via); \
         set($before=$hdrs); set($hdrs=\"X-Foo: mine\"); uri.getHeader(X-Foo, mine); uri.getHeader(Call-ID, id);",
    );
    scene.peer().extra = "X-Foo:  a b \r\nSubject: one\r\n two\r\nx-foo: c\r\n".to_owned();
    scene.peer().invite();
    scene.run(100);
    scene.peer().extra.clear();
    scene.peer().ack("");
    scene.run(100);
    let told = told(&mut scene);
    let value = |name: &str| told[name].as_str();
    assert_eq!(
        (value("xf"), value("all"), value("none")),
        ("a b", "a b, c", "")
    );
    assert!(value("from").contains("tag="), "{}", value("from"));
    assert!(value("contact").contains("192.0.2.9") && value("via").contains("SIP/2.0"));
    assert_eq!(value("mine"), "mine");
    assert!(!value("id").is_empty());
    assert!(value("before").contains("X-Foo: a b\r\nSubject: one two\r\n"));
    for apart in ["From:", "Call-ID:", "Via:", "Content-Length:"] {
        assert!(!value("before").contains(apart), "{}", value("before"));
    }
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_diagram_that_does_not_import_the_module_has_no_headers() {
    let text = "initial state A; state B;
        transition \"go\" A - sessionStart / postEvent(witness, var) -> B;
        transition \"bye\" (A, B) - hangup / stop(false) -> B;";
    let mut scene = Scene::new("test", diagram("test", text));
    scene.call();
    assert!(!told(&mut scene).contains_key("hdrs"));
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_call_that_we_place_has_no_headers_from_outside() {
    let text = "import(mod_uri); import(mod_dlg);
        initial state A; state B;
        transition \"placed\" A - start; test($placed != \"\") -> B;
        transition \"called\" A - sessionStart / {
          set($a_caller=me); set($a_callee=bob); set($a_domain=$config.domain); set($a_app=test);
          set($a_hdrs=\"X-Foo: 1\"); set($a_var.placed=yes); dlg.dialout(a); throwOnError();
        } -> A;
        transition \"answered\" B - sessionStart / {
          uri.getHeader(X-Foo, xf); uri.getHeader(From, from); postEvent(witness, var);
        } -> B;
        transition \"bye\" (A, B) - hangup / stop(false) -> B;";
    let mut application = diagram("test", text);
    application.config = BTreeMap::from([("domain".to_owned(), PEER.to_owned())]);
    let mut scene = Scene::new("test", None);
    scene.agent().reload(Catalog::new([application]));
    scene.call();
    let invite = scene.peer().last_request("INVITE").expect("a call");
    let answer = scene.peer().offer("sendrecv");
    scene.peer().respond(&invite, 200, "bob", &answer);
    scene.run(200);
    let told = told(&mut scene);
    assert_eq!((&*told["xf"], &*told["from"]), ("", ""));
    assert!(!told.contains_key("hdrs"));
    assert_eq!(told["errno"], "");
}
