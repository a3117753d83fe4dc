//! Requests in the name of accounts that are registered elsewhere.

use muleteer::session::{Catalog, Limits};
use muleteer::sip::auth::{self, Accounts, Realm, Secret};
use muleteer::sip::message::{HeaderName, NameAddr, Request, Response, StatusCode, Uri};
use muleteer::sip::registration::{Account, Binding, Domain, Identities, Identity};

use super::header;
use crate::agent::{PEER, Scene, diagram};

fn binding(service_route: &[&str], gruu: Option<&str>) -> Binding {
    let hop = |hop: &&str| NameAddr::parse(hop).unwrap();
    Binding {
        expires: 600,
        service_route: service_route.iter().map(hop).collect(),
        path: Vec::new(),
        public_gruu: gruu.map(|gruu| Uri::parse(gruu).unwrap()),
        temporary_gruu: None,
    }
}

/// What is known of alice at example.com, whose registrar says this.
fn alice(service_route: &[&str], gruu: Option<&str>) -> Identity {
    let domain = Domain::parse("example.com").unwrap();
    let account = Account::new(domain, "alice".to_owned(), Secret::new("secret"));
    Identity::of(&account, &binding(service_route, gruu))
}

const ROUTE: &str = "<sip:192.0.2.9:5060;lr>";
const GRUU: &str = "sip:alice@example.com;gr=1";

/// An agent that calls, writes and subscribes as this user at example.com, where alice is registered.
fn scene(user: &str, to: &str, identity: Option<Identity>) -> Scene {
    let text = format!(
        "import(mod_dlg);\nimport(mod_subscription);\ninitial state A;\n\
         transition \"up\" A - startup / {{\n\
         set(c_caller={user}); set(c_callee=bob); set(c_domain=example.com); set(c_app=echo); set(c_r_uri=\"{to}\"); dlg.dialout(c);\n\
         set($dlg.message.from=\"sip:{user}@EXAMPLE.com\"); dlg.message(\"{to}\", hello);\n\
         set(s.user=bob); set(s.from_user={user}); set(s.domain=example.com); set(s.event=mwi); subscription.create(s);\n\
         }} -> A;\ntransition \"end\" A - system / stop(false) -> A;\n"
    );
    let mut scene = Scene::with_limits("test", None, Limits::default());
    scene.agent().reload(Catalog::new([]));
    let alice = Uri::parse("sip:alice@example.com").unwrap();
    let key = Identities::key(&alice).unwrap();
    scene.agent().router.set_identity(key, identity);
    scene.with_agent(|agent, now| agent.start_system(now, diagram("clerk", &text)));
    scene.run(50);
    scene
}

fn end(mut scene: Scene) {
    for method in ["INVITE", "MESSAGE", "SUBSCRIBE"] {
        if let Some(request) = scene.peer().last_request(method) {
            scene.peer().respond(&request, 403, "n", "");
        }
    }
    scene.run(50);
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.ends_clean();
}

#[test]
fn rfc3608_5627_requests_of_an_account_go_by_its_service_route_with_its_gruu() {
    let identity = Some(alice(&[ROUTE, "<sip:far.example.com;lr>"], Some(GRUU)));
    let mut scene = scene("alice", "sip:bob@example.com", identity);
    for (method, contact) in [("INVITE", GRUU), ("MESSAGE", ""), ("SUBSCRIBE", GRUU)] {
        let request = scene.peer().last_request(method).expect("by the route");
        let routes: Vec<_> = request.headers.all(&HeaderName::Route).collect();
        let routes: Vec<_> = routes.into_iter().map(String::from_utf8_lossy).collect();
        assert_eq!(routes, [ROUTE, "<sip:far.example.com;lr>"], "{method}");
        assert_eq!(request.uri.to_string(), "sip:bob@example.com");
        let contact = match contact {
            "" => String::new(),
            contact => format!("<{contact}>"),
        };
        assert_eq!(header(&request, "Contact"), contact, "{method}");
    }
    // What is sent again has the same routes, once.
    let subscribe = scene.peer().last_request("SUBSCRIBE").unwrap();
    let status = StatusCode::new(423).unwrap();
    let mut brief = Response::answering(&subscribe, status, Some("n"));
    brief.headers.push(HeaderName::MinExpires, "60");
    scene.peer().send_raw(brief.to_bytes());
    scene.run(50);
    let again = scene.peer().last_request("SUBSCRIBE").unwrap();
    assert_eq!(again.headers.cseq().unwrap().number, 2);
    assert_eq!(again.headers.all(&HeaderName::Route).count(), 2);
    assert_eq!(header(&again, "Contact"), format!("<{GRUU}>"));
    end(scene);
}

