use std::sync::Arc;

use tokio::sync::mpsc;

use super::*;
use crate::control::MONITORING;
use crate::session::components::Components;
use crate::session::monitoring::{Order, Store, StoreLimits};

/// The component over a store of its own.
struct Desk {
    components: Components,
    orders: mpsc::Receiver<Order>,
    store: Store,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    fn new() -> Self {
        let (sender, orders) = mpsc::channel(16);
        let component = Arc::new(MonitoringComponent::new(Monitor::new(sender)));
        Self {
            components: Components::default().with(MONITORING, component),
            orders,
            store: Store::new(StoreLimits {
                bytes: 1 << 20,
                retain: Duration::from_secs(10),
            }),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        }
    }

    fn call(&mut self, function: &str, arguments: Value) -> Result<Value, CallError> {
        let arguments = arguments.as_array().cloned().unwrap();
        let calling = self.components.call(MONITORING, function, arguments);
        let (orders, store) = (&mut self.orders, &mut self.store);
        let serve = async {
            while let Some(order) = orders.recv().await {
                match order {
                    Order::Write(write) => store.apply(write).unwrap(),
                    Order::Ask(mut question, answer) => loop {
                        let now = Duration::from_secs(1_000);
                        if let Some(reply) = store.answer(now, &mut question) {
                            answer.send(reply).unwrap();
                            break;
                        }
                    },
                }
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = serve => unreachable!("the component is there"),
                result = calling => result,
            }
        })
    }

    fn is(&mut self, function: &str, arguments: Value, expected: Value) {
        // Writes are sent and forgotten: ask for something so that they are done.
        let result = self.call(function, arguments.clone());
        assert_eq!(result, Ok(expected), "{function} {arguments}");
    }
}

#[test]
fn attributes_are_written_and_read() {
    let mut desk = Desk::new();
    let ok = || json!([0, "OK"]);
    desk.is("set", json!(["a", "x", "1", "y", "2"]), ok());
    desk.is("log", json!(["b", "x", "1"]), ok());
    desk.is("add", json!(["a", "y", "3"]), ok());
    desk.is("get", json!(["a"]), json!([{"x": "1", "y": ["2", "3"]}]));
    desk.is("getSingle", json!(["a", "x"]), json!(["1"]));
    desk.is("getSingle", json!(["a", "none"]), json!([]));
    desk.is("get", json!(["none"]), json!([]));
    desk.is(
        "getAttribute",
        json!(["x"]),
        json!([["a", "1"], ["b", "1"]]),
    );
    desk.is("markFinished", json!(["b"]), ok());
    desk.is("getAttributeActive", json!(["x"]), json!([["a", "1"]]));
    desk.is("getAttributeFinished", json!(["x"]), json!([["b", "1"]]));
    desk.is("list", json!([]), json!(["a", "b"]));
    desk.is("listActive", json!([]), json!(["a"]));
    desk.is("listFinished", json!([]), json!(["b"]));
    desk.is("set", json!(["a", "appParams", {"p": {"q": 1}}]), ok());
    desk.is(
        "getSingle",
        json!(["a", "appParams"]),
        json!([{"p": {"q": 1}}]),
    );
}

#[test]
fn records_are_found_and_erased() {
    let mut desk = Desk::new();
    for (id, room) in [("a", "blue"), ("b", "red"), ("c", "blue")] {
        desk.call("set", json!([id, "room", room, "n", 1])).unwrap();
    }
    desk.is(
        "listByFilter",
        json!([["room", "blue"], ["n", 1]]),
        json!(["a", "c"]),
    );
    desk.is(
        "listByFilter",
        json!(["room", "blue", "n", "1"]),
        json!(["a", "c"]),
    );
    desk.is("listByFilter", json!([["room", "green"]]), json!([]));
    desk.is("listByFilter", json!([]), json!(["a", "b", "c"]));
    desk.is("listByRegex", json!(["room", "^r.d$"]), json!(["b"]));
    desk.is("erase", json!(["a"]), json!([0, "OK"]));
    desk.is("list", json!([]), json!(["b", "c"]));
    desk.is("eraseByFilter", json!([["room", "blue"]]), json!(["c"]));
    desk.is("markFinished", json!(["b"]), json!([0, "OK"]));
    desk.call("inc", json!(["d", "n"])).unwrap();
    desk.is("clearFinished", json!([]), json!([0, "OK"]));
    desk.is("list", json!([]), json!(["d"]));
    desk.is("clear", json!([]), json!([0, "OK"]));
    desk.is("list", json!([]), json!([]));
}

#[test]
fn counters_and_samples_are_counted() {
    let mut desk = Desk::new();
    for function in ["inc", "inc", "dec"] {
        desk.call(function, json!(["a", "n"])).unwrap();
    }
    desk.call("addCount", json!(["a", "n", "5"])).unwrap();
    desk.is("getCount", json!(["a", "n"]), json!([6]));
    desk.is("getCount", json!(["a", "none"]), json!([0]));
    desk.call("addSample", json!(["a", "s"])).unwrap();
    desk.call("addSample", json!(["a", "s", 3, 995])).unwrap();
    desk.is("getCount", json!(["a", "s"]), json!([1]));
    desk.is("getCount", json!(["a", "s", "10"]), json!([4]));
    desk.is("getAllCounts", json!(["a", 10]), json!({"n": 6, "s": 4}));
}

#[test]
fn what_means_nothing_is_refused() {
    let mut desk = Desk::new();
    for (function, arguments) in [
        ("set", json!(["a", "x"])),
        ("set", json!(["a", "x", "1", "y"])),
        ("addCount", json!(["a", "x", "many"])),
        ("getCount", json!(["a", "x", "-1"])),
        ("listByFilter", json!([["x"]])),
        ("listByFilter", json!(["x"])),
        ("listByRegex", json!(["x", "[a"])),
        ("setExpiration", json!(["a", "tomorrow"])),
    ] {
        let result = desk.call(function, arguments.clone());
        let refused = matches!(
            result,
            Err(CallError::Refused { .. } | CallError::Arguments { .. })
        );
        assert!(refused, "{function} {arguments}: {result:?}");
    }
}
