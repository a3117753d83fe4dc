//! The server: life cycle, queue, and which feature answers which request.

use std::collections::{BTreeSet, VecDeque};

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::notification::{self as notice, Notification as _};
use lsp_types::request::{self as ask, Request as _};
use lsp_types::{
    CodeActionProviderCapability, CompletionOptions, ConfigurationItem, ConfigurationParams,
    DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, FoldingRangeProviderCapability,
    GlobPattern, HoverProviderCapability, InitializeParams, InitializeResult, OneOf, Registration,
    RegistrationParams, RenameOptions, SemanticTokensFullOptions, SemanticTokensOptions,
    ServerCapabilities, ServerInfo, SignatureHelpOptions, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::position::Encoding;
use super::settings::Settings;
use super::uri::path_of;
use super::workspace::Workspace;
use super::{
    actions, completion, diagnostics, formatting, hover, navigation, outline, rename, signature,
    tokens,
};
use crate::dsm::{Registry, SourceProvider};

/// A language server without streams: [`receive`](Self::receive) messages, then
/// [`work`](Self::work) until there is nothing to do.
pub struct Server {
    phase: Phase,
    /// Messages that wait, in the order in which they came.
    queue: VecDeque<Message>,
    workspace: Workspace,
    client: Client,
    /// Findings have to be published anew.
    stale: bool,
    /// Paths of documents for which findings were published.
    published: BTreeSet<String>,
    out: Vec<Message>,
}

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    ShutDown,
    Ended { well: bool },
}

/// What the client can do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client {
    /// It takes snippets as completions.
    pub snippets: bool,
    configuration: bool,
    watches_files: bool,
}

/// Why a request is refused: a code of the protocol and a sentence.
pub struct Refusal {
    code: ErrorCode,
    message: String,
}

impl Refusal {
    /// A request that is understood and cannot be done.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::RequestFailed,
            message: message.into(),
        }
    }
}

const CONFIGURATION_ID: &str = "configuration";
const WATCH_ID: &str = "watch";
const SECTION: &str = "muleteer";

impl Server {
    /// A server that was not spoken to yet, for diagrams from these files.
    pub fn new(files: Box<dyn SourceProvider>, registry: Registry) -> Self {
        Self {
            phase: Phase::New,
            queue: VecDeque::new(),
            workspace: Workspace::new(files, registry),
            client: Client::default(),
            stale: false,
            published: BTreeSet::new(),
            out: Vec::new(),
        }
    }

    /// Takes a message. A cancelled request that still waits is never begun.
    pub fn receive(&mut self, message: Message) {
        if let Message::Notification(notification) = &message
            && notification.method == notice::Cancel::METHOD
        {
            return self.cancel(&notification.params);
        }
        self.queue.push_back(message);
    }

    /// Does one piece of work and gives the messages it makes; `None` if nothing is left to do.
    pub fn work(&mut self) -> Option<Vec<Message>> {
        if matches!(self.phase, Phase::Ended { .. }) {
            return None;
        }
        match self.queue.pop_front() {
            Some(Message::Request(request)) => self.request(request),
            Some(Message::Notification(notification)) => self.notification(notification),
            Some(Message::Response(response)) => self.response(response),
            // Nobody waits for anything: time for the findings of what was typed last.
            None if std::mem::take(&mut self.stale) => self.publish(),
            None if self.out.is_empty() => return None,
            None => {}
        }
        Some(std::mem::take(&mut self.out))
    }

    /// Whether the client ended the session, and if so whether it did as the protocol says.
    pub fn ended(&self) -> Option<bool> {
        match self.phase {
            Phase::Ended { well } => Some(well),
            _ => None,
        }
    }

    fn cancel(&mut self, params: &Value) {
        let id: Option<RequestId> = params
            .get("id")
            .and_then(|id| serde_json::from_value(id.clone()).ok());
        let waits = self.queue.iter().position(
            |message| matches!(message, Message::Request(request) if Some(&request.id) == id.as_ref()),
        );
        if let Some(at) = waits
            && let Some(Message::Request(request)) = self.queue.remove(at)
        {
            let message = "cancelled".to_owned();
            self.refuse(request.id, ErrorCode::RequestCanceled, message);
        }
    }

