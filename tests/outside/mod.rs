//! Requests outside calls: those that diagrams take, and the messages that they send, in virtual time.

mod identity;
mod messages;
mod requests;

use muleteer::config::ApplicationSelector;
use muleteer::session::event::Params;
use muleteer::session::{Catalog, Limits};
use muleteer::sip::message::{HeaderName, Method, Request};

use crate::agent::{Scene, diagram};

/// An agent whose diagram `chat` takes these requests.
fn serving(methods: &[Method], chat: &str, limits: Limits) -> Scene {
    let mut scene = Scene::with_limits("chat", None, limits);
    let catalog = Catalog::new([diagram("chat", &format!("import(mod_dlg);\n{chat}"))]);
    scene.agent().reload(catalog);
    let by_user = |method: &Method| (method.clone(), ApplicationSelector::RuriUser);
    scene.agent().serve(methods.iter().map(by_user).collect());
    scene
}

/// The peer sends a request outside calls.
fn send(scene: &mut Scene, method: &str, body: &str) {
    scene.peer().new_call("chat");
    scene.peer().content_type = "text/plain";
    scene.peer().request(method, body);
    scene.run(50);
}

fn told(scene: &mut Scene) -> Vec<Params> {
    std::mem::take(&mut scene.agent().witness)
}

fn header(request: &Request, name: &str) -> String {
    let name = HeaderName::parse(name.as_bytes()).unwrap();
    let text = request.headers.text(&name).unwrap_or_default();
    text.into_owned()
}
