"""The gate between AI tools and LLM APIs; `docs/architecture.md` shows its rooms."""
