"""New problems: a data module and a model on the engine's bases, from templates."""
