package io.parley.node.models;

/** Why a model cannot be served; the one-line message says what to do. */
public final class ModelFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The kinds, with their stable names. */
  public enum Code {
    /** There is no such name or file. */
    NOT_FOUND("model_not_found"),
    /** It could not be brought into the store. */
    NOT_FETCHED("model_not_fetched"),
    /** Its file is damaged, or of a kind that cannot be run. */
    UNUSABLE("model_unusable"),
    /** It needs more memory than is free. */
    TOO_LARGE("not_enough_memory"),
    /** A setting does not go with it. */
    BAD_SETTING("invalid_setting"),
    /** Its engine failed while it was loaded. */
    ENGINE_FAILED("engine_failed"),
    /** The same model and version is here already. */
    ALREADY_LOADED("model_already_loaded");

    private final String label;

    Code(String label) {
      this.label = label;
    }

    /** Its name on the wire. */
    public String label() {
      return label;
    }
  }

  private final Code code;

  public ModelFailure(Code code, String message) {
    super(message);
    this.code = code;
  }

  public ModelFailure(Code code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  public Code code() {
    return code;
  }
}