    fn refuse(&mut self, id: RequestId, code: ErrorCode, message: String) {
        let response = Response::new_err(id, code as i32, message);
        self.out.push(response.into());
    }

    fn request(&mut self, request: Request) {
        match (self.phase, request.method.as_str()) {
            (Phase::New, ask::Initialize::METHOD) => self.initialize(request),
            (Phase::New, _) => {
                let message = "'initialize' has to come first".to_owned();
                self.refuse(request.id, ErrorCode::ServerNotInitialized, message);
            }
            (_, ask::Initialize::METHOD) => {
                let message = "'initialize' came already".to_owned();
                self.refuse(request.id, ErrorCode::InvalidRequest, message);
            }
            (Phase::Running, ask::Shutdown::METHOD) => {
                self.phase = Phase::ShutDown;
                self.out
                    .push(Response::new_ok(request.id, Value::Null).into());
            }
            (Phase::Running, _) => self.feature(request),
            _ => {
                let message = "the server is shut down; only 'exit' may follow".to_owned();
                self.refuse(request.id, ErrorCode::InvalidRequest, message);
            }
        }
    }

    fn initialize(&mut self, request: Request) {
        let params: InitializeParams = match serde_json::from_value(request.params) {
            Ok(params) => params,
            Err(error) => {
                let message = error.to_string();
                return self.refuse(request.id, ErrorCode::InvalidParams, message);
            }
        };
        let general = params.capabilities.general.as_ref();
        let offered = general.and_then(|general| general.position_encodings.as_deref());
        self.workspace.encoding = Encoding::negotiate(offered);
        self.workspace.roots = roots(&params);
        if let Some(options) = &params.initialization_options {
            self.workspace.settings = Settings::read(options);
        }
        self.client = client(&params);
        self.phase = Phase::Running;
        let result = InitializeResult {
            capabilities: capabilities(self.workspace.encoding),
            server_info: Some(ServerInfo {
                name: "muleteer".into(),
                version: Some(env!("CARGO_PKG_VERSION").into()),
            }),
        };
        self.out.push(Response::new_ok(request.id, result).into());
    }

    fn feature(&mut self, request: Request) {
        let workspace = &mut self.workspace;
        let client = self.client;
        let id = request.id.clone();
        let answer = match request.method.as_str() {
            ask::HoverRequest::METHOD => answer(request, |params| hover::hover(workspace, params)),
            ask::GotoDefinition::METHOD => {
                answer(request, |params| navigation::definition(workspace, params))
            }
            ask::References::METHOD => {
                answer(request, |params| navigation::references(workspace, params))
            }
            ask::DocumentHighlightRequest::METHOD => {
                answer(request, |params| navigation::highlight(workspace, params))
            }
            ask::PrepareRenameRequest::METHOD => {
                answer(request, |params| rename::prepare(workspace, params))
            }
            ask::Rename::METHOD => answer(request, |params| rename::rename(workspace, params)),
            ask::Completion::METHOD => answer(request, |params| {
                completion::completion(workspace, client, params)
            }),
            ask::SignatureHelpRequest::METHOD => {
                answer(request, |params| signature::help(workspace, params))
            }
            ask::DocumentSymbolRequest::METHOD => {
                answer(request, |params| outline::document(workspace, params))
            }
            ask::WorkspaceSymbolRequest::METHOD => {
                answer(request, |params| outline::workspace(workspace, params))
            }
            ask::FoldingRangeRequest::METHOD => {
                answer(request, |params| outline::folding(workspace, params))
            }
            ask::CodeActionRequest::METHOD => {
                answer(request, |params| actions::actions(workspace, params))
            }
            ask::Formatting::METHOD => {
                answer(request, |params| formatting::document(workspace, params))
            }
            ask::RangeFormatting::METHOD => {
                answer(request, |params| formatting::range(workspace, params))
            }
            ask::SemanticTokensFullRequest::METHOD => {
                answer(request, |params| tokens::tokens(workspace, params))
            }
            other => Err(Refusal {
                code: ErrorCode::MethodNotFound,
                message: format!("'{other}' is not supported"),
            }),
        };
        match answer {
            Ok(result) => self.out.push(Response::new_ok(id, result).into()),
            Err(Refusal { code, message }) => self.refuse(id, code, message),
        }
    }

