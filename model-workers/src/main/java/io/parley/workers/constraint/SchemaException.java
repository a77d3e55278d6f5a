package io.parley.workers.constraint;

/** A schema that no answer is held to; says where in it, and why. */
public final class SchemaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What is wrong. */
  public enum Kind {
    /** It is no schema, or none that any value meets. */
    INVALID,
    /** It says something that is not enforced here. */
    UNSUPPORTED,
    /** It is larger or deeper than allowed. */
    TOO_LARGE
  }

  private final Kind kind;
  private final String path;

  SchemaException(Kind kind, String path, String rule) {
    super(rule);
    this.kind = kind;
    this.path = path;
  }

  static SchemaException tooLarge(String rule) {
    return new SchemaException(Kind.TOO_LARGE, "", rule);
  }

  public Kind kind() {
    return kind;
  }

  /** Where, like {@code properties.size.minimum}; empty for the whole. */
  public String path() {
    return path;
  }
}
