//! What is drawn: nodes and arrows, made from the tree of a diagram.
//!
//! Names are not looked up here, so a file with errors gives a picture of everything that could be
//! read. Transitions that do the same from several states become one arrow with several sources, and
//! those that nearly every state has leave an "any of" node instead: drawn one by one they are what
//! makes pictures of real diagrams unreadable.

use std::collections::{BTreeSet, HashMap};

use super::super::syntax::ast;
use super::{NotDrawn, describe};

/// Index into [`Graph::nodes`].
pub type NodeId = usize;

/// As many sources are gathered in an "any of" node, whatever the transition does.
const MANY_SOURCES: usize = 4;
/// The same for hanging up and exceptions, which nobody wants to follow line by line.
const MANY_COMMON_SOURCES: usize = 3;
/// States, and transitions once for each state they leave.
const MAX_PARTS: usize = 5000;

/// How the name of an "any of" node begins that stands for all or nearly all states.
pub const EVERY_STATE: &str = "every state";

/// A diagram as nodes and arrows.
#[derive(Debug)]
pub struct Graph {
    /// Name of the diagram.
    pub name: String,
    /// Declared states in the order of the text, then what else arrows lead from and to.
    pub nodes: Vec<Node>,
    /// Arrows in the order of the text.
    pub arrows: Vec<Arrow>,
}

/// One thing that arrows connect.
#[derive(Debug)]
pub struct Node {
    /// Name of the state; of an "any of" node the list of states in words.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Enter actions in full, one text each.
    pub enter: Vec<String>,
    /// Exit actions in full, one text each.
    pub exit: Vec<String>,
    /// Calls of other diagrams among them.
    pub references: Vec<String>,
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A declared state.
    State {
        /// The diagram starts here.
        initial: bool,
        /// No transition leads on from here.
        last: bool,
    },
    /// A target that is not declared: the state stays, usually after `stop`.
    Undeclared,
    /// A source that is not declared, which is an error.
    Missing,
    /// Several states that share a transition.
    AnyOf,
}

/// Transitions that lead from the same states to the same target.
#[derive(Debug)]
pub struct Arrow {
    /// Where it leaves: one node, or a few that join.
    pub from: Vec<NodeId>,
    /// Where it leads.
    pub to: NodeId,
    /// Its transitions are taken on exceptions.
    pub exception: bool,
    /// In the order of the text.
    pub transitions: Vec<Transition>,
}

/// What one transition asks for and does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Its name; several joined by a comma if equal ones have different names.
    pub name: String,
    /// Conditions in full.
    pub conditions: Vec<String>,
    /// Actions in full.
    pub actions: Vec<String>,
    /// Calls of other diagrams among the actions.
    pub references: Vec<String>,
    /// The session is stopped.
    pub stops: bool,
}

impl Transition {
    /// Name, conditions and actions in one line.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if !self.name.is_empty() {
            parts.push(self.name.clone());
        }
        if !self.conditions.is_empty() {
            parts.push(format!("[{}]", self.conditions.join("; ")));
        }
        if !self.actions.is_empty() {
            parts.push(format!("/ {}", self.actions.join("; ")));
        }
        parts.join(" ")
    }
}

impl Graph {
    /// Makes the graph of a tree.
    ///
    /// # Errors
    ///
    /// There is nothing to draw, or more than [`MAX_PARTS`].
    pub(super) fn new(name: &str, tree: &ast::Diagram<'_>) -> Result<Self, NotDrawn> {
        let mut builder = Builder::default();
        for declaration in &tree.declarations {
            match declaration {
                ast::Declaration::Import(_) => {}
                ast::Declaration::Function(function) => builder.function(function),
                ast::Declaration::State(state) => builder.state(state),
                ast::Declaration::Transition(transition) => builder.transition(transition),
            }
        }
        let sources = builder
            .pending
            .iter()
            .map(|transition| transition.from.len());
        if builder.nodes.len() + sources.sum::<usize>() > MAX_PARTS {
            return Err(NotDrawn::TooLarge(MAX_PARTS));
        }
        let graph = builder.finish(name);
        match graph.nodes.is_empty() {
            true => Err(NotDrawn::Empty),
            false => Ok(graph),
        }
    }

    /// The state the diagram starts in.
    pub fn initial(&self) -> Option<NodeId> {
        let initial = |node: &Node| matches!(node.kind, NodeKind::State { initial: true, .. });
        self.nodes.iter().position(initial)
    }
}

/// What a list of actions does besides its text.
#[derive(Clone, Default)]
struct Effects {
    references: Vec<String>,
    stops: bool,
}

/// All transitions that ask for the same and do the same, with every state they leave.
struct Rule {
    from: Vec<NodeId>,
    to: NodeId,
    exception: bool,
    transition: Transition,
}

