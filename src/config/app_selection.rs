//! Which application takes a call: the rule `[app] application` applied to one request.

use thiserror::Error;

use super::app_mapping::AppMapping;

/// Names the application for a request. Knows nothing of which applications exist.
#[derive(Debug, Clone)]
pub enum ApplicationSelector {
    /// Every call runs this application.
    Fixed(String),
    /// User part of the Request-URI.
    RuriUser,
    /// Parameter `app` of the Request-URI.
    RuriParam,
    /// Header P-App-Name.
    AppHeader,
    /// First matching rule for the Request-URI.
    Mapping(AppMapping),
}

/// What the selection looks at in a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct SelectionInput<'a> {
    /// The whole Request-URI as received.
    pub ruri: &'a str,
    /// Its user part.
    pub ruri_user: Option<&'a str>,
    /// The value of its parameter `app`.
    pub ruri_app_param: Option<&'a str>,
    /// The value of the header P-App-Name.
    pub app_name_header: Option<&'a str>,
}

/// Why a request selects no application; the text is fit for a log line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoApplication {
    /// `$(ruri.user)` without a user part.
    #[error("the Request-URI has no user part, from which [app] application takes the name")]
    NoUser,
    /// `$(ruri.param)` without the parameter.
    #[error("the Request-URI has no parameter `app`, from which [app] application takes the name")]
    NoAppParam,
    /// `$(apphdr)` without the header.
    #[error("the request has no header P-App-Name, from which [app] application takes the name")]
    NoAppHeader,
    /// `$(mapping)` without a matching rule.
    #[error("none of {rules} mapping rules matches the Request-URI")]
    NoRule {
        /// How many were tried.
        rules: usize,
    },
    /// `$(mapping)` with a rule whose groups matched nothing.
    #[error("the mapping rule in line {line} matches but gives an empty name")]
    EmptyName {
        /// Line of the rule.
        line: usize,
    },
}

impl ApplicationSelector {
    /// The name of the application for a request; never empty.
    ///
    /// # Errors
    ///
    /// What the rule looks for is absent, or empty but for blanks.
    pub fn select(&self, input: &SelectionInput<'_>) -> Result<String, NoApplication> {
        match self {
            ApplicationSelector::Fixed(name) => Ok(name.clone()),
            ApplicationSelector::RuriUser => name(input.ruri_user, NoApplication::NoUser),
            ApplicationSelector::RuriParam => name(input.ruri_app_param, NoApplication::NoAppParam),
            ApplicationSelector::AppHeader => {
                name(input.app_name_header, NoApplication::NoAppHeader)
            }
            ApplicationSelector::Mapping(mapping) => map(mapping, input.ruri),
        }
    }
}

fn name(found: Option<&str>, missing: NoApplication) -> Result<String, NoApplication> {
    let name = found.map(str::trim).filter(|name| !name.is_empty());
    name.map(str::to_owned).ok_or(missing)
}

fn map(mapping: &AppMapping, ruri: &str) -> Result<String, NoApplication> {
    let no_rule = NoApplication::NoRule {
        rules: mapping.len(),
    };
    let (found, line) = mapping.find(ruri).ok_or(no_rule)?;
    name(Some(&found), NoApplication::EmptyName { line })
}
