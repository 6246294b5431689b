//! What is wrong with a file, said to the person who has to put it right.

use std::ops::Range;

/// One problem in a configuration file.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Stable name of the kind of problem, in kebab case: `unknown-key`.
    pub code: &'static str,
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// Bytes of [`crate::Source::text`] that it is about.
    pub span: Range<usize>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// A few words at the span; may be empty.
    pub label: String,
    /// What it does to the traffic.
    pub effect: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
    /// Other places that belong to it, such as a first definition, with a few words at each.
    pub related: Vec<(Range<usize>, String)>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is accepted; the operator probably means something else.
    Warning,
    /// The file is refused.
    Error,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Diagnostic {
    pub(crate) fn error(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            label: String::new(),
            effect: None,
            help: None,
            related: Vec::new(),
        }
    }

    pub(crate) fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn effect(mut self, effect: impl Into<String>) -> Self {
        self.effect = Some(effect.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }
}
