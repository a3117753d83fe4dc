//! The parameters of the call that is being typed.

use lsp_types::{
    Documentation, MarkupContent, MarkupKind, ParameterInformation, ParameterLabel, SignatureHelp,
    SignatureHelpParams, SignatureInformation,
};

use super::hover;
use super::server::Refusal;
use super::workspace::Workspace;
use crate::dsm::symbols::{ArgumentSpot, Place, spot};

/// Answers a request.
pub fn help(
    workspace: &mut Workspace,
    params: SignatureHelpParams,
) -> Result<Option<SignatureHelp>, Refusal> {
    let Some(cursor) = workspace.cursor(&params.text_document_position_params) else {
        return Ok(None);
    };
    let imports = &cursor.analysis.index.imports;
    let spot = spot(cursor.text(), cursor.offset, imports, &workspace.registry);
    let Place::Argument(argument) = spot.place else {
        return Ok(None);
    };
    Ok(of_call(workspace, imports, &argument))
}

fn of_call(
    workspace: &Workspace,
    imports: &[Box<str>],
    argument: &ArgumentSpot,
) -> Option<SignatureHelp> {
    let registry = &workspace.registry;
    let signature = match argument.condition {
        true => registry.condition_in_reach(&argument.call, imports),
        false => registry.action_in_reach(&argument.call, imports),
    };
    let (label, documentation, names) = if let Some(signature) = signature {
        let names = signature.parameter_names().map(|(name, _)| name).collect();
        (signature.usage(), signature.doc.to_owned(), names)
    } else if argument.condition {
        let documentation = hover::condition_in_reach(registry, imports, &argument.call)?;
        let parameter = if argument.call == "keyPress" {
            "key"
        } else {
            "expression"
        };
        (
            format!("{}({parameter})", argument.call),
            documentation,
            vec![parameter],
        )
    } else {
        return None;
    };
    // A repeated last parameter takes all further arguments.
    let active = argument.index.min(names.len().saturating_sub(1)) as u32;
    let parameters = names.into_iter().map(|name| ParameterInformation {
        label: ParameterLabel::Simple(name.to_owned()),
        documentation: None,
    });
    let information = SignatureInformation {
        label,
        documentation: Some(Documentation::MarkupContent(MarkupContent {
            kind: MarkupKind::Markdown,
            value: documentation,
        })),
        parameters: Some(parameters.collect()),
        active_parameter: Some(active),
    };
    Some(SignatureHelp {
        signatures: vec![information],
        active_signature: Some(0),
        active_parameter: Some(active),
    })
}
