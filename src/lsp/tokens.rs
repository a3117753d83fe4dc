//! Semantic tokens: colours for editors that know no grammar of the language.

use lsp_types::{
    SemanticToken, SemanticTokenType, SemanticTokens, SemanticTokensLegend, SemanticTokensParams,
    SemanticTokensResult,
};

use super::position::Lines;
use super::server::Refusal;
use super::uri::path_of;
use super::workspace::Workspace;
use crate::dsm::source::Span;
use crate::dsm::symbols::Entity;

const TYPES: [SemanticTokenType; 10] = [
    SemanticTokenType::KEYWORD,
    SemanticTokenType::COMMENT,
    SemanticTokenType::CLASS,
    SemanticTokenType::FUNCTION,
    SemanticTokenType::METHOD,
    SemanticTokenType::EVENT,
    SemanticTokenType::VARIABLE,
    SemanticTokenType::PARAMETER,
    SemanticTokenType::NAMESPACE,
    SemanticTokenType::STRING,
];
const KEYWORD: u32 = 0;
const COMMENT: u32 = 1;

/// The kinds of token, in the order of their numbers.
pub fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend {
        token_types: TYPES.into(),
        token_modifiers: Vec::new(),
    }
}

/// The number of what a name stands for.
fn number(entity: Entity) -> u32 {
    match entity {
        Entity::State => 2,
        Entity::Function => 3,
        Entity::Action => 4,
        Entity::Condition => 5,
        Entity::Variable | Entity::Collection => 6,
        Entity::Parameter | Entity::Select => 7,
        Entity::Module | Entity::Diagram => 8,
        Entity::File | Entity::Prompt => 9,
    }
}

/// All tokens of a document.
pub fn tokens(
    workspace: &mut Workspace,
    params: SemanticTokensParams,
) -> Result<Option<SemanticTokensResult>, Refusal> {
    let path = path_of(&params.text_document.uri);
    let Some((analysis, file)) = workspace.view(&path) else {
        return Ok(None);
    };
    let index = &analysis.index;
    let names = index.occurrences.iter();
    let names = names.map(|one| (one.span, number(one.entity)));
    let keywords = index.keywords.iter().map(|&span| (span, KEYWORD));
    let comments = index.comments.iter().map(|&span| (span, COMMENT));
    let mut spans: Vec<(Span, u32)> = names.chain(keywords).chain(comments).collect();
    spans.retain(|(span, _)| span.file == file);
    spans.sort_unstable();
    let lines = Lines::new(index.sources.file(file).text(), workspace.encoding);
    let data = encode(&spans, &lines);
    let tokens = SemanticTokens {
        result_id: None,
        data,
    };
    Ok(Some(tokens.into()))
}

/// Each token relative to the one before. What begins inside another or spans lines is left out.
fn encode(spans: &[(Span, u32)], lines: &Lines<'_>) -> Vec<SemanticToken> {
    let mut data = Vec::new();
    let (mut line, mut character, mut end) = (0, 0, 0);
    for &(span, token_type) in spans {
        let range = lines.range(span.start as usize, span.end as usize);
        if span.start < end || range.start.line != range.end.line {
            continue;
        }
        let delta_line = range.start.line - line;
        if delta_line > 0 {
            character = 0;
        }
        data.push(SemanticToken {
            delta_line,
            delta_start: range.start.character - character,
            length: range.end.character - range.start.character,
            token_type,
            token_modifiers_bitset: 0,
        });
        (line, character, end) = (range.start.line, range.start.character, span.end);
    }
    data
}