    fn notification(&mut self, notification: Notification) {
        if notification.method == notice::Exit::METHOD {
            let well = self.phase == Phase::ShutDown;
            self.phase = Phase::Ended { well };
            return;
        }
        if self.phase != Phase::Running {
            return;
        }
        let method = notification.method.clone();
        if let Err(error) = self.notified(notification) {
            tracing::warn!("{method}: {error}");
        }
    }

    /// # Errors
    /// The parameters are not what the protocol says.
    fn notified(&mut self, notification: Notification) -> Result<(), serde_json::Error> {
        let Notification { method, params } = notification;
        match method.as_str() {
            notice::Initialized::METHOD => self.initialized(),
            notice::DidOpenTextDocument::METHOD => {
                let params: lsp_types::DidOpenTextDocumentParams = serde_json::from_value(params)?;
                let document = params.text_document;
                self.set(document.uri, document.version, document.text, true);
            }
            notice::DidChangeTextDocument::METHOD => {
                let params: lsp_types::DidChangeTextDocumentParams =
                    serde_json::from_value(params)?;
                let document = params.text_document;
                // Whole texts were asked for, so the last one counts.
                if let Some(change) = params.content_changes.into_iter().next_back() {
                    self.set(document.uri, document.version, change.text, false);
                }
            }
            notice::DidCloseTextDocument::METHOD => {
                let params: lsp_types::DidCloseTextDocumentParams = serde_json::from_value(params)?;
                self.workspace
                    .documents
                    .close(&path_of(&params.text_document.uri));
                self.refresh();
            }
            notice::DidChangeWatchedFiles::METHOD | notice::DidSaveTextDocument::METHOD => {
                self.refresh();
            }
            notice::DidChangeWorkspaceFolders::METHOD => {
                let params: lsp_types::DidChangeWorkspaceFoldersParams =
                    serde_json::from_value(params)?;
                let roots = &mut self.workspace.roots;
                let gone = params.event.removed.iter().map(|one| path_of(&one.uri));
                let gone: Vec<String> = gone.collect();
                roots.retain(|root| !gone.contains(root));
                roots.extend(params.event.added.iter().map(|one| path_of(&one.uri)));
                self.refresh();
            }
            notice::DidChangeConfiguration::METHOD => {
                self.configured(params.get("settings").unwrap_or(&Value::Null));
            }
            _ => {}
        }
        Ok(())
    }

    fn initialized(&mut self) {
        if self.client.configuration {
            let item = ConfigurationItem {
                scope_uri: None,
                section: Some(SECTION.into()),
            };
            let params = ConfigurationParams { items: vec![item] };
            self.ask::<ask::WorkspaceConfiguration>(CONFIGURATION_ID, params);
        }
        if self.client.watches_files {
            let watchers = ["**/*.dsm", "**/*.wav"].map(|glob| FileSystemWatcher {
                glob_pattern: GlobPattern::String(glob.into()),
                kind: None,
            });
            let options = DidChangeWatchedFilesRegistrationOptions {
                watchers: watchers.into(),
            };
            let registration = Registration {
                id: WATCH_ID.into(),
                method: notice::DidChangeWatchedFiles::METHOD.into(),
                register_options: serde_json::to_value(options).ok(),
            };
            let params = RegistrationParams {
                registrations: vec![registration],
            };
            self.ask::<ask::RegisterCapability>(WATCH_ID, params);
        }
    }

    fn ask<R: ask::Request>(&mut self, id: &str, params: R::Params)
    where
        R::Params: serde::Serialize,
    {
        let id = RequestId::from(id.to_owned());
        let request = Request::new(id, R::METHOD.into(), params);
        self.out.push(request.into());
    }

