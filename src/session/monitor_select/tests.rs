use super::*;
use crate::dsm::DiagramSet;
use crate::session::monitoring::{Store, StoreLimits, Write};

fn invite(extra: &str) -> Request {
    let text = format!(
        "INVITE sip:4711@here SIP/2.0\r\n\
         Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
         From: <sip:alice@there>;tag=1\r\n\
         To: <sip:desk@here>\r\n\
         P-Asserted-Identity: <sip:agent@there>\r\n\
         Call-ID: c\r\nCSeq: 1 INVITE\r\n{extra}\r\n"
    );
    match crate::sip::message::Message::parse_datagram(text.into()) {
        Ok(crate::sip::message::Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn diagram(name: &str) -> DiagramApplication {
    DiagramApplication {
        name: name.to_owned(),
        diagrams: Arc::new(DiagramSet::default()),
        prompts: Arc::default(),
        config: BTreeMap::new(),
        draws: crate::ids::Draws::new([7; 32]),
        set_param_variables: false,
    }
}

fn store() -> Store {
    let limits = StoreLimits {
        bytes: 1 << 20,
        retain: std::time::Duration::ZERO,
    };
    let mut store = Store::new(limits);
    for (id, caller, callee, room) in [
        ("one", "alice", "4711", "blue"),
        ("two", "agent", "desk", "red"),
        ("three", "alice", "4711", "red"),
    ] {
        let params = serde_json::json!({"room": room, "list": ["x", "y"]});
        let attributes = vec![
            ("caller".into(), caller.into()),
            ("callee".into(), callee.into()),
            ("room".into(), room.into()),
            ("app".into(), "greet".into()),
            ("appParams".into(), params.into()),
        ];
        store.apply(Write::Set(id.into(), attributes)).unwrap();
    }
    store
}

/// The diagram and the record of a call, and a variable that it gets.
fn chosen(rules: MonitorSelect, invite: &Request) -> Option<(String, String, String)> {
    let selection = MonitorSelection::new(rules, [diagram("greet"), diagram("sorry")]);
    let mut store = store();
    let mut question = selection.question(invite);
    let found = loop {
        match store.answer(Default::default(), &mut question) {
            Some(Reply::Found(found)) => break found,
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    };
    let record = found.first().map(|found| {
        let attributes = store.record(&found.id).unwrap();
        (found.id.clone(), attributes.to_vec())
    });
    let (application, variables) = selection.choose(record)?;
    let variable = |name: &str| variables.get(name).cloned().unwrap_or_default();
    Some((
        application.name().to_owned(),
        variable(RECORD),
        format!("{} {}", variable("room"), variable("list_1")),
    ))
}

fn is(chosen: Option<(String, String, String)>, diagram: &str, record: &str, variables: &str) {
    let expected = (diagram.to_owned(), record.to_owned(), variables.to_owned());
    assert_eq!(chosen, Some(expected));
}

#[test]
fn caller_and_callee_find_the_record() {
    let rules = MonitorSelect::default;
    is(chosen(rules(), &invite("")), "greet", "one", "blue y");
    let others = MonitorSelect {
        caller: Caller::AssertedIdentity,
        callee: Callee::To,
        ..rules()
    };
    is(chosen(others, &invite("")), "greet", "two", "red y");
    let nobody = MonitorSelect {
        caller: Caller::AssertedIdentity,
        ..rules()
    };
    assert_eq!(chosen(nobody, &invite("")), None);
}

#[test]
fn filters_are_compared_with_the_params_of_the_proxy() {
    let rules = || MonitorSelect {
        filters: vec!["room".to_owned()],
        fallback: Some("sorry".to_owned()),
        ..MonitorSelect::default()
    };
    let red = invite("P-App-Param: room=red\r\n");
    is(chosen(rules(), &red), "greet", "three", "red y");
    is(
        chosen(rules(), &invite("P-App-Param: room=green\r\n")),
        "sorry",
        "",
        " ",
    );
    is(chosen(rules(), &invite("")), "sorry", "", " ");
}

#[test]
fn a_record_that_names_no_diagram_selects_nothing() {
    let selection = MonitorSelection::new(MonitorSelect::default(), [diagram("greet")]);
    let record = |app: &'static str| Some(("r".into(), vec![("app".into(), app.into())]));
    assert!(selection.choose(record("greet")).is_some());
    assert!(selection.choose(record("unknown")).is_none());
    assert!(selection.choose(None).is_none());
}
