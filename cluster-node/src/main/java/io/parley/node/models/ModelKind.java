package io.parley.node.models;

import java.util.Locale;

/** What a model is for. */
public enum ModelKind {
  /** It answers messages. */
  CHAT,
  /** It makes embeddings. */
  EMBEDDING;

  /** Its name on the wire and on a terminal. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