    fn response(&mut self, response: Response) {
        let asked = response.id == RequestId::from(CONFIGURATION_ID.to_owned());
        match response.response_result {
            Ok(result) if asked => {
                let settings = result.get(0).unwrap_or(&Value::Null);
                // A client without settings of ours answers null; what it said at the start stays.
                if settings.is_object() {
                    self.configured(&settings.clone());
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("the client refuses: {}", error.message),
        }
    }

    fn configured(&mut self, value: &Value) {
        if value.is_object() {
            self.workspace.settings = Settings::read(value);
            self.refresh();
        }
    }

    fn set(&mut self, uri: lsp_types::Uri, version: i32, text: String, opened: bool) {
        let path = path_of(&uri);
        self.workspace
            .documents
            .set(path.clone(), uri, version, text);
        match opened {
            true => self.workspace.refresh(),
            false => self.workspace.changed(&path),
        }
        self.stale = true;
    }

    fn refresh(&mut self) {
        self.workspace.refresh();
        self.stale = true;
    }

    /// Publishes the findings of all open documents, and none for those that were closed.
    fn publish(&mut self) {
        let found = diagnostics::all(&mut self.workspace);
        let open: BTreeSet<String> = found.iter().map(|(path, _)| path.clone()).collect();
        let closed = self.published.difference(&open);
        let cleared = closed.filter_map(|path| diagnostics::none(&self.workspace, path));
        let every = found.into_iter().map(|(_, params)| params).chain(cleared);
        for params in every {
            let method = notice::PublishDiagnostics::METHOD.into();
            self.out.push(Notification::new(method, params).into());
        }
        self.published = open;
    }
}

/// Reads the parameters, asks the feature, and makes JSON of its answer.
fn answer<P: DeserializeOwned, R: serde::Serialize>(
    request: Request,
    feature: impl FnOnce(P) -> Result<R, Refusal>,
) -> Result<Value, Refusal> {
    let params = serde_json::from_value(request.params).map_err(|error| Refusal {
        code: ErrorCode::InvalidParams,
        message: error.to_string(),
    })?;
    serde_json::to_value(feature(params)?).map_err(|error| Refusal {
        code: ErrorCode::InternalError,
        message: error.to_string(),
    })
}

fn roots(params: &InitializeParams) -> Vec<String> {
    let folders = params.workspace_folders.as_deref().unwrap_or(&[]);
    let mut roots: Vec<String> = folders.iter().map(|one| path_of(&one.uri)).collect();
    #[allow(deprecated, reason = "what clients without workspace folders send")]
    if roots.is_empty()
        && let Some(root) = &params.root_uri
    {
        roots.push(path_of(root));
    }
    roots
}

fn client(params: &InitializeParams) -> Client {
    let workspace = params.capabilities.workspace.as_ref();
    let document = params.capabilities.text_document.as_ref();
    let completion = document.and_then(|document| document.completion.as_ref());
    let item = completion.and_then(|completion| completion.completion_item.as_ref());
    let watched = workspace.and_then(|workspace| workspace.did_change_watched_files);
    Client {
        snippets: item.and_then(|item| item.snippet_support) == Some(true),
        configuration: workspace.and_then(|workspace| workspace.configuration) == Some(true),
        watches_files: watched.and_then(|watched| watched.dynamic_registration) == Some(true),
    }
}

fn capabilities(encoding: Encoding) -> ServerCapabilities {
    let characters = |list: &[&str]| Some(list.iter().map(|&one| one.to_owned()).collect());
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::FULL),
        save: Some(lsp_types::TextDocumentSyncSaveOptions::Supported(true)),
        ..Default::default()
    };
    let folders = lsp_types::WorkspaceFoldersServerCapabilities {
        supported: Some(true),
        change_notifications: Some(OneOf::Left(true)),
    };
    ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: Default::default(),
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: characters(&["$", "#", "@", "(", "\"", "/", ","]),
            ..Default::default()
        }),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: characters(&["(", ",", "="]),
            ..Default::default()
        }),
        document_symbol_provider: Some(OneOf::Left(true)),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        code_action_provider: Some(CodeActionProviderCapability::Simple(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        document_range_formatting_provider: Some(OneOf::Left(true)),
        semantic_tokens_provider: Some(
            SemanticTokensOptions {
                legend: tokens::legend(),
                full: Some(SemanticTokensFullOptions::Bool(true)),
                ..Default::default()
            }
            .into(),
        ),
        workspace: Some(lsp_types::WorkspaceServerCapabilities {
            workspace_folders: Some(folders),
            file_operations: None,
        }),
        ..Default::default()
    }
}