#[derive(Default)]
struct Builder<'t> {
    nodes: Vec<Node>,
    ids: HashMap<String, NodeId>,
    functions: HashMap<&'t str, Effects>,
    rules: Vec<Rule>,
    last_sources: Vec<&'t str>,
    last_state: Option<&'t str>,
    pending: Vec<Pending<'t>>,
}

/// A transition whose states may be declared further down.
struct Pending<'t> {
    from: Vec<&'t str>,
    to: &'t str,
    exception: bool,
    transition: Transition,
}

impl<'t> Builder<'t> {
    fn function(&mut self, function: &ast::Function<'t>) {
        let effects = self.effects(&function.body);
        // The first definition of a name counts.
        self.functions.entry(function.name.text).or_insert(effects);
    }

    fn state(&mut self, state: &ast::State<'t>) {
        self.last_sources.clear();
        self.last_state = Some(state.name.text);
        if self.ids.contains_key(state.name.text) {
            // Of several states with one name the others are dead.
            return;
        }
        let mut references = self.effects(&state.enter).references;
        references.extend(self.effects(&state.exit).references);
        let has_initial = self
            .nodes
            .iter()
            .any(|node| matches!(node.kind, NodeKind::State { initial: true, .. }));
        let kind = NodeKind::State {
            initial: state.initial && !has_initial,
            last: false,
        };
        let node = Node {
            name: state.name.text.to_owned(),
            kind,
            enter: describe::statements(&state.enter),
            exit: describe::statements(&state.exit),
            references,
        };
        self.add(node);
    }

    fn add(&mut self, node: Node) -> NodeId {
        let id = self.nodes.len();
        if node.kind != NodeKind::AnyOf {
            self.ids.insert(node.name.clone(), id);
        }
        self.nodes.push(node);
        id
    }

    fn transition(&mut self, transition: &ast::Transition<'t>) {
        let from = match &transition.sources {
            Some(sources) => sources.iter().map(|source| source.text).collect(),
            None if self.last_sources.is_empty() => self.last_state.into_iter().collect(),
            None => self.last_sources.clone(),
        };
        self.last_sources.clone_from(&from);
        // Without a target it is an error, which has been reported.
        let Some(target) = &transition.target else {
            return;
        };
        let is_exception =
            |condition: &ast::Condition<'_>| matches!(condition, ast::Condition::Exception(_));
        let effects = self.effects(&transition.actions);
        self.pending.push(Pending {
            from,
            to: target.text,
            exception: transition.conditions.iter().any(is_exception),
            transition: Transition {
                name: describe::single_blanks(transition.name.text),
                conditions: describe::conditions(&transition.conditions),
                actions: describe::statements(&transition.actions),
                references: effects.references,
                stops: effects.stops,
            },
        });
    }

    fn effects(&self, block: &ast::Block<'_>) -> Effects {
        let mut effects = Effects::default();
        self.collect(block, &mut effects);
        effects
    }

    fn collect(&self, block: &ast::Block<'_>, effects: &mut Effects) {
        for statement in block {
            match statement {
                ast::Statement::If(it) => {
                    self.collect(&it.then, effects);
                    self.collect(&it.otherwise, effects);
                }
                ast::Statement::For(it) => self.collect(&it.body, effects),
                ast::Statement::Call(call) => self.call(call, effects),
            }
        }
    }

    fn call(&self, call: &ast::Call<'_>, effects: &mut Effects) {
        let name = call.name.text;
        let mut refer = |reference: String| {
            if !effects.references.contains(&reference) {
                effects.references.push(reference);
            }
        };
        if let Some(inside) = self.functions.get(name) {
            inside.references.iter().cloned().for_each(refer);
            effects.stops |= inside.stops;
        } else if name == "stop" {
            effects.stops = true;
        } else if let Some(reference) = reference(&describe::call(call)) {
            refer(reference);
        }
    }

    fn finish(mut self, name: &str) -> Graph {
        for pending in std::mem::take(&mut self.pending) {
            self.rule(pending);
        }
        let states = self.nodes.len();
        self.mark_last();
        let arrows = self.arrows(states);
        Graph {
            name: name.to_owned(),
            nodes: self.nodes,
            arrows,
        }
    }

    fn node(&mut self, name: &str, kind: NodeKind) -> NodeId {
        match self.ids.get(name) {
            Some(&id) => id,
            None => self.add(Node {
                name: name.to_owned(),
                kind,
                enter: Vec::new(),
                exit: Vec::new(),
                references: Vec::new(),
            }),
        }
    }

