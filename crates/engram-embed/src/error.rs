//! What can go wrong when text becomes vectors, sorted by what the caller must do about it.

/// Why an embedder gave no vectors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// The provider cannot be reached or is overloaded. The same request may succeed later.
    #[error("embedder unavailable: {message}")]
    Unavailable {
        /// What happened, fit for an operator's log; never contains a credential.
        message: String,
    },
    /// The provider understood the request and refuses it; repeating it does not help.
    #[error("embedder refused the request: {message}")]
    Refused {
        /// What was refused and why.
        message: String,
    },
    /// Model files or a provider's answers are not what was configured. Needs an operator.
    #[error("bad embedding model: {message}")]
    BadModel {
        /// What is wrong with the model.
        message: String,
    },
}

impl EmbedError {
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable { message: message.into() }
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into() }
    }

    pub(crate) fn bad_model(message: impl Into<String>) -> Self {
        Self::BadModel { message: message.into() }
    }
}