#[test]
fn who_is_not_registered_goes_as_ever() {
    let to = format!("sip:bob@{PEER}");
    let identity = Some(alice(&["<sip:elsewhere.example.com;lr>"], Some(GRUU)));
    for (user, identity) in [("mallory", identity), ("alice", None)] {
        let mut scene = scene(user, &to, identity);
        for method in ["INVITE", "MESSAGE"] {
            let request = scene.peer().last_request(method).expect("sent directly");
            assert_eq!(request.headers.all(&HeaderName::Route).count(), 0);
            assert!(!header(&request, "Contact").contains("gr="));
        }
        let invite = scene.peer().last_request("INVITE").unwrap();
        assert_eq!(header(&invite, "Supported"), "100rel, norefersub, replaces");
        end(scene);
    }
}

#[test]
fn what_a_registrar_says_that_cannot_be_used_is_left_aside() {
    let nothing = alice(&[], None);
    assert_eq!(alice(&["<sip:strict.example.com>"], None), nothing);
    assert_eq!(alice(&[], Some("tel:1")), nothing);
    let gruu = alice(&[], Some(GRUU));
    let target = |uri| Uri::parse(uri).unwrap();
    assert!(gruu.contact(&target("sip:b@h")).is_some());
    assert!(gruu.contact(&target("sips:b@h")).is_none());
    assert!(gruu.first_hop().is_none());
}

/// Asks for a password, as `realm`.
fn challenge(scene: &mut Scene, request: &Request, realm: &str) {
    let status = StatusCode::new(401).unwrap();
    let mut response = Response::answering(request, status, Some("n"));
    let ask = format!("Digest realm=\"{realm}\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"");
    response.headers.push(HeaderName::WwwAuthenticate, ask);
    scene.peer().send_raw(response.to_bytes());
    scene.run(50);
}

#[test]
fn challenges_of_its_realm_are_answered_with_the_password_of_an_account() {
    let identity = Some(alice(&[ROUTE], None));
    let mut scene = scene("alice", "sip:bob@example.com", identity);
    for method in ["INVITE", "MESSAGE", "SUBSCRIBE"] {
        let request = scene.peer().last_request(method).expect("sent");
        challenge(&mut scene, &request, "example.com");
        let again = scene.peer().last_request(method).unwrap();
        assert_eq!(again.headers.cseq().unwrap().number, 2, "{method}");
        let answer = header(&again, "Authorization");
        assert!(answer.contains("username=\"alice\""), "{method}: {answer}");
        assert!(!answer.contains("secret"));
        // Who does not accept it is not told again.
        challenge(&mut scene, &again, "example.com");
        let last = scene.peer().last_request(method).unwrap();
        assert_eq!(last.headers.cseq().unwrap().number, 2, "{method}");
    }
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.ends_clean();
}

#[test]
fn nobody_else_gets_a_digest_of_the_password_of_an_account() {
    let to = format!("sip:bob@{PEER}");
    for (user, realm, identity) in [
        ("alice", "elsewhere.example", Some(alice(&[], None))),
        ("mallory", "example.com", Some(alice(&[], None))),
        ("alice", "example.com", None),
    ] {
        let mut scene = scene(user, &to, identity);
        for method in ["INVITE", "MESSAGE"] {
            let request = scene.peer().last_request(method).expect("sent");
            challenge(&mut scene, &request, realm);
            let last = scene.peer().last_request(method).unwrap();
            assert_eq!(last.headers.cseq().unwrap().number, 1, "{user} {method}");
        }
        scene.with_agent(|agent, now| agent.terminate(now));
        scene.ends_clean();
    }
}

#[test]
fn an_account_for_whoever_asks_answers_any_realm() {
    let domain = Domain::parse("example.com").unwrap();
    let mut account = Account::new(domain, "alice".to_owned(), Secret::new("secret"));
    account.realm = Realm::Any;
    account.auth_user = "trunk-7".to_owned();
    let identity = Identity::of(&account, &binding(&[], None));
    let mut scene = scene("alice", &format!("sip:bob@{PEER}"), Some(identity));
    let invite = scene.peer().last_request("INVITE").expect("sent");
    challenge(&mut scene, &invite, "provider");
    let again = scene.peer().last_request("INVITE").unwrap();
    let answer = header(&again, "Authorization");
    assert!(answer.contains("username=\"trunk-7\""), "{answer}");
    end(scene);
}

#[test]
fn what_a_diagram_names_itself_is_used_alone() {
    let key = |uri| Identities::key(&Uri::parse(uri).unwrap()).unwrap();
    let from = |uri| Uri::parse(uri).unwrap();
    let mut identities = Identities::default();
    identities.set(key("sip:alice@example.com"), Some(alice(&[], None)));
    let own = Accounts::new(vec![auth::Account {
        realm: Realm::Any,
        user: "u".to_owned(),
        password: Secret::new("p"),
    }]);
    let mut accounts = own.clone();
    identities.lend(&from("sip:alice@example.com"), &mut accounts);
    assert_eq!(accounts, own);
    let mut accounts = Accounts::default();
    identities.lend(&from("sip:bob@example.com"), &mut accounts);
    assert!(accounts.is_empty());
    identities.lend(&from("sip:alice@EXAMPLE.com:5062"), &mut accounts);
    assert!(!accounts.is_empty());
}