    /// Adds a transition, to an equal one from other states if there is one.
    fn rule(&mut self, pending: Pending<'t>) {
        let mut from: Vec<NodeId> = Vec::new();
        for source in pending.from {
            let id = self.node(source, NodeKind::Missing);
            if self.nodes[id].kind == NodeKind::Undeclared {
                self.nodes[id].kind = NodeKind::Missing;
            }
            if !from.contains(&id) {
                from.push(id);
            }
        }
        let to = self.node(pending.to, NodeKind::Undeclared);
        let transition = pending.transition;
        // A loop keeps its own name, and so do transitions that would join it.
        let common = is_common(&transition, pending.exception);
        let stays = from.contains(&to);
        let equal = self.rules.iter_mut().find(|rule| {
            rule.to == to
                && (common
                    || rule.transition.name == transition.name
                    || !stays && !rule.from.contains(&to))
                && rule.transition.conditions == transition.conditions
                && rule.transition.actions == transition.actions
                && from.iter().all(|source| !rule.from.contains(source))
        });
        match equal {
            Some(rule) => {
                rule.from.extend(from);
                let names = &mut rule.transition.name;
                if !transition.name.is_empty()
                    && !names.split(", ").any(|name| name == transition.name)
                {
                    if !names.is_empty() {
                        names.push_str(", ");
                    }
                    names.push_str(&transition.name);
                }
            }
            None => self.rules.push(Rule {
                from,
                to,
                exception: pending.exception,
                transition,
            }),
        }
    }

    /// A state is a last one if every transition from it stays in it.
    fn mark_last(&mut self) {
        let leads_on: BTreeSet<NodeId> = self
            .rules
            .iter()
            .flat_map(|rule| rule.from.iter().filter(|&&from| from != rule.to))
            .copied()
            .collect();
        for (id, node) in self.nodes.iter_mut().enumerate() {
            if let NodeKind::State {
                initial: false,
                last,
            } = &mut node.kind
            {
                *last = !leads_on.contains(&id);
            }
        }
    }

    fn arrows(&mut self, states: usize) -> Vec<Arrow> {
        let declared: Vec<NodeId> = (0..states)
            .filter(|&id| matches!(self.nodes[id].kind, NodeKind::State { .. }))
            .collect();
        let mut arrows: Vec<Arrow> = Vec::new();
        let mut any_of: HashMap<Vec<NodeId>, NodeId> = HashMap::new();
        for rule in std::mem::take(&mut self.rules) {
            let mut from = rule.from;
            from.sort_unstable();
            if is_gathered(&from, declared.len(), &rule.transition, rule.exception) {
                let id = match any_of.get(&from) {
                    Some(&id) => id,
                    None => self.add_any_of(&from, &declared),
                };
                any_of.insert(from, id);
                from = vec![id];
            }
            let parallel = arrows.iter_mut().find(|arrow| {
                arrow.from == from && arrow.to == rule.to && arrow.exception == rule.exception
            });
            match parallel {
                Some(arrow) => arrow.transitions.push(rule.transition),
                None => arrows.push(Arrow {
                    from,
                    to: rule.to,
                    exception: rule.exception,
                    transitions: vec![rule.transition],
                }),
            }
        }
        arrows.retain(|arrow| !arrow.from.is_empty());
        arrows
    }

    fn add_any_of(&mut self, from: &[NodeId], declared: &[NodeId]) -> NodeId {
        let names = |ids: &mut dyn Iterator<Item = NodeId>| {
            let names: Vec<&str> = ids.map(|id| self.nodes[id].name.as_str()).collect();
            names.join(", ")
        };
        let others: Vec<NodeId> = declared
            .iter()
            .copied()
            .filter(|id| !from.contains(id))
            .collect();
        let name = if others.is_empty() {
            EVERY_STATE.to_owned()
        } else if from.len() > MANY_SOURCES && others.len() <= 2 {
            format!("{EVERY_STATE} but {}", names(&mut others.iter().copied()))
        } else {
            names(&mut from.iter().copied())
        };
        self.add(Node {
            name,
            kind: NodeKind::AnyOf,
            enter: Vec::new(),
            exit: Vec::new(),
            references: Vec::new(),
        })
    }
}

/// What an action does with another diagram, in words.
pub fn reference(action: &str) -> Option<String> {
    let (name, arguments) = action.split_once('(').unwrap_or((action, ""));
    let diagram = arguments.trim_end_matches(')').trim_matches(['"', '\'']);
    match name {
        "callFSM" => Some(format!("calls {diagram}")),
        "jumpFSM" => Some(format!("jumps to {diagram}")),
        "returnFSM" => Some("returns".to_owned()),
        _ => None,
    }
}

/// Hanging up and exceptions are handled by nearly every state.
fn is_common(transition: &Transition, exception: bool) -> bool {
    let hangs_up = |condition: &String| condition.starts_with("hangup");
    exception || transition.conditions.iter().any(hangs_up)
}

fn is_gathered(from: &[NodeId], states: usize, transition: &Transition, exception: bool) -> bool {
    let common = is_common(transition, exception);
    let everywhere = from.len() >= 2 && from.len() == states;
    from.len() >= MANY_SOURCES || common && (from.len() >= MANY_COMMON_SOURCES || everywhere)
}
